"""The load generator: right answers are counted, wrong ones end the run, each asked one counts."""

from __future__ import annotations

import shutil
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from bench.cases import CASES, EVENTS, Case, WrongAnswer, file_content
from bench.fixtures import Fixtures
from bench.generator import Generator, Load, LoadError, NoCompiler, Shape, program
from bench.probe import probe

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="the benchmark runs on Linux"),
]

PLAIN = CASES["plaintext"]
HELLO = b"hello, world"
SHORT = Shape(connections=1, warmup=0.01, seconds=0.03)


@pytest.fixture(autouse=True)
def compiler(program: Callable[..., str]) -> None:
    program("cc", "gcc", "clang")


def answer(body: bytes = HELLO, status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n{more}CONTENT-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def chunked(*chunks: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])


class Peer:
    """A server whose connections are each served by a thread, with ``serve(socket)``."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.port: int = self._listener.getsockname()[1]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                thread = threading.Thread(target=self._talk, args=(sock,))
                self._threads.append(thread)
                thread.start()

    def _talk(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):  # the client leaves whenever it wants
            self._serve(sock)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()


@contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    peer = Peer(serve)
    try:
        yield peer.port
    finally:
        peer.close()


def replying(*pieces: bytes, seen: list[bytes] | None = None) -> Callable[[socket.socket], None]:
    """Answer each request with the pieces, each sent on its own; none: close."""

    def serve(sock: socket.socket) -> None:
        waiting = b""
        while data := sock.recv(65536):
            *requests, waiting = (waiting + data).split(b"\r\n\r\n")
            for request in requests:
                if seen is not None:
                    seen.append(request)
                if not pieces:
                    return
                for piece in pieces:
                    sock.sendall(piece)

    return serve


def load(
    serve: Callable[[socket.socket], None],
    case: Case = PLAIN,
    shape: Shape = SHORT,
    expected: bytes = HELLO,
) -> Load:
    with serving(serve) as port, Generator(case, port, shape, expected) as generator:
        return generator.go()


@pytest.mark.parametrize(
    "pieces",
    [
        [answer()],
        [answer(more="X-Content-Length: 9\r\n")],
        [answer()[:10], answer()[10:90], answer()[90:]],
        [chunked(HELLO)],
        [chunked(b"hello", b", world")],
        [chunked(HELLO)[:-3], chunked(HELLO)[-3:]],
    ],
)
def test_answers_are_counted_however_they_come(pieces: list[bytes]) -> None:
    assert load(replying(*pieces)).answers > 0


def test_what_is_asked_is_counted_and_nothing_else() -> None:
    seen: list[bytes] = []
    loaded = load(replying(answer(), seen=seen), shape=replace(SHORT, warmup=0))
    assert len(seen) == loaded.answers + 1  # one when the connection was opened
    assert {request + b"\r\n\r\n" for request in seen} == {seen[0] + b"\r\n\r\n"}
    assert seen[0].startswith(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:")


def test_no_two_requests_of_visitors_are_the_same() -> None:
    seen: list[bytes] = []
    loaded = load(replying(answer(), seen=seen), CASES["visitors"], replace(SHORT, warmup=0))
    assert len(set(seen)) == len(seen) == loaded.answers + 1
    assert [request[-12:] for request in seen[:2]] == [b"000000000001", b"000000000002"]


@pytest.mark.parametrize("volley", [False, True])
def test_several_connections(volley: bool) -> None:
    seen: list[bytes] = []
    shape = Shape(connections=3, seconds=0.03, volley=volley)
    loaded = load(replying(answer(), seen=seen), shape=shape)
    assert loaded.answers == len(seen) - 3
    if volley:
        assert loaded.answers % 3 == 0


def test_pipelined_requests_are_sent_together() -> None:
    loaded = load(replying(answer()), CASES["pipelined"])
    assert loaded.answers > 0
    assert loaded.answers % 16 == 0


def test_a_big_answer_is_compared_whole() -> None:
    content = file_content()
    assert load(replying(answer(content)), expected=content).answers > 0
    with pytest.raises(LoadError, match="wrong body"):
        load(replying(answer(content[:-1] + b"!")), expected=content)


def test_requests_that_arrive_at_a_rate() -> None:
    seen: list[bytes] = []
    shape = Shape(connections=2, seconds=0.05, rate=2000)
    loaded = load(replying(answer(), seen=seen), shape=shape)
    assert 0 < loaded.answers == len(seen) - 2


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([], "closed a connection"),
        ([answer(b"hello, w0rld")], "wrong body"),
        ([answer(b"hello")], "wrong length"),
        ([answer(status="500 Oops")], "wrong status: HTTP/1.1 500"),
        ([b"HTTP/1.1 200 OK\r\n\r\n"], "without length"),
        ([chunked(b"hello, ", b"w0rld")], "wrong body"),
        ([chunked(b"hello")], "wrong length"),
        ([answer() + answer()], "nobody asked for"),
    ],
)
def test_a_wrong_answer_is_loud(pieces: list[bytes], message: str) -> None:
    with pytest.raises(LoadError, match=message):
        load(replying(*pieces))


def test_an_idle_connection_is_held_until_the_end() -> None:
    shape = Shape(connections=3, hold=True, sources=2)
    seen: list[bytes] = []
    with (
        serving(replying(answer(), seen=seen)) as port,
        Generator(PLAIN, port, shape, HELLO),
    ):
        assert len(seen) == 3


# --- WebSocket and event streams ------------------------------------------------------------------

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


def unmasked(frame: bytes) -> bytes:
    """Return a client's frame of less than 126 bytes as a server would send it."""
    mask, data = frame[2:6], frame[6:]
    text = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
    return bytes([frame[0], len(text)]) + text


def echoing(change: Callable[[bytes], bytes] = bytes) -> Callable[[socket.socket], None]:
    def serve(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(UPGRADED)
        while data := sock.recv(65536):
            sock.sendall(change(unmasked(data)))

    return serve


def test_echoed_messages_are_counted() -> None:
    assert load(echoing(), CASES["echo"]).answers > 0
    assert load(echoing(lambda frame: b"\x89\x01p" + frame), CASES["echo"]).answers > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame[:-1] + b"!", "wrong message"),
        (lambda frame: b"\x88\x00", "first byte 0x88"),
    ],
)
def test_a_wrong_message_is_loud(change: Callable[[bytes], bytes], message: str) -> None:
    with pytest.raises(LoadError, match=message):
        load(echoing(change), CASES["echo"])


def test_no_upgrade_no_messages() -> None:
    with pytest.raises(LoadError, match=r"not upgraded: HTTP/1\.1 404"):
        load(replying(answer(status="404 Not Found")), CASES["echo"])


def test_a_broadcast_is_heard_by_everybody() -> None:
    everybody: list[socket.socket] = []

    def serve(sock: socket.socket) -> None:
        sock.recv(65536)
        everybody.append(sock)
        sock.sendall(UPGRADED)
        while data := sock.recv(65536):
            for one in everybody:
                one.sendall(unmasked(data))

    loaded = load(serve, CASES["broadcast"], Shape(connections=3, seconds=0.03))
    assert loaded.answers > 0
    assert loaded.answers % 3 == 0


def events(count: int) -> bytes:
    return chunked(*[b'data: {"x": 1}\n\n'] * count)


@pytest.mark.parametrize("size", [7, 1000, 1 << 20])
def test_events_are_counted_in_any_cutting(size: int) -> None:
    stream = events(EVENTS)
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    loaded = load(replying(*pieces), CASES["events"])
    assert loaded.answers > 0
    assert loaded.answers % EVENTS == 0


def test_too_many_events() -> None:
    with pytest.raises(LoadError, match="too many events"):
        load(replying(events(EVENTS + 1)), CASES["events"])


# --- TLS, the compiler, the probe -----------------------------------------------------------------


def test_tls() -> None:
    with Fixtures() as fixtures:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(fixtures.path / "certificate.pem", fixtures.path / "key.pem")

    def serve(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as secure:
            replying(answer())(secure)

    try:
        assert load(serve, CASES["tls"]).answers > 0
    except LoadError as error:
        if "without OpenSSL" not in str(error):
            raise
    with serving(serve) as port:
        assert probe(CASES["tls"], port) == HELLO


def test_no_compiler_is_told(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.generator._BUILT", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NoCompiler, match="needs a C compiler"):
        program.__wrapped__()


def test_the_probe_returns_the_body_that_it_found_right() -> None:
    with serving(replying(chunked(b"hello", b", world"))) as port:
        assert probe(PLAIN, port) == HELLO


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([], "closed before the answer"),
        ([answer(b"bye")], "plaintext: body"),
        ([b"nonsense\r\n\r\n"], "status line"),
    ],
)
def test_the_probe_refuses(pieces: list[bytes], message: str) -> None:
    with serving(replying(*pieces)) as port, pytest.raises(WrongAnswer, match=message):
        probe(PLAIN, port)
