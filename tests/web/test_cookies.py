"""Set-Cookie: what is written, and what cannot be smuggled into it."""

from __future__ import annotations

import datetime
import http.cookies
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.httputil import parse_cookie
from cyclone.web.cookies import CookieError, make_clear_cookie, make_set_cookie, quote_value
from tests.web.counting import steps

# 2001-09-09 01:46:40 UTC
NOW = 1_000_000_000.0
NOW_TEXT = "Sun, 09 Sep 2001 01:46:40 GMT"
MOMENT = datetime.datetime(2001, 9, 9, 1, 46, 40)

WRITTEN: list[tuple[dict[str, Any], str]] = [
    ({}, "a=b; Path=/"),
    ({"path": None}, "a=b"),
    ({"path": ""}, "a=b"),
    ({"domain": "foo.com", "path": "/foo"}, "a=b; Domain=foo.com; Path=/foo"),
    ({"domain": ""}, "a=b; Path=/"),
    ({"secure": True}, "a=b; Path=/; Secure"),
    ({"secure": False, "httponly": False}, "a=b; Path=/"),
    ({"httponly": True}, "a=b; HttpOnly; Path=/"),
    ({"samesite": "Lax"}, "a=b; Path=/; SameSite=Lax"),
    ({"partitioned": True, "secure": True}, "a=b; Partitioned; Path=/; Secure"),
    ({"max_age": 10}, "a=b; Max-Age=10; Path=/"),
    ({"max_age": 0}, "a=b; Max-Age=0; Path=/"),
    ({"max_age": -1}, "a=b; Max-Age=-1; Path=/"),
    ({"max_age": "10"}, "a=b; Max-Age=10; Path=/"),
    ({"max_age": " 1_0 "}, "a=b; Max-Age=10; Path=/"),  # what int() takes is written anew
    ({"max_age": 10.9}, "a=b; Max-Age=10; Path=/"),
    ({"expires": NOW}, f"a=b; expires={NOW_TEXT}; Path=/"),
    ({"expires": int(NOW)}, f"a=b; expires={NOW_TEXT}; Path=/"),
    ({"expires": time.gmtime(NOW)}, f"a=b; expires={NOW_TEXT}; Path=/"),
    ({"expires": tuple(time.gmtime(NOW))}, f"a=b; expires={NOW_TEXT}; Path=/"),
    ({"expires": MOMENT}, f"a=b; expires={NOW_TEXT}; Path=/"),
    ({"expires": MOMENT.replace(tzinfo=datetime.UTC)}, f"a=b; expires={NOW_TEXT}; Path=/"),
    ({"expires": 0}, "a=b; Path=/"),  # as in Tornado
    ({"expires_days": 0}, f"a=b; expires={NOW_TEXT}; Path=/"),
    ({"expires_days": 1}, "a=b; expires=Mon, 10 Sep 2001 01:46:40 GMT; Path=/"),
    ({"expires_days": 0.5}, "a=b; expires=Sun, 09 Sep 2001 13:46:40 GMT; Path=/"),
    ({"expires_days": -1, "expires": NOW}, f"a=b; expires={NOW_TEXT}; Path=/"),
    # attributes by other spellings, which win
    ({"HttpOnly": True, "pATH": "/foo"}, "a=b; HttpOnly; Path=/foo"),
    ({"Max_Age": "5", "max_age": 9}, "a=b; Max-Age=5; Path=/"),
    ({"SECURE": True, "DoMaIn": "x.y"}, "a=b; Domain=x.y; Path=/; Secure"),
    ({"comment": "c", "version": 1}, "a=b; Comment=c; Path=/; Version=1"),
    (
        {
            "domain": "d", "expires": NOW, "httponly": True, "max_age": 1, "samesite": "None",
            "secure": True, "partitioned": True,
        },
        f"a=b; Domain=d; expires={NOW_TEXT}; HttpOnly; Max-Age=1; Partitioned; Path=/; "
        "SameSite=None; Secure",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("attributes", "header"), WRITTEN)
def test_attributes(attributes: dict[str, Any], header: str) -> None:
    assert make_set_cookie("a", "b", **attributes, now=NOW) == header


def test_without_a_clock_the_present_counts() -> None:
    header = make_set_cookie("a", "b", expires_days=10)
    found = re.fullmatch("a=b; expires=(.+); Path=/", header)
    assert found is not None
    expires = datetime.datetime.strptime(found[1], "%a, %d %b %Y %H:%M:%S GMT")
    expected = datetime.datetime.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)
    assert abs(expires - expected - datetime.timedelta(days=10)) < datetime.timedelta(hours=1)


VALUES = [
    ("asdf", "asdf"),
    (b"zxcv", "zxcv"),
    ("a=b", '"a=b"'),
    ("a;b", '"a\\073b"'),
    ("a,b", '"a\\054b"'),
    ('a"b', '"a\\"b"'),
    ("a\\b", '"a\\\\b"'),
    ("a\x7fb", '"a\\177b"'),
    ("é", '"\\351"'),
    ("é".encode(), '"\\351"'),
    ("", '""'),
    ("a:b|c~", "a:b|c~"),
]


@pytest.mark.parametrize(("value", "written"), VALUES)
def test_values(value: str | bytes, written: str) -> None:
    assert make_set_cookie("n", value, path=None) == f"n={written}"
    assert make_set_cookie(b"n", value, path=None) == f"n={written}"


CONTROLS = [*map(chr, range(0x20)), "\x7f", ";"]


@pytest.mark.parametrize("char", CONTROLS)
@pytest.mark.parametrize(
    "attribute", ["name", "domain", "path", "samesite", "DoMaIn", "PATH", "SameSite", "comment"]
)
def test_class_2_nothing_ends_an_attribute(attribute: str, char: str) -> None:
    given: dict[str, Any] = {"name": "foo", "value": "bar", attribute: f"x{char}y"}
    with pytest.raises(CookieError, match=f"Invalid cookie attribute {attribute}"):
        make_set_cookie(**given)


@pytest.mark.parametrize("text", ["a b", "é", "\u2028", "\ud800"])
@pytest.mark.parametrize("attribute", ["name", "domain", "path"])
def test_attributes_are_visible_ascii(attribute: str, text: str) -> None:
    given: dict[str, Any] = {"name": "foo", "value": "bar", attribute: text}
    with pytest.raises(CookieError):
        make_set_cookie(**given)


@pytest.mark.parametrize("name", ["", "a=b", "a,b", '"a"', "(a)", "path", "Max-Age", "SECURE"])
def test_names_are_tokens_and_no_attributes(name: str) -> None:
    with pytest.raises(CookieError, match="Invalid cookie attribute name"):
        make_set_cookie(name, "b")


@pytest.mark.parametrize("char", [*map(chr, range(0x21)), "\u0100", "\u4e2d", "\ud800"])
def test_class_2_values_without_controls(char: str) -> None:
    with pytest.raises(CookieError, match="Invalid cookie value") as raised:
        make_set_cookie("a", f"secret{char}")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("age", ["1; Path=/x", "", "x", [], float("inf"), float("nan"), object()])
@pytest.mark.parametrize("spelling", ["max_age", "Max_Age", "MAX_AGE"])
def test_class_2_max_age_is_a_number(spelling: str, age: Any) -> None:
    with pytest.raises(CookieError, match=f"Invalid cookie attribute {spelling}"):
        make_set_cookie("a", "b", **{spelling: age})


@pytest.mark.parametrize("expires", ["Sun, 09 Sep 2001 01:46:40 GMT; Secure", ["x"], {"a": 1}])
@pytest.mark.parametrize("spelling", ["expires", "Expires"])
def test_expires_is_a_date(spelling: str, expires: Any) -> None:
    with pytest.raises(TypeError):
        make_set_cookie("a", "b", **{spelling: expires})


@pytest.mark.parametrize("name", ["priority", "max__age", "x"])
def test_unknown_attributes_are_refused(name: str) -> None:
    with pytest.raises(CookieError, match="unknown"):
        make_set_cookie("a", "b", **{name: "c"})


def test_errors_are_those_of_the_standard_library() -> None:
    assert issubclass(CookieError, http.cookies.CookieError)
    assert issubclass(CookieError, ValueError)


# --- clearing ------------------------------------------------------------------------------------

A_YEAR_BEFORE = "Sat, 09 Sep 2000 01:46:40 GMT"

CLEARED: list[tuple[dict[str, Any], str]] = [
    ({}, f'a=""; expires={A_YEAR_BEFORE}; Path=/'),
    ({"path": "/x", "domain": "d"}, f'a=""; Domain=d; expires={A_YEAR_BEFORE}; Path=/x'),
    (
        {"samesite": "None", "secure": True, "httponly": True},
        f'a=""; expires={A_YEAR_BEFORE}; HttpOnly; Path=/; SameSite=None; Secure',
    ),
]


@pytest.mark.parametrize(("attributes", "header"), CLEARED)
def test_clear(attributes: dict[str, Any], header: str) -> None:
    assert make_clear_cookie("a", **attributes, now=NOW) == header


@pytest.mark.parametrize("name", ["expires", "max_age", "Expires", "MAX_AGE"])
def test_clear_knows_its_own_dates(name: str) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        make_clear_cookie("a", **{name: 1})


# --- any text ------------------------------------------------------------------------------------

TEXT = st.text(st.characters(max_codepoint=0x110), max_size=12) | st.text(max_size=6)


@given(TEXT)
def test_values_come_back(value: str) -> None:
    try:
        header = make_set_cookie("name", value, path=None)
    except CookieError:
        assert re.search(r"[^\x21-\xff]", value)
        return
    assert header.isascii()
    assert ";" not in header
    assert parse_cookie(header) == {"name": value}


@given(TEXT)
def test_values_are_quoted_as_by_the_standard_library(value: str) -> None:
    try:
        quoted = quote_value(value)
    except CookieError:
        return
    assert quoted == http.cookies.SimpleCookie().value_encode(value)[1]


@given(
    st.fixed_dictionaries(
        {"name": TEXT, "value": TEXT},
        optional={
            "domain": TEXT,
            "path": TEXT,
            "samesite": TEXT,
            "SameSite": TEXT,
            "PATH": TEXT,
            "max_age": TEXT | st.integers(),
            "Max_Age": TEXT,
        },
    )
)
def test_class_2_no_text_adds_an_attribute(attributes: dict[str, Any]) -> None:
    try:
        header = make_set_cookie(**attributes)
    except CookieError:
        return
    assert not re.search(r"[^\x20-\x7e]", header)
    names = [part.partition("=")[0] for part in header.split("; ")[1:]]
    assert set(names) <= {"Domain", "Max-Age", "Path", "SameSite"}
    assert len(names) == len(set(names))


@pytest.mark.parametrize("unit", ["a", ";", '"', "\\", "é"])
def test_class_3_the_work_grows_with_the_length(unit: str) -> None:
    assert steps(lambda: quote_value(unit * 800)) <= 4 * steps(lambda: quote_value(unit * 200)) + 20
