"""Peers that read slowly, or not at all: what waits for them, what is bounded, who is dropped."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Generator
from typing import Any

import pytest
from twisted.internet.defer import inlineCallbacks
from twisted.internet.error import ConnectionLost

from cyclone.http1 import PeerGone
from cyclone.testing import Client, MemoryConnection
from cyclone.web import Application, RequestHandler, asynchronous

from .support import GET, Noting, Stage, problems, recorded_log, run_on_loop, turns

KIB = 1024
PIECE = b"x" * 64 * KIB


def slow_reader(client: Client) -> MemoryConnection:
    """A connection whose client asks and then does not read."""
    connection = client.connect()
    connection.hold()
    connection.send(GET)
    return connection


# --- awaiting ------------------------------------------------------------------------------------


class Patient(Noting):
    """Waits for the peer before it goes on."""

    async def get(self) -> None:
        for number in range(5):
            self.write(PIECE)
            await self.flush()
            self.notes.append(number)
        await self.finish()
        self.notes.append("finished")


class PatientInline(Noting):
    """The same with `inlineCallbacks`."""

    @inlineCallbacks
    def get(self) -> Generator[Any, Any, None]:
        for number in range(5):
            self.write(PIECE)
            yield self.flush()
            self.notes.append(number)
        yield self.finish()
        self.notes.append("finished")


@pytest.mark.parametrize("handler", [Patient, PatientInline])
def test_flush_waits_for_a_slow_reader(handler: type[Noting]) -> None:
    stage = Stage(handler)
    connection = slow_reader(stage.client)
    assert stage.notes == ["initialize", "prepare"]
    assert connection.transport.waiting < 3 * len(PIECE)
    written = []
    while "finished" not in stage.notes:
        waiting = connection.transport.waiting
        assert waiting < 3 * len(PIECE)  # however much the handler has to say
        connection.release(waiting)
        written.append(len(stage.notes))
    assert stage.notes == ["initialize", "prepare", 0, 1, 2, 3, 4, "on_finish", "finished"]
    assert len(written) > 3
    connection.release()
    (response,) = connection.responses()
    assert len(response.body) == 5 * len(PIECE)


def test_flush_does_not_wait_for_a_peer_that_reads() -> None:
    stage = Stage(Patient)
    assert len(stage.client.get("/").body) == 5 * len(PIECE)
    assert stage.notes[-1] == "finished"


def test_finish_waits_for_a_slow_reader() -> None:
    class Handler(Noting):
        @asynchronous
        async def get(self) -> None:
            await self.finish(PIECE * 4)
            self.notes.append("taken")

    stage = Stage(Handler)
    connection = slow_reader(stage.client)
    assert stage.notes == ["initialize", "prepare", "on_finish"]
    connection.release()
    assert stage.notes[-1] == "taken"
    (response,) = connection.responses()
    assert len(response.body) == 4 * len(PIECE)


def test_a_large_response_goes_out_in_slices() -> None:
    """A slow peer's progress shows, and the transport holds no more than it must."""
    stage = Stage(type("Handler", (Noting,), {"get": lambda self: self.write(PIECE * 64)}))
    connection = slow_reader(stage.client)
    assert connection.transport.waiting < 16 * len(PIECE)
    connection.release()
    (response,) = connection.responses()
    assert len(response.body) == 64 * len(PIECE)
    assert not connection.closed


def test_the_next_request_waits_until_the_peer_has_read() -> None:
    stage = Stage(type("Handler", (Noting,), {"get": lambda self: self.write(PIECE * 4)}))
    connection = stage.client.connect()
    connection.hold()
    connection.send(GET * 20)
    assert stage.notes.count("on_finish") == 1
    connection.release()
    connection.advance(0)
    assert stage.notes.count("on_finish") == 20


def test_a_handler_that_waits_hears_that_the_peer_has_gone() -> None:
    class Handler(Noting):
        async def get(self) -> None:
            try:
                while True:
                    self.write(PIECE)
                    await self.flush()
            except ConnectionLost as error:
                self.notes.append(type(error))
                raise

    stage = Stage(Handler)
    connection = slow_reader(stage.client)
    with recorded_log() as lines:
        connection.disconnect()
    assert stage.notes == ["initialize", "prepare", PeerGone, "on_finish"]
    assert problems(lines) == []


def test_an_endless_handler_ends_with_its_peer() -> None:
    class Handler(Noting):
        async def get(self) -> None:
            while True:
                self.write("tick")
                await self.flush()
                await self.gate

    stage = Stage(Handler)
    pending = stage.client.open("GET", "/")
    pending.disconnect()
    with recorded_log() as lines:
        stage.open_gate()
    assert stage.notes == ["initialize", "prepare", "on_finish"]
    assert problems(lines) == []


def test_what_nobody_awaits_leaves_nothing_behind(logged_failures: Any) -> None:
    class Handler(Noting):
        async def get(self) -> None:
            for _ in range(3):
                self.write(PIECE)
                self.flush()
            await self.gate
            self.write("late")
            self.flush()
            self.finish()

    stage = Stage(Handler)
    connection = slow_reader(stage.client)
    connection.disconnect()
    stage.open_gate()
    gc.collect()
    assert logged_failures.flush() == []
    assert stage.notes == ["initialize", "prepare", "on_finish"]


def test_a_plain_asyncio_task_may_await_flush() -> None:
    class Handler(Noting):
        async def get(self) -> None:
            await asyncio.create_task(self.in_a_task())

        async def in_a_task(self) -> None:
            for number in range(3):
                self.write(PIECE)
                await self.flush()
                self.notes.append(number)

    stage = Stage(Handler)

    async def run() -> None:
        connection = slow_reader(stage.client)
        await turns(20)
        assert len(stage.notes) < 5
        connection.release()
        await turns(20)
        assert len(connection.responses()[0].body) == 3 * len(PIECE)

    run_on_loop(run)
    assert stage.notes == ["initialize", "prepare", 0, 1, 2, "on_finish"]


@pytest.mark.parametrize("later", [False, True])
def test_detach_keeps_what_waits(later: bool) -> None:
    class Handler(Noting):
        async def get(self) -> None:
            self.write(PIECE * 8)
            self.flush().addBoth(lambda _: self.notes.append("flushed"))
            if later:
                await self.gate
            transport = self.detach()
            transport.write(b"raw")

    stage = Stage(Handler)
    connection = slow_reader(stage.client)
    stage.open_gate()
    connection.release()
    connection.advance(0)
    assert connection.received.endswith(PIECE * 8 + b"\r\nraw")
    connection.disconnect()
    assert sorted(stage.notes) == ["flushed", "initialize", "on_finish", "prepare"]


def test_detach_ends_the_time_limits() -> None:
    class Handler(Noting):
        def get(self) -> None:
            self.write(PIECE[:40_000])
            self.flush()
            if len(self.notes) > 2:
                self.detach()

    stage = Stage(Handler, write_timeout=10)
    connection = slow_reader(stage.client)
    connection.send(GET)  # what the second handler flushes is too much, as the detaching finds
    connection.advance(100)
    assert not connection.closed, "how long it lasts is not for HTTP to say any more"
    connection.disconnect()


# --- not awaiting --------------------------------------------------------------------------------


class Broadcast(RequestHandler):
    """The README's clock: writes to all, waits for none."""

    def initialize(self, listeners: list[RequestHandler], notes: list[str]) -> None:
        self.listeners = listeners
        self.notes = notes

    @asynchronous
    def get(self) -> None:
        self.set_header("Content-Type", "text/plain")
        self.listeners.append(self)
        self.notifyFinish().addCallback(lambda _: self.listeners.remove(self))

    def on_finish(self) -> None:
        self.notes.append("on_finish")


class Station:
    """An application that broadcasts, with one listener who reads and one who does not."""

    def __init__(self, **settings: Any) -> None:
        self.listeners: list[RequestHandler] = []
        self.notes: list[str] = []
        arguments = {"listeners": self.listeners, "notes": self.notes}
        client = Client(Application([("/", Broadcast, arguments)], **settings))
        self.deaf = slow_reader(client)
        self.reader = client.open("GET", "/")

    def send(self, data: bytes) -> None:
        for listener in list(self.listeners):
            listener.write(data)
            listener.flush()
        self.deaf.advance(0)


def queued(connection: MemoryConnection) -> int:
    """Bytes that wait for the peer anywhere."""
    return connection.protocol.outbox.queued + connection.transport.waiting


@pytest.mark.parametrize("limit", [0, 256 * KIB, 1024 * KIB])
def test_who_does_not_read_is_dropped(limit: int) -> None:
    station = Station(write_buffer_limit=limit)
    with recorded_log() as lines:
        for _ in range(64):
            station.send(PIECE)
            assert queued(station.deaf) <= limit + 8 * len(PIECE)
    assert station.deaf.transport.aborted
    assert len(station.listeners) == 1
    assert station.notes == ["on_finish"]
    assert len(station.reader.received) == 64 * len(PIECE)
    assert any("does not read" in line.text for line in lines)


def test_what_cannot_wait_is_dropped() -> None:
    station = Station(write_buffer_limit=128 * KIB, write_buffer_policy="drop")
    for number in range(64):
        station.send(b"%d" % (number % 10) * 64 * KIB)
        assert queued(station.deaf) <= 8 * len(PIECE)
    assert not station.deaf.closed
    assert len(station.listeners) == 2
    station.deaf.release()
    received = len(station.deaf.responses()[0].body)
    assert received < 10 * len(PIECE)
    # Whole pieces were dropped, so the framing is intact and later ones arrive.
    station.send(b"later")
    assert station.deaf.responses()[0].body.endswith(b"later")
    for listener in list(station.listeners):
        listener.finish("bye")
    station.deaf.advance(0)
    (response,) = station.deaf.responses()
    assert response.complete
    assert response.body.endswith(b"laterbye")


def test_dropping_does_not_break_a_declared_length() -> None:
    """With Content-Length a piece that is missing cannot be made up for."""

    class Handler(Noting):
        @asynchronous
        def get(self) -> None:
            self.set_header("Content-Length", 20 * len(PIECE))
            for _ in range(20):
                self.write(PIECE)
                self.flush()
            self.finish()

    stage = Stage(Handler, write_buffer_limit=0, write_buffer_policy="drop")
    with recorded_log():
        connection = slow_reader(stage.client)
        connection.release()
        connection.advance(0)
    whole = b"x" * len(PIECE) * 20
    assert connection.transport.aborted or connection.received.endswith(whole)
    assert stage.notes[-1] == "on_finish"


def test_a_peer_that_takes_nothing_for_too_long_is_dropped() -> None:
    station = Station(write_timeout=10)
    for _ in range(4):
        station.send(PIECE)
    station.deaf.advance(9)
    assert not station.deaf.closed
    station.deaf.advance(2)
    assert station.deaf.transport.aborted
    assert len(station.listeners) == 1


@pytest.mark.parametrize(
    "action",
    [lambda self: self.finish(PIECE * 4), lambda self: self.write(PIECE * 4)],
    ids=["finish", "write"],
)
def test_a_whole_response_may_exceed_the_limit(action: Callable[..., Any]) -> None:
    """The limit is for what is flushed piece by piece without waiting."""
    stage = Stage(type("Handler", (Noting,), {"get": action}), write_buffer_limit=0)
    connection = slow_reader(stage.client)
    connection.release()
    (response,) = connection.responses()
    assert len(response.body) == 4 * len(PIECE)


def test_awaited_flushes_may_exceed_the_limit() -> None:
    class Handler(Noting):
        async def get(self) -> None:
            for _ in range(4):
                self.write(PIECE * 8)
                await self.flush()

    stage = Stage(Handler, write_buffer_limit=KIB)
    connection = slow_reader(stage.client)
    for _ in range(200):
        connection.release(len(PIECE))
    connection.release()
    (response,) = connection.responses()
    assert len(response.body) == 32 * len(PIECE)
