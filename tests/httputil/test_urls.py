"""URLs, hosts and request targets."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.httputil import (
    is_valid_host,
    qs_to_qsl,
    split_host_and_port,
    split_target,
    url_concat,
)


@pytest.mark.parametrize(
    ("url", "args", "expected"),
    [
        ("https://h/path", [("y", "y"), ("z", "z")], "https://h/path?y=y&z=z"),
        ("https://h/path", {"y": "/y é"}, "https://h/path?y=%2Fy+%C3%A9"),
        ("https://h/path?", [("y", "1")], "https://h/path?y=1"),
        ("https://h/path?x", [("y", "1")], "https://h/path?x=&y=1"),
        ("https://h/path?x&", [("y", "1")], "https://h/path?x=&y=1"),
        ("https://h/path?a=1&a=2", (("a", "3"), ("a", 4)), "https://h/path?a=1&a=2&a=3&a=4"),
        ("https://h/path#top", {"y": "1"}, "https://h/path?y=1#top"),
        ("https://h/path;v=1?a=1", {"y": "1"}, "https://h/path;v=1?a=1&y=1"),
        ("/path?a=1", [], "/path?a=1"),
        ("/path?a=1", None, "/path?a=1"),
        ("", {"a": "1"}, "?a=1"),
    ],
)
def test_url_concat(url: str, args: Any, expected: str) -> None:
    assert url_concat(url, args) == expected


@pytest.mark.parametrize("args", ["a=1", 5, {"a"}])
def test_url_concat_of_other_types(args: Any) -> None:
    with pytest.raises(TypeError, match=type(args).__name__):
        url_concat("/", args)


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_url_concat_adds_what_can_be_parsed(pairs: list[tuple[str, str]]) -> None:
    pairs = [
        (name.encode("utf-8", "replace").decode(), value.encode("utf-8", "replace").decode())
        for name, value in pairs
    ]
    query = url_concat("http://h/?a=b", pairs).partition("?")[2]
    expected = [("a", "b"), *pairs]
    parsed = parse_qs(query, keep_blank_values=True)
    assert sorted(qs_to_qsl(parsed)) == sorted(expected)


@pytest.mark.parametrize(
    ("netloc", "expected"),
    [
        ("example.com", ("example.com", None)),
        ("example.com:80", ("example.com", 80)),
        ("example.com:", ("example.com", None)),
        ("1.2.3.4:8080", ("1.2.3.4", 8080)),
        ("[::1]:8080", ("[::1]", 8080)),
        ("[::1]", ("[::1]", None)),
        ("::1", ("::1", None)),
        ("", ("", None)),
        (":80", (":80", None)),
        ("h:80a", ("h:80a", None)),
        ("h:+8", ("h:+8", None)),
        ("h:\u0661", ("h:\u0661", None)),
        ("h:" + "1" * 5000, ("h:" + "1" * 5000, None)),
    ],
)
def test_split_host_and_port(netloc: str, expected: tuple[str, int | None]) -> None:
    assert split_host_and_port(netloc) == expected


@pytest.mark.parametrize(
    "host",
    [
        "a",
        "example.com",
        "EXAMPLE.com:80",
        "1.2.3.4",
        "1.2.3.4:65535",
        "[::1]",
        "[::1]:8888",
        "[2001:db8::1.2.3.4]",
        "[v1.a:b]",
        "a_b.c",
        "xn--bcher-kva.example",
        "a%20b",
        "h:",
        "h:080",
        "999.999.999.999",
        "a!$&'()*+;=b",
        "a.",
    ],
)
def test_class_11_valid_hosts(host: str) -> None:
    assert is_valid_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":",
        ":80",
        " ",
        "a b",
        "a,b",
        "a,",
        "user@a",
        "a/b",
        "a?b",
        "a#b",
        "a\\b",
        "a<b",
        'a"b',
        "a\0",
        "a\r\n",
        "a\n",
        "é",
        "a:b",
        "a:80:80",
        "a:-1",
        "a:+1",
        "a:65536",
        "a:123456",
        "a:\u0661",
        "::1",
        "[::1",
        "::1]",
        "[]",
        "[::1]80",
        "[::1]:a",
        "[::g]",
        "[fe80::1%eth0]",
        "[fe80::1%25e]",
        "[1.2.3.4]",
        "[::1]]",
        "[[::1]]",
        "a%2",
        "a%zz",
        "[v.a]",
        "[v1.]",
        "[::1 ]",
        "a^b",
        "a|b",
        "a{b",
        "a`b",
    ],
)
def test_class_11_invalid_hosts(host: str) -> None:
    assert not is_valid_host(host)


@given(st.text())
def test_class_11_valid_hosts_hold_nothing_dangerous(text: str) -> None:
    if is_valid_host(text):
        assert text.isascii()
        assert not set(text) & set(' \t\r\n\0/\\?#@,<>"')


@pytest.mark.parametrize(
    ("target", "method", "expected"),
    [
        ("/a/b?c=d?e", "GET", ("/a/b?c=d?e", "/a/b", "c=d?e", None)),
        ("/", "GET", ("/", "/", "", None)),
        ("/?", "GET", ("/?", "/", "", None)),
        ("//evil.com/x", "GET", ("//evil.com/x", "//evil.com/x", "", None)),
        ("http://h:1/a?b", "GET", ("/a?b", "/a", "b", "h:1")),
        ("HTTPS://h", "GET", ("/", "/", "", "h")),
        ("http://h?b", "GET", ("/?b", "/", "b", "h")),
        ("http://h", "OPTIONS", ("*", "*", "", "h")),
        ("http://h/", "OPTIONS", ("/", "/", "", "h")),
        ("http://h?b", "OPTIONS", ("/?b", "/", "b", "h")),
        ("http:///a", "GET", ("/a", "/a", "", "")),
        ("*", "OPTIONS", ("*", "*", "", None)),
        ("h:443", "CONNECT", ("h:443", "h:443", "", None)),
        ("ftp://h/a", "GET", ("ftp://h/a", "ftp://h/a", "", None)),
        ("", "GET", ("", "", "", None)),
    ],
)
def test_split_target(target: str, method: str, expected: tuple[str, str, str, str | None]) -> None:
    assert split_target(target, method) == expected


def test_class_3_long_hosts_and_targets_take_linear_time() -> None:
    for unit in "a", "%41", "%", ":", "[", "a:":
        is_valid_host(unit * 500_000)
        split_host_and_port(unit * 500_000)
        split_target("http://" + unit * 500_000)
        split_target(unit * 500_000)
