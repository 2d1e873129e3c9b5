"""Preconditions: the order of RFC 9110, section 13.2.2, and the lists they are written in."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.web.conditional import (
    compute_etag,
    evaluate,
    if_range_holds,
    parse_entity_tags,
    strong_match,
    weak_match,
)
from tests.web.counting import steps

BEFORE = "Sat, 29 Oct 1994 19:43:30 GMT"
DATE = "Sat, 29 Oct 1994 19:43:31 GMT"
AFTER = "Sat, 29 Oct 1994 19:43:32 GMT"
MODIFIED = datetime.datetime(1994, 10, 29, 19, 43, 31, tzinfo=datetime.UTC)

IM, INM = "If-Match", "If-None-Match"
IMS, IUS = "If-Modified-Since", "If-Unmodified-Since"


def verdict(
    method: str,
    headers: dict[str, str],
    etag: str | None = '"v1"',
    modified: datetime.datetime | None = MODIFIED,
) -> int | None:
    return evaluate(method, headers.get, etag, modified)


CASES: list[tuple[str, dict[str, str], int | None]] = [
    ("GET", {}, None),
    ("PUT", {}, None),
    # If-Match: strong comparison
    ("PUT", {IM: '"v1"'}, None),
    ("PUT", {IM: '"v0", "v1"'}, None),
    ("PUT", {IM: '"v0"'}, 412),
    ("PUT", {IM: 'W/"v1"'}, 412),
    ("PUT", {IM: "*"}, None),
    ("PUT", {IM: "v1"}, 412),  # no entity tag
    ("PUT", {IM: ""}, 412),
    ("GET", {IM: '"v0"'}, 412),
    # If-Unmodified-Since, only without If-Match
    ("PUT", {IUS: BEFORE}, 412),
    ("PUT", {IUS: DATE}, None),
    ("PUT", {IUS: AFTER}, None),
    ("PUT", {IUS: "yesterday"}, None),
    ("PUT", {IM: '"v1"', IUS: BEFORE}, None),
    ("PUT", {IM: '"v0"', IUS: AFTER}, 412),
    # If-None-Match: weak comparison
    ("GET", {INM: '"v1"'}, 304),
    ("HEAD", {INM: '"v1"'}, 304),
    ("GET", {INM: 'W/"v1"'}, 304),
    ("GET", {INM: '"v0", W/"v1"'}, 304),
    ("GET", {INM: '"v0"'}, None),
    ("GET", {INM: "*"}, 304),
    ("PUT", {INM: "*"}, 412),
    ("PUT", {INM: '"v1"'}, 412),
    ("DELETE", {INM: '"v0"'}, None),
    ("GET", {INM: "v1"}, None),
    ("GET", {INM: '"v1'}, None),
    # If-Modified-Since, only without If-None-Match, only for GET and HEAD
    ("GET", {IMS: BEFORE}, None),
    ("GET", {IMS: DATE}, 304),
    ("HEAD", {IMS: AFTER}, 304),
    ("GET", {IMS: "Saturday, 29-Oct-94 19:43:31 GMT"}, 304),
    ("GET", {IMS: "Sat Oct 29 19:43:31 1994"}, 304),
    ("GET", {IMS: "!nv@l!d"}, None),
    ("GET", {IMS: f"{DATE}, {DATE}"}, None),
    ("POST", {IMS: AFTER}, None),
    ("GET", {INM: '"v0"', IMS: AFTER}, None),
    ("GET", {INM: '"v1"', IMS: BEFORE}, 304),
    ("GET", {INM: "nonsense", IMS: AFTER}, None),
    # Both kinds: 412 comes first
    ("GET", {IM: '"v0"', INM: '"v1"'}, 412),
    ("GET", {IM: '"v1"', INM: '"v1"'}, 304),
    ("GET", {IUS: BEFORE, INM: '"v1"'}, 412),
    ("GET", {IUS: AFTER, IMS: AFTER}, 304),
    # Methods without representation
    ("OPTIONS", {IM: '"v0"', INM: "*", IUS: BEFORE}, None),
    ("TRACE", {INM: "*"}, None),
    ("CONNECT", {IM: '"v0"'}, None),
]


@pytest.mark.parametrize(("method", "headers", "status"), CASES)
def test_evaluate(method: str, headers: dict[str, str], status: int | None) -> None:
    assert verdict(method, headers) == status


NO_TAG: list[tuple[str, dict[str, str], int | None]] = [
    ("GET", {INM: '"v1"'}, None),
    ("GET", {INM: "*"}, 304),  # there is a representation, whatever its tag
    ("PUT", {IM: '"v1"'}, 412),
    ("PUT", {IM: "*"}, None),
]


@pytest.mark.parametrize(("method", "headers", "status"), NO_TAG)
def test_without_entity_tag(method: str, headers: dict[str, str], status: int | None) -> None:
    assert verdict(method, headers, etag=None) == status


@pytest.mark.parametrize("name", [IMS, IUS])
def test_dates_are_ignored_without_a_date_of_ones_own(name: str) -> None:
    assert verdict("GET", {name: BEFORE}, modified=None) is None


@pytest.mark.parametrize(
    "modified",
    [
        MODIFIED.replace(microsecond=999_999),  # headers know no fractions
        MODIFIED.replace(tzinfo=None),
        MODIFIED.astimezone(datetime.timezone(datetime.timedelta(hours=5))),
    ],
)
def test_dates_are_compared_in_utc_and_seconds(modified: datetime.datetime) -> None:
    assert verdict("GET", {IMS: DATE}, modified=modified) == 304
    assert verdict("GET", {IMS: BEFORE}, modified=modified) is None
    assert if_range_holds(DATE, None, modified)


def test_class_20_a_weak_tag_matches_weakly_only() -> None:
    assert verdict("GET", {INM: '"v1"'}, etag='W/"v1"') == 304
    assert verdict("PUT", {IM: 'W/"v1"'}, etag='W/"v1"') == 412


IF_RANGE: list[tuple[str | None, str | None, datetime.datetime | None, bool]] = [
    (None, None, None, True),
    ('"v1"', '"v1"', None, True),
    (' "v1"\t', '"v1"', None, True),
    ('"v0"', '"v1"', MODIFIED, False),
    ('W/"v1"', 'W/"v1"', MODIFIED, False),
    ('W/"v1"', '"v1"', MODIFIED, False),
    ('"v1"', None, MODIFIED, False),
    (DATE, '"v1"', MODIFIED, True),
    (BEFORE, '"v1"', MODIFIED, False),
    (AFTER, '"v1"', MODIFIED, False),  # not "since", exactly
    (DATE, '"v1"', None, False),
    ("", '"v1"', MODIFIED, False),
    ("*", '"v1"', MODIFIED, False),
    ('"v1", "v2"', '"v1"', MODIFIED, False),
    ("rubbish", '"v1"', MODIFIED, False),
]


@pytest.mark.parametrize(("value", "etag", "modified", "holds"), IF_RANGE)
def test_class_20_if_range(
    value: str | None, etag: str | None, modified: datetime.datetime | None, holds: bool
) -> None:
    assert if_range_holds(value, etag, modified) is holds


# --- entity tags ---------------------------------------------------------------------------------

LISTS: list[tuple[str, tuple[str, ...]]] = [
    ('"a"', ('"a"',)),
    ('"a","b"', ('"a"', '"b"')),
    ('"a" , W/"b"', ('"a"', 'W/"b"')),
    ('"a,b"', ('"a,b"',)),
    ('""', ('""',)),
    ("*", ("*",)),
    (" * ", ("*",)),
    (', "a",, "b",', ('"a"', '"b"')),  # empty elements, section 5.6.1.2
    ('"\x80\xff!"', ('"\x80\xff!"',)),
    ("", ()),
    (" , ", ()),
    ("a", ()),
    ('"a', ()),
    ('a"', ()),
    ('"a" "b"', ()),
    ('"a"b', ()),
    ('w/"a"', ()),  # case-sensitive
    ('W/ "a"', ()),
    ('"a b"', ()),  # no spaces in a tag
    ('"a\x7fb"', ()),
    ('"Ā"', ()),
    ('"a", *', ()),
    ('"a", b', ()),
    ('"a"\n', ()),
]


@pytest.mark.parametrize(("value", "tags"), LISTS)
def test_entity_tags(value: str, tags: tuple[str, ...]) -> None:
    assert parse_entity_tags(value) == tags


TAG = st.builds(
    lambda weak, text: f'{weak}"{text}"',
    st.sampled_from(["", "W/"]),
    st.text(
        st.characters(min_codepoint=0x21, max_codepoint=0xFF).filter(
            lambda char: char not in '"\x7f' and not "\x7f" < char < "\x80"
        ),
        max_size=6,
    ),
)
SEPARATOR = st.text(" \t,", max_size=4).map(lambda text: f",{text}")


@given(st.lists(st.tuples(TAG, SEPARATOR)), st.text(" \t,", max_size=3))
def test_lists_of_tags_are_split_again(parts: list[tuple[str, str]], start: str) -> None:
    text = start + "".join(tag + separator for tag, separator in parts)
    assert parse_entity_tags(text) == tuple(tag for tag, _ in parts)


@given(st.text('"W/*, \tab\x00\x7f\xe9\n', max_size=30))
def test_any_text_is_split_or_refused(text: str) -> None:
    position = 0
    for tag in parse_entity_tags(text):
        position = text.index(tag, position) + len(tag)  # each stands there, in this order
        assert tag == "*" or tag.endswith('"')


@given(TAG, TAG)
def test_class_20_strong_implies_weak(one: str, other: str) -> None:
    assert not strong_match(one, other) or weak_match(one, other)
    assert weak_match(one, one)
    assert strong_match(one, one) is not one.startswith("W/")


@pytest.mark.parametrize("unit", ['"a",', ",", '"', 'W/"', '"a" ', " ,\t", '"a"'])
def test_class_3_the_work_grows_with_the_length(unit: str) -> None:
    few, many = (steps(lambda n=n: parse_entity_tags(unit * n)) for n in (200, 800))
    assert many <= 4 * few + 20


# --- making one ----------------------------------------------------------------------------------


def test_the_entity_tag_of_a_body() -> None:
    assert compute_etag(b"") == '"da39a3ee5e6b4b0d3255bfef95601890afd80709"'
    assert compute_etag([b"ab", b"c"]) == compute_etag(b"abc")
    assert (
        compute_etag(bytearray(b"abc")) == compute_etag(memoryview(b"abc")) == compute_etag(b"abc")
    )
    assert compute_etag(b"abc") != compute_etag(b"abd")


@given(st.binary())
def test_made_tags_can_be_read(body: bytes) -> None:
    tag = compute_etag(body)
    assert parse_entity_tags(tag) == (tag,)
    assert strong_match(tag, tag)
