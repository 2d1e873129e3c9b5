"""The same over real sockets: TCP, Unix, TLS. What a transport of memory cannot show.

Nothing here waits for time to pass: a handler tells when it has to wait for its peer.
"""

from __future__ import annotations

import hashlib
import ssl as stdlib_ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    SSL4ClientEndpoint,
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
    connectProtocol,
)
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater

from cyclone.deploy.tls import has_native_tls, tls_context, tls_options
from cyclone.http1 import PeerGone
from cyclone.testing import ResponseParser, parse_responses
from cyclone.web import Application, RequestHandler, asynchronous, stream_request_body

from .support import GET, recorded_log

KINDS = ["tcp", "unix", "tls"]
PIECE = b"0123456789abcdef" * 4096
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
CERTIFICATE = trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.bytes()


class Peer(Protocol):
    """A client that reads when it is told to; `done` fires at the end of the connection."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.done: Deferred[None] = Deferred()
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        for ready, deferred in self._waiting[:]:
            if ready():
                self._waiting.remove((ready, deferred))
                deferred.callback(None)

    def connectionLost(self, reason: Any = None) -> None:
        self.done.callback(None)

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    def hold(self) -> None:
        """Read no more."""
        self.transport.pauseProducing()

    async def hold_at_once(self) -> None:
        """Read no more than the beginning of the answer; TLS could not even shake hands."""
        await self.until(lambda: len(self.received) > 0)
        self.hold()

    def release(self) -> None:
        """Read on."""
        self.transport.resumeProducing()

    def until(self, ready: Callable[[], bool]) -> Deferred[None]:
        """Fires when `ready` says so after something was received."""
        deferred: Deferred[None] = Deferred()
        if ready():
            deferred.callback(None)
        else:
            self._waiting.append((ready, deferred))
        return deferred

    def responses(self, *methods: str) -> list[ResponseParser]:
        return parse_responses(bytes(self.received), methods)


@asynccontextmanager
async def serving(
    app: Application, kind: str, reactor: Any, path: Path
) -> AsyncIterator[Callable[[], Deferred[Peer]]]:
    """Serve `app`; gives a function that connects a peer to it."""
    socket = str(path / "socket")
    if kind == "tcp":
        port = reactor.listenTCP(0, app, interface="127.0.0.1")
    elif kind == "unix":
        port = reactor.listenUNIX(socket, app)
    else:
        certificate = path / "certificate"
        certificate.write_bytes(CERTIFICATE)
        options = tls_options(str(certificate), str(certificate))
        port = reactor.listenSSL(0, app, options, interface="127.0.0.1")

    def connect() -> Deferred[Peer]:
        if kind == "unix":
            return connectProtocol(UNIXClientEndpoint(reactor, socket), Peer())
        number = port.getHost().port
        if kind == "tcp":
            return connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", number), Peer())
        anyone = ssl.CertificateOptions(verify=False)
        return connectProtocol(SSL4ClientEndpoint(reactor, "127.0.0.1", number, anyone), Peer())

    try:
        yield connect
    finally:
        await port.stopListening()
        await app.drain(0)


def notes_of(handler: type[RequestHandler], **settings: Any) -> tuple[Application, list[Any]]:
    notes: list[Any] = []
    return Application([("/", handler, {"notes": notes})], **settings), notes


class Noting(RequestHandler):
    """Has notes, and tells through `blocked` when it has to wait for its peer."""

    blocked: Deferred[None]

    def initialize(self, notes: list[Any]) -> None:
        self.notes = notes

    def on_finish(self) -> None:
        self.notes.append("on_finish")

    def tell_if_blocked(self, waiting: Any) -> Any:
        """Pass an awaitable of flush() on."""
        if isinstance(waiting, Deferred) and not waiting.called and not self.blocked.called:
            self.blocked.callback(None)
        return waiting


# --- responses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_a_slow_reader_makes_the_handler_wait(
    kind: str, reactor: Any, tmp_path: Path
) -> None:
    class Handler(Noting):
        blocked: Deferred[None] = Deferred()

        async def get(self) -> None:
            for number in range(400):
                self.write(PIECE)
                await self.tell_if_blocked(self.flush())
                self.notes.append(number)

    app, notes = notes_of(Handler)
    async with serving(app, kind, reactor, tmp_path) as connect:
        peer = await connect()
        peer.send(LAST)
        await peer.hold_at_once()
        await Handler.blocked
        assert len(notes) < 400
        (connection,) = app.connections
        assert connection.outbox.queued <= 4 * len(PIECE)
        peer.release()
        await peer.done
    (response,) = peer.responses()
    assert response.body == PIECE * 400
    assert notes == [*range(400), "on_finish"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_large_response(kind: str, reactor: Any, tmp_path: Path) -> None:
    body = bytes(range(256)) * 80_000  # 20 MB that tells when a piece is out of place

    class Handler(Noting):
        def get(self) -> None:
            self.write(body)

    app, notes = notes_of(Handler)
    async with serving(app, kind, reactor, tmp_path) as connect:
        peer = await connect()
        peer.send(GET + GET + LAST)
        await peer.hold_at_once()
        for _ in range(5):
            await deferLater(reactor, 0)
        assert notes.count("on_finish") <= 1  # the next one waits until the peer has read
        peer.release()
        await peer.done
    digests = {hashlib.sha256(response.body).digest() for response in peer.responses()}
    assert digests == {hashlib.sha256(body).digest()}
    assert len(peer.responses()) == 3


@pytest.mark.parametrize("kind", KINDS)
async def test_many_requests_at_once(kind: str, reactor: Any, tmp_path: Path) -> None:
    class Handler(Noting):
        async def get(self) -> None:
            number = len(self.notes)
            if number % 3 == 0:
                await deferLater(reactor, 0)
            self.write(str(number))
            if number % 5 == 0:
                self.flush()

    app, notes = notes_of(Handler)
    async with serving(app, kind, reactor, tmp_path) as connect:
        peer = await connect()
        peer.send(GET * 499 + LAST)
        await peer.done
    assert [int(response.body) for response in peer.responses()] == list(range(500))
    assert notes == ["on_finish"] * 500


@pytest.mark.parametrize("kind", KINDS)
async def test_who_does_not_read_is_dropped(kind: str, reactor: Any, tmp_path: Path) -> None:
    """The README's clock, with one listener who reads and one who does not."""
    listeners: list[RequestHandler] = []

    class Handler(Noting):
        @asynchronous
        def get(self) -> None:
            self.set_header("Content-Type", "text/plain")
            self.flush()
            listeners.append(self)
            self.notifyFinish().addCallback(lambda _: listeners.remove(self))

    app, notes = notes_of(Handler, write_buffer_limit=4 * len(PIECE))
    async with serving(app, kind, reactor, tmp_path) as connect:
        reader, deaf = await connect(), await connect()
        for peer in (reader, deaf):
            peer.send(GET)
            await peer.until(lambda peer=peer: b"\r\n\r\n" in peer.received)
        assert len(listeners) == 2
        deaf.hold()
        ticks = 0
        with recorded_log() as lines:
            while len(listeners) == 2:
                ticks += 1
                assert ticks < 1000
                for listener in list(listeners):
                    listener.write(PIECE)
                    listener.flush()
                await reader.until(lambda: len(reader.received) > ticks * len(PIECE))  # noqa: B023
        assert any("does not read" in line.text for line in lines)
        assert notes == ["on_finish"]
        listeners[0].finish("bye")
        await reader.until(lambda: reader.received.endswith(b"3\r\nbye\r\n0\r\n\r\n"))
        deaf.release()
        await deaf.done
        reader.transport.loseConnection()
        await reader.done
    (response,) = parse_responses(bytes(reader.received), closed=False)
    assert response.body == PIECE * ticks + b"bye"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_peer_that_leaves_while_it_is_waited_for(
    kind: str, reactor: Any, tmp_path: Path
) -> None:
    ended: Deferred[None] = Deferred()

    class Handler(Noting):
        blocked: Deferred[None] = Deferred()

        async def get(self) -> None:
            try:
                while True:
                    self.write(PIECE)
                    await self.tell_if_blocked(self.flush())
            except PeerGone:
                self.notes.append("gone")
                raise

        def on_finish(self) -> None:
            super().on_finish()
            ended.callback(None)

    app, notes = notes_of(Handler)
    async with serving(app, kind, reactor, tmp_path) as connect:
        peer = await connect()
        peer.send(GET)
        await peer.hold_at_once()
        await Handler.blocked
        peer.transport.abortConnection()
        await ended
        await peer.done
    assert notes == ["gone", "on_finish"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["transport", "detach", "no_keep_alive"])
async def test_ways_to_close(kind: str, way: str, reactor: Any, tmp_path: Path) -> None:
    class Handler(Noting):
        @asynchronous
        def get(self) -> None:
            if way == "transport":
                self.transport.write(PIECE * 10)
                self.transport.loseConnection()
            elif way == "detach":
                transport = self.detach()
                transport.write(PIECE * 10)
                transport.loseConnection()
            else:
                self.request.connection.no_keep_alive = True
                self.finish(PIECE * 10)

    app, notes = notes_of(Handler)
    async with serving(app, kind, reactor, tmp_path) as connect:
        peer = await connect()
        peer.send(GET)
        await peer.done
    assert peer.received.endswith(PIECE * 10)
    assert notes == ["on_finish"]


@pytest.mark.parametrize("kind", KINDS)
async def test_detach_after_a_flush(kind: str, reactor: Any, tmp_path: Path) -> None:
    """What HTTP has written comes first, also when the peer is slow."""

    class Upper(Protocol):
        def dataReceived(self, data: bytes) -> None:
            self.transport.write(data.upper())
            self.transport.loseConnection()

    class Handler(Noting):
        def get(self) -> None:
            self.write(PIECE)
            self.flush()
            self.detach(Upper())

    app, notes = notes_of(Handler)
    async with serving(app, kind, reactor, tmp_path) as connect:
        peer = await connect()
        peer.send(GET + b"raw")
        await peer.done
    head, _, rest = bytes(peer.received).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest == b"%x\r\n%b\r\nRAW" % (len(PIECE), PIECE)
    assert notes == ["on_finish"]


# --- requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_a_slow_handler_makes_the_peer_wait(kind: str, reactor: Any, tmp_path: Path) -> None:
    gate: Deferred[None] = Deferred()
    size = 300 * len(PIECE)

    @stream_request_body
    class Handler(Noting):
        def prepare(self) -> None:
            self.size = 0

        async def data_received(self, chunk: bytes) -> None:
            self.size += len(chunk)
            self.notes.append(len(chunk))
            await gate

        def post(self) -> None:
            self.write(str(self.size))

    app, notes = notes_of(Handler)
    async with serving(app, kind, reactor, tmp_path) as connect:
        peer = await connect()
        head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        peer.send(head % size)
        for _ in range(300):
            peer.send(PIECE)
        for _ in range(200):
            await deferLater(reactor, 0)
        assert len(notes) == 1
        gate.callback(None)
        await peer.done
    (response,) = peer.responses("POST")
    assert int(response.body) == size
    assert notes[-1] == "on_finish"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_large_upload(kind: str, reactor: Any, tmp_path: Path) -> None:
    body = bytes(range(256)) * 20_000

    class Handler(Noting):
        def post(self) -> None:
            self.write(hashlib.sha256(self.request.body).hexdigest())

    app, _ = notes_of(Handler, max_memory_file_size=1000)
    async with serving(app, kind, reactor, tmp_path) as connect:
        peer = await connect()
        head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        peer.send(head % len(body) + body)
        await peer.done
    assert peer.responses("POST")[0].body.decode() == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
async def test_an_upload_that_is_refused_can_read_why(
    kind: str, reactor: Any, tmp_path: Path
) -> None:
    """The close is a lingering one: a reset would destroy the answer."""

    class Handler(Noting):
        def post(self) -> None:
            raise AssertionError("the body is too large")

    app, notes = notes_of(Handler, max_body_size=1000)
    async with serving(app, kind, reactor, tmp_path) as connect:
        peer = await connect()
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        peer.send(head % (1 << 20) + bytes(1 << 20))
        await peer.until(lambda: b"accepts\n" in peer.received)
        peer.transport.loseConnection()
        await peer.done
    assert peer.responses("POST")[0].status == 413
    assert notes == []


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_a_half_closed_peer_gets_its_answer(kind: str, reactor: Any, tmp_path: Path) -> None:
    class Handler(Noting):
        async def get(self) -> None:
            await deferLater(reactor, 0)
            await deferLater(reactor, 0)
            self.write(PIECE)

    app, notes = notes_of(Handler)
    async with serving(app, kind, reactor, tmp_path) as connect:
        peer = await connect()
        peer.send(GET + GET)
        peer.transport.loseWriteConnection()
        await peer.done
    assert [response.body for response in peer.responses()] == [PIECE, PIECE]
    assert notes == ["on_finish"] * 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["lost", "aborted"])
async def test_watchers_hear_that_the_peer_left(
    kind: str, how: str, reactor: Any, tmp_path: Path
) -> None:
    started: Deferred[None] = Deferred()
    ended: Deferred[None] = Deferred()

    class Handler(Noting):
        @asynchronous
        def get(self) -> None:
            self.notifyFinish().addCallback(lambda result: self.notes.append(result))
            started.callback(None)

        def on_connection_close(self, reason: Any) -> None:  # type: ignore[override]
            self.notes.append("closed")

        def on_finish(self) -> None:
            super().on_finish()
            ended.callback(None)

    app, notes = notes_of(Handler)
    async with serving(app, kind, reactor, tmp_path) as connect:
        peer = await connect()
        peer.send(GET)
        await started
        if how == "lost":
            peer.transport.loseConnection()
        else:
            peer.transport.abortConnection()
        await ended
        await peer.done
    assert notes == ["closed", "on_finish", None]


# --- the end -------------------------------------------------------------------------------------


class Sleeper(Protocol):
    """A client that shakes hands, over TLS, and asks; from then on it answers nothing.

    `done` fires with the reason for the end of the connection.
    """

    def __init__(self, sent: bytes) -> None:
        context = stdlib_ssl.SSLContext(stdlib_ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, stdlib_ssl.CERT_NONE
        self._in, self._out = stdlib_ssl.MemoryBIO(), stdlib_ssl.MemoryBIO()
        self._session = context.wrap_bio(self._in, self._out)
        self._sent = sent
        self.answered: Deferred[None] = Deferred()
        self.done: Deferred[Any] = Deferred()

    def connectionMade(self) -> None:
        self._shake_hands()

    def dataReceived(self, data: bytes) -> None:
        self._in.write(data)
        if self._sent:
            self._shake_hands()
        elif not self.answered.called:
            self.answered.callback(None)

    def _shake_hands(self) -> None:
        with suppress(stdlib_ssl.SSLWantReadError):
            self._session.do_handshake()
            self._session.write(self._sent)
            self._sent = b""
        self.transport.write(self._out.read())

    def connectionLost(self, reason: Any = None) -> None:
        self.done.callback(reason.type)


@pytest.mark.parametrize("native", [False, True])
async def test_over_tls_who_does_not_say_goodbye_is_not_waited_for(
    native: bool, reactor: Any, tmp_path: Path
) -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.write("hello")

    if native and not has_native_tls(reactor):
        pytest.skip("this reactor leaves TLS to Twisted")
    certificate = tmp_path / "certificate"
    certificate.write_bytes(CERTIFICATE)
    both = str(certificate), str(certificate)
    app = Application([("/", Handler)], linger_timeout=0.1, drain_timeout=8)
    if native:
        port = reactor.listenTLS(0, app, tls_context(*both), interface="127.0.0.1")
    else:
        port = reactor.listenSSL(0, app, tls_options(*both), interface="127.0.0.1")
    address = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    peer = await connectProtocol(address, Sleeper(GET))
    await peer.answered
    await port.stopListening()
    await app.drain()
    # Cut at the end of `drain_timeout` it would have been a reset.
    assert await peer.done is ConnectionDone
