"""Request bodies that a handler takes piece by piece."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Generator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, inlineCallbacks

from cyclone.testing import Client, MemoryConnection
from cyclone.web import (
    Application,
    FallbackHandler,
    HTTPError,
    RequestHandler,
    asynchronous,
    stream_request_body,
)

from .streams import FRAMINGS, POST, SIZED, Streaming, requests
from .support import (
    GET,
    Noting,
    Stage,
    client_of,
    problems,
    recorded_log,
    run_on_loop,
    turns,
)

# --- pieces --------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", requests(b"hello ", b"world"), ids=FRAMINGS)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pieces_come_in_order(data: bytes, size: int) -> None:
    stage = Stage(Streaming)
    connection = stage.client.connect()
    connection.send_split(data, size)
    (response,) = connection.responses("POST")
    assert (response.status, bytes(response.body)) == (200, b"done")
    assert stage.notes[:2] == ["initialize", "prepare"]
    assert stage.notes[-2:] == ["post", "on_finish"]
    assert b"".join(stage.notes[2:-2]) == b"hello world"
    assert b"" not in stage.notes


def test_pieces_come_when_they_arrive() -> None:
    stage = Stage(Streaming)
    pending = stage.client.open("POST", "/", headers={"Content-Length": "2"})
    assert stage.notes == ["initialize", "prepare"]
    pending.send(b"a")
    assert stage.notes == ["initialize", "prepare", b"a"]
    pending.send(b"b")
    assert stage.notes == ["initialize", "prepare", b"a", b"b", "post", "on_finish"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_a_body(method: str) -> None:
    stage = Stage(Streaming)
    assert stage.client.request(method, "/").body == b"done"
    assert stage.notes == ["initialize", "prepare", "post", "on_finish"]


@pytest.mark.parametrize("body", [b"hello", b"x" * 100_000, b""])
def test_a_body_that_was_read_by_who_passes_the_request_on(body: bytes) -> None:
    stage = Stage(Streaming)
    client = Client(Application([(".*", FallbackHandler, {"fallback": stage.app})]))
    assert client.post("/", body=body).body == b"done"
    pieces = [body[start : start + 65536] for start in range(0, len(body), 65536)]
    assert stage.notes == ["initialize", "prepare", *pieces, "post", "on_finish"]


def test_pieces_are_no_larger_than_chunk_size() -> None:
    stage = Stage(Streaming, chunk_size=4)
    assert stage.client.post("/", body=b"0123456789").body == b"done"
    assert stage.notes[2:-2] == [b"0123", b"4567", b"89"]


def test_no_piece_comes_after_the_answer() -> None:
    class Handler(Streaming):
        def data_received(self, chunk: bytes) -> None:
            self.notes.append(chunk)
            if len(self.notes) == 4:
                self.finish("enough")

    stage = Stage(Handler, chunk_size=4)
    assert stage.client.post("/", body=b"0123456789").body == b"enough"
    assert stage.notes == ["initialize", "prepare", b"0123", b"4567", "on_finish"]


def test_the_body_is_not_collected() -> None:
    class Handler(Streaming):
        def post(self) -> None:
            self.write(repr((self.request.body, self.request.arguments, self.request.files)))

    stage = Stage(Handler)
    response = stage.client.post("/?a=1", form={"b": "2"})
    assert response.text == "(b'', {'a': [b'1']}, {})"


def test_requests_behind_it() -> None:
    stage = Stage(Streaming)
    connection = stage.client.connect()
    for data in requests(b"one"):
        connection.send(data + GET + data)
    assert len(connection.responses("POST", "GET", "POST", "POST", "GET", "POST")) == 6
    assert not connection.closed


def test_data_received_must_be_there() -> None:
    @stream_request_body
    class Handler(RequestHandler):
        def post(self) -> None:
            raise AssertionError("the body could not be taken")

    with recorded_log() as lines:
        assert client_of(Handler).post("/", body=b"x").status == 500
    assert "stream_request_body" in problems(lines)[0]


# --- data_received that waits --------------------------------------------------------------------


class Gated(Streaming):
    """Waits for a gate of its own with each piece."""

    def prepare(self) -> None:
        self.gates: list[Deferred[Any]] = []
        Gated.last = self

    last: Any = None

    def new_gate(self) -> Deferred[Any]:
        gate: Deferred[Any] = Deferred()
        self.gates.append(gate)
        return gate


class GatedDeferred(Gated):
    """Returns a Deferred."""

    def data_received(self, chunk: bytes) -> Any:
        self.notes.append(chunk)
        return self.new_gate()


class GatedInline(Gated):
    """Decorated with `inlineCallbacks`."""

    @inlineCallbacks
    def data_received(self, chunk: bytes) -> Generator[Any, Any, None]:
        self.notes.append(chunk)
        yield self.new_gate()


class GatedCoroutine(Gated):
    """An ``async def``."""

    async def data_received(self, chunk: bytes) -> None:
        self.notes.append(chunk)
        await self.new_gate()


GATED = [GatedDeferred, GatedInline, GatedCoroutine]


@pytest.mark.parametrize("handler", GATED)
def test_the_peer_waits_while_data_received_does(handler: type[Gated]) -> None:
    stage = Stage(handler)
    connection = stage.client.connect()
    connection.send(SIZED % 9 + b"one")
    assert connection.transport.paused
    connection.send(b"two")
    connection.send(b"tri")
    assert connection.transport.unread == 6
    assert stage.notes == ["initialize", b"one"]
    open_gates(connection)
    assert connection.transport.paused
    assert b"".join(stage.notes[2:]) in (b"two", b"twotri")
    open_gates(connection)
    open_gates(connection)
    assert b"".join(stage.notes[1:-2]) == b"onetwotri"
    assert stage.notes[-2:] == ["post", "on_finish"]
    assert not connection.transport.paused
    assert connection.responses("POST")[0].complete


def open_gates(connection: MemoryConnection) -> None:
    for gate in Gated.last.gates[:]:
        if not gate.called:
            gate.callback(None)
    connection.advance(0)


@pytest.mark.parametrize("handler", GATED)
def test_chunks_in_one_read_come_one_by_one(handler: type[Gated]) -> None:
    stage = Stage(handler)
    connection = stage.client.connect()
    connection.send(requests(b"one", b"two", b"three")[1] + GET)
    seen = []
    while "post" not in stage.notes:
        seen.append(stage.notes[-1])
        assert connection.received == b""
        open_gates(connection)
    assert b"".join(seen) == b"onetwothree"
    assert [response.status for response in connection.responses("POST")] == [200, 200]


@pytest.mark.parametrize("handler", GATED)
def test_waiting_does_not_count_against_the_peer(handler: type[Gated]) -> None:
    stage = Stage(handler, body_min_rate=100, body_grace=2)
    connection = stage.client.connect()
    connection.send(SIZED % 6 + b"one")
    connection.advance(100, steps=50)
    assert not connection.closed
    open_gates(connection)
    connection.send(b"two")
    open_gates(connection)
    assert connection.responses("POST")[0].status == 200


@pytest.mark.parametrize("handler", GATED)
def test_the_peer_leaves_while_data_received_waits(handler: type[Gated]) -> None:
    stage = Stage(handler)
    connection = stage.client.connect()
    with recorded_log() as lines:
        connection.send(SIZED % 6 + b"one")
        connection.disconnect()
        open_gates(connection)
    assert stage.notes == ["initialize", b"one", "on_finish"]
    assert problems(lines) == []


def test_data_received_may_wait_for_a_future() -> None:
    class Handler(Streaming):
        async def data_received(self, chunk: bytes) -> None:
            await asyncio.sleep(0)
            self.notes.append(chunk)

    stage = Stage(Handler)

    async def run() -> None:
        pending = stage.client.open("POST", "/", body=[b"one", b"two"])
        await turns(10)
        stage.client.advance(0)
        assert pending.response.body == b"done"

    run_on_loop(run)
    assert stage.notes == ["initialize", "prepare", b"one", b"two", "post", "on_finish"]


@pytest.mark.parametrize("how", ["finish", "error", "leave", "whole"])
def test_no_task_is_left_on_a_loop(how: str) -> None:
    class Handler(Streaming):
        def data_received(self, chunk: bytes) -> None:
            if how == "finish":
                self.finish("enough")
            elif how == "error":
                raise HTTPError(422)

    stage = Stage(Handler)

    async def run() -> None:
        pending = stage.client.open("POST", "/", headers={"Content-Length": "2"})
        pending.send(b"a")
        if how == "leave":
            pending.disconnect()
        elif how == "whole":
            pending.send(b"b")
        await turns()

    run_on_loop(run)
    assert stage.notes[-1] == "on_finish"


# --- limits and expectations ---------------------------------------------------------------------


class Limited(Streaming):
    """Sets its limit when it has seen the head."""

    def prepare(self) -> Any:
        self.notes.append("prepare")
        self.request.connection.set_max_body_size(int(self.get_argument("limit")))


class LimitedLate(Limited):
    """The same after waiting."""

    async def prepare(self) -> None:
        super().prepare()
        await self.gate


@pytest.mark.parametrize("handler", [Limited, LimitedLate])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("limit", "status"), [(10, 200), (9, 413), (0, 413), (1000, 200)])
def test_set_max_body_size(
    handler: type[Streaming], chunked: bool, limit: int, status: int
) -> None:
    stage = Stage(handler, max_body_size=20)
    stage.open_gate()
    body: Any = [b"12345", b"67890"] if chunked else b"1234567890"
    with recorded_log() as lines:
        response = stage.client.post(f"/?limit={limit}", body=body)
    assert response.status == status
    assert stage.notes[:2] == ["initialize", "prepare"]
    assert stage.notes.count("on_finish") == 1
    assert ("post" in stage.notes) is (status == 200)
    assert problems(lines) == []


def test_a_limit_may_be_raised() -> None:
    stage = Stage(Limited, max_body_size=5)
    assert stage.client.post("/?limit=10", body=b"1234567890").status == 200


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("limit", "status"), [(10, 200), (9, 413)])
def test_max_body_size_of_the_class(chunked: bool, limit: int, status: int) -> None:
    handler = type("Handler", (Streaming,), {"max_body_size": limit})
    stage = Stage(handler, max_body_size=5)
    body: Any = [b"12345", b"67890"] if chunked else b"1234567890"
    assert stage.client.post("/", body=body).status == status


def test_set_body_timeout() -> None:
    class Handler(Streaming):
        def prepare(self) -> None:
            self.request.connection.set_body_timeout(5)

    stage = Stage(Handler, body_min_rate=0)
    connection = stage.client.connect()
    connection.send(SIZED % 10 + b"1234")
    connection.advance(4)
    assert connection.received == b""
    connection.advance(2)
    assert connection.responses("POST")[0].status == 408
    assert stage.notes == ["initialize", b"1234", "on_finish"]


@pytest.mark.parametrize("waits", [False, True])
def test_the_expected_100_comes_after_prepare(waits: bool) -> None:
    class Handler(Streaming):
        def prepare(self) -> Any:
            self.notes.append("prepare")
            return self.gate if waits else None

    stage = Stage(Handler)
    fields = {"Content-Length": "1", "Expect": "100-continue"}
    pending = stage.client.open("POST", "/", headers=fields)
    if waits:
        assert pending.informational == []
        stage.open_gate()
    assert pending.informational == [100]
    pending.send(b"x")
    response = pending.response
    assert (response.status, response.informational) == (200, [100])
    assert not response.closed


def prepare_finishes(self: Noting) -> None:
    self.finish("no")


def prepare_refuses(self: Noting) -> None:
    raise HTTPError(403)


async def prepare_refuses_late(self: Noting) -> None:
    await self.gate
    raise HTTPError(403)


@pytest.mark.parametrize(
    ("prepare", "status"),
    [(prepare_finishes, 200), (prepare_refuses, 403), (prepare_refuses_late, 403)],
)
@pytest.mark.parametrize("expects", [True, False])
def test_no_100_when_prepare_answers(
    prepare: Callable[..., Any], status: int, expects: bool
) -> None:
    stage = Stage(type("Handler", (Streaming,), {"prepare": prepare}))
    stage.open_gate()
    fields = {"Content-Length": "1000", **({"Expect": "100-continue"} if expects else {})}
    pending = stage.client.open("POST", "/", headers=fields)
    response = pending.response
    assert (response.status, response.informational, response.closed) == (status, [], True)
    assert stage.notes == ["initialize", "on_finish"]


# --- decompressed --------------------------------------------------------------------------------

TEXT = b"hello, world. " * 1000


def test_a_compressed_body_is_streamed_decompressed() -> None:
    class Handler(Streaming):
        def prepare(self) -> None:
            self.notes.append(self.request.headers.get("Content-Encoding"))

    stage = Stage(Handler, decompress_request=True, chunk_size=1000)
    fields = {"Content-Encoding": "gzip"}
    response = stage.client.post("/", body=gzip.compress(TEXT), headers=fields)
    assert response.status == 200
    pieces = [note for note in stage.notes if isinstance(note, bytes)]
    assert b"".join(pieces) == TEXT
    assert max(map(len, pieces)) <= 1000


@pytest.mark.parametrize("handler", GATED)
def test_a_compressed_body_waits_for_data_received(handler: type[Gated]) -> None:
    stage = Stage(handler, decompress_request=True, chunk_size=5000)
    connection = stage.client.connect()
    body = gzip.compress(TEXT)
    head = POST + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    connection.send(head + body)
    for count in (1, 2, 3):
        pieces = [note for note in stage.notes if isinstance(note, bytes)]
        assert len(pieces) == count
        open_gates(connection)
    assert stage.notes[-1] == "on_finish"
    assert connection.responses("POST")[0].status == 200


def test_a_compressed_body_obeys_set_max_body_size() -> None:
    stage = Stage(Limited, decompress_request=True)
    fields = {"Content-Encoding": "gzip"}
    bomb = gzip.compress(bytes(1 << 20))
    response = stage.client.post("/?limit=5000", body=bomb, headers=fields)
    assert response.status == 413
    assert stage.notes.count("on_finish") == 1
    assert sum(len(note) for note in stage.notes if isinstance(note, bytes)) <= 5000


# --- together with the rest ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "post", [asynchronous(lambda self: None), asynchronous(lambda self: self.gate)]
)
def test_asynchronous_after_the_body(post: Callable[..., Any]) -> None:
    handlers: list[RequestHandler] = []

    class Handler(Streaming):
        def prepare(self) -> None:
            handlers.append(self)

    Handler.post = post  # type: ignore[method-assign]
    stage = Stage(Handler)
    pending = stage.client.open("POST", "/", body=b"x")
    assert not pending.complete
    handlers[0].finish("late")
    assert pending.response.body == b"late"
    stage.open_gate()
    assert stage.notes == ["initialize", b"x", "on_finish"]


def test_a_streaming_handler_that_is_not_defined_for_the_method() -> None:
    stage = Stage(Streaming)
    response = stage.client.patch("/", body=b"x")
    assert response.status == 405
    assert response.headers["Allow"] == "GET, POST, PUT"
    assert stage.notes[-1] == "on_finish"


def test_detach_in_the_middle_of_the_body() -> None:
    class Handler(Streaming):
        def data_received(self, chunk: bytes) -> None:
            transport = self.detach()
            transport.write(b"raw " + chunk)

    stage = Stage(Handler)
    connection = stage.client.connect()
    connection.send(SIZED % 10 + b"12345")
    assert connection.received == b"raw 12345"
    connection.disconnect()
    assert stage.notes == ["initialize", "prepare", "on_finish"]


def test_cancel_on_disconnect_does_not_disturb_the_body() -> None:
    class Handler(GatedCoroutine):
        cancel_on_disconnect = True

    stage = Stage(Handler)
    connection = stage.client.connect()
    with recorded_log() as lines:
        connection.send(SIZED % 6 + b"one")
        connection.disconnect()
        open_gates(connection)
    assert stage.notes == ["initialize", b"one", "on_finish"]
    assert problems(lines) == []


def test_subclasses_stream_too() -> None:
    stage = Stage(type("Handler", (Streaming,), {}))
    assert stage.client.post("/", body=b"x").body == b"done"
    assert b"x" in stage.notes
