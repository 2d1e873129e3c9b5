"""Listening with a socket that somebody else has bound: the supervisor of workers, or systemd."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, execute, succeed
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from cyclone.log import gen_log

from .tls import CertificateSource, has_native_tls

__all__ = ["HANDED", "AdoptedEndpoint", "UNIXAcceptor", "adopt", "family_of"]

#: Out of descriptors or memory: seconds until the next attempt to accept a connection.
_PAUSE = 1.0
#: In place of a descriptor: the reactor, a `cyclone.deploy.handover.Handed`, knows which.
HANDED = -1
_SHORTAGE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def family_of(descriptor: int) -> int:
    """The ``AF_...`` of a socket that listens for streams.

    Raises:
        ValueError: if it does not.
    """
    try:
        with socket.socket(fileno=os.dup(descriptor)) as looked_at:
            streams = looked_at.type == socket.SOCK_STREAM
            if streams and looked_at.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return looked_at.family
    except OSError as error:
        raise ValueError(f"descriptor {descriptor} is no socket: {error.strerror}") from error
    raise ValueError(f"descriptor {descriptor} is no socket that listens for streams")


def adopt(reactor: Any, descriptor: int, factory: Any) -> IListeningPort:
    """Listen with a socket; the descriptor stays the caller's, who may close it.

    Raises:
        ValueError: if it is no socket that listens.
    """
    family = family_of(descriptor)
    os.set_blocking(descriptor, False)
    if family == socket.AF_UNIX and not hasattr(reactor, "listenTLS"):
        # Twisted's own would give the file other permissions, and remove it at the end.
        acceptor = UNIXAcceptor(reactor, socket.socket(fileno=os.dup(descriptor)), factory)
        acceptor.startListening()
        return acceptor
    port: IListeningPort = reactor.adoptStreamPort(descriptor, family, factory)
    if hasattr(port, "numberAccepts"):
        port.numberAccepts = 1  # a hundred, which it begins with, would be no fair share
    return port


@implementer(IListeningPort)
class UNIXAcceptor(FileDescriptor):
    """Accepts from a UNIX socket whose file belongs to another process."""

    def __init__(self, reactor: Any, listening: socket.socket, factory: Any) -> None:
        super().__init__(reactor)
        self._reactor = reactor
        self._socket = listening
        self._factory = factory

    def startListening(self) -> None:
        """Begin to accept connections."""
        self._factory.doStart()
        self.connected = True
        self.startReading()  # type: ignore[no-untyped-call]

    def stopListening(self) -> Deferred[None]:
        """Accept nothing more."""
        if self.connected:
            self.connected = False
            self.stopReading()  # type: ignore[no-untyped-call]
            self._socket.close()
            self._factory.doStop()
        return succeed(None)

    def getHost(self) -> UNIXAddress:
        """The address of the socket."""
        return UNIXAddress(self._socket.getsockname())

    def fileno(self) -> int:
        """The descriptor of the socket, -1 when it is closed."""
        return self._socket.fileno()

    def doRead(self) -> None:
        """Accept one connection: others that accept from the socket have their share."""
        try:
            accepted, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno not in _SHORTAGE:
                raise
            gen_log.error("cannot accept a connection: %s", error.strerror)
            self.stopReading()  # type: ignore[no-untyped-call]
            self._reactor.callLater(_PAUSE, self._resume)
            return
        with accepted:
            accepted.setblocking(False)
            self._reactor.adoptStreamConnection(accepted.fileno(), socket.AF_UNIX, self._factory)

    def _resume(self) -> None:
        if self.connected:
            self.startReading()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Any = None) -> None:
        """The reactor stops."""
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        with contextlib.suppress(OSError):
            self._socket.close()


@implementer(IStreamServerEndpoint)
class AdoptedEndpoint:
    """A socket that another process has bound and handed over.

    Args:
        reactor: one of `cyclone.deploy.handover`.
        descriptor: the socket; ours until we listen. `HANDED` for one that the reactor has.
        certificates: those of TLS, None for none.
    """

    def __init__(
        self, reactor: Any, descriptor: int, certificates: CertificateSource | None = None
    ) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._certificates = certificates

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen at the endpoint."""
        return execute(self._listen, protocolFactory)

    def _listen(self, factory: Any) -> IListeningPort:
        reactor, certificates = self._reactor, self._certificates
        descriptor = self._descriptor
        family = 0 if descriptor == HANDED else family_of(descriptor)
        if certificates is not None and has_native_tls(reactor):
            certificates.speak(factory)
            port: IListeningPort = reactor.adoptTLSPort(
                descriptor, family, factory, certificates.context
            )
        else:
            if certificates is not None:
                layer: Any = certificates
                factory = TLSMemoryBIOFactory(layer, False, factory, reactor)
            port = reactor.adoptStreamPort(descriptor, family, factory)
        if descriptor != HANDED:
            os.close(descriptor)
        return port
