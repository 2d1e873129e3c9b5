"""cyclone 1.x's WebSocket handlers, in the style of the applications that have them."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import defer
from twisted.python.failure import Failure

import cyclone.web
import cyclone.websocket
from cyclone.websocket.session import Close
from tests.websocket.support import Peer, serve


class ChatHandler(cyclone.websocket.WebSocketHandler):
    participants: list[Any]

    def connectionMade(self, *args: Any, **kwargs: Any) -> None:
        self.participants.append((self, args, kwargs))

    def messageReceived(self, message: Any) -> None:
        for handler, _, _ in self.participants:
            handler.sendMessage(message)

    def connectionLost(self, reason: Failure) -> None:
        self.participants.append(type(reason).__name__)


def test_a_chat() -> None:
    notes: list[Any] = []
    app = serve(type("C", (ChatHandler,), {"participants": notes}))
    one, two = Peer(app), Peer(app, "/room/red")
    assert [note[1:] for note in notes] == [((), {"room": None}), ((), {"room": "red"})]
    assert one.say("hello") == ["hello"]
    assert two.events() == ["hello"]
    one.close()
    assert notes[-1] == "Failure"


def test_inline_callbacks_and_dicts() -> None:
    gate: defer.Deferred[str] = defer.Deferred()

    class Handler(cyclone.websocket.WebSocketHandler):
        @defer.inlineCallbacks
        def messageReceived(self, message: Any) -> Any:
            answer = yield gate
            self.sendMessage({"answer": answer, "to": message})

    peer = Peer(serve(Handler))
    assert peer.say("q") == []
    gate.callback("a")
    assert peer.events() == ['{"answer": "a", "to": "q"}']


@pytest.mark.parametrize("message", ["no way", b"no way"])
def test_forbid_connection(message: Any) -> None:
    class Handler(cyclone.websocket.WebSocketHandler):
        def headersReceived(self) -> None:
            if self.request.headers.get("X-Token") != "secret":
                self.forbidConnection(message)

    app = serve(Handler)
    peer = Peer(app)
    assert peer.status == 403
    assert peer.link.received.endswith(b"no way")
    assert Peer(app, fields={"X-Token": "secret"}).status == 101


def test_headers_received_may_wait() -> None:
    gate: defer.Deferred[None] = defer.Deferred()

    class Handler(cyclone.websocket.WebSocketHandler):
        async def headersReceived(self) -> None:
            await gate
            if self.get_argument("no", None):
                self.forbidConnection("no")

    for path, start in (("/", b"HTTP/1.1 101"), ("/?no=1", b"HTTP/1.1 403")):
        gate = defer.Deferred()
        app = serve(Handler)
        with pytest.raises(IndexError):
            Peer(app, path)  # there is no answer yet
        [connection] = app.connections
        gate.callback(None)
        assert connection.transport.received.startswith(start)


def test_a_peer_that_leaves_meanwhile() -> None:
    gate: defer.Deferred[None] = defer.Deferred()
    opened: list[Any] = []

    class Handler(cyclone.websocket.WebSocketHandler):
        async def headersReceived(self) -> None:
            await gate

        def connectionMade(self, *args: Any, **kwargs: Any) -> None:
            opened.append(self)

    app = serve(Handler)
    with pytest.raises(IndexError):
        Peer(app)
    [connection] = app.connections
    connection.transport.disconnect()
    connection.transport.clock.advance(0)
    gate.callback(None)
    assert opened == []


def test_the_transport_closes() -> None:
    class Handler(cyclone.websocket.WebSocketHandler):
        def messageReceived(self, message: Any) -> None:
            self.transport.loseConnection()

    assert Peer(serve(Handler)).say("x") == [Close(None, "")]


def test_handlers_without_methods_do_nothing() -> None:
    peer = Peer(serve(cyclone.websocket.WebSocketHandler))
    assert peer.say("x") == []
    assert peer.close() == [Close(1000, "")]
