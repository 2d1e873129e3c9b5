"""Asynchronous iterators as streams: their end, the client's end, and errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from cyclone.sse import Event
from cyclone.testing import PendingResponse
from tests.web.support import problems, recorded_log, run_on_loop, turns

from .support import Got, Noting, Stage, events


class Source:
    """An iterator that a test feeds, and that notes how it ends."""

    def __init__(self, notes: list[Any]) -> None:
        self.notes = notes
        self.items: list[Any] = []
        self.waiting: Deferred[None] | None = None
        self.over = False

    def put(self, *items: Any) -> None:
        self.items.extend(items)
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            waiting.callback(None)

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            while not self.over:
                while self.items:
                    item = self.items.pop(0)
                    if isinstance(item, Exception):
                        raise item
                    yield item
                if self.over:
                    return
                self.waiting = Deferred()
                await self.waiting
        except CancelledError:
            self.notes.append("cancelled")
            raise
        finally:
            self.notes.append("closed")


class Streaming(Noting):
    """Streams; how is the parameter of the test."""

    source: Source

    def unbind(self) -> None:
        self.notes.append("unbind")


class AsBind(Streaming):
    def bind(self, *args: Any) -> Any:
        return self.source.__aiter__()


class Awaiting(Streaming):
    async def bind(self, *args: Any) -> None:
        await self.stream(self.source)
        self.notes.append("went on")
        if not self.stream_over:
            self.finish()


class Returning(Streaming):
    def bind(self, *args: Any) -> Any:
        return self.stream(self.source).addCallback(
            lambda _: None if self.stream_over else self.finish()
        )


class Ignoring(Streaming):
    def bind(self, *args: Any) -> None:
        self.stream(self.source)


class OwnGet(Streaming):
    async def get(self, *args: Any) -> None:
        await self.stream(self.source)


KINDS = [AsBind, Awaiting, Returning, Ignoring, OwnGet]


def started(kind: type[Streaming]) -> tuple[Stage, Source, PendingResponse]:
    stage = Stage(kind)
    source = Source(stage.notes)
    kind.source = source
    return stage, source, stage.open()


@pytest.mark.parametrize("kind", KINDS)
def test_items_become_events(kind: type[Streaming]) -> None:
    _, source, response = started(kind)
    assert response.status == 200  # before the first item
    source.put("one", b"two", {"three": 3})
    source.put(Event("four", "number", eid="4"))
    assert events(response) == [
        Got("one"), Got("two"), Got('{"three": 3}'), Got("four", "number", "4"),
    ]  # fmt: skip
    source.over = True
    source.put()
    assert source.notes[0] == "closed"
    assert response.complete is (kind is not Ignoring)


@pytest.mark.parametrize("kind", KINDS)
def test_the_iterator_ends_with_the_client(kind: type[Streaming]) -> None:
    stage, source, response = started(kind)
    source.put("one")
    with recorded_log() as log:
        response.disconnect()
    assert [line.text for line in log] == [line.text for line in log if line.log.endswith("access")]
    assert len(log) == 1 and problems(log) == []
    assert source.notes[:2] == ["cancelled", "closed"]
    assert source.notes.count("unbind") == 1
    assert ("went on" in source.notes) is (kind is Awaiting)
    assert not stage.app.connections and not stage.app.streams


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("item", [ZeroDivisionError("oops"), ["a list"]])
def test_errors_of_the_iterator(kind: type[Streaming], item: Any) -> None:
    stage = Stage(kind)
    source = kind.source = Source(stage.notes)
    connection = stage.client.connect()
    connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    with recorded_log() as log:
        source.put("one", item)
        stage.client.advance(0)
    assert "closed" in source.notes
    assert ("oops" if isinstance(item, Exception) else "not list") in problems(log)[0]
    assert connection.closed and not connection.received.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("kind", [AsBind, Awaiting, Ignoring])
def test_a_graceful_stop_ends_the_iterator(kind: type[Streaming]) -> None:
    stage, source, response = started(kind)
    source.put("one")
    stage.app.drain()
    stage.client.advance(0)
    assert response.complete and events(response) == [Got("one")]
    assert source.notes[:2] == ["cancelled", "closed"]
    assert not stage.app.connections and not stage.app.streams


def test_it_waits_for_slow_clients() -> None:
    _, source, response = started(Awaiting)
    response.hold()
    source.put(*["x" * 10_000] * 100)
    assert len(source.items) > 50
    while source.items:
        response.release(50_000)
    response.release()
    assert len(events(response)) == 100


def test_it_may_end_its_own_stream() -> None:
    class Finishing(Streaming):
        async def bind(self, *args: Any) -> Any:
            try:
                yield "one"
                self.finish()
                yield "two"
                self.notes.append("never")
            finally:
                await asyncio.sleep(0) if asyncio._get_running_loop() else None
                self.notes.append("closed")

    def run() -> Stage:
        stage = Stage(Finishing)
        response = stage.open()
        assert events(response) == [Got("one")] and response.complete
        return stage

    assert run().notes == ["unbind", "closed"]

    async def on_loop() -> Stage:
        stage = run()
        await turns()
        return stage

    assert run_on_loop(on_loop).notes == ["unbind", "closed"]


def test_asyncio_iterators_are_cancelled_too() -> None:
    notes: list[str] = []

    async def ticks() -> AsyncIterator[str]:
        try:
            yield "one"
            await asyncio.Future()
        except asyncio.CancelledError:
            notes.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            notes.append("closed")

    class Ticking(Noting):
        async def bind(self, *args: Any) -> None:
            await self.stream(ticks())
            self.notes.append("went on")

    async def run() -> None:
        stage = Stage(Ticking)
        response = stage.open()
        await turns()
        assert events(response) == [Got("one")]
        response.disconnect()
        await turns()
        assert notes == ["cancelled", "closed"]
        assert stage.notes == ["unbind", "went on"]

    run_on_loop(run)


def test_waiting_for_it_may_be_cancelled() -> None:
    class Impatient(Streaming):
        async def bind(self, *args: Any) -> None:
            streaming = self.stream(self.source)
            streaming.cancel()
            try:
                await streaming
            except CancelledError:
                self.notes.append("impatient")

    stage, _, response = started(Impatient)
    assert stage.notes == ["cancelled", "closed", "impatient"]
    assert response.status == 200 and not response.complete


def test_only_asynchronous_iterators() -> None:
    stage = Stage(Noting)
    stage.open()
    with pytest.raises(TypeError, match="not an asynchronous iterator"):
        stage.handlers[0].stream(["one"])


def test_after_the_end_nothing_is_asked_for() -> None:
    stage = Stage(Noting)
    stage.open().disconnect()
    source = Source(stage.notes)
    done = stage.handlers[0].stream(source)
    assert done.called and source.waiting is None
