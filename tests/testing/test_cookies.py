"""The cookies a test client keeps: RFC 6265 section 5, as far as one host can tell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.testing import Cookie, CookieJar

NOW = 1_000_000_000.0  # Sun, 09 Sep 2001 01:46:40 GMT
PAST = "Sun, 09 Sep 2001 01:46:39 GMT"
FUTURE = "Sun, 09 Sep 2001 01:47:40 GMT"


class Time:
    """What the jar takes for the time."""

    now = NOW

    def __call__(self) -> float:
        return self.now


def jar_with(*lines: str, host: str = "a.example", path: str = "/x/y") -> CookieJar:
    jar = CookieJar(Time())
    for line in lines:
        jar.store(line, host, path)
    return jar


PARSED: list[tuple[str, dict[str, Any]]] = [
    ("a=b", {"name": "a", "value": "b", "coded": "b", "path": "/x", "domain": "a.example"}),
    (" a = b ", {"name": "a", "value": "b"}),
    ("a=b=c", {"value": "b=c"}),
    ("a=", {"value": ""}),
    ('a="b\\054c"', {"value": "b,c", "coded": '"b\\054c"'}),
    ("a=b; Path=/z", {"path": "/z"}),
    ("a=b; path = /z ", {"path": "/z"}),
    ("a=b; Path=z", {"path": "/x"}),
    ("a=b; Path=", {"path": "/x"}),
    ("a=b", {"host_only": True, "secure": False, "httponly": False, "samesite": ""}),
    ("a=b; Domain=example", {"domain": "example", "host_only": False}),
    ("a=b; Domain=.Example", {"domain": "example", "host_only": False}),
    ("a=b; Domain=a.example", {"domain": "a.example", "host_only": False}),
    ("a=b; Domain=", {"domain": "a.example", "host_only": True}),
    ("a=b; Domain=.", {"domain": "a.example", "host_only": True}),
    ("a=b; Secure", {"secure": True}),
    ("a=b; SECURE; HttpOnly", {"secure": True, "httponly": True}),
    ("a=b; SameSite=Lax", {"samesite": "Lax"}),
    ("a=b; Unknown=x; ; =", {"value": "b"}),
    ("a=b", {"expires": None}),
    ("a=b; Max-Age=60", {"expires": NOW + 60}),
    ("a=b; Max-Age=0", {"expires": NOW}),
    ("a=b; Max-Age=-1", {"expires": NOW - 1}),
    ("a=b; Max-Age=x", {"expires": None}),
    ("a=b; Max-Age=", {"expires": None}),
    ("a=b; Max-Age=1.5", {"expires": None}),
    ("a=b; Max-Age=\u0663", {"expires": None}),
    ("a=b; Max-Age=60; Max-Age=x", {"expires": NOW + 60}),
    ("a=b; Max-Age=60; Max-Age=70", {"expires": NOW + 70}),
    (f"a=b; Expires={FUTURE}", {"expires": NOW + 60}),
    (f"a=b; Expires={FUTURE}; Max-Age=1", {"expires": NOW + 1}),
    (f"a=b; Max-Age=1; Expires={FUTURE}", {"expires": NOW + 1}),
    ("a=b; Expires=tomorrow", {"expires": None}),
    ("a=b; Expires=", {"expires": None}),
    (f"a=b; Expires={FUTURE}; Expires=x", {"expires": NOW + 60}),
]


@pytest.mark.parametrize(("line", "expected"), PARSED)
def test_parse(line: str, expected: dict[str, Any]) -> None:
    jar = jar_with()
    cookie = jar.parse(line, "A.example", "/x/y")
    assert cookie is not None
    assert {key: getattr(cookie, key) for key in expected} == expected
    assert len(jar) == 0


IGNORED = [
    "",
    "a",
    "=b",
    " =b",
    "; Path=/",
    "a; b=c",
    "a=b; Domain=other.example",
    "a=b; Domain=b.a.example",
    "a=b; Domain=xample",
]


@pytest.mark.parametrize("line", IGNORED)
def test_what_a_browser_ignores(line: str) -> None:
    jar = jar_with()
    assert jar.store(line, "a.example", "/") is None
    assert len(jar) == 0


DEFAULT_PATHS = [("/", "/"), ("/x", "/"), ("/x/", "/x"), ("/x/y/z", "/x/y"), ("*", "/"), ("", "/")]


@pytest.mark.parametrize(("request_path", "path"), DEFAULT_PATHS)
def test_the_default_path(request_path: str, path: str) -> None:
    cookie = jar_with().parse("a=b", "h", request_path)
    assert cookie is not None
    assert cookie.path == path


# the Set-Cookie from a.example to a request for /x/y; host, path and secure of the next request
SENT = [
    ("a=b", "a.example", "/x", True),
    ("a=b", "A.EXAMPLE", "/x/z", True),
    ("a=b", "a.example", "/", False),
    ("a=b", "a.example", "/xy", False),
    ("a=b", "b.example", "/x", False),
    ("a=b", "sub.a.example", "/x", False),
    ("a=b; Domain=a.example", "sub.a.example", "/x", True),
    ("a=b; Domain=example", "b.example", "/x", True),
    ("a=b; Domain=example", "example", "/x", True),
    ("a=b; Domain=example", "badexample", "/x", False),
    ("a=b; Path=/", "a.example", "/anything", True),
    ("a=b; Path=/x/", "a.example", "/x/", True),
    ("a=b; Path=/x/", "a.example", "/x", False),
    ("a=b; Path=/x/", "a.example", "/x/z", True),
    ("a=b; Max-Age=1", "a.example", "/x", True),
    ("a=b; Max-Age=0", "a.example", "/x", False),
    (f"a=b; Expires={PAST}", "a.example", "/x", False),
    ('a="b\\054c"', "a.example", "/x", True),
]


@pytest.mark.parametrize(("line", "host", "path", "sent"), SENT)
def test_where_cookies_go(line: str, host: str, path: str, sent: bool) -> None:
    pair = line.split(";", 1)[0]
    assert jar_with(line).header(host, path, secure=False) == (pair if sent else "")


def test_secure_cookies_go_over_https_alone() -> None:
    jar = jar_with("a=b; Secure", "c=d")
    assert jar.header("a.example", "/x", secure=False) == "c=d"
    assert jar.header("a.example", "/x", secure=True) == "a=b; c=d"


def test_longer_paths_come_first() -> None:
    jar = jar_with("a=1; Path=/", "a=2; Path=/x", "b=3; Path=/", "c=4; Path=/x/y")
    assert jar.header("a.example", "/x/y", secure=False) == "c=4; a=2; a=1; b=3"


def test_a_mapping() -> None:
    jar = jar_with("a=1; Path=/", "b=2", "a=3")
    assert list(jar) == ["a", "b"]
    assert len(jar) == 3
    assert ("a" in jar, "z" in jar, 1 in jar) == (True, False, False)
    assert jar["a"].value == str(jar["a"]) == "3"
    assert jar.get("a") == "3"
    assert jar.get("z") is None
    assert jar.get("z", "default") == "default"
    with pytest.raises(KeyError, match="z"):
        jar["z"]
    jar.clear()
    assert list(jar) == []


def test_the_mapping_shows_what_was_set_last() -> None:
    jar = jar_with("a=1; Path=/", "a=2; Path=/x")
    jar.store("a=3; Path=/", "a.example", "/")
    assert jar["a"].value == "3"
    assert len(jar) == 2


def test_time_passes() -> None:
    time = Time()
    jar = CookieJar(time)
    jar.store("a=b; Max-Age=10", "h", "/")
    jar.store("c=d", "h", "/")
    time.now += 9
    assert jar.header("h", "/", secure=False) == "a=b; c=d"
    time.now += 1
    assert jar.header("h", "/", secure=False) == "c=d"
    assert "a" not in jar
    assert len(jar) == 1


@pytest.mark.parametrize("line", ["a=; Max-Age=0", f"a=; Expires={PAST}"])
def test_deleting(line: str) -> None:
    jar = jar_with("a=b")
    cookie = jar.store(line, "a.example", "/x/y")
    assert cookie is not None
    assert "a" not in jar
    assert jar.header("a.example", "/x", secure=False) == ""


def test_set() -> None:
    jar = jar_with()
    jar.set("a", "b")
    jar.set("c", "d", domain="Other.example", path="/p")
    assert jar.header("any.example", "/", secure=False) == "a=b"
    assert jar.header("other.example", "/p", secure=False) == "c=d; a=b"
    assert jar.header("sub.other.example", "/p", secure=False) == "a=b"
    jar.set("a", "e")
    assert jar.header("any.example", "/", secure=False) == "a=e"


def test_the_time_is_that_of_the_system_by_default() -> None:
    jar = CookieJar()
    jar.store(f"a=b; Expires={FUTURE}", "h", "/")
    jar.store("c=d; Max-Age=1000", "h", "/")
    assert list(jar) == ["c"]


def test_a_cookie_of_its_own() -> None:
    cookie = Cookie("a", "b", "b")
    assert (cookie.path, cookie.expires, cookie.host_only) == ("/", None, True)


@given(st.text(max_size=60))
def test_any_line(line: str) -> None:
    jar = jar_with()
    cookie = jar.store(line, "h", "/")
    assert (cookie is None) or (cookie.name == cookie.name.strip() != "")
    assert jar.header("h", "/", secure=True).count("=") >= len(jar)
