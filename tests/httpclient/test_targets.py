"""URLs taken apart."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.httpclient.targets import parse_target


@pytest.mark.parametrize(
    ("url", "origin", "authority", "path"),
    [
        ("http://Example.com", ("http", "example.com", 80), "example.com", "/"),
        ("https://a:443/x?y#z", ("https", "a", 443), "a", "/x?y"),
        ("http://a:8080?q=1", ("http", "a", 8080), "a:8080", "/?q=1"),
        ("http://a:/", ("http", "a", 80), "a", "/"),
        ("http://[::1]:81/", ("http", "::1", 81), "[::1]:81", "/"),
        ("HTTP://u:p%40@a/", ("http", "a", 80), "a", "/"),
        ("http://b\u00fccher.example:1/", ("http", "xn--bcher-kva.example", 1), None, "/"),
        ("http://a/\u00fc?\u00fc=%C3", ("http", "a", 80), "a", "/%C3%BC?%C3%BC=%C3"),
        ("http://a/[x]|{}", ("http", "a", 80), "a", "/[x]|{}"),
    ],
)
def test_parts(url: str, origin: tuple[str, str, int], authority: str | None, path: str) -> None:
    target = parse_target(url)
    assert (target.origin, target.path) == (origin, path)
    if authority is not None:
        assert target.authority == authority
        assert target.absolute == f"{origin[0]}://{authority}{path}"


def test_credentials() -> None:
    assert parse_target("http://u%C3%BC:p%40:q@a/").credentials == (b"u\xc3\xbc", b"p@:q")
    assert parse_target("http://u@a/").credentials == (b"u", b"")
    assert parse_target("http://a/@").credentials is None


@pytest.mark.parametrize(
    "url",
    [
        *("", "a", "//a/", "ftp://a/", "file:///etc/passwd", "javascript:x", "http:a", "http://"),
        *("http://:80/", "http://a:b/", "http://a:99999/", "http://a b/", "http://a,b/"),
        *("http://[::1/", "http://[x]/", "http://a\\@b/", "http://\u2100\u2488.example/"),
    ],
)
def test_class_13_what_is_no_http_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        parse_target(url)


@pytest.mark.parametrize("bad", ["\r", "\n", "\t", "\0", " ", "\x7f", "\x85"])
@pytest.mark.parametrize("place", ["ht{}tp://a/", "http://a{}b/", "http://a/{}", "{}http://a/?x"])
def test_class_2_control_characters_are_refused(bad: str, place: str) -> None:
    with pytest.raises(ValueError, match="percent-encode"):
        parse_target(place.format(bad))


@given(st.text())
def test_any_text_is_a_target_or_a_value_error(text: str) -> None:
    for url in (text, f"http://{text}", f"http://a/{text}"):
        try:
            target = parse_target(url)
        except ValueError:
            continue
        assert target.path.startswith("/") and target.path.isascii()
        assert target.path.isprintable() and " " not in target.path
        assert urlsplit(target.absolute).hostname == target.host
