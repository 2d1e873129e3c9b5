"""`sendmail`, and `Mailer`, which keeps connections."""

from __future__ import annotations

import random
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from cyclone._async import CancelledErrors, HandlerErrors, Spawned, Waiter, failure_of, spawn
from cyclone.log import gen_log

from .errors import MailError
from .message import Envelope, Message
from .session import Delivery, Session
from .settings import Server, server_of
from .tls import connection_creator

__all__ = ["Mailer", "sendmail"]

_LONGEST_DELAY = 60
#: Messages with more bytes in files than this are put together in a thread.
_LARGE = 256 * 1024

Conf = Server | Mapping[str, Any]


class _Sending(Waiter):
    """The result of a coroutine; cancelling it ends the coroutine."""

    def __init__(self, coroutine: Coroutine[Any, Any, Delivery]) -> None:
        super().__init__()
        self._running: Spawned | None = None
        # A Waiter is declared for None.
        succeed: Any = self.callback
        self._running = spawn(self._run(coroutine, succeed))

    async def _run(self, coroutine: Coroutine[Any, Any, Delivery], succeed: Any) -> None:
        try:
            delivery = await coroutine
        except CancelledErrors:  # on a reactor with a loop it is asyncio's
            self.errback(CancelledError())
        except HandlerErrors as exc:
            self.errback(failure_of(exc))
        else:
            succeed(delivery)

    def cancel(self) -> None:
        if not self.called and self._running is not None:
            self._running.cancel()


class Mailer(Service):
    """Sends messages through one server, or through the first of several that takes them.

    A `Mailer` is a service of Twisted: as a child of another it is closed with it.

    Args:
        conf: the server: a `Server`, or a ``mailconf`` of the same names. Several are tried in
            their order, for each message; `retries` and `retry_delay` are those of the first.
        connections: how many connections there may be at once.
        idle_timeout: seconds that a connection is kept for the next message, 0 for not at all.
        max_messages: how many messages go through one connection.
        max_waiting: how many messages may wait for a connection. Further ones fail at once.
        reactor: whose connections and clock are used; None for the global reactor.

    Raises:
        TypeError, ValueError: a setting is of no use.
    """

    def __init__(
        self,
        conf: Conf | Sequence[Conf],
        *,
        connections: int = 1,
        idle_timeout: float = 30,
        max_messages: int = 100,
        max_waiting: int = 1000,
        reactor: Any = None,
    ) -> None:
        several = isinstance(conf, Sequence) and not isinstance(conf, str)
        confs: Any = conf if several else [conf]
        self.servers: list[Server] = [server_of(one) for one in confs]
        if not self.servers:
            raise ValueError("mailconf is empty: at least one server is needed")
        for name, value, least in (
            ("connections", connections, 1),
            ("idle_timeout", idle_timeout, 0),
            ("max_messages", max_messages, 1),
            ("max_waiting", max_waiting, 0),
        ):
            if not isinstance(value, int | float) or value < least:
                raise ValueError(f"{name} must be a number of at least {least}, not {value!r}")
        self.idle_timeout = idle_timeout
        self.max_messages = max_messages
        self.max_waiting = max_waiting
        self._reactor = reactor
        self._free = DeferredSemaphore(connections)
        self._kept: dict[Session, Any] = {}  # with the timer that ends it
        self._open: set[Session] = set()
        self._under_way: set[Waiter] = set()
        self._sleeping: set[Deferred[Any]] = set()
        self._closed = False

    @property
    def reactor(self) -> Any:
        """The reactor that is used."""
        if self._reactor is None:
            from twisted.internet import reactor

            self._reactor = reactor
        return self._reactor

    # -- sending ----------------------------------------------------------------------------------

    def send(self, message: Message) -> Any:
        """Send a message.

        Returns:
            A Deferred, which can also be awaited, of a `Delivery`. It fails with a `MailError` when
            nobody gets the message. Cancelling it gives up.

        Raises:
            TypeError: it is no `Message`.
        """
        if not isinstance(message, Message):
            raise TypeError("message must be an instance of cyclone.mail.Message")
        sending = _Sending(self._send(message))
        if not sending.called:
            self._under_way.add(sending)
            sending.addBoth(self._done, sending)
        return sending

    def _done(self, result: Any, sending: Waiter) -> Any:
        self._under_way.discard(sending)
        return result

    async def _send(self, message: Message) -> Delivery:
        self._check_open()
        if len(self._free.waiting) >= self.max_waiting and not self._free.tokens:
            raise MailError("queue", f"{self.max_waiting} messages are waiting", temporary=True)
        delay = self.servers[0].retry_delay
        for left in range(self.servers[0].retries, -1, -1):
            try:
                return await self._round(message)
            except MailError as exc:
                if not exc.temporary or not left or self._closed:
                    raise
                gen_log.warning("mail: %s; %d retries left", exc, left)
            await self._sleep(delay * random.uniform(0.8, 1.2))
            delay = min(delay * 2, _LONGEST_DELAY)
            self._check_open()
        raise MailError("queue", "no attempt was made")  # not reached

    async def _envelope(self, message: Message) -> Envelope:
        if message.weight < _LARGE:
            return message.envelope()
        pool = self.reactor.getThreadPool()
        made: Envelope = await deferToThreadPool(self.reactor, pool, message.envelope)
        return made

    async def _round(self, message: Message) -> Delivery:
        """Try each server once."""
        await self._free.acquire()
        try:
            self._check_open()
            envelope = await self._envelope(message)  # not before it is its turn: it may be large
            again = False
            for index, server in enumerate(self.servers):
                try:
                    return await self._attempt(server, envelope)
                except MailError as exc:
                    again = again or exc.temporary
                    theirs = exc.phase in ("connect", "tls", "greeting", "auth")
                    if exc.uncertain or not (exc.temporary or theirs):
                        raise  # no other server would do better, or it could arrive twice
                    if index == len(self.servers) - 1:
                        exc.temporary = again
                        raise
                    gen_log.warning("mail: %s; the next server is tried", exc)
            raise MailError("queue", "there is no server")  # not reached
        finally:
            self._free.release()

    async def _attempt(self, server: Server, envelope: Envelope) -> Delivery:
        session = await self._session(server)
        delivery: Delivery | None = None
        try:
            delivery = await session.deliver(envelope)
        finally:
            self._put_back(session)
        if delivery.refused:
            gen_log.warning(
                "mail: %s refused %d of %d recipients",
                *(server.name, len(delivery.refused), len(delivery.addresses)),
            )
        return delivery

    # -- connections ------------------------------------------------------------------------------

    async def _session(self, server: Server) -> Session:
        """A connection to a server: a kept one that is still good, or a new one."""
        for session in [each for each in self._kept if each.server is server]:
            self._kept.pop(session).cancel()
            try:
                await session.reset()
            except MailError:
                session.quit()  # it has gone meanwhile
            else:
                return session
        session = await self._connect(server)
        try:
            await session.opened
        except BaseException:
            session.quit()
            raise
        return session

    async def _connect(self, server: Server) -> Session:
        endpoint: Any = HostnameEndpoint(self.reactor, server.host, server.port, server.timeout)
        phase: Any = "tls"
        try:
            factory = _Sessions(server, self.reactor, self._gone)
            if server.ssl:
                endpoint = wrapClientTLS(factory.creator, endpoint)
            phase = "connect"
            session: Session = await self._in_time(endpoint.connect(factory), server)
        except (*CancelledErrors, MailError):
            raise
        except Exception as exc:
            text = str(exc) or type(exc).__name__
            raise MailError(phase, text, server.name, temporary=phase == "connect") from exc
        self._open.add(session)
        return session

    def _in_time(self, connecting: Deferred[Session], server: Server) -> Deferred[Session]:
        """What `connecting` comes to, within the timeout.

        Endpoints that are cancelled fail in ways of their own.
        """

        def give_up(error: Exception) -> None:
            result.errback(error)
            connecting.cancel()

        def made(session: Session) -> None:
            if timer.active():
                timer.cancel()
            if result.called:
                session.quit()
            else:
                result.callback(session)

        def failed(failure: Failure) -> None:
            if timer.active():
                timer.cancel()
            if not result.called:
                result.errback(failure)

        def cancelled(_: object) -> None:
            give_up(CancelledError())

        late = f"no connection within {server.timeout} seconds"
        error = MailError("connect", late, server.name, temporary=True)
        timer = self.reactor.callLater(server.timeout, give_up, error)
        result: Deferred[Session] = Deferred(cancelled)
        connecting.addCallbacks(made, failed)
        return result

    def _put_back(self, session: Session) -> None:
        """Keep a connection for the next message, or end it."""
        keep = session.usable and self.idle_timeout and not self._closed
        if keep and session.served < self.max_messages:
            self._kept[session] = self.reactor.callLater(self.idle_timeout, self._let_go, session)
        else:
            session.quit()

    def _let_go(self, session: Session) -> None:
        self._kept.pop(session, None)
        session.quit()

    def _gone(self, session: Session) -> None:
        self._open.discard(session)
        timer = self._kept.pop(session, None)
        if timer is not None and timer.active():
            timer.cancel()

    # -- waiting and closing ----------------------------------------------------------------------

    async def _sleep(self, seconds: float) -> None:
        sleeping: Deferred[None] = deferLater(self.reactor, seconds)
        self._sleeping.add(sleeping)
        try:
            await sleeping
        except CancelledErrors:
            self._check_open()
            raise
        finally:
            self._sleeping.discard(sleeping)

    def _check_open(self) -> None:
        if self._closed:
            raise MailError("queue", "the mailer was closed", temporary=True)

    def close(self) -> Any:
        """End the connections, once what is being sent has been sent.

        Messages that wait for a connection or for another attempt fail.

        Returns:
            A Deferred, which can also be awaited.
        """
        self._closed = True
        for sleeping in list(self._sleeping):
            sleeping.cancel()
        for session in list(self._kept):
            self._kept.pop(session).cancel()
            session.quit()
        closed: Any = Waiter()

        async def wait() -> None:
            for sending in list(self._under_way):
                done: Deferred[None] = Deferred()
                sending.addBoth(_tell, done)
                await done
            for session in list(self._open):
                await session.ended
            closed.callback(None)

        spawn(wait())
        return closed

    def startService(self) -> None:
        """Begin (again) to take messages."""
        super().startService()  # type: ignore[no-untyped-call]
        self._closed = False

    def stopService(self) -> Any:
        """As `close`."""
        super().stopService()  # type: ignore[no-untyped-call]
        return self.close()


def _tell(result: Any, done: Deferred[None]) -> Any:
    done.callback(None)
    return result


class _Sessions(Factory):
    """Makes one connection."""

    noisy = False

    def __init__(self, server: Server, clock: Any, gone: Any) -> None:
        self.creator: Any = connection_creator(server) if server.tls or server.ssl else None
        self._arguments = (server, self.creator, clock, gone)

    def buildProtocol(self, addr: Any) -> Session:
        return Session(*self._arguments)


def sendmail(mailconf: Conf | Sequence[Conf], message: Message, reactor: Any = None) -> Any:
    """Send a message over a connection of its own (cyclone 1.x's ``cyclone.mail.sendmail``).

    ::

        await sendmail({"host": "smtp.example.com", "tls": True}, message)

    Args:
        mailconf: the server, as for `Mailer`: a dict with the names of `Server`, a `Server`, or a
            list of them, of which the first that takes the message gets it.
        message: a `Message`.
        reactor: None for the global reactor.

    Returns:
        A Deferred, which can also be awaited, of a `Delivery`. It fails with a `MailError` when
        nobody gets the message, and with what `Message.envelope` raises. Cancelling it gives up.

    Raises:
        TypeError, ValueError: an argument is of no use.
    """
    return Mailer(mailconf, idle_timeout=0, reactor=reactor).send(message)
