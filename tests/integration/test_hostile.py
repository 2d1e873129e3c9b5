"""Peers that are slow, broken or ill-disposed, against a server in a process of its own.

Each test ends with a look at the server: it answers as before, and nothing went wrong inside.
"""

from __future__ import annotations

import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import (
    GET,
    answer_of,
    ask,
    connect,
    read_answer,
    receive,
    receive_until,
    reset,
    resident,
    wait_until,
)

pytestmark = pytest.mark.slow

MIB = 1 << 20

APP = """
import cyclone.web
from twisted.internet import reactor, task


class MainHandler(cyclone.web.RequestHandler):
    def get(self):
        self.write("hello, world")

    def post(self):
        self.write("got %d bytes" % len(self.request.body))


class LaterHandler(cyclone.web.RequestHandler):
    async def get(self):
        await task.deferLater(reactor, 0.2, lambda: None)
        self.write("hello, later world")


class BigHandler(cyclone.web.RequestHandler):
    def get(self):
        self.write("x" * 65536)


class StreamHandler(cyclone.web.RequestHandler):
    async def get(self):
        for _ in range(64):
            self.write("x" * 65536)
            await self.flush()
        await task.deferLater(reactor, 3, lambda: None)
        self.write("the end")


class CountHandler(cyclone.web.RequestHandler):
    def get(self):
        self.write(str(len(self.application.connections)))


HANDLERS = [
    ("/", MainHandler),
    ("/later", LaterHandler),
    ("/big", BigHandler),
    ("/stream", StreamHandler),
    ("/count", CountHandler),
]
"""

# A peer with little room: small segments keep the server's send buffer small, too.
CRAMPED = (
    (socket.SOL_SOCKET, socket.SO_RCVBUF, 2048),
    (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536),
)


class Server:
    """A running server: its port and its process."""

    def __init__(self, port: int, process: Any) -> None:
        self.port = port
        self.process = process

    def resident(self) -> int:
        return resident(self.process.pid)

    def connections(self) -> int:
        """How many connections it has, beside the one that asks."""
        return int(ask(self.port, "/count").text) - 1

    def is_alone(self) -> bool:
        return self.connections() == 0

    def is_well(self) -> bool:
        answer = ask(self.port)
        return (answer.status, answer.text) == (200, "hello, world")


@pytest.fixture
def serve(
    twistd: Callable[..., Any], tmp_path: Path, free_port: int
) -> Iterator[Callable[..., Server]]:
    """Serve with these settings; when the test ends the server must be well and let go of all."""
    servers: list[Server] = []

    def start(**settings: Any) -> Server:
        keywords = "".join(f", {name}={value!r}" for name, value in settings.items())
        text = f"{APP}\n\nApplication = lambda: cyclone.web.Application(HANDLERS{keywords})\n"
        (tmp_path / "hostile.py").write_text(text)
        arguments = ["cyclone", "-r", "hostile.Application", "-p", str(free_port)]
        server = Server(free_port, twistd(*arguments, cwd=tmp_path, port=free_port))
        assert server.is_well()
        servers.append(server)
        return server

    yield start
    for server in servers:
        assert server.is_well()
        wait_until(server.is_alone, "all connections are gone")
        assert server.process.stop() in (0, -signal.SIGTERM)
        assert "Traceback" not in server.process.output
        assert "Unhandled" not in server.process.output


# --- slow ones -----------------------------------------------------------------------------------


def trickle(client: socket.socket, data: bytes) -> bytes:
    """Send byte by byte until the server says something; return all that it says.

    Fails if everything could be sent.
    """
    client.settimeout(0.05)
    for byte in data:
        client.send(bytes([byte]))
        with suppress(TimeoutError):
            received = client.recv(65536)
            break
    else:
        pytest.fail(f"the server took {len(data)} bytes without a word")
    client.settimeout(15)
    return received + receive(client)


def test_a_header_section_that_does_not_end(serve: Callable[..., Server]) -> None:
    server = serve(header_timeout=1)
    with connect(server.port) as client:
        answer = answer_of(trickle(client, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"a" * 1000))
    assert answer.status == 408
    assert answer.fields["connection"] == "close"


def test_many_header_sections_that_do_not_end(serve: Callable[..., Server]) -> None:
    server = serve(header_timeout=1)
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server.port)) for _ in range(100)]
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow")
        assert server.is_well()
        assert {answer_of(receive(client)).status for client in clients} == {408}


@pytest.mark.parametrize(
    "settings", [{"body_timeout": 1}, {"body_grace": 0.5, "body_min_rate": 1000}]
)
def test_a_body_that_does_not_end(serve: Callable[..., Server], settings: dict[str, Any]) -> None:
    server = serve(**settings)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    with connect(server.port) as client:
        client.sendall(head)
        answer = answer_of(trickle(client, b"a" * 999))
    assert answer.status == 408
    assert answer.fields["connection"] == "close"


def test_idle_connections_are_dropped(serve: Callable[..., Server]) -> None:
    server = serve(idle_connection_timeout=2)
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server.port)) for _ in range(200)]
        for _ in range(100):  # the others never say a word
            client = stack.enter_context(connect(server.port))
            client.sendall(GET)
            assert read_answer(client).text == "hello, world"
            clients.append(client)
        for client in clients:
            assert receive(client) == b""


# --- ones that do not read -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/big"])
def test_pipelining_without_reading(serve: Callable[..., Server], path: str) -> None:
    server = serve(write_timeout=2)
    requests = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 1000
    before = server.resident()
    sent = 0
    with connect(server.port, *CRAMPED) as client:
        with pytest.raises((ConnectionResetError, BrokenPipeError)):  # it is dropped
            while sent < 256 * MIB:
                sent += client.send(requests)
        after = server.resident()
    print(f"{sent / MIB:.2f} MiB sent; {before / MIB:.1f} MiB, then {after / MIB:.1f} MiB")
    assert sent < 256 * MIB, "the server reads what it cannot answer"
    assert after - before < 8 * MIB


def test_a_large_response_that_nobody_reads(serve: Callable[..., Server]) -> None:
    server = serve(write_timeout=1)
    with connect(server.port, *CRAMPED) as client:
        client.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(server.is_alone, "it is dropped")
        with pytest.raises(ConnectionResetError):
            receive(client)


# --- ones that leave -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text"), [("/", "hello, world"), ("/later", "hello, later world")]
)
def test_half_closed(serve: Callable[..., Server], path: str, text: str) -> None:
    server = serve()
    with connect(server.port) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        client.shutdown(socket.SHUT_WR)
        answer = answer_of(receive(client))
    assert (answer.status, answer.text) == (200, text)


def test_half_closed_after_a_pipeline(serve: Callable[..., Server]) -> None:
    server = serve()
    with connect(server.port) as client:
        client.sendall(GET * 100)
        client.shutdown(socket.SHUT_WR)
        assert receive(client).count(b"hello, world") == 100


def test_half_closed_and_slow_to_read(serve: Callable[..., Server]) -> None:
    server = serve(write_timeout=1, half_close_timeout=30)
    with connect(server.port, *CRAMPED) as client:
        client.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        # It reads well; the handler, which pauses at the end, has 30 seconds for that.
        assert receive(client).endswith(b"\r\nthe end\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        GET,
        b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n" * 50,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
    ],
)
def test_reset_in_the_middle(serve: Callable[..., Server], begun: bytes) -> None:
    server = serve()
    for _ in range(20):
        with connect(server.port) as client:
            client.sendall(begun)
            reset(client)
    wait_until(server.is_alone, "all of them are gone")


@pytest.mark.parametrize(
    "begun",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
    ],
)
def test_closed_in_the_middle(serve: Callable[..., Server], begun: bytes) -> None:
    server = serve()
    with connect(server.port) as client:
        client.sendall(begun)
        client.shutdown(socket.SHUT_WR)
        assert receive(client) == b""


# --- ones that speak something else --------------------------------------------------------------


def client_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(client_hello(), id="TLS"),
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", id="SSH"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(b"\x00" * 1000, id="zeros"),
        pytest.param(bytes(range(256)) * 40, id="all bytes"),
        pytest.param(b"\xff" * 100_000, id="no end"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n", id="bad name"),
        pytest.param(b"GET / HTTP/1.1\nHost: x\n\n", id="bare LF"),
    ],
)
def test_no_http(serve: Callable[..., Server], data: bytes) -> None:
    server = serve(linger_timeout=10)
    with connect(server.port) as client:
        client.sendall(data)
        answer = answer_of(receive(client))
    assert answer.status in (400, 414, 505)
    assert answer.fields["connection"] == "close"
    assert answer.text.startswith(f"{answer.status} ")
    print(answer.text)


def test_a_tls_client(serve: Callable[..., Server]) -> None:
    server = serve()
    with connect(server.port) as client, pytest.raises(ssl.SSLError):
        ssl.create_default_context().wrap_socket(client, server_hostname="localhost")


# --- ones that send too much ---------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_refused_while_sending(serve: Callable[..., Server], method: str) -> None:
    server = serve(max_body_size=MIB, linger_timeout=15)
    before = server.resident()
    size = 50 * MIB
    block = bytes(MIB)
    with connect(server.port) as client:
        head = f"{method} / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
        client.sendall(head.encode())
        for _ in range(size // MIB):  # reads nothing before all is out
            client.sendall(block)
        answer = answer_of(receive_until(client, b"\r\n\r\n") + receive(client))
        after = server.resident()
    print(f"{before / MIB:.1f} MiB, then {after / MIB:.1f} MiB")
    assert answer.status == (413 if method == "POST" else 405)
    assert answer.fields["connection"] == "close"
    assert after - before < 8 * MIB


def test_too_large_in_chunks(serve: Callable[..., Server]) -> None:
    server = serve(max_body_size=MIB, linger_timeout=15)
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    with connect(server.port) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(50 * 16):
            client.sendall(chunk)
        answer = answer_of(receive(client))
    assert answer.status == 413
