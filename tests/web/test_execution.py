"""Handlers that wait while the peer leaves: who is told, who is cancelled, who still answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks

from cyclone.testing import MemoryConnection
from cyclone.web import HTTPError, RequestHandler, asynchronous, stream_request_body

from .support import (
    GET,
    Noting,
    Stage,
    client_of,
    problems,
    recorded_log,
    run_on_loop,
    turns,
)

# --- who is told ---------------------------------------------------------------------------------


def overrides(self: Noting, *reason: Any) -> None:
    self.notes.append("gone")


def sets_a_callback(self: Noting) -> None:
    self.request.connection.set_close_callback(lambda: self.notes.append("gone"))


def asks_to_be_notified(self: Noting) -> None:
    self.notifyFinish().addCallback(lambda _: self.notes.append("gone"))


def nothing(self: Noting) -> None:
    pass


class Waiting(Noting):
    """Waits in its method."""

    def prepare(self) -> None:
        pass

    async def get(self) -> None:
        await self.gate
        self.notes.append("woken")
        self.write("answer")


WATCHERS: dict[str, dict[str, Any]] = {
    "on_connection_close": {"on_connection_close": overrides},
    "set_close_callback": {"prepare": sets_a_callback},
    "notifyFinish": {"prepare": asks_to_be_notified},
}


def watcher(attributes: dict[str, Any]) -> type[Noting]:
    return type("Handler", (Waiting,), attributes)


@pytest.mark.parametrize("attributes", WATCHERS.values(), ids=WATCHERS.keys())
@pytest.mark.parametrize("how", ["lost", "ended"])
def test_a_handler_that_watches_is_told_once(attributes: dict[str, Any], how: str) -> None:
    """An ended peer counts as gone, as in Tornado and cyclone 1.x."""
    stage = Stage(watcher(attributes))
    pending = stage.client.open("GET", "/")
    assert stage.notes == ["initialize"]
    if how == "lost":
        pending.disconnect()
    else:
        pending.connection.eof()
    assert stage.notes == ["initialize", "gone"]
    stage.open_gate()
    assert stage.notes == ["initialize", "gone", "woken", "on_finish"]
    assert pending.connection.received == b""


@pytest.mark.parametrize("name", WATCHERS)
def test_a_handler_that_watches_and_answers_in_time(name: str) -> None:
    """notifyFinish() fires in both cases, the others only when the peer leaves."""
    stage = Stage(watcher(WATCHERS[name]))
    pending = stage.client.open("GET", "/")
    stage.open_gate()
    assert pending.response.body == b"answer"
    pending.disconnect()
    assert stage.notes.count("gone") == (name == "notifyFinish")


def test_a_half_closed_peer_still_gets_its_answer() -> None:
    """``printf ... | nc -N``: nobody watches, so nobody takes the peer for gone."""
    stage = Stage(Waiting)
    connection = stage.client.connect()
    connection.send(GET)
    connection.eof()
    connection.advance(30)
    assert not connection.closed
    stage.open_gate()
    (response,) = connection.responses()
    assert bytes(response.body) == b"answer"
    connection.advance(0)
    assert connection.closed
    assert stage.notes[-1] == "on_finish"


def test_a_half_closed_peer_gets_all_it_asked_for() -> None:
    stage = Stage(Waiting)
    connection = stage.client.connect()
    connection.send(GET + GET)
    connection.eof()
    stage.open_gate()
    connection.advance(0)
    assert [bytes(response.body) for response in connection.responses()] == [b"answer"] * 2
    assert connection.closed


@pytest.mark.parametrize("missing", [0, 3])
def test_a_half_closed_peer_that_a_streaming_handler_was_not_ready_for(missing: int) -> None:
    """What is there of the body is taken; what is not will never come."""
    gate: Deferred[None] = Deferred()
    taken: list[bytes] = []

    @stream_request_body
    class Handler(RequestHandler):
        async def prepare(self) -> None:
            await gate

        def data_received(self, chunk: bytes) -> None:
            taken.append(chunk)

        def post(self) -> None:
            self.write("answer")

    connection = client_of(Handler).connect()
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (4 + missing)
    connection.send(head + b"body")
    connection.eof()
    assert not connection.closed
    gate.callback(None)
    connection.advance(0)
    assert taken == [b"body"]
    assert [bytes(response.body) for response in connection.responses()] == [b"answer"][missing:]
    assert connection.closed


def test_a_half_closed_peer_does_not_wait_for_ever() -> None:
    stage = Stage(Waiting, half_close_timeout=10)
    connection = stage.client.connect()
    connection.send(GET)
    connection.eof()
    connection.advance(9)
    assert not connection.closed
    connection.advance(2)
    assert connection.closed
    stage.open_gate()
    assert stage.notes == ["initialize", "woken", "on_finish"]


def test_a_half_closed_peer_gets_the_answer_of_a_handler_that_does_not_wait() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.write("answer")

        def on_connection_close(self, *reason: Any) -> None:
            raise AssertionError("nobody left")

    connection = client_of(Handler).connect()
    connection.send(GET)
    connection.eof()
    (response,) = connection.responses()
    assert bytes(response.body) == b"answer"
    assert connection.closed


def test_watching_begins_when_something_waits() -> None:
    """A method that returns at once is not watched, an `asynchronous` one is."""

    class Handler(Noting):
        @asynchronous
        def get(self) -> None:
            self.notes.append("get")

        on_connection_close = overrides

    stage = Stage(Handler)
    stage.client.open("GET", "/").connection.eof()
    assert stage.notes == ["initialize", "prepare", "get", "gone", "on_finish"]


def test_the_close_callback_can_be_taken_back() -> None:
    class Handler(Waiting):
        def prepare(self) -> None:
            connection = self.request.connection
            connection.set_close_callback(lambda: self.notes.append("gone"))
            connection.set_close_callback(None)

    stage = Stage(Handler)
    stage.client.open("GET", "/").disconnect()
    assert stage.notes == ["initialize"]
    stage.open_gate()


@pytest.mark.parametrize("method", [asynchronous(nothing), Waiting.get])
def test_callbacks_that_raise_disturb_nobody(method: Callable[..., Any]) -> None:
    class Handler(Noting):
        def prepare(self) -> None:
            self.request.connection.set_close_callback(lambda: 1 / 0)
            self.notifyFinish().addCallback(lambda _: self.notes.append("notified"))

        get = method

        def on_connection_close(self, *reason: Any) -> None:
            raise KeyError

    stage = Stage(Handler)
    with recorded_log() as lines:
        stage.client.open("GET", "/").disconnect()
        stage.open_gate()
    assert sorted(stage.notes, key=str)[:3] == ["initialize", "notified", "on_finish"]
    text = "\n".join(problems(lines))
    assert "ZeroDivisionError" in text
    assert "KeyError" in text


def test_a_callback_that_raises_does_not_keep_a_refusal_back() -> None:
    class Handler(Noting):
        _stream_request_body = True

        def prepare(self) -> None:
            self.request.connection.set_close_callback(lambda: 1 / 0)

        def data_received(self, chunk: bytes) -> None:
            self.notes.append(chunk)

        def post(self) -> None:
            raise AssertionError("the body is refused")

    stage = Stage(Handler)
    with recorded_log() as lines:
        pending = stage.client.open("POST", "/", headers={"Transfer-Encoding": "chunked"})
        pending.send(b"zz\r\n")
    assert pending.status == 400
    assert "ZeroDivisionError" in "\n".join(problems(lines))


# --- cancel_on_disconnect ------------------------------------------------------------------------


class Cancelled(Noting):
    """Is cancelled when the peer leaves."""

    cancel_on_disconnect = True

    def prepare(self) -> None:
        pass

    def note_how_it_ends(self, error: BaseException) -> None:
        self.notes.append(type(error).__name__)


class CancelledCoroutine(Cancelled):
    """An ``async def`` that is cancelled."""

    async def get(self) -> None:
        try:
            await self.gate
        except BaseException as error:
            self.note_how_it_ends(error)
            raise


class CancelledInline(Cancelled):
    """An `inlineCallbacks` method that is cancelled."""

    @inlineCallbacks
    def get(self) -> Generator[Any, Any, None]:
        try:
            yield self.gate
        except CancelledError as error:
            self.note_how_it_ends(error)
            raise


class CancelledPrepare(Cancelled):
    """Is cancelled before its method."""

    async def prepare(self) -> None:  # type: ignore[override]
        await CancelledCoroutine.get(self)  # type: ignore[arg-type]

    def get(self) -> None:
        self.notes.append("get")


class CancelledAndCalm(Cancelled):
    """Takes its cancellation for granted."""

    async def get(self) -> None:
        try:
            await self.gate
        except (CancelledError, asyncio.CancelledError) as error:
            self.note_how_it_ends(error)


CANCELLED = [CancelledCoroutine, CancelledInline, CancelledPrepare, CancelledAndCalm]


@pytest.mark.parametrize("handler", CANCELLED)
@pytest.mark.parametrize("how", ["lost", "ended"])
def test_cancel_on_disconnect(handler: type[Cancelled], how: str) -> None:
    stage = Stage(handler)
    with recorded_log() as lines:
        pending = stage.client.open("GET", "/")
        if how == "lost":
            pending.disconnect()
        else:
            pending.connection.eof()
    assert stage.notes == ["initialize", "CancelledError", "on_finish"]
    assert problems(lines) == []


@pytest.mark.parametrize("handler", CANCELLED)
def test_cancel_on_disconnect_leaves_those_alone_who_stay(handler: type[Cancelled]) -> None:
    stage = Stage(handler)
    pending = stage.client.open("GET", "/")
    stage.open_gate()
    assert pending.response.status == 200
    pending.disconnect()
    assert "CancelledError" not in stage.notes


def test_nothing_is_cancelled_unless_asked() -> None:
    stage = Stage(Waiting)
    stage.client.open("GET", "/").disconnect()
    assert not stage.gate.called
    assert stage.notes == ["initialize"]
    stage.open_gate()
    assert stage.notes == ["initialize", "woken", "on_finish"]


class Woken(Noting):
    """Is woken by its own hook."""

    async def get(self) -> None:
        self.notes.append(await self.gate)

    def on_connection_close(self, *reason: Any) -> None:
        self.gate.callback("woken")
        self.notes.append("told")


def test_on_connection_close_may_wake_the_handler() -> None:
    stage = Stage(Woken)
    with recorded_log() as lines:
        stage.client.open("GET", "/").disconnect()
    assert sorted(stage.notes) == ["initialize", "on_finish", "prepare", "told", "woken"]
    assert stage.notes[-1] == "on_finish"
    assert problems(lines) == []


def test_on_connection_close_may_wake_the_handler_on_a_loop() -> None:
    stage = Stage(Woken)

    async def run() -> None:
        stage.client.open("GET", "/").disconnect()
        await turns()

    run_on_loop(run)
    assert sorted(stage.notes) == ["initialize", "on_finish", "prepare", "told", "woken"]
    assert stage.notes[-1] == "on_finish"


def test_cleaning_up_may_wait_after_the_cancellation() -> None:
    second: Deferred[None] = Deferred()

    class Handler(Cancelled):
        async def get(self) -> None:
            try:
                await self.gate
            finally:
                await second
                self.notes.append("cleaned")

    stage = Stage(Handler)
    stage.client.open("GET", "/").disconnect()
    assert stage.notes == ["initialize"]
    second.callback(None)
    assert stage.notes == ["initialize", "cleaned", "on_finish"]


def test_what_a_handler_raises_when_nobody_is_there_is_logged() -> None:
    class Handler(Waiting):
        async def get(self) -> None:
            await self.gate
            raise ZeroDivisionError

    stage = Stage(Handler)
    with recorded_log() as lines:
        stage.client.open("GET", "/").disconnect()
        stage.open_gate()
    assert "ZeroDivisionError" in "\n".join(problems(lines))
    assert stage.notes == ["initialize", "on_finish"]


# --- on an asyncio loop --------------------------------------------------------------------------


@pytest.mark.parametrize("handler", CANCELLED)
def test_cancel_on_disconnect_on_a_loop(handler: type[Cancelled]) -> None:
    stage = Stage(handler)

    async def run() -> None:
        stage.client.open("GET", "/").disconnect()
        await turns()

    with recorded_log() as lines:
        run_on_loop(run)
    assert stage.notes == ["initialize", "CancelledError", "on_finish"]
    assert problems(lines) == []


def test_cancel_on_disconnect_of_what_waits_for_a_future() -> None:
    class Handler(Cancelled):
        async def get(self) -> None:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError as error:
                self.note_how_it_ends(error)
                raise

    stage = Stage(Handler)

    async def run() -> None:
        stage.client.open("GET", "/").disconnect()
        await turns()

    with recorded_log() as lines:
        run_on_loop(run)
    assert stage.notes == ["initialize", "CancelledError", "on_finish"]
    assert problems(lines) == []


def test_a_handler_awaits_futures_and_deferreds() -> None:
    class Handler(Noting):
        async def prepare(self) -> None:
            await asyncio.sleep(0)

        async def get(self) -> None:
            async with asyncio.timeout(10):
                await asyncio.sleep(0)
                self.write(await self.gate)
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
            await self.flush()
            self.write("second")
            await self.finish()
            self.notes.append("finished")

    stage = Stage(Handler)

    async def run() -> None:
        pending = stage.client.open("GET", "/")
        await turns()
        stage.open_gate("first ")
        await turns(10)
        assert pending.response.body == b"first second"

    run_on_loop(run)
    assert stage.notes == ["initialize", "on_finish", "finished"]


def test_a_future_without_a_loop_is_an_error_that_says_what_to_do() -> None:
    loop = asyncio.new_event_loop()
    try:
        future = loop.create_future()

        class Handler(RequestHandler):
            async def get(self) -> None:
                await future

        with recorded_log() as lines:
            assert client_of(Handler).get("/").status == 500
        assert "--reactor=asyncio" in problems(lines)[0]
    finally:
        loop.close()


# --- errors after waiting ------------------------------------------------------------------------


@pytest.mark.parametrize("error", [HTTPError(418), ZeroDivisionError(), asyncio.CancelledError()])
def test_an_exception_after_waiting_is_answered(error: BaseException) -> None:
    class Handler(Noting):
        async def get(self) -> None:
            self.write("forgotten")
            await self.gate
            raise error

    stage = Stage(Handler)
    pending = stage.client.open("GET", "/")
    stage.open_gate()
    assert pending.response.status == (418 if isinstance(error, HTTPError) else 500)
    assert b"forgotten" not in pending.response.body
    assert stage.notes == ["initialize", "prepare", "on_finish"]


def test_an_exception_after_the_response_is_logged() -> None:
    class Handler(Noting):
        async def get(self) -> None:
            self.finish("fine")
            await self.gate
            raise ZeroDivisionError

    stage = Stage(Handler)
    with recorded_log() as lines:
        connection: MemoryConnection = stage.client.connect()
        connection.send(GET)
        stage.open_gate()
    assert [bytes(response.body) for response in connection.responses()] == [b"fine"]
    assert "ZeroDivisionError" in problems(lines)[0]
    assert stage.notes == ["initialize", "prepare", "on_finish"]
