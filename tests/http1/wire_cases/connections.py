"""Responses and what becomes of the connection: framing, keep-alive, pipelining, half-close."""

from __future__ import annotations

from .case import FROZEN_DATE, Answer, Case, echo, ok, refused, request

_PERSISTENCE = "RFC 9112 section 9.3"
_FRAMING = "RFC 9112 section 6"


def _get(*fields: str, path: str = "/echo", version: str = "1.1") -> bytes:
    return request(f"GET {path} HTTP/{version}", *fields)


def _closes(name: str, *fields: str, path: str = "/echo", version: str = "1.1") -> Case:
    answer = Answer(200, None, {"Connection": "close"})
    return Case(
        name, _get(*fields, path=path, version=version), (answer,), closed=True, rfc=_PERSISTENCE
    )


def _keeps(name: str, *fields: str, path: str = "/echo", version: str = "1.1") -> Case:
    field = "Keep-Alive" if version == "1.0" else None
    answer = Answer(200, None, {"Connection": field})
    return Case(name, _get(*fields, path=path, version=version), (answer,), rfc=_PERSISTENCE)


KEEPING = (
    _keeps("nothing said in HTTP/1.1"),
    _keeps("Connection: keep-alive", "Connection: keep-alive"),
    _keeps("an option that is not close", "Connection: closed"),
    _keeps("an option that ends with close", "Connection: foreclose"),
    _keeps("options that are not close", "Connection: TE, x-close"),
    _keeps("an empty Connection", "Connection:"),
    _keeps("commas in Connection", "Connection: , ,"),
    _keeps("close in another field", "Proxy-Connection: close"),
    _closes("Connection: close", "Connection: close"),
    _closes("Connection: Close", "Connection: Close"),
    _closes("Connection: CLOSE", "Connection:CLOSE"),
    _closes("Connection: close, TE", "Connection: close, TE"),
    _closes("Connection: TE, close", "Connection: TE, close"),
    _closes("Connection: TE,close without spaces", "Connection: TE,close"),
    _closes("Connection: TE , close with tabs", "Connection: TE\t,\tclose\t"),
    _closes("Connection: ,close,", "Connection: ,close,"),
    _closes("close beats keep-alive", "Connection: keep-alive, close"),
    _closes("close in a second field", "Connection: TE", "Connection: close"),
    _closes("close in a first field", "Connection: close", "Connection: keep-alive"),
    _closes("nothing said in HTTP/1.0", version="1.0"),
    _closes("another option in HTTP/1.0", "Connection: x", version="1.0"),
    _closes("close in HTTP/1.0", "Connection: close", version="1.0"),
    _closes("close and keep-alive in HTTP/1.0", "Connection: keep-alive, close", version="1.0"),
    _closes("Keep-Alive is another field", "Keep-Alive: 300", version="1.0"),
    _keeps("keep-alive in HTTP/1.0", "Connection: keep-alive", version="1.0"),
    _keeps("Keep-Alive in HTTP/1.0", "Connection: Keep-Alive", version="1.0"),
    _keeps("a list with keep-alive in HTTP/1.0", "Connection: TE, keep-alive", version="1.0"),
    _keeps("an empty response in HTTP/1.0", "Connection: keep-alive", path="/empty", version="1.0"),
    _keeps(
        "a declared size in HTTP/1.0", "Connection: keep-alive", path="/declared", version="1.0"
    ),
    _closes("a handler without keep-alive", path="/once"),
    _closes(
        "a handler without keep-alive, in HTTP/1.0",
        "Connection: keep-alive",
        path="/once",
        version="1.0",
    ),
    _closes("a handler that sets Connection: close", path="/closes"),
    Case(
        "a server without keep-alive",
        _get(),
        (Answer(200, None, {"Connection": "close"}),),
        closed=True,
        alone=True,
        settings={"no_keep_alive": True},
    ),
    Case(
        "a server without keep-alive, asked to keep",
        _get("Connection: keep-alive"),
        (Answer(200, None, {"Connection": "close"}),),
        closed=True,
        alone=True,
        settings={"no_keep_alive": True},
    ),
    Case("kept after 404", _get(path="/nowhere"), (Answer(404, None, {"Connection": None}),)),
    Case("kept after an HTTPError", _get(path="/teapot"), (Answer(418),)),
    Case("kept after an exception", _get(path="/fails"), (Answer(500),)),
    Case(
        "kept after a redirect",
        _get(path="/redirects"),
        (Answer(302, None, {"Location": "/echo?redirected"}),),
    ),
    Case("kept after 204", _get(path="/status/204"), (Answer(204, b""),)),
    Case("kept after 304", _get(path="/status/304"), (Answer(304, b""),)),
    Case(
        "close and an error",
        _get("Connection: close", path="/nowhere"),
        (Answer(404, None, {"Connection": "close"}),),
        closed=True,
    ),
    Case(
        "close and an exception",
        _get("Connection: close", path="/fails"),
        (Answer(500, None, {"Connection": "close"}),),
        closed=True,
    ),
)

_EMPTY_HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: cyclone\r\nContent-Type: text/html; charset=UTF-8" + FROZEN_DATE
)

FRAMING = (
    ok(
        "a sized response",
        _get(),
        echo(),
        headers={"Content-Length": str(len(echo())), "Transfer-Encoding": None},
        rfc=_FRAMING,
    ),
    ok(
        "a chunked response",
        _get(path="/chunked"),
        b"one,two",
        headers={"Content-Length": None, "Transfer-Encoding": "chunked"},
        rfc=_FRAMING,
    ),
    ok(
        "a response without a body has size 0",
        _get(path="/empty"),
        b"",
        headers={"Content-Length": "0", "Transfer-Encoding": None},
        rfc="RFC 9110 section 8.6",
    ),
    ok(
        "a declared size",
        _get(path="/declared"),
        b"one,two",
        headers={"Content-Length": "7", "Transfer-Encoding": None},
    ),
    ok(
        "a response of unknown size in HTTP/1.0",
        _get(path="/chunked", version="1.0"),
        b"one,two",
        closed=True,
        headers={"Content-Length": None, "Transfer-Encoding": None, "Connection": "close"},
        rfc="RFC 9112 section 7.1",
    ),
    ok(
        "a response of unknown size in HTTP/1.0, asked to keep",
        _get("Connection: keep-alive", path="/chunked", version="1.0"),
        b"one,two",
        closed=True,
        headers={"Content-Length": None, "Transfer-Encoding": None, "Connection": "close"},
        rfc="RFC 9112 section 7.1",
    ),
    ok(
        "HEAD of a sized response",
        request("HEAD /empty HTTP/1.1"),
        b"",
        method="HEAD",
        headers={"Content-Length": "0"},
    ),
    ok("HEAD of a chunked response", request("HEAD /chunked HTTP/1.1"), b"", method="HEAD"),
    ok(
        "HEAD of a declared size",
        request("HEAD /declared HTTP/1.1"),
        b"",
        method="HEAD",
        headers={"Content-Length": "7"},
        rfc="RFC 9110 section 9.3.2",
    ),
    ok(
        "HEAD in HTTP/1.0, kept",
        request("HEAD /chunked HTTP/1.0", "Connection: keep-alive"),
        b"",
        method="HEAD",
        headers={"Connection": "Keep-Alive"},
    ),
    Case(
        "204",
        _get(path="/status/204"),
        (Answer(204, b"", {"Content-Length": None, "Transfer-Encoding": None}),),
        rfc="RFC 9110 section 15.3.5",
    ),
    Case(
        "304",
        _get(path="/status/304"),
        (Answer(304, b"", {"Content-Length": None, "Transfer-Encoding": None}),),
        rfc="RFC 9110 section 15.4.5",
    ),
    Case(
        "HEAD with 204",
        request("HEAD /status/204 HTTP/1.1"),
        (Answer(204, b"", {"Content-Length": None}, method="HEAD"),),
    ),
    Case(
        "205 has size 0",
        _get(path="/status/205"),
        (Answer(205, b"", {"Content-Length": "0"}),),
        rfc="RFC 9110 section 15.3.6",
    ),
    Case(
        "HEAD of a path nobody serves",
        request("HEAD /nowhere HTTP/1.1"),
        (Answer(404, b"", method="HEAD"),),
    ),
    Case(
        "HEAD of a redirect",
        request("HEAD /status/302 HTTP/1.1"),
        (Answer(302, b"", method="HEAD"),),
    ),
    Case(
        "a response to the byte",
        _get(path="/empty"),
        (Answer(200, b"", raw=_EMPTY_HEAD[:-2] + b"\r\nContent-Length: 0\r\n\r\n"),),
    ),
    Case(
        "a refusal to the byte",
        request(host=None),
        (
            Answer(
                400,
                raw=b"HTTP/1.1 400 Bad Request\r\nServer: cyclone"
                + FROZEN_DATE
                + b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 64\r\n"
                b"Connection: close\r\n\r\n"
                b"400 Bad Request: an HTTP/1.1 request has exactly one Host field\n",
            ),
        ),
        closed=True,
    ),
)

PIPELINES = (
    Case(
        "two requests",
        _get() + _get(path="/echo?2"),
        (Answer(200, echo()), Answer(200, echo(query="2"))),
    ),
    Case(
        "three requests with bodies",
        b"".join(
            request(f"POST /echo?{n} HTTP/1.1", f"Content-Length: {n}", body=b"x" * n)
            for n in (1, 2, 3)
        ),
        tuple(Answer(200, echo("POST", query=str(n), body=b"x" * n)) for n in (1, 2, 3)),
    ),
    Case(
        "chunks, then a request",
        request("POST /echo HTTP/1.1", "Transfer-Encoding: chunked", body=b"2\r\nhi\r\n0\r\n\r\n")
        + _get(),
        (Answer(200, echo("POST", body=b"hi")), Answer(200, echo())),
    ),
    Case(
        "HEAD, then GET",
        request("HEAD /echo HTTP/1.1") + _get(),
        (Answer(200, b"", method="HEAD"), Answer(200, echo())),
    ),
    Case(
        "a sized and a chunked response",
        _get(path="/chunked") + _get(),
        (Answer(200, b"one,two"), Answer(200, echo())),
    ),
    Case(
        "an error in the middle",
        _get() + _get(path="/nowhere") + _get(),
        (Answer(200), Answer(404), Answer(200, echo())),
    ),
    Case(
        "an exception in the middle",
        _get() + _get(path="/fails") + _get(),
        (Answer(200), Answer(500), Answer(200, echo())),
    ),
    Case(
        "a refusal in the middle",
        _get() + request(host=None) + _get(),
        (Answer(200, echo()), Answer(400)),
        closed=True,
    ),
    Case(
        "rubbish behind a request",
        _get() + b"rubbish\r\n\r\n",
        (Answer(200), Answer(400)),
        closed=True,
    ),
    Case(
        "nothing is answered behind close",
        _get("Connection: close") + _get(),
        (Answer(200, echo()),),
        closed=True,
        rfc="RFC 9112 section 9.6",
    ),
    Case(
        "nothing is answered behind HTTP/1.0",
        _get(version="1.0") + _get(),
        (Answer(200, echo()),),
        closed=True,
    ),
    Case(
        "nothing is answered behind a handler without keep-alive",
        _get(path="/once") + _get(),
        (Answer(200, b"once"),),
        closed=True,
    ),
    Case(
        "HTTP/1.0 kept, then HTTP/1.1",
        _get("Connection: keep-alive", version="1.0") + _get(),
        (Answer(200, echo()), Answer(200, echo())),
    ),
    Case(
        "empty lines between requests",
        _get() + b"\r\n\r\n" + _get(),
        (Answer(200, echo()), Answer(200, echo())),
        rfc="RFC 9112 section 2.2",
    ),
    Case(
        "an empty line after a body",
        request("POST /echo HTTP/1.1", "Content-Length: 2", body=b"hi\r\n") + _get(),
        (Answer(200, echo("POST", body=b"hi")), Answer(200, echo())),
        rfc="RFC 9112 section 2.2",
    ),
    Case(
        "a byte too many after a body",
        request("POST /echo HTTP/1.1", "Content-Length: 2", body=b"hi!\r\n") + _get(),
        (Answer(200, echo("POST", body=b"hi")), Answer(400)),
        closed=True,
    ),
    Case("forty requests", _get() * 40, (Answer(200, echo()),) * 40),
    Case(
        "a streaming handler, then a request",
        request("POST /stream HTTP/1.1", "Content-Length: 2", body=b"hi") + _get(),
        (Answer(200, echo("POST", "/stream", body=b"hi")), Answer(200, echo())),
    ),
)

HALF_CLOSED = (
    Case("the end after a request", _get(), (Answer(200, echo()),), closed=True, eof=True),
    Case(
        "the end after two requests",
        _get() + _get(),
        (Answer(200), Answer(200)),
        closed=True,
        eof=True,
    ),
    Case(
        "the end after a body",
        request("POST /echo HTTP/1.1", "Content-Length: 2", body=b"hi"),
        (Answer(200, echo("POST", body=b"hi")),),
        closed=True,
        eof=True,
    ),
    Case("the end before a request", b"", (), closed=True, eof=True),
    Case("the end in a request line", b"GET /ec", (), closed=True, eof=True),
    Case("the end in a header section", _get()[:-2], (), closed=True, eof=True),
    Case(
        "the end in a body",
        request("POST /echo HTTP/1.1", "Content-Length: 3", body=b"hi"),
        (),
        closed=True,
        eof=True,
    ),
    Case(
        "the end where a body was expected",
        request("POST /echo HTTP/1.1", "Expect: 100-continue", "Content-Length: 3"),
        (),
        closed=True,
        eof=True,
    ),
    Case(
        "the end in a chunked body",
        request("POST /echo HTTP/1.1", "Transfer-Encoding: chunked", body=b"2\r\nhi\r\n"),
        (),
        closed=True,
        eof=True,
        rfc="RFC 9112 section 8: incomplete",
    ),
    Case(
        "the end in a streamed body",
        request("POST /stream HTTP/1.1", "Content-Length: 3", body=b"hi"),
        (),
        closed=True,
        eof=True,
    ),
)

_SMALL = {"max_request_line_size": 40, "max_header_size": 100, "max_header_count": 4}


def _limited(name: str, data: bytes, status: int) -> Case:
    return refused(name, data, status, settings=_SMALL)


_LINE_40 = b"GET /echo?" + b"x" * 21 + b" HTTP/1.1"

LIMITS = (
    ok("a request line of the largest size", request(_LINE_40), settings=_SMALL),
    _limited("a request line one byte larger", request(_LINE_40.replace(b"x", b"xx", 1)), 414),
    _limited("a request line that does not end", b"GET /" + b"x" * 100, 414),
    _limited("a method that does not end", b"X" * 100, 414),
    ok(
        "header fields of the largest size",
        request("GET /echo HTTP/1.1", "X: " + "x" * 84),
        settings=_SMALL,
    ),
    _limited(
        "a header section that is larger", request("GET /echo HTTP/1.1", "X: " + "x" * 100), 431
    ),
    _limited(
        "a header section that does not end",
        request("GET /echo HTTP/1.1")[:-2] + b"X: " + b"x" * 200,
        431,
    ),
    _limited("a name that does not end", request("GET /echo HTTP/1.1")[:-2] + b"x" * 200, 431),
    ok("as many fields as allowed", request("GET /echo HTTP/1.1", *["X: y"] * 3), settings=_SMALL),
    _limited("one field more", request("GET /echo HTTP/1.1", *["X: y"] * 4), 431),
    _limited(
        "trailers that are larger",
        request(
            "POST /echo HTTP/1.1",
            "Transfer-Encoding: chunked",
            body=b"0\r\nX: " + b"x" * 200 + b"\r\n\r\n",
        ),
        431,
    ),
    _limited(
        "a trailer that does not end",
        request("POST /echo HTTP/1.1", "Transfer-Encoding: chunked", body=b"0\r\nX: " + b"x" * 200),
        431,
    ),
    _limited(
        "trailers that are too many",
        request(
            "POST /echo HTTP/1.1",
            "Transfer-Encoding: chunked",
            body=b"0\r\n" + b"X: y\r\n" * 5 + b"\r\n",
        ),
        431,
    ),
    refused("the default request line", b"GET /" + b"x" * 17000, 414, step=4000),
    refused(
        "the default header section",
        request("GET /echo HTTP/1.1", "X: " + "x" * 66000),
        431,
        step=4000,
    ),
    refused(
        "the default header count", request("GET /echo HTTP/1.1", *["X: y"] * 128), 431, step=100
    ),
    ok(
        "a body of the largest size",
        request("POST /echo HTTP/1.1", "Content-Length: 10", body=b"0123456789"),
        echo("POST", body=b"0123456789"),
        settings={"max_body_size": 10},
    ),
    refused(
        "a body one byte larger",
        request("POST /echo HTTP/1.1", "Content-Length: 11", body=b"0123456789x"),
        413,
        settings={"max_body_size": 10},
    ),
    refused(
        "a body that is announced as larger",
        request("POST /echo HTTP/1.1", "Content-Length: 11"),
        413,
        settings={"max_body_size": 10},
    ),
    ok(
        "a chunked body of the largest size",
        request(
            "POST /echo HTTP/1.1",
            "Transfer-Encoding: chunked",
            body=b"5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
        ),
        echo("POST", body=b"0123456789"),
        settings={"max_body_size": 10},
    ),
    refused(
        "a chunked body one byte larger",
        request(
            "POST /echo HTTP/1.1",
            "Transfer-Encoding: chunked",
            body=b"5\r\n01234\r\n6\r\n56789x\r\n0\r\n\r\n",
        ),
        413,
        settings={"max_body_size": 10},
    ),
    ok(
        "a body of the handler's largest size",
        request("POST /small HTTP/1.1", "Content-Length: 10", body=b"0123456789"),
        echo("POST", "/small", body=b"0123456789"),
    ),
    Case(
        "a body larger than the handler takes",
        request("POST /small HTTP/1.1", "Content-Length: 11", body=b"0123456789x"),
        (Answer(413, None, {"Connection": "close"}),),
        closed=True,
    ),
    Case(
        "a chunked body larger than the handler takes",
        request(
            "POST /small HTTP/1.1",
            "Transfer-Encoding: chunked",
            body=b"b\r\n0123456789x\r\n0\r\n\r\n",
        ),
        (Answer(413, None, {"Connection": "close"}),),
        closed=True,
    ),
    ok(
        "a handler that takes more than the server",
        request("POST /small HTTP/1.1", "Content-Length: 10", body=b"0123456789"),
        echo("POST", "/small", body=b"0123456789"),
        settings={"max_body_size": 5},
    ),
    ok(
        "a streaming handler's own limit",
        request("POST /limited?n=10 HTTP/1.1", "Content-Length: 10", body=b"0123456789"),
        echo("POST", "/limited", "n=10", body=b"0123456789"),
        settings={"max_body_size": 5},
    ),
    Case(
        "a body beyond a streaming handler's own limit",
        request("POST /limited?n=9 HTTP/1.1", "Content-Length: 10", body=b"0123456789"),
        (Answer(413, None, {"Connection": "close"}),),
        closed=True,
    ),
    Case(
        "chunks beyond a streaming handler's own limit",
        request(
            "POST /limited?n=9 HTTP/1.1",
            "Transfer-Encoding: chunked",
            body=b"a\r\n0123456789\r\n0\r\n\r\n",
        ),
        (Answer(413, None, {"Connection": "close"}),),
        closed=True,
    ),
    refused(
        "a chunk that is announced as larger",
        request("POST /echo HTTP/1.1", "Transfer-Encoding: chunked", body=b"ffffffffffffffff\r\n"),
        413,
    ),
    refused(
        "a chunk that is announced as larger than what is left",
        request("POST /echo HTTP/1.1", "Transfer-Encoding: chunked", body=b"6\r\n012345\r\n5\r\n"),
        413,
        settings={"max_body_size": 10},
    ),
    refused(
        "a size line that does not end",
        request("POST /echo HTTP/1.1", "Transfer-Encoding: chunked", body=b"5;" + b"x" * 5000),
        400,
        step=100,
    ),
    refused(
        "more extensions than data",
        request(
            "POST /echo HTTP/1.1",
            "Transfer-Encoding: chunked",
            body=(b"1;" + b"x" * 1000 + b"\r\nx\r\n") * 40,
        ),
        400,
        step=100,
    ),
    refused(
        "zeros that do not end",
        request("POST /echo HTTP/1.1", "Transfer-Encoding: chunked", body=b"0" * 5000),
        400,
        step=100,
    ),
)

CASES = KEEPING + FRAMING + PIPELINES + HALF_CLOSED + LIMITS
