"""The reactor: Twisted's asyncio reactor, with streams of the loop for connections."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.error import ConnectionLost, UnsupportedAddressFamily
from twisted.internet.interfaces import IListeningPort, IProcessTransport
from twisted.internet.posixbase import PosixReactorBase
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from .children import Children
from .connector import StreamConnector, TCPConnector, UNIXConnector
from .interfaces import IReactorNativeTLS
from .logcontext import install_log_context
from .port import AdoptedConnection, StreamPort, TCPPort, UNIXPort
from .tls import NativeTLSPort
from .turn import Hub

__all__ = ["UvloopReactor"]

#: What the loop has a socket listen with that came from outside: as many as the system allows.
_ADOPTED_BACKLOG = max(1024, socket.SOMAXCONN)

_FAMILIES = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)


@implementer(IReactorNativeTLS)
class UvloopReactor(AsyncioSelectorReactor):
    """A reactor on an asyncio loop whose connections are the loop's own.

    Attributes:
        loop: the loop.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self._hub = Hub(self, loop)
        self._children = Children(loop)
        self._guest = False
        self._over: asyncio.Future[None] | None = None
        self._called = False  # calls from threads will be made, the loop knows
        super().__init__(loop)
        install_log_context()

    # -- IReactorTCP, IReactorSSL, IReactorNativeTLS

    def listenTCP(
        self, port: Any, factory: Any, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        """See `twisted.internet.interfaces.IReactorTCP`."""
        return self._listening(TCPPort(self._hub, port, factory, backlog, interface))

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float | None = 30.0,
        bindAddress: Any = None,
    ) -> StreamConnector:
        """See `twisted.internet.interfaces.IReactorTCP`."""
        return self._connecting(TCPConnector(self._hub, host, port, factory, timeout, bindAddress))

    def listenSSL(
        self,
        port: Any,
        factory: Any,
        contextFactory: Any,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        """See `twisted.internet.interfaces.IReactorSSL`."""
        layered = TLSMemoryBIOFactory(contextFactory, False, factory, self)
        listening = TCPPort(self._hub, port, layered, backlog, interface)
        listening.kind = "TLS"
        return self._listening(listening)

    def connectSSL(
        self,
        host: str,
        port: int,
        factory: Any,
        contextFactory: Any,
        timeout: float | None = 30,
        bindAddress: Any = None,
    ) -> StreamConnector:
        """See `twisted.internet.interfaces.IReactorSSL`."""
        layered = TLSMemoryBIOFactory(contextFactory, True, factory, self)
        return self.connectTCP(host, port, layered, timeout, bindAddress)

    def listenTLS(
        self,
        port: Any,
        factory: Any,
        context: ssl.SSLContext,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        """See `IReactorNativeTLS`."""
        return self._listening(NativeTLSPort(self._hub, port, factory, context, backlog, interface))

    def adoptTLSPort(
        self, fileDescriptor: int, addressFamily: int, factory: Any, context: ssl.SSLContext
    ) -> IListeningPort:
        """See `IReactorNativeTLS`."""
        listening = self._adopted(fileDescriptor, addressFamily)
        name = listening.getsockname()
        port = NativeTLSPort(self._hub, name[1], factory, context, _ADOPTED_BACKLOG, name[0])
        port.adopt(listening)
        return self._listening(port)

    # -- IReactorUNIX, IReactorSocket

    def listenUNIX(
        self,
        address: Any,
        factory: Any,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool | int = False,
    ) -> IListeningPort:
        """See `twisted.internet.interfaces.IReactorUNIX`."""
        return self._listening(UNIXPort(self._hub, address, factory, backlog, mode, bool(wantPID)))

    def connectUNIX(
        self, address: Any, factory: Any, timeout: float | None = 30, checkPID: bool | int = False
    ) -> StreamConnector:
        """See `twisted.internet.interfaces.IReactorUNIX`."""
        return self._connecting(UNIXConnector(self._hub, address, factory, timeout, bool(checkPID)))

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Any) -> Any:
        """See `twisted.internet.interfaces.IReactorSocket`."""
        listening = self._adopted(fileDescriptor, addressFamily)
        name = listening.getsockname()
        port: StreamPort
        if addressFamily == socket.AF_UNIX:
            port = UNIXPort(self._hub, name, factory, _ADOPTED_BACKLOG)
        else:
            port = TCPPort(self._hub, name[1], factory, _ADOPTED_BACKLOG, name[0])
        port.adopt(listening)
        return self._listening(port)

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: int, factory: Any) -> None:
        """See `twisted.internet.interfaces.IReactorSocket`."""
        connected = self._adopted(fileDescriptor, addressFamily)
        role = AdoptedConnection(factory, connected)
        loop = self.loop
        transport = role.transport(self._hub, role)
        role.task = loop.create_task(loop.connect_accepted_socket(lambda: transport, connected))

    def _adopted(self, descriptor: int, family: int) -> socket.socket:
        if family not in _FAMILIES:
            raise UnsupportedAddressFamily(family)
        return socket.fromfd(descriptor, family, socket.SOCK_STREAM)

    def _listening(self, port: StreamPort) -> IListeningPort:
        port.startListening()
        return port

    def _connecting(self, connector: StreamConnector) -> StreamConnector:
        connector.connect()
        return connector

    # -- IReactorFDSet

    @property
    def connections(self) -> list[Any]:
        """What is open: ports, connections, and attempts to get one."""
        hub = self._hub
        return [*hub.attempts, *hub.ports, *hub.transports]

    def getReaders(self) -> list[Any]:
        """Descriptors and connections that are read from, and open ports."""
        hub = self._hub
        reading = [transport for transport in hub.transports if transport.reading]
        return [*super().getReaders(), *hub.ports, *reading]

    def getWriters(self) -> list[Any]:
        """Descriptors that are written to, and attempts to connect."""
        return [*super().getWriters(), *self._hub.attempts]

    def removeReader(self, reader: Any) -> None:
        """Do not read from `reader` any more."""
        if reader in self._hub.transports:
            reader.stopReading()
        else:
            super().removeReader(reader)

    def removeAll(self) -> list[Any]:
        """Forget what `getReaders` and `getWriters` tell, and return it; who calls this ends it."""
        hub = self._hub
        reading = [transport for transport in hub.transports if transport.reading]
        for transport in reading:
            transport.stopReading()
        removed = [*super().removeAll(), *hub.attempts, *hub.ports, *reading]
        hub.attempts.clear()
        hub.ports.clear()
        hub.transports.difference_update(reading)
        return removed

    def disconnectAll(self) -> None:
        """End all that is open: the reactor stops."""
        super().disconnectAll()
        for transport in [*self._hub.transports]:
            transport.connectionLost(Failure(ConnectionLost()))

    # -- IReactorProcess

    def spawnProcess(self, *args: Any, **kw: Any) -> IProcessTransport:
        """See `twisted.internet.interfaces.IReactorProcess`."""
        child: IProcessTransport = super().spawnProcess(*args, **kw)
        self._children.watch(child)
        return child

    # -- IReactorTime

    def timeout(self) -> float | None:
        """Seconds until the next delayed call, in whole milliseconds: what the loop counts in.

        A loop that woke up a little too early would find nothing to do, again and again.
        """
        seconds = super().timeout()
        return None if seconds is None else math.ceil(seconds * 1000) / 1000

    # -- IReactorFromThreads

    def callFromThread(  # type: ignore[override]  # Twisted's two disagree about a name
        self, f: Callable[..., Any], *args: object, **kwargs: object
    ) -> None:
        """See `twisted.internet.interfaces.IReactorFromThreads`.

        Calls that come together wake the loop once, and are no delayed calls.
        """
        self.threadCallQueue.append((f, args, kwargs))
        if not self._called:  # asked after the call is in the queue, set back before it is read
            self._called = True
            self.loop.call_soon_threadsafe(self._make_calls)

    def _make_calls(self) -> None:
        self._called = False
        self.runUntilCurrent()

    # -- IReactorCore

    def startRunning(self, installSignalHandlers: bool = True) -> None:
        """Begin to run; `run` does that."""
        super().startRunning(installSignalHandlers=installSignalHandlers)
        if installSignalHandlers:
            self._children.handle_signal()

    def crash(self) -> None:
        """Stop at once, and with the reactor its loop, unless that belongs to somebody else."""
        if self._guest:
            PosixReactorBase.crash(self)
        else:
            super().crash()

    # -- in a loop that runs

    def join(self) -> None:
        """Begin to run as a guest of the loop, which runs already.

        The reactor stops in good order when the loop ends (`asyncio.run` cancels what is left).
        When the reactor is stopped, the loop goes on.
        """
        self._guest = True
        self._over = self.loop.create_future()
        self.startRunning(installSignalHandlers=False)
        self.addSystemEventTrigger("after", "shutdown", self._over.set_result, None)
        self._stay = self.loop.create_task(self._stop_with_loop(self._over))

    async def _stop_with_loop(self, over: asyncio.Future[None]) -> None:
        try:
            await asyncio.shield(over)
        except asyncio.CancelledError:
            if self.running:
                self.stop()
            await over
            raise

    async def stopped(self) -> None:
        """Wait until the reactor has stopped; for programs that run it as a guest."""
        if self._over is not None:
            await asyncio.shield(self._over)
