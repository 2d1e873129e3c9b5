"""`HTTPServerRequest`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ISSLTransport
from zope.interface import implementer

from cyclone.httputil import (
    BodyBuffer,
    HTTPFile,
    HTTPHeaders,
    HTTPInputError,
    HTTPRequest,
    HTTPServerRequest,
    ParseBodyConfig,
    ParseUrlEncodedConfig,
    RequestStartLine,
    TrustedProxies,
    parse_body_arguments,
)

MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nfield\r\n'
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\ncontent\r\n--b--\r\n'
)


class Head:
    """What the parser of the engine makes."""

    def __init__(
        self,
        target: str = "/",
        method: str = "GET",
        fields: list[tuple[bytes, bytes]] | None = None,
        host: str = "example.com:8888",
        version: str = "HTTP/1.1",
    ) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.host = host
        self.fields = fields or []


class Context:
    def __init__(
        self,
        peer_ip: str = "1.2.3.4",
        protocol: str = "http",
        forwarded: TrustedProxies | None = None,
    ) -> None:
        self.peer_ip = peer_ip
        self.protocol = protocol
        self.forwarded = forwarded


class Transport:
    def __init__(self, host: Any = None) -> None:
        self.host = host

    def getHost(self) -> Any:
        return self.host


class Connection:
    def __init__(self, context: Any = None, transport: Any = None) -> None:
        self.context = context or Context()
        self.transport = transport


def served(target: str = "/", *, context: Any = None, **head: Any) -> HTTPServerRequest:
    return HTTPServerRequest.from_head(Head(target, **head), Connection(context))


def posted(
    content_type: str, body: bytes, spool_size: int | None = None, target: str = "/"
) -> HTTPServerRequest:
    request = served(target, method="POST", fields=[(b"Content-Type", content_type.encode())])
    request.body_buffer = BodyBuffer(spool_size)
    request.body_buffer.append(body)
    return request


class TestFromHead:
    def test_attributes(self) -> None:
        fields = [(b"host", b"example.com:8888"), (b"X-a", b"1"), (b"x-A", b"\xe9")]
        request = served("/a%20b?c=d?e", fields=fields)
        assert request.method == "GET"
        assert request.uri == "/a%20b?c=d?e"
        assert (request.path, request.query) == ("/a%20b", "c=d?e")
        assert request.version == "HTTP/1.1"
        assert request.start_line == ("GET", "/a%20b?c=d?e", "HTTP/1.1")
        assert request.supports_http_1_1()
        assert request.host == "example.com:8888"
        assert request.host_name == "example.com"
        assert request.headers.get_list("X-A") == ["1", "é"]
        assert request.headers is request.headers
        assert request.raw_headers == fields
        assert request.body == b""
        assert request.files == request.cookies == request.body_arguments == {}
        assert (request.remote_ip, request.protocol) == ("1.2.3.4", "http")
        assert request.full_url() == "http://example.com:8888/a%20b?c=d?e"
        assert request.server_connection is None
        assert request.connection.context.peer_ip == "1.2.3.4"

    def test_nothing_is_parsed_before_it_is_asked_for(self) -> None:
        request = served("/?" + "a=1&" * 5000, fields=[(b"cookie", b"a=b")])
        assert set(vars(request)) == {
            "method",
            "connection",
            "_head",
            "_start_time",
            "path",
            "query",
        }

    @pytest.mark.parametrize(
        ("target", "method", "uri", "path", "query", "url"),
        [
            ("http://h:1/a?b=c", "GET", "/a?b=c", "/a", "b=c", "http://h/a?b=c"),
            ("https://h", "GET", "/", "/", "", "http://h/"),
            ("*", "OPTIONS", "*", "*", "", "http://h"),
            ("http://h", "OPTIONS", "*", "*", "", "http://h"),
            ("h:443", "CONNECT", "h:443", "h:443", "", "http://hh:443"),
            ("//evil.com/", "GET", "//evil.com/", "//evil.com/", "", "http://h//evil.com/"),
        ],
    )
    def test_forms_of_targets(
        self, target: str, method: str, uri: str, path: str, query: str, url: str
    ) -> None:
        request = served(target, method=method, host="h")
        assert (request.uri, request.path, request.query) == (uri, path, query)
        # RFC 9112 section 3.2.2: the host is that of the target, which the parser took care of;
        # the scheme is that of the connection.
        assert (request.host, request.protocol, request.full_url()) == ("h", "http", url)

    @pytest.mark.parametrize(
        ("host", "name"),
        [
            ("", "127.0.0.1"),
            ("EXAMPLE.com:80", "example.com"),
            ("[::1]:80", "[::1]"),
        ],
    )
    def test_host_name(self, host: str, name: str) -> None:
        request = served(host=host, version="HTTP/1.0")
        assert request.host_name == name
        assert request.host == (host or "127.0.0.1")
        assert not request.supports_http_1_1()

    def test_every_attribute_can_be_assigned(self) -> None:
        request = served("/?a=1", fields=[(b"cookie", b"a=b")])
        for name in (
            "method",
            "uri",
            "path",
            "query",
            "version",
            "headers",
            "host",
            "host_name",
            "cookies",
            "body",
            "query_arguments",
            "arguments",
            "body_arguments",
            "files",
            "remote_ip",
            "protocol",
            "connection",
            "server_connection",
            "whatever_an_application_wants",
        ):
            value = object()
            setattr(request, name, value)
            assert getattr(request, name) is value

    def test_subclasses(self) -> None:
        class Mine(HTTPServerRequest):
            pass

        assert type(Mine.from_head(Head(), Connection())) is Mine


class TestArguments:
    def test_query(self) -> None:
        request = served("/?a=1&b=%C3%A9+x&a=2&c=&d")
        expected = {"a": [b"1", b"2"], "b": [b"\xc3\xa9 x"], "c": [b""], "d": [b""]}
        assert request.arguments == request.query_arguments == expected
        assert request.body_arguments == {}
        request.arguments["a"].append(b"3")
        assert request.query_arguments == expected

    @pytest.mark.parametrize("spool_size", [None, 0])
    def test_query_and_form_together(self, spool_size: int | None) -> None:
        request = posted("application/x-www-form-urlencoded", b"a=2&b=3", spool_size, "/?a=1")
        assert request.arguments == {"a": [b"1", b"2"], "b": [b"3"]}
        assert request.query_arguments == {"a": [b"1"]}
        assert request.body_arguments == {"a": [b"2"], "b": [b"3"]}
        assert request.body == b"a=2&b=3"
        request.arguments["b"].append(b"4")
        assert request.body_arguments["b"] == [b"3"]
        request.close()

    @pytest.mark.parametrize("spool_size", [None, 0])
    def test_multipart(self, spool_size: int | None) -> None:
        request = posted("multipart/form-data; boundary=b", MULTIPART, spool_size, "/?a=1")
        file = request.files["f"][0]
        assert (file.filename, file["body"]) == ("x", b"content")
        assert request.arguments == {"a": [b"1", b"field"]}
        assert request.files["f"][0] is file
        request.close()

    def test_assigned_body_is_parsed(self) -> None:
        request = served(
            method="PUT",
            fields=[
                (b"Content-Type", b"application/x-www-form-urlencoded"),
            ],
        )
        request.body = b"a=1"
        assert request.arguments == {"a": [b"1"]}

    def test_other_bodies_are_left_alone(self) -> None:
        request = posted("application/json", b'{"a": 1}')
        assert request.arguments == request.files == {}
        assert request.body == b'{"a": 1}'
        assert posted("application/x-www-form-urlencoded", b"").body_arguments == {}

    def test_class_4_too_many_arguments(self) -> None:
        request = served("/?" + "&".join(["a=1"] * 1001))
        for name in "arguments", "query_arguments":
            for _ in range(2):
                with pytest.raises(HTTPInputError, match="Invalid query string: Max number"):
                    getattr(request, name)
        request.parse_config = ParseBodyConfig(urlencoded=ParseUrlEncodedConfig(max_arguments=2000))
        assert len(request.arguments["a"]) == 1001

    def test_malformed_forms_are_input_errors(self) -> None:
        request = posted("multipart/form-data; boundary=b", b"--b\r\nbad\r\n--b--\r\n")
        for name in "arguments", "body_arguments", "files":
            with pytest.raises(HTTPInputError, match="multipart"):
                getattr(request, name)

    @given(st.text(st.sampled_from("ab&=%+41;\xe9?")))
    def test_is_what_the_parser_of_forms_says(self, query: str) -> None:
        expected: dict[str, list[bytes]] = {}
        body = query.encode("latin-1")
        parse_body_arguments("application/x-www-form-urlencoded", body, expected, {})
        assert served("/?" + query).arguments == expected


class TestTemporaryFiles:
    def test_go_with_the_request(self) -> None:
        before = len(os.listdir("/proc/self/fd"))
        large = MULTIPART.replace(b"content", b"x" * 1000)
        request = posted("multipart/form-data; boundary=b", large, spool_size=100)
        file = request.files["f"][0]
        assert file.file.read(3) == b"xxx"
        assert request.body == large
        assert len(os.listdir("/proc/self/fd")) == before + 2
        request.close()
        request.close()
        assert file.file.closed
        assert len(os.listdir("/proc/self/fd")) == before

    def test_nothing_is_parsed_to_be_closed(self) -> None:
        request = posted("multipart/form-data; boundary=b", b"bad" * 100, spool_size=10)
        request.close()
        assert "_form" not in vars(request)
        served().close()

    def test_what_is_in_memory_stays(self) -> None:
        request = posted("multipart/form-data; boundary=b", MULTIPART)
        file = request.files["f"][0]
        request.close()
        assert request.body == MULTIPART
        assert file.body == b"content"


class TestCookies:
    def test_values(self) -> None:
        request = served(fields=[(b"Cookie", b"a=b; c d=e"), (b"cookie", b'f="g\\"h"')])
        assert request.cookies["a"].value == "b"
        assert request.cookies["f"].value == 'g"h'
        assert set(request.cookies) == {"a", "f"}


class TestPeer:
    FIELDS: list[tuple[bytes, bytes]] = [
        (b"X-Forwarded-For", b"4.4.4.4, 5.5.5.5"),
        (b"X-Scheme", b"https"),
    ]

    def test_class_11_fields_are_not_believed_unless_told_so(self) -> None:
        request = served(fields=self.FIELDS)
        assert (request.remote_ip, request.protocol) == ("1.2.3.4", "http")

    @pytest.mark.parametrize(
        ("proxies", "peer", "expected"),
        [
            ((), "1.2.3.4", ("5.5.5.5", "https")),
            (("5.0.0.0/8",), "1.2.3.4", ("1.2.3.4", "http")),
            (("5.0.0.0/8",), "127.0.0.1", ("4.4.4.4", "https")),
            (("5.0.0.0/8", "1.2.3.4"), "1.2.3.4", ("4.4.4.4", "https")),
        ],
    )
    def test_class_11_forwarding(
        self, proxies: tuple[str, ...], peer: str, expected: tuple[str, str]
    ) -> None:
        context = Context(peer, forwarded=TrustedProxies(proxies))
        request = served(fields=self.FIELDS, context=context)
        assert (request.remote_ip, request.protocol) == expected
        assert (context.peer_ip, context.protocol) == (peer, "http")

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            (b"/run/app.sock", "unix:/run/app.sock"),
            ("/a", "unix:/a"),
            (b"\0name", "unix:@name"),
            (None, "unix:"),
        ],
    )
    def test_unix_sockets(self, name: Any, expected: str) -> None:
        connection = Connection(Context(""), Transport(UNIXAddress(name)))
        assert HTTPServerRequest.from_head(Head(), connection).remote_ip == expected
        # A proxy behind the socket is believed.
        connection.context.forwarded = TrustedProxies(["5.5.5.5"])
        request = HTTPServerRequest.from_head(Head(fields=self.FIELDS), connection)
        assert request.remote_ip == "4.4.4.4"

    def test_unknown_peers(self) -> None:
        connection = Connection(Context(""), Transport(IPv4Address("TCP", "1.1.1.1", 1)))
        assert HTTPServerRequest.from_head(Head(), connection).remote_ip == ""
        assert HTTPServerRequest.from_head(Head(), Connection(Context(""))).remote_ip == ""


class TestByHand:
    def test_tornado(self) -> None:
        line = RequestStartLine("POST", "/a?b=c", "HTTP/1.1")
        headers = HTTPHeaders({"Host": "example.com", "Content-Type": "text/plain"})
        request = HTTPServerRequest(start_line=line, headers=headers, body=b"x")
        assert request.start_line == line
        assert request.headers is headers
        assert (request.host, request.host_name, request.body) == ("example.com",) * 2 + (b"x",)
        assert request.arguments == {"b": [b"c"]}

    def test_cyclone_1(self) -> None:
        files = {"a": [HTTPFile(filename="a", body=b"", content_type="")]}
        request = HTTPRequest(
            "GET",
            "/a",
            "HTTP/1.1",
            {"cookie": "a=b"},
            b"body",
            host="h",
            files=files,
            remote_ip="1.2.3.4",
            protocol="https",
        )
        assert request.headers["Cookie"] == "a=b"
        assert request.raw_headers == [(b"Cookie", b"a=b")]
        assert request.cookies["a"].value == "b"
        assert (request.remote_ip, request.protocol, request.host) == ("1.2.3.4", "https", "h")
        assert request.files is files
        assert request.body == b"body"

    def test_as_little_as_possible(self) -> None:
        request = HTTPServerRequest()
        assert request.start_line == ("GET", "/", "HTTP/1.0")
        assert (request.host, request.remote_ip, request.protocol) == ("127.0.0.1", "", "http")
        assert request.body == b""
        assert request.connection is None
        assert dict(request.headers) == {}

    def test_query_is_checked_at_once(self) -> None:
        with pytest.raises(HTTPInputError, match="Max number"):
            HTTPServerRequest("GET", "/?" + "&" * 1000)

    @pytest.mark.parametrize("host", ["a b", "a,b", "user@a", "[::1"])
    def test_class_11_host_is_checked(self, host: str) -> None:
        for arguments in {"host": host}, {"headers": {"Host": host}}:
            with pytest.raises(HTTPInputError, match="Host"):
                HTTPServerRequest("GET", "/", **arguments)  # type: ignore[arg-type]

    def test_class_11_two_hosts(self) -> None:
        with pytest.raises(HTTPInputError, match="Host"):
            HTTPServerRequest("GET", "/", headers={"Host": ["a", "b"]})

    def test_absolute_form(self) -> None:
        request = HTTPServerRequest("GET", "http://h:1/a?b", headers={"Host": "other"})
        assert (request.host, request.uri, request.path) == ("h:1", "/a?b", "/a")

    def test_other_connections(self) -> None:
        class Bare:
            pass

        connection: Any = Bare()
        assert HTTPRequest("GET", "/", connection=connection, remote_ip="1.1.1.1").remote_ip == (
            "1.1.1.1"
        )
        connection.context = Bare()
        connection.context.remote_ip = "2.2.2.2"  # as Tornado's has
        connection.context.protocol = "https"
        request = HTTPRequest("GET", "/", connection=connection)
        assert (request.remote_ip, request.protocol) == ("2.2.2.2", "https")

    def test_protocol_is_that_of_the_transport(self) -> None:
        @implementer(ISSLTransport)
        class Secure(Transport):
            def getPeerCertificate(self) -> None:
                return None

        class Bare:
            transport = Secure()

        assert HTTPRequest("GET", "/", connection=Bare()).protocol == "https"
        assert HTTPRequest("GET", "/", connection=Bare(), protocol="http").protocol == "http"
        assert HTTPRequest("GET", "/", protocol="ftp").protocol == "http"

    @pytest.mark.parametrize(
        ("address", "expected"),
        [
            ("127.0.0.1", "127.0.0.1"),
            ("256.0.0.1", ""),
        ],
    )
    def test_xheaders_of_other_connections(self, address: str, expected: str) -> None:
        # Tests of old applications have connections that seem to have every attribute.
        connection = Mock(xheaders=True)
        request = HTTPRequest("GET", "/", headers={"X-Real-Ip": address}, connection=connection)
        assert (request.remote_ip, request.protocol) == (expected, "http")


class TestLife:
    def test_request_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [1000.0]
        monkeypatch.setattr(time, "time", lambda: now[0])
        ended: list[str] = []

        class Answering(Connection):
            def finish(self) -> None:
                ended.append("finish")

            def write(self, chunk: bytes) -> None:
                ended.append(chunk.decode())

            def notifyFinish(self) -> Deferred[None]:
                return Deferred()

        request = HTTPServerRequest.from_head(Head(), Answering())
        now[0] += 2.5
        assert request.request_time() == 2.5
        request.write(b"raw")
        request.finish()
        now[0] += 5
        assert request.request_time() == 2.5
        assert ended == ["raw", "finish"]
        assert isinstance(request.notifyFinish(), Deferred)

    def test_class_19_repr_has_no_secrets(self) -> None:
        request = served(
            "/reset?token=s3cret", fields=[(b"Authorization", b"s3cret"), (b"Cookie", b"a=s3cret")]
        )
        request.body = b"s3cret"
        assert repr(request) == (
            "HTTPServerRequest(protocol='http', host='example.com:8888', method='GET', "
            "uri='/reset?...', version='HTTP/1.1', remote_ip='1.2.3.4')"
        )
        assert "uri='/'" in repr(served())


def test_uploads_are_saved_from_a_request(tmp_path: Path) -> None:
    large = MULTIPART.replace(b"content", b"x" * 1000)
    request = posted("multipart/form-data; boundary=b", large, spool_size=100)
    request.files["f"][0].save(tmp_path / "upload")
    request.close()
    assert (tmp_path / "upload").read_bytes() == b"x" * 1000
