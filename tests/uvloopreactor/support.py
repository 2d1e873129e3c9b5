"""Protocols that remember, and ways to wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from zope.interface import implementer


class Recorder(Protocol):
    """Notes what happens to it; ``until`` waits for something to be so."""

    def __init__(self) -> None:
        self.received = b""
        self.pieces: list[bytes] = []
        self.events: list[str] = []
        self.reason: Any = None
        self._changed = asyncio.Event()

    def connectionMade(self) -> None:
        self.note("made")

    def dataReceived(self, data: bytes) -> None:
        assert type(data) is bytes
        self.received += data
        self.pieces.append(data)
        self._changed.set()

    def connectionLost(self, reason: Any = None) -> None:
        self.reason = reason
        self.note("lost")

    def note(self, event: str) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def lost(self) -> Any:
        await self.until(lambda: self.reason is not None)
        return self.reason.type

    async def gets(self, data: bytes) -> None:
        await self.until(lambda: data in self.received)


class Echo(Recorder):
    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        self.transport.write(data)


@implementer(IHalfCloseableProtocol)
class Half(Recorder):
    def readConnectionLost(self) -> None:
        self.note("read lost")

    def writeConnectionLost(self) -> None:
        self.note("write lost")


class Servers(Factory):
    """Makes servers; keeps them."""

    noisy = False

    def __init__(self, make: Callable[[], Any] = Recorder) -> None:
        self.make = make
        self.made: list[Any] = []
        self.addresses: list[Any] = []
        self.running = 0
        self._changed = asyncio.Event()

    def doStart(self) -> None:
        self.running += 1

    def doStop(self) -> None:
        self.running -= 1

    def buildProtocol(self, addr: Any) -> Any:
        self.addresses.append(addr)
        self._changed.set()
        protocol = self.make()
        if protocol is not None:
            protocol.factory = self
            self.made.append(protocol)
        return protocol

    async def one(self) -> Any:
        while not self.made:
            self._changed.clear()
            await self._changed.wait()
        return self.made[-1]


class Clients(ClientFactory, Servers):  # type: ignore[misc]
    """Makes clients; notes what becomes of the attempts."""

    noisy = False

    def __init__(self, make: Callable[[], Any] = Recorder) -> None:
        Servers.__init__(self, make)
        self.notes: list[Any] = []

    def startedConnecting(self, connector: Any) -> None:
        self.notes.append("started")

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        self.notes.append(reason.type)
        self._changed.set()

    def clientConnectionLost(self, connector: Any, reason: Any) -> None:
        self.notes.append(("lost", reason.type))
        self._changed.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def failure(self) -> Any:
        await self.until(lambda: len(self.notes) > 1)
        return self.notes[-1]


class Pair:
    """A client and a server that are connected, over TCP or a UNIX socket."""

    def __init__(self, reactor: Any, server: Any = Recorder, client: Any = Recorder) -> None:
        self.reactor = reactor
        self.servers = Servers(server)
        self.clients = Clients(client)
        self.port: Any = None
        self.connector: Any = None

    async def __aenter__(self) -> tuple[Any, Any]:
        return await self.tcp()

    async def tcp(self) -> tuple[Any, Any]:
        self.port = self.reactor.listenTCP(0, self.servers, interface="127.0.0.1")
        self.connector = self.reactor.connectTCP(
            "127.0.0.1", self.port.getHost().port, self.clients
        )
        return await self._both()

    async def unix(self, path: Any) -> tuple[Any, Any]:
        self.port = self.reactor.listenUNIX(str(path), self.servers)
        self.connector = self.reactor.connectUNIX(str(path), self.clients)
        return await self._both()

    async def _both(self) -> tuple[Any, Any]:
        server, client = await self.servers.one(), await self.clients.one()
        await server.until(lambda: "made" in server.events)
        await client.until(lambda: "made" in client.events)
        return server, client

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        for protocol in [*self.servers.made, *self.clients.made]:
            if protocol.reason is None:
                protocol.transport.abortConnection()
                await protocol.lost()
        await finished(self.port.stopListening())


async def finished(deferred: Any) -> Any:
    return None if deferred is None else await deferred.asFuture(asyncio.get_running_loop())
