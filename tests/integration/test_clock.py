"""The clock of the readme with a thousand clients, and with one that never reads."""

from __future__ import annotations

import contextlib
import resource
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import GET, ask, connect, copied, reset, resident

pytestmark = pytest.mark.slow

MIB = 1 << 20
CLIENTS = 1000

# The example, and a page that tells how many clients it has.
COUNTED = """
import clock
import cyclone.web


class Count(cyclone.web.RequestHandler):
    def get(self):
        self.write(str(len(clock.MessagesMixin.clients)))


class Application(clock.Application):
    def __init__(self):
        super().__init__()
        self.add_handlers(".*", [("/clients", Count)])
"""

# A peer with little room: small segments keep the server's send buffer small, too.
CRAMPED = (
    (socket.SOL_SOCKET, socket.SO_RCVBUF, 2048),
    (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536),
)


class Clock:
    """A running clock that ticks fast and says much.

    Attributes:
        line: bytes that each client is sent at each tick.
    """

    def __init__(self, start: Callable[..., Any], directory: Path, port: int) -> None:
        self._start = start
        self._directory = directory
        self.port = port
        self.line = 0

    def run(self, *, every: float, repeat: int, **settings: Any) -> None:
        """Tick `every` so many seconds with a line that says the time `repeat` times."""
        keywords = "".join(f", {name}={value!r}" for name, value in settings.items())
        copied(
            "clock.py",
            self._directory,
            ("start(1)", f"start({every})"),
            ("time.ctime()", f"time.ctime() * {repeat}"),
            ('[("/", MainHandler)])', f'[("/", MainHandler)]{keywords})'),
        )
        (self._directory / "counted.py").write_text(COUNTED)
        arguments = ["cyclone", "-r", "counted.Application", "-p", str(self.port)]
        self.process = self._start(*arguments, cwd=self._directory, port=self.port)
        text = 24 * repeat + 2
        self.line = len(f"{text:x}\r\n") + text + 2

    def clients(self) -> int:
        return int(ask(self.port, "/clients").text)

    def resident(self) -> int:
        return resident(self.process.pid)


@pytest.fixture
def clock(twistd: Callable[..., Any], tmp_path: Path, free_port: int) -> Clock:
    return Clock(twistd, tmp_path, free_port)


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process, and what it starts, open as many sockets as the test needs."""
    needed = CLIENTS + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            pytest.skip(f"this system allows {hard} open files")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Crowd:
    """Clients that read all that comes, as long as somebody waits for something."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.received: dict[socket.socket, int] = {}
        self.last: dict[socket.socket, bytes] = {}

    def add(self, client: socket.socket) -> None:
        client.sendall(GET)
        client.setblocking(False)
        self.received[client] = 0
        self._selector.register(client, selectors.EVENT_READ)

    def remove(self, client: socket.socket) -> None:
        self._selector.unregister(client)
        del self.received[client]

    def read_until(self, ready: Callable[[], object], what: str, seconds: float = 30) -> None:
        """Read until `ready`, which is asked now and then."""
        deadline = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < deadline, f"it did not happen in {seconds} s: {what}"
            self._read(min(deadline, time.monotonic() + 0.05))

    def read_more(self, size: int) -> None:
        """Read until each client has `size` bytes more than now."""
        goal = {client: received + size for client, received in self.received.items()}

        def behind() -> int:
            return sum(self.received[client] < wanted for client, wanted in goal.items())

        self.read_until(lambda: not behind(), f"each of {len(goal)} clients gets {size} bytes more")

    def _read(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                client: Any = key.fileobj
                data = client.recv(262144)
                assert data, "the server has dropped a client that reads"
                self.received[client] += len(data)
                self.last[client] = data


@contextlib.contextmanager
def crowd_of(number: int, port: int) -> Iterator[Crowd]:
    crowd = Crowd()
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            crowd.add(stack.enter_context(connect(port)))
        yield crowd


def never_reading(port: int) -> contextlib.AbstractContextManager[socket.socket]:
    return connect(port, *CRAMPED)


def ends_well(process: Any) -> None:
    assert process.stop() in (0, -signal.SIGTERM)
    assert "Traceback" not in process.output
    assert "Unhandled" not in process.output


def test_a_thousand_clients(clock: Clock, many_files: None) -> None:
    clock.run(every=0.05, repeat=100, write_buffer_limit=65536, write_timeout=30)
    with never_reading(clock.port) as stuck, crowd_of(CLIENTS - 1, clock.port) as crowd:
        stuck.sendall(GET)
        crowd.read_until(lambda: clock.clients() == CLIENTS, "all have come")
        crowd.read_more(3 * clock.line)
        before = clock.resident()

        # Sixty lines for each, and whatever else it takes to get rid of the one.
        crowd.read_more(60 * clock.line)
        crowd.read_until(
            lambda: "bytes wait for a peer that does not read" in clock.process.output,
            "the one that never reads is dropped",
        )
        crowd.read_more(3 * clock.line)
        after = clock.resident()
        assert clock.clients() == CLIENTS - 1
        assert clock.process.output.count("Connection aborted") == 1
        print(f"resident: {before / MIB:.1f} MiB, then {after / MIB:.1f} MiB")
        assert after - before < 16 * MIB, "lines pile up somewhere"
        assert all(b":" in last for last in crowd.last.values())

        for number, client in enumerate(list(crowd.received)[: CLIENTS // 2]):
            crowd.remove(client)
            reset(client) if number % 2 else client.close()
        left = CLIENTS - 1 - CLIENTS // 2
        crowd.read_until(lambda: clock.clients() == left, "those that leave are removed")
        crowd.read_more(3 * clock.line)
        for client in list(crowd.received):
            crowd.remove(client)
            client.close()
        crowd.read_until(lambda: clock.clients() == 0, "all that leave are removed")
    ends_well(clock.process)


def test_the_memory_that_one_client_costs(clock: Clock) -> None:
    # Readers that are late for a moment must lose lines at most, so nobody is dropped for that.
    limits = {"write_buffer_limit": 65536, "write_buffer_policy": "drop", "write_timeout": 4}
    clock.run(every=0.01, repeat=20_000, **limits)
    with never_reading(clock.port) as stuck, crowd_of(2, clock.port) as crowd:
        crowd.read_more(3 * clock.line)
        before = clock.resident()
        stuck.sendall(GET)
        crowd.read_more(150 * clock.line)  # 70 MiB
        after = clock.resident()
        print(f"resident: {before / MIB:.1f} MiB, then {after / MIB:.1f} MiB")
        assert after - before < 16 * MIB, "lines pile up for a client that never reads"
        crowd.read_until(lambda: clock.clients() == 2, "the one that never reads is dropped")
        crowd.read_more(3 * clock.line)
    ends_well(clock.process)
