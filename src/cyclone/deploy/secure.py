"""Places to listen at over TLS with the certificates of a `CertificateStore`, or behind proxies."""

from __future__ import annotations

import dataclasses
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from cyclone.httputil import TrustedProxies

from .certificates import CertificateStore
from .errors import DeployError
from .listeners import BACKLOG, Listener, tcp_listener
from .proxyprotocol import ProxyProtocolFactory
from .tls import CertificateSource, FileTLSEndpoint

__all__ = ["ProxiedEndpoint", "behind_proxies", "store_listener"]


def store_listener(
    reactor: Any,
    port: int,
    interface: str,
    store: CertificateStore,
    factory: Any,
    proxies: TrustedProxies | None = None,
) -> Listener:
    """TLS over TCP, with the certificate for the host that a client names.

    Args:
        proxies: who sends a header of the PROXY protocol before TLS begins; None for nobody.  TLS
            is then always Twisted's, since that of an event loop begins with the connection.
    """
    plain = tcp_listener(reactor, port, interface, factory)
    endpoint: IStreamServerEndpoint
    if proxies is not None:
        endpoint = ProxiedEndpoint(plain.endpoint, proxies, reactor, store)
    else:
        endpoint = FileTLSEndpoint(reactor, port, store, BACKLOG, interface)
    return dataclasses.replace(plain, endpoint=endpoint, scheme="https", certificates=store)


def behind_proxies(reactor: Any, listener: Listener, proxies: TrustedProxies | None) -> Listener:
    """`listener`, whose peers begin with a header of the PROXY protocol; as it is for None.

    Raises:
        DeployError: it is one of TLS, in which the header would be looked for too late.
    """
    if proxies is None:
        return listener
    if listener.scheme == "https" or listener.place.startswith("haproxy:"):
        raise DeployError(f"--proxy-protocol does not go with {listener.place}: use --ssl-port")
    endpoint = ProxiedEndpoint(listener.endpoint, proxies, reactor)
    return dataclasses.replace(listener, endpoint=endpoint)


@implementer(IStreamServerEndpoint)
class ProxiedEndpoint:
    """An endpoint whose peers say for whom they come, before anything else, TLS included."""

    def __init__(
        self,
        endpoint: IStreamServerEndpoint,
        proxies: TrustedProxies,
        reactor: Any,
        store: CertificateSource | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._proxies = proxies
        self._reactor = reactor
        self._store = store

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen at the endpoint."""
        factory: Any = protocolFactory
        if self._store is not None:
            layer: Any = self._store
            factory = TLSMemoryBIOFactory(layer, False, factory, self._reactor)
        return self._endpoint.listen(ProxyProtocolFactory(factory, self._proxies, self._reactor))
