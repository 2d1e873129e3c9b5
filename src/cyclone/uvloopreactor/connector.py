"""Connecting: `IConnector`, and one attempt after the other."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from errno import EINPROGRESS, EISCONN, EWOULDBLOCK
from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import (
    BadFileError,
    ConnectBindError,
    ConnectError,
    NotConnectingError,
    ServiceNameUnknownError,
    TimeoutError,
    UserError,
    getConnectError,
)
from twisted.internet.interfaces import IAddress, IConnector, ILoggingContext
from twisted.python import lockfile, log, reflect
from twisted.python.failure import Failure
from zope.interface import implementer

from .sockets import client_tcp_socket, numeric
from .starttls import TCPConnection, UNIXConnection
from .transport import Role, StreamTransport
from .turn import Hub

__all__ = ["Attempt", "StreamConnector", "TCPConnector", "UNIXConnector"]


@implementer(ILoggingContext)
class Attempt:
    """One try to connect, until there is a transport or it has failed.

    Attributes:
        socket: what connects, until the loop has it.
        place: where to, in numbers; None until that is known.
        over: it has come to an end, this or that.
    """

    def __init__(self, hub: Hub, connector: StreamConnector) -> None:
        self._hub = hub
        self._connector = connector
        self.socket: socket.socket | None = None
        self.place: Any = None
        self._watched = False
        self.over = False
        try:
            self.socket = connector.open_socket()
        except Exception as error:
            hub.reactor.callLater(0, self.fail, error)
        else:
            hub.reactor.callLater(0, self._resolve)

    def _resolve(self) -> None:
        if not self.over:
            self._connector.resolve(self._connect, self._not_resolved)

    def _not_resolved(self, reason: Failure) -> None:
        self.fail(reason.value)

    def _connect(self, place: Any) -> None:
        if self.over or self.socket is None:
            return
        self.place = place
        try:
            status = self.socket.connect_ex(place)
        except Exception as error:  # a port that is none, a name that is too long
            status = getattr(error, "errno", None) or 0
            self.fail(getConnectError((status, str(error))) if status else error)
            return
        if status in (EINPROGRESS, EWOULDBLOCK):
            if not self._watched:
                self._watched = True
                self._hub.attempts.add(self)
                self._hub.loop.add_writer(self.socket.fileno(), self._writable)
        elif status in (0, EISCONN):
            self._connected()
        else:
            self._refused(status)

    def _writable(self) -> None:
        if self.socket is None:
            return
        status = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if status:
            self._refused(status)
        else:
            # Again: a UNIX socket whose peer is busy seems to be connected, and is not.
            self._connect(self.place)

    def _refused(self, status: int) -> None:
        self.fail(getConnectError((status, os.strerror(status))))

    def _connected(self) -> None:
        self._unwatch()
        connected, self.socket = self.socket, None
        loop = self._hub.loop
        # Whether it is accepted or connected makes no difference to the loop.
        self._task = loop.create_task(
            loop.connect_accepted_socket(self._made, connected)  # type: ignore[arg-type]
        )

    def _made(self) -> Any:
        return self._connector.transport_type(self._hub, _Connected(self, self._connector))

    def claim(self) -> bool:
        """There is a transport; the answer is whether it is still wanted."""
        wanted, self.over = not self.over, True
        self._hub.attempts.discard(self)
        return wanted

    def fail(self, error: BaseException | None) -> None:
        """Give up because of `error`."""
        if self.over:
            return
        self.over = True
        self._hub.attempts.discard(self)
        self._unwatch()
        if self.socket is not None:
            self.socket.close()
        self._connector.connectionFailed(Failure(error))

    def _unwatch(self) -> None:
        if self._watched and self.socket is not None:
            self._watched = False
            self._hub.loop.remove_writer(self.socket.fileno())

    # -- as far as a reactor that stops is concerned

    def connectionLost(self, reason: Failure) -> None:
        """Give up: the reactor stops."""
        self.fail(ConnectError(string=str(reason)))

    logstr = "Uninitialized"

    def logPrefix(self) -> str:
        """How the log calls an attempt."""
        return self.logstr

    def __repr__(self) -> str:
        return f"<connecting to {self._connector.getDestination()}>"


class _Connected(Role):
    """The connection that an attempt has led to."""

    client = True

    def __init__(self, attempt: Attempt, connector: StreamConnector) -> None:
        self._attempt = attempt
        self._connector = connector
        self._wanted = True
        self.place = connector.place

    def build(self, transport: StreamTransport, address: IAddress) -> Any:
        self._wanted = self._attempt.claim()
        return self._connector.built(transport, address) if self._wanted else None

    def peer(self) -> Any:
        return self._attempt.place

    def lost(self, reason: Failure) -> None:
        if self._wanted:
            self._connector.connectionLost(reason)

    def name(self, transport: StreamTransport) -> str:
        return "client"

    def describe(self, transport: StreamTransport) -> str:
        return f"<{type(transport)} to {self.place} at {id(transport):x}>"


@implementer(IConnector)
class StreamConnector:
    """Connects, as often as it is asked to.

    Attributes:
        state: ``connecting``, ``connected`` or ``disconnected``.
        factory: makes the protocols, and hears what becomes of each attempt.
        transport: the connection; while connecting, the attempt.
        place: where to.
    """

    transport_type: type[StreamTransport] = StreamTransport

    def __init__(self, hub: Hub, place: Any, factory: Any, timeout: float | None) -> None:
        self._hub = hub
        self.reactor = hub.reactor
        self.place = place
        self.factory = factory
        self.timeout = timeout
        self.state = "disconnected"
        self.transport: Any = None
        self._factory_started = False
        self._timer: Any = None

    # -- what differs

    def open_socket(self) -> socket.socket:
        """The socket to connect with."""
        raise NotImplementedError

    def resolve(self, found: Callable[[Any], object], failed: Callable[[Failure], object]) -> None:
        """Call `found` with what to connect to, or `failed`."""
        found(self.place)

    def getDestination(self) -> Any:
        """The address to connect to."""
        raise NotImplementedError

    # -- IConnector

    def connect(self) -> None:
        """Begin an attempt."""
        if self.state != "disconnected":
            raise RuntimeError("can't connect in this state")
        self.state = "connecting"
        if not self._factory_started:
            self._factory_started = True
            self.factory.doStart()
        attempt = self.transport = Attempt(self._hub, self)
        if self.timeout is not None:
            self._timer = self.reactor.callLater(self.timeout, attempt.fail, TimeoutError())
        self.factory.startedConnecting(self)

    def stopConnecting(self) -> None:
        """Give up the attempt.

        Raises:
            NotConnectingError: if there is none.
        """
        if self.state != "connecting":
            raise NotConnectingError("we're not trying to connect")
        self.state = "disconnected"
        self.transport.fail(UserError())

    def disconnect(self) -> None:
        """Close the connection, or give up the attempt."""
        if self.state == "connecting":
            self.stopConnecting()
        elif self.state == "connected":
            self.transport.loseConnection()

    # -- what becomes of it

    def built(self, transport: StreamTransport, address: IAddress) -> Any:
        """There is a connection: the protocol for it."""
        self.state = "connected"
        self.transport = transport
        self._cancel_timer()
        return self.factory.buildProtocol(address)

    def connectionFailed(self, reason: Failure) -> None:
        """The attempt has failed."""
        self._cancel_timer()
        self._ended(self.factory.clientConnectionFailed, reason)

    def connectionLost(self, reason: Failure) -> None:
        """The connection is lost."""
        self._ended(self.factory.clientConnectionLost, reason)

    def _ended(self, tell: Callable[[Any, Failure], object], reason: Failure) -> None:
        self.state = "disconnected"
        self.transport = None
        try:
            tell(self, reason)
        except Exception:
            log.err(None, "Unhandled Error")
        if self.state == "disconnected" and self._factory_started:  # it did not connect again
            self._factory_started = False
            self.factory.doStop()

    def _cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def __repr__(self) -> str:
        name = reflect.qual(type(self))
        return f"<{name} instance at 0x{id(self):x} {self.state} {self.getDestination()}>"


class TCPConnector(StreamConnector):
    """Connects over TCP."""

    transport_type = TCPConnection

    def __init__(
        self,
        hub: Hub,
        host: str,
        port: int | str,
        factory: Any,
        timeout: float | None,
        bind: Any = None,
    ) -> None:
        if isinstance(port, str):
            try:
                port = socket.getservbyname(port, "tcp")
            except OSError as error:
                raise ServiceNameUnknownError(string=f"{error} ({port!r})") from None
        super().__init__(hub, (host, port), factory, timeout)
        self.host = host
        self.port = port
        self.bindAddress = bind
        self._v6 = isIPv6Address(host)

    def open_socket(self) -> socket.socket:
        try:
            return client_tcp_socket(
                socket.AF_INET6 if self._v6 else socket.AF_INET, self.bindAddress
            )
        except OSError as error:
            raise ConnectBindError(error.errno, error.strerror) from error

    def resolve(self, found: Callable[[Any], object], failed: Callable[[Failure], object]) -> None:
        if self._v6 or isIPAddress(self.host):
            found(numeric(self.host, self.port))
            return
        resolving = self.reactor.resolve(self.host)
        resolving.addCallbacks(lambda address: found((address, self.port)), failed)
        resolving.addErrback(log.err, "Unhandled Error")

    def getDestination(self) -> IPv4Address | IPv6Address:
        kind = IPv6Address if self._v6 else IPv4Address
        return kind("TCP", self.host, self.port)


class UNIXConnector(StreamConnector):
    """Connects to a UNIX socket."""

    transport_type = UNIXConnection

    def __init__(
        self, hub: Hub, path: Any, factory: Any, timeout: float | None, check_lock: bool = False
    ) -> None:
        super().__init__(hub, UNIXAddress(path).name, factory, timeout)
        self.address = path
        self._check_lock = check_lock

    def open_socket(self) -> socket.socket:
        if self._check_lock and not lockfile.isLocked(self.place + b".lock"):
            raise BadFileError(self.place)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.setblocking(False)
        return made

    def getDestination(self) -> UNIXAddress:
        return UNIXAddress(self.place)
