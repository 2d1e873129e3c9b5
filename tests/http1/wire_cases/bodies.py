"""Request bodies: Content-Length, Transfer-Encoding, the chunked coding, smuggling."""

from __future__ import annotations

from .case import Answer, Case, echo, ok, refused, request

_LENGTH = "RFC 9112 section 6.3"
_CODING = "RFC 9112 section 6.1"
_CHUNK = "RFC 9112 section 7.1"

#: What an attacker wants to have answered; no case may let it through.
SMUGGLED = b"GET /echo?smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def post(*fields: str, body: bytes = b"", path: str = "/echo", version: str = "1.1") -> bytes:
    """A POST request."""
    return request(f"POST {path} HTTP/{version}", *fields, body=body)


def _length(name: str, value: str, status: int | tuple[int, ...] = 400) -> Case:
    data = post(f"Content-Length: {value}", body=b"hello" + SMUGGLED)
    return refused(f"Content-Length {name}", data, status, rfc=_LENGTH)


def _coding(name: str, *fields: str, status: int | tuple[int, ...] = 400) -> Case:
    data = post(*fields, body=b"5\r\nhello\r\n0\r\n\r\n" + SMUGGLED)
    return refused(f"Transfer-Encoding {name}", data, status, rfc=_CODING)


def _chunks(name: str, body: bytes, content: bytes) -> Case:
    data = post("Transfer-Encoding: chunked", body=body)
    return ok(name, data, echo("POST", body=content), rfc=_CHUNK)


def _bad_chunks(name: str, body: bytes, status: int = 400) -> Case:
    data = post("Transfer-Encoding: chunked", body=body)
    return refused(name, data, status, rfc=_CHUNK)


LENGTHS = (
    ok("Content-Length", post("Content-Length: 5", body=b"hello"), echo("POST", body=b"hello")),
    ok("Content-Length 0", post("Content-Length: 0"), echo("POST")),
    ok(
        "Content-Length with zeros in front",
        post("Content-Length: 0005", body=b"hello"),
        echo("POST", body=b"hello"),
        rfc="RFC 9110 section 8.6: 1*DIGIT",
    ),
    ok(
        "Content-Length in small letters",
        post("content-length:5", body=b"hello"),
        echo("POST", body=b"hello"),
    ),
    ok(
        "Content-Length with white space around it",
        post("Content-Length: \t5 \t", body=b"hello"),
        echo("POST", body=b"hello"),
    ),
    ok(
        "a body of empty lines",
        post("Content-Length: 8", body=b"\r\n\r\n\r\n\r\n"),
        echo("POST", body=b"\r\n\r\n\r\n\r\n"),
    ),
    ok(
        "a body of all bytes",
        post("Content-Length: 256", body=bytes(range(256))),
        echo("POST", body=bytes(range(256))),
    ),
    ok(
        "a body that looks like a request",
        post(f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED),
        echo("POST", body=SMUGGLED),
    ),
    ok(
        "a body that looks like chunks",
        post("Content-Length: 5", body=b"0\r\n\r\n"),
        echo("POST", body=b"0\r\n\r\n"),
    ),
    ok(
        "a streamed body",
        post("Content-Length: 5", body=b"hello", path="/stream"),
        echo("POST", "/stream", body=b"hello"),
    ),
    Case("a body that has not come", post("Content-Length: 5", body=b"hell"), (), waiting=True),
    Case("a body of which nothing has come", post("Content-Length: 5"), (), waiting=True),
    _length("signed", "+5"),
    _length("negative", "-5"),
    _length("minus zero", "-0"),
    _length("with an underscore", "1_0"),
    _length("hexadecimal", "0x5"),
    _length("hexadecimal letters", "a"),
    _length("with a fraction", "5.0"),
    _length("with an exponent", "5e0"),
    _length("with a comma", "5,5"),
    _length("as a list", "5, 5"),
    _length("as an uneven list", "5, 6"),
    _length("with a space in it", "5 5"),
    _length("with a semicolon", "5;5"),
    _length("in quotes", '"5"'),
    _length("empty", ""),
    _length("of a space", " "),
    _length("with a form feed", "5\x0c"),
    _length("with a vertical tab", "\x0b5"),
    _length("in Latin-1 digits", "\xb2"),
    _length("in Arabic digits", "\u0665".encode().decode("latin-1")),
    _length("with a no-break space", "5\xa0"),
    _length("of 2**64", str(2**64), (400, 413)),
    _length("of 2**64 + 5", str(2**64 + 5), (400, 413)),
    _length("of thirty digits", "9" * 30, (400, 413)),
    _length("of 5000 digits", "9" * 5000, (400, 413)),
    _length("repeated", "5\r\nContent-Length: 5"),
    _length("repeated with another value", "5\r\nContent-Length: 6"),
    _length("repeated in other letters", "0\r\ncontent-length: 5"),
    _length("folded", "\r\n 5"),
)

CODINGS = (
    ok(
        "a chunked body",
        post("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"),
        echo("POST", body=b"hello"),
        rfc=_CODING,
    ),
    ok(
        "a chunked body, streamed",
        post(
            "Transfer-Encoding: chunked",
            body=b"5\r\nhello\r\n3\r\n yo\r\n0\r\n\r\n",
            path="/stream",
        ),
        echo("POST", "/stream", body=b"hello yo"),
        rfc=_CODING,
    ),
    ok(
        "Chunked",
        post("Transfer-Encoding: Chunked", body=b"2\r\nhi\r\n0\r\n\r\n"),
        echo("POST", body=b"hi"),
        rfc="RFC 9112 section 7: names are case-insensitive",
    ),
    ok(
        "transfer-encoding: CHUNKED",
        post("transfer-encoding:\tCHUNKED \t", body=b"2\r\nhi\r\n0\r\n\r\n"),
        echo("POST", body=b"hi"),
    ),
    ok(
        "TE is another field",
        request("POST /echo HTTP/1.1", "TE: trailers, gzip", "Connection: TE"),
        echo("POST"),
    ),
    ok(
        "GET with a chunked body",
        request("GET /echo HTTP/1.1", "Transfer-Encoding: chunked", body=b"2\r\nhi\r\n0\r\n\r\n"),
        echo(body=b"hi"),
    ),
    _coding("after Content-Length", "Content-Length: 5", "Transfer-Encoding: chunked"),
    _coding("before Content-Length", "Transfer-Encoding: chunked", "Content-Length: 5"),
    _coding("with Content-Length 0", "Transfer-Encoding: chunked", "Content-Length: 0"),
    _coding("that is empty, with Content-Length", "Transfer-Encoding:", "Content-Length: 5"),
    _coding("identity with Content-Length", "Transfer-Encoding: identity", "Content-Length: 5"),
    _coding("empty", "Transfer-Encoding:"),
    _coding("identity", "Transfer-Encoding: identity"),
    _coding("gzip", "Transfer-Encoding: gzip"),
    _coding("gzip, chunked", "Transfer-Encoding: gzip, chunked", status=501),
    _coding("identity, chunked", "Transfer-Encoding: identity, chunked", status=(400, 501)),
    _coding(
        "gzip and chunked in two fields",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked",
        status=501,
    ),
    _coding("chunked, gzip", "Transfer-Encoding: chunked, gzip"),
    _coding("chunked, identity", "Transfer-Encoding: chunked, identity"),
    _coding("chunked, chunked", "Transfer-Encoding: chunked, chunked"),
    _coding("chunked twice", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    _coding("chunked, then another field", "Transfer-Encoding: chunked", "Transfer-Encoding: x"),
    _coding("an empty field after chunked", "Transfer-Encoding: chunked", "Transfer-Encoding:"),
    _coding("chunked with a comma behind", "Transfer-Encoding: chunked,"),
    _coding("chunked with a comma before", "Transfer-Encoding: , chunked", status=(400, 501)),
    _coding("xchunked", "Transfer-Encoding: xchunked"),
    _coding("chunkedx", "Transfer-Encoding: chunkedx"),
    _coding("chunked with a space in it", "Transfer-Encoding: chun ked"),
    _coding("chunked in quotes", 'Transfer-Encoding: "chunked"'),
    _coding("chunked with a parameter", "Transfer-Encoding: chunked;q=1"),
    _coding("chunked behind a vertical tab", "Transfer-Encoding: \x0bchunked"),
    _coding("chunked behind a form feed", "Transfer-Encoding: chunked\x0c"),
    _coding("chunked behind a no-break space", "Transfer-Encoding: \xa0chunked"),
    _coding("chunked behind a NUL", "Transfer-Encoding: \0chunked"),
    _coding("with a long s", "Transfer-Encoding: chun\u212aed".encode().decode("latin-1")),
    _coding("folded", "Transfer-Encoding:\r\n chunked"),
    _coding("folded behind a token", "Transfer-Encoding: x\r\n chunked"),
    _coding("with a space before the colon", "Transfer-Encoding : chunked"),
    _coding("behind a line feed", "X: y\nTransfer-Encoding: chunked"),
    _coding("behind a carriage return", "X: y\rTransfer-Encoding: chunked"),
    refused(
        "Transfer-Encoding in HTTP/1.0",
        post("Transfer-Encoding: chunked", body=b"2\r\nhi\r\n0\r\n\r\n", version="1.0"),
        rfc=_CODING,
    ),
    refused(
        "Transfer-Encoding in HTTP/1.0, kept alive",
        post(
            "Connection: keep-alive",
            "Transfer-Encoding: chunked",
            "Content-Length: 2",
            body=b"0\r\n\r\n" + SMUGGLED,
            version="1.0",
        ),
        rfc=_CODING,
    ),
)

CHUNKS = (
    _chunks("no chunk", b"0\r\n\r\n", b""),
    _chunks("three chunks", b"1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", b"abcdef"),
    _chunks("a size in capitals", b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    _chunks("a size in small letters", b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    _chunks("zeros before a size", b"0005\r\nhello\r\n000\r\n\r\n", b"hello"),
    _chunks("chunks with line ends in them", b"4\r\n\r\n\r\n\r\n1\r\n0\r\n0\r\n\r\n", b"\r\n\r\n0"),
    _chunks("an extension", b"5;a=b\r\nhello\r\n0\r\n\r\n", b"hello"),
    _chunks("an extension without a value", b"5;a\r\nhello\r\n0;b\r\n\r\n", b"hello"),
    _chunks("an extension in quotes", b'5;a="b; c"\r\nhello\r\n0\r\n\r\n', b"hello"),
    _chunks("several extensions", b"5;a=b;c=d;e\r\nhello\r\n0\r\n\r\n", b"hello"),
    _chunks("white space before an extension", b"5 ; a=b\r\nhello\r\n0\r\n\r\n", b"hello"),
    _chunks("a trailer", b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", b"hello"),
    _chunks("two trailers", b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Other:\r\n\r\n", b"hello"),
    ok(
        "trailers are not header fields",
        request(
            "GET /fields HTTP/1.1", "Transfer-Encoding: chunked", body=b"0\r\nX-Test: v\r\n\r\n"
        ),
        b"",
        rfc="RFC 9110 section 6.5.1",
    ),
    ok(
        "trailers do not frame",
        post(
            "Transfer-Encoding: chunked",
            body=b"2\r\nhi\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: gzip\r\n"
            b"Host: b\r\n\r\n",
        ),
        echo("POST", body=b"hi"),
        rfc="RFC 9110 section 6.5.1: they are dropped",
    ),
    Case(
        "a chunk that has not come",
        post("Transfer-Encoding: chunked", body=b"5\r\nhel"),
        (),
        waiting=True,
    ),
    Case(
        "an end that has not come",
        post("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"),
        (),
        waiting=True,
    ),
    Case(
        "a trailer that has not come",
        post("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n"),
        (),
        waiting=True,
    ),
    _bad_chunks("an empty size", b"\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a size that is text", b"x\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a signed size", b"+5\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a negative size", b"-5\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a size with an underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a space before a size", b" 5\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a space after a size", b"5 \r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a space in a size", b"0 5\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a size in wide digits", "\uff15\r\nhello\r\n0\r\n\r\n".encode()),
    _bad_chunks("a fraction of a size", b"5.0\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a size of seventeen digits", b"00000000000000005\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a size beyond 2**64", b"ffffffffffffffff5\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a comma after a size", b"5,a=b\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("an extension with a line feed", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("an extension with a carriage return", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("an extension with a NUL", b"5;a\0b\r\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a line feed alone after a size", b"5\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a carriage return alone after a size", b"5\rhello\r\n0\r\n\r\n"),
    _bad_chunks("a line feed alone after an extension", b"5;a\nhello\r\n0\r\n\r\n"),
    _bad_chunks("a line feed alone after a chunk", b"5\r\nhello\n0\r\n\r\n"),
    _bad_chunks("a carriage return alone after a chunk", b"5\r\nhello\r0\r\n\r\n"),
    _bad_chunks("nothing after a chunk", b"5\r\nhello0\r\n\r\n"),
    _bad_chunks("a chunk longer than its size", b"5\r\nhello!\r\n0\r\n\r\n"),
    _bad_chunks("a chunk shorter than its size", b"5\r\nhell\r\n0\r\n\r\n"),
    _bad_chunks("two bytes for a line end", b"5\r\nhelloXX0\r\n\r\n"),
    _bad_chunks("a line feed alone after the last chunk", b"0\n\r\n"),
    _bad_chunks("a line feed alone after a trailer", b"0\r\nX: y\n\r\n"),
    _bad_chunks("a line feed alone at the end", b"0\r\n\n" + SMUGGLED),
    _bad_chunks("a trailer without a colon", b"0\r\nX\r\n\r\n"),
    _bad_chunks("a trailer with a space before the colon", b"0\r\nX : y\r\n\r\n"),
    _bad_chunks("a folded trailer", b"0\r\nX: y\r\n z\r\n\r\n"),
    _bad_chunks("a trailer with a NUL", b"0\r\nX: \0\r\n\r\n"),
    _bad_chunks("a trailer with a carriage return", b"0\r\nX: a\rb\r\n\r\n"),
    _bad_chunks("a request for a trailer", b"0\r\n" + SMUGGLED),
    _bad_chunks("a last chunk with data", b"5\r\nhello\r\n0\r\nX\r\n\r\n"),
)

SMUGGLING = (
    refused(
        "CL.TE",
        post("Content-Length: 6", "Transfer-Encoding: chunked", body=b"0\r\n\r\nG" + SMUGGLED),
    ),
    refused(
        "TE.CL",
        post(
            "Transfer-Encoding: chunked",
            "Content-Length: 4",
            body=b"28\r\n" + SMUGGLED + b"\r\n0\r\n\r\n",
        ),
    ),
    refused("CL.0", post("Content-Length: 0", "Content-Length: 40", body=SMUGGLED)),
    refused(
        "TE.0",
        post("Transfer-Encoding: chunked", "Transfer-encoding: cow", body=b"0\r\n\r\n" + SMUGGLED),
    ),
    refused(
        "a Host smuggled behind a line feed",
        b"GET /echo HTTP/1.1\r\nX: y\nHost: b\r\n\r\n" + SMUGGLED,
    ),
    refused("an empty line of line feeds", b"GET /echo HTTP/1.1\r\nHost: a\r\nX: y\n\n" + SMUGGLED),
    refused(
        "an empty line of carriage returns", b"GET /echo HTTP/1.1\r\nHost: a\r\nX: y\r\r" + SMUGGLED
    ),
    refused("an empty line with a space", b"GET /echo HTTP/1.1\r\nHost: a\r\n \r\n" + SMUGGLED),
    Case(
        "a body for GET is read, not answered",
        request("GET /echo HTTP/1.1", f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED),
        (Answer(200, echo(body=SMUGGLED)),),
    ),
    Case(
        "a body for a path nobody serves is not answered",
        post(f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED, path="/nowhere"),
        (Answer(404, None, {"Connection": None}),),
    ),
    Case(
        "a large body for a path nobody serves is not waited for",
        post("Content-Length: 1000000", body=SMUGGLED, path="/nowhere"),
        (Answer(404, None, {"Connection": "close"}),),
        closed=True,
    ),
    Case(
        "a chunked body for a path nobody serves is not waited for",
        post(
            "Transfer-Encoding: chunked",
            body=b"28\r\n" + SMUGGLED + b"\r\n0\r\n\r\n",
            path="/nowhere",
        ),
        (Answer(404, None, {"Connection": "close"}),),
        closed=True,
    ),
    Case(
        "a body for a handler that answers at the head is not answered",
        post(f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED, path="/early"),
        (Answer(403, b"no", {"Connection": "close"}),),
        closed=True,
    ),
    Case(
        "a chunked body for a handler that answers at the head",
        post(
            "Transfer-Encoding: chunked",
            body=b"28\r\n" + SMUGGLED + b"\r\n0\r\n\r\n",
            path="/early",
        ),
        (Answer(403, b"no", {"Connection": "close"}),),
        closed=True,
    ),
    Case(
        "the bytes after a refused request are not answered",
        request(host=None) + SMUGGLED,
        (Answer(400),),
        closed=True,
    ),
    Case(
        "the bytes after a body that is too large are not answered",
        post("Content-Length: 40", body=SMUGGLED, path="/small"),
        (Answer(413),),
        closed=True,
    ),
    Case(
        "chunks that fail in a streaming handler",
        post("Transfer-Encoding: chunked", body=b"2\r\nhi\r\nx\r\n" + SMUGGLED, path="/stream"),
        (Answer(400),),
        closed=True,
    ),
)

CASES = LENGTHS + CODINGS + CHUNKS + SMUGGLING
