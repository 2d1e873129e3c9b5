"""Header fields of responses."""

from __future__ import annotations

import datetime
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone import http1
from cyclone.httputil import HTTPHeaders
from cyclone.web import fields


def test_the_two_forms_of_the_defaults_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    for second, date in enumerate(
        ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT"), 784111777
    ):
        monkeypatch.setattr(fields, "time", lambda second=second: second + 0.5)
        monkeypatch.setattr(fields, "date_now", lambda date=date: date)
        assert fields.default_headers().encode() == fields.encoded_defaults()
        assert f"Date: {date}\r\n".encode() in fields.encoded_defaults()
        assert fields.encoded_defaults() is fields.encoded_defaults()


def test_the_defaults_are_copies() -> None:
    one, two = fields.default_headers(), fields.default_headers()
    one["Server"] = "other"
    assert two["Server"] == http1.SERVER


def test_encoded_cookies() -> None:
    assert fields.encoded_cookies([]) == b""
    assert fields.encoded_cookies(["a=1", 'b="\xfc"']) == (
        b'Set-Cookie: a=1\r\nSet-Cookie: b="\xfc"\r\n'
    )


@pytest.mark.parametrize(("value", "text"), [("t\xfc", "t\xfc"), ("t\xfc".encode(), "t\xfc")])
def test_to_text(value: Any, text: str) -> None:
    assert fields.to_text(value) == text


HEADER_TEXTS: list[tuple[Any, str]] = [
    ("text", "text"),
    ("\xff", "\xff"),
    (b"\xff", "\xff"),
    (5, "5"),
    (datetime.datetime(1994, 11, 6, 8, 49, 37), "Sun, 06 Nov 1994 08:49:37 GMT"),
]


@pytest.mark.parametrize(("value", "text"), HEADER_TEXTS)
def test_header_text(value: Any, text: str) -> None:
    assert fields.header_text(value) == text


@pytest.mark.parametrize("value", [None, 1.0, [], object(), datetime.date(1994, 11, 6)])
def test_header_text_of_other_types(value: Any) -> None:
    with pytest.raises(TypeError):
        fields.header_text(value)


@pytest.mark.parametrize("value", ["\u0100", "a\u20acb", "\ud800"])
def test_header_text_beyond_latin_1(value: str) -> None:
    with pytest.raises(ValueError, match="Latin-1"):
        fields.header_text(value)


ASCII_URLS: list[tuple[str | bytes, str]] = [
    ("/a?b=c#d", "/a?b=c#d"),
    (b"/bytes", "/bytes"),
    ("/\xfc", "/%C3%BC"),
    ("/\xfc".encode(), "/%C3%BC"),
    ("/%FF\u20ac+ ", "/%FF%E2%82%AC+%20"),
    ("//h\xf6st/", "//h%C3%B6st/"),
    ("/\U0001f600", "/%F0%9F%98%80"),
    ("/\\example.com/", "/%5Cexample.com/"),
    ("/a b<c>", "/a%20b%3Cc%3E"),
]


@pytest.mark.parametrize(("url", "text"), ASCII_URLS)
def test_ascii_url(url: str | bytes, text: str) -> None:
    assert fields.ascii_url(url) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_ascii_url_is_ascii_and_changes_nothing_else(url: str) -> None:
    text = fields.ascii_url(url)
    assert text.isascii()
    assert fields.ascii_url(text) == text
    assert not set(text) & set(' "<>\\^`{|}')
    if url.isascii() and not set(url) & set(' "<>\\^`{|}'):
        assert text == url
    assert unquote(text) == unquote(url)


@given(st.lists(st.tuples(st.sampled_from(["A", "B"]), st.text(st.characters(codec="latin-1")))))
def test_what_is_set_is_what_is_sent(pairs: list[tuple[str, str]]) -> None:
    """Nothing that a handler sets can begin a field of its own."""
    headers = HTTPHeaders()
    for name, value in pairs:
        try:
            headers.add(name, fields.header_text(value))
        except Exception as error:  # what cannot stand in a field
            assert any(not char.isprintable() for char in value) or value != value.strip(), error
    lines = headers.encode().split(b"\r\n")
    assert lines.pop() == b""
    assert all(line[:3] in (b"A: ", b"B: ") and b"\n" not in line for line in lines)
    assert len(lines) == len(list(headers.get_all()))
