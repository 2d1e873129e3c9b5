"""`Connections`: opens connections and keeps idle ones for a while."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IHostnameResolver,
    IProtocolFactory,
    IReactorPluggableNameResolver,
    IStreamClientEndpoint,
)
from twisted.web.client import HTTPConnectionPool
from zope.interface import implementer

from .guard import Guard, GuardFactory
from .targets import Target
from .tls import TLSSettings, connection_creator
from .tunnel import TunnelEndpoint

__all__ = ["Connections", "Proxy", "Route", "stream_endpoint"]

#: Seconds that an idle connection is kept: less than the five after which the impatient among the
#: servers end it, so that few requests meet a connection that is just being closed.
IDLE_TIMEOUT = 4


class Proxy(NamedTuple):
    """An HTTP proxy.

    Attributes:
        host: its name or address.
        port: its port.
        authorization: value of Proxy-Authorization, None for none.
    """

    host: str
    port: int
    authorization: str | None


class Route(NamedTuple):
    """How to reach a server; connections of equal routes are interchangeable.

    Attributes:
        origin: scheme, host and port.
        tls: the TLS settings; of no meaning for ``http``.
        local_address: address to connect from, None for any.
        allow_ipv6: whether IPv6 addresses are tried.
        proxy: the proxy on the way, None for none.
    """

    origin: tuple[str, str, int]
    tls: TLSSettings
    local_address: str | None
    allow_ipv6: bool
    proxy: Proxy | None


class Connections:
    """A pool of connections, Twisted's, whose protocols have a `Guard` around them.

    Args:
        reactor: what connects.
        max_idle: most idle connections that are kept for one route.
        mapping: host names, or pairs of host and port, to what to connect to instead.
    """

    def __init__(
        self, reactor: Any, max_idle: int, mapping: Mapping[Any, Any] | None = None
    ) -> None:
        self._reactor = reactor
        self._mapping = mapping or {}
        self._pool = HTTPConnectionPool(reactor, persistent=True)  # type: ignore[no-untyped-call]
        self._pool.maxPersistentPerHost = max_idle
        self._pool.cachedConnectionTimeout = IDLE_TIMEOUT
        # Twisted would repeat a request on a connection that has no guard's listener.
        self._pool.retryAutomatically = False

    def get(self, route: Route, target: Target, timeout: float | None) -> Deferred[Any]:
        """A Deferred of a client protocol of Twisted, whose `transport` is its `Guard`.

        Args:
            route: how to get there.
            target: where to.
            timeout: seconds for each attempt to connect.

        Raises:
            OSError: a file of the TLS settings cannot be read.
            ValueError: it does not hold what it should.
        """
        return self._pool.getConnection(route, self._endpoint(route, target, timeout))

    def close(self) -> Deferred[None]:
        """End the idle connections; fires when they are gone."""
        closed: Deferred[None] = self._pool.closeCachedConnections()  # type: ignore[no-untyped-call]
        return closed

    def _mapped(self, target: Target) -> tuple[str, int]:
        host, port = target.host, target.port
        mapped = self._mapping.get((host, port)) or self._mapping.get(host) or (host, port)
        return (mapped, port) if isinstance(mapped, str) else mapped

    def _endpoint(self, route: Route, target: Target, timeout: float | None) -> Any:
        address = self._mapped(target)
        endpoint = stream_endpoint(self._reactor, route, target, address, timeout)
        return GuardedEndpoint(endpoint, target.scheme == "https")


def stream_endpoint(
    reactor: Any,
    route: Route,
    target: Target,
    address: tuple[str, int],
    timeout: float | None,
    tunnel: bool = False,
) -> IStreamClientEndpoint:
    """The way to a server, with TLS and the proxy that may be on it.

    Args:
        reactor: what connects.
        address: of the server, where there is no proxy.
        timeout: seconds for each attempt to connect.
        tunnel: go through the proxy by CONNECT, without TLS too.

    Raises:
        OSError: a file of the TLS settings cannot be read.
        ValueError: it does not hold what it should.
    """
    proxy = route.proxy
    host, port = address if proxy is None else (proxy.host, proxy.port)
    endpoint: Any = HostnameEndpoint(
        reactor if route.allow_ipv6 else IPv4Only(reactor),
        host,
        port,
        timeout=timeout,  # type: ignore[arg-type]
        bindAddress=None if route.local_address is None else (route.local_address, 0),
    )
    secure = target.scheme == "https"
    if proxy is not None and (secure or tunnel):
        endpoint = TunnelEndpoint(endpoint, target, proxy.authorization)
    if secure:
        creator = connection_creator(route.tls, target.host, target.port)
        endpoint = wrapClientTLS(creator, endpoint)
    way: IStreamClientEndpoint = endpoint
    return way


@implementer(IStreamClientEndpoint)
class GuardedEndpoint:
    """Puts a `Guard` around the protocol, and waits for the TLS handshake."""

    def __init__(self, endpoint: Any, secure: bool) -> None:
        self._endpoint = endpoint
        self._secure = secure

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        connected: Deferred[Any] = self._endpoint.connect(GuardFactory(factory))
        return connected.addCallback(self._connected)

    def _connected(self, guard: Guard) -> Any:
        protocol = guard.wrappedProtocol
        if not self._secure:
            return protocol
        return guard.handshake().addCallback(lambda _: protocol)


@implementer(IReactorPluggableNameResolver)
class IPv4Only:
    """A reactor that finds IPv4 addresses only."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.nameResolver = _IPv4Resolver(reactor.nameResolver)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Not for this one.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("install it on the reactor")


@implementer(IHostnameResolver)
class _IPv4Resolver:
    def __init__(self, resolver: Any) -> None:
        self._resolver = resolver

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        return self._resolver.resolveHostName(
            resolutionReceiver, hostName, portNumber, [IPv4Address], transportSemantics
        )
