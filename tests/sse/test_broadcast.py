"""`Broadcaster`: one event to many, and to those who come back."""

from __future__ import annotations

from typing import Any

import pytest

from cyclone.sse import Broadcaster, Event, History, SSEHandler

from .support import EventParser, Got, Stage, events


class Member(SSEHandler):
    """In a room."""

    complete: bool | None = None

    @property
    def room(self) -> Broadcaster:
        room: Broadcaster = self.settings["room"]
        return room

    def bind(self, *args: Any) -> None:
        self.complete = self.room.add(self)

    def unbind(self) -> None:
        self.room.discard(self)


def test_a_room() -> None:
    room = Broadcaster()
    stage = Stage(Member, room=room)
    one, two = stage.open(), stage.open()
    assert len(room) == 2 and set(room) == set(stage.handlers) and stage.handlers[0] in room
    assert room.send({"a": 1}, event="x", eid=1, retry=2) == 2
    assert room.send("but one", exclude=stage.handlers[0]) == 1
    assert room.send(Event("kept", eid=3)) == 2
    first = Got('{"a": 1}', "x", "1")
    assert events(one) == [first, Got("kept", id="3")]
    assert events(two) == [first, Got("but one", id="1"), Got("kept", id="3")]
    one.disconnect()
    assert room.send("x") == 1 and len(room) == 1


def test_all_ways_of_a_stream_get_the_same() -> None:
    room = Broadcaster()
    stage = Stage(Member, room=room)
    connection = stage.client.connect()
    connection.send(b"GET / HTTP/1.0\r\n\r\n")
    chunked = stage.open()
    room.send("hello")
    (old,) = connection.responses()
    assert old.body == chunked.received == b"data: hello\n\n"


@pytest.mark.parametrize("ids", ["own", "made"])
def test_clients_that_come_back_get_what_they_have_missed(ids: str) -> None:
    room = Broadcaster(history=History(max_events=4))
    stage = Stage(Member, room=room)
    first = stage.open()

    def send(text: str) -> None:
        room.send(text, eid=text if ids == "own" else None)

    send("a")
    send("b")
    parser = EventParser()
    parser.feed(first.received)
    assert len(parser.events) == 2 and parser.last_id
    first.disconnect()
    send("c")
    again = stage.open(Last_Event_ID=parser.last_id)
    send("d")
    assert [event.data for event in events(again)] == ["c", "d"]
    newcomer = stage.open()
    assert events(newcomer) == []
    for text in "efgh":
        send(text)
    late = stage.open(Last_Event_ID=parser.last_id)
    assert [event.data for event in events(late)] == ["e", "f", "g", "h"]
    assert [handler.complete for handler in stage.handlers] == [True, True, True, False]


def test_ids_of_another_server_are_not_taken_for_ones_own() -> None:
    rooms = [Broadcaster(history=History()) for _ in range(2)]
    for room in rooms:
        room.send("a")
        room.send("b")
    assert rooms[0].history and rooms[1].history
    last = rooms[0].history.since("?")[0].id
    stage = Stage(Member, room=rooms[1])
    response = stage.open(Last_Event_ID=str(last))
    assert [event.data for event in events(response)] == ["a", "b"]
    assert stage.handlers[0].complete is False


def test_who_has_gone_already_is_not_added() -> None:
    room = Broadcaster()
    stage = Stage(type("Later", (SSEHandler,), {}), room=room)
    stage.open().disconnect()
    room.add(stage.handlers[0])
    assert len(room) == 0


def test_who_is_about_to_open_gets_it_too() -> None:
    room = Broadcaster()

    class Telling(Member):
        def bind(self, *args: Any) -> None:
            super().bind()
            self.room.send("one more")

    response = Stage(Telling, room=room).open()
    assert events(response) == [Got("one more")]


def test_a_doctest_of_the_class() -> None:
    news = Broadcaster(history=History(max_events=100))
    assert news.send("hello", event="greeting") == 0
