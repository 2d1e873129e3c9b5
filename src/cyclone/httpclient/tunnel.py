"""`TunnelEndpoint`: a connection through an HTTP proxy (CONNECT, RFC 9110 section 9.3.6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from cyclone._async import failure_of

from .errors import HTTPClientError, HTTPConnectError
from .heads import parse_head
from .targets import Target

__all__ = ["TunnelEndpoint"]

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_MAX_HEAD = 65536


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """Connects to `target` by way of a proxy.

    Args:
        proxy: the endpoint of the proxy.
        target: where the tunnel leads to.
        authorization: value of Proxy-Authorization, None for none.
    """

    def __init__(self, proxy: Any, target: Target, authorization: str | None) -> None:
        self._proxy = proxy
        name = f"[{target.host}]" if ":" in target.host else target.host
        authority = f"{name}:{target.port}"
        field = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
        self._request = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{field}\r\n".encode(
            "ascii"
        )

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """A Deferred of the protocol at this end of the tunnel."""
        connected: Deferred[Any] = self._proxy.connect(
            _TunnelFactory(factory)  # type: ignore[no-untyped-call]
        )
        return connected.addCallback(lambda tunnel: tunnel.open(self._request))


class _Tunnel(ProtocolWrapper):
    """Asks the proxy, and connects the wrapped protocol when it has agreed."""

    def __init__(self, factory: Any, wrapped: Any) -> None:
        super().__init__(factory, wrapped)
        self._opened: Deferred[Any] | None = None
        self._head: bytearray | None = bytearray()

    def open(self, request: bytes) -> Deferred[Any]:
        """Send `request`; fires with the wrapped protocol."""
        self._opened = Deferred(lambda _: self.abortConnection())
        self.transport.writeSequence([request])  # type: ignore[union-attr]
        return self._opened

    def makeConnection(self, transport: Any) -> None:
        # The wrapped protocol is connected later.
        self.transport = transport
        self.factory.registerProtocol(self)

    def dataReceived(self, data: bytes) -> None:
        if self._head is None:
            super().dataReceived(data)  # type: ignore[no-untyped-call]
            return
        self._head += data
        end = _END_OF_HEAD.search(self._head)
        if end is None:
            if len(self._head) > _MAX_HEAD:
                self._refused("the proxy sends too large a header section")
            return
        head, rest = bytes(self._head[: end.end()]), bytes(self._head[end.end() :])
        self._head = None
        try:
            status = parse_head(head, "HEAD")
        except HTTPClientError as exc:
            self._refused(str(exc))
            return
        if not 200 <= status.code < 300 or rest:
            self._refused(f"the proxy answered CONNECT with {status.code}")
            return
        wrapped = self.wrappedProtocol
        super().makeConnection(self.transport)  # type: ignore[no-untyped-call]
        self._settle(wrapped)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._opened is not None:
            self._settle(failure_of(HTTPConnectError("the proxy ended the connection")))
            self.factory.unregisterProtocol(self)
        else:
            super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _refused(self, message: str) -> None:
        self._settle(failure_of(HTTPConnectError(message)))
        self._opened = Deferred()  # nothing of this connection is for the wrapped protocol
        self._opened.addErrback(lambda _: None)
        self.abortConnection()

    def _settle(self, result: Any) -> None:
        opened, self._opened = self._opened, None
        if opened is not None and not opened.called:
            opened.callback(result)


class _TunnelFactory(WrappingFactory[_Tunnel]):
    protocol: Callable[..., _Tunnel] = _Tunnel
    noisy = False
