"""The Cookie field."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.httputil import RequestCookie, parse_cookie, parse_request_cookies
from tests.web.counting import steps

NAMES = st.from_regex(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", fullmatch=True)
PLAIN_VALUES = st.from_regex(r"(?!\")[!#$%&'()*+\-./0-9:<>?@A-Z\[\]^_`a-z{|}~]*", fullmatch=True)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("", {}),
        ("a=b", {"a": "b"}),
        ("chips=ahoy; vienna=finger", {"chips": "ahoy", "vienna": "finger"}),
        ("a=b;c=d;", {"a": "b", "c": "d"}),
        ("  a  =  b  ;\tc=d", {"a": "b", "c": "d"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=1; a=2", {"a": "2"}),
        ("a=", {"a": ""}),
        ("unnamed; a=b", {"": "unnamed", "a": "b"}),
        ("=value", {"": "value"}),
        (" ; = ; ;", {}),
        ('a="b"', {"a": "b"}),
        ('a="', {"a": '"'}),
        ('a=""', {"a": ""}),
        ('a="b', {"a": '"b'}),
        ('a=b"', {"a": 'b"'}),
        ('a="b;c"', {"a": '"b', "": 'c"'}),
        (
            'keebler="E=mc2; L=\\"Loves\\"; fudge=\\012;"',
            {"keebler": '"E=mc2', "L": '\\"Loves\\"', "fudge": "\\012", "": '"'},
        ),
        ("a b c=d e = f; gh=i", {"a b c": "d e = f", "gh": "i"}),
        ("a=\xe0\xa0", {"a": "\xe0\xa0"}),  # UTF-8 that was decoded as Latin-1 ends with a space
    ],
)
def test_parse_as_browsers_do(field: str, expected: dict[str, str]) -> None:
    assert parse_cookie(field) == expected


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [
        (r"b=\"", 'b="'),
        (r"b=\\", "b=\\"),
        (r"b=\=", "b=="),
        (r"b=\n", "b=n"),
        (r"b=\042", 'b="'),
        (r"b=\134", "b=\\"),
        (r"b=\377", "b=\xff"),
        (r"b=\400", "b=400"),
        (r"b=\42", "b=42"),
        (r"b=\\042", "b=\\042"),
        (r"b=\\\"", 'b=\\"'),
        (r"b=\\\042", 'b=\\"'),
        (r"b=\134\"", 'b=\\"'),
        ("b\\", "b\\"),
    ],
)
def test_quoted_values(encoded: str, decoded: str) -> None:
    assert parse_cookie(f'a="{encoded}"') == {"a": decoded}


@given(st.lists(st.tuples(NAMES, PLAIN_VALUES), max_size=10))
def test_round_trip_the_last_one_wins(pairs: list[tuple[str, str]]) -> None:
    field = "; ".join(f"{name}={value}" for name, value in pairs)
    assert parse_cookie(field) == dict(pairs)
    assert {name: cookie.value for name, cookie in parse_request_cookies([field]).items()} == (
        dict(pairs)
    )


@given(NAMES, st.text(st.characters(max_codepoint=0xFF)))
def test_values_that_the_standard_library_wrote_come_back(name: str, value: str) -> None:
    written = SimpleCookie().value_encode(value)[1]
    if written.startswith('"') or written == value.strip(" \t") != "":
        assert parse_cookie(f"{name}={written}") == {name: value}


@given(st.text())
def test_parse_of_any_text(text: str) -> None:
    for name, value in parse_cookie(text).items():
        assert isinstance(name, str)
        assert isinstance(value, str)
        assert name or value
    for name, cookie in parse_request_cookies([text]).items():
        assert cookie.key == name


def test_cookies_of_a_request() -> None:
    cookies = parse_request_cookies(["a=1; b c=2; key:x=3; \xe9=4; x[0]=5", "a=6; _b=7; d-e=8"])
    # Names that could not be set are left out: nobody could clear such a cookie.
    assert {name: cookie.value for name, cookie in cookies.items()} == {
        "a": "6",
        "key:x": "3",
        "_b": "7",
        "d-e": "8",
    }
    assert parse_request_cookies([]) == {}


def test_cookie_is_like_a_morsel() -> None:
    cookie = RequestCookie("a", "b c")
    assert (cookie.key, cookie.value, cookie.coded_value) == ("a", "b c", '"b c"')
    assert cookie.OutputString() == 'a="b c"'
    assert cookie["path"] == cookie["Max-Age"] == ""
    with pytest.raises(KeyError):
        cookie["no such attribute"]
    assert cookie == RequestCookie("a", "b c")
    assert len({cookie, RequestCookie("a", "b c"), RequestCookie("a", "d")}) == 2
    assert cookie != "b c"
    assert "b c" not in repr(cookie)


@pytest.mark.parametrize("unit", [r"\\", r"\134", ";", "=", "a=b;", '"', " ", "\\", 'a="\\";', "a"])
def test_class_3_linear_time(unit: str) -> None:
    def field(count: int) -> str:
        return 'a="b=' + unit * count + '"'

    assert (
        steps(lambda: parse_request_cookies([field(4000)]))
        <= 4.2 * steps(lambda: parse_request_cookies([field(1000)])) + 50
    )
    # Quadratic unquoting would not end before the timeout.
    assert parse_cookie(field(300_000))
