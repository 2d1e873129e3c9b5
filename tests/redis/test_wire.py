"""Replies, cut anywhere, and bytes that are none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport

import cyclone.redis as redis

strings = st.one_of(st.none(), st.binary(max_size=30), st.just(b"\r\n"), st.just(b"$3\r\nabc\r\n"))
numbers = st.integers(-(2**40), 2**40)
lists = st.recursive(
    st.lists(st.one_of(strings, numbers), min_size=1, max_size=4),
    lambda inner: st.lists(st.one_of(strings, numbers, inner, st.just([])), min_size=1, max_size=3),
    max_leaves=12,
)
replies = st.one_of(strings, numbers, lists, st.just([]))


def encoded(reply: Any) -> bytes:
    if reply is None:
        return b"$-1\r\n"
    if isinstance(reply, bytes):
        return b"$%d\r\n%s\r\n" % (len(reply), reply)
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    return b"*%d\r\n" % len(reply) + b"".join(map(encoded, reply))


def connection() -> tuple[Any, list[Any], Any]:
    protocol = redis.RedisProtocol(charset=None, convertNumbers=False)
    protocol.factory = SimpleNamespace(addConnection=lambda conn: None)
    got: list[Any] = []
    protocol.replyReceived = got.append
    transport = StringTransport()
    protocol.makeConnection(transport)
    return protocol, got, transport


@given(st.lists(replies, min_size=1, max_size=6), st.lists(st.integers(1, 9), max_size=60))
def test_replies_cut_anywhere(expected: list[Any], cuts: list[int]) -> None:
    protocol, got, _ = connection()
    data = b"".join(map(encoded, expected))
    for cut in cuts:
        protocol.dataReceived(data[:cut])
        data = data[cut:]
    protocol.dataReceived(data)
    assert got == expected
    assert protocol.clearLineBuffer() == b""


words = st.sampled_from([b"$", b"*", b":", b"+", b"-", b"1", b"-1", b"3", b"\r\n", b"abc", b"\xff"])


@given(st.lists(words, max_size=40).map(b"".join))
def test_bytes_that_are_no_replies(data: bytes) -> None:
    """They end the connection, or are errors; they raise nothing and are not kept for ever."""
    protocol, got, transport = connection()
    for at in range(len(data)):
        if not transport.disconnecting:
            protocol.dataReceived(data[at : at + 1])
    assert len(got) <= len(data)
    kinds = (str, bytes, int, list, redis.RedisError, type(None))
    assert all(isinstance(one, kinds) for one in got)


def test_a_connection_that_is_paused() -> None:
    protocol, got, _ = connection()
    protocol.pauseProducing()
    protocol.dataReceived(b"+one\r\n$3\r\ntwo\r\n")
    assert got == []
    protocol.resumeProducing()
    assert got == ["one", b"two"]


def test_what_a_reply_sets_off_comes_after_the_others() -> None:
    """A callback that has more read, as one that ends a pause does."""
    protocol, got, _ = connection()

    def reply(value: Any) -> None:
        got.append(value)
        if value == "one":
            protocol.dataReceived(b"+three\r\n")

    protocol.replyReceived = reply
    protocol.dataReceived(b"+one\r\n+two\r\n")
    protocol.dataReceived(b"")
    assert got == ["one", "two", "three"]
