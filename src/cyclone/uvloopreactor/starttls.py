"""Connections that TLS can be started on: Twisted's TLS, which takes pyOpenSSL contexts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.interfaces import ISSLTransport, ITLSTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from .transport import StreamTransport, TCPTransport, UNIXTransport

__all__ = ["TCPConnection", "UNIXConnection"]


class _Below:
    """A transport as the TLS layer that was put on it sees it: without that layer."""

    def __init__(self, transport: StreamTransport, plain: type[StreamTransport]) -> None:
        self._transport = transport
        self._plain = plain

    def write(self, data: bytes) -> None:
        self._plain.write(self._transport, data)

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        self._plain.writeSequence(self._transport, iovec)

    def loseConnection(self, *_: object) -> None:
        self._plain.loseConnection(self._transport)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._plain.registerProducer(self._transport, producer, streaming)

    def unregisterProducer(self) -> None:
        self._plain.unregisterProducer(self._transport)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Secured(StreamTransport):
    """A transport that TLS was started on: what is written goes through that."""

    TLS = True

    def write(self, data: bytes) -> None:
        if self.connected:
            self.protocol.write(data)

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        if self.connected:
            self.protocol.writeSequence(iovec)

    def loseConnection(self, *_: object) -> None:
        if self.connected and not self.disconnecting:
            self.protocol.loseConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.protocol.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        self.protocol.unregisterProducer()

    def getPeerCertificate(self) -> Any:
        """The certificate that the peer has shown, None if it has not."""
        return self.protocol.getPeerCertificate()

    def getHandle(self) -> Any:
        """The TLS connection, an `OpenSSL.SSL.Connection`."""
        return self.protocol.getHandle()


class _Securable(StreamTransport):
    """A transport that TLS can be started on."""

    secured: type[StreamTransport]

    def startTLS(self, contextFactory: Any, normal: bool = True) -> None:
        """Speak TLS from now on.

        Args:
            contextFactory: what `twisted.protocols.tls.TLSMemoryBIOFactory` takes.
            normal: the side that connected is the client in TLS, too; else it is the server.
        """
        producer, streaming = self.producer, self.streamingProducer
        if producer is not None:
            self.unregisterProducer()
        client = self.role.client is bool(normal)
        factory = TLSMemoryBIOFactory(
            contextFactory,
            client,
            None,  # type: ignore[arg-type]
            self.reactor,
        )
        plain, protocol = type(self), self.protocol
        self.protocol = layer = factory.protocol(factory, protocol, False)
        # This object stays the transport of those who hold it; the layer below uses what it was.
        self.__class__ = self.secured  # type: ignore[assignment]
        try:
            layer.makeConnection(_Below(self, plain))
        except BaseException:  # the context cannot be used: everything stays as it is
            self.protocol = protocol
            self.__class__ = plain
            raise
        if producer is not None:
            self.registerProducer(producer, streaming)


@implementer(ISSLTransport)
class _SecuredTCP(_Secured, TCPTransport):
    """A TCP connection that TLS was started on."""


@implementer(ISSLTransport)
class _SecuredUNIX(_Secured, UNIXTransport):
    """A connection over a UNIX socket that TLS was started on."""


@implementer(ITLSTransport)
class TCPConnection(_Securable, TCPTransport):
    """A TCP connection."""

    secured = _SecuredTCP


@implementer(ITLSTransport)
class UNIXConnection(_Securable, UNIXTransport):
    """A connection over a UNIX socket."""

    secured = _SecuredUNIX
