"""What applications written for cyclone 1.x rely on: names, handlers, connections.

Each test does what one or more published applications do.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest
from twisted.internet import defer
from twisted.python.failure import Failure

import cyclone.httpserver
import cyclone.httputil
import cyclone.web
from cyclone.http1 import HTTP1Connection
from cyclone.testing import Client
from cyclone.web import (
    Application,
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
