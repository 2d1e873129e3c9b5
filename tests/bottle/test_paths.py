"""Paths with parameters: what they mean, and what is refused."""

from __future__ import annotations

import re
import string
import uuid
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.bottle.paths import PathError, parse_path

UUID = "01234567-89ab-cdef-0123-456789ABCDEF"

MATCHES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("/<name>", "/ann", {"name": "ann"}),
    ("/<name>", "/ann/", None),
    ("/<name>", "/", None),
    ("/<id:int>", "/-7", {"id": -7}),
    ("/<id:int>", "/007", {"id": 7}),
    ("/<id:int>", "/7.0", None),
    ("/<id:int>", "/" + "9" * 20, None),
    ("/<id:int>", "/٣", None),
    ("/<x:float>", "/1.5", {"x": 1.5}),
    ("/<x:float>", "/-2", {"x": -2.0}),
    ("/<x:float>", "/nan", None),
    ("/<x:float>", "/1e9", None),
    ("/f/<rest:path>", "/f/a/b.c", {"rest": "a/b.c"}),
    ("/f/<rest:path>", "/f/", None),
    ("/<u:uuid>", "/" + UUID, {"u": uuid.UUID(UUID)}),
    ("/<u:uuid>", "/0123", None),
    ("/<a>-<b>.html", "/x-y.html", {"a": "x", "b": "y"}),
    ("/<a>-<b>.html", "/x-yzhtml", None),
    ("/a+(b)/<c>", "/a+(b)/1", {"c": "1"}),
    ("/größe/<n:int>", "/gr%C3%B6%C3%9Fe/3", {"n": 3}),
    ("/größe/<n:int>", "/größe/3", None),
    ("/my page/<a>", "/my%20page/x", {"a": "x"}),
    ("/100%25/<a>", "/100%25/x", {"a": "x"}),
    ("/größe me", "/gr%C3%B6%C3%9Fe%20me", {}),
    (r"/größe\d", "/gr%C3%B6%C3%9Fe1", None),  # an expression stays what it is
    (r"/(?P<year>\d{4})/.*", "/2026/x", {"year": "2026"}),
    (r"/(?<!x)y", "/y", {}),
]


@pytest.mark.parametrize(("path", "given_path", "expected"), MATCHES)
def test_what_matches(path: str, given_path: str, expected: dict[str, Any] | None) -> None:
    parsed = parse_path(path)
    found = re.fullmatch(parsed.pattern, given_path)
    if found is None:
        assert expected is None
        return
    values = found.groupdict()
    assert {n: parsed.converters.get(n, str)(v) for n, v in values.items()} == expected


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("user/<id>", "begin with a slash"),
        ("user", "begin with a slash"),
        ("/<>", "needs a name"),
        ("/<1>", "needs a name"),
        ("/<a b>", "needs a name"),
        ("/<:int>", "needs a name"),
        ("/<id:number>", "no kind 'number'"),
        ("/<id>/<id:int>", "two parameters 'id'"),
    ],
)
def test_what_is_refused(path: str, complaint: str) -> None:
    with pytest.raises(PathError, match=complaint):
        parse_path(path)


@given(
    st.text(st.characters(exclude_characters="<>\0"), max_size=20), st.from_regex(r"\A[^/\s]+\Z")
)
def test_literal_text_is_literal(text: str, value: str) -> None:
    parsed = parse_path(f"/{text}/<value>")
    sent = quote(text, safe=string.punctuation.translate({ord(c): None for c in '"<>`{}'}))
    found = re.fullmatch(parsed.pattern, f"/{sent}/{value}")
    assert found is not None
    assert found["value"] == value
