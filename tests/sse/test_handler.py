"""`SSEHandler`: from the request to the end of the stream."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
    connectProtocol,
)
from twisted.internet.protocol import Protocol

from cyclone.http1 import PeerGone
from cyclone.sse import Event, SSEHandler
from cyclone.testing import Client
from cyclone.web import Application, HTTPError, RequestHandler, authenticated
from tests.web.support import problems, recorded_log

from .support import EventParser, Got, Noting, Stage, events


def test_a_stream() -> None:
    stage = Stage(Noting)
    response = stage.open()
    assert (response.status, response.complete) == (200, False)
    fields = response.headers
    assert fields["Content-Type"] == "text/event-stream; charset=utf-8"
    assert fields["Cache-Control"] == "no-cache"
    assert fields["X-Accel-Buffering"] == "no"
    assert fields["Transfer-Encoding"] == "chunked"
    assert "Connection" not in fields and "Etag" not in fields and "Content-Length" not in fields
    (handler,) = stage.handlers
    handler.sendEvent("plain")
    handler.sendEvent({"a": 1}, event="patch", eid=1, retry=5)
    handler.send_event(Event("kept", "again", "2"))
    handler.sendEvent("two\nlines")
    handler.send_comment("nobody reads this")
    assert events(response) == [
        Got("plain"), Got('{"a": 1}', "patch", "1"), Got("kept", "again", "2"),
        Got("two\nlines", id="2"),
    ]  # fmt: skip
    assert stage.notes == ["bind"]
    assert handler.finish() is not None
    assert response.complete and stage.notes == ["bind", "unbind"]
    handler.sendEvent("nobody hears this")
    assert len(events(response)) == 4
    assert len(stage.app.connections) == 1 and not stage.app.streams


@pytest.mark.parametrize("arguments", [("x", "a\nb"), ("x", None, "a\rb"), (["list"],)])
def test_what_cannot_be_sent_is_the_callers_error(arguments: Any) -> None:
    stage = Stage(Noting)
    response = stage.open()
    with pytest.raises((ValueError, TypeError)):
        stage.handlers[0].sendEvent(*arguments)
    stage.handlers[0].sendEvent("fine")
    assert events(response) == [Got("fine")]


class Greeting(Noting):
    """Greets."""

    def bind(self, *args: Any) -> None:
        super().bind()
        self.sendEvent(f"hello {self.last_event_id}")


def test_a_length_makes_no_sense() -> None:
    class Sized(Greeting):
        def prepare(self) -> None:
            self.set_header("Content-Length", "3")

    response = Stage(Sized).open()
    assert "Content-Length" not in response.headers and events(response) == [Got("hello None")]


def test_events_from_bind() -> None:
    response = Stage(Greeting).open()
    assert events(response) == [Got("hello None")]


@pytest.mark.parametrize("path", ["redirect", "gone"])
def test_events_for_those_who_get_none(path: str) -> None:
    """Somebody has kept a handler that has answered otherwise, or whose client has gone."""

    class Elsewhere(Noting):
        async def prepare(self) -> None:
            if self.request.query:
                await gate
            else:
                self.redirect("/elsewhere")

    gate: Deferred[None] = Deferred()
    stage = Stage(Elsewhere)
    if path == "redirect":
        assert stage.open().status == 302
    else:
        stage.open("/?wait").disconnect()
    handler = stage.handlers[0]
    handler.sendEvent("x").addErrback(lambda failure: stage.notes.append(failure.type))
    handler.open_stream()
    assert stage.notes == [PeerGone] and handler.stream_over
    assert not stage.app.streams


def test_last_event_id() -> None:
    for sent, seen in (("17", "17"), ("gr\u00fcn \u2603", "gr\u00fcn \u2603"), ("", None)):
        stage = Stage(Greeting)
        as_bytes = sent.encode().decode("latin-1")
        assert events(stage.open(Last_Event_ID=as_bytes)) == [Got(f"hello {seen}")]


# --- who is let in -------------------------------------------------------------------------------


class Members(Noting):
    """For those who are logged in; where the decorator stands is the parameter of the test."""

    def get_login_url(self) -> str:
        return "/login"

    def get_current_user(self) -> Any:
        return self.get_cookie("user")


class BindGuarded(Members):
    @authenticated
    def bind(self, *args: Any) -> None:
        super().bind()


class GetGuarded(Members):
    @authenticated
    def get(self, *args: Any, **kwargs: Any) -> Any:
        return super().get(*args, **kwargs)


class LaterMixin(SSEHandler):
    def get_current_user(self) -> Any:
        async def user() -> Any:
            await self.settings["gate"]
            return self.get_cookie("user")

        return user()


class BindGuardedLater(LaterMixin, BindGuarded):
    pass


class GetGuardedLater(LaterMixin, GetGuarded):
    pass


@pytest.mark.parametrize("handler", [BindGuarded, GetGuarded, BindGuardedLater, GetGuardedLater])
def test_authentication_comes_first(handler: type[Noting]) -> None:
    gate: Deferred[None] = Deferred()
    stage = Stage(handler, gate=gate)
    stranger = stage.open()
    member = stage.open(Cookie="user=ada")
    gate.callback(None)
    assert (stranger.status, stranger.headers["Location"]) == (302, "/login?next=%2F")
    assert "no-cache" not in stranger.headers.get("Cache-Control", "")
    assert member.status == 200 and stage.notes == ["bind"]
    assert member.headers["Cache-Control"] == "no-store"
    member.disconnect()
    assert stage.notes == ["bind", "unbind"]


@pytest.mark.parametrize("waits", [False, True])
def test_bind_may_answer_otherwise(waits: bool) -> None:
    class Picky(Noting):
        def bind(self, *args: Any) -> Any:
            return self.answer() if waits else self.answer_now()

        async def answer(self) -> None:
            await gate
            self.answer_now()

        def answer_now(self) -> None:
            if (status := self.get_argument("status", None)) is None:
                raise HTTPError(403)
            self.set_status(int(status))
            self.finish()

    for path, status in (("/", 403), ("/?status=204", 204)):
        gate: Deferred[None] = Deferred()
        stage = Stage(Picky)
        response = stage.open(path)
        gate.callback(None)
        assert response.complete and response.status == status
        assert "event-stream" not in response.headers.get("Content-Type", "")
        assert stage.notes == []
        assert not stage.app.streams


def test_prepare_comes_first() -> None:
    class Prepared(Noting):
        async def prepare(self) -> None:
            await self.settings["gate"]
            raise HTTPError(402)

    gate: Deferred[None] = Deferred()
    stage = Stage(Prepared, gate=gate)
    response = stage.open()
    gate.callback(None)
    assert response.status == 402 and stage.notes == []


def test_methods_and_accept() -> None:
    stage = Stage(Noting)
    client = stage.client
    assert client.get("/", headers={"Accept": "text/html"}).status == 406
    assert client.head("/", headers={"Accept": "text/html"}).status == 406
    wrong = client.post("/", body=b"")
    assert wrong.status == 405
    assert wrong.headers["Allow"] == "GET, HEAD"
    head = client.head("/")
    assert head.status == 200 and head.headers["Content-Type"].startswith("text/event-stream")
    assert head.body == b"" and "Content-Length" not in head.headers and "Etag" not in head.headers
    assert stage.notes == []


def test_head_where_get_is_ones_own() -> None:
    class Own(Noting):
        async def get(self, *args: Any) -> None:
            await self.sendEvent("hello")
            self.notes.append("went on")

    stage = Stage(Own)
    with recorded_log() as log:
        head = stage.client.head("/")
    assert head.status == 200 and head.headers["Content-Type"].startswith("text/event-stream")
    assert problems(log) == [] and stage.notes == []


def test_a_get_of_ones_own_ends_the_stream() -> None:
    class Own(SSEHandler):
        @inlineCallbacks
        def get(self, *args: Any) -> Any:
            for number in range(int(self.get_argument("n"))):
                yield self.sendEvent(str(number))

    client = Stage(Own).client
    for count in (3, 0):
        response = client.get(f"/?n={count}")
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert [e.data for e in EventParser().feed(response.body)] == [*map(str, range(count))]


def test_post_may_stream_too() -> None:
    class Posted(Noting):
        def post(self, *args: Any) -> Any:
            return self.get(*args)

    stage = Stage(Posted)
    response = stage.client.open("POST", "/", body=b"{}")
    assert response.status == 200 and stage.notes == ["bind"]
    response.disconnect()
    assert stage.notes == ["bind", "unbind"]


# --- bind, with what and how ---------------------------------------------------------------------


@pytest.mark.parametrize("takes", ["nothing", "args", "one", "named"])
def test_bind_gets_what_the_route_matched_if_it_takes_it(takes: str) -> None:
    got: list[Any] = []
    bind: Any = {
        "nothing": lambda self: got.append("nothing"),
        "args": lambda self, *args: got.append(args[0]),
        "one": lambda self, room: got.append(room),
        "named": lambda self, room=None: got.append(room),
    }[takes]
    handler = type("Bound", (SSEHandler,), {"bind": bind})
    response = Stage(handler).open("/room/red")
    assert response.status == 200
    assert got == ["nothing" if takes == "nothing" else "red"]


def test_a_bind_with_other_parameters_is_an_error() -> None:
    handler = type("Bound", (SSEHandler,), {"bind": lambda self, one, two: None})
    with recorded_log() as log:
        assert Stage(handler).open("/room/red").status == 500
    assert "missing 1 required positional argument" in problems(log)[0]


def test_a_bind_that_waits_is_open_by_the_first_heartbeat() -> None:
    class Waiting(Noting):
        async def bind(self, *args: Any) -> None:
            await gate
            self.sendEvent("at last")

    gate: Deferred[None] = Deferred()
    stage = Stage(Waiting, sse_heartbeat_interval=10)
    response = stage.open()
    assert response.received == b""
    stage.client.advance(10.5)
    assert response.status == 200
    gate.callback(None)
    assert events(response) == [Got("at last")]
    response.disconnect()
    assert stage.notes == ["unbind"]


@pytest.mark.parametrize("cancel", [True, False])
def test_a_client_that_leaves_while_bind_waits(cancel: bool) -> None:
    class Waiting(Noting):
        cancel_on_disconnect = cancel

        async def bind(self, *args: Any) -> None:
            await gate
            self.notes.append(self.stream_over)
            await self.sendEvent("nobody hears this")
            self.notes.append("never")

    gate: Deferred[None] = Deferred()
    stage = Stage(Waiting)
    with recorded_log() as log:
        stage.open().disconnect()
        assert stage.notes == ["unbind"]
        if not cancel:
            gate.callback(None)
    assert stage.notes == ["unbind"] + [True] * (not cancel)
    assert problems(log) == [] and gate.called


def test_a_client_that_leaves_before_bind_is_called() -> None:
    class Waiting(Noting):
        cancel_on_disconnect = False

        async def prepare(self) -> None:
            await gate

    gate: Deferred[None] = Deferred()
    stage = Stage(Waiting)
    stage.open().disconnect()
    with recorded_log() as log:
        gate.callback(None)
    assert stage.notes == [] and problems(log) == []


@pytest.mark.parametrize("when", ["at once", "later"])
def test_an_error_in_bind_when_the_stream_is_open_ends_the_connection(when: str) -> None:
    class Failing(Noting):
        def bind(self, *args: Any) -> Any:
            self.sendEvent("so far so good")
            return self.fail_later() if when == "later" else 1 / 0

        async def fail_later(self) -> None:
            await gate
            raise ZeroDivisionError

    gate: Deferred[None] = Deferred()
    stage = Stage(Failing)
    with recorded_log() as log:
        connection = stage.client.connect()
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        gate.callback(None)
        stage.client.advance(0)
    assert b"so far" in connection.received
    assert not connection.received.endswith(b"0\r\n\r\n") and connection.closed
    assert "ZeroDivisionError" in problems(log)[0]
    assert stage.notes == ["unbind"]
    assert not stage.app.connections and not stage.app.streams


def test_errors_of_unbind_are_logged() -> None:
    class Failing(Noting):
        def unbind(self) -> Any:
            return self.fail() if self.request.query else 1 / 0

        async def fail(self) -> None:
            raise ZeroDivisionError

    for path in ("/", "/?later"):
        stage = Stage(Failing)
        with recorded_log() as log:
            stage.open(path).disconnect()
        assert "ZeroDivisionError" in problems(log)[0]


# --- the end -------------------------------------------------------------------------------------


def test_a_client_that_leaves_is_noticed_at_once_and_noted_in_the_access_log() -> None:
    logged: list[Any] = []
    stage = Stage(Noting, log_function=logged.append)
    response = stage.open()
    assert logged == []
    response.disconnect()
    assert stage.notes == ["bind", "unbind"] and logged == stage.handlers
    stage.handlers[0].finish()  # is not known to be too late, and does no harm
    assert logged == stage.handlers
    assert stage.handlers[0].stream_over
    failure = stage.handlers[0].sendEvent("x").addErrback(lambda f: f.type)
    failure.addCallback(stage.notes.append)
    assert stage.notes[-1] is PeerGone


def test_a_client_that_ends_its_side_has_gone() -> None:
    stage = Stage(Noting)
    connection = stage.client.connect()
    connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.eof()
    assert stage.notes == ["bind", "unbind"] and stage.app.connections == set()


def test_the_connection_outlives_the_stream() -> None:
    stage = Stage(Noting)
    connection = stage.client.connect()
    connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    stage.handlers[0].finish()
    stage.handlers[0].sendEvent("too late")
    stage.handlers[0].transport.write(b"too late")
    connection.send(b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n")
    assert [response.status for response in connection.responses()] == [200, 406]


def test_a_stream_that_somebody_ends_behind_our_back() -> None:
    stage = Stage(Noting)
    connection = stage.client.connect()
    connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    stage.handlers[0].request.connection.finish()
    stage.handlers[0].sendEvent("too late")
    (response,) = connection.responses()
    assert response.complete and response.body == b"" and stage.notes == ["bind", "unbind"]


def test_http_1_0() -> None:
    stage = Stage(Noting)
    connection = stage.client.connect()
    connection.send(b"GET / HTTP/1.0\r\n\r\n")
    stage.handlers[0].sendEvent("hello")
    stage.handlers[0].finish()
    stage.client.advance(0)
    (response,) = connection.responses()
    assert response.body == b"data: hello\n\n"
    assert b"\r\nConnection: close\r\n" in connection.received and connection.closed


@pytest.mark.parametrize("waits", [False, True])
def test_a_graceful_stop_ends_the_streams(waits: bool) -> None:
    class Waiting(Noting):
        def bind(self, *args: Any) -> Any:
            super().bind()
            return Deferred() if waits else None

    stage = Stage(Waiting)
    responses = [stage.open(), stage.open()]
    drained = stage.app.drain()
    stage.client.advance(0)
    assert drained.called
    assert [response.complete for response in responses] == [True, True]
    assert all(response.headers["Content-Type"].startswith("text/event") for response in responses)
    assert stage.notes == ["bind", "bind", "unbind", "unbind"]


def test_a_client_that_comes_while_the_server_stops_is_sent_away_in_good_order() -> None:
    class Streams(Noting):
        pass

    class Slow(RequestHandler):
        def get(self) -> Any:
            return gate

    gate: Deferred[None] = Deferred()
    app = Application([("/", Streams), ("/slow", Slow)])
    Streams.notes = []
    client = Client(app)
    client.open("GET", "/slow")
    connection = client.connect()
    drained = app.drain()
    connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    (response,) = connection.responses()
    assert response.status == 200 and response.complete
    assert b"\r\nConnection: close\r\n" in connection.received
    assert Streams.notes == ["bind", "unbind"]
    gate.callback(None)
    client.advance(0)
    assert drained.called


def test_a_finish_that_fails_does_not_keep_the_server_from_stopping() -> None:
    class Stubborn(Noting):
        def finish(self, chunk: Any = None) -> Any:
            raise ZeroDivisionError

    stage = Stage(Stubborn)
    stage.open()
    with recorded_log() as log:
        stage.app.drain()
        stage.client.advance(0)
    assert stage.app.connections == set() and stage.notes == ["bind", "unbind"]
    assert "Cannot end a stream of events" in problems(log)[0]


# --- heartbeats ----------------------------------------------------------------------------------


def test_heartbeats() -> None:
    stage = Stage(Noting)
    response = stage.open()
    for count in (1, 2):
        stage.client.advance(15.5)
        assert response.received == b":\n\n" * count
    response.disconnect()
    assert not stage.client.clock.getDelayedCalls()


@pytest.mark.parametrize("where", ["setting", "class", "zero"])
def test_heartbeats_of_another_interval(where: str) -> None:
    handler = Noting
    settings: dict[str, Any] = {"sse_heartbeat_interval": 0 if where == "zero" else 2}
    if where == "class":
        handler = type("Quick", (Noting,), {"heartbeat_interval": 2})
        settings = {}
    stage = Stage(handler, **settings)
    response = stage.open()
    stage.client.advance(5, steps=10)
    assert response.received.count(b":\n\n") == (0 if where == "zero" else 2)


def test_one_timer_serves_all() -> None:
    stage = Stage(Noting)
    for _ in range(10):
        stage.open()
    assert len(stage.client.clock.getDelayedCalls()) == 1


@pytest.mark.parametrize("answers", [False, True])
def test_a_heartbeat_that_reaches_nobody_ends_the_stream(
    answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not that of a program that does not read, whose system answers for it."""
    stage = Stage(Noting, sse_heartbeat_interval=5)
    response = stage.open()
    acknowledged = [10, 13, 13]
    outbox = type(stage.handlers[0].request.connection.outbox)
    monkeypatch.setattr(outbox, "progress", lambda _: acknowledged.pop(0))
    monkeypatch.setattr(outbox, "unanswered", lambda _: not answers)
    for beats in (1, 2):
        stage.client.advance(5.5)
        assert response.received == b":\n\n" * beats
    stage.client.advance(5.5)
    assert acknowledged == []
    if answers:
        assert response.received == b":\n\n" * 3
        response.disconnect()
    assert stage.notes == ["bind", "unbind"]
    assert not stage.app.connections and not stage.app.streams


# --- handlers whose ends fail --------------------------------------------------------------------


def test_a_stream_that_fails_to_say_what_has_failed() -> None:
    class Failing(Noting):
        def bind(self, *args: Any) -> Any:
            self.stream(self.rows())

        async def rows(self) -> Any:
            yield "one"
            raise ValueError("rows")

        def log_exception(self, *error: Any) -> None:
            raise RuntimeError("log_exception")

    stage = Stage(Failing)
    with recorded_log():
        stage.open()
    assert not stage.app.connections and not stage.app.streams


def test_a_watcher_that_fails_keeps_nobody_from_hearing_of_the_end() -> None:
    stage = Stage(Noting)
    response = stage.open()
    handler = stage.handlers[0]
    handler.when_closed(lambda: 1 / 0)
    handler.when_closed(lambda: stage.notes.append("watcher"))
    forget = handler.when_closed(lambda: stage.notes.append("forgotten"))
    forget()
    with recorded_log() as lines:
        response.disconnect()
    forget()
    assert sorted(stage.notes) == ["bind", "unbind", "watcher"]
    assert len(problems(lines)) == 1
    handler.when_closed(lambda: stage.notes.append("late"))()
    assert stage.notes[-1] == "late"


# --- settings, compression -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("sse_heartbeat_interval", "soon"),
        ("sse_heartbeat_interval", -1),
        ("sse_write_buffer_limit", None),
        ("sse_write_buffer_limit", True),
        ("sse_write_buffer_policy", "drop"),
    ],
)
def test_a_wrong_setting_is_answered_with_500(setting: str, value: Any) -> None:
    stage = Stage(Noting, **{setting: value})
    with recorded_log() as log:
        assert stage.open().status == 500
    assert setting in problems(log)[0]
    assert stage.notes == []


@pytest.mark.parametrize("codings", [None, ["gzip"]])
def test_compression_when_asked(codings: Any) -> None:
    stage = Stage(Noting, sse_compress_events=True, compress_codings=codings)
    response = stage.open(Accept_Encoding="gzip")
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Vary"] == "Accept-Encoding"
    handler = stage.handlers[0]
    for text in ("hello", "hello again"):  # each can be read as it comes
        handler.sendEvent(text)
        decoded = _gunzipped(response.received)
        assert EventParser().feed(decoded)[-1] == Got(text)
    stage.client.advance(15.5)
    assert EventParser().feed(_gunzipped(response.received)) and b"\n:\n" in _gunzipped(
        response.received
    )
    handler.finish()
    assert gzip.decompress(response.received).count(b"data:") == 2


def _gunzipped(data: bytes) -> bytes:
    return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data)


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({}, {"Accept_Encoding": "gzip"}),
        ({"compress_response": True}, {"Accept_Encoding": "gzip"}),
        ({"sse_compress_events": True}, {}),
    ],
)
def test_no_compression_unless_asked(settings: Any, fields: Any) -> None:
    stage = Stage(Noting, **settings)
    response = stage.open(**fields)
    assert "Content-Encoding" not in response.headers
    assert stage.handlers[0].event_stream.direct is not None  # the short way
    stage.handlers[0].sendEvent("hello")
    assert response.received == b"data: hello\n\n"


def test_secrets_are_not_compressed() -> None:
    stage = Stage(BindGuarded, sse_compress_events=True)
    response = stage.open(Accept_Encoding="gzip", Cookie="user=ada")
    assert response.headers["Cache-Control"] == "no-store"
    assert "Content-Encoding" not in response.headers


# --- sockets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_live_clients_are_not_taken_for_gone(kind: str, tmp_path: Path) -> None:
    from twisted.internet import reactor

    class Beating(Noting):
        notes: list[Any] = []

    gone: Deferred[None] = Deferred()
    logged: list[str] = []
    app = Application(
        [("/", Beating)],
        sse_heartbeat_interval=0.5,
        log_function=lambda handler: logged.append(handler.request.remote_ip),
    )
    Beating.unbind = lambda self: gone.callback(None)  # type: ignore[method-assign]
    if kind == "tcp":
        port = reactor.listenTCP(0, app, interface="127.0.0.1")
        endpoint: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    else:
        port = reactor.listenUNIX(str(tmp_path / "s"), app)
        endpoint = UNIXClientEndpoint(reactor, str(tmp_path / "s"))

    class Reader(Protocol):
        data = b""

        def __init__(self) -> None:
            self.three: Deferred[None] = Deferred()
            self.lost: Deferred[Any] = Deferred()

        def dataReceived(self, data: bytes) -> None:
            self.data += data
            if self.data.count(b":\n\n") == 3 and not self.three.called:
                self.three.callback(None)

        def connectionLost(self, reason: Any = None) -> None:
            self.lost.callback(None)

    reader = await connectProtocol(endpoint, Reader())
    reader.transport.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.three
    assert Beating.notes == ["bind"] and not gone.called
    reader.transport.loseConnection()
    await gone  # at once, not with the next heartbeat
    await reader.lost
    await port.stopListening()
    assert len(logged) == 1 and not app.connections and not app.streams
