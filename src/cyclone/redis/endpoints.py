"""Ways to a server."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

__all__ = ["tcp_endpoint", "unix_endpoint"]


@implementer(IStreamClientEndpoint)
class _TLSEndpoint:
    """TLS on top of another endpoint, with any kind of context that Twisted knows."""

    def __init__(self, endpoint: Any, context: Any) -> None:
        self._endpoint = endpoint
        self._context = context

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        factory = TLSMemoryBIOFactory(self._context, True, protocolFactory)
        connected: Deferred[Any] = self._endpoint.connect(factory)
        return connected.addCallback(lambda outer: outer.wrappedProtocol)


def tcp_endpoint(host: str, port: int, timeout: float | None, tls: Any = False) -> Any:
    """A server at a host name or an address.

    Args:
        timeout: seconds for an attempt, None for the system's limit.
        tls: False; True for TLS with the certificates that the system trusts; or an
            `IOpenSSLClientConnectionCreator` or a context factory of Twisted's.
    """
    from twisted.internet import reactor

    endpoint = HostnameEndpoint(reactor, host, port, timeout=timeout)  # type: ignore[arg-type]
    if tls is False or tls is None:
        return endpoint
    return _TLSEndpoint(endpoint, optionsForClientTLS(host) if tls is True else tls)


def unix_endpoint(path: str, timeout: float | None) -> Any:
    """A server at a unix socket; `timeout` in seconds, None for the system's limit."""
    from twisted.internet import reactor

    return UNIXClientEndpoint(reactor, path, timeout=timeout)
