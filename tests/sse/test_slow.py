"""Clients that do not read: what waits for them, what is forgotten, who is dropped."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from cyclone.sse import Broadcaster
from cyclone.testing import PendingResponse
from tests.web.support import recorded_log

from .support import EventParser, Noting, Stage, events

PIECE = "x" * 1000
LIMIT = 10_000


def slow(policy: str, **settings: Any) -> tuple[Stage, PendingResponse, Any]:
    """A client that does not read any more, and what its connection takes is full."""
    stage = Stage(Noting, sse_write_buffer_policy=policy, sse_write_buffer_limit=LIMIT, **settings)
    response = stage.open(Accept_Encoding="gzip")
    response.hold()
    handler = stage.handlers[0]
    outbox = handler.request.connection.outbox
    number = 0
    while outbox.clear:
        handler.sendEvent(f"{number} {PIECE}")
        number += 1
    return stage, response, handler


def numbers(response: PendingResponse) -> list[int]:
    return [int(event.data.split()[0]) for event in events(response) if event.data != "last"]


def test_wait() -> None:
    stage, response, handler = slow("wait")
    notes: list[str] = []
    handler.sendEvent("last").addCallback(lambda _: notes.append("taken"))
    assert notes == []
    response.release()
    assert notes == ["taken"] and events(response)[-1].data == "last"
    assert handler.event_stream.direct is not None and stage.notes == ["bind"]


@pytest.mark.parametrize(("policy", "most"), [("wait", 4 * LIMIT), ("close", LIMIT)])
def test_who_does_not_wait_is_closed(policy: str, most: int) -> None:
    stage, _, handler = slow(policy)
    outbox = handler.request.connection.outbox
    waiting = 0
    with recorded_log() as log:
        for _ in range(100):
            handler.sendEvent(PIECE)
            waiting = max(waiting, outbox.queued)
        stage.client.advance(0)
    assert most < waiting < most + 2 * len(PIECE)
    assert "wait for a client that does not read" in "".join(line.text for line in log)
    assert len(log) == 1 + 1  # and a line in the access log
    assert stage.notes == ["bind", "unbind"] and stage.app.connections == set()


@pytest.mark.parametrize("compress", [False, True])
def test_drop_oldest(compress: bool) -> None:
    stage, response, handler = slow("drop_oldest", sse_compress_events=compress)
    first = 100_000
    for number in range(first, first + 100):
        handler.sendEvent(f"{number} {PIECE}")
    assert handler.dropped_events == 100 - 9
    assert handler.event_stream.direct is None
    handler.sendEvent("last")
    response.release()
    stream = response.received
    if compress:
        stream = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(stream)
    got = [event.data for event in EventParser().feed(stream)]
    kept = [int(data.split()[0]) for data in got if data != "last"]
    assert kept == sorted(set(kept))  # in order, none twice
    assert kept[-9:] == list(range(first + 91, first + 100))
    assert kept[-10] < first and got[-1] == "last"
    handler.sendEvent("and on")
    assert (handler.event_stream.direct is None) is compress
    assert stage.notes == ["bind"]
    handler.finish()
    assert handler.dropped_events == 100 - 9  # it can still be told in unbind()


def test_held_events_go_out_in_pieces_as_the_client_reads() -> None:
    stage, response, handler = slow("drop_oldest")
    big = "y" * 3_000
    for number in range(3):
        handler.sendEvent(f"{number + 10_000} {big}")
    for _ in range(200):
        response.release(1000)
        handler.send_comment()  # must not overtake what waits
    response.release()
    found = numbers(response)
    assert found == sorted(found) and found[-1] == 10_002
    assert stage.notes == ["bind"]


def test_what_is_held_goes_out_before_the_end() -> None:
    _, response, handler = slow("drop_oldest")
    handler.sendEvent("last")
    handler.finish()
    response.release()
    assert response.complete and events(response)[-1].data == "last"


def test_a_client_that_goes_while_events_are_held() -> None:
    stage, response, handler = slow("drop_oldest")
    handler.sendEvent("last")
    response.disconnect()
    assert stage.notes == ["bind", "unbind"]


def test_no_heartbeats_for_slow_clients() -> None:
    stage, response, _ = slow("wait", sse_heartbeat_interval=1)
    before = stage.handlers[0].request.connection.outbox.queued
    stage.client.advance(10, steps=20)
    assert stage.handlers[0].request.connection.outbox.queued == before
    stage.client.advance(60, steps=2)  # write_timeout: the peer takes nothing at all
    assert stage.notes == ["bind", "unbind"]
    del response


def test_one_slow_client_does_not_keep_others_waiting() -> None:
    stage, _, handler = slow("close")
    room = Broadcaster([handler])
    other = stage.open()
    room.add(stage.handlers[1])
    for number in range(50):
        room.send(f"{number} {PIECE}")
    assert numbers(other) == list(range(50))
    stage.client.advance(0)
    assert room.send("last") == 1 and len(room) == 1  # who has gone is forgotten
