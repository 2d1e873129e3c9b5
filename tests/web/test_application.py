"""Applications: routes, hosts, settings, the way to a handler and to the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.interfaces import IListeningPort

from cyclone.http1 import Limits
from cyclone.httputil import HTTPHeaders, HTTPServerRequest, ParseBodyConfig, ParseMultipartConfig
from cyclone.testing import Client
from cyclone.util import ObjectDict
from cyclone.web import Application, ErrorHandler, HTTPError, RequestHandler, URLSpec, url

from .support import client_of, problems, recorded_log


class Say(RequestHandler):
    """Says what its route tells it to."""

    def initialize(self, word: str = "default") -> None:
        self.word = word

    def get(self, *args: Any, **kwargs: Any) -> None:
        self.write(f"{self.word} {args or kwargs or ''}".strip())


DOTTED = f"{__name__}.Say"

# --- routes --------------------------------------------------------------------------------------

ROUTES: list[tuple[Any, str, str]] = [
    # route, path, body
    (("/", Say), "/", "default"),
    (["/", Say, {"word": "list"}], "/", "list"),
    (("/a", Say, {"word": "tuple"}, "name"), "/a", "tuple"),
    (URLSpec("/a", Say, {"word": "spec"}), "/a", "spec"),
    (url("/a", Say, {"word": "url"}, name="x"), "/a", "url"),
    (("/a", DOTTED), "/a", "default"),
    (("/a", DOTTED, {"word": "dotted"}), "/a", "dotted"),
    ((r"/(\w+)/(\d+)", Say), "/x/1", "default ('x', '1')"),
    ((r"/(?P<name>\w+)", Say), "/x", "default {'name': 'x'}"),
]


@pytest.mark.parametrize(("route", "path", "body"), ROUTES)
def test_routes(route: Any, path: str, body: str) -> None:
    client = Client(Application([route]))
    response = client.get(path)
    assert (response.status, response.text) == (200, body)
    assert client.get(path + "/more").status == 404


def test_the_first_match_wins() -> None:
    routes = [
        ("/a.*", Say, {"word": "first"}),
        ("/ab", Say, {"word": "second"}),
        ("/.*", Say, {"word": "last"}),
    ]
    client = Client(Application(routes))
    assert [client.get(path).text for path in ("/ab", "/b", "/")] == ["first", "last", "last"]


@pytest.mark.parametrize("handlers", [None, [], ()])
def test_an_application_without_routes(handlers: Any) -> None:
    client = Client(Application(handlers))
    assert client.get("/").status == 404
    client.app.add_handlers(".*", [("/", Say)])
    assert client.get("/").status == 200


def test_a_dotted_name_that_leads_nowhere() -> None:
    with pytest.raises(ImportError):
        Application([("/", "no_such_module.Handler")])


@pytest.mark.parametrize("route", ["/", ("/",), ("/", Say, {}, "name", "more"), None])
def test_what_is_no_route(route: Any) -> None:
    with pytest.raises(TypeError, match="a route is"):
        Application([route])


# --- targets -------------------------------------------------------------------------------------


class Target(RequestHandler):
    """Tells what was asked for."""

    def get(self) -> None:
        request = self.request
        self.write(f"{request.path} {request.query} {request.host} {request.full_url()}")

    options = get


TARGETS = [
    ("/a?b=c", "/a b=c a http://a/a?b=c"),
    ("http://x:8/a?b=c", "/a b=c x:8 http://x:8/a?b=c"),
    ("http://x", "/  x http://x/"),
    ("HTTP://x?q", "/ q x http://x/?q"),
]


@pytest.mark.parametrize(("target", "body"), TARGETS)
def test_targets(target: str, body: str) -> None:
    connection = client_of(Target).connect()
    connection.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    (response,) = connection.responses()
    assert bytes(response.body).decode() == body


def test_options_of_the_server() -> None:
    client = client_of(Target)
    response = client.options("*")
    assert (response.status, response.body) == (204, b"")
    assert response.headers["Allow"] == "GET, HEAD, POST, DELETE, PATCH, PUT, OPTIONS"


def test_a_route_may_answer_for_the_server() -> None:
    client = Client(Application([(r"\*", Target)]))
    assert client.options("*").status == 200


# --- methods -------------------------------------------------------------------------------------


class Custom(RequestHandler):
    """Knows methods of its own."""

    SUPPORTED_METHODS = (*RequestHandler.SUPPORTED_METHODS, "PROPFIND", "REPORT")

    def get(self) -> None:
        self.write(self.request.method)

    propfind = get


class Fewer(RequestHandler):
    """Knows fewer methods."""

    SUPPORTED_METHODS = ("GET",)

    def get(self) -> None:
        self.write("got")

    def post(self) -> None:
        raise AssertionError("not supported")


class Default(RequestHandler):
    """Has cyclone 1.x's default()."""

    def get(self, *args: str) -> None:
        self.write("get")

    def default(self, *args: str) -> None:
        self.write(f"default {self.request.method} {args}")


METHODS = [
    # handler, method, status, Allow or body
    (Custom, "GET", 200, "GET"),
    (Custom, "PROPFIND", 200, "PROPFIND"),
    (Custom, "REPORT", 405, "GET, PROPFIND"),
    (Custom, "POST", 405, "GET, PROPFIND"),
    (Custom, "TRACE", 405, "GET, PROPFIND"),
    (Custom, "FOO", 501, None),
    (Custom, "get", 501, None),
    (Custom, "INITIALIZE", 501, None),
    (Fewer, "GET", 200, "got"),
    (Fewer, "POST", 405, "GET"),
    (Fewer, "TRACE", 405, "GET"),
    (Fewer, "OPTIONS", 405, "GET"),
    (Default, "GET", 200, "get"),
    (Default, "POST", 200, "default POST ()"),
    (Default, "OPTIONS", 200, "default OPTIONS ()"),
    (Default, "TRACE", 405, "GET, HEAD, POST, DELETE, PATCH, PUT, OPTIONS"),
    (Default, "PROPFIND", 501, None),
]


@pytest.mark.parametrize(("handler", "method", "status", "said"), METHODS)
def test_methods(handler: type[RequestHandler], method: str, status: int, said: str | None) -> None:
    response = client_of(handler).request(method, "/")
    assert response.status == status
    if status == 200:
        assert response.text == said
    else:
        assert response.headers.get("Allow") == said
        assert not response.closed


@pytest.mark.parametrize("method", ["GET", "POST", "PROPFIND", "FOO"])
def test_an_unknown_path_is_a_404_for_all_methods(method: str) -> None:
    status = 404 if method in RequestHandler.SUPPORTED_METHODS else 501
    assert Client(Application()).request(method, "/").status == status


def test_head_is_a_method_of_its_own() -> None:
    response = client_of(Fewer).head("/")
    assert (response.status, response.body) == (405, b"")


# --- hosts ---------------------------------------------------------------------------------------


def hosts(default_host: str | None = None) -> Client:
    app = Application([("/", Say, {"word": "any"}), ("/x", Say, {"word": "any"})], default_host)
    app.add_handlers(r"one\.example", [("/", Say, {"word": "one"})])
    app.add_handlers(r".*\.example", [("/", Say, {"word": "other"}), ("/o", Say, {"word": "o"})])
    return Client(app)


HOSTS = [
    # default host, host, path, fields, body; None: 404
    (None, "one.example", "/", {}, "one"),
    (None, "ONE.Example:8888", "/", {}, "one"),
    (None, "two.example", "/", {}, "other"),
    (None, "one.example", "/o", {}, "o"),
    (None, "one.example", "/x", {}, "any"),
    (None, "elsewhere", "/", {}, "any"),
    (None, "elsewhere", "/o", {}, None),
    (None, "xone.example.evil", "/o", {}, None),
    ("two.example", "elsewhere", "/o", {}, "o"),
    ("two.example", "elsewhere", "/", {}, "any"),
    ("two.example", "elsewhere", "/o", {"X-Real-Ip": "1.2.3.4"}, None),
]


@pytest.mark.parametrize(("default", "host", "path", "fields", "body"), HOSTS)
def test_hosts(
    default: str | None, host: str, path: str, fields: dict[str, str], body: str | None
) -> None:
    response = hosts(default).get(path, host=host, headers=fields)
    assert (response.status, response.text if body else None) == (200 if body else 404, body)


def test_the_default_host_may_change() -> None:
    client = hosts("two.example")
    assert client.app.default_host == "two.example"
    client.app.default_host = None
    assert client.get("/o", host="elsewhere").status == 404


def test_the_target_names_the_host() -> None:
    connection = hosts().connect()
    connection.send(b"GET http://one.example/ HTTP/1.1\r\nHost: elsewhere\r\n\r\n")
    assert bytes(connection.responses()[0].body) == b"one"


def test_old_clients_name_no_host() -> None:
    connection = hosts().connect()
    connection.send(b"GET / HTTP/1.0\r\n\r\n")
    assert bytes(connection.responses()[0].body) == b"any"


# --- reverse_url ---------------------------------------------------------------------------------


def test_reverse_url() -> None:
    class Handler(RequestHandler):
        def get(self, *args: str) -> None:
            self.write(self.reverse_url("item", "a b", 5) + " ")
            self.write(self.reverse_url("root", page=2, q="x y"))

    app = Application([("/", Handler, {}, "root"), (r"/i/([^/]+)/(\d+)", Handler, {}, "item")])
    app.add_handlers("host", [("/there", Handler, {}, "there")])
    assert Client(app).get("/").text == "/i/a%20b/5 /?page=2&q=x+y"
    assert app.reverse_url("there") == "/there"
    with pytest.raises(KeyError, match="nowhere"):
        app.reverse_url("nowhere")
    with pytest.raises(ValueError):
        app.reverse_url("item", "too few")


# --- what answers where nothing matches ----------------------------------------------------------


class Lost(RequestHandler):
    """Answers unknown paths."""

    def initialize(self, word: str = "lost") -> None:
        self.word = word

    def prepare(self) -> None:
        self.set_status(404)
        self.finish(f"{self.word} {self.request.path}")


class Page(ErrorHandler):
    """cyclone 1.x's custom error page."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.finish(f"page {status_code}")


WITHOUT_MATCH: list[tuple[dict[str, Any], str]] = [
    ({"error_handler": Lost}, "lost /nowhere"),
    ({"error_handler": Page}, "page 404"),
    ({"default_handler_class": Lost}, "lost /nowhere"),
    ({"default_handler_class": Lost, "default_handler_args": {"word": "gone"}}, "gone /nowhere"),
    ({"default_handler_class": Page, "default_handler_args": {"status_code": 404}}, "page 404"),
    ({"error_handler": Lost, "default_handler_class": Page}, "lost /nowhere"),
]


@pytest.mark.parametrize(("arguments", "body"), WITHOUT_MATCH)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_answers_unknown_paths(arguments: dict[str, Any], body: str, method: str) -> None:
    response = Client(Application([("/", Say)], **arguments)).request(method, "/nowhere")
    assert (response.status, response.text) == (404, body)


def test_unknown_paths_by_default() -> None:
    response = Client(Application([("/", Say)])).get("/<script>")
    assert (response.status, response.reason) == (404, "Not Found")
    assert b"<script>" not in response.body


# --- settings ------------------------------------------------------------------------------------


def test_settings_have_attributes() -> None:
    app = Application(color="red", nested={"a": 1})
    assert isinstance(app.settings, ObjectDict)
    assert app.settings.color == app.settings["color"] == "red"  # type: ignore[attr-defined]
    app.settings["color"] = "blue"
    assert client_of_setting(app) == "blue"
    with pytest.raises(AttributeError):
        app.settings.missing  # type: ignore[attr-defined]  # noqa: B018


def client_of_setting(app: Application) -> str:
    class Handler(RequestHandler):
        def get(self) -> None:
            assert self.settings is self.application.settings is app.settings
            self.write(self.settings["color"])

    app.add_handlers(".*", [("/color", Handler)])
    return Client(app).get("/color").text


def test_require_setting() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            for name in ("missing", "empty", "zero"):
                with pytest.raises(Exception, match=f"'{name}' setting .* to use feature"):
                    self.require_setting(name, "feature")
            self.require_setting("there")
            with pytest.raises(Exception, match="to use this feature"):
                self.require_setting("missing")
            self.write("fine")

    assert client_of(Handler, there=1, empty="", zero=0).get("/").body == b"fine"


def test_debug_sets_serve_traceback() -> None:
    assert Application(debug=True).settings["serve_traceback"] is True
    assert Application(debug=True, serve_traceback=False).settings["serve_traceback"] is False
    assert "serve_traceback" not in Application().settings


def test_the_parse_config_of_an_application() -> None:
    class Handler(RequestHandler):
        def post(self) -> None:
            self.write(str(len(self.request.files)))

    config = ParseBodyConfig(multipart=ParseMultipartConfig(max_parts=2))
    client = client_of(Handler, parse_body_config=config)
    files = dict.fromkeys("abc", b"x")
    assert client.post("/", files={"a": b"x"}).body == b"1"
    assert client.post("/", files=files).status == 400
    assert client_of(Handler).post("/", files=files).body == b"3"


# --- limits --------------------------------------------------------------------------------------


def test_limits_come_from_settings() -> None:
    app = Application(max_body_size=5, header_timeout=None, no_keep_alive=1, unknown="x")
    assert app.limits == Limits(max_body_size=5, header_timeout=None, no_keep_alive=True)
    assert Application().limits == Limits()
    assert Application(max_body_size=None, max_header_count=None).limits == Limits()
    assert Application(body_min_rate=None, linger_timeout=None).limits == Limits(
        body_min_rate=0, linger_timeout=0
    )
    assert Application(body_min_rate=0.5).limits.body_min_rate == 0.5


WRONG = [
    ("max_body_size", "100"),
    ("max_body_size", 1.5),
    ("max_body_size", -1),
    ("max_body_size", True),
    ("max_header_size", "64k"),
    ("max_header_count", [1]),
    ("header_timeout", "5"),
    ("header_timeout", -0.1),
    ("header_timeout", False),
    ("write_buffer_policy", "ignore"),
    ("write_buffer_policy", None),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_limits_of_the_wrong_type_are_refused_at_once(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"setting {name} must be"):
        Application(**{name: value})


def test_no_keep_alive_for_the_server() -> None:
    response = client_of(Say, no_keep_alive=True).get("/")
    assert (response.closed, response.headers["Connection"]) == (True, "close")


@pytest.mark.parametrize("size", [0, 5])
def test_transforms_are_made_for_each_request(size: int) -> None:
    made: list[HTTPServerRequest] = []

    class Transform:
        def __init__(self, request: HTTPServerRequest) -> None:
            made.append(request)

        def transform_first_chunk(self, *args: Any) -> tuple[Any, ...]:
            return args[:3]

        def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
            return chunk

    app = Application([("/", Say)], None, [Transform] * size)
    app.add_transform(Transform)
    client = Client(app)
    client.get("/")
    client.get("/nowhere")
    assert [request.path for request in made] == ["/"] * (size + 1) + ["/nowhere"] * (size + 1)


# --- called --------------------------------------------------------------------------------------


class Sink:
    """A connection that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[Any] = []
        self.no_keep_alive = False
        self.head = type("Head", (), {"conditional": False})()

    def respond(self, *args: Any) -> None:
        self.written.append(args)


def test_an_application_is_called_with_a_request() -> None:
    request = HTTPServerRequest("GET", "/x", headers=HTTPHeaders({"Host": "a"}), connection=Sink())
    handler = Application([("/x", Say, {"word": "called"})])(request)
    assert isinstance(handler, Say)
    assert handler.get_status() == 200
    status, _, _, body = request.connection.written[0]
    assert (status, body) == (200, b"called")


def test_an_application_is_called_with_a_request_for_nothing() -> None:
    request = HTTPServerRequest("GET", "/x", connection=Sink())
    handler = Application()(request)
    assert isinstance(handler, ErrorHandler)
    assert request.connection.written[0][0] == 404


# --- the log -------------------------------------------------------------------------------------


def test_access_lines() -> None:
    class Handler(RequestHandler):
        def get(self, status: str) -> None:
            if int(status) >= 400:
                raise HTTPError(int(status))
            self.set_status(int(status))

    client = Client(Application([(r"/(\d+)", Handler)]))
    with recorded_log() as lines:
        for status in (200, 304, 404, 500):
            client.get(f"/{status}?q=1")
    access = [line for line in lines if line.log == "cyclone.access"]
    assert [line.level for line in access] == ["info", "info", "warn", "error"]
    assert [line.text.split(" ")[:4] for line in access] == [
        [str(status), "GET", f"/{status}?q=1", "(127.0.0.1)"] for status in (200, 304, 404, 500)
    ]


def log_with_setting(seen: list[Any]) -> Application:
    return Application([("/", Say)], log_function=seen.append)


def log_with_method(seen: list[Any]) -> Application:
    class Logging(Application):
        def log_request(self, handler: RequestHandler) -> None:
            seen.append(handler)

    return Logging([("/", Say)])


@pytest.mark.parametrize("make", [log_with_setting, log_with_method])
def test_the_log_is_the_applications(make: Callable[[list[Any]], Application]) -> None:
    seen: list[RequestHandler] = []
    client = Client(make(seen))
    with recorded_log() as lines:
        client.get("/")
        client.get("/nowhere")
        client.head("/")
    assert [handler.get_status() for handler in seen] == [200, 404, 405]
    assert [line for line in lines if line.log == "cyclone.access"] == []


def test_who_leaves_is_not_logged() -> None:
    class Handler(RequestHandler):
        _auto_finish = False

        def get(self) -> None:
            pass

    seen: list[Any] = []
    client_of(Handler, log_function=seen.append).open("GET", "/").disconnect()
    assert seen == []


def test_what_goes_well_logs_one_line() -> None:
    with recorded_log() as lines:
        client_of(Say).get("/")
    assert [line.log for line in lines] == ["cyclone.access"]
    assert problems(lines) == []


async def test_a_port_that_listen_returns_can_be_stopped_in_both_ways() -> None:
    app = Application()
    port = app.listen(0, "127.0.0.1")
    assert IListeningPort.providedBy(port)
    assert port.getHost().port
    await port.stop()
    other = app.listen(0, "127.0.0.1")
    await other.stopListening()
