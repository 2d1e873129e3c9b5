"""Events on the wire, clients that take them, and those that come back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.sse import Event, History
from cyclone.sse.accept import accepts_events
from cyclone.sse.events import encode_comment, encode_event

from .support import EventParser, Got


@pytest.mark.parametrize(
    ("arguments", "wire"),
    [
        (("hello",), b"data: hello\n\n"),
        (("",), b"data: \n\n"),
        ((b"hello",), b"data: hello\n\n"),
        (({"a": [1]},), b'data: {"a": [1]}\n\n'),
        (("Gr\u00fc\u00dfe \u2028",), "data: Gr\u00fc\u00dfe \u2028\n\n".encode()),
        (("a\nb",), b"data: a\ndata: b\n\n"),
        (("a\rb",), b"data: a\ndata: b\n\n"),
        (("a\r\nb",), b"data: a\ndata: b\n\n"),
        ((b"a\n\rb\n",), b"data: a\ndata: \ndata: b\ndata: \n\n"),
        (("id: 1\n\nevent: x",), b"data: id: 1\ndata: \ndata: event: x\n\n"),
        (("x", "patch"), b"event: patch\ndata: x\n\n"),
        (("x", b"patch"), b"event: patch\ndata: x\n\n"),
        (("x", None, "7"), b"id: 7\ndata: x\n\n"),
        (("x", None, b"7"), b"id: 7\ndata: x\n\n"),
        (("x", None, 7), b"id: 7\ndata: x\n\n"),
        (("x", None, ""), b"id: \ndata: x\n\n"),
        (("x", "e", 1, 3000), b"event: e\nid: 1\nretry: 3000\ndata: x\n\n"),
        (("x", None, None, 0), b"retry: 0\ndata: x\n\n"),
    ],
)
def test_wire(arguments: Any, wire: bytes) -> None:
    assert encode_event(*arguments) == wire
    event = Event(*arguments)
    assert event.encoded == wire
    assert event.chunk == b"%x\r\n%b\r\n" % (len(wire), wire)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((None,), TypeError, "str, bytes or dict, not NoneType"),
        (([1],), TypeError, "not list"),
        ((7,), TypeError, "not int"),
        (("\ud800",), ValueError, "surrogates"),
        (("x", "a\nb"), ValueError, "event of an event must not hold CR, LF or NUL"),
        (("x", b"a\rb"), ValueError, "event of an event must not"),
        (("x", "a\0"), ValueError, "must not hold"),
        (("x", 7), TypeError, "event of an event is str or bytes, not int"),
        (("x", None, "1\ndata: y"), ValueError, "id of an event must not hold CR, LF or NUL"),
        (("x", None, "1\r"), ValueError, "must not hold"),
        (("x", None, b"1\0"), ValueError, "must not hold"),
        (("x", None, 1.5), TypeError, "id of an event is str or bytes, not float"),
        (("x", None, True), TypeError, "not bool"),
        (("x", None, None, -1), ValueError, "0 milliseconds or more, not -1"),
        (("x", None, None, "5"), TypeError, "whole number of milliseconds, not '5'"),
        (("x", None, None, 1.5), TypeError, "whole number"),
        (("x", None, None, True), TypeError, "whole number"),
    ],
)
def test_what_cannot_be_sent(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        encode_event(*arguments)


def test_comments() -> None:
    assert encode_comment("") == b": \n\n"
    assert encode_comment("a\ndata: b\rc") == b": a\n: data: b\n: c\n\n"


LINES = st.text(st.characters(exclude_categories=["Cs"]))
FIELDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))


@given(
    st.lists(st.tuples(LINES, st.none() | FIELDS, st.none() | FIELDS, st.none() | st.integers(0)))
)
def test_clients_read_what_was_sent(sent: list[Any]) -> None:
    parser = EventParser()
    last_id, expected = "", []
    for data, name, eid, _ in sent:
        last_id = last_id if eid is None else eid
        lines = data.replace("\r\n", "\n").replace("\r", "\n")
        expected.append(Got(lines, name or "message", last_id))
    wire = b"".join(encode_event(*each) + encode_comment(each[0]) for each in sent)
    assert parser.feed(wire) == expected
    retries = [each[3] for each in sent if each[3] is not None]
    assert parser.retry == (retries[-1] if retries else None)


@pytest.mark.parametrize(
    ("accept", "takes"),
    [
        (None, True),
        ("", True),
        (" ", True),
        ("text/event-stream", True),
        ("TEXT/Event-Stream; charset=utf-8", True),
        ("text/html, text/event-stream;q=0.1", True),
        ("*/*", True),
        ("text/*", True),
        ("text/html,*/*;q=0.8", True),
        ("text/html", False),
        ("application/json, application/*", False),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=0.000, */*", False),
        ("text/*;q=0, text/event-stream", True),
        ("text/*; Q=0, */*", False),
        ("*/*;q=0", False),
        (",,", False),
        ("text/event-stream;q=nonsense", True),
    ],
)
def test_accept(accept: str | None, takes: bool) -> None:
    assert accepts_events(accept) is takes


def test_history_is_bounded_by_number() -> None:
    history = History(max_events=3)
    for number in range(5):
        history.add(Event(str(number), eid=number))
    assert [event.id for event in history.since("nobody knows")] == ["2", "3", "4"]
    assert [event.id for event in history.since("2")] == ["3", "4"]
    assert history.since("4") == []
    assert history.since(None) == history.since("") == []
    assert history.knows("2") and not history.knows("1")
    assert len(history) == 3


def test_history_is_bounded_by_bytes() -> None:
    size = len(Event("x" * 100, eid="1").encoded)
    history = History(max_bytes=2 * size)
    for number in range(4):
        history.add(Event("x" * 100, eid=number))
    assert history.size == 2 * size
    assert [event.id for event in history.since("2")] == ["3"]
    history.add(Event("x" * 1000, eid="large"))
    assert len(history) == history.size == 0
    assert not history.knows("large")


def test_history_of_ids_that_come_again() -> None:
    history = History(max_events=2)
    for eid in ("a", "b", "a"):
        history.add(Event("x", eid=eid))
    assert history.since("a") == []
    history.add(Event("y", eid="c"))
    assert [event.id for event in history.since("a")] == ["c"]


def test_history_needs_ids_and_makes_them() -> None:
    history = History()
    for eid in (None, ""):
        with pytest.raises(ValueError, match="without id"):
            history.add(Event("x", eid=eid))
    ids = {history.new_id() for _ in range(3)} | {History().new_id()}
    assert len(ids) == 4
    with pytest.raises(ValueError, match="0 or more"):
        History(max_events=-1)
    with pytest.raises(ValueError, match="0 or more"):
        History(max_bytes=-1)


@given(st.lists(st.integers(0, 5)), st.integers(0, 4), st.integers(0, 60), st.integers(0, 5))
def test_history_as_a_list(ids: list[int], most: int, size: int, asked: int) -> None:
    history, model = History(most, size), list[Event]()
    for each in ids:
        event = Event("x" * each, eid=each)
        history.add(event)
        model.append(event)
        while len(model) > most or sum(len(e.encoded) for e in model) > size:
            del model[0]
    places = [place for place, event in enumerate(model) if event.id == str(asked)]
    expected = model[places[-1] + 1 :] if places else model
    assert history.since(str(asked)) == expected
