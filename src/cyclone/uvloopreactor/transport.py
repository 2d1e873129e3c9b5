"""The transports: Twisted's interfaces above, a stream of the loop below.

One object is both Twisted's transport and the loop's protocol, so that next to nothing lies between
what the loop reads and ``protocol.dataReceived``.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IHalfCloseableProtocol,
    ILoggingContext,
    IPushProducer,
    ISystemHandle,
    ITCPTransport,
    IUNIXTransport,
)
from twisted.internet.protocol import Protocol
from twisted.python import log
from twisted.python.failure import Failure
from zope.interface import implementer

from .logcontext import here, prefix_of
from .outgoing import Outgoing
from .sockets import BorrowedSocket, internet_address
from .turn import Hub

__all__ = ["Role", "StreamTransport", "TCPTransport", "UNIXTransport"]

#: With this set, closing a socket resets the connection.
_LINGER = struct.pack("ii", 1, 0)


class Role:
    """What a connection is to the one who wanted it: a port, or a connector.

    Attributes:
        client: the connection was asked for from here.
        place: where to.
    """

    client = False
    place: Any = None

    def build(self, transport: StreamTransport, address: IAddress) -> Any:
        """The protocol for a connection with `address`, None if there is to be no connection."""
        raise NotImplementedError

    def peer(self) -> Any:
        """The name of the other side, should the system not know it any more."""
        return None

    def lost(self, reason: Failure) -> None:
        """The connection is lost, and the protocol knows."""

    def name(self, transport: StreamTransport) -> str:
        """What distinguishes the connection in the log, after its protocol's prefix."""
        raise NotImplementedError

    def describe(self, transport: StreamTransport) -> str:
        """The connection for a developer."""
        raise NotImplementedError


@implementer(IPushProducer, IConsumer, ILoggingContext, ISystemHandle)
class StreamTransport(Outgoing):
    """A connection.

    Attributes:
        role: where it came from.
        sessionno: its number among the connections of a port.
        reactor: whose connection it is.
        TLS: bytes go through Twisted's TLS, see `startTLS`.
    """

    TLS = False
    _reason: Failure | None = None
    _socket: socket.socket | None = None
    _peer: Any = None
    _host: Any = None
    _ended = False  # the peer has ended its side
    _paused = False
    _held: _Held | None = None

    def __init__(self, hub: Hub, role: Role, sessionno: int = 0) -> None:
        super().__init__(hub)
        self.role = role
        self.sessionno = sessionno
        self.reactor = hub.reactor

    # -- what the loop says

    def connection_made(self, stream: Any) -> None:
        """The connection stands: get it a protocol."""
        self._open(stream)
        self._hub.transports.add(self)
        self.protocol = Protocol()  # until there is a better one
        here.transport = self
        try:
            self._peer = self._find_peer()
            if self._peer is None:  # it has gone again, before anybody could ask who it was
                self._drop(Failure(ConnectionLost()))
                return
            protocol = self.role.build(self, self._peer)
            if protocol is None:
                self.loseConnection()
            else:
                self.protocol = protocol
                protocol.makeConnection(self)
        except BaseException:
            self._broken()
        finally:
            here.transport = None
        if self._paused or self.disconnecting:
            self._hold()

    def data_received(self, data: bytes) -> None:
        """Something was read."""
        here.transport = self
        try:
            self.protocol.dataReceived(data)
        except BaseException:
            self._broken()
        finally:
            here.transport = None

    def eof_received(self) -> bool:
        """The peer has ended its side; the answer says that the stream stays as it is."""
        self._ended = True
        protocol = IHalfCloseableProtocol(self.protocol, None)
        if protocol is not None:
            if self.guarded(protocol.readConnectionLost):
                self._close_if_over()
        elif self._reason is None:
            # What this turn has written gets its chance; what the system does not take is lost
            # with the connection.
            self.flush()
            self._drop(Failure(ConnectionDone()))
        return True

    def connection_lost(self, error: BaseException | None) -> None:
        """The stream is closed."""
        if self._reason is None:
            self._reason = Failure(self._why(error))
            if error is None:
                self._shut_down()
        self._lost()

    def _shut_down(self) -> None:
        """End the connection in good order, right before the loop closes the socket.

        Where something has come that was not read, closing alone tells the peer that the
        connection is broken.
        """
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def _why(self, error: BaseException | None) -> BaseException:
        return ConnectionDone() if error is None else ConnectionLost()

    # -- the end

    def guarded(self, function: Callable[[], object]) -> bool:
        """Call code of others; should it raise, log that and end the connection."""
        before, here.transport = here.transport, self
        try:
            function()
        except BaseException:
            self._broken()
            return False
        finally:
            here.transport = before
        return True

    def _broken(self) -> None:
        """An exception came out of the protocol, or of its producer."""
        failure = Failure()
        log.err(failure, "Unhandled Error")
        self._drop(failure)

    def _drop(self, reason: Failure) -> None:
        """End the connection for `reason`, at once and whatever waits."""
        if self._reason is None:
            self._reason = reason
            self._deaf = True
            self._stream.abort()

    def _close_if_over(self) -> None:
        if self._ended and self._half_closed:
            self._drop(Failure(ConnectionDone()))

    def abortConnection(self) -> None:
        """Reset the connection; what waits is lost."""
        if self.disconnected or self._reason is not None:
            return
        self._out.clear()
        with contextlib.suppress(OSError):  # it may be gone already
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        self._drop(Failure(ConnectionAborted()))

    def connectionLost(self, reason: Failure) -> None:
        """End the connection now, for `reason`: the reactor stops."""
        self._drop(reason)
        self._lost()

    def _lost(self) -> None:
        if self.disconnected or not self.connected:
            return
        self.disconnected = True
        self.connected = False
        self._deaf = True
        self._out.clear()
        self._hub.transports.discard(self)
        reason = self._reason or Failure(ConnectionLost())
        producer, self.producer = self.producer, None
        if self._socket is not None:
            self._socket.detach()  # the stream closes it
        if producer is not None:
            self.guarded(producer.stopProducing)
        self.guarded(lambda: self.protocol.connectionLost(reason))
        self.guarded(lambda: self.role.lost(reason))

    # -- IPushProducer

    def pauseProducing(self) -> None:
        """Read nothing more, until `resumeProducing` is called."""
        self._paused = True
        if self.connected and not self._ended:
            self._stream.pause_reading()

    def resumeProducing(self) -> None:
        """Read on."""
        if not self.connected or self.disconnecting:
            return
        self._paused = False
        if self._held is not None:
            self._hub.loop.call_soon(self._held.release)
        elif not self._ended:
            self._stream.resume_reading()

    def stopProducing(self) -> None:
        """Close the connection."""
        self.loseConnection()

    # By these names protocols call them that were made for Twisted's own transports.
    stopReading = pauseProducing

    def startReading(self) -> None:
        """Read on."""
        self.resumeProducing()

    @property
    def reading(self) -> bool:
        """Whether what the peer sends is read."""
        return self.connected and not (self._paused or self.disconnecting or self._ended)

    def stopConsuming(self) -> None:
        """Close the connection, without its producer."""
        self.unregisterProducer()
        self.loseConnection()

    def _hold(self) -> None:
        """A loop may begin to read after `connection_made`, whatever was asked for in there."""
        self._held = _Held(self, self._stream)
        self._stream.set_protocol(self._held)
        self._hub.loop.call_soon(self._held.pause)

    def unhold(self) -> bool:
        """Take over from `_Held`; the answer is whether that may deliver what it has."""
        if self._paused or self.disconnecting or not self.connected:
            return False
        self._held = None
        self._stream.set_protocol(self)
        self._stream.resume_reading()
        return True

    # -- ITransport and relatives

    def getPeer(self) -> Any:
        """The address of the other side."""
        return self._peer

    def getHost(self) -> Any:
        """The address of this side."""
        if self._host is None:
            self._host = self._find_host()
        return self._host

    def _find_peer(self) -> Any:
        """The address of the other side, None if it cannot be found out any more."""
        raise NotImplementedError

    def _find_host(self) -> Any:
        raise NotImplementedError

    def getHandle(self) -> Any:
        """The socket.  It is the loop's: ask it and set its options, but leave it open."""
        if self._socket is None:
            below = self._stream.get_extra_info("socket")
            self._socket = BorrowedSocket(
                below.family, below.type, below.proto, fileno=below.fileno()
            )
            self._socket.setblocking(False)
        return self._socket

    def getTcpKeepAlive(self) -> bool:
        """Whether the system probes an idle peer."""
        return bool(self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Have the system probe an idle peer, or not."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, bool(enabled))

    @property
    def socket(self) -> Any:
        """The socket below whatever TLS there may be, see `getHandle`."""
        return StreamTransport.getHandle(self)

    @property
    def addr(self) -> Any:
        """Where this was connected to, as it was asked for."""
        return self.role.place

    def fileno(self) -> int:
        """The descriptor of the socket, -1 when there is none any more."""
        return int(self.socket.fileno()) if self.connected else -1

    @property
    def logstr(self) -> str:
        """How the log calls this connection."""
        if self.protocol is None:
            return "Uninitialized"
        return f"{prefix_of(self.protocol)},{self.role.name(self)}"

    def logPrefix(self) -> str:
        """How the log calls this connection."""
        return self.logstr

    def __repr__(self) -> str:
        return self.role.describe(self)


class _Held:
    """Stands in for a transport that was paused, or closed, before the loop had begun to read.

    What the loop reads until it can be stopped is kept here.
    """

    def __init__(self, transport: StreamTransport, stream: Any) -> None:
        self._transport = transport
        self._stream = stream
        self._data: list[bytes] = []
        self._eof = False
        self.pause_writing = transport.pause_writing
        self.resume_writing = transport.resume_writing
        self.connection_lost = transport.connection_lost

    def pause(self) -> None:
        """Read nothing more, the loop has begun."""
        if not self._eof:
            self._stream.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        self._data.append(data)
        self.pause()

    def eof_received(self) -> bool:
        """Keep it in mind."""
        self._eof = True
        return True

    def release(self) -> None:
        """Deliver what was kept."""
        if not self._transport.unhold():
            return
        if self._data:
            self._transport.data_received(b"".join(self._data))
        if self._eof:
            self._transport.eof_received()


@implementer(ITCPTransport)
class TCPTransport(StreamTransport):
    """A TCP connection."""

    def __init__(self, hub: Hub, role: Role, sessionno: int = 0) -> None:
        super().__init__(hub, role, sessionno)
        self._nodelay = hub.nodelay

    def _find_peer(self) -> Any:
        name = self._stream.get_extra_info("peername") or self.role.peer()
        return name and internet_address(name)

    def _find_host(self) -> Any:
        return internet_address(self._stream.get_extra_info("sockname"))

    def getTcpNoDelay(self) -> bool:
        """Whether small pieces leave without waiting for the peer's acknowledgement."""
        return bool(self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Have small pieces leave at once, or not."""
        if bool(enabled) is not self._nodelay:
            self._nodelay = bool(enabled)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, self._nodelay)


@implementer(IUNIXTransport)
class UNIXTransport(StreamTransport):
    """A connection over a UNIX socket."""

    def _find_peer(self) -> UNIXAddress:
        try:
            name = self._stream.get_extra_info("socket").getpeername()
        except OSError:
            name = self.role.peer()
        return UNIXAddress(name or None)

    def _find_host(self) -> UNIXAddress:
        return UNIXAddress(self._stream.get_extra_info("socket").getsockname() or None)

    def sendFileDescriptor(self, descriptor: int) -> None:
        """Refuse: the loop reads and writes bytes.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "the connections of this reactor do not carry file descriptors; "
            "the asyncio and epoll reactors can send them"
        )

    def getTcpNoDelay(self) -> bool:
        """False: as with Twisted's own UNIX transports, for protocols made for TCP."""
        return False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Do nothing: as with Twisted's own UNIX transports, for protocols made for TCP."""
