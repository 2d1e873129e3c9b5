"""What applications written for cyclone 1.x rely on: applications, requests."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet import defer

import cyclone.httpserver
import cyclone.httputil
import cyclone.web
from cyclone.testing import Client, MemoryConnection
from cyclone.web import (
    Application,
    ErrorHandler,
    HTTPError,
    RequestHandler,
)


class Apology:
    """cyclone 1.x's documented mixin for error pages."""

    def write_error(self: Any, status_code: int, **kwargs: Any) -> None:
        self.finish(f"sorry: {status_code}")


class ApologyErrorHandler(Apology, ErrorHandler):  # type: ignore[misc]
    """For unknown paths."""


class ApologyHandler(Apology, RequestHandler):  # type: ignore[misc]
    """For the rest."""

    def get(self) -> None:
        raise HTTPError(403)


def test_error_handler_of_an_application() -> None:
    app = Application([("/", ApologyHandler)], error_handler=ApologyErrorHandler)
    client = Client(app)
    assert client.get("/").text == "sorry: 403"
    response = client.get("/nowhere")
    assert (response.status, response.text) == (404, "sorry: 404")
    assert client.post("/nowhere", body=b"x").text == "sorry: 404"


# --- applications --------------------------------------------------------------------------------


class Hello(RequestHandler):
    """Named by its dotted name."""

    def get(self) -> None:
        self.write("hello")


class App(Application):
    """A subclass with routes and settings of its own, as the skeletons made them."""

    def __init__(self, **more: Any) -> None:
        handlers = [("/", f"{__name__}.Hello"), (r"/list", Hello)]
        settings = {"debug": True, "static_path": None, **more}
        Application.__init__(self, handlers, **settings)


def test_an_application_as_subclass() -> None:
    client = Client(App(cookie_secret="x"))
    assert client.get("/").body == client.get("/list").body == b"hello"
    assert client.app.settings.debug is True
    assert client.app.settings.get("cookie_secret") == "x"


def test_positional_arguments() -> None:
    app = Application([("/", Hello)], "www.example.com", [], ApologyErrorHandler)
    assert app.default_host == "www.example.com"
    assert app.transforms == []
    assert Client(app).get("/x").text == "sorry: 404"


def test_log_function() -> None:
    lines: list[str] = []

    def log_function(handler: RequestHandler) -> None:
        request = handler.request
        milliseconds = 1000.0 * request.request_time()
        assert milliseconds >= 0
        lines.append(f"[{request.protocol}] {handler.get_status()} {handler._request_summary()}")

    client = Client(Application([("/", Hello)], log_function=log_function))
    client.get("/")
    client.get("/x")
    assert lines == ["[http] 200 GET / (127.0.0.1)", "[http] 404 GET /x (127.0.0.1)"]


def test_an_application_called_with_a_request_returns_the_handler() -> None:
    class Connection:
        """What a test's request is written to."""

        no_keep_alive = False
        xheaders = False

        def __init__(self) -> None:
            self.written = b""

        def write_headers(self, start_line: Any, headers: Any, chunk: Any = None) -> None:
            self.written += b"%d " % start_line.code + (chunk or b"")

        def write(self, chunk: bytes) -> None:
            self.written += chunk

        def finish(self) -> None:
            self.written += b" end"

        def notifyFinish(self) -> defer.Deferred[None]:
            return defer.Deferred()

    connection = Connection()
    request = cyclone.httpserver.HTTPRequest("GET", "/", remote_ip="1.2.3.4", connection=connection)
    handler = Application([("/", Hello)])(request)
    assert isinstance(handler, Hello)
    assert handler._finished
    assert handler.request.remote_ip == "1.2.3.4"
    assert connection.written == b"200 hello end"


# --- requests made by hand -----------------------------------------------------------------------


def test_a_request_with_cyclone_1_keywords() -> None:
    class Connection:
        """A dummy that knows nothing."""

    request = cyclone.httpserver.HTTPRequest(
        method="POST",
        uri="/path?a=1",
        version="HTTP/1.1",
        headers=cyclone.httputil.HTTPHeaders({"Host": "x"}),
        body=b"body",
        remote_ip="1.2.3.4",
        protocol="https",
        host="example.com",
        files={},
        connection=Connection(),
    )
    assert (request.method, request.path, request.query) == ("POST", "/path", "a=1")
    assert (request.remote_ip, request.protocol, request.host) == (
        "1.2.3.4",
        "https",
        "example.com",
    )
    assert request.arguments == {"a": [b"1"]}
    assert request.body == b"body"
    assert request.supports_http_1_1()
    assert request.full_url() == "https://example.com/path?a=1"
    assert abs(request._start_time - time.time()) < 60
    assert request.request_time() >= 0


def test_a_handler_made_by_hand() -> None:
    """With a request that is hardly one."""

    class Request:
        method = "GET"
        uri = "/"
        headers: dict[str, str] = {}
        connection = object()

        def supports_http_1_1(self) -> bool:
            return True

    class Handler(RequestHandler):
        def initialize(self, factory: Any) -> None:
            self.factory = factory

        def prepare(self) -> None:
            self.item = self.path_kwargs["item"]

    handler = Handler(Application([]), Request(), factory=5)  # type: ignore[arg-type]
    handler.path_args, handler.path_kwargs = [], {"item": "x"}
    handler.prepare()
    assert (handler.item, handler.factory) == ("x", 5)
    written: list[Any] = []
    handler.write = written.append  # type: ignore[method-assign]
    handler.write({"a": 1})
    handler.set_status(404)
    handler.set_header("X", "1")
    assert handler.get_status() == 404
    assert written == [{"a": 1}]
    assert not handler._finished


def test_raw_order_and_case_of_fields() -> None:
    seen: list[Any] = []

    class Handler(RequestHandler):
        def get(self) -> None:
            seen.extend(self.request.raw_headers)

    connection = MemoryConnection(Application([("/", Handler)]))
    connection.send(b"GET / HTTP/1.1\r\nhOST: a\r\nx-B: 1\r\nX-a: 2\r\nx-b: 3\r\n\r\n")
    assert seen == [(b"hOST", b"a"), (b"x-B", b"1"), (b"X-a", b"2"), (b"x-b", b"3")]
