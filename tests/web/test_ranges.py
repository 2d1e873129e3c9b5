"""Ranges: which bytes are meant, and the envelope they travel in."""

from __future__ import annotations

import email
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.web.ranges import (
    MAX_RANGES,
    ByteRange,
    MultipartRanges,
    content_range,
    select_ranges,
)
from tests.web.counting import steps

EVERYTHING = None
REFUSED: tuple[tuple[int, int], ...] = ()

CASES: list[tuple[str, int, tuple[tuple[int, int], ...] | None]] = [
    # value, size, ranges as slices
    ("bytes=0-9", 26, ((0, 10),)),
    ("bytes=22-", 26, ((22, 26),)),
    ("bytes=-4", 26, ((22, 26),)),
    ("bytes=1-10000000", 26, ((1, 26),)),
    ("bytes=25-25", 26, ((25, 26),)),
    ("BYTES=0-9", 26, ((0, 10),)),  # range units are case-insensitive
    ("bytes=0-0,-1", 26, ((0, 1), (25, 26))),
    ("bytes= 0-0 ,\t5-6 ", 26, ((0, 1), (5, 7))),
    ("bytes=,0-0,,5-6,", 26, ((0, 1), (5, 7))),
    ("bytes=5-6,0-0", 26, ((5, 7), (0, 1))),  # in the order asked for
    ("bytes=0-0,30-40", 26, ((0, 1),)),  # what cannot be satisfied is dropped
    ("bytes=0-0,-0", 26, ((0, 1),)),
    ("bytes=000-009", 26, ((0, 10),)),
    ("bytes=0-" + "9" * 5000, 26, EVERYTHING),
    ("bytes=" + "9" * 5000 + "-", 26, REFUSED),
    ("bytes=1-" + "0" * 5000 + "2", 26, ((1, 3),)),
    # one that is everything is no range
    ("bytes=0-", 26, EVERYTHING),
    ("bytes=0-25", 26, EVERYTHING),
    ("bytes=0-10000000", 26, EVERYTHING),
    ("bytes=-26", 26, EVERYTHING),
    ("bytes=-1000000", 26, EVERYTHING),
    # several that overlap, or are everything together
    ("bytes=0-24,0-24", 26, EVERYTHING),
    ("bytes=0-,0-,0-", 26, EVERYTHING),
    ("bytes=0-12,13-25", 26, EVERYTHING),
    ("bytes=0-5,0-5", 26, ((0, 6), (0, 6))),
    # ignored
    ("", 26, EVERYTHING),
    ("asdf", 26, EVERYTHING),
    ("items=0-5", 26, EVERYTHING),
    ("bytes", 26, EVERYTHING),
    ("bytes=", 26, EVERYTHING),
    ("bytes=-", 26, EVERYTHING),
    ("bytes=,", 26, EVERYTHING),
    ("bytes=a-b", 26, EVERYTHING),
    ("bytes=0-5,x", 26, EVERYTHING),
    ("bytes=--5", 26, EVERYTHING),
    ("bytes=1-2-3", 26, EVERYTHING),
    ("bytes=+1-5", 26, EVERYTHING),
    ("bytes=1_0-", 26, EVERYTHING),
    ("bytes=٣-", 26, EVERYTHING),  # an Arabic digit
    ("bytes=0 - 5", 26, EVERYTHING),
    ("bytes=0-5\n", 26, EVERYTHING),
    # refused
    ("bytes=26-", 26, REFUSED),
    ("bytes=-0", 26, REFUSED),
    ("bytes=26", 26, REFUSED),
    ("bytes=5", 26, REFUSED),
    ("bytes=10-3", 26, REFUSED),
    ("bytes=0-1,10-3", 26, REFUSED),
    ("bytes=30-,40-50", 26, REFUSED),
    # an empty file
    ("bytes=0-", 0, REFUSED),
    ("bytes=0-0", 0, REFUSED),
    ("bytes=-5", 0, EVERYTHING),
]


@pytest.mark.parametrize(("value", "size", "slices"), CASES)
def test_select(value: str, size: int, slices: tuple[tuple[int, int], ...] | None) -> None:
    assert select_ranges(value, size) == slices


def test_class_3_too_many_ranges_are_ignored() -> None:
    def wanted(count: int) -> str:
        return "bytes=" + ",".join(f"{2 * i}-{2 * i}" for i in range(count))

    assert len(select_ranges(wanted(MAX_RANGES), 1000) or ()) == MAX_RANGES
    assert select_ranges(wanted(MAX_RANGES + 1), 1000) is None
    assert select_ranges(wanted(3), 1000, max_ranges=2) is None


POSITION = st.integers(0, 40)


def as_text(one: tuple[int | None, int | None]) -> str:
    return "-".join("" if position is None else str(position) for position in one)


def by_hand(one: tuple[int | None, int | None], size: int) -> set[int]:
    """The positions of one range, by the words of the RFC."""
    first, last = one
    if first is None:
        return {i for i in range(size) if i >= size - (last or 0)}
    return {i for i in range(size) if first <= i and (last is None or i <= last)}


RANGE = st.one_of(
    st.tuples(POSITION, st.none()),
    st.tuples(st.none(), POSITION),
    st.tuples(POSITION, POSITION).map(lambda pair: (min(pair), max(pair))),
)


@given(st.lists(RANGE, min_size=1, max_size=5), st.integers(1, 30))
def test_class_20_ranges_are_what_they_say(
    wanted: list[tuple[int | None, int | None]], size: int
) -> None:
    selected = select_ranges("bytes=" + ", ".join(map(as_text, wanted)), size)
    expected = [positions for one in wanted if (positions := by_hand(one, size))]
    if sum(map(len, expected)) >= size:
        assert selected is None
    else:
        assert selected is not None
        assert [set(range(*one)) for one in selected] == expected


@given(st.text("bytes=0123456789-, \tx٣", max_size=30), st.integers(0, 20))
def test_class_20_any_text_gives_ranges_inside(text: str, size: int) -> None:
    for value in (text, "bytes=" + text):
        for one in select_ranges(value, size) or ():
            assert 0 <= one.start < one.stop <= size


@pytest.mark.parametrize("unit", ["0-0,", ",", "-1,", "1-,", "9", "x"])
def test_class_3_the_work_grows_with_the_length(unit: str) -> None:
    def work(count: int) -> int:
        return steps(lambda: select_ranges("bytes=" + unit * count, 10, max_ranges=10**6))

    assert work(800) <= 4 * work(200) + 20


def test_class_3_a_long_list_is_refused_without_being_read() -> None:
    assert steps(lambda: select_ranges("bytes=" + "0-0," * 10_000, 10)) < 20


# --- what is sent --------------------------------------------------------------------------------


def test_content_range() -> None:
    assert content_range(ByteRange(0, 10), 26) == "bytes 0-9/26"
    assert content_range(ByteRange(25, 26), 26) == "bytes 25-25/26"
    assert content_range(None, 26) == "bytes */26"


@pytest.mark.parametrize("part_type", ["text/plain", None])
def test_the_envelope_is_a_mime_message(part_type: str | None) -> None:
    content = bytes(range(256))
    parts = [ByteRange(0, 3), ByteRange(100, 101), ByteRange(0, 3)]
    multipart = MultipartRanges(parts, 256, part_type)
    body = b"".join(multipart.head(one) + content[slice(*one)] for one in parts) + multipart.tail
    assert len(body) == multipart.length
    message = email.message_from_bytes(
        f"Content-Type: {multipart.content_type}\r\n\r\n".encode() + body
    )
    assert message.get_content_type() == "multipart/byteranges"
    read: Any = message.get_payload()
    assert [one.get_payload(decode=True) for one in read] == [content[slice(*p)] for p in parts]
    assert [one["Content-Range"] for one in read] == [content_range(p, 256) for p in parts]
    assert all(one["Content-Type"] == part_type for one in read)


def test_boundaries_cannot_be_guessed() -> None:
    one, other = (MultipartRanges([ByteRange(0, 1)], 2, None) for _ in range(2))
    assert one.boundary != other.boundary
    assert len(one.boundary) >= 32
