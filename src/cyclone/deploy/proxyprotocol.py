"""Servers behind a balancer that speaks the PROXY protocol: a factory before their own.

When the header has come, the connection belongs to the server's protocol alone, with a transport
that gives the client's address; nothing is left in between.  (Twisted's ``haproxy:`` endpoints
believe everybody, want the header in one piece, and look for it inside of TLS.)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, ILoggingContext, IProtocolFactory
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from cyclone.httputil import TrustedProxies
from cyclone.log import gen_log

from .errors import DeployError
from .proxyheader import ProxyHeader, read_header

__all__ = ["ProxyProtocolFactory", "trusted_proxies"]

_TIMEOUT = 10.0


def trusted_proxies(text: str) -> tuple[str, ...]:
    """The addresses and networks in `text`, which has commas between them.

    Raises:
        DeployError: there are none, or one is malformed.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise DeployError("--proxy-protocol needs the addresses of the proxies, such as 10.0.0.0/8")
    try:
        TrustedProxies(names)
    except ValueError as error:
        raise DeployError(f"--proxy-protocol: {error}") from error
    return names


@implementer(IProtocolFactory, ILoggingContext)
class ProxyProtocolFactory:
    """Takes connections of trusted proxies, and gives them to a factory as those of their clients.

    Others are closed: whether there is a header may not be guessed (section 2 of the protocol).

    Args:
        factory: what serves.
        trusted: the addresses of the proxies, besides peers on Unix sockets.
        clock: tells how long a header takes.
        timeout: seconds that it may take.
    """

    noisy = False

    def __init__(
        self,
        factory: Any,
        trusted: Iterable[str] | TrustedProxies,
        clock: Any,
        timeout: float = _TIMEOUT,
    ) -> None:
        self.factory = factory
        self.trusted = TrustedProxies.of(trusted)
        self.clock = clock
        self.timeout = timeout
        self._refused = 0

    def doStart(self) -> None:
        """Somebody listens."""
        self.factory.doStart()

    def doStop(self) -> None:
        """And does not any more."""
        self.factory.doStop()

    def logPrefix(self) -> str:
        """How Twisted names this factory."""
        prefix = getattr(self.factory, "logPrefix", None)
        return f"{type(self.factory).__name__ if prefix is None else prefix()} (PROXY)"

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """What reads the header; None for peers that are no proxies of ours."""
        host = getattr(addr, "host", None)
        if isinstance(host, str) and host not in self.trusted:
            self._refused += 1
            if self._refused & (self._refused - 1) == 0:  # the 1st, 2nd, 4th, 8th ...
                gen_log.warning(
                    "refused %s, which is no trusted proxy (%d refused so far)", host, self._refused
                )
            return None
        return _Header(self, addr)


class _Header(Protocol):
    """Reads the header, and hands the transport over."""

    def __init__(self, factory: ProxyProtocolFactory, addr: IAddress | None) -> None:
        self._factory = factory
        self._addr = addr
        self._received = b""
        self._call: Any = None

    def connectionMade(self) -> None:
        self._call = self._factory.clock.callLater(self._factory.timeout, self._too_late)

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        try:
            header = read_header(self._received)
        except ValueError as error:
            gen_log.warning("%s, from %s", error, getattr(self._addr, "host", "a unix socket"))
            self._refuse()
            return
        if header is not None:
            self._hand_over(header)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._forget_call()

    def _forget_call(self) -> None:
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()

    def _too_late(self) -> None:
        self._call = None
        self._refuse()

    def _refuse(self) -> None:
        self._received = b""
        transport: Any = self.transport
        transport.abortConnection()

    def _hand_over(self, header: ProxyHeader) -> None:
        self._forget_call()
        transport: Any = self.transport
        source = self._addr
        if header.source is not None and header.destination is not None:
            source, own = _as_address(header.source), _as_address(header.destination)
            # This one connection has another peer than it seems; its methods go on as they are.
            transport.getPeer, transport.getHost = (lambda: source), (lambda: own)
        protocol = self._factory.factory.buildProtocol(source)
        if protocol is None:
            transport.loseConnection()
            return
        rest = self._received[header.size :]
        self._received = b""
        transport.protocol = protocol
        protocol.makeConnection(transport)
        if rest and transport.protocol is protocol:
            protocol.dataReceived(rest)


def _as_address(place: tuple[str, int]) -> IPv4Address | IPv6Address:
    host, port = place
    return IPv6Address("TCP", host, port) if ":" in host else IPv4Address("TCP", host, port)
