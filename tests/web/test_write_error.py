"""The pages of errors: write_error, and what fails in it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest
from twisted.internet.defer import inlineCallbacks
from twisted.python.failure import Failure

from cyclone.web import (
    HTTPError,
    RequestHandler,
    asynchronous,
    stream_request_body,
)

from .support import GET, Noting, Stage, client_of, problems, recorded_log


def write_plain(self: Noting, status_code: int, **kwargs: Any) -> Any:
    self.notes.append((status_code, sorted(kwargs)))
    self.write(f"error {status_code}")


def write_and_finish(self: Noting, status_code: int, **kwargs: Any) -> Any:
    write_plain(self, status_code, **kwargs)
    self.finish()


def write_deferred(self: Noting, status_code: int, **kwargs: Any) -> Any:
    return self.gate.addCallback(lambda _: write_plain(self, status_code, **kwargs))


async def write_coroutine(self: Noting, status_code: int, **kwargs: Any) -> Any:
    await self.gate
    write_plain(self, status_code, **kwargs)


@inlineCallbacks
def write_inline(self: Noting, status_code: int, **kwargs: Any) -> Generator[Any, Any, Any]:
    yield self.gate
    write_and_finish(self, status_code, **kwargs)


WRITERS = [write_plain, write_and_finish, write_deferred, write_coroutine, write_inline]
WAITERS = [write_deferred, write_coroutine, write_inline]


def secret(self: Noting) -> None:
    self.notes.append("method")
    self.write("SECRET")


def refuse(self: Noting) -> None:
    self.send_error(403)


def fail(self: Noting) -> None:
    raise HTTPError(403)


async def fail_late(self: Noting) -> None:
    raise HTTPError(403)


async def refuse_late(self: Noting) -> None:
    self.send_error(403)


RAISED = ["exc_info", "exception"]
PLACES: list[tuple[str, Callable[..., Any], list[str]]] = [
    # method, what it does, what write_error is told
    ("prepare", refuse, []),
    ("prepare", fail, RAISED),
    ("prepare", fail_late, RAISED),
    ("prepare", refuse_late, []),
    ("get", refuse, []),
    ("get", fail, RAISED),
    ("get", fail_late, RAISED),
    ("get", refuse_late, []),
    ("get", asynchronous(refuse), []),
    ("get", asynchronous(fail), RAISED),
]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(("place", "action", "told"), PLACES)
@pytest.mark.parametrize("open_first", [True, False])
def test_write_error(
    writer: Callable[..., Any],
    place: str,
    action: Callable[..., Any],
    told: list[str],
    open_first: bool,
) -> None:
    """Once an error is on its way, nothing else is answered, however long its page takes."""
    attributes = {"prepare": lambda self: None, "get": secret, "write_error": writer}
    handler = type("Handler", (Noting,), {**attributes, place: action})
    stage = Stage(handler)
    if open_first:
        stage.open_gate()
    pending = stage.client.open("GET", "/")
    if not open_first:
        assert pending.complete is (writer not in WAITERS)
        stage.open_gate()
    assert (pending.response.status, pending.response.body) == (403, b"error 403")
    assert stage.notes == ["initialize", (403, told), "on_finish"]


@pytest.mark.parametrize("writer", WAITERS)
def test_write_error_that_waits_for_a_peer_that_leaves(writer: Callable[..., Any]) -> None:
    handler = type("Handler", (Noting,), {"prepare": fail, "get": secret, "write_error": writer})
    stage = Stage(handler)
    pending = stage.client.open("GET", "/")
    pending.disconnect()
    stage.open_gate()
    assert stage.notes.count("on_finish") == 1
    assert pending.connection.received == b""


def test_what_write_error_is_given() -> None:
    seen: dict[str, Any] = {}
    error = ZeroDivisionError()

    class Handler(RequestHandler):
        def get(self) -> None:
            raise error

        def post(self) -> None:
            self.send_error(400, message="custom", detail=5)

        def write_error(self, status_code: int, **kwargs: Any) -> None:
            seen.clear()
            seen.update(kwargs)

    client = client_of(Handler)
    assert client.get("/").status == 500
    assert seen["exc_info"][:2] == (ZeroDivisionError, error)
    assert seen["exc_info"][2].tb_frame.f_code.co_name == "_execute"
    assert isinstance(seen["exception"], Failure)
    assert seen["exception"].value is error
    assert "in get" in seen["exception"].getTraceback()
    assert client.post("/").status == 400
    assert seen == {"message": "custom", "detail": 5}


def test_write_error_may_change_status_and_header() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            raise HTTPError(404)

        def write_error(self, status_code: int, **kwargs: Any) -> None:
            self.set_status(410)
            self.set_header("Content-Type", "application/problem+json")
            self.finish({"status": status_code})

    response = client_of(Handler).get("/")
    assert (response.status, response.json()) == (410, {"status": 404})


def test_write_error_may_redirect() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            raise HTTPError(404)

        def write_error(self, status_code: int, **kwargs: Any) -> None:
            self.redirect("/elsewhere")

    response = client_of(Handler).get("/")
    assert (response.status, response.headers["Location"]) == (302, "/elsewhere")


def fails_at_once(self: Noting, status_code: int, **kwargs: Any) -> Any:
    self.write("so far")
    raise KeyError("in write_error")


async def fails_later(self: Noting, status_code: int, **kwargs: Any) -> Any:
    self.write("so far")
    await self.gate
    raise KeyError("in write_error")


def fails_with_an_http_error(self: Noting, status_code: int, **kwargs: Any) -> Any:
    raise HTTPError(404, "in write_error")


@pytest.mark.parametrize("writer", [fails_at_once, fails_later, fails_with_an_http_error])
@pytest.mark.parametrize("action", [fail, refuse])
def test_write_error_that_fails(writer: Callable[..., Any], action: Callable[..., Any]) -> None:
    handler = type("Handler", (Noting,), {"get": action, "write_error": writer})
    stage = Stage(handler)
    with recorded_log() as lines:
        pending = stage.client.open("GET", "/")
        stage.open_gate()
    assert pending.response.status == 403
    assert "in write_error" in "\n".join(problems(lines))
    assert stage.notes == ["initialize", "prepare", "on_finish"]


def cannot_finish(self: Noting, status_code: int, **kwargs: Any) -> Any:
    self.set_status(204)
    self.write("body")


async def cannot_finish_later(self: Noting, status_code: int, **kwargs: Any) -> Any:
    await self.gate
    cannot_finish(self, status_code)


def cannot_finish_and_fails(self: Noting, status_code: int, **kwargs: Any) -> Any:
    cannot_finish(self, status_code)
    raise KeyError


@pytest.mark.parametrize("writer", [cannot_finish, cannot_finish_later, cannot_finish_and_fails])
@pytest.mark.parametrize("action", [fail, fail_late, refuse])
def test_an_error_that_cannot_be_sent_cuts_the_connection(
    writer: Callable[..., Any], action: Callable[..., Any]
) -> None:
    """Nobody is left waiting for an answer that will not come."""
    handler = type("Handler", (Noting,), {"get": action, "write_error": writer})
    stage = Stage(handler)
    connection = stage.client.connect()
    with recorded_log() as lines:
        connection.send(GET)
        stage.open_gate()
        connection.advance(0)
    assert connection.closed
    assert connection.received == b""
    assert "Cannot send body with 204" in "\n".join(problems(lines))
    assert stage.notes == ["initialize", "prepare", "on_finish"]


def test_an_error_while_the_body_streams_in_is_answered() -> None:
    @stream_request_body
    class Handler(Noting):
        def data_received(self, chunk: bytes) -> None:
            raise HTTPError(422)

        def post(self) -> None:
            raise AssertionError("the body was refused")

    stage = Stage(Handler)
    response = stage.client.post("/", body=b"x")
    assert response.status == 422
    assert stage.notes == ["initialize", "prepare", "on_finish"]
