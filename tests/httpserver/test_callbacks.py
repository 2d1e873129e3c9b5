"""Tornado's and cyclone 1.x's server names: a server for a callable, or around an application."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from cyclone import httpserver, httputil, web
from cyclone.http1 import HTTP1Connection, HTTPFactory
from cyclone.httpserver import HTTPConnection, HTTPRequest, HTTPServer
from cyclone.httputil import HTTPHeaders, HTTPServerRequest, ResponseStartLine
from cyclone.testing import Client, MemoryConnection
from tests.web.support import recorded_log

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
GZIP = {"Content-Encoding": "gzip"}


def answer(request: HTTPServerRequest, body: bytes, status: int = 200) -> None:
    """Write a response through Tornado's interface of the connection."""
    connection = request.connection
    connection.write_headers(
        ResponseStartLine("HTTP/1.1", status, "Fine"),
        HTTPHeaders({"Content-Length": str(len(body))}),
        body,
    )
    connection.finish()


def echo(request: HTTPServerRequest) -> None:
    """A callback that tells what it got."""
    said = f"{request.method} {request.uri} {request.remote_ip} {request.protocol} "
    answer(request, said.encode() + request.body)


class Echo(web.RequestHandler):
    """The same as a handler."""

    def get(self) -> None:
        request = self.request
        self.write(f"{request.method} {request.uri} {request.remote_ip} {request.protocol} ")
        self.write(request.body)

    post = get


def application(**settings: Any) -> web.Application:
    return web.Application([("/.*", Echo)], **settings)


#: What a server may be made for; the answers are the same.
CALLBACKS: list[Any] = [lambda: echo, application]


def test_names() -> None:
    assert HTTPConnection is HTTP1Connection
    assert HTTPRequest is HTTPServerRequest is httputil.HTTPServerRequest
    assert issubclass(HTTPServer, HTTPFactory)
    assert {"HTTPConnection", "HTTPRequest", "HTTPServer"} <= set(httpserver.__all__)


# --- requests and bodies -------------------------------------------------------------------------


@pytest.mark.parametrize("make", CALLBACKS)
def test_requests(make: Callable[[], Any]) -> None:
    client = Client(HTTPServer(make()))
    assert client.get("/a?b").text == "GET /a?b 127.0.0.1 http "
    assert client.post("/", body=b"hello").text == "POST / 127.0.0.1 http hello"
    assert client.post("/", body=[b"hel", b"lo"]).text == "POST / 127.0.0.1 http hello"
    assert client.post("/", body=b"").text == "POST / 127.0.0.1 http "


def test_forms_are_there() -> None:
    def callback(request: HTTPServerRequest) -> None:
        answer(request, repr((request.arguments, list(request.files))).encode())

    client = Client(HTTPServer(callback))
    response = client.post("/?a=1", form={"a": "2"}, files={"f": b"x"})
    assert response.text == "({'a': [b'1', b'2']}, ['f'])"


@pytest.mark.parametrize("make", CALLBACKS)
def test_requests_follow_each_other(make: Callable[[], Any]) -> None:
    connection = MemoryConnection(HTTPServer(make()))
    connection.send(GET * 3)
    assert len(connection.responses()) == 3
    assert not connection.closed


def test_a_callback_may_answer_later() -> None:
    requests: list[HTTPServerRequest] = []
    client = Client(HTTPServer(requests.append))
    pending = client.open("GET", "/")
    assert pending.connection.received == b""
    answer(requests[0], b"late")
    assert pending.response.body == b"late"


def test_a_callback_hears_that_the_peer_left() -> None:
    gone: list[str] = []

    def callback(request: HTTPServerRequest) -> None:
        request.connection.set_close_callback(lambda: gone.append("callback"))
        request.notifyFinish().addCallback(lambda _: gone.append("notifyFinish"))

    Client(HTTPServer(callback)).open("GET", "/").disconnect()
    assert sorted(gone) == ["callback", "notifyFinish"]


def test_a_callback_that_raises_ends_the_connection() -> None:
    def callback(request: HTTPServerRequest) -> None:
        raise ZeroDivisionError

    for data in (GET, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"):
        connection = MemoryConnection(HTTPServer(callback))
        with recorded_log() as lines:
            connection.send(data)
        assert connection.closed
        assert any("ZeroDivisionError" in line.text for line in lines)


variable: ContextVar[str] = ContextVar("variable", default="unset")


def test_each_callback_has_a_context_of_its_own() -> None:
    def callback(request: HTTPServerRequest) -> None:
        answer(request, variable.get().encode())
        variable.set("leaked")

    client = Client(HTTPServer(callback))
    for _ in range(2):
        assert client.get("/").text == "unset"
        assert client.post("/", body=b"x").text == "unset"
    assert variable.get() == "unset"


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", CALLBACKS)
def test_limits(make: Callable[[], Any]) -> None:
    client = Client(HTTPServer(make(), max_body_size=5))
    assert client.post("/", body=b"12345").status == 200
    assert client.post("/", body=b"123456").status == 413
    assert client.post("/", body=[b"123", b"456"]).status == 413


def test_the_servers_limits_count_not_the_applications() -> None:
    client = Client(HTTPServer(application(max_body_size=5)))
    assert client.post("/", body=b"123456").status == 200


@pytest.mark.parametrize("make", CALLBACKS)
def test_no_keep_alive(make: Callable[[], Any]) -> None:
    assert Client(HTTPServer(make(), no_keep_alive=True)).get("/").closed
    assert not Client(HTTPServer(make())).get("/").closed


@pytest.mark.parametrize("make", CALLBACKS)
def test_xheaders(make: Callable[[], Any]) -> None:
    fields = {"X-Real-Ip": "1.2.3.4", "X-Scheme": "https"}
    assert Client(HTTPServer(make())).get("/", headers=fields).text == "GET / 127.0.0.1 http "
    client = Client(HTTPServer(make(), xheaders=True))
    assert client.get("/", headers=fields).text == "GET / 1.2.3.4 https "
    client = Client(HTTPServer(make(), xheaders=True, trusted_downstream=["10.0.0.0/8"]))
    assert client.get("/", headers=fields, remote_ip="10.1.1.1").text == "GET / 1.2.3.4 https "
    assert client.get("/", headers=fields, remote_ip="11.1.1.1").text == "GET / 11.1.1.1 http "


@pytest.mark.parametrize("make", CALLBACKS)
def test_the_protocol_behind_a_tls_proxy(make: Callable[[], Any]) -> None:
    client = Client(HTTPServer(make(), protocol="https"))
    assert client.get("/").text == "GET / 127.0.0.1 https "
    client = Client(HTTPServer(make(), protocol="http"))
    assert client.get("/").text == "GET / 127.0.0.1 http "


@pytest.mark.parametrize("make", CALLBACKS)
@pytest.mark.parametrize("chunk_size", [1, 65536])
def test_decompress_request(make: Callable[[], Any], chunk_size: int) -> None:
    data = gzip.compress(b"hello")
    client = Client(HTTPServer(make(), decompress_request=True, chunk_size=chunk_size))
    assert client.post("/", body=data, headers=GZIP).body.endswith(b" hello")
    assert client.post("/", body=data[:-1], headers=GZIP).status == 400
    client = Client(HTTPServer(make()))
    assert client.post("/", body=data, headers=GZIP).body.endswith(data)


@pytest.mark.parametrize("make", CALLBACKS)
def test_decompressed_bodies_are_limited(make: Callable[[], Any]) -> None:
    client = Client(HTTPServer(make(), decompress_request=True, max_body_size=1000))
    assert client.post("/", body=gzip.compress(bytes(1001)), headers=GZIP).status == 413


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="max_body_size"):
        HTTPServer(echo, max_body_size="many")


# --- files ---------------------------------------------------------------------------------------


def open_files() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


def test_large_bodies_are_kept_on_disk_and_closed() -> None:
    spooled: list[bool] = []
    gate: Deferred[None] = Deferred()

    def callback(request: HTTPServerRequest) -> None:
        buffer = request.body_buffer
        spooled.append(buffer is not None and buffer.spooled)
        gate.addCallback(lambda _: answer(request, b"%d" % len(request.body)))

    before = open_files()
    client = Client(HTTPServer(callback))
    pending = client.open("POST", "/", body=b"x" * 3_000_000)
    assert open_files() == before + 1
    gate.callback(None)
    assert pending.response.body == b"3000000"
    assert spooled == [True]
    assert open_files() == before


def test_files_are_closed_when_the_peer_leaves() -> None:
    before = open_files()
    requests: list[HTTPServerRequest] = []
    client = Client(HTTPServer(requests.append))
    client.open("POST", "/", body=b"x" * 3_000_000).disconnect()
    assert len(requests) == 1
    assert open_files() == before
    pending = client.open("POST", "/", headers={"Content-Length": "3000000"})
    pending.send(b"x" * 2_000_000)
    assert open_files() == before + 1
    pending.disconnect()
    assert open_files() == before


# --- with the rest -------------------------------------------------------------------------------


def test_an_application_behind_a_server_routes_at_the_head() -> None:
    client = Client(HTTPServer(web.Application([("/only", Echo)])))
    fields = {"Content-Length": "100000"}
    assert client.open("POST", "/nowhere", headers=fields).response.status == 404


def test_the_connection_is_the_servers() -> None:
    app = application()
    server = HTTPServer(app)
    seen: list[Any] = []

    class Handler(web.RequestHandler):
        def get(self) -> None:
            assert self.application is app
            seen.append(self.request.connection.factory)

    app.add_handlers(".*", [("/factory", Handler)])
    Client(server).get("/factory")
    assert seen == [server]


def test_a_callback_may_be_a_method_of_anything() -> None:
    """cyclone 1.x and Tornado pass the application itself, which can be called."""
    app = application()

    def callback(request: HTTPServerRequest) -> None:
        app(request)

    client = Client(HTTPServer(callback))
    assert client.post("/", body=b"hello").text == "POST / 127.0.0.1 http hello"
    assert client.get("/").headers["Etag"].startswith('"')


def test_refused_requests_do_not_reach_the_callback() -> None:
    def callback(request: HTTPServerRequest) -> None:
        raise AssertionError("it is malformed")

    connection = MemoryConnection(HTTPServer(callback))
    connection.send(b"GET / HTTP/1.1\r\n\r\n")
    assert connection.responses()[0].status == 400
