"""The service that is a running server: it listens, and it stops without dropping a request."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from cyclone.log import gen_log

from .errors import DeployError
from .listeners import Listener, cannot_listen, factory_name, url_of

__all__ = ["WebService"]


class WebService(Service):
    """Applications, each at its places to listen at.

    Starting opens all places. One that cannot be opened raises `DeployError` from
    `privilegedStartService` (or `startService`, whichever comes first) and closes the others; if
    the endpoint only finds out later, the line is logged and `on_failure` called with it.

    Stopping tells the applications (``stopping``) and, if one has a ``drain_delay``, goes on for so
    many seconds, so that load balancers notice. Then it closes the places and has each
    application finish what it is doing: its ``drain`` is called with `drain_timeout`, None for the
    application's own setting. A factory without ``drain`` is left alone.

    Args:
        on_listening: called with the addresses once all places are open.
        on_failure: called with the `DeployError` of a place that failed late.
        on_stopping: called when the service begins to stop.
        announce: log where it listens.
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        *,
        drain_timeout: float | None = None,
        on_listening: Callable[[list[str]], object] | None = None,
        on_failure: Callable[[DeployError], object] | None = None,
        on_stopping: Callable[[], object] | None = None,
        announce: bool = True,
    ) -> None:
        self.listeners = list(listeners)
        self.drain_timeout = drain_timeout
        self.on_listening = on_listening
        self.on_failure = on_failure
        self.on_stopping = on_stopping
        self.announce = announce
        self.ports: list[IListeningPort] = []
        self._urls: dict[int, str] = {}
        self._pending: list[Deferred[None]] = []
        self._opened = False
        self._delay: Deferred[None] | None = None

    # -- starting

    def privilegedStartService(self) -> None:
        """Open the places, before `twistd` gives up root."""
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        self._open()

    def startService(self) -> None:
        """Open the places, unless `privilegedStartService` did."""
        super().startService()  # type: ignore[no-untyped-call]
        if not self._opened:
            self._open()

    def _open(self) -> None:
        self._opened = True
        errors: list[DeployError] = []
        self._report: Callable[[DeployError], object] = errors.append
        for index, listener in enumerate(self.listeners):
            if not errors:
                self._pending.append(self._listen(index, listener))
        self._report = self._failed_late
        if errors:
            self._close()
            raise errors[0]

    def _listen(self, index: int, listener: Listener) -> Deferred[None]:
        def opened(port: IListeningPort) -> None:
            self.ports.append(port)
            self._urls[index] = url_of(port, listener.scheme)
            self._say_opened(listener, port, self._urls[index])

        def failed(failure: Failure) -> None:
            if failure.value is not None and not isinstance(failure.value, CancelledError):
                self._report(cannot_listen(listener.place, failure.value))

        deferred: Deferred[None] = listener.listen().addCallbacks(opened, failed)
        return deferred

    def _say_opened(self, listener: Listener, port: IListeningPort, url: str) -> None:
        number = getattr(port.getHost(), "port", None)
        if self.announce:
            where = url if number is None else f"{number}, {url}"
            gen_log.info("%s starting on %s", factory_name(listener.factory), where)
        if self.on_listening is not None and len(self._urls) == len(self.listeners):
            self.on_listening([self._urls[place] for place in sorted(self._urls)])

    def _failed_late(self, error: DeployError) -> None:
        gen_log.critical("%s", error)
        if self.on_failure is not None:
            self.on_failure(error)

    # -- running

    def reload(self) -> None:
        """Read the certificates anew; if they are unfit, log why and go on with the old ones."""
        for listener in self.listeners:
            if listener.certificates is None:
                continue
            try:
                listener.certificates.reload()
            except Exception as error:
                gen_log.error("the certificate of %s stays the old one: %s", listener.place, error)
            else:
                gen_log.info("the certificate of %s has been read anew", listener.place)

    # -- stopping

    def stopService(self) -> Deferred[None]:
        """Close the places and let the applications finish. Fires when they have."""
        super().stopService()  # type: ignore[no-untyped-call]
        if self.on_stopping is not None:
            self.on_stopping()
        return self._stop()

    def cut(self) -> None:
        """Drop all connections of the applications: stopping has taken long enough."""
        if self._delay is not None:
            self._delay.cancel()
        for factory in self._factories():
            cut = getattr(factory, "cut", None)
            if cut is not None:
                cut()

    @inlineCallbacks
    def _stop(self) -> Generator[Any, Any, None]:
        yield from self._announce()
        for closed in self._close():
            try:
                yield closed
            except Exception as error:
                # As of a unix socket in a directory of root's, when root has been given up.
                gen_log.warning("while closing a place to listen at: %s", error)
        draining = [drain for factory in self._factories() if (drain := self._drain(factory))]
        for drained in draining:
            try:
                yield drained
            except Exception:
                gen_log.exception("while finishing the last requests")

    def _announce(self) -> Generator[Any, Any, None]:
        """Have the applications say that they are about to stop, to those who ask for it."""
        slowest: Any = None
        for factory in self._factories():
            if getattr(factory, "patience", 0):
                continue  # a worker takes the place of this one: the server goes on
            if hasattr(factory, "stopping"):
                factory.stopping = True
            delay = getattr(factory, "drain_delay", 0)
            if delay and self.ports and (slowest is None or delay > slowest.drain_delay):
                slowest = factory
        if slowest is None:
            return
        gen_log.info("stopping in %g seconds", slowest.drain_delay)
        self._delay = deferLater(slowest.clock, slowest.drain_delay)
        try:
            yield self._delay
        except CancelledError:
            pass  # it was cut
        finally:
            self._delay = None

    def _close(self) -> list[Any]:
        pending, self._pending = self._pending, []
        for deferred in pending:
            deferred.cancel()
        ports, self.ports = self.ports, []
        self._urls.clear()
        self._opened = False
        return [port.stopListening() for port in ports]

    def _factories(self) -> list[Any]:
        return list({id(one.factory): one.factory for one in self.listeners}.values())

    def _drain(self, factory: Any) -> Deferred[None] | None:
        drain = getattr(factory, "drain", None)
        if drain is None:
            return None
        waiting = len(getattr(factory, "connections", ()))
        if waiting:
            noun = "connection" if waiting == 1 else "connections"
            gen_log.info("finishing %d %s of %s", waiting, noun, factory_name(factory))
        deferred: Deferred[None] = drain(self.drain_timeout)
        return deferred
