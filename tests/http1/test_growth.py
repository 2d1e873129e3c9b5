"""The work for a request grows with its length, and no faster, however it comes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cyclone.testing import MemoryConnection
from cyclone.web import Application, RequestHandler
from tests.web.counting import steps

CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


class Length(RequestHandler):
    """Answers with the length of the body."""

    def get(self) -> None:
        self.write("0")

    def post(self) -> None:
        self.write(str(len(self.request.body)))


def work(pieces: Callable[[int], list[bytes]], count: int) -> int:
    """The steps that a connection takes for `count` of something."""
    connection = MemoryConnection(Application([("/.*", Length)]))
    data = pieces(count)

    def send() -> None:
        for piece in data:
            if not connection.closed:
                connection.send(piece)

    return steps(send)


def tiny_chunks(count: int) -> list[bytes]:
    return [CHUNKED + b"1\r\nx\r\n" * count + b"0\r\n\r\n"]


def tiny_chunks_one_by_one(count: int) -> list[bytes]:
    return [CHUNKED, *[b"1\r\nx\r\n"] * count, b"0\r\n\r\n"]


def chunks_byte_by_byte(count: int) -> list[bytes]:
    data = b"1\r\nx\r\n" * count + b"0\r\n\r\n"
    return [CHUNKED, *(data[i : i + 1] for i in range(len(data)))]


def body_byte_by_byte(count: int) -> list[bytes]:
    return [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % count, *[b"x"] * count]


def head_byte_by_byte(count: int) -> list[bytes]:
    data = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * count + b"\r\n\r\n"
    return [data[i : i + 1] for i in range(len(data))]


def line_feeds_byte_by_byte(count: int) -> list[bytes]:
    return [b"GET / HTTP/1.1\r\nHost: a\r\nX: ", *[b"\r"] * count]


def long_trailers(count: int) -> list[bytes]:
    return [CHUNKED, b"0\r\n", *[b"X: y\r\n"] * (count // 10), b"\r\n"]


def long_extensions(count: int) -> list[bytes]:
    return [CHUNKED, b"1", *[b";a=b"] * count, b"\r\nx\r\n0\r\n\r\n"]


def digits_of_a_length(count: int) -> list[bytes]:
    return [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * count + b"\r\n\r\n"]


def digits_of_a_chunk(count: int) -> list[bytes]:
    return [CHUNKED, b"f" * count + b"\r\n"]


def zeros_of_a_chunk(count: int) -> list[bytes]:
    return [CHUNKED, *[b"0"] * count]


def pipelined(count: int) -> list[bytes]:
    return [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * count]


def empty_lines(count: int) -> list[bytes]:
    return [b"\r\n"] * count


def repeated_fields(count: int) -> list[bytes]:
    return [b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * (count // 10) + b"\r\n"]


WAYS = [
    tiny_chunks,
    tiny_chunks_one_by_one,
    chunks_byte_by_byte,
    body_byte_by_byte,
    head_byte_by_byte,
    line_feeds_byte_by_byte,
    long_trailers,
    long_extensions,
    digits_of_a_length,
    digits_of_a_chunk,
    zeros_of_a_chunk,
    pipelined,
    empty_lines,
    repeated_fields,
]


@pytest.mark.parametrize("pieces", WAYS)
def test_class_3_the_work_grows_with_the_length(pieces: Callable[[int], list[bytes]]) -> None:
    work(pieces, 250)  # what is remembered for later is there now
    assert work(pieces, 1000) <= 4.2 * work(pieces, 250) + 500


@pytest.mark.parametrize("digits", [19, 20, 100, 5000])
def test_class_3_lengths_of_many_digits_are_refused(digits: int) -> None:
    connection = MemoryConnection(Application([("/.*", Length)]))
    connection.send(digits_of_a_length(digits)[0])
    assert connection.received[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 413")
    connection = MemoryConnection(Application([("/.*", Length)]))
    for piece in digits_of_a_chunk(digits):
        connection.send(piece)
    assert connection.received[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 413")
