"""Applications of functions, in memory."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, inlineCallbacks, succeed
from twisted.internet.task import Clock, deferLater

import cyclone.bottle
from cyclone.bottle import Bottle
from cyclone.testing import Client
from cyclone.web import ErrorHandler, HTTPError, RequestHandler, authenticated


@pytest.fixture
def app() -> Bottle:
    return Bottle()


# --- what functions return -----------------------------------------------------------------------


async def coroutine(web: RequestHandler) -> Any:
    return await succeed({"a": 1})


@inlineCallbacks
def inline(web: RequestHandler) -> Generator[Any, Any, Any]:
    web.write("before ")
    value = yield succeed("after")
    return value


def pieces(web: RequestHandler) -> Generator[Any, Any, Any]:
    yield "a "
    value = yield succeed("waited for ")
    yield value
    try:
        yield fail(KeyError("x"))
    except KeyError:
        yield b"caught "
    return "end"


async def asynchronous_pieces(web: RequestHandler) -> AsyncGenerator[Any, None]:
    yield "a "
    await succeed(None)
    yield b"b"


def no_pieces(web: RequestHandler) -> Generator[Any, Any, Any]:
    return
    yield


async def finishes(web: RequestHandler) -> None:
    await succeed(None)
    return await web.finish("over")


RETURNED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda web: "text é", "text é"),
    (lambda web: b"bytes", "bytes"),
    (lambda web: {"a": [1]}, '{"a": [1]}'),
    (lambda web: None, ""),
    (lambda web: "", ""),
    (lambda web: web.write("written"), "written"),
    (lambda web: web.finish("over"), "over"),
    (lambda web: succeed("deferred"), "deferred"),
    (lambda web: succeed(None), ""),
    (coroutine, '{"a": 1}'),
    (inline, "before after"),
    (finishes, "over"),
    (pieces, "a waited for caught end"),
    (asynchronous_pieces, "a b"),
    (no_pieces, ""),
    (lambda web: succeed(pieces(web)), "a waited for caught end"),
]


@pytest.mark.parametrize(("function", "body"), RETURNED)
def test_what_is_returned_is_written(app: Bottle, function: Any, body: str) -> None:
    app.route("/", callback=function)
    response = Client(app.create_app()).get("/")
    assert (response.status, response.text) == (200, body)


def test_what_cannot_be_written_is_an_error_of_the_server(app: Bottle) -> None:
    app.route("/", callback=lambda web: 7)
    assert Client(app.create_app()).get("/").status == 500


def numbers(ended: list[str]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Two functions without an end, one of them asynchronous, that say when they were ended."""

    def plain(web: RequestHandler) -> Generator[str, Any, None]:
        try:
            for number in itertools.count():
                yield f"{number} "
                yield deferLater(web.application.clock, 1)
        finally:
            ended.append("plain")

    async def asynchronous(web: RequestHandler) -> AsyncGenerator[str, None]:
        try:
            for number in itertools.count():
                yield f"{number} "
                await deferLater(web.application.clock, 1)
        finally:
            ended.append("asynchronous")

    return plain, asynchronous


def test_pieces_are_sent_as_they_come_until_the_client_goes(app: Bottle) -> None:
    ended: list[str] = []
    for function in numbers(ended):
        app.route(callback=function)
    clock = Clock()
    client = Client(app.create_app(), clock=clock)
    for name in ("plain", "asynchronous"):
        pending = client.open("GET", f"/{name}")
        clock.advance(1)
        assert pending.received == b"0 1 "
        pending.connection.disconnect()
        clock.advance(1)
        assert ended.pop() == name


def test_head_does_not_wait_for_pieces(app: Bottle) -> None:
    ended: list[str] = []
    for function in numbers(ended):
        app.route(callback=function)
    client = Client(app.create_app())
    for name in ("plain", "asynchronous"):
        response = client.head(f"/{name}")
        assert (response.status, response.body) == (200, b"")
        assert ended.pop() == name


def test_a_piece_that_cannot_be_written_is_an_error_of_the_server(app: Bottle) -> None:
    app.route("/", callback=lambda web: (7 for _ in "x"))
    assert Client(app.create_app()).get("/").status == 500


def test_redirecting(app: Bottle) -> None:
    app.route("/", callback=lambda web: web.redirect("/there"))
    response = Client(app.create_app()).get("/", follow_redirects=False)
    assert (response.status, response.headers["Location"]) == (302, "/there")


# --- routes --------------------------------------------------------------------------------------


def test_methods_of_one_path_are_functions_of_their_own(app: Bottle) -> None:
    @app.route("/thing/<number:int>")
    def show(web: RequestHandler, number: int) -> str:
        return f"show {number!r}"

    @app.post("/thing/<number:int>")
    def change(web: RequestHandler, number: int) -> str:
        return f"change {number!r}"

    @app.route("/thing/<number:int>", method=["PUT", "patch"])
    def replace(web: RequestHandler, number: int) -> str:
        return f"{web.request.method} {number!r}"

    client = Client(app.create_app())
    assert client.get("/thing/1").text == "show 1"
    assert client.post("/thing/2").text == "change 2"
    assert client.put("/thing/3").text == "PUT 3"
    assert client.patch("/thing/4").text == "PATCH 4"
    head = client.head("/thing/1")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "6")
    refused = client.delete("/thing/1")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, POST, PATCH, PUT")


def test_any_method(app: Bottle) -> None:
    app.route("/", "any", lambda web: web.request.method)
    client = Client(app.create_app())
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert client.request(method, "/").text == method


def test_shortcuts(app: Bottle) -> None:
    for method in ("get", "post", "put", "patch", "delete"):
        getattr(app, method)("/", name=method)(lambda web: web.request.method)
    client = Client(app.create_app())
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert client.request(method, "/").text == method


def test_groups_of_regular_expressions_come_by_position(app: Bottle) -> None:
    app.route(r"/(\w+)/(\d+)", callback=lambda web, *groups: repr(groups))
    assert Client(app.create_app()).get("/a/1").text == "('a', '1')"


def test_a_function_without_a_path_is_at_its_name(app: Bottle) -> None:
    @app.route
    def status(web: RequestHandler) -> str:
        return "fine"

    @app.route()
    def version(web: RequestHandler) -> str:
        return "2"

    client = Client(app.create_app())
    assert client.get("/status").text == "fine"
    assert client.get("/version").text == "2"
    assert status(None) == "fine"  # type: ignore[arg-type]  # the function is what it was


def test_names_make_urls(app: Bottle) -> None:
    app.route("/user/<id:int>", name="user", callback=lambda web, id: web.reverse_url("user", 7))
    assert Client(app.create_app()).get("/user/1").text == "/user/7"
    app.route("/größe/<n>", name="n", callback=lambda web, n: web.reverse_url("n", "ö"))
    assert Client(app.create_app()).get("/gr%C3%B6%C3%9Fe/1").text == "/gr%C3%B6%C3%9Fe/%C3%B6"


def test_more_handlers_come_last_and_take_the_base_class_of_theirs(app: Bottle) -> None:
    class Base(RequestHandler):
        def set_default_headers(self) -> None:
            self.set_header("X-Base", "yes")

    app.route("/", callback=lambda web: type(web).__name__)
    more = [
        ("/", ErrorHandler, {"status_code": 500}),
        ("/gone", ErrorHandler, {"status_code": 410}),
    ]
    client = Client(app.create_app(base_handler=Base, more_handlers=more))
    assert client.get("/").headers["X-Base"] == "yes"
    assert client.get("/gone").status == 410
    assert "X-Base" not in client.get("/gone").headers
    assert client.get("/unknown").headers["X-Base"] == "yes"


def test_settings_of_the_object_and_of_the_call(app: Bottle) -> None:
    app = Bottle(a=1, b=2, port=1, host="h", reload=True, log=None)
    application = app.create_app(b=3, reactor="select")
    assert {name: application.settings.get(name) for name in ("a", "b", "port", "reactor")} == {
        "a": 1, "b": 3, "port": None, "reactor": None,
    }  # fmt: skip


def test_two_functions_for_one_method_are_refused(app: Bottle) -> None:
    def one(web: RequestHandler) -> None: ...

    def two(web: RequestHandler) -> None: ...

    app.route("/", callback=one)
    app.route("/", callback=one)
    with pytest.raises(ValueError, match=r"GET / leads to .*one already.*cannot lead to .*two"):
        app.route("/", "any", two)


def test_a_method_that_does_not_exist_is_refused(app: Bottle) -> None:
    with pytest.raises(ValueError, match="'trace' is no method; there are any, get, head"):
        app.route("/", method="TRACE")


def test_authenticated_functions(app: Bottle) -> None:
    class Base(RequestHandler):
        def get_current_user(self) -> str | None:
            return self.get_argument("user", None)

    @app.get("/")
    @authenticated
    def index(web: RequestHandler) -> str:
        return f"hello, {web.current_user}"

    client = Client(app.create_app(base_handler=Base, login_url="/login"))
    assert client.get("/?user=ann").text == "hello, ann"
    assert client.get("/", follow_redirects=False).status == 302


# --- errors --------------------------------------------------------------------------------------


@pytest.fixture
def failing(app: Bottle) -> Bottle:
    def fail(web: RequestHandler, status: int) -> None:
        raise HTTPError(status, reason="Because")

    app.route("/fail/<status:int>", callback=fail)
    return app


def test_errors_have_functions(failing: Bottle) -> None:
    @failing.error(404)
    async def not_found(web: RequestHandler, error: HTTPError) -> dict[str, Any]:
        return {"missing": web.request.path, "status": error.status_code}

    @failing.error()
    def others(web: RequestHandler, error: HTTPError) -> str:
        return f"{error.status_code} {error.reason}"

    client = Client(failing.create_app())
    expected = {"missing": "/nowhere", "status": 404}
    assert (client.get("/nowhere").status, client.get("/nowhere").json()) == (404, expected)
    assert client.get("/fail/404").json()["missing"] == "/fail/404"
    teapot = client.get("/fail/418")
    assert (teapot.status, teapot.reason, teapot.text) == (418, "Because", "418 Because")
    assert client.post("/fail/418").text.startswith("405")


def test_errors_without_a_function_are_those_of_the_base_class(failing: Bottle) -> None:
    class Base(RequestHandler):
        def prepare(self) -> None:
            self.set_header("X-Prepared", "yes")

        def write_error(self, status_code: int, **kwargs: Any) -> None:
            self.write(f"base {status_code}")

    failing.error(410)(lambda web, error: "gone")
    client = Client(failing.create_app(base_handler=Base))
    assert client.get("/fail/410").text == "gone"
    assert client.get("/fail/409").text == "base 409"
    assert client.get("/nowhere").text == "base 404"


def test_send_error_has_no_exception_and_gets_one(failing: Bottle) -> None:
    failing.error()(lambda web, error: repr(error.status_code))
    failing.route("/sent", callback=lambda web: web.send_error(503))
    assert Client(failing.create_app()).get("/sent").text == "503"


def test_a_value_that_a_converter_refuses_is_not_found(app: Bottle) -> None:
    app.route("/<x:float>", callback=lambda web, x: repr(x))
    client = Client(app.create_app())
    assert client.get("/1.5").text == "1.5"
    assert client.get("/%31.5").status == 404  # encoded digits are no digits


def test_a_handler_for_unknown_paths_may_be_set(app: Bottle) -> None:
    application = app.create_app(
        default_handler_class=ErrorHandler, default_handler_args={"status_code": 410}
    )
    assert Client(application).get("/").status == 410


# --- the module's own application ----------------------------------------------------------------


@pytest.fixture
def module() -> Iterator[Any]:
    import cyclone.bottle.module as module

    importlib.reload(module)
    yield importlib.reload(cyclone.bottle)
    importlib.reload(module)
    importlib.reload(cyclone.bottle)


def test_a_module_is_an_application(module: Any) -> None:
    @module.route("/")
    def index(web: RequestHandler) -> str:
        return "hello"

    @module.error(404)
    def not_found(web: RequestHandler, error: HTTPError) -> str:
        return "nothing"

    client = Client(module.create_app())
    assert client.get("/").text == "hello"
    assert client.get("/x").text == "nothing"


def test_an_error_that_comes_late_is_an_error_of_the_server(app: Bottle) -> None:
    waiting: Deferred[Any] = Deferred()
    app.route("/", callback=lambda web: waiting)
    pending = Client(app.create_app()).open("GET", "/")
    waiting.errback(HTTPError(409))
    assert pending.response.status == 409
