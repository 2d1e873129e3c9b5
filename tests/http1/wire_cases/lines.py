"""Request lines: methods, targets, versions (RFC 9112 section 3)."""

from __future__ import annotations

from .case import Answer, Case, echo, ok, refused, request

_LINE = "RFC 9112 section 3"
_METHOD = "RFC 9112 section 3.1"
_TARGET = "RFC 9112 section 3.2"
_VERSION = "RFC 9112 section 2.3"


def _line(line: bytes | str) -> bytes:
    return request(line)


def _unknown(name: str, method: str) -> Case:
    data = request(f"{method} /echo HTTP/1.1")
    return Case(name, data, (Answer(501),), rfc="RFC 9110 section 9.1")


METHODS = (
    ok("GET", request(), echo()),
    ok("GET of the root", request("GET / HTTP/1.1"), echo(path="/")),
    ok(
        "HEAD",
        request("HEAD /echo HTTP/1.1"),
        b"",
        method="HEAD",
        headers={"Content-Length": str(len(echo("HEAD")))},
    ),
    ok("POST without a body", request("POST /echo HTTP/1.1"), echo("POST")),
    ok(
        "POST",
        request("POST /echo HTTP/1.1", "Content-Length: 5", body=b"hello"),
        echo("POST", body=b"hello"),
    ),
    ok(
        "PUT",
        request("PUT /echo HTTP/1.1", "Content-Length: 5", body=b"hello"),
        echo("PUT", body=b"hello"),
    ),
    ok(
        "PATCH",
        request("PATCH /echo HTTP/1.1", "Content-Length: 5", body=b"hello"),
        echo("PATCH", body=b"hello"),
    ),
    ok("DELETE", request("DELETE /echo HTTP/1.1"), echo("DELETE")),
    ok(
        "DELETE with a body",
        request("DELETE /echo HTTP/1.1", "Content-Length: 2", body=b"hi"),
        echo("DELETE", body=b"hi"),
    ),
    ok("OPTIONS", request("OPTIONS /echo HTTP/1.1"), echo("OPTIONS")),
    ok(
        "GET with a body",
        request("GET /echo HTTP/1.1", "Content-Length: 2", body=b"hi"),
        echo(body=b"hi"),
    ),
    ok(
        "HEAD with a body",
        request("HEAD /echo HTTP/1.1", "Content-Length: 2", body=b"hi"),
        b"",
        method="HEAD",
    ),
    ok(
        "a method of RFC 4918 that a handler lists",
        request("PROPFIND /custom HTTP/1.1"),
        echo("PROPFIND", "/custom"),
    ),
    ok(
        "an invented method that a handler lists",
        request("FOO /custom HTTP/1.1"),
        echo("FOO", "/custom"),
    ),
    ok(
        "an invented method with a body",
        request("FOO /custom HTTP/1.1", "Content-Length: 3", body=b"abc"),
        echo("FOO", "/custom", body=b"abc"),
    ),
    ok(
        "an invented method with a chunked body",
        request(
            "FOO /custom HTTP/1.1", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n\r\n"
        ),
        echo("FOO", "/custom", body=b"abc"),
    ),
    Case(
        "a method that another handler knows",
        request("PROPFIND /echo HTTP/1.1"),
        (Answer((405, 501)),),
        rfc="RFC 9110 section 15.5.6",
    ),
    Case(
        "a known method that the handler lacks",
        request("DELETE /only-get HTTP/1.1"),
        (Answer(405, None, {"Allow": "GET"}),),
        rfc="RFC 9110 section 15.5.6",
    ),
    Case(
        "HEAD that the handler lacks",
        request("HEAD /only-get HTTP/1.1"),
        (Answer(405, b"", {"Allow": "GET"}, method="HEAD"),),
        rfc="RFC 9110 section 15.5.6",
    ),
    Case(
        "a known method with a body that the handler lacks",
        request("POST /only-get HTTP/1.1", "Content-Length: 2", body=b"hi"),
        (Answer(405, None, {"Allow": "GET"}),),
        rfc="RFC 9110 section 15.5.6; a small body is read over, and the connection kept",
    ),
    _unknown("a method nobody knows", "BREW"),
    _unknown("methods are case-sensitive", "get"),
    _unknown("every character of a token", "!#$%&'*+-.^_`|~09azAZ"),
    _unknown("a long method", "X" * 200),
    Case("CONNECT", request("CONNECT a:443 HTTP/1.1"), (Answer((405, 501)),)),
    Case("TRACE", request("TRACE /echo HTTP/1.1"), (Answer((405, 501)),)),
    refused("CONNECT to a path", request("CONNECT /echo HTTP/1.1"), rfc="RFC 9112 section 3.2.3"),
    refused("a method with an at sign", request("G@T / HTTP/1.1"), rfc=_METHOD),
    refused("a method with a colon", request("GET: / HTTP/1.1"), rfc=_METHOD),
    refused("a method with a control character", request(b"G\x01T / HTTP/1.1"), rfc=_METHOD),
    refused("a method beyond ASCII", request(b"G\xcbT / HTTP/1.1"), rfc=_METHOD),
    refused("a method in quotes", request('"GET" / HTTP/1.1'), rfc=_METHOD),
    refused("an empty method", request(" / HTTP/1.1"), rfc=_METHOD),
)

LINES = (
    refused("HTTP/0.9", b"GET /\r\n\r\n", rfc=_LINE),
    refused("a method alone", request("GET"), rfc=_LINE),
    refused("two spaces after the method", request("GET  / HTTP/1.1"), rfc=_LINE),
    refused("two spaces after the target", request("GET /  HTTP/1.1"), rfc=_LINE),
    refused("a tab after the method", request("GET\t/ HTTP/1.1"), rfc=_LINE),
    refused("a tab after the target", request("GET /\tHTTP/1.1"), rfc=_LINE),
    refused("a vertical tab for a space", request("GET\x0b/\x0bHTTP/1.1"), rfc=_LINE),
    refused("a space before the method", request(" GET / HTTP/1.1"), rfc=_LINE),
    refused("a space after the version", request("GET / HTTP/1.1 "), rfc=_LINE),
    refused("a tab after the version", request("GET / HTTP/1.1\t"), rfc=_LINE),
    refused("a fourth word", request("GET / HTTP/1.1 x"), rfc=_LINE),
    refused(
        "a line feed alone after the request line",
        b"GET /echo HTTP/1.1\nHost: a\r\n\r\n",
        rfc="RFC 9112 section 2.2",
    ),
    refused("line feeds alone", b"GET /echo HTTP/1.1\nHost: a\n\n", rfc="RFC 9112 section 2.2"),
    refused(
        "a carriage return in the request line",
        b"GET /echo\r HTTP/1.1\r\nHost: a\r\n\r\n",
        rfc="RFC 9112 section 2.2",
    ),
    refused(
        "a carriage return alone after the request line",
        b"GET /echo HTTP/1.1\rHost: a\r\n\r\n",
        rfc="RFC 9112 section 2.2",
    ),
    refused(
        "two carriage returns after the request line",
        b"GET /echo HTTP/1.1\r\r\nHost: a\r\n\r\n",
        rfc="RFC 9112 section 2.2",
    ),
    ok("an empty line before the request", b"\r\n" + request(), echo(), rfc="RFC 9112 section 2.2"),
    ok("four empty lines before the request", b"\r\n" * 4 + request(), echo()),
    refused("five empty lines before the request", b"\r\n" * 5 + request()),
    refused("a line feed before the request", b"\n" + request()),
    refused("a carriage return before the request", b"\r" + request()),
    refused("a blank line with a space before the request", b" \r\n" + request()),
    refused(
        "the hello of TLS",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(20) + b"\r\n\r\n",
    ),
    refused("the greeting of SSH", b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    refused("the greeting of SMTP", b"EHLO example.org\r\n\r\n"),
    refused("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    refused("a PROXY protocol line", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + request()),
    refused("a NUL byte", b"\0" + request()),
    refused("a response", b"HTTP/1.1 200 OK\r\nHost: a\r\n\r\n"),
)

VERSIONS = (
    ok("HTTP/1.0", request("GET /echo HTTP/1.0"), echo(), closed=True),
    refused("HTTP/1.2", request("GET / HTTP/1.2"), 505, rfc=_VERSION),
    refused("HTTP/1.9", request("GET / HTTP/1.9"), 505, rfc=_VERSION),
    refused("HTTP/0.9 written out", request("GET / HTTP/0.9"), 505, rfc=_VERSION),
    refused("HTTP/2.0", request("GET / HTTP/2.0"), 505, rfc=_VERSION),
    refused("HTTP/3.0", request("GET / HTTP/3.0"), 505, rfc=_VERSION),
    refused("HTTP/9.9", request("GET / HTTP/9.9"), 505, rfc=_VERSION),
    refused("HTTP/2", request("GET / HTTP/2"), rfc=_VERSION),
    refused("HTTP/1.", request("GET / HTTP/1."), rfc=_VERSION),
    refused("HTTP/.1", request("GET / HTTP/.1"), rfc=_VERSION),
    refused("HTTP/11", request("GET / HTTP/11"), rfc=_VERSION),
    refused("HTTP/1.10", request("GET / HTTP/1.10"), rfc=_VERSION),
    refused("HTTP/01.1", request("GET / HTTP/01.1"), rfc=_VERSION),
    refused("HTTP/1.1x", request("GET / HTTP/1.1x"), rfc=_VERSION),
    refused("HTTP/+1.1", request("GET / HTTP/+1.1"), rfc=_VERSION),
    refused("HTTP/1,1", request("GET / HTTP/1,1"), rfc=_VERSION),
    refused("http/1.1", request("GET / http/1.1"), rfc=_VERSION),
    refused("HTTPS/1.1", request("GET / HTTPS/1.1"), rfc=_VERSION),
    refused("HTP/1.1", request("GET / HTP/1.1"), rfc=_VERSION),
    refused("RTSP/1.0", request("GET / RTSP/1.0"), rfc=_VERSION),
    refused("ICE/1.0", request("SOURCE / ICE/1.0"), rfc=_VERSION),
    refused("a version in other digits", request("GET / HTTP/1.\xb9"), rfc=_VERSION),
)

TARGETS = (
    ok("a query", request("GET /echo?a=1&b=2 HTTP/1.1"), echo(query="a=1&b=2")),
    ok("an empty query", request("GET /echo? HTTP/1.1"), echo()),
    ok("a query with question marks", request("GET /echo?a?b HTTP/1.1"), echo(query="a?b")),
    ok(
        "a percent-encoded path",
        request("GET /echo/%E2%82%AC%20x HTTP/1.1"),
        echo(path="/echo/%E2%82%AC%20x"),
    ),
    ok(
        "sub-delimiters",
        request("GET /echo/!$&'()*+,;=:@-._~ HTTP/1.1"),
        echo(path="/echo/!$&'()*+,;=:@-._~"),
    ),
    ok(
        "what browsers send as it is",
        request('GET /echo/[]|^`{}"<>\\ HTTP/1.1'),
        echo(path='/echo/[]|^`{}"<>\\'),
    ),
    ok(
        "a path that looks like an authority",
        request("GET /echo//b/ HTTP/1.1"),
        echo(path="/echo//b/"),
    ),
    Case("two slashes first", request("GET //echo HTTP/1.1"), (Answer(404),)),
    ok("dots are not resolved", request("GET /echo/../x HTTP/1.1"), echo(path="/echo/../x")),
    Case("a path nobody serves", request("GET /nowhere HTTP/1.1"), (Answer(404),)),
    refused("a fragment", request("GET /echo#x HTTP/1.1"), rfc=_TARGET),
    refused("an empty target", request("GET  HTTP/1.1"), rfc=_TARGET),
    refused("a space in the target", request("GET /a b HTTP/1.1"), rfc=_TARGET),
    refused("a NUL in the target", request("GET /a\x00b HTTP/1.1"), rfc=_TARGET),
    refused("a tab in the target", request("GET /a\tb HTTP/1.1"), rfc=_TARGET),
    refused("a control character in the target", request("GET /a\x1fb HTTP/1.1"), rfc=_TARGET),
    refused("DEL in the target", request("GET /a\x7fb HTTP/1.1"), rfc=_TARGET),
    refused("Latin-1 in the target", request("GET /\xe9 HTTP/1.1"), rfc=_TARGET),
    refused("UTF-8 in the target", request("GET /é HTTP/1.1".encode()), rfc=_TARGET),
    refused("a relative target", request("GET echo HTTP/1.1"), rfc=_TARGET),
    refused("a query alone", request("GET ?a=1 HTTP/1.1"), rfc=_TARGET),
    refused("authority-form for GET", request("GET a:80 HTTP/1.1"), rfc="RFC 9112 section 3.2.3"),
    refused("asterisk-form for GET", request("GET * HTTP/1.1"), rfc="RFC 9112 section 3.2.4"),
    Case(
        "asterisk-form",
        request("OPTIONS * HTTP/1.1"),
        (Answer((200, 204)),),
        rfc="RFC 9112 section 3.2.4",
    ),
    ok(
        "absolute-form",
        request("GET http://b/echo?x=1 HTTP/1.1", host="b"),
        echo(query="x=1", host="b"),
        rfc="RFC 9112 section 3.2.2",
    ),
    ok(
        "absolute-form wins over Host",
        request("GET http://b/echo HTTP/1.1", host="c"),
        echo(host="b"),
        rfc="RFC 9112 section 3.2.2",
    ),
    ok(
        "absolute-form with a port",
        request("GET http://b:8080/echo HTTP/1.1", host="b:8080"),
        echo(host="b:8080"),
    ),
    ok(
        "absolute-form with https", request("GET https://b/echo HTTP/1.1", host="b"), echo(host="b")
    ),
    ok(
        "absolute-form in capitals",
        request("GET HTTP://b/echo HTTP/1.1", host="b"),
        echo(host="b"),
        rfc="RFC 3986 section 3.1",
    ),
    ok(
        "absolute-form with IPv6",
        request("GET http://[::1]:80/echo HTTP/1.1", host="[::1]:80"),
        echo(host="[::1]:80"),
    ),
    ok(
        "absolute-form without a path",
        request("GET http://b HTTP/1.1", host="b"),
        echo(path="/", host="b"),
    ),
    ok(
        "absolute-form without a path, with a query",
        request("GET http://b?x=1 HTTP/1.1"),
        echo(path="/", query="x=1", host="b"),
    ),
    ok(
        "absolute-form of HTTP/1.0",
        request("GET http://b/echo HTTP/1.0", host=None),
        echo(host="b"),
        closed=True,
    ),
    refused(
        "absolute-form without Host",
        request("GET http://b/echo HTTP/1.1", host=None),
        rfc="RFC 9112 section 3.2.2",
    ),
    refused(
        "absolute-form with two Hosts", request("GET http://b/echo HTTP/1.1", "Host: b", host="b")
    ),
    refused("absolute-form without an authority", request("GET http:///echo HTTP/1.1")),
    refused("absolute-form that is a scheme", request("GET http:// HTTP/1.1")),
    refused("absolute-form with one slash", request("GET http:/echo HTTP/1.1")),
    refused(
        "absolute-form with a user",
        request("GET http://u:p@b/echo HTTP/1.1"),
        rfc="RFC 9110 section 4.2.4",
    ),
    refused("absolute-form with a bad host", request("GET http://b\\c/echo HTTP/1.1")),
    refused("absolute-form with a bad port", request("GET http://b:x/echo HTTP/1.1")),
    refused("absolute-form of another scheme", request("GET ftp://b/echo HTTP/1.1")),
    refused("a target that is code", request("GET javascript:alert(1) HTTP/1.1")),
)

CASES = METHODS + LINES + VERSIONS + TARGETS
