"""However bytes are cut on their way, they mean the same: heads, chunked bodies, connections."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cyclone.http1 import BadRequest, ChunkedDecoder, Limits, parse_head
from cyclone.testing.connection import MemoryConnection

from .generate import Meaning, chunked_bodies, heads, requests
from .test_differential import EXAMPLES, Recorder

LIMITS = Limits()


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """`data` in pieces, some perhaps empty."""
    places = [0, *sorted(place % (len(data) + 1) for place in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


cut_places = st.lists(st.integers(0, 10_000), max_size=8)


def decode(pieces: list[bytes]) -> tuple[str, bytes, bytes]:
    """How decoding ends, the body, and what follows it."""
    decoder = ChunkedDecoder(LIMITS)
    body = b""
    try:
        for number, piece in enumerate(pieces):
            body += b"".join(decoder.feed(piece))
            if decoder.complete:
                return "complete", body, decoder.rest + b"".join(pieces[number + 1 :])
    except BadRequest as error:
        return str(error.status), b"", b""
    return "more", body, b""


@settings(max_examples=EXAMPLES)
@given(chunked_bodies(), cut_places)
def test_a_chunked_body_in_any_pieces(data: bytes, cuts: list[int]) -> None:
    whole = decode([data])
    assert decode(cut(data, cuts)) == whole
    assert decode([data[n : n + 1] for n in range(len(data))]) == whole


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.binary(max_size=20))
def test_a_chunked_body_comes_out_as_it_went_in(contents: list[bytes], rest: bytes) -> None:
    data = b"".join(b"%X\r\n%b\r\n" % (len(each), each) for each in contents) + b"0\r\n\r\n"
    decoder = ChunkedDecoder(LIMITS)
    assert decoder.feed(data + rest) == contents
    assert decoder.complete
    assert decoder.rest == rest


@settings(max_examples=EXAMPLES)
@given(st.one_of(heads(), st.binary(max_size=200).map(lambda data: data + b"\r\n\r\n")))
@example(b"\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: a\r\n: \r\n\r\n")
def test_a_head_is_read_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        head = parse_head(data, LIMITS)
    except BadRequest as error:
        assert error.status in (400, 414, 417, 431, 501, 505)
        assert error.message.isascii()
        return
    assert head.version in ("HTTP/1.0", "HTTP/1.1")
    assert not (head.chunked and head.content_length is not None)
    for name, value in head.fields:
        assert not set(name + value) & set(b"\r\n\0")


@given(requests())
def test_a_head_says_what_it_was_made_of(made: tuple[bytes, Meaning]) -> None:
    data, meaning = made
    head = parse_head(data[: data.index(b"\r\n\r\n") + 4], LIMITS)
    assert head.method.encode() == meaning.method
    assert head.target.encode() == meaning.target
    assert [pair for pair in head.fields if pair[0].startswith(b"X-")] == [
        (name, value.strip(b" \t")) for name, value in meaning.fields
    ]
    assert head.host == "a"
    assert head.keep_alive


@given(st.binary(min_size=4, max_size=12).filter(lambda marker: not marker.isalnum()))
def test_a_refusal_holds_nothing_of_the_request(marker: bytes) -> None:
    for data in (
        b"GET /" + marker + b"\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + marker + b"@\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + marker + b"\x01: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x" + marker + b"\r\n\r\n",
    ):
        try:
            parse_head(data, LIMITS)
        except BadRequest as error:
            assert marker not in error.message.encode()
        else:
            raise AssertionError(data)


@settings(max_examples=300)
@given(st.lists(requests(), min_size=1, max_size=4), cut_places)
def test_a_connection_in_any_pieces(sent: list[tuple[bytes, Meaning]], cuts: list[int]) -> None:
    stream = b"".join(data for data, _ in sent)
    whole, pieces = Recorder(), Recorder()
    MemoryConnection(whole).send(stream)
    connection = MemoryConnection(pieces)
    for piece in cut(stream, cuts):
        connection.send(piece)
    assert pieces.seen == whole.seen
    assert len(whole.seen) == len(sent)
