"""Heads of responses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.httpclient import HTTPResponseError
from cyclone.httpclient.heads import parse_head


def head(*lines: str, status: str = "HTTP/1.1 200 OK", method: str = "GET") -> object:
    return parse_head("\r\n".join([status, *lines, "", ""]).encode("latin-1"), method)


@pytest.mark.parametrize(
    ("status", "lines", "method", "length", "keep_alive"),
    [
        ("HTTP/1.1 200 OK", ["Content-Length: 5"], "GET", 5, True),
        ("HTTP/1.1 200 OK", ["Content-Length: 5, 5"], "GET", 5, True),
        ("HTTP/1.1 200 OK", ["Content-Length: 5", "content-length: 5"], "GET", 5, True),
        ("HTTP/1.1 200 OK", ["Content-Length: 5"], "HEAD", 0, True),
        ("HTTP/1.1 304 Not Modified", ["Content-Length: 5"], "GET", 0, True),
        ("HTTP/1.1 204", [], "GET", 0, True),
        ("HTTP/1.1 204 ", [], "GET", 0, True),
        ("HTTP/1.1 200 OK", [], "GET", None, False),
        ("HTTP/1.1 200 OK", ["Transfer-Encoding: Chunked"], "GET", None, True),
        ("HTTP/1.1 200 OK", ["Content-Length: 1", "Connection: x, Close"], "GET", 1, False),
        ("HTTP/1.0 200 OK", ["Content-Length: 1"], "GET", 1, False),
        ("HTTP/1.0 200 OK", ["Content-Length: 1", "Connection: Keep-Alive"], "GET", 1, True),
    ],
)
def test_framing(
    status: str, lines: list[str], method: str, length: int | None, keep_alive: bool
) -> None:
    if status == "HTTP/1.1 204":
        with pytest.raises(HTTPResponseError):
            head(*lines, status=status, method=method)
        return
    parsed = head(*lines, status=status, method=method)
    assert (parsed.length, parsed.keep_alive) == (length, keep_alive)


@pytest.mark.parametrize(
    "lines",
    [
        *(["Content-Length: +5"], ["Content-Length: 5, 6"], ["Content-Length: 1_0"]),
        *(
            ["Content-Length: \xb2"],
            ["Content-Length:"],
            ["Content-Length: 5", "Content-Length: 6"],
        ),
        ["Content-Length: " + "1" * 19],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        *(["Transfer-Encoding: gzip, chunked"], ["Transfer-Encoding: identity"]),
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        *(
            ["name : x"],
            [" folded: x"],
            ["a: b", " folded"],
            ["no colon"],
            ["a: \0"],
            ["a: b\rc: d"],
        ),
    ],
)
def test_class_1_ambiguous_heads_are_refused(lines: list[str]) -> None:
    with pytest.raises(HTTPResponseError):
        head(*lines)


@pytest.mark.parametrize(
    "status", ["HTTP/2 200 OK", "HTTP/1.1 099 OK", "HTTP/1.1 20 OK", "ICY 200 OK", "", "HTTP/1.1"]
)
def test_class_1_status_lines(status: str) -> None:
    with pytest.raises(HTTPResponseError):
        head(status=status)


def test_class_1_chunked_with_http_1_0() -> None:
    with pytest.raises(HTTPResponseError):
        head("Transfer-Encoding: chunked", status="HTTP/1.0 200 OK")


@given(st.binary())
def test_any_bytes_are_a_head_or_an_error(data: bytes) -> None:
    for section in (data, b"HTTP/1.1 200 OK\r\n" + data):
        try:
            parsed = parse_head(section, "GET")
        except HTTPResponseError:
            continue
        assert parsed.length is None or parsed.length >= 0
