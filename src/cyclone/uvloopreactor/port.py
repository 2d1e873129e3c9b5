"""Listening: `IListeningPort` over a server of the loop."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Coroutine
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, ILoggingContext
from twisted.internet.task import deferLater
from twisted.python import lockfile, log, reflect
from twisted.python.failure import Failure
from zope.interface import implementer

from .logcontext import prefix_of
from .sockets import bound_tcp_socket, internet_address
from .starttls import TCPConnection, UNIXConnection
from .transport import Role, StreamTransport
from .turn import Hub

__all__ = ["AdoptedConnection", "StreamPort", "TCPPort", "UNIXPort"]


def _finished(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing but the next turn of the loop."""
    while True:
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value


@implementer(IListeningPort, ILoggingContext)
class StreamPort(Role):
    """A place that is listened at.

    Attributes:
        factory: makes the protocols.
        socket: what listens; None while nothing does.
        options: further arguments for the loop's ``create_server``.
        kind: how the log calls the port.
    """

    transport: type[StreamTransport] = StreamTransport
    kind = "TCP"

    def __init__(self, hub: Hub, factory: Any, backlog: int) -> None:
        self._hub = hub
        self.reactor = hub.reactor
        self.factory = factory
        self.backlog = backlog
        self.socket: socket.socket | None = None
        self.options: dict[str, Any] = {}
        self._server: Any = None
        self._sessions = 0
        self._adopted: socket.socket | None = None
        self._place: Any = None
        self._stopping: Deferred[None] | None = None

    def adopt(self, listening: socket.socket) -> None:
        """Listen with this socket, which does already."""
        self._adopted = listening

    # -- IListeningPort

    def startListening(self) -> None:
        """Begin to accept connections.

        Raises:
            CannotListenError: if the place cannot be listened at.
        """
        listening, self._adopted = self._adopted, None
        if listening is None:
            listening = self._listening_socket()
        self._place = self._place_of(listening)
        log.msg(f"{prefix_of(self.factory)} starting on {self._place!r}")
        self.factory.doStart()
        self.socket = listening
        loop: Any = self._hub.loop
        self._server = _finished(
            loop.create_server(
                self._next_transport, sock=listening, backlog=self.backlog, **self.options
            )
        )
        self._hub.ports.add(self)

    def stopListening(self) -> Deferred[None] | None:
        """Accept nothing more.

        Returns:
            a Deferred that fires when the port is closed; None if it was before.
        """
        if self.socket is None:
            return None
        if self._stopping is None:
            self._server.close()
            self._stopping = deferLater(self.reactor, 0, self._end)
        return self._stopping

    loseConnection = stopListening

    def _end(self) -> Any:
        """Nothing more is accepted: close, now or when the Deferred fires that is returned."""
        self.connectionLost()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Close now."""
        if self.socket is None:
            return
        log.msg(f"({self.kind} Port {self._place} Closed)")
        self._server.close()
        self.socket = self._stopping = self._server = None
        self._hub.ports.discard(self)
        self._closed()
        self.factory.doStop()

    def getHost(self) -> Any:
        """The address that is listened at."""
        if self.socket is None:
            raise RuntimeError("this port does not listen")
        return self._address(self.socket.getsockname())

    @property
    def connected(self) -> bool:
        """Whether the port listens."""
        return self.socket is not None

    @property
    def disconnected(self) -> bool:
        """Whether the port does not listen any more."""
        return self.socket is None and self._place is not None

    def fileno(self) -> int:
        """The descriptor of the listening socket, -1 when there is none."""
        return -1 if self.socket is None else self.socket.fileno()

    def logPrefix(self) -> str:
        """How the log calls this port."""
        return reflect.qual(type(self.factory))

    def _listening_socket(self) -> socket.socket:
        raise NotImplementedError

    def _place_of(self, listening: socket.socket) -> Any:
        raise NotImplementedError

    def _address(self, name: Any) -> Any:
        raise NotImplementedError

    def _closed(self) -> None:
        """The socket is closed."""

    # -- Role

    def _next_transport(self) -> StreamTransport:
        session = self._sessions
        self._sessions = session + 1
        return self.transport(self._hub, self, session)

    def build(self, transport: StreamTransport, address: IAddress) -> Any:
        return self.factory.buildProtocol(address)

    def name(self, transport: StreamTransport) -> str:
        peer = transport.getPeer()
        return f"{transport.sessionno},{getattr(peer, 'host', '')}"

    def describe(self, transport: StreamTransport) -> str:
        return f"<{type(transport.protocol).__name__} #{transport.sessionno} on {self._place}>"


class TCPPort(StreamPort):
    """A TCP port."""

    transport = TCPConnection

    def __init__(self, hub: Hub, port: Any, factory: Any, backlog: int, interface: str) -> None:
        super().__init__(hub, factory, backlog)
        self.port = port
        self.interface = interface

    def _listening_socket(self) -> socket.socket:
        return bound_tcp_socket(self.port, self.backlog, self.interface)

    def _place_of(self, listening: socket.socket) -> int:
        return int(listening.getsockname()[1])

    def _address(self, name: Any) -> Any:
        return internet_address(name)

    def __repr__(self) -> str:
        place = "(not listening)" if self.socket is None else f"on {self._place}"
        return f"<{type(self)} of {type(self.factory)} {place}>"


class UNIXPort(StreamPort):
    """A UNIX socket that is listened at."""

    transport = UNIXConnection
    kind = "UNIX"

    def __init__(
        self, hub: Hub, path: Any, factory: Any, backlog: int, mode: int = 0o666, lock: bool = False
    ) -> None:
        super().__init__(hub, factory, backlog)
        self.port = path
        self.mode = mode
        self._path: bytes = UNIXAddress(path).name or b""
        self._lock = lockfile.FilesystemLock(self._path + b".lock") if lock else None
        self._ours = True  # the file

    def adopt(self, listening: socket.socket) -> None:
        """Listen with this socket, whose file is somebody else's."""
        super().adopt(listening)
        self._ours = False

    def _listening_socket(self) -> socket.socket:
        if self._lock is not None:
            if not self._lock.lock():
                raise CannotListenError(None, self._path, "Cannot acquire lock")
            if not self._lock.clean:
                self._remove()  # a process that is gone left it behind
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.setblocking(False)
            made.bind(self._path)
            if self._in_files:
                os.chmod(self._path, self.mode)
            made.listen(self.backlog)
        except OSError as error:
            made.close()
            raise CannotListenError(None, self._path, error) from error
        return made

    @property
    def _in_files(self) -> bool:
        """Not in Linux' abstract namespace."""
        return not self._path.startswith(b"\0")

    def _remove(self) -> None:
        try:
            if stat.S_ISSOCK(os.stat(self._path).st_mode):
                os.remove(self._path)
        except OSError:
            pass

    def _closed(self) -> None:
        if self._in_files and self._ours:
            self._remove()
        if self._lock is not None:
            self._lock.unlock()

    def _place_of(self, listening: socket.socket) -> str:
        return os.fsdecode(listening.getsockname())

    def _address(self, name: Any) -> UNIXAddress:
        return UNIXAddress(name)

    def __repr__(self) -> str:
        place = "(not listening)" if self.socket is None else f"on {self._place!r}"
        return f"<{reflect.qual(type(self.factory))} {place}>"


class AdoptedConnection(Role):
    """A connection that somebody else has accepted.

    Attributes:
        transport: the kind of transport it wants.
        task: what connects it with the loop.
    """

    task: Any = None

    def __init__(self, factory: Any, connected: socket.socket) -> None:
        self._factory = factory
        self._unix = connected.family == socket.AF_UNIX
        self.transport = UNIXConnection if self._unix else TCPConnection

    def build(self, transport: StreamTransport, address: IAddress) -> Any:
        return self._factory.buildProtocol(transport.getHost() if self._unix else address)

    def name(self, transport: StreamTransport) -> str:
        return f"adopted,{transport.getPeer()}"

    def describe(self, transport: StreamTransport) -> str:
        return f"<{type(transport.protocol).__name__} on {transport.getHost()}>"
