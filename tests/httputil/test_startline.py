"""Start lines and reason phrases."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.httputil import (
    HTTPInputError,
    RequestStartLine,
    ResponseStartLine,
    parse_request_start_line,
    parse_response_start_line,
    responses,
)

TOKENS = st.from_regex(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", fullmatch=True)
TARGETS = st.from_regex("[\x21-\x7e\x80-\xff]+", fullmatch=True)
REASONS = st.from_regex("[\t\x20-\x7e\x80-\xff]*", fullmatch=True)
VERSIONS = st.sampled_from(["HTTP/1.0", "HTTP/1.1", "HTTP/1.2"])


@given(TOKENS, TARGETS, VERSIONS)
def test_request_line_round_trip(method: str, target: str, version: str) -> None:
    parsed = parse_request_start_line(f"{method} {target} {version}")
    assert parsed == RequestStartLine(method, target, version)
    assert parsed.path == target


@given(VERSIONS, st.integers(0, 999), REASONS)
def test_status_line_round_trip(version: str, code: int, reason: str) -> None:
    parsed = parse_response_start_line(f"{version} {code:03d} {reason}")
    assert parsed == ResponseStartLine(version, code, reason)


@given(
    st.text()
    | st.lists(st.sampled_from(["GET", "/", " ", "HTTP/1.1", "200", "OK", "\t"])).map("".join)
)
def test_any_text_is_refused_or_rebuilt(text: str) -> None:
    with suppress(HTTPInputError):
        assert " ".join(parse_request_start_line(text)) == text
    try:
        version, code, reason = parse_response_start_line(text)
    except HTTPInputError:
        return
    assert f"{version} {code:03d} {reason}" == text


@pytest.mark.parametrize(
    "line",
    [
        "",
        "GET",
        "GET /",
        "GET / HTTP/2.0",
        "GET / HTTP/0.9",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET\t/\tHTTP/1.1",
        "GET /a b HTTP/1.1",
        "GE(T / HTTP/1.1",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\n",
        "GET / HTTP/1.10",
        "GET / HTTP/1.\u0661",
        "GET / http/1.1",
        "GET /\0 HTTP/1.1",
        "GET /\u0142 HTTP/1.1",
    ],
)
def test_class_1_malformed_request_lines(line: str) -> None:
    with pytest.raises(HTTPInputError, match="Malformed HTTP request line"):
        parse_request_start_line(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/2.0 200 OK",
        "HTTP/1.1 +20 OK",
        "HTTP/1.1 \u0662\u0660\u0660 OK",
        "HTTP/1.1 200 OK\r",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1  200 OK",
        " HTTP/1.1 200 OK",
        "HTTP/1.1 200 OK\n",
    ],
)
def test_class_1_malformed_status_lines(line: str) -> None:
    with pytest.raises(HTTPInputError, match="Malformed HTTP status line"):
        parse_response_start_line(line)


def test_class_3_long_lines_take_linear_time() -> None:
    for text in "a" * 1_000_000, "GET " + "/" * 1_000_000, "HTTP/1.1 200 " + " " * 1_000_000 + "\0":
        with pytest.raises(HTTPInputError):
            parse_request_start_line(text)
        with pytest.raises(HTTPInputError):
            parse_response_start_line(text)


def test_responses_are_the_standard_phrases() -> None:
    assert responses[200] == "OK"
    assert responses[404] == "Not Found"
    assert set(responses) == {status.value for status in HTTPStatus}
