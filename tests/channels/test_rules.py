"""Messages and ids, how they are written, what waits, and what limits make no sense."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.channels import (
    ChannelLimits,
    Channels,
    MemoryEngine,
    Message,
    RedisEngine,
    RedisStreamsEngine,
)
from cyclone.channels.messages import as_data, as_position, decode, decode_numbered, encode
from cyclone.channels.queue import MessageQueue

WORDS: list[tuple[Any, Any]] = [
    ("text", "text"),
    (b"bytes", b"bytes"),
    (bytearray(b"b"), b"b"),
    (memoryview(b"m"), b"m"),
    ({"a": 1}, '{"a": 1}'),
    (["ä"], '["\\u00e4"]'),
]


@pytest.mark.parametrize(("message", "data"), WORDS)
def test_what_may_be_published(message: Any, data: Any) -> None:
    assert as_data(message) == data


@pytest.mark.parametrize("message", [None, 3, object()])
def test_what_may_not(message: Any) -> None:
    with pytest.raises(TypeError, match="a message is str, bytes, or a dict or list"):
        as_data(message)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.one_of(TEXTS, st.binary(), st.sampled_from(["\x00", "\x01a", "\x021-1 x", b"\x02"])))
def test_messages_arrive_as_they_were(data: str | bytes) -> None:
    encoded = encode(data)
    assert decode(encoded) == data
    assert decode_numbered(encoded) == (None, encoded)  # nothing but an engine says ids
    number, rest = decode_numbered(b"\x025-7 " + encoded)
    assert (number, decode(rest)) == ("5-7", data)


@given(st.binary())
def test_what_other_programs_send_is_read_somehow(data: bytes) -> None:
    _, rest = decode_numbered(data)
    assert isinstance(decode(rest), (str, bytes))


def test_other_programs_read_and_send_plain_text() -> None:
    assert encode("grüße") == "grüße".encode()
    assert decode(b"hello") == "hello"
    assert decode(b"\xff") == b"\xff"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("0", (0, 0)),
        ("5-7", (5, 7)),
        ("5", (5, 0)),
        (None, None),
        ("", None),
        ("5-", None),
        ("-5", None),
        ("5-7\n", None),
        ("\u0665", None),
        ("$", None),
        ("9" * 21, None),
        (str(1 << 64), None),
        ("1-18446744073709551615", (1, (1 << 64) - 1)),
    ],
)
def test_ids(text: str | None, position: Any) -> None:
    assert as_position(text) == position


def messages(*texts: str) -> list[Message]:
    return [Message("c", text) for text in texts]


QUEUES: list[tuple[dict[str, Any], list[str], int, bool]] = [
    ({"queue_size": 2}, ["c", "dddd"], 2, False),
    ({"queue_size": 2, "queue_policy": "drop_newest"}, ["a", "bb"], 2, False),
    ({"queue_size": 2, "queue_policy": "close"}, ["dddd"], 0, True),
    ({"queue_bytes": 5}, ["c", "dddd"], 2, False),
    ({"queue_bytes": 3}, ["dddd"], 3, False),
    ({"queue_bytes": 3, "queue_policy": "drop_newest"}, ["a", "bb"], 2, False),
]


@pytest.mark.parametrize(("limits", "left", "dropped", "overflowed"), QUEUES)
def test_queues(limits: Any, left: list[str], dropped: int, overflowed: bool) -> None:
    queue = MessageQueue(ChannelLimits(**limits))
    for message in messages("a", "bb", "c", "dddd"):
        queue.put(message)
    assert (queue.dropped, queue.overflowed) == (dropped, overflowed)
    assert [queue.take().data for _ in range(len(queue))] == left


@given(
    st.lists(st.one_of(st.integers(1, 9), st.none()), max_size=60),
    st.sampled_from(["drop_oldest", "drop_newest", "close"]),
)
def test_queues_are_bounded(steps: list[int | None], policy: Any) -> None:
    queue = MessageQueue(ChannelLimits(queue_size=5, queue_bytes=20, queue_policy=policy))
    inside: list[int] = []
    for step in steps:
        if step is not None:
            queue.put(Message("c", "x" * step))
        elif len(queue):
            queue.take()
        inside = [len(message.data) for message in queue._waiting]
        assert len(inside) <= 5 and sum(inside) <= 20
        assert queue._size == sum(inside)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"queue_policy": "wait"}, "queue_policy must be one of"),
        ({"queue_size": 0}, "queue_size must be a whole number above 0, not 0"),
        ({"max_channels": True}, "max_channels must be a whole number"),
        ({"max_message_size": "1M"}, "max_message_size must be a whole number"),
    ],
)
def test_limits_that_make_no_sense(limits: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Channels(**limits)


@pytest.mark.parametrize(
    ("limit", "data", "fits"),
    [
        (4, "abcd", True),
        (4, "abcde", False),
        (4, "äöü", False),
        (4, "äö", True),
        (4, b"abcd", True),
    ],
)
def test_sizes(limit: int, data: Any, fits: bool) -> None:
    assert ChannelLimits(max_message_size=limit).fits(data) is fits


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("", ValueError, "has 1 to 10 bytes, not 0"),
        ("ä" * 6, ValueError, "has 1 to 10 bytes, not 12"),
        ("\ud800", ValueError, "must be text that UTF-8 can hold"),
        (b"bytes", TypeError, "is a str, not bytes"),
        (None, TypeError, "is a str, not NoneType"),
    ],
)
def test_names_that_make_no_sense(name: Any, error: type[Exception], message: str) -> None:
    channels = Channels(max_channel_length=10)
    for use in (channels.subscribe, lambda name: channels.publish(name, "x")):
        with pytest.raises(error, match=message):
            use(name)
    assert channels.status.state == "idle"


URLS: list[tuple[str, type, dict[str, Any]]] = [
    ("memory:", MemoryEngine, {"has_history": False}),
    ("memory:?history=5", MemoryEngine, {"has_history": True}),
    ("redis://localhost", RedisEngine, {"prefix": "cyclone:"}),
    ("redis://u:p%40@h:7/?prefix=x&timeout=2&ping_interval=3", RedisEngine, {"timeout": 2.0}),
    ("rediss://h?history=9&history_seconds=60", RedisStreamsEngine, {"has_history": True}),
    ("unix:///tmp/s?prefix=y", RedisEngine, {"prefix": "y"}),
]


@pytest.mark.parametrize(("url", "kind", "attributes"), URLS)
def test_engines_by_url(url: str, kind: type, attributes: dict[str, Any]) -> None:
    engine = Channels(url).engine
    assert type(engine) is kind
    assert {name: getattr(engine, name) for name in attributes} == attributes


def test_what_a_url_says() -> None:
    from cyclone.channels.places import engine_of

    engine = engine_of("rediss://u:p%40@h:7")
    assert engine.line._place == ("h", 7, None)
    assert engine.line._login == {"username": "u", "password": "p@"}
    assert engine.line._tls is True
    assert engine_of("unix:///a%20b").line._place == ("localhost", 6379, "/a b")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:6379", "is no engine of channels"),
        ("", "is no engine of channels"),
        ("amqp://x", "'amqp' is no engine"),
        ("redis://h/3", "channels have no database"),
        ("unix://h/x", "unix:///its/path"),
        ("unix:", "unix:///its/path"),
        ("redis://h?history=many", "option history must be a number, not 'many'"),
        ("redis://h?history=0", "history must be 1 or more"),
        ("redis://h?timeout=0", "must be seconds above 0"),
        ("redis://h?colour=red", "'colour' is no option of this engine"),
        ("memory:?history=-1", "history must be 0 or more"),
        ("memory:?timeout=1", "'timeout' is no option"),
        ("redis://h:x", "Port could not be cast"),
    ],
)
def test_urls_that_make_no_sense(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Channels(url)


def test_redis_without_txredisapi(monkeypatch: pytest.MonkeyPatch) -> None:
    """The face of the package needs no extra; its engines name theirs."""
    import importlib
    import sys

    for name in [name for name in sys.modules if name.startswith("cyclone.redis")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "cyclone.channels.listener", raising=False)
    monkeypatch.setitem(sys.modules, "txredisapi", None)
    import cyclone
    import cyclone.channels as face

    monkeypatch.delattr(cyclone, "redis", raising=False)
    monkeypatch.delattr(face, "listener", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'cyclone\[redis\]'"):
        Channels("redis://localhost")
    assert importlib.import_module("cyclone.channels.memory")
