"""What all connections of a server share: settings, clock, the sweep, a graceful stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IAddress,
    IProtocolNegotiationFactory,
    IReactorTime,
)
from twisted.internet.protocol import ServerFactory
from zope.interface import implementer

from .connection import HTTP1Connection
from .departures import Departures
from .exchange import Exchange
from .limits import Limits
from .parser import Heads
from .sweep import Sweeper

__all__ = ["HTTPFactory"]


def _global_clock() -> IReactorTime:
    from twisted.internet import reactor

    return cast(IReactorTime, reactor)


@implementer(IProtocolNegotiationFactory)
class HTTPFactory(ServerFactory):
    """An `IProtocolFactory` for HTTP; subclasses say what becomes of a request.

    Attributes:
        protocol: class of the connections.
        limits: see `Limits`.
        heads: parses request heads.
        forwarded: policy for X-Real-Ip and its like, None to ignore them.
        decompress_request: gunzip request bodies.
        chunk_size: bytes of a body that are decompressed, or given to a streaming handler, at a
            time.
        secure: requests are https although the transport is not (behind a TLS proxy).
        connections: the open ones.
        streams: responses that do not end by themselves; they hear of time as connections do
            (``deadline``, ``check_deadlines``), and of a graceful stop (``drain``).
        seconds: tells the time of `clock`.
        sweeper: the timer of the connections.
        departures: what they send leaves from there.
        stopping: the server is about to stop, or does: nothing new should be sent to it.
        drain_delay: seconds from there until it stops to listen (setting ``drain_delay``).
        patience: seconds for which a graceful stop leaves a connection that is idle open for one
            more request.  It may be on its way, and whoever sends it to a closed connection does
            not know what has become of it; the response says that the connection ends.
    """

    protocol: type[HTTP1Connection] = HTTP1Connection  # type: ignore[assignment]
    noisy = False
    forwarded: Any = None
    secure = False
    patience: float = 0

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        settings = settings or {}
        self.limits = Limits.from_settings(settings)
        self.heads = Heads(self.limits)
        self.decompress_request = bool(settings.get("decompress_request"))
        self.chunk_size = int(settings.get("chunk_size") or 65536)
        self.connections: set[HTTP1Connection] = set()
        self.streams: set[Any] = set()
        self._clock: IReactorTime | None = None
        self.seconds: Callable[[], float] = self._first_seconds
        self.departures = Departures(self.call_soon)
        self.sweeper = Sweeper(lambda: self.clock, self.connections, self.streams)
        self._draining: Deferred[None] | None = None
        self.stopping = False
        self.drain_delay = float(settings.get("drain_delay") or 0)

    # -- what subclasses say

    def start_request(self, exchange: Exchange) -> None:
        """A request head has come; see that it is answered.

        If ``exchange.head.has_body``, the body is read when `Exchange.read_body` is called.
        """
        raise NotImplementedError

    # -- time

    @property
    def clock(self) -> IReactorTime:
        """Source of time and delayed calls.  The running reactor, unless one is assigned."""
        if self._clock is None:
            self._clock = _global_clock()
        return self._clock

    @clock.setter
    def clock(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.seconds = clock.seconds
        self.sweeper.stop()

    def _first_seconds(self) -> float:
        self.seconds = self.clock.seconds
        return self.seconds()

    def call_soon(self, function: Callable[[], None]) -> None:
        """Call `function` in a later turn of the reactor."""
        self.clock.callLater(0, function)

    # -- connections

    def acceptableProtocols(self) -> list[bytes]:
        """What TLS may negotiate (ALPN), for contexts that do not say it themselves.

        Without an answer Twisted ends the handshake of each client that asks, as browsers do.
        """
        return [b"http/1.1", b"http/1.0"]

    def logPrefix(self) -> str:
        """How Twisted names this factory: with its module, as the applications of a log differ."""
        return f"{type(self).__module__.removesuffix('.application')}.{type(self).__name__}"

    def buildProtocol(  # type: ignore[override]  # Twisted's stub names a private protocol
        self, addr: IAddress | None
    ) -> HTTP1Connection | None:
        """A new connection; one that comes while the server drains is for one request."""
        connection = self.protocol()
        connection.factory = self
        connection.closing = self._draining is not None
        return connection

    def connection_gone(self, connection: HTTP1Connection) -> None:
        """`connection` is lost."""
        self.connections.discard(connection)
        if not self.connections:
            self.sweeper.stop()
        self._check_drained()

    # -- graceful stop

    def startFactory(self) -> None:
        """Somebody listens, perhaps again."""
        self.stopping = False

    @property
    def draining(self) -> bool:
        """Whether a graceful stop waits for connections to end."""
        return self._draining is not None

    def drain(self, timeout: float | None = None) -> Deferred[None]:
        """End all connections: idle ones now, or after `patience`, busy ones after their response.

        Stop listening first.  The factory can be listened with again afterwards.

        Args:
            timeout: seconds after which what is left is cut; None for the setting
                ``drain_timeout``.

        Returns:
            a Deferred that fires when no connection is left.
        """
        self.stopping = True
        if self._draining is not None:
            return self._draining
        if not self.connections:
            return succeed(None)
        self._draining = Deferred()
        result = self._draining
        for each in [*self.streams, *self.connections]:
            each.drain()
        if not result.called:
            seconds = self.limits.drain_timeout if timeout is None else timeout
            call = self.clock.callLater(seconds, self.cut)

            def drained(_: None) -> None:
                if call.active():
                    call.cancel()

            result.addCallback(drained)
        return result

    def hurry(self) -> None:
        """Have no more `patience` with idle connections."""
        self.patience = 0
        if self._draining is not None:
            for connection in list(self.connections):
                connection.drain()

    def cut(self) -> None:
        """Drop all connections now."""
        for connection in list(self.connections):
            connection.abort()

    def _check_drained(self) -> None:
        if self._draining is not None and not self.connections:
            drained, self._draining = self._draining, None
            drained.callback(None)
