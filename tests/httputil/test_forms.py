"""Forms in request bodies, and queries."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.httputil import (
    HTTPHeaders,
    HTTPInputError,
    ParseBodyConfig,
    ParseMultipartConfig,
    ParseUrlEncodedConfig,
    get_parse_body_config,
    parse_body_arguments,
    set_parse_body_config,
)
from cyclone.httputil.forms import form_type, parse_query, parse_stream_arguments

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=1234"
BODY = b'--1234\r\nContent-Disposition: form-data; name="a"\r\n\r\nvalue\r\n--1234--\r\n'


def parse(content_type: str, body: bytes, **options: Any) -> dict[str, list[bytes]]:
    arguments: dict[str, list[bytes]] = {}
    parse_body_arguments(content_type, body, arguments, {}, **options)
    headers = options.pop("headers", {})
    streamed, files = parse_stream_arguments(
        content_type, io.BytesIO(body), len(body), headers, **options
    )
    assert streamed == arguments
    assert files == {}
    return arguments


@pytest.fixture
def restored_config() -> Iterator[None]:
    before = get_parse_body_config()
    yield
    set_parse_body_config(before)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("", ""),
        ("text/plain", ""),
        (URLENCODED, URLENCODED),
        (f"{URLENCODED}; a=b", URLENCODED),
        ("Application/X-WWW-Form-URLEncoded ;a", URLENCODED),
        (MULTIPART, "multipart/form-data"),
        ("multipart/form-dataxyz", ""),
        ("multipart/mixed; boundary=1234", ""),
        (";", ""),
    ],
)
def test_form_type(content_type: str, expected: str) -> None:
    assert form_type(content_type) == expected


def test_urlencoded() -> None:
    assert parse(URLENCODED, b"a=1&b=%C3%A9+x&a=2&c=&d&&=e") == {
        "a": [b"1", b"2"],
        "b": [b"\xc3\xa9 x"],
        "c": [b""],
        "d": [b""],
        "": [b"e"],
    }
    assert parse(URLENCODED, b"") == {}


@given(st.lists(st.tuples(st.text(), st.text())))
def test_urlencoded_agrees_with_the_standard_library(pairs: list[tuple[str, str]]) -> None:
    body = urlencode(pairs, errors="surrogatepass").encode()
    expected = parse_qs(body.decode(), keep_blank_values=True, encoding="latin-1")
    arguments = parse(URLENCODED, body)
    assert arguments == {
        name: [value.encode("latin-1") for value in values] for name, values in expected.items()
    }


def test_multipart_and_other_types() -> None:
    assert parse(MULTIPART, BODY) == {"a": [b"value"]}
    assert parse("application/json", b"{}") == {}
    assert parse("", BODY) == {}


def test_is_added_to_what_is_there() -> None:
    arguments = {"a": [b"0"]}
    parse_body_arguments(URLENCODED, b"a=1&b=2", arguments, {})
    parse_body_arguments(MULTIPART, BODY, arguments, {})
    assert arguments == {"a": [b"0", b"1", b"value"], "b": [b"2"]}


@pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART])
def test_class_5_encoded_forms_are_refused(content_type: str) -> None:
    headers = HTTPHeaders({"content-encoding": "gzip"})
    with pytest.raises(HTTPInputError, match="Content-Encoding"):
        parse_body_arguments(content_type, BODY, {}, {}, headers)
    with pytest.raises(HTTPInputError, match="Content-Encoding"):
        parse_stream_arguments(content_type, io.BytesIO(BODY), len(BODY), headers)
    parse_body_arguments(content_type, BODY, {}, {}, HTTPHeaders())
    assert parse("text/plain", b"", headers=headers) == {}


def test_class_4_arguments_are_limited() -> None:
    body = b"&".join([b"a=1"] * 1001)
    with pytest.raises(HTTPInputError, match="Max number of fields exceeded"):
        parse(URLENCODED, body)
    config = ParseBodyConfig(urlencoded=ParseUrlEncodedConfig(max_arguments=1001))
    assert len(parse(URLENCODED, body, config=config)["a"]) == 1001
    with pytest.raises(HTTPInputError, match="Max number of fields exceeded"):
        parse_query(body.decode())
    assert len(parse_query(body.decode(), config)["a"]) == 1001


def test_class_4_size_of_urlencoded_forms_is_limited() -> None:
    config = ParseBodyConfig(urlencoded=ParseUrlEncodedConfig(max_size=3))
    assert parse(URLENCODED, b"a=1", config=config) == {"a": [b"1"]}
    with pytest.raises(HTTPInputError, match="too large"):
        parse(URLENCODED, b"a=12", config=config)

    class Unread(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise AssertionError("read although it is too large")

    with pytest.raises(HTTPInputError, match="too large"):
        parse_stream_arguments(URLENCODED, Unread(), 4, {}, config=config)


@pytest.mark.usefixtures("restored_config")
def test_limits_for_the_process() -> None:
    set_parse_body_config(
        ParseBodyConfig(
            multipart=ParseMultipartConfig(enabled=False),
            urlencoded=ParseUrlEncodedConfig(max_arguments=1),
        )
    )
    for content_type, body in (MULTIPART, BODY), (URLENCODED, b"a=1&b=2"):
        with pytest.raises(HTTPInputError, match=r"disabled|Max number"):
            parse(content_type, body)
    with pytest.raises(HTTPInputError, match="Max number"):
        parse_query("a=1&b=2")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {}),
        ("a", {"a": [b""]}),
        ("a=", {"a": [b""]}),
        ("a=1&a=2&b", {"a": [b"1", b"2"], "b": [b""]}),
        ("%", {"%": [b""]}),
        ("a=%zz", {"a": [b"%zz"]}),
        ("\xe9=\xe9", {"\xe9": [b"\xe9"]}),
    ],
)
def test_queries(query: str, expected: dict[str, list[bytes]]) -> None:
    assert parse_query(query) == expected


def test_class_19_errors_do_not_show_what_was_received() -> None:
    with pytest.raises(HTTPInputError) as error:
        parse_query("secret=\u0142")
    assert str(error.value) == "Invalid query string: not Latin-1"
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__
