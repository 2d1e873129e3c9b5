"""Handlers: both sets of names, order, what surrounds the upgrade, the end, and time."""

from __future__ import annotations

import contextvars
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from cyclone.testing import MemoryConnection
from cyclone.web import Application, RequestHandler
from cyclone.websocket import WebSocketClosedError, WebSocketHandler
from cyclone.websocket.deflate import Parameters
from cyclone.websocket.session import Close, Ping, Pong
from tests.web.support import problems, recorded_log

from .frames import frame
from .support import ACCEPT, Peer, request, serve

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Echo(WebSocketHandler):
    def on_message(self, message: str | bytes) -> Any:
        return self.write_message(message, isinstance(message, bytes))


class Noting(WebSocketHandler):
    """Notes what happens; waits for `gates` where there are any."""

    notes: list[Any]
    gates: list[Deferred[Any]]

    def open(self, *args: Any, **kwargs: Any) -> Any:
        self.notes.append("open")

    async def on_message(self, message: str | bytes) -> None:
        self.notes.append(message)
        if self.gates:
            await self.gates.pop(0)
            self.notes.append(f"did {message!r}")

    def on_close(self) -> None:
        self.notes.append(("close", self.close_code, self.close_reason))

    def on_ping(self, data: bytes) -> None:
        self.notes.append(("ping", data))

    def on_pong(self, data: bytes) -> None:
        self.notes.append(("pong", data))


def noting(count: int = 0) -> tuple[type[Noting], list[Any], list[Deferred[Any]]]:
    notes: list[Any] = []
    gates: list[Deferred[Any]] = [Deferred() for _ in range(count)]
    kind = type("Noting_", (Noting,), {"notes": notes, "gates": list(gates)})
    return kind, notes, gates


# -- opening


def test_it_opens_and_echoes() -> None:
    peer = Peer(serve(Echo))
    assert peer.status == 101
    assert peer.fields["sec-websocket-accept"] == ACCEPT
    assert peer.fields["upgrade"] == "websocket"
    assert peer.fields["connection"] == "Upgrade"
    assert "content-type" not in peer.fields
    assert peer.say("a", b"b", "") == ["a", b"b", ""]
    assert peer.close(4000, "bye") == [Close(4000, "")]
    assert peer.link.closed


def test_what_follows_the_request_at_once_is_not_lost() -> None:
    peer = Peer(serve(Echo), follow=frame(TEXT, b"early"))
    assert peer.events() == ["early"]


def test_what_has_come_in_single_bytes() -> None:
    peer = Peer(serve(Echo))
    peer.link.send_split(frame(TEXT, b"piece") + frame(BINARY, b"x" * 200))
    assert peer.events() == ["piece", b"x" * 200]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Upgrade": None}, 400),
        ({"Upgrade": "h2c"}, 400),
        ({"Connection": "close"}, 400),
        ({"Sec-WebSocket-Version": "12"}, 426),
        ({"Sec-WebSocket-Version": None}, 426),
        ({"Sec-WebSocket-Key": None}, 400),
        ({"Sec-WebSocket-Key": "c2hvcnQ="}, 400),
        ({"Sec-WebSocket-Key": "!"}, 400),
        ({"Sec-WebSocket-Protocol": "a,,b"}, 400),
        ({"Sec-WebSocket-Extensions": ";"}, 400),
        ({"Sec-WebSocket-Extensions": "a b"}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://a.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://a.example"}, 101),
        ({"Upgrade": "WebSocket"}, 101),
    ],
)
def test_class_16_requests_that_open_nothing(fields: dict[str, str | None], status: int) -> None:
    peer = Peer(serve(Echo), fields=fields)
    assert peer.status == status
    if status == 426:
        assert peer.fields["sec-websocket-version"] == "13"
    if status != 101 and fields.get("Connection") != "close":
        # The connection lives: the next request is answered.
        peer.link.send(request())
        assert b"HTTP/1.1 101" in peer.link.received


def test_other_requests() -> None:
    app = serve(Echo)
    old = MemoryConnection(app)
    old.send(request().replace(b"HTTP/1.1\r\n", b"HTTP/1.0\r\n"))
    assert old.received.startswith(b"HTTP/1.1 400")
    post = MemoryConnection(app)
    post.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    assert post.received.startswith(b"HTTP/1.1 405")


def test_class_16_origins_that_are_trusted() -> None:
    origin: dict[str, str | None] = {"Origin": "http://b.example"}
    assert Peer(serve(Echo, trusted_origins=["http://b.example"]), fields=origin).status == 101
    permissive = type("P", (Echo,), {"check_origin": lambda self, origin: True})
    assert Peer(serve(permissive), fields=origin).status == 101


def test_class_16_an_asynchronous_check_lets_nobody_in() -> None:
    class Checks(Echo):
        async def check_origin(self, origin: str) -> bool:  # type: ignore[override]
            return True

    with recorded_log():
        assert Peer(serve(Checks), fields={"Origin": "http://b.example"}).status == 500


def test_what_surrounds_the_upgrade() -> None:
    seen: list[Any] = []
    var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="none")

    class Around(WebSocketHandler):
        async def prepare(self) -> None:
            var.set("prepared")
            self.set_header("X-Own", "yes")
            self.set_cookie("c", "v")
            seen.append(self.current_user)

        def get_current_user(self) -> Any:
            return self.get_cookie("user")

        def open(self, room: str | None = None) -> None:
            seen.append(room)

        def on_message(self, message: Any) -> None:
            seen.append(var.get())

        def on_finish(self) -> None:
            seen.append("finish")

    lines: list[int] = []
    app = serve(Around, log_function=lambda h: lines.append(h.get_status()), xsrf_cookies=True)
    peer = Peer(app, "/room/x", fields={"Cookie": "user=joe"})
    assert peer.status == 101
    assert peer.fields["x-own"] == "yes"
    assert peer.fields["set-cookie"].startswith("c=v")
    peer.say("m")
    assert seen == ["joe", "finish", "x", "prepared"]
    assert lines == [101]


def test_a_log_function_that_fails_does_no_harm() -> None:
    def fail(handler: Any) -> None:
        raise ZeroDivisionError

    with recorded_log() as lines:
        assert Peer(serve(Echo, log_function=fail)).say("x") == ["x"]
    assert "log_request" in problems(lines)[0]


def test_prepare_may_answer_itself() -> None:
    class Refuses(Echo):
        def prepare(self) -> None:
            self.set_status(401)
            self.finish()

    assert Peer(serve(Refuses)).status == 401


@pytest.mark.parametrize(("offer", "selected"), [("b, good", "good"), ("b", None), (None, None)])
def test_subprotocols(offer: str | None, selected: str | None) -> None:
    class Selects(WebSocketHandler):
        def select_subprotocol(self, subprotocols: list[str]) -> str | None:
            return "good" if "good" in subprotocols else None

        def open(self) -> None:
            self.write_message(str(self.selected_subprotocol))

    peer = Peer(Application([("/", Selects)]), fields={"Sec-WebSocket-Protocol": offer})
    assert peer.fields.get("sec-websocket-protocol") == selected
    assert peer.events() == [str(selected)]


def test_a_subprotocol_that_was_not_offered() -> None:
    kind = type("S", (Echo,), {"select_subprotocol": lambda self, offered: "other"})
    with recorded_log() as lines:
        assert Peer(serve(kind), fields={"Sec-WebSocket-Protocol": "a"}).status == 500
    assert "not offered" in problems(lines)[0]


@pytest.mark.parametrize("leaves", [True, False])
def test_what_happens_while_prepare_waits(leaves: bool) -> None:
    gate: Deferred[None] = Deferred()
    kind, notes, _ = noting()
    kind = type("P", (kind,), {"prepare": lambda self: gate})
    app = serve(kind)
    link = MemoryConnection(app)
    link.send(request())
    if leaves:
        link.disconnect()
        gate.callback(None)
        assert not app.connections
    else:
        drained = app.drain(10)
        gate.callback(None)
        assert link.received.startswith(b"HTTP/1.1 503")
        link.advance(3, steps=6)
        assert drained.called
    assert notes == []


def compressing(**options: Any) -> type[WebSocketHandler]:
    return type("C", (Echo,), {"get_compression_options": lambda self: options})


def test_compression() -> None:
    offer: dict[str, str | None] = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    peer = Peer(serve(compressing()), fields=offer, parameters=Parameters())
    assert peer.fields["sec-websocket-extensions"] == "permessage-deflate"
    assert peer.say("a" * 1000, b"b" * 1000, "") == ["a" * 1000, b"b" * 1000, ""]
    assert "sec-websocket-extensions" not in Peer(serve(Echo), fields=offer).fields
    assert "sec-websocket-extensions" not in Peer(serve(compressing())).fields


def test_class_16_a_bomb_is_closed_with_1009() -> None:
    offer: dict[str, str | None] = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    app = serve(compressing(), websocket_max_message_size=1000)
    peer = Peer(app, fields=offer, parameters=Parameters())
    assert peer.say("a" * 1001) == [Close(1009, "message too big")]


def test_wrong_compression_options_are_found_out() -> None:
    offer: dict[str, str | None] = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    with recorded_log() as lines:
        assert Peer(serve(compressing(level=1)), fields=offer).status == 500
    assert "unknown 'level'" in problems(lines)[0]


def test_no_response_can_be_made_any_more() -> None:
    def attempts(self: WebSocketHandler) -> None:
        for call in (
            lambda: self.write("x"),
            lambda: self.redirect("/"),
            lambda: self.set_header("X", "x"),
            lambda: self.add_header("X", "x"),
            lambda: self.set_cookie("c", "v"),
            lambda: self.set_status(503),
            self.flush,
            self.finish,
            lambda: self.forbidConnection("no"),
        ):
            with pytest.raises(RuntimeError):
                call()
        self.write_message("done")

    kind = type("A", (WebSocketHandler,), {"open": attempts})
    assert Peer(Application([("/", kind)])).events() == ["done"]


# -- messages


def test_messages_are_handled_in_order() -> None:
    kind, notes, gates = noting(2)
    peer = Peer(serve(kind))
    peer.say("1", "2", "3")
    assert notes == ["open", "1"]
    gates[0].callback(None)
    assert notes == ["open", "1", "did '1'", "2"]
    gates[1].callback(None)
    assert notes == ["open", "1", "did '1'", "2", "did '2'", "3"]


def test_pings_are_answered_while_a_message_is_handled() -> None:
    kind, notes, gates = noting(1)
    peer = Peer(serve(kind))
    peer.say("1", "2")
    assert peer.raw(frame(PING, b"x") + frame(PONG, b"y")) == [Pong(b"x")]
    assert notes == ["open", "1", ("ping", b"x"), ("pong", b"y")]
    peer.close()
    gates[0].callback(None)
    peer.link.advance(0)
    assert notes[-2:] == ["2", ("close", 1000, "")]


def test_class_16_while_one_is_handled_the_transport_is_paused_beyond_a_bound() -> None:
    kind, notes, gates = noting(1)
    peer = Peer(serve(kind))
    peer.say("first")
    assert not peer.link.transport.paused
    for _ in range(40):
        peer.say(b"x" * 8000)
    assert peer.link.transport.paused
    gates[0].callback(None)
    peer.link.advance(0)
    assert not peer.link.transport.paused
    assert len(notes) == 2 + 1 + 40


def test_class_16_small_messages_read_ahead_are_counted() -> None:
    kind, notes, gates = noting(1)
    peer = Peer(serve(kind))
    peer.say(*["m"] * 100)
    assert peer.link.transport.paused
    gates[0].callback(None)
    peer.link.advance(0)
    assert len(notes) == 102
    assert not peer.link.transport.paused


def test_the_first_message_waits_for_open() -> None:
    gate: Deferred[None] = Deferred()
    notes: list[str] = []

    class Opens(WebSocketHandler):
        async def open(self) -> None:
            await gate
            notes.append("open")

        def on_message(self, message: Any) -> None:
            notes.append(message)

    peer = Peer(Application([("/", Opens)]))
    peer.say("m")
    assert notes == []
    gate.callback(None)
    assert notes == ["open", "m"]


def test_class_6_many_messages_let_others_have_their_turn() -> None:
    kind, notes, _ = noting()
    app = serve(kind)
    peer = Peer(app)
    peer.link.transport.deliver(frame(TEXT, b"x") * 1000)
    assert 100 < len(notes) < 300
    peer.link.advance(0)
    assert len(notes) == 1001


def test_messages_of_many_kinds() -> None:
    def send(self: WebSocketHandler) -> None:
        self.write_message({"a": 1})
        self.write_message(b"text")
        self.write_message("binary", binary=True)
        with pytest.raises(TypeError, match="not int"):
            self.write_message(1)  # type: ignore[arg-type]
        self.ping("é")
        with pytest.raises(ValueError, match="at most 125"):
            self.ping("x" * 126)

    kind = type("S", (WebSocketHandler,), {"open": send})
    events = Peer(Application([("/", kind)])).events()
    assert events == ['{"a": 1}', "text", b"binary", Ping("é".encode())]


def test_what_is_written_in_one_event_leaves_together_over_tls() -> None:
    peer = Peer(serve(Echo), tls=True)
    writes: list[bytes] = []
    original = peer.link.transport.write
    peer.link.transport.write = lambda data: (writes.append(data), original(data))[1]  # type: ignore[method-assign,func-returns-value]
    connection = peer.link.protocol._successor
    connection.outbox._write = peer.link.transport.write
    assert peer.say("a", "b", "c", "d") == ["a", "b", "c", "d"]
    assert len(writes) <= 2


# -- the end


def test_the_server_closes() -> None:
    def leave(self: WebSocketHandler) -> None:
        self.close(1001, "goodbye")
        self.close(1000)
        with pytest.raises(WebSocketClosedError):
            self.write_message("late")
        with pytest.raises(WebSocketClosedError):
            self.ping()

    kind, notes, _ = noting()
    kind = type("L", (kind,), {"open": leave})
    peer = Peer(Application([("/", kind)]))
    assert peer.events() == [Close(1001, "goodbye")]
    peer.say("late")
    assert not peer.link.closed
    peer.close(1001, "me too")
    assert peer.link.closed
    assert notes == [("close", 1001, "me too")]


def test_a_peer_that_does_not_answer_the_close() -> None:
    kind, notes, _ = noting()
    kind = type("L", (kind,), {"open": lambda self: self.close()})
    peer = Peer(Application([("/", kind)], websocket_close_timeout=3))
    assert peer.events() == [Close(None, "")]
    peer.link.advance(2)
    assert not peer.link.closed
    peer.link.advance(2, steps=4)
    assert peer.link.closed
    assert notes == [("close", None, None)]


def test_a_close_frame_must_not_bear_any_code() -> None:
    handlers: list[WebSocketHandler] = []
    kind = type("K", (Echo,), {"open": lambda self, **_: handlers.append(self)})
    peer = Peer(serve(kind))
    for code, reason in ((1005, ""), (999, ""), (1000, "x" * 124)):
        with pytest.raises(ValueError, match="close frame"):
            handlers[0].close(code, reason)
    assert peer.say("still") == ["still"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"x", key=None), 1002),
        (frame(BINARY, size=1 << 30), 1009),
        (frame(3), 1002),
        (frame(CLOSE, b"\x00"), 1002),
    ],
)
def test_class_16_a_peer_that_breaks_rules(data: bytes, code: int) -> None:
    kind, notes, _ = noting()
    peer = Peer(serve(kind))
    [event] = peer.raw(data)
    assert event.code == code
    # Half-closed, so that the peer can read why; then it has some time to leave.
    assert peer.link.transport.write_closed
    assert not peer.link.transport.disconnected
    peer.link.send(b"more" * 100)
    peer.link.advance(3, steps=6)
    assert peer.link.transport.disconnected
    assert notes == ["open", ("close", None, None)]


def test_a_peer_that_breaks_rules_and_leaves() -> None:
    peer = Peer(serve(Echo))
    peer.raw(frame(3))
    peer.link.eof()
    assert peer.link.transport.disconnected


def test_over_tls_there_is_no_half_close() -> None:
    peer = Peer(serve(Echo), tls=True)
    peer.raw(frame(3))
    assert peer.link.transport.disconnected


def test_a_peer_that_breaks_rules_after_our_close() -> None:
    kind = type("L", (Echo,), {"open": lambda self, **_: self.close()})
    peer = Peer(serve(kind))
    peer.raw(frame(3))
    assert peer.link.closed


@pytest.mark.parametrize("way", ["disconnect", "eof"])
def test_a_peer_that_just_leaves(way: str) -> None:
    kind, notes, _ = noting()
    peer = Peer(serve(kind))
    getattr(peer.link, way)()
    assert notes == ["open", ("close", None, None)]
    assert peer.link.closed


def test_on_close_is_called_while_a_message_is_handled() -> None:
    kind, notes, gates = noting(1)
    peer = Peer(serve(kind))
    peer.say("1")
    peer.link.disconnect()
    assert notes == ["open", "1", ("close", None, None)]
    gates[0].callback(None)
    assert notes[-1] == "did '1'"


@pytest.mark.parametrize("way", ["close", "disconnect", "eof"])
def test_what_came_before_the_end_is_handled_before_on_close(way: str) -> None:
    kind, notes, gates = noting(2)
    app = serve(kind)
    peer = Peer(app)
    peer.say("1", "2", "3")
    if way == "close":
        peer.close(4001, "bye")
        peer.link.disconnect()
    else:
        getattr(peer.link, way)()
    assert app.connections == set()
    assert notes == ["open", "1"]
    gates[0].callback(None)
    gates[1].callback(None)
    closed = (4001, "bye") if way == "close" else (None, None)
    assert notes[1:] == ["1", "did '1'", "2", "did '2'", "3", ("close", *closed)]


def test_what_came_before_open_was_done_is_handled_when_the_peer_has_gone() -> None:
    kind, notes, gates = noting(1)
    kind.open = lambda self, **_: self.gates.pop(0)  # type: ignore[method-assign]
    peer = Peer(serve(kind))
    peer.say("1")
    peer.link.disconnect()
    assert notes == []
    gates[0].callback(None)
    assert notes == ["1", ("close", None, None)]


def test_many_messages_before_the_end() -> None:
    kind, notes, _ = noting()
    peer = Peer(serve(kind))
    peer.link.transport.deliver(peer.session.encode("x") * 300)  # more than one turn handles
    assert len(notes) < 300
    peer.link.disconnect()
    peer.link.advance(0)
    assert notes[1:] == ["x"] * 300 + [("close", None, None)]


def test_answers_to_a_peer_that_has_gone_hinder_nothing() -> None:
    notes: list[Any] = []
    gate: Deferred[None] = Deferred()

    class Answers(WebSocketHandler):
        async def on_message(self, message: Any) -> None:
            notes.append(message)
            await gate
            await self.write_message(message)

        def on_close(self) -> None:
            notes.append("close")

    with recorded_log() as lines:
        peer = Peer(serve(Answers))
        peer.say("1", "2")
        peer.link.disconnect()
        gate.callback(None)
    assert notes == ["1", "2", "close"]
    assert problems(lines) == []


def test_an_exception_is_the_end_also_when_the_peer_has_gone() -> None:
    notes: list[Any] = []
    gate: Deferred[None] = Deferred()

    class Breaks(WebSocketHandler):
        async def on_message(self, message: Any) -> None:
            notes.append(message)
            await gate
            raise ZeroDivisionError

        def on_close(self) -> None:
            notes.append("close")

    with recorded_log() as lines:
        peer = Peer(serve(Breaks))
        peer.say("1", "2")
        peer.link.disconnect()
        gate.callback(None)
    assert notes == ["1", "close"]
    assert len(problems(lines)) == 1


def test_who_waits_for_a_slow_peer_goes_on_when_it_is_gone() -> None:
    kind, notes, _ = noting()

    def answer(self: Any, message: Any) -> None:
        self.notes.append(message)
        self.write_message("x" * 200_000)

    kind.on_message = answer  # type: ignore[assignment,method-assign]
    peer = Peer(serve(kind))
    peer.link.hold()
    peer.say("1", "2")
    assert notes == ["open", "1"]
    peer.link.disconnect()
    assert notes == ["open", "1", "2", ("close", None, None)]


async def _fails_later(self: Any, *args: Any, **kwargs: Any) -> None:
    raise ZeroDivisionError


def _fails(self: Any, *args: Any, **kwargs: Any) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("fails", [_fails, _fails_later])
@pytest.mark.parametrize("where", ["open", "on_message", "on_ping", "on_pong", "on_close"])
def test_exceptions_close_with_1011(fails: Any, where: str) -> None:
    kind = type("F", (WebSocketHandler,), {where: fails})
    with recorded_log() as lines:
        peer = Peer(serve(kind))
        found = peer.events() + peer.raw(frame(TEXT, b"x") + frame(PONG) + frame(PING))
        found += peer.close()
    assert [event.code for event in found if isinstance(event, Close)] == [
        1000 if where == "on_close" else 1011
    ]
    assert peer.link.closed
    assert len(problems(lines)) == 1
    assert "ZeroDivisionError" in problems(lines)[0]


def test_nothing_is_delivered_after_an_abort() -> None:
    notes: list[Any] = []
    kept: list[Any] = []

    class Aborts(WebSocketHandler):
        def on_message(self, message: Any) -> None:
            notes.append(message)
            assert self.ws_connection is not None
            kept.append(self)
            self.ws_connection.abort()
            with pytest.raises(WebSocketClosedError):
                self.write_message("x")

    peer = Peer(serve(Aborts))
    peer.say("1", "2", "3")
    assert notes == ["1"]
    with pytest.raises(WebSocketClosedError):
        kept[0].write_message("x")
    assert peer.link.transport.aborted


def test_writing_to_a_peer_that_has_just_left_is_no_error() -> None:
    gate: Deferred[None] = Deferred()

    class Slow(WebSocketHandler):
        async def on_message(self, message: Any) -> None:
            await gate
            self.write_message(message)

    with recorded_log() as lines:
        peer = Peer(serve(Slow))
        peer.say("x")
        peer.link.disconnect()
        gate.callback(None)
    assert problems(lines) == []


def test_after_the_end_nothing_can_be_sent() -> None:
    handlers: list[WebSocketHandler] = []
    kind = type("K", (Echo,), {"open": lambda self, **_: handlers.append(self)})
    peer = Peer(serve(kind))
    peer.link.disconnect()
    [handler] = handlers
    assert handler.ws_connection is None
    for call in (lambda: handler.write_message("x"), handler.ping):
        with pytest.raises(WebSocketClosedError):
            call()
    handler.close()


def test_a_graceful_stop_says_1001() -> None:
    kind, _, _ = noting()
    app = serve(kind)
    peer = Peer(app)
    drained = app.drain(10)
    assert peer.events() == [Close(1001, "the server is stopping")]
    assert not drained.called
    peer.close(1001)
    assert peer.link.closed
    assert drained.called


def test_a_stop_that_takes_too_long_is_cut() -> None:
    app = serve(Echo, websocket_close_timeout=100)
    peer = Peer(app)
    drained = app.drain(2)
    peer.link.advance(3, steps=6)
    assert drained.called
    assert peer.link.closed


# -- time


def test_pings_keep_the_connection() -> None:
    kind, notes, _ = noting()
    peer = Peer(serve(kind, websocket_ping_interval=10, websocket_ping_timeout=4))
    for _ in range(3):
        peer.link.advance(11, steps=22)
        assert peer.events() == [Ping(b"")]
        peer.raw(peer.session.pong(b""))
    assert notes[1:] == [("pong", b"")] * 3
    assert not peer.link.closed


def test_class_16_a_peer_that_does_not_answer_pings() -> None:
    kind, notes, _ = noting()
    peer = Peer(serve(kind, websocket_ping_interval=10))
    peer.link.advance(11, steps=22)
    peer.link.advance(11, steps=22)
    assert peer.events() == [Ping(b""), Close(1000, "ping timed out")]
    peer.link.advance(6, steps=12)
    assert peer.link.closed
    assert notes == ["open", ("close", None, None)]


def test_a_ping_timeout_of_0_is_none() -> None:
    peer = Peer(serve(Echo, websocket_ping_interval=1, websocket_ping_timeout=0))
    peer.link.advance(20, steps=40)
    assert set(peer.events()) == {Ping(b"")}
    assert not peer.link.closed


def test_many_connections_have_one_timer() -> None:
    app = serve(Echo, websocket_ping_interval=10)
    peers = [Peer(app) for _ in range(20)]
    assert len(peers[0].link.clock.getDelayedCalls()) == 1


def test_the_limits_of_http_do_not_count_any_more() -> None:
    peer = Peer(serve(Echo, idle_connection_timeout=5))
    peer.link.advance(100, steps=100)
    assert peer.say("still here") == ["still here"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("websocket_write_buffer_policy", "panic"),
        ("websocket_write_buffer_limit", -1),
        ("websocket_ping_interval", "soon"),
    ],
)
def test_settings_are_checked(name: str, value: Any) -> None:
    with recorded_log() as lines:
        assert Peer(serve(Echo, **{name: value})).status == 500
    assert name in problems(lines)[0]


def test_beside_other_handlers() -> None:
    class Plain(RequestHandler):
        def get(self) -> None:
            self.write("plain")

    app = Application([("/ws", Echo), ("/", Plain)])
    peer = Peer(app, "/")
    assert peer.status == 200
    peer.link.send(request("/ws"))
    assert b"HTTP/1.1 101" in peer.link.received


def test_what_comes_while_a_message_is_handled_is_handled_next() -> None:
    heard: list[str] = []

    class Nested(WebSocketHandler):
        def on_message(self, message: Any) -> None:
            heard.append(f"begin {message}")
            if message == "outer" and self.ws_connection is not None:
                # A transport in memory may deliver what the answer brings about at once.
                self.ws_connection.dataReceived(frame(1, b"inner"))
                self.ws_connection.dataReceived(frame(1, b"last"))
            heard.append(f"end {message}")
            self.write_message(message)

    peer = Peer(serve(Nested))
    assert peer.say("outer") == ["outer", "inner", "last"]
    order = ["outer", "inner", "last"]
    assert heard == [f"{part} {name}" for name in order for part in ("begin", "end")]
    assert peer.say("again") == ["again"]


# -- handlers whose ends fail


class Failing(Noting):
    """Raises wherever it ends."""

    def on_message(self, message: str | bytes) -> Any:
        raise ValueError("on_message")

    def on_close(self) -> None:
        super().on_close()
        raise ValueError("on_close")

    def log_exception(self, *error: Any) -> None:
        raise RuntimeError("log_exception")


def test_a_handler_that_fails_to_say_what_has_failed() -> None:
    """The connection ends as others do, and nothing is left of it."""
    notes: list[Any] = []
    app = serve(type("Failing_", (Failing,), {"notes": notes, "gates": []}))
    peer = Peer(app)
    with recorded_log() as lines:
        assert peer.say("x") == [Close(1011, "")]
        peer.close()
    assert notes == ["open", ("close", 1000, "")]
    assert len(problems(lines)) == 2 and peer.link.closed
    assert not app.connections


def test_a_watcher_that_fails_keeps_nobody_from_hearing_of_the_end() -> None:
    kind, notes, _ = noting()

    class Watched(kind):  # type: ignore[misc,valid-type]
        def open(self, **_: Any) -> None:
            self.when_closed(lambda: 1 / 0)
            self.when_closed(lambda: notes.append("watcher"))

    app = serve(Watched)
    peer = Peer(app)
    with recorded_log() as lines:
        peer.close()
    assert notes == ["watcher", ("close", 1000, "")]
    assert "division by zero" in problems(lines)[0]
    assert not app.connections
