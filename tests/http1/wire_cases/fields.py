"""Header fields: their syntax, Host, Expect (RFC 9112 section 5, RFC 9110 section 7.2)."""

from __future__ import annotations

from .case import Answer, Case, echo, ok, refused, request

_SYNTAX = "RFC 9112 section 5"
_HOST = "RFC 9112 section 3.2"
_EXPECT = "RFC 9110 section 10.1.1"


def _value(name: str, field: bytes | str, value: bytes) -> Case:
    return ok(name, request("GET /fields HTTP/1.1", field), value)


SYNTAX = (
    _value("a value", "X-Test: v", b"v"),
    _value("no space after the colon", "X-Test:v", b"v"),
    _value("white space around a value", "X-Test: \t v \t ", b"v"),
    _value("white space within a value", "X-Test: a \t b", b"a \t b"),
    _value("an empty value", "X-Test:", b""),
    _value("a value of spaces", "X-Test:    ", b""),
    _value("colons in a value", "X-Test: a:b::c", b"a:b::c"),
    _value("a name in capitals", "X-TEST: v", b"v"),
    _value("a name in small letters", "x-test: v", b"v"),
    _value("bytes beyond ASCII in a value", "X-Test: \xe9".encode("latin-1"), "\xe9".encode()),
    ok("a repeated field", request("GET /fields HTTP/1.1", "X-Test: 1", "x-test: 2"), b"1|2"),
    ok(
        "every character of a name",
        request("GET /echo HTTP/1.1", "!#$%&'*+-.^_`|~09azAZ: v"),
        echo(),
    ),
    ok(
        "underscores do not make another field",
        request("POST /echo HTTP/1.1", "Transfer_Encoding: chunked", "Content_Length: 5"),
        echo("POST"),
    ),
    refused(
        "a space before the colon",
        request("GET /echo HTTP/1.1", "X-Test : v"),
        rfc="RFC 9112 section 5.1",
    ),
    refused(
        "a tab before the colon",
        request("GET /echo HTTP/1.1", "X-Test\t: v"),
        rfc="RFC 9112 section 5.1",
    ),
    refused("a space before the colon of Host", request(host=None)[:-2] + b"Host : a\r\n\r\n"),
    refused("an empty name", request("GET /echo HTTP/1.1", ": v"), rfc=_SYNTAX),
    refused("a line without a colon", request("GET /echo HTTP/1.1", "X-Test"), rfc=_SYNTAX),
    refused("a space in a name", request("GET /echo HTTP/1.1", "X Test: v"), rfc=_SYNTAX),
    refused("a parenthesis in a name", request("GET /echo HTTP/1.1", "X(Test: v"), rfc=_SYNTAX),
    refused("a quote in a name", request("GET /echo HTTP/1.1", '"X-Test": v'), rfc=_SYNTAX),
    refused("a NUL in a name", request("GET /echo HTTP/1.1", "X\0Test: v"), rfc=_SYNTAX),
    refused("Latin-1 in a name", request("GET /echo HTTP/1.1", "X-T\xe9st: v"), rfc=_SYNTAX),
    refused("a control character in a name", request("GET /echo HTTP/1.1", "X\x01Test: v")),
    refused(
        "a folded line",
        request("GET /echo HTTP/1.1", "X-Test: a", " b"),
        rfc="RFC 9112 section 5.2",
    ),
    refused(
        "a line folded with a tab",
        request("GET /echo HTTP/1.1", "X-Test: a", "\tb"),
        rfc="RFC 9112 section 5.2",
    ),
    refused("a folded empty line", request("GET /echo HTTP/1.1", "X-Test: a", " ")),
    refused(
        "a space before the first field",
        b"GET /echo HTTP/1.1\r\n Host: a\r\n\r\n",
        rfc="RFC 9112 section 2.2",
    ),
    refused(
        "a NUL in a value",
        request("GET /echo HTTP/1.1", "X-Test: a\0b"),
        rfc="RFC 9110 section 5.5",
    ),
    refused(
        "a carriage return in a value",
        request("GET /echo HTTP/1.1", "X-Test: a\rb"),
        rfc="RFC 9110 section 5.5",
    ),
    refused(
        "a line feed in a value",
        request("GET /echo HTTP/1.1", "X-Test: a\nb"),
        rfc="RFC 9110 section 5.5",
    ),
    refused(
        "a field hidden behind a line feed",
        request("GET /echo HTTP/1.1", "X-Test: a\nB: b"),
        rfc="RFC 9112 section 2.2",
    ),
    refused(
        "a field hidden behind a carriage return",
        request("GET /echo HTTP/1.1", "X-Test: a\rContent-Length: 5"),
        rfc="RFC 9112 section 2.2",
    ),
    refused(
        "two carriage returns after a field",
        b"GET /echo HTTP/1.1\r\nHost: a\r\r\n\r\n",
        rfc="RFC 9112 section 2.2",
    ),
    refused(
        "a line feed alone after the last field",
        b"GET /echo HTTP/1.1\r\nHost: a\n\r\n",
        rfc="RFC 9112 section 2.2",
    ),
    refused(
        "a line feed alone ends the head",
        b"GET /echo HTTP/1.1\r\nHost: a\r\n\n",
        rfc="RFC 9112 section 2.2",
    ),
    refused(
        "a control character in a value",
        request("GET /echo HTTP/1.1", "X-Test: a\x01b"),
        rfc="RFC 9110 section 5.5",
    ),
    refused(
        "DEL in a value",
        request("GET /echo HTTP/1.1", "X-Test: a\x7fb"),
        rfc="RFC 9110 section 5.5",
    ),
    refused(
        "escape codes in a value",
        request("GET /echo HTTP/1.1", "X-Test: \x1b[2J"),
        rfc="RFC 9110 section 5.5",
    ),
)

HOSTS = (
    refused("no Host", request(host=None), rfc=_HOST),
    refused("two Hosts", request("GET /echo HTTP/1.1", "Host: b"), rfc=_HOST),
    refused("the same Host twice", request("GET /echo HTTP/1.1", "Host: a"), rfc=_HOST),
    refused("two Hosts of HTTP/1.0", request("GET /echo HTTP/1.0", "Host: b"), rfc=_HOST),
    ok("no Host in HTTP/1.0", request("GET /echo HTTP/1.0", host=None), closed=True),
    ok("a host name", request(host="www.example.org"), echo(host="www.example.org")),
    ok("a host in capitals", request(host="A.Example"), echo(host="A.Example")),
    ok("a host with a port", request(host="a:8080"), echo(host="a:8080")),
    ok(
        "a host with an empty port",
        request(host="a:"),
        echo(host="a:"),
        rfc="RFC 3986 section 3.2.3",
    ),
    ok("an IPv4 address", request(host="127.0.0.1:80"), echo(host="127.0.0.1:80")),
    ok("an IPv6 address", request(host="[::1]"), echo(host="[::1]")),
    ok("an IPv6 address with a port", request(host="[::1]:80"), echo(host="[::1]:80")),
    ok("an underscore in a host", request(host="a_b"), echo(host="a_b")),
    ok("a percent-encoded host", request(host="%61"), echo(host="%61")),
    refused("an empty Host", request(host=""), rfc=_HOST),
    refused("a list of hosts", request(host="a, b")),
    refused("a space in Host", request(host="a b")),
    refused("a tab in Host", request(host="a\tb")),
    refused("a slash in Host", request(host="a/b")),
    refused("a backslash in Host", request(host="a\\b")),
    refused("a user in Host", request(host="u@a")),
    refused("a question mark in Host", request(host="a?b")),
    refused("a fragment in Host", request(host="a#b")),
    refused("HTML in Host", request(host="<script>")),
    refused("quotes in Host", request(host='"a"')),
    refused("a scheme in Host", request(host="http://a")),
    refused("beyond ASCII in Host", request(host="\xe9")),
    refused("a bad port", request(host="a:80x")),
    refused("two ports", request(host="a:80:90")),
    refused("a signed port", request(host="a:+80")),
    refused("a port alone", request(host=":80")),
    refused("an open bracket", request(host="[::1")),
    refused("a closed bracket", request(host="::1]")),
    refused("an IPv6 address without brackets", request(host="::1")),
    refused("something after the brackets", request(host="[::1]a")),
    refused("a broken percent-encoding", request(host="%6")),
    refused("a bad Host of HTTP/1.0", request("GET /echo HTTP/1.0", host="a b")),
)

EXPECTATIONS = (
    ok(
        "100-continue with the body behind it",
        request("POST /echo HTTP/1.1", "Expect: 100-continue", "Content-Length: 2", body=b"hi"),
        echo("POST", body=b"hi"),
        rfc=_EXPECT,
    ),
    ok(
        "100-continue in capitals",
        request("POST /echo HTTP/1.1", "Expect: 100-Continue", "Content-Length: 2", body=b"hi"),
        echo("POST", body=b"hi"),
        rfc=_EXPECT,
    ),
    ok(
        "100-continue before a chunked body",
        request(
            "POST /echo HTTP/1.1",
            "Expect: 100-continue",
            "Transfer-Encoding: chunked",
            body=b"2\r\nhi\r\n0\r\n\r\n",
        ),
        echo("POST", body=b"hi"),
        rfc=_EXPECT,
    ),
    ok(
        "100-continue without a body",
        request("GET /echo HTTP/1.1", "Expect: 100-continue"),
        echo(),
        rfc=_EXPECT,
    ),
    ok(
        "100-continue and a body of no bytes",
        request("POST /echo HTTP/1.1", "Expect: 100-continue", "Content-Length: 0"),
        echo("POST"),
    ),
    ok(
        "100-continue of HTTP/1.0",
        request("POST /echo HTTP/1.0", "Expect: 100-continue", "Content-Length: 2", body=b"hi"),
        echo("POST", body=b"hi"),
        closed=True,
        rfc=_EXPECT,
    ),
    refused(
        "another expectation",
        request("POST /echo HTTP/1.1", "Expect: 200-ok", "Content-Length: 2", body=b"hi"),
        417,
        rfc=_EXPECT,
    ),
    refused("an empty expectation", request("GET /echo HTTP/1.1", "Expect:"), (400, 417)),
    refused(
        "an expectation that begins alike",
        request("GET /echo HTTP/1.1", "Expect: 100-continued"),
        417,
    ),
    refused(
        "two expectations",
        request("GET /echo HTTP/1.1", "Expect: 100-continue", "Expect: more"),
        417,
    ),
    refused(
        "a list of expectations", request("GET /echo HTTP/1.1", "Expect: 100-continue, more"), 417
    ),
    Case(
        "100-continue to nowhere",
        request("POST /nowhere HTTP/1.1", "Expect: 100-continue", "Content-Length: 2"),
        (Answer(404, None, {"Connection": "close"}),),
        closed=True,
        rfc="RFC 9110 section 10.1.1: the client may send the body or not",
    ),
    Case(
        "100-continue with too large a body",
        request("POST /small HTTP/1.1", "Expect: 100-continue", "Content-Length: 11"),
        (Answer(413),),
        closed=True,
    ),
    Case(
        "100-continue to a handler that answers at the head",
        request("POST /early HTTP/1.1", "Expect: 100-continue", "Content-Length: 2"),
        (Answer(403, b"no", {"Connection": "close"}),),
        closed=True,
    ),
    ok(
        "an upgrade that is not offered",
        request(
            "GET /echo HTTP/1.1",
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABk",
        ),
        echo(),
        rfc="RFC 9110 section 7.8: a server may ignore it",
    ),
    ok(
        "an upgrade with a body",
        request(
            "POST /echo HTTP/1.1",
            "Connection: Upgrade",
            "Upgrade: x",
            "Content-Length: 2",
            body=b"hi",
        ),
        echo("POST", body=b"hi"),
    ),
)

CASES = SYNTAX + HOSTS + EXPECTATIONS
