"""What lasts too long, and what is too much at once: the time limits of a connection, how much of
a pipelining client is served in one turn, and the graceful stop."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from twisted.internet.error import ConnectionAborted
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from cyclone.testing import MemoryConnection, ResponseParser
from cyclone.web import Application, RequestHandler, asynchronous, stream_request_body

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HOLD = GET.replace(b"/ ", b"/hold ")
LARGE = GET.replace(b"/ ", b"/large ")
CLOSING = GET[:-2] + b"Connection: close\r\n\r\n"
BAD = b"GET / HTTP/1.1\r\n\r\n"

#: The sweep comes twice a second, so a limit may be missed by that, and by the step of a test.
LATE = 1.0
OFF = [None, 0]


class Quick(RequestHandler):
    """Answers at once."""

    def get(self) -> None:
        self.write("quick")

    post = get


class Large(RequestHandler):
    """Answers with a megabyte."""

    def get(self) -> None:
        self.write(b"x" * 1024 * 1024)


class Hold(RequestHandler):
    """Answers when the test says so."""

    @asynchronous
    def get(self) -> None:
        self.application.held.append(self)

    post = get


class Body(RequestHandler):
    """Notes what becomes of its request."""

    def initialize(self) -> None:
        self.application.notes.append("initialize")

    def post(self) -> None:
        self.application.notes.append("post")
        self.write("done")

    def on_finish(self) -> None:
        self.application.notes.append("on_finish")


@stream_request_body
class Stream(Body):
    """Takes the body as it comes."""

    def data_received(self, chunk: bytes) -> None:
        pass


@stream_request_body
class AsyncStream(Body):
    """The same with coroutines."""

    async def prepare(self) -> None:
        pass

    async def data_received(self, chunk: bytes) -> None:
        pass

    async def post(self) -> None:
        super().post()


@stream_request_body
class Duplex(Body):
    """Answers while the body comes."""

    def prepare(self) -> None:
        size = int(self.get_argument("size", "3"))
        self.write(b"x" * size)
        self.flush()

    def data_received(self, chunk: bytes) -> None:
        pass


class Server:
    """An application whose time a test moves."""

    def __init__(self, **settings: Any) -> None:
        self.app: Any = Application(
            [
                ("/", Quick),
                ("/large", Large),
                ("/hold", Hold),
                ("/body", Body),
                ("/stream", Stream),
                ("/async", AsyncStream),
                ("/duplex", Duplex),
            ],
            **settings,
        )
        self.held: list[RequestHandler] = []
        self.notes: list[str] = []
        self.app.held = self.held
        self.app.notes = self.notes

    def connect(self, data: bytes = b"", **options: Any) -> MemoryConnection:
        connection = MemoryConnection(self.app, **options)
        if data:
            connection.send(data)
        return connection

    @property
    def clock(self) -> Clock:
        clock: Clock = self.app.clock
        return clock


def connect(data: bytes = b"", tls: bool = False, **settings: Any) -> MemoryConnection:
    return Server(**settings).connect(data, tls=tls)


def wait(connection: MemoryConnection, seconds: float) -> None:
    """Time passes as it does: in small steps."""
    connection.advance(seconds, steps=max(int(seconds * 4), 1))


def lasted(
    connection: MemoryConnection,
    ended: Callable[[MemoryConnection], bool] = lambda connection: connection.closed,
    meanwhile: Callable[[], object] = lambda: None,
) -> float:
    """How long it takes from now until the connection has `ended`, at most a quarter of an hour.

    Every second `meanwhile` is called.
    """
    for quarters in itertools.count():
        if ended(connection) or quarters > 3600:
            return quarters / 4
        if quarters and quarters % 4 == 0:
            meanwhile()
        connection.advance(0.25)
    raise AssertionError


def about(seconds: float) -> Any:
    """Not before `seconds`, and not much later."""
    return pytest.approx(seconds + LATE / 2, abs=LATE / 2)


def gone(connection: MemoryConnection) -> bool:
    return connection.transport.disconnected


def last_status(connection: MemoryConnection) -> int:
    return connection.responses()[-1].status


# --- header_timeout -------------------------------------------------------------------------------

PARTS = [1, 5, 15, 16, 20, len(GET) - 3, len(GET) - 1]


@pytest.mark.parametrize(
    ("before", "size"),
    [
        *itertools.product([b"", GET, GET * 3], PARTS),
        *((b"\r\n", size) for size in PARTS),
    ],
)
def test_a_head_that_does_not_end(before: bytes, size: int) -> None:
    connection = connect(before + GET[:size], header_timeout=3)
    assert lasted(connection) == about(3)
    response = connection.responses()[-1]
    assert (response.status, response.values("Connection")) == (408, ["close"])
    assert len(connection.responses()) == before.count(b"GET") + 1


def test_the_header_timeout_counts_from_the_first_byte() -> None:
    connection = connect(header_timeout=5)
    wait(connection, 30)
    rest = iter(GET)
    connection.send(bytes([next(rest)]))
    assert lasted(connection, meanwhile=lambda: connection.send(bytes([next(rest)]))) == about(5)
    assert last_status(connection) == 408


def test_each_head_has_its_own_time() -> None:
    connection = connect(header_timeout=5)
    for _ in range(4):
        connection.send(GET[:9])
        wait(connection, 4)
        connection.send(GET[9:])
        wait(connection, 4)
    assert [each.status for each in connection.responses()] == [200] * 4
    assert not connection.closed


def test_by_default_a_head_has_twenty_seconds() -> None:
    assert lasted(connect(b"GET")) == about(20)


@pytest.mark.parametrize("off", OFF)
def test_no_header_timeout(off: float | None) -> None:
    connection = connect(GET[:9], header_timeout=off)
    wait(connection, 600)
    connection.send(GET[9:])
    assert last_status(connection) == 200


def test_a_head_in_time_leaves_its_timer_behind() -> None:
    server = Server(header_timeout=3)
    connection = server.connect(HOLD[:9])
    wait(connection, 2)
    connection.send(HOLD[9:])
    wait(connection, 600)
    assert not connection.closed
    server.held[0].finish("late")
    assert last_status(connection) == 200


def test_a_head_in_pieces_is_over_when_it_is_complete() -> None:
    connection = connect(GET[:9], header_timeout=3, idle_connection_timeout=10)
    connection.send(GET[9:])
    assert lasted(connection) == about(10)
    assert [each.status for each in connection.responses()] == [200]


def test_the_head_after_a_busy_handler_has_its_time() -> None:
    server = Server(header_timeout=3)
    connection = server.connect(HOLD + GET[:9])
    wait(connection, 60)
    server.held[0].finish()
    assert lasted(connection) == about(3)
    assert [each.status for each in connection.responses()] == [200, 408]


# --- idle_connection_timeout ----------------------------------------------------------------------


@pytest.mark.parametrize("before", [b"", b"\r\n", b"\r", GET, GET * 3])
@pytest.mark.parametrize("tls", [False, True])
def test_an_idle_connection(before: bytes, tls: bool) -> None:
    connection = connect(before, tls=tls, idle_connection_timeout=10)
    received = connection.received
    assert lasted(connection, gone) == about(10)
    assert connection.received == received
    assert not connection.transport.aborted


def test_by_default_a_connection_may_be_idle_for_75_seconds() -> None:
    assert lasted(connect()) == about(75)
    assert lasted(connect(GET)) == about(75)


def test_requests_move_the_idle_timeout_on() -> None:
    connection = connect(idle_connection_timeout=10)
    for _ in range(6):
        wait(connection, 8)
        connection.send(GET)
    assert not connection.closed
    assert lasted(connection) == about(10)


@pytest.mark.parametrize("off", OFF)
def test_no_idle_timeout(off: float | None) -> None:
    for data in (b"", GET):
        connection = connect(data, idle_connection_timeout=off)
        wait(connection, 600)
        assert not connection.closed


def test_a_busy_connection_is_not_idle() -> None:
    server = Server(idle_connection_timeout=5)
    connection = server.connect(HOLD)
    wait(connection, 60)
    assert server.clock.getDelayedCalls() == []
    server.held[0].write("some")
    server.held[0].flush()
    wait(connection, 60)
    assert not connection.closed
    server.held[0].finish()
    assert lasted(connection) == about(5)
    assert connection.responses()[0].complete


# --- the body -------------------------------------------------------------------------------------

PATHS = [b"/body", b"/stream", b"/async"]
FRAMINGS = [b"Content-Length: 1000000", b"Transfer-Encoding: chunked"]
ENCODINGS = [b"", b"\r\nContent-Encoding: gzip"]


class Uploading:
    """A client in the middle of a body, which sends `rate` bytes a second if asked to."""

    def __init__(
        self, path: bytes, framing: bytes = FRAMINGS[0], encoding: bytes = b"", **settings: Any
    ) -> None:
        self.server = Server(decompress_request=bool(encoding), **settings)
        self.chunked = framing is FRAMINGS[1]
        self.connection = self.server.connect(
            b"POST %b HTTP/1.1\r\nHost: a\r\n%b%b\r\n\r\n" % (path, framing, encoding)
        )
        noise = Random(1).randbytes(60_000)  # which compression does not shorten
        self.data = gzip.compress(noise) if encoding else noise

    def send(self, size: int) -> None:
        data, self.data = self.data[:size], self.data[size:]
        assert len(data) == size
        self.connection.send(b"%x\r\n%b\r\n" % (size, data) if self.chunked else data)

    def lasts(self, rate: int) -> float:
        return lasted(self.connection, meanwhile=lambda: self.send(rate))

    def refused(self) -> list[int]:
        assert self.server.notes.count("on_finish") == self.server.notes.count("initialize") <= 1
        assert "post" not in self.server.notes
        return [each.status for each in self.connection.responses("POST")]


@pytest.mark.parametrize("encoding", ENCODINGS, ids=["plain", "gzip"])
@pytest.mark.parametrize("framing", FRAMINGS, ids=["sized", "chunked"])
@pytest.mark.parametrize("path", PATHS)
class TestBodies:
    """What holds for all of them."""

    def test_a_body_that_takes_too_long(self, path: bytes, framing: bytes, encoding: bytes) -> None:
        upload = Uploading(path, framing, encoding, body_timeout=8, body_min_rate=0)
        assert upload.lasts(100) == about(8)
        assert upload.refused() == [408]

    def test_a_body_that_is_too_slow(self, path: bytes, framing: bytes, encoding: bytes) -> None:
        upload = Uploading(path, framing, encoding, body_min_rate=100, body_grace=4)
        assert upload.lasts(60) == about(4)
        assert upload.refused() == [408]

    def test_a_body_that_keeps_up(self, path: bytes, framing: bytes, encoding: bytes) -> None:
        upload = Uploading(path, framing, encoding, body_min_rate=100, body_grace=4)
        for _ in range(20):
            upload.send(150)
            wait(upload.connection, 1)
        assert not upload.connection.closed
        assert upload.lasts(1) < 10  # and gets no credit for it
        assert upload.refused() == [408]


@pytest.mark.parametrize("path", PATHS)
def test_a_body_of_which_nothing_comes(path: bytes) -> None:
    upload = Uploading(path)
    assert lasted(upload.connection) == about(10)
    assert upload.refused() == [408]


@pytest.mark.parametrize("off", OFF)
@pytest.mark.parametrize("path", PATHS)
def test_no_limits_on_the_time_of_a_body(path: bytes, off: float | None) -> None:
    upload = Uploading(path, body_timeout=off, body_min_rate=0)
    wait(upload.connection, 600)
    assert not upload.connection.closed
    assert upload.server.clock.getDelayedCalls() == []


def test_one_limit_without_the_other() -> None:
    assert lasted(Uploading(b"/body", body_timeout=None).connection) == about(10)
    assert lasted(Uploading(b"/body", body_timeout=30, body_min_rate=0).connection) == about(30)


def test_no_grace() -> None:
    upload = Uploading(b"/body", body_min_rate=100, body_grace=0)
    assert lasted(upload.connection) <= 1.5
    assert upload.refused() == [408]


@pytest.mark.parametrize("path", PATHS)
def test_a_complete_body_leaves_its_timers_behind(path: bytes) -> None:
    server = Server(body_timeout=5, body_grace=2, idle_connection_timeout=None)
    data = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n" % path
    connection = server.connect(data)
    wait(connection, 1)
    connection.send(b"one")
    wait(connection, 60)
    assert last_status(connection) == 200
    assert not connection.closed


def test_the_timers_of_the_body_do_not_hurt_the_handler() -> None:
    server = Server(body_timeout=5, body_grace=2)
    data = b"POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
    connection = server.connect(data[:-3])
    connection.send(b"one")
    wait(connection, 60)
    assert server.clock.getDelayedCalls() == []
    server.held[0].finish("late")
    assert last_status(connection) == 200


def test_a_late_body_with_a_response_under_way() -> None:
    """What followed the response would be read as a part of it."""
    upload = Uploading(b"/duplex", body_timeout=3, body_min_rate=0)
    assert upload.lasts(10) == about(3)
    assert upload.connection.transport.aborted
    assert b"408" not in upload.connection.received
    assert upload.server.notes == ["initialize", "on_finish"]


# --- write_timeout --------------------------------------------------------------------------------


def slow_reader(server: Server, data: bytes, **options: Any) -> MemoryConnection:
    connection = server.connect(**options)
    connection.hold()
    connection.send(data)
    return connection


def test_a_peer_that_does_not_read() -> None:
    connection = slow_reader(Server(write_timeout=5), LARGE)
    assert lasted(connection) == about(5)
    assert connection.transport.aborted


def test_by_default_a_peer_has_a_minute_to_read() -> None:
    assert lasted(slow_reader(Server(), LARGE)) == about(60)


@pytest.mark.parametrize("off", OFF)
def test_no_write_timeout(off: float | None) -> None:
    connection = slow_reader(Server(write_timeout=off, idle_connection_timeout=None), LARGE)
    wait(connection, 600)
    assert not connection.closed
    connection.release()
    assert connection.responses()[0].complete


def test_progress_moves_the_write_timeout_on() -> None:
    connection = slow_reader(Server(write_timeout=5, idle_connection_timeout=None), LARGE)
    for _ in range(5):
        wait(connection, 4)
        connection.release(connection.transport.waiting)
    assert not connection.closed
    assert lasted(connection) == about(5)


def test_a_peer_that_has_caught_up_has_all_its_time_again() -> None:
    connection = slow_reader(Server(write_timeout=5, idle_connection_timeout=30), LARGE)
    wait(connection, 4)
    connection.release()
    assert lasted(connection) == about(30)
    assert not connection.transport.aborted


# What the connection ends with goes no other way, however little it is.
LAST_WORDS = {"the last response": CLOSING, "a refusal": BAD}


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("name", LAST_WORDS)
def test_last_words_that_nobody_reads(name: str, tls: bool) -> None:
    server = Server(write_timeout=5, linger_timeout=1)
    connection = slow_reader(server, LAST_WORDS[name], tls=tls)
    assert lasted(connection, gone) <= 8
    assert connection.transport.aborted
    assert not server.app.connections


def test_an_idle_connection_with_an_answer_that_nobody_reads() -> None:
    connection = slow_reader(Server(write_timeout=5, idle_connection_timeout=10), GET)
    assert lasted(connection, gone) == pytest.approx(16, abs=1)
    assert connection.transport.aborted


def test_last_words_that_are_read_in_the_end() -> None:
    connection = slow_reader(Server(write_timeout=5), CLOSING)
    wait(connection, 4)
    connection.release()
    assert gone(connection)
    assert not connection.transport.aborted
    assert connection.responses()[0].complete


def test_the_write_timeout_does_not_outlive_the_wait() -> None:
    """The deadline of what has been read meanwhile is nobody's deadline."""
    server = Server(write_timeout=5, half_close_timeout=60)
    connection = slow_reader(server, HOLD)
    handler = server.held[0]
    handler.write(b"x" * 200_000)
    handler.flush()
    connection.eof()
    wait(connection, 3)
    connection.release()
    wait(connection, 20)
    assert not connection.closed
    handler.finish("the end")
    assert connection.responses()[0].complete


def test_nor_does_it_shorten_the_time_of_a_head() -> None:
    server = Server(write_timeout=5, header_timeout=30)
    connection = slow_reader(server, GET + GET[:9], buffer_size=100)
    wait(connection, 3)
    connection.release()
    wait(connection, 20)
    assert not connection.closed
    connection.send(GET[9:])
    assert [each.status for each in connection.responses()] == [200, 200]


def test_a_response_on_its_way_is_not_idleness() -> None:
    """The peer reads slowly but steadily, and asks again meanwhile."""
    connection = slow_reader(Server(write_timeout=5, idle_connection_timeout=10), LARGE)
    for _ in range(10):
        wait(connection, 3)
        connection.release(connection.transport.waiting)
    connection.send(GET)
    connection.release()
    connection.advance(0)
    assert [each.status for each in answers(connection)] == [200, 200]
    assert not connection.closed


# --- linger_timeout -------------------------------------------------------------------------------


def test_an_error_response_may_be_read() -> None:
    connection = connect(BAD, linger_timeout=3)
    assert connection.transport.write_closed
    assert lasted(connection, gone) == about(3)
    assert [each.status for each in connection.responses()] == [400]
    assert not connection.transport.aborted


def test_over_tls_there_is_no_half_close() -> None:
    connection = connect(BAD, tls=True, linger_timeout=3)
    assert not connection.transport.write_closed
    assert lasted(connection, gone) == about(3)


def test_by_default_it_is_two_seconds() -> None:
    assert lasted(connect(BAD), gone) == about(2)


def test_what_comes_while_lingering_is_thrown_away() -> None:
    server = Server(linger_timeout=3)
    connection = server.connect(BAD + HOLD)
    received = connection.received
    assert lasted(connection, gone, lambda: connection.send(HOLD)) == about(3)
    assert (connection.received, server.held) == (received, [])


@pytest.mark.parametrize("leave", ["eof", "disconnect"])
def test_a_peer_that_has_read_may_go(leave: str) -> None:
    connection = connect(BAD, linger_timeout=60)
    assert not gone(connection)
    getattr(connection, leave)()
    assert gone(connection)


def test_the_end_of_a_kept_connection_does_not_linger() -> None:
    assert gone(connect(CLOSING, linger_timeout=60))


# --- half_close_timeout ---------------------------------------------------------------------------


def half_closed(**settings: Any) -> tuple[Server, MemoryConnection]:
    server = Server(**settings)
    connection = server.connect(HOLD)
    wait(connection, 5)
    connection.eof()
    return server, connection


def test_a_peer_that_has_ended_its_side() -> None:
    server, connection = half_closed()
    assert lasted(connection) == about(60)
    assert connection.transport.aborted
    server.held[0].finish("late")
    assert connection.received == b""


def test_a_request_that_begins_after_the_peer_has_ended_its_side_has_its_own_time() -> None:
    server = Server(max_pipelined_requests=1, idle_connection_timeout=75)
    connection = server.connect()
    wait(connection, 70)
    connection.transport.deliver(GET + HOLD)  # the second waits for a turn of its own
    connection.eof()
    assert len(server.held) == 1
    assert lasted(connection) == about(60)


def test_the_second_of_two_requests_has_its_own_time_too() -> None:
    server = Server()
    connection = server.connect(HOLD + HOLD)
    connection.eof()
    wait(connection, 50)
    server.held[0].finish("first")
    connection.advance(0)
    assert len(server.held) == 2
    assert lasted(connection) == about(60)


@pytest.mark.parametrize("off", OFF)
def test_no_half_close_timeout(off: float | None) -> None:
    server, connection = half_closed(half_close_timeout=off)
    wait(connection, 600)
    server.held[0].finish("late")
    connection.advance(0)
    assert bytes(connection.responses()[0].body) == b"late"
    assert gone(connection)


@pytest.mark.parametrize("before", [b"", b"\r\n", GET, GET[:9], GET + GET[:9]])
def test_a_peer_that_ends_and_waits_for_nothing(before: bytes) -> None:
    connection = connect(before)
    connection.eof()
    assert gone(connection)
    assert len(connection.responses()) == before.count(GET)


@pytest.mark.parametrize("path", PATHS)
def test_a_peer_that_ends_in_the_middle_of_a_body(path: bytes) -> None:
    upload = Uploading(path)
    upload.connection.eof()
    assert gone(upload.connection)
    assert upload.refused() == []


# --- sipping --------------------------------------------------------------------------------------


class Sipping:
    """What the system knows of a peer that takes a byte now and then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = itertools.count(10_000, -1)
        monkeypatch.setattr("cyclone.http1.timing.progress", lambda transport: next(self.left))


def test_sips_are_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = slow_reader(Server(write_timeout=5, idle_connection_timeout=None), LARGE)
    Sipping(monkeypatch)
    wait(connection, 60)
    assert not connection.closed
    monkeypatch.setattr("cyclone.http1.timing.progress", lambda transport: 7)
    assert lasted(connection) <= 11
    assert connection.transport.aborted


@pytest.mark.parametrize("reads_at_last", [False, True])
def test_sips_do_not_move_the_half_close_timeout(
    monkeypatch: pytest.MonkeyPatch, reads_at_last: bool
) -> None:
    Sipping(monkeypatch)
    server = Server(write_timeout=5, half_close_timeout=20)
    connection = slow_reader(server, HOLD)
    server.held[0].write(b"x" * 200_000)
    server.held[0].flush()
    connection.eof()
    wait(connection, 12)
    if reads_at_last:
        connection.release()
    assert lasted(connection) == about(8)


@pytest.mark.parametrize(
    "reads_at_last",
    [False, True],
)
def test_sips_do_not_move_the_timeout_of_a_body(
    monkeypatch: pytest.MonkeyPatch, reads_at_last: bool
) -> None:
    Sipping(monkeypatch)
    server = Server(write_timeout=5, body_timeout=20, body_min_rate=0)
    head = b"POST /duplex?size=200000 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
    connection = slow_reader(server, head)
    wait(connection, 12)
    if reads_at_last:
        connection.release()
    assert lasted(connection) == about(8)


# --- timers ---------------------------------------------------------------------------------------


def scene(name: str, server: Server) -> MemoryConnection:
    """A connection in each of its states."""
    data = {
        "new": b"",
        "idle": GET,
        "in a head": GET[:9],
        "busy": HOLD,
        "in a body": b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
        "lingering": BAD,
        "refused": BAD,
        "not reading": LARGE,
    }[name]
    connection = server.connect()
    if name in ("not reading", "refused"):
        connection.hold()
    connection.send(data)
    return connection


SCENES = ["new", "idle", "in a head", "busy", "in a body", "lingering", "refused", "not reading"]


@pytest.mark.parametrize("name", SCENES)
def test_without_connections_there_are_no_timers(name: str) -> None:
    server = Server()
    one, two = scene(name, server), scene(name, server)
    assert server.clock.getDelayedCalls()
    one.disconnect()
    wait(two, 0.25)
    two.disconnect()
    assert server.clock.getDelayedCalls() == []
    assert not server.app.connections


ALL_OFF = {
    f"{name}_timeout": None for name in ("header", "idle_connection", "body", "write", "half_close")
} | {"body_min_rate": 0}


@pytest.mark.parametrize("name", [name for name in SCENES if name not in ("lingering", "refused")])
def test_without_limits_there_are_no_timers(name: str) -> None:
    server = Server(**ALL_OFF)
    scene(name, server)
    assert server.clock.getDelayedCalls() == []


def test_one_timer_for_all() -> None:
    server = Server()
    for name in SCENES:
        scene(name, server)
    assert len(server.clock.getDelayedCalls()) == 1


def test_the_timer_rests_between_deadlines() -> None:
    """A connection that is used moves its deadline on, and the sweep with it."""
    server = Server(idle_connection_timeout=100)
    connection = server.connect()
    times = set()
    for _ in range(1000):
        connection.send(GET)
        times |= {call.getTime() for call in server.clock.getDelayedCalls()}
        connection.advance(1)
    assert len(times) <= 12


def test_each_connection_has_its_own_deadline() -> None:
    server = Server(idle_connection_timeout=10, header_timeout=3)
    idle = server.connect()
    wait(idle, 4)
    late = server.connect()
    slow = server.connect(b"GET")
    assert lasted(slow) == about(3)
    assert lasted(idle) == about(3)
    assert lasted(late) == about(4)
    wait(late, 10)
    assert server.clock.getDelayedCalls() == []


# --- turns ----------------------------------------------------------------------------------------


def turn(clock: Clock) -> None:
    """One turn of the reactor: what is due by now, and not what that brings about."""
    for call in [each for each in clock.calls if each.getTime() <= clock.seconds()]:
        clock.calls.remove(call)
        call.called = 1
        call.func(*call.args, **call.kw)


def answers(connection: MemoryConnection) -> list[ResponseParser]:
    return connection.responses()


@pytest.mark.parametrize(("limit", "count"), [(1, 3), (3, 10), (3, 9), (32, 32), (32, 100)])
def test_pipelined_requests_take_turns(limit: int, count: int) -> None:
    connection = connect(max_pipelined_requests=limit)
    connection.transport.deliver(GET * count)
    served = [len(answers(connection))]
    while served[-1] < count:
        turn(connection.clock)  # type: ignore[arg-type]
        served.append(len(answers(connection)))
        assert len(served) <= count
    assert served == [*range(limit, count, limit), count]
    connection.advance(0)
    assert len(answers(connection)) == count


def test_no_limit_for_a_turn() -> None:
    """Zero turns a limit off; at the least it must not end in turns without end."""
    connection = connect(max_pipelined_requests=0)
    connection.transport.deliver(GET * 3)
    for _ in range(5):
        turn(connection.clock)  # type: ignore[arg-type]
    assert len(answers(connection)) == 3


def test_others_get_their_turn() -> None:
    server = Server(max_pipelined_requests=2)
    greedy, modest = server.connect(), server.connect()
    greedy.transport.deliver(GET * 6)
    modest.transport.deliver(GET)
    assert (len(answers(greedy)), len(answers(modest))) == (2, 1)


def test_bytes_that_come_between_turns_keep_their_place() -> None:
    connection = connect(max_pipelined_requests=2)
    connection.transport.deliver(GET * 5)
    for data in (GET[:9], GET[9:]):
        connection.transport.deliver(data)
    connection.advance(0)
    assert [each.status for each in answers(connection)] == [200] * 6
    assert not connection.closed


def test_the_last_of_a_row_is_answered_by_a_peer_that_has_ended() -> None:
    connection = connect(max_pipelined_requests=2)
    connection.transport.deliver(GET * 5)
    connection.transport.half_close()
    connection.advance(0)
    assert len(answers(connection)) == 5
    assert gone(connection)


def test_the_first_that_closes_is_the_last() -> None:
    connection = connect(GET * 2 + CLOSING + GET * 5, max_pipelined_requests=2)
    assert len(answers(connection)) == 3
    wait(connection, 3)
    assert gone(connection)


# --- max_buffer_size ------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 1000, 65536])
def test_what_waits_for_a_busy_handler_is_bounded(limit: int) -> None:
    server = Server(max_buffer_size=limit)
    connection = server.connect(HOLD)
    assert not connection.transport.paused
    total = b""
    while len(total) < limit + 5000:
        assert connection.transport.paused is (len(total) > 0 and len(total) >= limit)
        connection.send(GET)
        total += GET
    assert connection.transport.unread >= len(total) - limit - len(GET)
    server.held[0].finish("now")
    connection.advance(0)
    assert not connection.transport.paused
    assert connection.transport.unread == 0
    assert len(answers(connection)) == 1 + len(total) // len(GET)


def test_what_waits_for_its_turn_is_bounded() -> None:
    connection = connect(max_pipelined_requests=1, max_buffer_size=200)
    connection.transport.deliver(GET * 20)
    assert connection.transport.paused
    connection.transport.deliver(GET * 20)
    assert connection.transport.unread == 20 * len(GET)
    connection.advance(0)
    assert not connection.transport.paused
    assert len(answers(connection)) == 40


def test_what_waits_for_a_slow_reader_is_bounded() -> None:
    server = Server(max_buffer_size=1000)
    connection = slow_reader(server, LARGE)
    connection.send_split(GET * 100, len(GET))
    assert connection.transport.paused
    assert connection.transport.unread >= 99 * len(GET) - 1000
    connection.release()
    connection.advance(0)
    assert len(answers(connection)) == 101
    assert not connection.transport.paused


# --- the graceful stop ----------------------------------------------------------------------------


def drain(server: Server, timeout: float | None = None) -> list[float]:
    """When the server has drained, the list has the time."""
    done: list[float] = []
    server.app.drain(timeout).addCallback(lambda _: done.append(server.clock.seconds()))
    return done


def test_nothing_to_drain() -> None:
    server = Server()
    server.connect().disconnect()
    assert drain(server) == [0]
    assert not server.connect().closed


@pytest.mark.parametrize("name", ["idle", "in a head", "busy", "in a body", "new"])
def test_draining(name: str) -> None:
    server = Server()
    connection = scene(name, server)
    done = drain(server)
    connection.advance(0)
    assert gone(connection) is (name == "idle")
    if name == "in a head":
        connection.send(GET[9:])
    elif name == "busy":
        wait(connection, 10)
        server.held[0].finish("late")
    elif name == "in a body":
        connection.send(b"one")
    elif name == "new":
        wait(connection, 1)
        connection.send(GET)
    connection.advance(0)
    assert gone(connection)
    assert len(done) == 1
    (response,) = connection.responses()
    assert response.status == 200
    assert response.values("Connection") == ([] if name == "idle" else ["close"])
    assert server.clock.getDelayedCalls() == []


def test_a_fresh_connection_that_brings_nothing() -> None:
    server = Server(linger_timeout=3)
    connection = server.connect()
    done = drain(server)
    assert lasted(connection) == about(3)
    assert len(done) == 1
    assert connection.received == b""


def test_a_fresh_connection_without_linger_timeout() -> None:
    server = Server(linger_timeout=0, idle_connection_timeout=10)
    connection = server.connect()
    drain(server, 60)
    assert lasted(connection) <= 11


def test_only_the_first_of_a_row_is_answered() -> None:
    server = Server()
    connection = server.connect(HOLD + GET)
    drain(server)
    server.held[0].finish("late")
    connection.advance(0)
    assert len(answers(connection)) == 1
    wait(connection, 3)
    assert gone(connection)


def test_a_response_under_way_is_completed() -> None:
    server = Server()
    connection = server.connect(HOLD)
    server.held[0].write("some")
    server.held[0].flush()
    drain(server)
    wait(connection, 5)
    server.held[0].finish("more")
    connection.advance(0)
    (response,) = connection.responses()
    assert (bytes(response.body), response.complete) == (b"somemore", True)
    assert gone(connection)


@pytest.mark.parametrize(
    ("setting", "timeout", "expected"), [(7, None, 7), (7, 3, 3), (0, None, 0), (7, 0, 0)]
)
def test_the_drain_has_an_end(setting: float, timeout: float | None, expected: float) -> None:
    server = Server(drain_timeout=setting)
    connection = server.connect(HOLD)
    other = scene("not reading", server)
    done = drain(server, timeout)
    assert lasted(connection, gone) == pytest.approx(expected, abs=0.25)
    assert connection.transport.aborted
    assert other.transport.aborted
    assert len(done) == 1
    server.held[0].finish("late")
    assert connection.received == b""
    assert server.clock.getDelayedCalls() == []


def test_by_default_the_drain_takes_half_a_minute() -> None:
    server = Server()
    connection = server.connect(HOLD)
    drain(server)
    assert lasted(connection, gone) == pytest.approx(30, abs=0.25)


def test_who_comes_in_while_draining_is_served_once() -> None:
    # As after a TLS handshake that had begun before the port was closed.
    server = Server()
    connection = server.connect(HOLD)
    assert server.app.drain() is server.app.drain()
    assert server.app.draining
    late = server.connect(GET)
    late.advance(0)
    assert late.responses()[0].values("Connection") == ["close"]
    assert gone(late)
    assert lasted(server.connect()) == about(server.app.limits.linger_timeout)
    connection.disconnect()
    assert not server.app.draining
    assert not server.connect().closed


# --- the graceful stop, with patience -------------------------------------------------------------


def test_an_idle_connection_gets_one_more_request() -> None:
    server = Server()
    server.app.patience = 5
    connection = scene("idle", server)
    done = drain(server)
    wait(connection, 4)
    assert not gone(connection)
    connection.send(GET)
    connection.advance(0)
    assert connection.responses()[-1].values("Connection") == ["close"]
    assert gone(connection)
    assert len(done) == 1
    assert server.clock.getDelayedCalls() == []


def test_patience_has_an_end() -> None:
    server = Server()
    server.app.patience = 5
    connection = scene("idle", server)
    done = drain(server)
    assert lasted(connection) == about(5)
    assert len(done) == 1


def test_a_connection_that_did_not_know_gets_one_more_request_too() -> None:
    server = Server()
    server.app.patience = 5
    connection = server.connect(HOLD)
    server.held[0].write("some")
    server.held[0].flush()  # its head does not say that the connection is about to end
    drain(server)
    server.held[0].finish("more")
    wait(connection, 4)
    assert not gone(connection)
    connection.send(GET)
    connection.advance(0)
    assert [response.values("Connection") for response in connection.responses()] == [[], ["close"]]
    assert gone(connection)


def test_patience_is_not_for_peers_that_have_ended_their_side() -> None:
    server = Server()
    server.app.patience = 5
    connection = scene("idle", server)
    done = drain(server)
    connection.eof()
    assert gone(connection)
    assert len(done) == 1


def test_there_may_be_no_time_for_patience_after_all() -> None:
    server = Server()
    server.app.patience = 5
    connection, busy = scene("idle", server), server.connect(HOLD)
    server.app.hurry()
    assert not gone(connection)  # nobody has begun to drain
    server.app.patience = 5
    done = drain(server)
    server.app.hurry()
    connection.advance(0)
    assert gone(connection)
    assert not gone(busy)
    server.held[0].finish("late")
    busy.advance(0)
    assert len(done) == 1


def test_a_slow_reader_is_waited_for() -> None:
    server = Server()
    connection = slow_reader(server, LARGE)
    done = drain(server)
    wait(connection, 10)
    assert done == []
    connection.release()
    assert len(done) == 1
    assert connection.responses()[0].complete


# --- connections that are no longer HTTP ----------------------------------------------------------


class Successor(Protocol):
    """Has the connection after HTTP."""

    reason: Any = None

    def connectionLost(self, reason: Any = None) -> None:
        self.reason = reason.type


@pytest.mark.parametrize("named", [True, False])
def test_no_limits_hold_for_a_connection_that_was_handed_over(named: bool) -> None:
    server = Server(idle_connection_timeout=5, header_timeout=5, write_timeout=5)
    connection = server.connect(HOLD)
    server.held[0].request.connection.detach(Successor() if named else None)
    wait(connection, 60)
    assert not connection.closed
    assert server.clock.getDelayedCalls() == []


def test_one_that_is_handed_over_with_bytes_on_their_way() -> None:
    server = Server(write_timeout=5)
    connection = slow_reader(server, HOLD)
    handler = server.held[0]
    handler.write(b"x" * 200_000)
    handler.flush()
    handler.request.connection.detach(Successor())
    wait(connection, 60)
    assert not connection.closed


@pytest.mark.parametrize("leaves", [True, False])
def test_draining_waits_for_it(leaves: bool) -> None:
    server = Server()
    connection = server.connect(HOLD)
    successor = Successor()
    server.held[0].request.connection.detach(successor)
    done = drain(server, 10)
    wait(connection, 5)
    assert done == []
    if leaves:
        connection.disconnect()
    else:
        assert lasted(connection, gone) == about(5)
        assert successor.reason is ConnectionAborted
    assert len(done) == 1
    assert server.clock.getDelayedCalls() == []
