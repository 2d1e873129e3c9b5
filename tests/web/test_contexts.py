"""Context variables follow a request, and do not leak from it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from cyclone.testing import MemoryConnection
from cyclone.web import (
    Application,
    RequestHandler,
    asynchronous,
    stream_request_body,
)

from .support import GET, Noting, Stage, client_of

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
