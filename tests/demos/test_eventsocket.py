"""demos/eventsocket: the protocol, both its ends, and what pages get of it."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.test import iosim

from cyclone.testing import Client
from tests.demos.loading import DEMOS
from tests.sse.support import EventParser

sys.path.append(str(DEMOS / "eventsocket"))
messages = importlib.import_module("switchboard.messages")
fake = importlib.import_module("switchboard.fake")
client_module = importlib.import_module("switchboard.client")
Switchboard = importlib.import_module("switchboard").Switchboard
sys.path.remove(str(DEMOS / "eventsocket"))

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


# --- framing -------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=40), max_size=5), st.integers(1, 50))
def test_messages_come_back_however_they_are_cut(bodies: list[bytes], size: int) -> None:
    stream = b"".join(messages.message(body, content_type="a/b") for body in bodies)
    reader, found = messages.Reader(), []
    for start in range(0, len(stream), size):
        found += reader.feed(stream[start : start + size])
    assert [each.body for each in found] == bodies
    assert all(each.kind == "a/b" for each in found)


@given(st.binary(max_size=200))
def test_noise(data: bytes) -> None:
    reader = messages.Reader(most_header=100, most_body=10)
    try:
        for each in reader.feed(data):
            assert len(each.body) <= 10
    except messages.ProtocolError:
        pass


@pytest.mark.parametrize(
    "data",
    [
        b"x" * 70_000,
        b"Content-Length: -1\n\n",
        b"Content-Length: x\n\n",
        b"Content-Length: 99999999\n\n",
        b"Content-Length: " + b"9" * 5000 + b"\n\n",
    ],
)
def test_what_is_too_much(data: bytes) -> None:
    with pytest.raises(messages.ProtocolError):
        messages.Reader().feed(data)


@pytest.mark.parametrize("words", [("auth", "x\n\napi shutdown"), ("a\rb",), ("a\0",)])
def test_a_command_is_one_line(words: Any) -> None:
    with pytest.raises(ValueError, match="no command"):
        messages.command(*words)
    assert messages.command("api", "status") == b"api status\n\n"


# --- both ends -----------------------------------------------------------------------------------


class Line:
    """A switchboard that is connected to a switch, in memory."""

    def __init__(self, password: str = fake.PASSWORD) -> None:
        self.app = Switchboard()
        self.board = self.app.board
        self.switch = fake.Switch(clock=Clock())
        self.client = client_module.Client(password, self.board.told, self.board.state)
        session = self.switch.buildProtocol(None)
        _, _, self.pump = iosim.connectedServerAndClient(lambda: session, lambda: self.client)
        self.session = session
        self.pump.flush()
        self.web = Client(self.app)

    def post(self, path: str, **fields: str) -> Any:
        pending = self.web.open("POST", path, headers=FORM, body=urlencode(fields).encode())
        self.pump.flush()
        return pending.response

    def events(self, pending: Any) -> list[tuple[str, Any]]:
        self.pump.flush()
        return [(got.type, json.loads(got.data)) for got in EventParser().feed(pending.received)]


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.client.transport.abortConnection()
    line.pump.flush()


def test_calls_are_shown_while_they_happen(line: Line) -> None:
    page = line.web.open("GET", "/calls")
    assert line.events(page) == [("whole", {"connected": True, "calls": []})]
    assert line.post("/call", caller="hedy", callee="elisha").status == 204
    kind, call = line.events(page)[-1]
    assert (kind, call["caller"], call["callee"], call["state"]) == (
        *("call", "Hedy", "Elisha"),
        "ringing",
    )
    line.switch.answer(call["key"])
    assert line.events(page)[-1][1]["state"] == "talking"
    late = line.web.open("GET", "/calls")
    assert line.events(late)[0][1]["calls"][0]["state"] == "talking"
    assert line.post("/hang-up", key=call["key"]).status == 204
    assert line.events(page)[-1] == ("over", {"key": call["key"], "cause": "MANAGER_REQUEST"})
    assert not line.board.calls
    page.disconnect()
    late.disconnect()


def test_the_switch_goes(line: Line) -> None:
    page = line.web.open("GET", "/calls")
    line.switch.begin("Ada", "Grace")
    line.pump.flush()
    assert line.board.calls
    waiting = line.web.open("POST", "/call", headers=FORM, body=b"caller=Ada&callee=Grace")
    line.session.transport.abortConnection()
    assert line.events(page)[-1] == ("whole", {"connected": False, "calls": []})
    assert waiting.response.status == 503
    assert line.post("/call", caller="Ada", callee="Grace").status == 503
    failed: list[Any] = []
    line.client.send("api", "status").addErrback(failed.append)
    assert failed[0].check(ConnectionLost)
    page.disconnect()


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/call", {"caller": "Ada"}, 400),
        ("/call", {"caller": "Ada", "callee": "Grace Hopper"}, 400),
        ("/call", {"caller": "Ada\n\napi", "callee": "Grace"}, 400),
        ("/call", {"caller": "x" * 21, "callee": "Grace"}, 400),
        ("/hang-up", {"key": "all"}, 400),
        ("/hang-up", {"key": "0" * 36}, 409),
    ],
)
def test_what_visitors_may_say(line: Line, path: str, fields: Any, status: int) -> None:
    assert line.post(path, **fields).status == status
    assert not line.switch.calls


def test_lines_are_busy(line: Line) -> None:
    statuses = {line.post("/call", caller="Ada", callee="Grace").status for _ in range(12)}
    assert statuses == {204}
    answer = line.post("/call", caller="Ada", callee="Grace")
    assert answer.status == 409 and "CONGESTION" in answer.json()["error"]


def test_a_wrong_password() -> None:
    line = Line("wrong")
    assert line.board.client is None and line.client.transport.disconnected
    line.pump.flush()


@pytest.mark.parametrize(
    "data",
    [
        messages.message(b"{", content_type="text/event-json"),
        messages.message(
            b'{"Unique-ID": "x", "Event-Name": "CHANNEL_CREATE", "Event-Date-Timestamp": null}',
            content_type="text/event-json",
        ),
        messages.message(
            b'{"Unique-ID": "x", "Event-Name": "CHANNEL_CREATE", "Event-Date-Timestamp": Infinity}',
            content_type="text/event-json",
        ),
        messages.message(b"[" * 100_000, content_type="text/event-json"),
        b"Content-Length: nonsense\n\n",
    ],
)
def test_a_switch_that_makes_no_sense(data: bytes) -> None:
    board = Switchboard().board
    client = client_module.Client("x", board.told, board.state)
    transport = StringTransport()
    client.makeConnection(transport)
    client.dataReceived(data)
    assert transport.disconnected


def test_a_switch_that_says_nothing() -> None:
    clock, board = Clock(), Switchboard().board
    client = client_module.Client("x", board.told, board.state, clock)
    transport = StringTransport()
    client.makeConnection(transport)
    heart = messages.message(b'{"Event-Name": "HEARTBEAT"}', content_type="text/event-json")
    for _ in range(5):
        clock.advance(client_module.SILENCE - 1)
        assert not transport.disconnected
        client.dataReceived(heart)
    clock.advance(client_module.SILENCE)
    assert transport.disconnected
    client.connectionLost(Failure(ConnectionLost()))
    assert not clock.getDelayedCalls()


def test_a_switch_that_turns_us_away() -> None:
    board = Switchboard().board
    client = client_module.Client("x", board.told, board.state)
    transport = StringTransport()
    client.makeConnection(transport)
    client.dataReceived(messages.message(b"go away", content_type="text/rude-rejection"))
    assert transport.disconnecting


def test_a_telephone_that_rings_holds_up_nobody() -> None:
    clock, board = Clock(), Switchboard().board
    client = client_module.Client("x", board.told, board.state, clock)
    transport = StringTransport()
    client.makeConnection(transport)
    results: list[Any] = []
    for callee in ("a", "b", "c"):
        words = ("originate", "user/x", f"&bridge(user/{callee})")
        Deferred.fromCoroutine(client.job(*words)).addBoth(results.append)
    sent = messages.Reader().feed(transport.value())
    assert sent[0].line == "bgapi originate user/x &bridge(user/a)"
    keys = [each.fields["job-uuid"] for each in sent]
    for _ in sent:
        client.dataReceived(messages.message(content_type="command/reply", reply_text="+OK"))
    for key, body in ((keys[1], "+OK call"), (keys[0], "-ERR BUSY"), ("of others", "+OK")):
        event = {"Event-Name": "BACKGROUND_JOB", "Job-UUID": key, "_body": body}
        data = json.dumps(event).encode()
        client.dataReceived(messages.message(data, content_type="text/event-json"))
    assert results[0] == "+OK call" and results[1].check(client_module.Refused)
    for _ in range(3):
        clock.advance(client_module.LONG_PATIENCE / 3)
        client.dataReceived(b"\n")
    assert "too long" in results[2].getErrorMessage() and not transport.disconnected
    Deferred.fromCoroutine(client.job("originate")).addBoth(results.append)
    client.dataReceived(messages.message(content_type="command/reply", reply_text="+OK"))
    client.connectionLost(Failure(ConnectionLost()))
    assert results[3].check(ConnectionLost) and not clock.getDelayedCalls()


def test_a_switch_that_does_not_reply() -> None:
    clock, board = Clock(), Switchboard().board
    client = client_module.Client("x", board.told, board.state, clock)
    transport = StringTransport()
    client.makeConnection(transport)
    failed: list[Any] = []
    client.send("api", "status")
    client.dataReceived(messages.message(b"UP", content_type="api/response"))
    assert len(clock.getDelayedCalls()) == 1  # of the silence
    client.send("api", "status").addErrback(failed.append)
    clock.advance(9)
    assert not transport.disconnected
    clock.advance(1)
    assert transport.disconnected
    client.connectionLost(Failure(ConnectionLost()))
    assert failed[0].check(ConnectionLost) and not clock.getDelayedCalls()


def test_the_switch_minds_who_commands() -> None:
    switch = fake.Switch(clock=Clock())
    session = switch.buildProtocol(None)
    transport = StringTransport()
    session.makeConnection(transport)

    def said(line: bytes) -> bytes:
        transport.clear()
        session.dataReceived(line + b"\n\n")
        return bytes(transport.value())

    assert b"-ERR not authenticated" in said(b"api originate user/a user/b")
    assert b"-ERR invalid" in said(b"auth clueCon")
    assert b"+OK accepted" in said(b"auth ClueCon")
    assert b"UP: 0 session" in said(b"api status")
    assert b"-ERR shutdown command not found" in said(b"api shutdown")
    assert b"-ERR command not found" in said(b"nonsense")
    assert b"-ERR" in said(b"api uuid_kill x")
    assert b"disconnect-notice" in said(b"exit") and transport.disconnecting


def test_people_call_each_other() -> None:
    clock = Clock()
    switch = fake.Switch(clock=clock)
    switch.start()
    states, most = set(), 0
    for _ in range(200):
        clock.advance(1)
        states |= {call["state"] for call in switch.calls.values()}
        most = max(most, len(switch.calls))
    assert states == {"ringing", "talking"} and 0 < most <= fake.BUSY < fake.MOST_CALLS
    switch.stop()
    assert not clock.getDelayedCalls()
