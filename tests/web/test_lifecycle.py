"""The life of a request, from `initialize` to `on_finish`."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, inlineCallbacks, succeed
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from cyclone.testing import MemoryConnection
from cyclone.web import (
    Application,
    Finish,
    HTTPError,
    RequestHandler,
    asynchronous,
    authenticated,
    stream_request_body,
)

from .support import GET, Noting, Stage, client_of, connection_to, problems, recorded_log

# --- order ---------------------------------------------------------------------------------------


def plain(self: Noting) -> None:
    self.notes.append("get")
    self.write("done")


def returns_deferred(self: Noting) -> Deferred[None]:
    self.notes.append("get")
    return self.gate.addCallback(lambda _: self.write("done"))


@inlineCallbacks
def inline(self: Noting) -> Generator[Any, Any, None]:
    self.notes.append("get")
    yield self.gate
    self.write("done")


async def coroutine(self: Noting) -> None:
    self.notes.append("get")
    await self.gate
    self.write("done")


def finishes_later(self: Noting) -> None:
    self.notes.append("get")
    self.gate.addCallback(lambda _: self.finish("done") and None)


async def coroutine_that_finishes(self: Noting) -> None:
    self.notes.append("get")
    await self.gate
    self.finish("done")


def generator_that_finishes(self: Noting) -> Generator[Any, Any, None]:
    self.notes.append("get")
    yield self.gate
    self.finish("done")


METHODS: dict[str, Callable[..., Any]] = {
    "plain": plain,
    "Deferred": returns_deferred,
    "inlineCallbacks": inline,
    "async def": coroutine,
    "async def that finishes": coroutine_that_finishes,
    "asynchronous": asynchronous(finishes_later),
    "asynchronous, async def": asynchronous(coroutine_that_finishes),
    "asynchronous, inlineCallbacks": asynchronous(inlineCallbacks(generator_that_finishes)),
    "inlineCallbacks, asynchronous": inlineCallbacks(asynchronous(generator_that_finishes)),
    "authenticated, asynchronous, inlineCallbacks": authenticated(
        asynchronous(inlineCallbacks(generator_that_finishes))
    ),
    "authenticated, inlineCallbacks, asynchronous": authenticated(
        inlineCallbacks(asynchronous(generator_that_finishes))
    ),
    "inlineCallbacks, authenticated, asynchronous": inlineCallbacks(
        authenticated(asynchronous(generator_that_finishes))
    ),
    "authenticated, async def": authenticated(coroutine),
}
WHOLE_LIFE = ["initialize", "prepare", "get", "on_finish"]


def with_get(method: Callable[..., Any], *bases: type) -> type[RequestHandler]:
    """A handler class whose ``get`` is `method`; everybody is logged in."""
    attributes = {"get": method, "get_current_user": lambda self: "somebody"}
    return type("Handler", bases or (Noting,), attributes)


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


# --- on_finish, exactly once ---------------------------------------------------------------------


@pytest.mark.parametrize("method", [plain, coroutine, asynchronous(finishes_later)])
@pytest.mark.parametrize("error", [HTTPError(404), ZeroDivisionError(), Finish()])
def test_on_finish_after_an_exception(method: Callable[..., Any], error: Exception) -> None:
    class Handler(Noting):
        def get(self) -> Any:
            result = method(self)
            if result is None:
                raise error
            return self.after(result)

        async def after(self, result: Any) -> None:
            await result
            raise error

    stage = Stage(Handler)
    stage.open_gate()
    stage.client.get("/")
    assert stage.notes == WHOLE_LIFE


def leave(connection: MemoryConnection) -> None:
    connection.disconnect()


def end(connection: MemoryConnection) -> None:
    connection.eof()


@pytest.mark.parametrize("method", [m for n, m in METHODS.items() if n != "plain"])
def test_on_finish_when_the_peer_leaves(method: Callable[..., Any]) -> None:
    stage = Stage(with_get(method))
    pending = stage.client.open("GET", "/")
    pending.disconnect()
    stage.open_gate()
    assert stage.notes == WHOLE_LIFE


@pytest.mark.parametrize(
    "method", [asynchronous(plain), asynchronous(lambda self: succeed(self.notes.append("get")))]
)
def test_on_finish_of_a_handler_that_never_finishes(method: Callable[..., Any]) -> None:
    stage = Stage(with_get(method))
    pending = stage.client.open("GET", "/")
    assert stage.notes == WHOLE_LIFE[:-1]
    pending.disconnect()
    assert stage.notes == WHOLE_LIFE


def test_on_finish_when_prepare_waits_and_the_peer_leaves() -> None:
    class Handler(Noting):
        async def prepare(self) -> None:
            self.notes.append("prepare")
            await self.gate

        get = plain

    stage = Stage(Handler)
    stage.client.open("GET", "/").disconnect()
    stage.open_gate()
    assert stage.notes.count("on_finish") == 1
    assert stage.notes[-1] == "on_finish"


def test_a_handler_that_goes_on_after_the_end_of_the_peer_writes_into_nothing() -> None:
    class Handler(Noting):
        async def get(self) -> None:
            self.write("a")
            self.flush()
            await self.gate
            self.write("b")
            self.flush()
            self.notes.append("written")
            self.finish("c")
            self.notes.append("finished")

    stage = Stage(Handler)
    pending = stage.client.open("GET", "/")
    pending.disconnect()
    stage.open_gate()
    assert stage.notes == ["initialize", "prepare", "written", "on_finish", "finished"]
    assert b"b\r\n" not in pending.connection.received


def loses(self: Noting) -> None:
    self.transport.loseConnection()


def loses_after_writing(self: Noting) -> None:
    self.transport.write(b"raw")
    self.transport.loseConnection()


def aborts(self: Noting) -> None:
    self.transport.abortConnection()


def aborts_the_exchange(self: Noting) -> None:
    self.request.connection.abort()


@pytest.mark.parametrize("action", [loses, loses_after_writing, aborts, aborts_the_exchange])
@pytest.mark.parametrize("where", ["get", "prepare", "later"])
def test_on_finish_of_a_handler_that_closes(action: Callable[[Noting], None], where: str) -> None:
    class Handler(Noting):
        def prepare(self) -> None:
            if where == "prepare":
                action(self)

        @asynchronous
        def get(self) -> None:
            if where == "get":
                action(self)
            elif where == "later":
                self.gate.addCallback(lambda _: action(self))

        def on_connection_close(self, *reason: Any) -> None:
            self.notes.append("closed")

    stage = Stage(Handler)
    connection = stage.client.connect()
    connection.send(GET)
    stage.open_gate()
    connection.advance(0)
    assert connection.closed
    assert connection.received == (b"raw" if action is loses_after_writing else b"")
    assert stage.notes == ["initialize", "closed", "on_finish"]


def test_on_finish_at_detach() -> None:
    class Handler(Noting):
        def get(self) -> None:
            transport = self.detach()
            self.notes.append("detached")
            transport.write(b"raw")

    stage = Stage(Handler)
    connection = stage.client.connect()
    connection.send(GET)
    assert connection.received == b"raw"
    connection.disconnect()
    assert stage.notes == ["initialize", "prepare", "on_finish", "detached"]


def test_on_finish_of_a_handler_that_flushed_and_failed() -> None:
    class Handler(Noting):
        async def get(self) -> None:
            self.write("half")
            self.flush()
            await self.gate
            raise ZeroDivisionError

    stage = Stage(Handler)
    connection = stage.client.connect()
    connection.send(GET)
    stage.open_gate()
    connection.advance(0)
    assert connection.closed
    assert stage.notes == ["initialize", "prepare", "on_finish"]


def test_on_finish_that_raises_is_logged() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.write("fine")

        def on_finish(self) -> None:
            raise ZeroDivisionError

    with recorded_log() as lines:
        client = client_of(Handler)
        assert client.get("/").body == b"fine"
        assert client.get("/").body == b"fine"
    assert len(problems(lines)) == 2
    assert "on_finish" in problems(lines)[0]
    assert "ZeroDivisionError" in problems(lines)[0]


@pytest.mark.parametrize("later", [False, True])
def test_on_finish_may_wait(later: bool) -> None:
    class Handler(Noting):
        def get(self) -> None:
            self.write("fine")

        async def on_finish(self) -> None:
            await self.gate
            self.notes.append("on_finish")
            raise ZeroDivisionError

    stage = Stage(Handler)
    if not later:
        stage.open_gate()
    with recorded_log() as lines:
        assert stage.client.get("/").body == b"fine"
        if later:
            assert stage.notes == ["initialize", "prepare"]
            stage.open_gate()
    assert stage.notes == ["initialize", "prepare", "on_finish"]
    assert len(problems(lines)) == 1


@pytest.mark.parametrize("method", [plain, coroutine])
def test_on_finish_when_the_log_function_raises(method: Callable[..., Any]) -> None:
    def log_function(handler: RequestHandler) -> None:
        raise ZeroDivisionError

    stage = Stage(with_get(method), log_function=log_function)
    stage.open_gate()
    with recorded_log() as lines:
        assert stage.client.get("/").body == b"done"
    assert any("ZeroDivisionError" in text for text in problems(lines))
    assert stage.notes == WHOLE_LIFE


# --- notifyFinish --------------------------------------------------------------------------------


class Watching(Noting):
    """Notes what notifyFinish() fires with."""

    def prepare(self) -> None:
        self.notifyFinish().addBoth(lambda result: self.notes.append(("first", result)))
        self.request.notifyFinish().addBoth(lambda result: self.notes.append(("second", result)))

    def on_finish(self) -> None:
        pass


FIRED = [("first", None), ("second", None)]


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_notify_finish_at_the_end(method: Callable[..., Any]) -> None:
    stage = Stage(with_get(method, Watching))
    pending = stage.client.open("GET", "/")
    if method is not plain:
        assert stage.notes == ["initialize", "get"]
        stage.open_gate()
    assert pending.response.body == b"done"
    assert stage.notes == ["initialize", "get", *FIRED]
    pending.disconnect()
    assert len(stage.notes) == 4


@pytest.mark.parametrize("depart", [leave, end])
@pytest.mark.parametrize("method", [m for n, m in METHODS.items() if n != "plain"])
def test_notify_finish_when_the_peer_leaves(
    method: Callable[..., Any], depart: Callable[[MemoryConnection], None]
) -> None:
    stage = Stage(with_get(method, Watching))
    pending = stage.client.open("GET", "/")
    depart(pending.connection)
    assert stage.notes == ["initialize", "get", *FIRED]
    stage.open_gate()
    assert len(stage.notes) == 4


def test_notify_finish_after_the_end_has_fired() -> None:
    class Handler(Noting):
        def get(self) -> None:
            self.write("x")

        def on_finish(self) -> None:
            assert self.notifyFinish().called
            self.notes.append("fired")

    stage = Stage(Handler)
    stage.client.get("/")
    assert stage.notes[-1] == "fired"


def test_notify_finish_is_not_disturbed_by_a_callback_that_cancels() -> None:
    class Handler(Watching):
        def get(self) -> None:
            mine = self.notifyFinish()
            mine.addErrback(lambda failure: failure.trap(CancelledError))
            mine.cancel()

    stage = Stage(Handler)
    assert stage.client.get("/").status == 200
    assert stage.notes == ["initialize", *FIRED]


def test_notify_finish_and_detach() -> None:
    class Handler(Watching):
        def get(self) -> None:
            self.detach()

    stage = Stage(Handler)
    connection = stage.client.connect()
    connection.send(GET)
    connection.disconnect()
    assert stage.notes == ["initialize", *FIRED]


def test_the_readmes_clock() -> None:
    """Clients that leave are taken from the list."""
    clients: list[RequestHandler] = []

    class Clock(RequestHandler):
        @asynchronous
        def get(self) -> None:
            self.set_header("Content-Type", "text/plain")
            clients.append(self)
            self.notifyFinish().addCallback(lambda *ignored: clients.remove(self))

    client = client_of(Clock)
    one, two = client.open("GET", "/"), client.open("GET", "/")
    for tick in ("1", "2"):
        for handler in list(clients):
            handler.write(f"{tick}\r\n")
            handler.flush()
    assert one.received == two.received == b"1\r\n2\r\n"
    one.disconnect()
    assert len(clients) == 1
    clients[0].finish("bye")
    assert two.response.body == b"1\r\n2\r\nbye"
    assert clients == []


# --- detach --------------------------------------------------------------------------------------


class Upper(Protocol):
    """Answers in capitals."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data.upper())


def test_detach_hands_over_what_has_come() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.detach(Upper())

    connection = connection_to(Handler)
    connection.send(GET + b"early ")
    connection.send(b"late")
    assert connection.received == b"EARLY LATE"


def test_detach_in_two_steps() -> None:
    handlers: list[RequestHandler] = []

    class Handler(RequestHandler):
        def get(self) -> None:
            handlers.append(self)
            self.transport_of_mine = self.detach()

    connection = connection_to(Handler)
    connection.send(GET + b"early ")
    connection.send(b"paused ")
    assert connection.received == b""
    assert handlers[0].request.connection.detach(Upper()) is connection.transport
    connection.send(b"late")
    assert connection.received == b"EARLY PAUSED LATE"


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


# --- context variables ---------------------------------------------------------------------------

variable: ContextVar[str] = ContextVar("variable", default="unset")


class Peek(RequestHandler):
    """Tells what it sees of `variable`."""

    def get(self) -> None:
        self.write(variable.get())


def test_a_context_follows_a_request() -> None:
    class Handler(Noting):
        def prepare(self) -> None:
            variable.set("prepared")

        async def get(self) -> None:
            self.notes.append(variable.get())
            variable.set("before")
            await self.gate
            self.notes.append(variable.get())
            variable.set("after")

        def on_finish(self) -> None:
            self.notes.append(variable.get())

    stage = Stage(Handler)
    pending = stage.client.open("GET", "/")
    stage.open_gate()
    assert pending.response.status == 200
    assert stage.notes == ["initialize", "prepared", "before", "after"]
    assert variable.get() == "unset"


@pytest.mark.parametrize("place", ["initialize", "prepare", "get", "on_finish"])
def test_a_context_does_not_leak_to_the_next_request(place: str) -> None:
    def set_it(self: RequestHandler, *args: Any, **kwargs: Any) -> None:
        variable.set("leaked")

    handler = type("Handler", (RequestHandler,), {"get": lambda self: None, place: set_it})
    app = Application([("/set", handler), ("/peek", Peek)])
    connection = MemoryConnection(app)
    connection.send(GET.replace(b"/ ", b"/set ") + GET.replace(b"/ ", b"/peek "))
    connection.send(GET.replace(b"/ ", b"/peek "))
    assert [bytes(response.body) for response in connection.responses()][1:] == [b"unset"] * 2


def test_a_context_does_not_leak_to_the_next_request_when_the_first_waits() -> None:
    gate: Deferred[None] = Deferred()

    class Handler(RequestHandler):
        async def get(self) -> None:
            variable.set("leaked")
            await gate

    app = Application([("/set", Handler), ("/peek", Peek)])
    connection = MemoryConnection(app)
    connection.send(GET.replace(b"/ ", b"/set ") + GET.replace(b"/ ", b"/peek "))
    gate.callback(None)
    connection.advance(0)
    assert bytes(connection.responses()[1].body) == b"unset"


@stream_request_body
class Streaming(RequestHandler):
    """Sets the variable, and tells what `data_received` and `post` see."""

    def prepare(self) -> None:
        self.seen: list[str] = []
        variable.set("prepared")

    def data_received(self, chunk: bytes) -> None:
        self.seen.append(variable.get())
        variable.set(chunk.decode())

    def post(self) -> None:
        self.write(" ".join([*self.seen, variable.get()]))


def test_a_context_follows_a_streamed_body() -> None:
    client = client_of(Streaming)
    pending = client.open("POST", "/", headers={"Content-Length": "2"})
    pending.send(b"1")
    pending.send(b"2")
    assert pending.response.text.split(" ")[:2] == ["prepared", "1"]


def test_a_context_does_not_leak_from_a_streamed_body() -> None:
    app = Application([("/stream", Streaming), ("/peek", Peek)])
    connection = MemoryConnection(app)
    connection.send(b"POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1")
    try:
        connection.send(GET.replace(b"/ ", b"/peek "))
        assert bytes(connection.responses()[1].body) == b"unset"
    finally:
        variable.set("unset")


def test_a_context_follows_to_the_end_when_the_peer_leaves() -> None:
    class Handler(Noting):
        @asynchronous
        def get(self) -> None:
            variable.set("mine")

        def on_connection_close(self) -> None:  # type: ignore[override]
            self.notes.append(variable.get())

        def on_finish(self) -> None:
            self.notes.append(variable.get())

    stage = Stage(Handler)
    stage.client.open("GET", "/").disconnect()
    assert stage.notes == ["initialize", "prepare", "mine", "mine"]
