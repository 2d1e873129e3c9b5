"""What the tests of handlers share: handlers that take notes, clients, the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

from cyclone.log import assume_listening
from cyclone.testing import Client, MemoryConnection
from cyclone.web import Application, RequestHandler

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Noting(RequestHandler):
    """Notes in `notes` what happens to it; waits, where it waits, for `gate`."""

    def initialize(self, notes: list[Any], gate: Deferred[Any] | None = None) -> None:
        self.notes = notes
        self.gate: Any = gate if gate is not None else Deferred()
        notes.append("initialize")

    def prepare(self) -> Any:
        self.notes.append("prepare")

    def on_finish(self) -> Any:
        self.notes.append("on_finish")


class Stage:
    """An application with one handler class at every path, its notes, its gate and a client.

    `handler` takes the arguments of `Noting.initialize`.
    """

    def __init__(self, handler: type[RequestHandler], **settings: Any) -> None:
        self.notes: list[Any] = []
        self.gate: Deferred[Any] = Deferred()
        arguments = {"notes": self.notes, "gate": self.gate}
        self.app = Application([(r"/.*", handler, arguments)], **settings)
        self.client = Client(self.app)

    def open_gate(self, value: Any = None) -> None:
        """Let the handler go on."""
        self.gate.callback(value)


def client_of(handler: type[RequestHandler], **settings: Any) -> Client:
    """A client of an application with one handler class at every path."""
    return Client(Application([(r"/.*", handler)], **settings))


def connection_to(handler: type[RequestHandler], **settings: Any) -> MemoryConnection:
    """A connection to such an application."""
    return client_of(handler, **settings).connect()


def run_on_loop(function: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine on a loop of asyncio, as on the reactors that have one.

    Unlike `asyncio.run` it waits for no task that was left; that is a failure.
    """
    loop = asyncio.new_event_loop()
    try:
        result = loop.run_until_complete(function())
        left = asyncio.all_tasks(loop)
        for task in left:
            asyncio._unregister_task(task)
        assert not left
        return result
    finally:
        loop.close()


async def turns(count: int = 5) -> None:
    """Let the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


def doing(action: Callable[[Any], Any]) -> type[RequestHandler]:
    """A handler class that does `action` for every method."""

    def method(self: RequestHandler) -> Any:
        return action(self)

    return type("Handler", (RequestHandler,), {"get": method, "head": method, "post": method})


class Line(NamedTuple):
    """One event in the log of cyclone."""

    log: str
    level: str
    text: str


@contextmanager
def recorded_log() -> Iterator[list[Line]]:
    """What cyclone logs meanwhile; `text` ends with the exception, if there is one."""
    lines: list[Line] = []

    def observe(event: dict[str, Any]) -> None:
        name = str(event.get("log_namespace", ""))
        if name.startswith("cyclone."):
            text = str(event.get("log_text") or event.get("log_format") or "")
            if "log_failure" in event:
                text += f" {event['log_failure'].value!r}"
            lines.append(Line(name, event["log_level"].name, text))

    assume_listening(True)
    globalLogPublisher.addObserver(observe)
    try:
        yield lines
    finally:
        globalLogPublisher.removeObserver(observe)
        assume_listening(None)


def problems(lines: list[Line]) -> list[str]:
    """What was logged as an error, access lines left out."""
    return [
        line.text
        for line in lines
        if line.log != "cyclone.access" and line.level in ("error", "critical")
    ]
