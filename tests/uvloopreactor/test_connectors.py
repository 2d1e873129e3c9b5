"""Connecting."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import error
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.base import BlockingResolver
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IConnector
from twisted.internet.tcp import makeBinding
from zope.interface.verify import verifyObject

from cyclone.uvloopreactor import UvloopReactor

from .support import Clients, Pair, Servers, finished


def test_connect_disconnect_and_again(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        pair = Pair(ours)
        async with pair as (server, client):
            connector = pair.connector
            assert verifyObject(IConnector, connector)
            assert connector.state == "connected"
            assert connector.transport is client.transport
            assert connector.getDestination() == pair.port.getHost()
            assert "connected" in repr(connector)
            with pytest.raises(RuntimeError, match="can't connect in this state"):
                connector.connect()
            with pytest.raises(error.NotConnectingError):
                connector.stopConnecting()
            connector.disconnect()
            await client.lost()
            await server.lost()
            assert pair.clients.running == 0
            assert pair.clients.notes == ["started", ("lost", error.ConnectionDone)]
            connector.disconnect()
            connector.connect()
            await pair.clients.until(lambda: len(pair.clients.made) == 2)
            await pair.servers.one()

    run(check)


def test_refused(ours: UvloopReactor, run: Any, free_port: int, tmp_path: Path) -> None:
    async def check() -> None:
        clients = Clients()
        ours.connectTCP("127.0.0.1", free_port, clients)
        assert await clients.failure() is error.ConnectionRefusedError
        assert clients.running == 0
        clients = Clients()
        ours.connectTCP("127.0.0.1", 70000, clients)
        assert await clients.failure() is OverflowError
        clients = Clients()
        connector = ours.connectUNIX(str(tmp_path / "none"), clients)
        assert connector.getDestination() == UNIXAddress(str(tmp_path / "none"))
        assert issubclass(await clients.failure(), error.ConnectError)
        clients = Clients()
        ours.connectUNIX(str(tmp_path / "none"), clients, checkPID=True)
        assert await clients.failure() is error.BadFileError

    run(check)


def test_bind(ours: UvloopReactor, run: Any, free_port: int) -> None:
    async def check() -> None:
        servers = Servers()
        port: Any = ours.listenTCP(0, servers, interface="127.0.0.1")
        number = port.getHost().port
        for bind in [("127.0.0.1", free_port), makeBinding("127.0.0.1", 0, reusePort=True)]:
            clients = Clients()
            ours.connectTCP("127.0.0.1", number, clients, bindAddress=bind)
            client = await clients.one()
            await client.until(lambda client=client: client.events)
            if isinstance(bind, tuple):
                assert client.transport.getHost() == IPv4Address("TCP", *bind)
            client.transport.abortConnection()
            await client.lost()
        clients = Clients()
        ours.connectTCP("127.0.0.1", number, clients, bindAddress=("203.0.113.1", 0))
        assert await clients.failure() is error.ConnectBindError
        for server in servers.made:
            await server.lost()
        await finished(port.stopListening())

    run(check)


def test_names(ours: UvloopReactor, run: Any) -> None:
    class Resolver(BlockingResolver):
        def getHostByName(self, name: str, timeout: Any = ()) -> Deferred[str]:
            return succeed("127.0.0.1") if name == "known" else fail(error.DNSLookupError(name))

    async def check() -> None:
        ours.installResolver(Resolver())
        servers, clients = Servers(), Clients()
        port: Any = ours.listenTCP(0, servers, interface="127.0.0.1")
        ours.connectTCP("known", port.getHost().port, clients)
        client = await clients.one()
        await client.until(lambda: client.events)
        client.transport.abortConnection()
        await client.lost()
        await (await servers.one()).lost()
        clients = Clients()
        ours.connectTCP("unknown", 1, clients)
        assert await clients.failure() is error.DNSLookupError
        await finished(port.stopListening())

    run(check)
    with pytest.raises(error.ServiceNameUnknownError):
        ours.connectTCP("127.0.0.1", "no such service", Clients())  # type: ignore[arg-type]


class Full:
    """A place that does not answer: as many wait there as may."""

    def __init__(self, path: Path) -> None:
        self.path = str(path / "full")
        self.sockets: list[socket.socket] = []

    def __enter__(self) -> str:
        listening = self._new()
        listening.bind(self.path)
        listening.listen(0)
        waiting = self._new()
        waiting.connect(self.path)
        return self.path

    def _new(self) -> socket.socket:
        self.sockets.append(socket.socket(socket.AF_UNIX))
        return self.sockets[-1]

    def __exit__(self, *_: object) -> None:
        for opened in self.sockets:
            opened.close()


def test_timeout_and_giving_up(ours: UvloopReactor, run: Any, tmp_path: Path) -> None:
    async def check() -> None:
        with Full(tmp_path) as path:
            clients = Clients()
            connector = ours.connectUNIX(path, clients, timeout=0.01)
            assert await clients.failure() is error.TimeoutError
            clients = Clients()
            connector = ours.connectUNIX(path, clients, timeout=None)
            while not ours.getWriters():
                await asyncio.sleep(0)
            attempt = connector.transport
            assert ours.connections == [attempt]
            assert path in repr(attempt)
            assert attempt.logPrefix() == "Uninitialized"
            connector.disconnect()
            assert clients.notes == ["started", error.UserError]
            assert connector.state == "disconnected"
            attempt.fail(None)
            clients = Clients()
            ours.connectUNIX(path, clients)
            while not ours.getWriters():
                await asyncio.sleep(0)
            ours.disconnectAll()
            assert await clients.failure() is error.ConnectError

    run(check)


def test_giving_up_at_every_step(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        servers = Servers()
        port: Any = ours.listenTCP(0, servers, interface="127.0.0.1")
        for turns in range(8):
            clients = Clients()
            connector = ours.connectTCP("127.0.0.1", port.getHost().port, clients)
            for _ in range(turns):
                await asyncio.sleep(0)
            if connector.state == "connecting":
                connector.stopConnecting()
                assert clients.notes == ["started", error.UserError]
                assert clients.made == []
            else:
                connector.disconnect()
            while ours.connections != [port]:
                await asyncio.sleep(0)
        await finished(port.stopListening())

    run(check)


def test_factories_that_fail(
    ours: UvloopReactor, run: Any, free_port: int, logged_failures: Any
) -> None:
    class Failing(Clients):
        def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
            super().clientConnectionFailed(connector, reason)
            raise ZeroDivisionError

    async def check() -> None:
        clients = Failing()
        ours.connectTCP("127.0.0.1", free_port, clients)
        await clients.failure()

    run(check)
    assert len(logged_failures.flush(ZeroDivisionError)) == 1
