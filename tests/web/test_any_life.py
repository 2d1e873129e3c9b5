"""Whatever a handler and its peer do, in any order: each request ends once, and in good order.

The invariant, for every sequence of actions:

1. `on_finish` runs exactly once, and each Deferred of notifyFinish() fires;
2. what the peer receives are well-formed responses; they are complete unless somebody cut the
   connection or never finished;
3. an error response is an error response: nothing else is in it, and no error is in others;
4. nothing is left behind: no unhandled error, no connection, no open file.
"""

from __future__ import annotations

import os
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from cyclone.testing import MemoryConnection, parse_responses
from cyclone.web import Application, Finish, HTTPError, RequestHandler, stream_request_body

from .support import recorded_log, run_on_loop, turns

HEAD = b"%b / HTTP/1.%d\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 6\r\n\r\n"
BODY = b"abcdef"
BIG = "x" * 100_000
#: What a response that is no error consists of.
PIECES = re.compile(rb"(?:w|x{100000}|f|!)*")

ACTIONS = {
    "write": lambda self: self.write("w"),
    "write much": lambda self: self.write(BIG),
    "flush": lambda self: self.flush() and None,
    "await flush": lambda self: self.flush(),
    "wait": lambda self: self.gate(),
    "finish": lambda self: self.finish("f") and None,
    "await finish": lambda self: self.finish(),
    "no content": lambda self: self.set_status(204),
    "length": lambda self: self.set_header("Content-Length", 3),
    "close": lambda self: self.set_header("Connection", "close"),
    "send_error": lambda self: self.send_error(403),
    "redirect": lambda self: self.redirect("/x"),
    "HTTPError": lambda self: raising(HTTPError(409)),
    "error": lambda self: raising(ZeroDivisionError()),
    "Finish": lambda self: raising(Finish("!")),
    "abort": lambda self: self.request.connection.abort(),
    "lose": lambda self: self.transport.loseConnection(),
    "detach": lambda self: self.detach() and None,
    "notify": lambda self: self.watch(),
    "close callback": lambda self: self.request.connection.set_close_callback(lambda: None),
    "no keep-alive": lambda self: setattr(self.request.connection, "no_keep_alive", True),
}
WAITING = ("await flush", "wait", "await finish")


def raising(error: Exception) -> None:
    raise error


class Scripted(RequestHandler):
    """Does what it is told to, in prepare, for each piece of the body, and in its method."""

    def initialize(self, script: Script) -> None:
        self.script = script
        script.made += 1

    def gate(self) -> Deferred[None]:
        gate: Deferred[None] = Deferred()
        self.script.gates.append(gate)
        return gate

    def watch(self) -> None:
        self.script.promised += 1
        self.notifyFinish().addCallback(self.script.fired.append)

    def run(self, actions: list[str]) -> Any:
        """Plain as long as nothing is to be waited for."""
        if "send_error" in actions and self.script.late_error:
            # While the page is being made the handler must not go on writing.
            actions = actions[: actions.index("send_error") + 1]
        if any(action in WAITING for action in actions):
            return self.run_waiting(actions)
        for action in actions:
            ACTIONS[action](self)
        return None

    async def run_waiting(self, actions: list[str]) -> None:
        for action in actions:
            result = ACTIONS[action](self)
            if action in WAITING:
                await result

    def prepare(self) -> Any:
        self._auto_finish = self.script.auto_finish
        return self.run(self.script.prepare)

    def data_received(self, chunk: bytes) -> Any:
        return self.run(self.script.piece)

    def post(self) -> Any:
        return self.run(self.script.method)

    get = post

    def write_error(self, status_code: int, **kwargs: Any) -> Any:
        self.set_header("X-Error", "1")
        if self.script.late_error:
            return self.write_error_late()
        self.write("error")
        return None

    async def write_error_late(self) -> None:
        await self.gate()
        self.write("error")

    def on_finish(self) -> None:
        self.script.finished += 1


@stream_request_body
class ScriptedStreaming(Scripted):
    """The same, with the body piece by piece."""


class Script:
    """What a handler does, and what became of it."""

    def __init__(self, draw: Any) -> None:
        actions = st.lists(st.sampled_from(sorted(ACTIONS)), max_size=4)
        self.prepare: list[str] = draw(st.lists(st.sampled_from(sorted(ACTIONS)), max_size=2))
        self.piece: list[str] = draw(st.lists(st.sampled_from(sorted(ACTIONS)), max_size=2))
        self.method: list[str] = draw(actions)
        self.streaming: bool = draw(st.booleans())
        self.auto_finish: bool = draw(st.booleans())
        self.late_error: bool = draw(st.booleans())
        self.version: int = draw(st.sampled_from([1, 1, 1, 0]))
        self.http_method: bytes = draw(st.sampled_from([b"POST", b"GET"]))
        self.peer: list[str] = draw(
            st.lists(
                st.sampled_from(["ask", "open", "open", "hold", "release", "pause"]), max_size=6
            )
        )
        self.end: str = draw(st.sampled_from(["disconnect", "eof", "stay"]))
        self.cut = False
        self.made = self.finished = self.promised = 0
        self.fired: list[None] = []
        self.gates: list[Deferred[None]] = []

    def does(self, action: str) -> bool:
        """Whether the handler is told to do `action` anywhere."""
        return action in (*self.prepare, *self.piece, *self.method)

    def __repr__(self) -> str:
        return repr({name: value for name, value in vars(self).items() if name != "gates"})


scripts = st.composite(lambda draw: Script(draw))()


def step(connection: MemoryConnection, script: Script, action: str) -> None:
    """Something happens: the peer acts, or what a handler waits for comes."""
    if action == "ask":
        connection.send(HEAD % (script.http_method, script.version))
        connection.send(BODY[:3])
        connection.send(BODY[3:])
    elif action == "open":
        gates, script.gates = script.gates, []
        for gate in gates:
            gate.callback(None)
    elif action == "hold":
        connection.hold()
    elif action == "release":
        connection.release()
    connection.advance(0)


def play(script: Script) -> MemoryConnection:
    """Let handler and peer do what they are to do, then let everything come to its end."""
    handler = ScriptedStreaming if script.streaming else Scripted
    app = Application([("/", handler, {"script": script})], max_memory_file_size=3)
    connection = MemoryConnection(app)
    for action in ["ask", *script.peer]:
        step(connection, script, action)
    if script.end == "eof":
        connection.eof()
    elif script.end == "disconnect":
        connection.disconnect()
    settle(connection, script)
    script.cut = connection.transport.aborted or script.end != "stay"
    connection.disconnect()  # a handler that never finishes ends with its peer
    settle(connection, script)
    return connection


def settle(connection: MemoryConnection, script: Script) -> None:
    """Let everything come that is waited for."""
    for _ in range(1000):
        step(connection, script, "open")
        step(connection, script, "release")
        if not script.gates and not connection.transport.waiting:
            return
    raise AssertionError("it does not come to an end")


def check_responses(script: Script, connection: MemoryConnection) -> None:
    """Point 2 and 3 of the invariant."""
    methods = [script.http_method.decode()] * 20
    responses = parse_responses(connection.received, tuple(methods), closed=False)
    complete = [each for each in responses if each.complete or each.framing == "close"]
    for response in complete:
        body = bytes(response.body)
        if response.values("X-Error"):
            assert response.status in (403, 409, 500)
            assert body == b"error"
        else:
            assert PIECES.fullmatch(body), body[:100]
    if script.auto_finish and not script.cut and not script.does("lose"):
        assert len(complete) == script.made


def check(script: Script, connection: MemoryConnection) -> None:
    """The invariant, after everything has come to its end."""
    assert script.finished == script.made
    assert len(script.fired) == script.promised
    assert not connection.protocol.factory.connections
    if not script.does("detach"):  # what comes after HTTP is not HTTP
        check_responses(script, connection)


@settings(max_examples=300)
@given(scripts)
def test_any_life(script: Script) -> None:
    before = open_files()
    with recorded_log():
        connection = play(script)
    check(script, connection)
    assert open_files() == before


@settings(max_examples=100)
@given(scripts)
def test_any_life_on_a_loop(script: Script) -> None:
    """The same with the runner for reactors that have an asyncio loop."""

    async def run() -> MemoryConnection:
        connection = play(script)
        await turns()
        return connection

    with recorded_log():
        connection = run_on_loop(run)
    check(script, connection)


def open_files() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd"))
