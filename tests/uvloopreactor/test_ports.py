"""Listening."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import CannotListenError, UnsupportedAddressFamily
from twisted.internet.interfaces import IListeningPort
from twisted.internet.tcp import makeBinding
from zope.interface.verify import verifyObject

from cyclone.uvloopreactor import UvloopReactor

from .support import Clients, Echo, Servers, finished


def test_a_port_is_bound_at_once_and_closed_by_and_by(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        servers = Servers()
        port: Any = ours.listenTCP(0, servers, interface="127.0.0.1")
        assert verifyObject(IListeningPort, port)
        assert port.connected
        assert servers.running == 1
        number = port.getHost().port
        assert f"of {Servers} on {number}" in repr(port)
        assert port in ours.getReaders()
        assert port.fileno() == port.socket.fileno()
        assert port.logPrefix().endswith("Servers")
        with pytest.raises(CannotListenError) as raised:
            ours.listenTCP(number, Servers(), interface="127.0.0.1")
        assert raised.value.port == number
        stopping = port.stopListening()
        assert port.loseConnection() is stopping
        await finished(stopping)
        assert servers.running == 0
        assert port.disconnected
        assert not port.connected
        assert port.fileno() == -1
        assert "(not listening)" in repr(port)
        assert port.stopListening() is None
        port.connectionLost()
        with pytest.raises(RuntimeError, match="does not listen"):
            port.getHost()
        port.startListening()
        assert servers.running == 1
        await finished(port.stopListening())

    run(check)


def test_places_that_are_none(ours: UvloopReactor, tmp_path: Path) -> None:
    with pytest.raises(OverflowError):
        ours.listenTCP(70000, Servers())
    with pytest.raises(CannotListenError):
        ours.listenTCP(0, Servers(), interface="203.0.113.1")
    with pytest.raises(CannotListenError):
        ours.listenUNIX(str(tmp_path / "no" / "directory"), Servers())
    with pytest.raises(UnsupportedAddressFamily):
        ours.adoptStreamPort(0, -1, Servers())


def test_backlog_and_binding(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        binding = makeBinding("127.0.0.1", 0, reuseAddress=True, reusePort=True)
        first: Any = ours.listenTCP(binding, Servers(), backlog=7)
        assert first.backlog == 7
        assert first.socket.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
        same = makeBinding("127.0.0.1", first.getHost().port, reusePort=True)
        second: Any = ours.listenTCP(same, Servers())
        assert second.getHost() == first.getHost()
        await finished(first.stopListening())
        await finished(second.stopListening())

    run(check)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_adopted(family: int, ours: UvloopReactor, run: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")

    async def check() -> None:
        servers, clients = Servers(Echo), Clients()
        with socket.socket(family, socket.SOCK_STREAM) as bound:
            bound.bind(path if family == socket.AF_UNIX else ("127.0.0.1", 0))
            bound.listen(5)
            port = ours.adoptStreamPort(bound.fileno(), family, servers)
        if family == socket.AF_UNIX:
            ours.connectUNIX(path, clients)
        else:
            ours.connectTCP("127.0.0.1", port.getHost().port, clients)
        client = await clients.one()
        await client.until(lambda: client.events)
        client.transport.write(b"x")
        await client.gets(b"x")
        client.transport.loseConnection()
        await client.lost()
        await (await servers.one()).lost()
        await finished(port.stopListening())

    run(check)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_adopted_connections(family: int, ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        servers = Servers(Echo)
        if family == socket.AF_UNIX:
            here, there = socket.socketpair()
        else:
            with socket.create_server(("127.0.0.1", 0)) as listening:
                here = socket.create_connection(listening.getsockname())
                there = listening.accept()[0]
        with here, there:
            ours.adoptStreamConnection(there.fileno(), family, servers)
            there.close()
            server = await servers.one()
            await server.until(lambda: server.events)
            assert "adopted" in server.transport.logPrefix()
            assert "Echo on" in repr(server.transport)
            here.sendall(b"x")
            await server.gets(b"x")
            server.transport.loseConnection()
            await server.lost()
            assert here.recv(10) == b"x"
            assert here.recv(10) == b""

    run(check)


def test_locked_unix_sockets(ours: UvloopReactor, run: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")

    async def check() -> None:
        port: Any = ours.listenUNIX(path, Servers(), mode=0o600, wantPID=True)
        assert os.stat(path).st_mode & 0o777 == 0o600
        assert repr(path) in repr(port)
        with pytest.raises(CannotListenError, match="Cannot acquire lock"):
            ours.listenUNIX(path, Servers(), wantPID=True)
        await finished(port.stopListening())
        assert os.listdir(tmp_path) == []
        assert "(not listening)" in repr(port)

    run(check)


def test_a_unix_socket_that_was_left_behind(ours: UvloopReactor, run: Any, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
    # A process that cannot be: numbers go up to 2**22.
    (tmp_path / "socket.lock").symlink_to(str(2**22 + 1))

    async def check() -> None:
        port: Any = ours.listenUNIX(str(path), Servers(), wantPID=True)
        await finished(port.stopListening())

    run(check)


def test_a_file_in_the_way_stays(ours: UvloopReactor, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    path.write_text("precious")
    (tmp_path / "socket.lock").symlink_to(str(2**22 + 1))
    with pytest.raises(CannotListenError):
        ours.listenUNIX(str(path), Servers(), wantPID=True)
    assert path.read_text() == "precious"
