"""What applications written for cyclone 1.x rely on: handlers, applications, requests.

Each test does what one or more published applications do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

import pytest
from twisted.internet import defer
from twisted.python.failure import Failure

import cyclone.httpserver
import cyclone.httputil
import cyclone.web
from cyclone.http1 import HTTP1Connection
from cyclone.testing import Client, MemoryConnection
from cyclone.web import (
    Application,
    ErrorHandler,
    HTTPAuthenticationRequired,
    HTTPError,
    RequestHandler,
    asynchronous,
)
from tests.web.support import GET, client_of, problems, recorded_log

# --- names ---------------------------------------------------------------------------------------

MODULE_NAMES = {
    cyclone.web: [
        "Application",
        "ErrorHandler",
        "FallbackHandler",
        "Finish",
        "HTTPAuthenticationRequired",
        "HTTPError",
        "MissingArgumentError",
        "RedirectHandler",
        "RequestHandler",
        "URLSpec",
        "addslash",
        "asynchronous",
        "authenticated",
        "removeslash",
        "stream_request_body",
        "url",
    ],
    cyclone.httpserver: ["HTTPConnection", "HTTPRequest", "HTTPServer"],
    cyclone.httputil: [
        "HTTPFile",
        "HTTPHeaders",
        "HTTPServerRequest",
        "parse_body_arguments",
        "parse_multipart_form_data",
        "url_concat",
    ],
}


def words(text: str) -> list[str]:
    """The words in a text."""
    return text.split()


HANDLER_NAMES = words(
    """
    SUPPORTED_METHODS no_keep_alive serialize_lists
    initialize prepare on_finish on_connection_close default get head post put delete patch options
    set_status get_status set_header add_header clear_header clear set_default_headers
    get_argument get_arguments get_query_argument get_body_argument decode_argument
    cookies get_cookie set_cookie clear_cookie clear_all_cookies
    redirect write flush finish send_error write_error log_exception
    settings current_user get_current_user get_login_url require_setting reverse_url
    compute_etag notifyFinish transport detach
    _execute _handle_request_exception _request_summary _auto_finish _finished
"""
)
REQUEST_NAMES = words(
    """
    method uri path query version headers body remote_ip protocol host files arguments cookies
    connection supports_http_1_1 full_url request_time notifyFinish write finish
    get_ssl_certificate _start_time
"""
)
CONNECTION_NAMES = words(
    """
    factory xheaders transport no_keep_alive notifyFinish write finish
"""
)


@pytest.mark.parametrize("module", MODULE_NAMES, ids=lambda module: module.__name__)
def test_modules_have_the_names(module: Any) -> None:
    assert [name for name in MODULE_NAMES[module] if not hasattr(module, name)] == []


def test_objects_have_the_names() -> None:
    missing: list[str] = []

    class Handler(RequestHandler):
        def get(self) -> None:
            for thing, names in (
                (self, [*HANDLER_NAMES, "path_args", "path_kwargs", "application", "request"]),
                (self, ["_headers", "_write_buffer", "_transforms", "_status_code", "_reason"]),
                (self.request, REQUEST_NAMES),
                (self.request.connection, CONNECTION_NAMES),
            ):
                missing.extend(name for name in names if not hasattr(thing, name))

    assert client_of(Handler).get("/").status == 200
    assert missing == []


# --- handlers ------------------------------------------------------------------------------------


def test_default_answers_what_is_not_defined() -> None:
    class Handler(RequestHandler):
        def get(self, *args: str, **kwargs: str) -> None:
            self.write("That was a GET request!")

        def default(self, *args: str, **kwargs: str) -> None:
            self.write(f"That was anything but a GET request! {args} {kwargs}")

    client = Client(Application([(r"/(a)", Handler), (r"/(?P<n>b)", Handler)]))
    assert client.get("/a").text == "That was a GET request!"
    assert client.post("/a").text == "That was anything but a GET request! ('a',) {}"
    assert client.delete("/b").text == "That was anything but a GET request! () {'n': 'b'}"


def test_default_may_wait() -> None:
    class Handler(RequestHandler):
        @defer.inlineCallbacks
        def default(self) -> Generator[Any, Any, None]:
            yield defer.succeed(None)
            self.write("default")

    assert client_of(Handler).put("/").text == "default"


def test_inner_state_of_a_handler() -> None:
    seen: dict[str, Any] = {}

    class Handler(RequestHandler):
        def prepare(self) -> None:
            seen["unfinished"] = self._finished
            del self._headers["Content-Type"]

        def get(self) -> None:
            self.write("a")
            seen["buffer"] = list(self._write_buffer)
            self._write_buffer = []
            self._headers["X-Inner"] = "1"
            self._status_code = 202
            seen["summary"] = self._request_summary()
            self.finish("b")
            seen["finished"] = self._finished

    response = client_of(Handler).get("/?q")
    assert (response.status, response.body) == (202, b"b")
    assert "Content-Type" not in response.headers
    assert response.headers["X-Inner"] == "1"
    assert seen == {
        "unfinished": False,
        "buffer": [b"a"],
        "summary": "GET /?q (127.0.0.1)",
        "finished": True,
    }


def test_deleting_a_header_that_is_not_there() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            with pytest.raises(KeyError):
                del self._headers["X-Unknown"]
            del self._headers["content-type"]

    assert "Content-Type" not in client_of(Handler).get("/").headers


@pytest.mark.parametrize("where", ["class", "prepare", "get"])
def test_auto_finish_turned_off(where: str) -> None:
    handlers: list[RequestHandler] = []

    class Handler(RequestHandler):
        _auto_finish = where != "class"

        def prepare(self) -> None:
            handlers.append(self)
            if where == "prepare":
                self._auto_finish = False

        def get(self) -> None:
            if where == "get":
                self._auto_finish = False

    pending = client_of(Handler).open("GET", "/")
    assert pending.connection.received == b""
    handlers[0].finish("late")
    assert pending.response.body == b"late"


@pytest.mark.parametrize("as_setting", [False, True])
def test_serialize_lists(as_setting: bool) -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.write([{"a": 1}])

    class Serializing(Handler):
        serialize_lists = True

    client = client_of(Handler, serialize_lists=True) if as_setting else client_of(Serializing)
    response = client.get("/")
    assert response.json() == [{"a": 1}]
    assert response.headers["Content-Type"].startswith("application/json")
    with recorded_log():
        assert client_of(Handler).get("/").status == 500


def test_set_default_headers_replaced_at_run_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A security policy for a whole application."""

    class Handler(RequestHandler):
        def get(self) -> None:
            if self.get_argument("fail", None):
                raise HTTPError(403)

    class Own(Handler):
        def set_default_headers(self) -> None:
            self.set_header("X-Own", "1")

    client = Client(Application([("/", Handler), ("/own", Own)]))
    assert "X-Frame-Options" not in client.get("/").headers

    def set_default_headers(self: RequestHandler) -> None:
        self.set_header("X-Frame-Options", "deny")

    monkeypatch.setattr(RequestHandler, "set_default_headers", set_default_headers)
    for path, status in (("/", 200), ("/?fail=1", 403), ("/nowhere", 404)):
        response = client.get(path)
        assert (response.status, response.headers.get("X-Frame-Options")) == (status, "deny")
    assert client.get("/own").headers.get("X-Own") == "1"
    monkeypatch.undo()
    assert "X-Frame-Options" not in client.get("/").headers


@pytest.mark.parametrize("name", ["prepare", "on_finish", "compute_etag", "on_connection_close"])
def test_other_methods_replaced_at_run_time(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    called: list[str] = []

    class Handler(RequestHandler):
        @asynchronous
        def get(self) -> None:
            if not self.get_argument("wait", None):
                self.finish()

    client = client_of(Handler)
    client.get("/")
    monkeypatch.setattr(RequestHandler, name, lambda self, *args: called.append(name))
    client.get("/")
    client.open("GET", "/?wait=1").disconnect()
    assert set(called) == {name}


def test_a_mixin_beside_the_handler() -> None:
    """Multiple inheritance with cooperative initialize."""

    class Mixin:
        def initialize(self, prefix: str, **kwargs: Any) -> None:
            super().initialize(**kwargs)  # type: ignore[misc]
            self.prefix = prefix

    class Handler(Mixin, RequestHandler):
        def get(self) -> None:
            self.write(self.prefix)

    app = Application([("/", Handler, {"prefix": "p"}), ("/dict", Handler, {"prefix": "d"})])
    assert Client(app).get("/").text == "p"
    assert Client(app).get("/dict").text == "d"


def test_init_overridden() -> None:
    class Handler(RequestHandler):
        def __init__(self, application: Any, request: Any, **kwargs: Any) -> None:
            super().__init__(application, request, **kwargs)
            self._data = {"from": "init"}

        def get(self) -> None:
            self.write(self._data)

    assert client_of(Handler).get("/").json() == {"from": "init"}


def test_write_and_finish_overridden() -> None:
    class Handler(RequestHandler):
        def write(self, chunk: Any) -> None:
            RequestHandler.write(self, {"wrapped": chunk} if isinstance(chunk, list) else chunk)

        def finish(self, chunk: Any = None) -> Any:
            self.set_header("X-Finished", "1")
            return super().finish(chunk)

        def get(self) -> None:
            self.write([1])

        def post(self) -> None:
            self.finish([2])

        def put(self) -> None:
            raise HTTPError(403)

    client = client_of(Handler)
    assert client.get("/").json() == {"wrapped": [1]}
    assert client.post("/").json() == {"wrapped": [2]}
    for method in ("GET", "POST", "PUT"):
        assert client.request(method, "/").headers["X-Finished"] == "1"


def test_flush_overridden_is_called_by_finish() -> None:
    flushed: list[bool] = []

    class Handler(RequestHandler):
        def flush(self, include_footers: bool = False) -> Any:
            flushed.append(include_footers)
            return RequestHandler.flush(self, include_footers)

        def get(self) -> None:
            self.write("x")

    response = client_of(Handler).get("/")
    assert (response.body, response.headers["Content-Length"]) == (b"x", "1")
    assert "Etag" in response.headers
    assert flushed == [True]


def test_the_transport_of_a_handler() -> None:
    class Handler(RequestHandler):
        @asynchronous
        def get(self) -> None:
            assert self.transport is self.request.connection.transport
            self.transport.setTcpNoDelay(True)
            assert self.transport.getPeer().host == "127.0.0.1"
            assert self.transport.getHost().port == 8888
            self.transport.write(b"raw bytes")
            self.transport.loseConnection()

    connection = client_of(Handler).connect()
    connection.send(GET)
    assert connection.received == b"raw bytes"
    assert connection.closed


def test_a_producer_on_the_transport() -> None:
    class Producer:
        def resumeProducing(self) -> None:
            pass

        pauseProducing = stopProducing = resumeProducing

    class Handler(RequestHandler):
        def get(self) -> None:
            transport = self.request.connection.transport
            transport.registerProducer(Producer(), True)
            transport.unregisterProducer()
            self.write("fine")

    client = client_of(Handler)
    assert client.get("/").body == b"fine"
    assert client.get("/").body == b"fine"


# --- the end of a connection ---------------------------------------------------------------------


def without_reason(self: Any) -> None:
    self.gone.append("gone")


def with_reason(self: Any, reason: Any) -> None:
    self.gone.append("gone")


def with_optional_reason(self: Any, reason: Any = None) -> None:
    self.gone.append("gone")


def with_anything(self: Any, *args: Any, **kwargs: Any) -> None:
    self.gone.append("gone")


@pytest.mark.parametrize(
    "on_connection_close", [without_reason, with_reason, with_optional_reason, with_anything]
)
@pytest.mark.parametrize("waits", [False, True])
def test_on_connection_close(on_connection_close: Callable[..., Any], waits: bool) -> None:
    gone: list[str] = []
    gate: defer.Deferred[None] = defer.Deferred()

    class Handler(RequestHandler):
        def initialize(self) -> None:
            self.gone = gone

        @asynchronous
        def get(self) -> Any:
            return gate if waits else None

    Handler.on_connection_close = on_connection_close  # type: ignore[method-assign]
    with recorded_log() as lines:
        client_of(Handler).open("GET", "/").disconnect()
    assert gone == ["gone"]
    assert problems(lines) == []


def test_the_reason_is_a_failure() -> None:
    reasons: list[Any] = []

    class Handler(RequestHandler):
        @asynchronous
        def get(self) -> None:
            pass

        def on_connection_close(self, reason: Any) -> None:  # type: ignore[override]
            reasons.append(reason)

    client_of(Handler).open("GET", "/").disconnect()
    assert isinstance(reasons[0], Failure)


def test_notify_finish_of_everything() -> None:
    fired: list[str] = []

    class Handler(RequestHandler):
        def get(self) -> None:
            for name, thing in (
                ("handler", self),
                ("request", self.request),
                ("connection", self.request.connection),
            ):
                thing.notifyFinish().addCallback(lambda result, name=name: fired.append(name))

    client_of(Handler).get("/")
    assert sorted(fired) == ["connection", "handler", "request"]


# --- the connection ------------------------------------------------------------------------------


@pytest.mark.parametrize("xheaders", [False, True])
def test_the_connection_of_a_request(xheaders: bool) -> None:
    seen: list[Any] = []

    class Handler(RequestHandler):
        def get(self) -> None:
            connection = self.request.connection
            seen.extend([connection.factory, connection.xheaders, connection.no_keep_alive])

    client = client_of(Handler, xheaders=xheaders)
    client.get("/")
    assert seen == [client.app, xheaders, False]


def test_no_keep_alive_set_on_the_connection() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.request.connection.no_keep_alive = True
            if self.get_argument("flush", None):
                self.flush()

    client = client_of(Handler)
    assert client.get("/").closed
    assert client.get("/?flush=1").closed


def test_a_protocol_class_of_the_application() -> None:
    class Limited(cyclone.httpserver.HTTPConnection):
        made = 0

        def connectionMade(self) -> None:
            Limited.made += 1
            super().connectionMade()

    class App(Application):
        protocol = Limited

    client = Client(App([("/", RequestHandler)]))
    assert client.get("/").status == 405
    assert Limited.made == 1
    assert issubclass(Limited, HTTP1Connection)


# --- errors --------------------------------------------------------------------------------------


def test_prepare_returns_a_failure() -> None:
    class Handler(RequestHandler):
        def prepare(self) -> Failure:
            return Failure(HTTPError(503))

        def get(self) -> None:
            raise AssertionError("prepare has failed")

    assert client_of(Handler).get("/").status == 503


def page_with_keywords(self: Any, status_code: int, **kwargs: Any) -> str:
    exception = kwargs.get("exception")
    text = exception.getTraceback() if exception is not None else "none"
    return f"{status_code} {text}"


def page_with_exception(self: Any, status_code: int, exception: Any = None) -> str:
    return page_with_keywords(self, status_code, exception=exception)


def page_in_time(self: Any, status_code: int, **kwargs: Any) -> defer.Deferred[str]:
    return defer.succeed(page_with_keywords(self, status_code, **kwargs))


async def page_of_a_coroutine(self: Any, status_code: int, **kwargs: Any) -> str:
    await defer.succeed(None)
    return page_with_keywords(self, status_code, **kwargs)


def page_written(self: Any, status_code: int, **kwargs: Any) -> None:
    self.write(page_with_keywords(self, status_code, **kwargs))


PAGES = [
    page_with_keywords,
    page_with_exception,
    page_in_time,
    page_of_a_coroutine,
    page_written,
]


@pytest.mark.parametrize("page", PAGES)
def test_get_error_html(page: Callable[..., Any]) -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            raise ZeroDivisionError("why")

        def post(self) -> None:
            self.send_error(404)

        def put(self) -> None:
            raise HTTPError(409)

    Handler.get_error_html = page  # type: ignore[attr-defined]
    client = client_of(Handler)
    with recorded_log():
        response = client.get("/")
    assert response.status == 500
    assert response.text.startswith("500 Traceback")
    assert "ZeroDivisionError: why" in response.text
    assert client.post("/").text == "404 none"
    assert client.put("/").text.startswith("409 ")


def test_get_error_html_that_comes_late() -> None:
    gate: defer.Deferred[str] = defer.Deferred()

    class Handler(RequestHandler):
        def get(self) -> None:
            raise HTTPError(403)

        def get_error_html(self, status_code: int, **kwargs: Any) -> defer.Deferred[str]:
            return gate

    pending = client_of(Handler).open("GET", "/")
    assert pending.connection.received == b""
    gate.callback("late page")
    assert (pending.response.status, pending.response.body) == (403, b"late page")


def test_get_error_html_that_fails() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            raise HTTPError(403)

        def get_error_html(self, status_code: int, **kwargs: Any) -> str:
            raise KeyError("no template")

    with recorded_log() as lines:
        assert client_of(Handler).get("/").status == 403
    assert "no template" in problems(lines)[0]


def test_send_error_and_write_error_overridden() -> None:
    """With a reason that may be given by position, and details of their own."""

    class Handler(RequestHandler):
        def send_error(  # type: ignore[override]
            self, status_code: int = 500, reason: str = "unknown", detail: Any = (), **kwargs: Any
        ) -> None:
            error = kwargs.get("exception")
            error = error.value if isinstance(error, Failure) else error
            if reason == "unknown" and isinstance(error, HTTPError):
                reason = error.log_message or "unknown"
            RequestHandler.send_error(
                self, status_code=status_code, reason=reason, detail=detail, **kwargs
            )

        def write_error(  # type: ignore[override]
            self, status_code: int, reason: str = "unknown", detail: Any = (), **kwargs: Any
        ) -> None:
            self.finish({"error": status_code, "reason": reason, "detail": detail})

        def get(self) -> None:
            self.send_error(400, "positional", detail={"field": 1})

        def post(self) -> None:
            raise HTTPError(409, "from the log message")

        def put(self) -> None:
            raise ZeroDivisionError

    client = client_of(Handler)
    with recorded_log():
        assert client.get("/").json() == {
            "error": 400,
            "reason": "positional",
            "detail": {"field": 1},
        }
        assert client.post("/").json()["reason"] == "from the log message"
        assert client.put("/").json()["error"] == 500


@pytest.mark.parametrize("wrap", [Failure, lambda error: error])
def test_send_error_with_an_exception(wrap: Callable[[BaseException], Any]) -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.send_error(401, exception=wrap(HTTPAuthenticationRequired(realm="here")))

        def post(self) -> None:
            self.send_error(409, exception=wrap(HTTPError(409, reason="Own Reason")))

        def put(self) -> None:
            self.send_error(500, exception=wrap(ZeroDivisionError()))

    client = client_of(Handler)
    assert client.get("/").headers["WWW-Authenticate"] == 'Basic realm="here"'
    assert client.post("/").reason == "Own Reason"
    assert client.put("/").status == 500


@pytest.mark.parametrize("as_failure", [False, True])
def test_handle_request_exception(as_failure: bool) -> None:
    seen: list[Any] = []

    class Handler(RequestHandler):
        def _handle_request_exception(self, e: Any) -> None:
            seen.append(e)
            error = e.value if isinstance(e, Failure) else e
            if isinstance(error, KeyError):
                self.set_status(404)
                self.finish("handled")
            else:
                super()._handle_request_exception(Failure(error) if as_failure else error)

        def get(self) -> None:
            raise KeyError("x")

        @defer.inlineCallbacks
        def post(self) -> Generator[Any, Any, None]:
            yield defer.succeed(None)
            raise HTTPError(409)

        async def prepare(self) -> None:
            if self.get_argument("fail", None):
                raise HTTPError(402)

    client = client_of(Handler)
    response = client.get("/")
    assert (response.status, response.body) == (404, b"handled")
    assert client.post("/").status == 409
    assert client.post("/?fail=1").status == 402
    assert len(seen) == 3


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


# --- _execute ------------------------------------------------------------------------------------


def test_execute_overridden() -> None:
    """Server-sent events of old: the response is written by hand."""
    gone: list[str] = []

    class Events(RequestHandler):
        def _execute(self, transforms: Any, *args: Any, **kwargs: Any) -> None:
            self._transforms = []
            self.set_header("Content-Type", "text/event-stream")
            self.set_header("Connection", "keep-alive")
            self.flush()
            self.notifyFinish().addCallback(self.on_connection_closed)
            self.bind(*args, **kwargs)

        def bind(self, name: str) -> None:
            self.write(f"data: {name}\n\n")
            self.flush()

        def on_connection_closed(self, *args: Any, **kwargs: Any) -> None:
            gone.append("gone")

    client = Client(Application([(r"/(\w+)", Events)]))
    pending = client.open("GET", "/room")
    assert pending.headers["Content-Type"] == "text/event-stream"
    assert pending.received == b"data: room\n\n"
    assert not pending.complete
    pending.disconnect()
    assert gone == ["gone"]


def test_execute_extended() -> None:
    class Handler(RequestHandler):
        def _execute(self, transforms: Any, *args: Any, **kwargs: Any) -> Any:
            if self.request.headers.get("X-Secret") != "1":
                self._transforms = transforms
                self._handle_request_exception(HTTPError(403))
                return None
            return RequestHandler._execute(self, transforms, *args, **kwargs)

        async def get(self, word: str) -> None:
            self.write(word)

    client = Client(Application([(r"/(\w+)", Handler)]))
    assert client.get("/x").status == 403
    assert client.get("/x", headers={"X-Secret": "1"}).text == "x"


def test_execute_wrapped_for_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracers replace methods of the base class and call the old ones."""
    spans: list[str] = []

    def traced(name: str) -> None:
        original = getattr(RequestHandler, name)

        def wrapper(self: RequestHandler, *args: Any, **kwargs: Any) -> Any:
            spans.append(f"{name} {self.request.method}")
            return original(self, *args, **kwargs)

        monkeypatch.setattr(RequestHandler, name, wrapper)

    class Handler(RequestHandler):
        def get(self) -> None:
            self.write("x")

        async def post(self) -> None:
            raise HTTPError(409)

    client = client_of(Handler)
    for name in ("_execute", "_handle_request_exception", "on_finish"):
        traced(name)
    assert client.get("/").status == 200
    assert client.post("/").status == 409
    assert spans == [
        "_execute GET",
        "on_finish GET",
        "_execute POST",
        "_handle_request_exception POST",
        "on_finish POST",
    ]


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
