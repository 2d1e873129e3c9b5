"""The life of a request: initialize, prepare, the method."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, inlineCallbacks, succeed
from twisted.python.failure import Failure

from cyclone.web import (
    Finish,
    HTTPError,
    RequestHandler,
)

from .methods import METHODS, WHOLE_LIFE, coroutine, plain, with_get
from .support import GET, Noting, Stage, client_of, connection_to, problems, recorded_log

# --- order ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_order_when_nothing_waits(method: Callable[..., Any]) -> None:
    stage = Stage(with_get(method))
    stage.open_gate()
    response = stage.client.get("/")
    assert (response.status, response.body) == (200, b"done")
    assert stage.notes == WHOLE_LIFE


@pytest.mark.parametrize(
    "method",
    [method for name, method in METHODS.items() if name != "plain"],
    ids=[name for name in METHODS if name != "plain"],
)
def test_order_when_the_method_waits(method: Callable[..., Any]) -> None:
    stage = Stage(with_get(method))
    pending = stage.client.open("GET", "/")
    assert pending.connection.received == b""
    assert stage.notes == WHOLE_LIFE[:-1]
    stage.open_gate()
    assert (pending.response.status, pending.response.body) == (200, b"done")
    assert stage.notes == WHOLE_LIFE


def test_an_asynchronous_generator_is_an_error() -> None:
    """It comes of ``async def`` put in front of what inlineCallbacks ran, with its yields left."""

    class Handler(Noting):
        async def get(self) -> AsyncGenerator[Any, Any]:
            self.write((yield self.gate))

    with recorded_log() as log:
        assert Stage(Handler).client.get("/").status == 500
    assert re.search("object async_generator|'async_generator' object", log[0].text)


def test_a_plain_generator_is_run_with_a_warning() -> None:
    """cyclone 1.x did that when inlineCallbacks was forgotten."""

    class Handler(Noting):
        def get(self) -> Generator[Any, Any, None]:
            self.notes.append("get")
            value = yield self.gate
            self.write(value)

    stage = Stage(Handler)
    with pytest.warns(RuntimeWarning, match=r"get is a plain generator: decorate it with inline"):
        pending = stage.client.open("GET", "/")
    stage.open_gate("late")
    assert pending.response.body == b"late"
    assert stage.notes == WHOLE_LIFE


@pytest.mark.parametrize("result", ["text", 0, b"bytes", [1], object()])
def test_other_results_mean_nothing(result: object) -> None:
    class Handler(RequestHandler):
        def get(self) -> object:
            self.write("written")
            return result

    assert client_of(Handler).get("/").body == b"written"


def test_a_failure_as_result_is_raised() -> None:
    class Handler(RequestHandler):
        def get(self) -> Failure:
            return Failure(HTTPError(409))

    assert client_of(Handler).get("/").status == 409


def test_the_next_request_waits_for_the_response() -> None:
    stage = Stage(with_get(coroutine))
    connection = stage.client.connect()
    connection.send(GET + GET)
    assert stage.notes == WHOLE_LIFE[:-1]
    stage.open_gate()
    assert stage.notes == WHOLE_LIFE  # others get their turn first
    connection.advance(0)
    assert [bytes(response.body) for response in connection.responses()] == [b"done"] * 2
    assert stage.notes == WHOLE_LIFE * 2


# --- initialize ----------------------------------------------------------------------------------


def test_initialize_gets_the_arguments_of_the_route() -> None:
    class Mixin:
        def initialize(self, color: str, **kwargs: Any) -> None:
            self.color = color
            super().initialize(**kwargs)  # type: ignore[misc]

    class Handler(Mixin, RequestHandler):
        def get(self) -> None:
            self.write(self.color)

    client = client_of(Handler)
    client.app.add_handlers(".*", [("/red", Handler, {"color": "red"})])
    assert client.get("/red").body == b"red"


@pytest.mark.parametrize(
    ("arguments", "error"), [({"wrong": 1}, TypeError), ({"right": 0}, ZeroDivisionError)]
)
def test_initialize_that_raises(arguments: dict[str, Any], error: type[Exception]) -> None:
    class Handler(RequestHandler):
        def initialize(self, right: int = 1) -> None:
            self.value = 1 / right

        def get(self) -> None:
            self.write("here")

    client = client_of(Handler)
    client.app.add_handlers(".*", [("/bad", Handler, arguments), ("/good", Handler)])
    with recorded_log() as lines:
        response = client.get("/bad")
    assert (response.status, response.closed) == (500, False)
    assert b"Error" not in response.body.replace(b"Internal Server Error", b"")
    assert any(error.__name__ in text and "GET /bad" in text for text in problems(lines))
    assert client.get("/good").body == b"here"


# --- prepare -------------------------------------------------------------------------------------


def finishing(self: Noting) -> None:
    self.finish("from prepare")


def redirecting(self: Noting) -> None:
    self.redirect("/elsewhere")


def refusing(self: Noting) -> None:
    self.send_error(403)


def raising(self: Noting) -> None:
    raise HTTPError(402)


def failing(self: Noting) -> None:
    raise ZeroDivisionError


def stopping(self: Noting) -> None:
    self.set_status(202)
    raise Finish("from Finish")


def returning_a_failure(self: Noting) -> Failure:
    return Failure(HTTPError(503))


def returning_nothing(self: Noting) -> None:
    return None


PREPARES = [
    # what it does, status, body, does the method run?
    (returning_nothing, 200, b"done", True),
    (finishing, 200, b"from prepare", False),
    (redirecting, 302, b"", False),
    (refusing, 403, None, False),
    (raising, 402, None, False),
    (failing, 500, None, False),
    (stopping, 202, b"from Finish", False),
    (returning_a_failure, 503, None, False),
]


def deferring(action: Callable[..., Any]) -> Callable[..., Any]:
    def prepare(self: Noting) -> Deferred[Any]:
        return self.gate.addCallback(lambda _: action(self))

    return prepare


def inline_prepare(action: Callable[..., Any]) -> Callable[..., Any]:
    @inlineCallbacks
    def prepare(self: Noting) -> Generator[Any, Any, Any]:
        yield self.gate
        result = action(self)
        if isinstance(result, Failure):
            result.raiseException()

    return prepare


def coroutine_prepare(action: Callable[..., Any]) -> Callable[..., Any]:
    async def prepare(self: Noting) -> Any:
        await self.gate
        result = action(self)
        if isinstance(result, Failure):
            result.raiseException()

    return prepare


def plain_prepare(action: Callable[..., Any]) -> Callable[..., Any]:
    return action


WAITING = [deferring, inline_prepare, coroutine_prepare]


@pytest.mark.parametrize("kind", [plain_prepare, *WAITING])
@pytest.mark.parametrize(("action", "status", "body", "goes_on"), PREPARES)
@pytest.mark.parametrize("method", [plain, coroutine])
def test_prepare(
    kind: Callable[..., Any],
    action: Callable[..., Any],
    status: int,
    body: bytes | None,
    goes_on: bool,
    method: Callable[..., Any],
) -> None:
    handler = type("Handler", (Noting,), {"prepare": kind(action), "get": method})
    for gate_opens_first in (True, False):
        stage = Stage(handler)
        if gate_opens_first:
            stage.open_gate()
        pending = stage.client.open("GET", "/")
        if not gate_opens_first:
            waits = kind in WAITING or (goes_on and method is coroutine)
            assert pending.complete is not waits
            stage.open_gate()
        response = pending.response
        assert (response.status, response.closed) == (status, False)
        if body is not None:
            assert response.body == body
        assert stage.notes == ["initialize", *(["get"] if goes_on else []), "on_finish"]


def test_prepare_that_is_a_plain_generator() -> None:
    class Handler(Noting):
        def prepare(self) -> Any:
            yield self.gate
            self.notes.append("prepare")

        get = plain

    stage = Stage(Handler)
    with pytest.warns(RuntimeWarning, match="prepare is a plain generator"):
        pending = stage.client.open("GET", "/")
    stage.open_gate()
    assert pending.response.status == 200
    assert stage.notes == WHOLE_LIFE


def test_prepare_finds_the_body_and_the_path() -> None:
    class Handler(RequestHandler):
        def prepare(self) -> None:
            self.write(f"{self.path_args} {self.path_kwargs} ")
            self.write(self.request.body)

        def post(self, *args: str, **kwargs: str) -> None:
            pass

    client = client_of(Handler)
    client.app.add_handlers(".*", [("/(a)/(b)?", Handler), ("/(?P<x>c)", Handler)])
    assert client.post("/a/", body=b"body").body == b"['a', None] {} body"
    assert client.post("/c", body=b"body").body == b"[] {'x': 'c'} body"


# --- what is left behind -------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_a_handler_is_freed_when_its_connection_is(method: Callable[..., Any]) -> None:
    known: list[weakref.ref[Any]] = []

    class Base(Noting):
        def prepare(self) -> None:
            known.append(weakref.ref(self))

    stage = Stage(with_get(method, Base))
    stage.open_gate()
    stage.client.get("/")
    stage.client.close()
    gc.collect()
    assert [reference() for reference in known] == [None]


def test_a_deferred_that_fails_leaves_nothing_unhandled(logged_failures: Any) -> None:
    class Handler(RequestHandler):
        def prepare(self) -> Deferred[None]:
            return succeed(None)

        def get(self) -> Deferred[None]:
            return fail(HTTPError(410))

        def post(self) -> Any:
            return inlineCallbacks(self.generator)()

        def generator(self) -> Generator[Any, Any, None]:
            yield fail(HTTPError(411))

    client = client_of(Handler)
    assert client.get("/").status == 410
    assert client.post("/").status == 411
    assert logged_failures.flush() == []


@pytest.mark.parametrize("waits", [False, True])
def test_nothing_is_left_to_the_garbage_collector(waits: bool) -> None:
    class Handler(RequestHandler):
        async def get(self) -> None:
            if waits:
                await gate
            handlers.append(weakref.ref(self))

    gate: Deferred[None] = Deferred()
    handlers: list[weakref.ref[RequestHandler]] = []
    connection = connection_to(Handler)
    gc.collect()
    gc.disable()
    try:
        connection.send(GET)
        if waits:
            gate.callback(None)
        assert connection.received
        connection.disconnect()
        assert handlers[0]() is None
    finally:
        gc.enable()
