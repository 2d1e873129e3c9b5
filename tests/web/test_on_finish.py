"""The end of a request: `on_finish`, `notifyFinish`, `detach`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, succeed
from twisted.internet.protocol import Protocol

from cyclone.testing import MemoryConnection
from cyclone.web import (
    Finish,
    HTTPError,
    RequestHandler,
    asynchronous,
)

from .methods import METHODS, WHOLE_LIFE, coroutine, finishes_later, plain, with_get
from .support import GET, Noting, Stage, client_of, connection_to, problems, recorded_log

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
