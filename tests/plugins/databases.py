"""Database servers that tests start: one of each kind in a session, and a proxy to cut off.

A test may kill a server, or stop it, if it starts it again.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import connectionDone
from twisted.protocols.portforward import (
    ProxyClient,
    ProxyClientFactory,
    ProxyFactory,
    ProxyServer,
)
from twisted.python.failure import Failure

from bench.postgres import USER, NoPostgres, Postgres
from tests.plugins.processes import Process, unused_port
from tests.plugins.reactor import global_reactor

HOST = "127.0.0.1"


def postgres_url(server: Any, database: str = "postgres", options: str = "") -> str:
    """The URL of a database on a server (or on a proxy) by its ``port``."""
    return f"postgresql://{USER}:unused@{HOST}:{server.port}/{database}{options}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server: `bench.postgres.Postgres`."""
    try:
        server = Postgres()
    except NoPostgres as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    with server:
        yield server


class MariaDB:
    """A MariaDB server that asks nobody who he is, over TCP, TLS and a unix socket.

    Attributes:
        directory: with ``socket`` and ``ca.pem``, the certificate of who has signed the server's.
    """

    def __init__(self, program: str, directory: Path) -> None:
        self.port = unused_port()
        self.directory = directory
        authority = trustme.CA()
        certificate = authority.issue_cert(HOST)
        authority.cert_pem.write_to_path(directory / "ca.pem")
        certificate.private_key_pem.write_to_path(directory / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(directory / "certificate.pem")
        self._command = [
            program,
            "--no-defaults",
            f"--datadir={directory}",
            f"--socket={directory}/socket",
            f"--port={self.port}",
            f"--bind-address={HOST}",
            "--skip-grant-tables",
            f"--ssl-cert={directory}/certificate.pem",
            f"--ssl-key={directory}/key.pem",
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-log-file-size=4M",
            "--innodb-buffer-pool-size=8M",
            # Without it nobody could start it as root.
            *(["--user=root"] if os.geteuid() == 0 else []),
        ]
        self._process: Process | None = None
        self.start()

    def start(self) -> None:
        """Start it, after `kill` again."""
        self._process = Process(self._command)
        try:
            self._process.wait_for_line("ready for connections")
        except BaseException:
            self._process.kill()
            raise

    def signal(self, number: int) -> None:
        """Send it a signal."""
        if self._process is not None:
            self._process.signal(number)

    def kill(self) -> None:
        """End it as a crash would."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()


@pytest.fixture(scope="session")
def mariadb(
    program: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MariaDB]:
    """A MariaDB server of the system's; its database is ``test``."""
    import pymysql

    server = MariaDB(program("mariadbd", "mysqld"), tmp_path_factory.mktemp("mariadb"))
    with contextlib.closing(
        pymysql.connect(host=HOST, port=server.port, user="root")
    ) as connection:
        connection.cursor().execute("CREATE DATABASE test")
    yield server
    server.kill()


class _Forwarded(ProxyServer):
    """A connection through the proxy."""

    noisy = False
    factory: Any

    def connectionMade(self) -> None:
        self.factory.proxy.connections.append(self)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        if not self.factory.proxy.silent:
            super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self in self.factory.proxy.connections:
            self.factory.proxy.connections.remove(self)
        super().connectionLost(reason)


class Proxy:
    """Something between a client and a server that cuts connections when it is told to.

    Attributes:
        port: where it listens.
        answer: how many bytes of an answer to let through before the connection is cut; None: all.
        silent: whether what clients send is thrown away.
        connections: those that are open.
    """

    def __init__(self, port: int) -> None:
        self.answer: int | None = None
        self.silent = False
        self.connections: list[_Forwarded] = []
        factory = _Factory(HOST, port)
        factory.proxy = self
        self._listening = global_reactor().listenTCP(0, factory, interface=HOST)
        self.port = self._listening.getHost().port

    def cut(self) -> None:
        """Abort all connections."""
        for connection in list(self.connections):
            connection.transport.abortConnection()

    def close(self) -> Any:
        """Cut everything and listen no more."""
        self.cut()
        return self._listening.stopListening()


class _Factory(ProxyFactory):
    protocol = _Forwarded
    noisy = False
    proxy: Proxy

    def buildProtocol(self, addr: IAddress) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.clientProtocolFactory = lambda: _client_factory(self.proxy)
        return protocol


def _client_factory(proxy: Proxy) -> Any:
    class Client(ProxyClient):
        def dataReceived(self, data: bytes) -> None:
            if proxy.answer is not None:
                self.peer.transport.write(data[: proxy.answer])
                self.peer.transport.loseConnection()
                self.transport.abortConnection()
                return
            super().dataReceived(data)

    factory = ProxyClientFactory()
    factory.noisy = False
    factory.protocol = Client
    return factory
