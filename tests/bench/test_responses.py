"""The client's response reader: framing, any cutting of the bytes, and what it refuses."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.responses import BadResponse, ResponseReader, parse_head

SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n"
)
TRAILERS = (
    b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: Chunked\r\n\r\n"
    b"4\r\n\r\n\r\n\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n"
)
WANTED = [(200, b"hello"), (200, b""), (200, b"hello!"), (404, b"\r\n\r\n")]
STREAM = SIZED + EMPTY + CHUNKED + TRAILERS


def read(reader: ResponseReader, *pieces: bytes) -> list[tuple[int, bytes]]:
    found = [response for piece in pieces for response in reader.feed(piece)]
    return [(response.status, response.body) for response in found]


def test_a_stream_in_one_piece() -> None:
    reader = ResponseReader()
    assert read(reader, STREAM) == WANTED
    assert reader.idle


def test_a_stream_byte_by_byte() -> None:
    reader = ResponseReader()
    assert read(reader, *(STREAM[i : i + 1] for i in range(len(STREAM)))) == WANTED
    assert reader.idle


@given(st.lists(st.integers(0, len(STREAM))))
def test_a_stream_in_any_cutting(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(edges)]
    assert read(ResponseReader(), *pieces) == WANTED


@given(st.binary(max_size=200), st.lists(st.integers(1, 50), max_size=5))
def test_any_body_in_any_chunks(body: bytes, sizes: list[int]) -> None:
    chunks, rest = [], body
    for size in sizes:
        chunks, rest = [*chunks, rest[:size]], rest[size:]
    parts = [chunk for chunk in [*chunks, rest] if chunk]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert read(ResponseReader(), head + coded + b"0\r\n\r\n") == [(200, body)]


@pytest.mark.parametrize("response", [SIZED, CHUNKED, TRAILERS])
def test_an_incomplete_response_is_not_counted(response: bytes) -> None:
    for length in range(1, len(response)):
        reader = ResponseReader()
        assert read(reader, response[:length]) == []
        assert not reader.idle


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
        b"hello, world\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
    ],
)
def test_what_cannot_be_counted_is_refused(data: bytes) -> None:
    with pytest.raises(BadResponse):
        ResponseReader().feed(data)


def test_field_names_are_found_in_lower_case() -> None:
    head = parse_head(b"HTTP/1.1 200 OK\r\nCONTENT-type:  text/plain \r\nServer: x")
    assert head.field("content-type") == "text/plain"
    assert head.field("date") == ""
