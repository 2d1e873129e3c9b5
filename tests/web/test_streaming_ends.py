"""Streamed request bodies that end before their end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail

from cyclone.web import HTTPError

from .streams import FRAMINGS, SIZED, Streaming, requests
from .support import (
    GET,
    Noting,
    Stage,
    problems,
    recorded_log,
)


@pytest.mark.parametrize("how", ["lost", "ended"])
@pytest.mark.parametrize("data", requests(b"hello"), ids=FRAMINGS)
def test_the_peer_leaves_in_the_middle(how: str, data: bytes) -> None:
    stage = Stage(Streaming)
    connection = stage.client.connect()
    with recorded_log() as lines:
        connection.send(data[:-3])
        if how == "ended":
            connection.eof()
        else:
            connection.disconnect()
    assert "post" not in stage.notes
    assert stage.notes[-1] == "on_finish"
    assert stage.notes.count("on_finish") == 1
    assert connection.received == b""
    assert problems(lines) == []


def test_the_peer_leaves_while_prepare_waits() -> None:
    class Handler(Streaming):
        async def prepare(self) -> None:
            self.notes.append("prepare")
            await self.gate

    stage = Stage(Handler)
    stage.client.open("POST", "/", headers={"Content-Length": "5"}).disconnect()
    stage.open_gate()
    assert stage.notes == ["initialize", "prepare", "on_finish"]


def finishing(self: Noting, chunk: bytes) -> None:
    self.notes.append(chunk)
    self.finish("enough")


async def finishing_late(self: Noting, chunk: bytes) -> None:
    self.notes.append(chunk)
    await self.gate
    self.finish("enough")


def raising(self: Noting, chunk: bytes) -> None:
    self.notes.append(chunk)
    raise HTTPError(422)


async def raising_late(self: Noting, chunk: bytes) -> None:
    self.notes.append(chunk)
    await self.gate
    raise HTTPError(422)


def failing(self: Noting, chunk: bytes) -> Any:
    self.notes.append(chunk)
    return fail(HTTPError(422))


def refusing(self: Noting, chunk: bytes) -> None:
    self.notes.append(chunk)
    self.send_error(422)


ENDINGS = [
    (finishing, 200),
    (finishing_late, 200),
    (raising, 422),
    (raising_late, 422),
    (failing, 422),
    (refusing, 422),
]


@pytest.mark.parametrize(("receive", "status"), ENDINGS)
@pytest.mark.parametrize("data", requests(b"one", b"two"), ids=FRAMINGS)
@pytest.mark.parametrize("rest", [True, False])
def test_data_received_ends_the_response(
    receive: Callable[..., Any], status: int, data: bytes, rest: bool
) -> None:
    stage = Stage(type("Handler", (Streaming,), {"data_received": receive}))
    connection = stage.client.connect()
    end = data.index(b"one") + 3
    connection.send(data[:end] + (data[end:] if rest else b""))
    stage.open_gate()
    connection.advance(0)
    (response,) = connection.responses("POST")
    assert response.status == status
    assert response.complete
    assert stage.notes.count("on_finish") == 1
    assert "post" not in stage.notes
    assert connection.closed  # what follows is no request
    assert not connection.transport.aborted  # the peer can read the answer
    if not rest:
        connection.send(data[end:])
    connection.send(GET)
    assert len(connection.responses("POST")) == 1


@pytest.mark.parametrize(("receive", "status"), ENDINGS[2:])
@pytest.mark.parametrize("data", requests(b"one", b"two", b"three"), ids=FRAMINGS)
@pytest.mark.parametrize("last", [b"one", b"three"])
def test_nothing_is_received_while_an_error_is_written(
    receive: Callable[..., Any], status: int, data: bytes, last: bytes
) -> None:
    page: Deferred[None] = Deferred()

    def receive_until(self: Noting, chunk: bytes) -> Any:
        if last in chunk:
            return receive(self, chunk)
        self.notes.append(chunk)
        return None

    async def write_error(self: Noting, status_code: int, **kwargs: Any) -> None:
        await page
        self.write("page")

    attributes = {"data_received": receive_until, "write_error": write_error}
    stage = Stage(type("Handler", (Streaming,), attributes))
    stage.open_gate()
    connection = stage.client.connect()
    end = data.index(last) + len(last)
    connection.send(data[:end])
    connection.send(data[end:])
    received = [note for note in stage.notes if isinstance(note, bytes)]
    assert received[-1].endswith(last)
    page.callback(None)
    connection.advance(0)
    (response,) = connection.responses("POST")
    assert (response.status, bytes(response.body)) == (status, b"page")
    assert [note for note in stage.notes if isinstance(note, bytes)] == received
    assert "post" not in stage.notes
    assert stage.notes.count("on_finish") == 1


def test_the_last_piece_may_end_the_response() -> None:
    stage = Stage(type("Handler", (Streaming,), {"data_received": finishing}))
    response = stage.client.post("/", body=b"x")
    assert (response.status, response.body) == (200, b"enough")
    assert stage.notes == ["initialize", "prepare", b"x", "on_finish"]


def test_writing_while_the_body_comes_in() -> None:
    class Echo(Streaming):
        def data_received(self, chunk: bytes) -> Any:
            self.write(chunk)
            return self.flush()

    stage = Stage(Echo)
    pending = stage.client.open("POST", "/", headers={"Content-Length": "6"})
    pending.send(b"one")
    assert pending.received == b"one"
    pending.send(b"two")
    assert pending.response.body == b"onetwodone"


def test_a_slow_reader_is_not_read_from() -> None:
    """An echo must not collect what its peer does not take back."""

    class Echo(Streaming):
        def data_received(self, chunk: bytes) -> Any:
            self.notes.append(len(chunk))
            self.write(chunk)
            return self.flush()

    stage = Stage(Echo, body_min_rate=0)
    connection = stage.client.connect()
    connection.hold()
    connection.send(SIZED % (10 << 20))
    for _ in range(160):
        connection.send(b"x" * 65536)
    assert connection.transport.paused
    assert connection.transport.waiting + connection.protocol.outbox.queued < 1 << 20
    connection.release()
    connection.advance(0)
    (response,) = connection.responses("POST")
    assert len(response.body) == (10 << 20) + len(b"done")
