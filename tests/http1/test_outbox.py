"""`http1.outbox` on real sockets: what the in-memory transports cannot show."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import defer, tcp, unix
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from cyclone.http1 import Outbox, PeerGone
from cyclone.http1.departures import Departures
from cyclone.uvloopreactor import UvloopReactor
from cyclone.web import Application, RequestHandler, asynchronous

PIECE = b"0123456789abcdef" * 4096  # 64 KiB
GET = b"GET %b HTTP/1.1\r\nHost: a\r\n%b\r\n"
LAST = b"Connection: close\r\n"


class Reader(Protocol):
    """A client that can stop reading; `done` fires with all it got when the server closes."""

    def __init__(self, request: bytes, *, reading: bool = True) -> None:
        self.request = request
        self.reading = reading
        self.received = bytearray()
        self.done: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        transport: Any = self.transport
        if not self.reading:
            transport.pauseProducing()
        transport.write(self.request)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.done.callback(bytes(self.received))


class Whole(RequestHandler):
    def get(self) -> None:
        self.write(PIECE * int(self.get_argument("n")))

    def post(self) -> None:
        self.write(self.request.body)


class Awaiting(RequestHandler):
    """Writes without end as far as the peer reads, and notes how far it came."""

    pieces = 0
    ended: list[object] = []

    async def get(self) -> None:
        cls = type(self)
        try:
            for _ in range(int(self.get_argument("n"))):
                self.write(PIECE)
                await self.flush()
                cls.pieces += 1
        except PeerGone as gone:
            cls.ended.append(gone)
            raise


class Held(RequestHandler):
    """Leaves the response open."""

    transports: list[Any] = []

    @asynchronous
    def get(self) -> None:
        self.transports.append(self.request.connection._connection.transport)
        self.write(b"first")
        self.flush()
        self.write(b"second")
        self.flush()


@pytest.fixture
def serve(reactor: Any) -> Any:
    """Listen on a free port; ``connect(client)`` connects to it."""
    ports: list[Any] = []

    def start(**settings: Any) -> Callable[[Protocol], Deferred[Any]]:
        application = Application(
            [("/whole", Whole), ("/awaiting", Awaiting), ("/held", Held)],
            log_function=lambda handler: None,
            **settings,
        )
        port = application.listen(0, "127.0.0.1")
        ports.append(port)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        return lambda client: connectProtocol(endpoint, client)

    Awaiting.pieces, Awaiting.ended, Held.transports = 0, [], []
    start.ports = ports  # type: ignore[attr-defined]
    return start


async def close(serve: Any) -> None:
    for port in serve.ports:
        await port.stopListening()


def body_of(response: bytes) -> bytes:
    return response.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("pieces", [0, 1, 2, 3, 5, 40])
async def test_a_response_of_any_size_arrives_whole(serve: Any, pieces: int) -> None:
    client = Reader(GET % (b"/whole?n=%d" % pieces, LAST))
    await serve()(client)
    body = body_of(await client.done)
    assert len(body) == pieces * len(PIECE)
    assert hashlib.sha256(body).digest() == hashlib.sha256(PIECE * pieces).digest()
    await close(serve)


@pytest.mark.parametrize("size", [1, 100, 500])
async def test_pipelined_responses_arrive_in_order(serve: Any, size: int) -> None:
    requests = b"".join(GET % (b"/whole?n=%d" % (n % 2), b"") for n in range(size))
    client = Reader(requests + GET % (b"/whole?n=3", LAST))
    await serve()(client)
    answer = await client.done
    sizes = [int(part.split(b"\r\n")[0]) for part in answer.split(b"Content-Length: ")[1:]]
    assert sizes == [n % 2 * len(PIECE) for n in range(size)] + [3 * len(PIECE)]
    await close(serve)


async def test_a_slow_reader_gets_everything_and_holds_the_handler(
    serve: Any, reactor: Any
) -> None:
    client = Reader(GET % (b"/awaiting?n=400", LAST), reading=False)
    await serve()(client)
    came, before = 0, -1
    while came != before:  # until nothing moves any more
        before = came
        await deferLater(reactor, 0.1)
        came = Awaiting.pieces
    assert 0 < came < 400  # 25 MiB do not fit between the two
    transport: Any = client.transport
    transport.resumeProducing()
    answer = await client.done
    assert Awaiting.pieces == 400
    assert answer.count(PIECE) == 400
    await close(serve)


async def test_a_handler_that_awaits_a_fast_reader_leaves_the_others_their_turn(
    serve: Any, reactor: Any
) -> None:
    connect = serve()
    endless = Reader(GET % (b"/awaiting?n=100000", b""))
    await connect(endless)
    other = Reader(GET % (b"/whole?n=1", LAST))
    await connect(other)
    assert len(body_of(await other.done)) == len(PIECE)
    transport: Any = endless.transport
    transport.abortConnection()
    await endless.done
    while not Awaiting.ended:
        await deferLater(reactor, 0.01)
    assert Awaiting.pieces < 100000
    await close(serve)


async def test_a_peer_that_does_not_read_is_dropped(serve: Any, reactor: Any) -> None:
    client = Reader(GET % (b"/whole?n=400", LAST), reading=False)
    await serve(write_timeout=0.5)(client)
    (port,) = serve.ports
    while not port.factory.connections:
        await deferLater(reactor, 0.01)
    while port.factory.connections:
        await deferLater(reactor, 0.01)
    transport: Any = client.transport
    transport.resumeProducing()
    assert len(await client.done) < 400 * len(PIECE)
    await close(serve)


class Sipping(Reader):
    """Takes a pause after each of the first pieces."""

    sips = 30

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if self.sips:
            self.sips -= 1
            transport: Any = self.transport
            transport.pauseProducing()
            client_reactor().callLater(0.15, transport.resumeProducing)


async def test_a_peer_that_reads_slowly_is_not(serve: Any) -> None:
    client = Sipping(GET % (b"/whole?n=200", LAST))
    await serve(write_timeout=2)(client)  # which passes while it sips
    assert len(body_of(await client.done)) == 200 * len(PIECE)
    await close(serve)


def client_reactor() -> Any:
    from twisted.internet import reactor

    return reactor


async def test_what_is_flushed_in_one_event_leaves_in_one_send(
    serve: Any, monkeypatch: pytest.MonkeyPatch, reactor: Any
) -> None:
    if isinstance(reactor, UvloopReactor):
        pytest.skip("its transports are others; see tests/uvloopreactor")
    sent: list[bytes] = []
    original = tcp.Server.writeSomeData

    def watched(self: Any, data: bytes) -> Any:
        sent.append(bytes(data))
        return original(self, data)

    monkeypatch.setattr(tcp.Server, "writeSomeData", watched)
    client = Reader(GET % (b"/held", b""))
    await serve()(client)
    while b"second" not in client.received:
        await deferLater(reactor, 0.001)
    assert len(sent) == 1
    assert sent[0].index(b"first") < sent[0].index(b"second")
    transport: Any = client.transport
    transport.loseConnection()
    await client.done
    for held in Held.transports:
        held.abortConnection()
    await deferLater(reactor, 0.01)
    await close(serve)


@pytest.mark.parametrize("taken", [0, 7])
async def test_what_a_socket_does_not_take_follows(
    serve: Any, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    original = tcp.Server.writeSomeData
    calls: list[bytes] = []

    def reluctant(self: Any, data: bytes) -> Any:
        calls.append(data)
        if len(calls) > 1:
            return original(self, data)
        return original(self, data[:taken]) if taken else 0

    monkeypatch.setattr(tcp.Server, "writeSomeData", reluctant)
    client = Reader(GET % (b"/whole?n=1", b"") + GET % (b"/whole?n=0", LAST))
    await serve()(client)
    answer = await client.done
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(PIECE) == 1
    await close(serve)


class Patient(Reader):
    """Sends the body when it is told to go on."""

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if self.received == b"HTTP/1.1 100 Continue\r\n\r\n":
            transport: Any = self.transport
            transport.write(b"hello")


async def test_a_body_that_waits_for_100_continue(serve: Any) -> None:
    client = Patient(
        b"POST /whole?n=0 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
        b"Connection: close\r\n\r\n"
    )
    await serve()(client)
    assert (await client.done).endswith(b"\r\n\r\nhello")
    await close(serve)


async def test_unix_sockets(tmp_path: Path, reactor: Any) -> None:
    path = str(tmp_path / "socket")
    application = Application([("/whole", Whole)], log_function=lambda handler: None)
    port = reactor.listenUNIX(path, application)
    assert isinstance(reactor, UvloopReactor) or port.transport is unix.Server
    client = Reader(GET % (b"/whole?n=9", LAST))
    await connectProtocol(UNIXClientEndpoint(reactor, path), client)
    assert body_of(await client.done) == PIECE * 9
    await defer.maybeDeferred(port.stopListening)


# -- whole responses


class Sends:
    """What leaves by the way of `writeSomeData`, and what the socket took of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, limit: int | None = None) -> None:
        self.offered: list[int] = []
        original = tcp.Server.writeSomeData

        def write(server: Any, data: Any) -> Any:
            if type(server) is tcp.Server and data:
                self.offered.append(len(data))
            return original(server, data if limit is None else bytes(data[:limit]))

        monkeypatch.setattr(tcp.Server, "writeSomeData", write)


class Sized(RequestHandler):
    def get(self) -> None:
        self.write(bytes(int(self.get_argument("n"))))


async def fetch(reactor: Any, requests: bytes) -> bytes:
    application = Application([("/", Sized)], log_function=lambda handler: None)
    port = application.listen(0, "127.0.0.1")
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    client = Reader(requests)
    await connectProtocol(endpoint, client)
    answer = await client.done
    await port.stopListening()
    return answer


async def test_a_whole_response_leaves_in_one_send(
    reactor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sends = Sends(monkeypatch)
    answer = await fetch(reactor, GET % (b"/?n=100000", LAST))
    assert len(body_of(answer)) == 100_000
    if sends.offered:  # other reactors have transports of their own
        assert sends.offered == [len(answer)]


async def test_what_is_left_of_a_whole_response_follows_in_slices(
    reactor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sends = Sends(monkeypatch, limit=10_000)
    answer = await fetch(reactor, GET % (b"/?n=120000", LAST))
    assert len(body_of(answer)) == 120_000
    if sends.offered:
        assert sends.offered[0] == len(answer)
        assert max(sends.offered[1:]) == len(PIECE)  # the write timeout sees the progress


@pytest.mark.parametrize("limit", [None, 50_000])
async def test_pipelined_whole_responses_leave_one_by_one(
    reactor: Any, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    sends = Sends(monkeypatch, limit)
    sizes = [100_000, 10, 90_000, 100_000, 200_000, 10, 70_000]
    requests = [GET % (b"/?n=%d" % size, b"") for size in sizes[:-1]]
    requests.append(GET % (b"/?n=%d" % sizes[-1], LAST))
    answer = await fetch(reactor, b"".join(requests))
    parts = answer.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert [len(body_of(part)) for part in parts] == sizes
    if sends.offered:
        assert max(sends.offered) <= 131072


class Recorder:
    """A transport that keeps the pieces apart."""

    TLS = False

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.write = self.written.append

    def registerProducer(self, producer: object, streaming: bool) -> None:
        assert streaming


def test_what_is_written_when_the_peer_has_caught_up_leaves_in_one_piece() -> None:
    transport = Recorder()
    outbox = Outbox(transport, lambda: None, Departures(lambda _: None))
    outbox.pauseProducing()
    outbox.send(b"first")

    def go_on(_: None) -> None:
        outbox.send(b"second, ")
        outbox.send(b"third")

    outbox.drained().addCallback(go_on)
    outbox.resumeProducing()
    assert transport.written == [b"first", b"second, third"]
    assert outbox.clear
    outbox.send(b"fourth")
    assert transport.written[-1] == b"fourth"
