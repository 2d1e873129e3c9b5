"""WebSockets and server-sent events as subscribers, on real connections."""

from __future__ import annotations

import re
from typing import Any

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol

from cyclone.channels import Channels
from cyclone.sse import SSEHandler
from cyclone.web import Application
from cyclone.websocket import WebSocketClosedError, WebSocketHandler, websocket_connect

from .support import eventually

handlers: list[Any] = []


class Room(WebSocketHandler):
    """Everybody gets what anybody says; `since` in the query asks for what was said."""

    def open(self) -> None:
        handlers.append(self)
        channels: Channels = self.settings.channels
        self.subscription = channels.subscribe("room", self, since=self.get_argument("since", None))

    async def on_message(self, message: str | bytes) -> None:
        if message == "leave":
            self.subscription.close()
        elif message == "again":
            self.settings.channels.subscribe("room", self)
        else:
            await self.settings.channels.publish("room", message)


class Events(SSEHandler):
    """The same for those who only listen; who comes back gets what was said meanwhile."""

    def bind(self) -> None:
        self.settings.channels.subscribe("room", self, since=self.last_event_id)


@pytest.fixture
def channels() -> Any:
    channels = Channels("memory:?history=5")
    handlers.clear()
    yield channels
    channels.close()


def serve(reactor: Any, channels: Channels, **settings: Any) -> tuple[Any, str]:
    routes: Any = [("/room", Room), ("/events", Events)]
    application = Application(routes, channels=channels, **settings)
    port = reactor.listenTCP(0, application, interface="127.0.0.1")
    return port, f"ws://127.0.0.1:{port.getHost().port}/room"


async def test_websockets(reactor: Any, channels: Channels) -> None:
    port, url = serve(reactor, channels)
    first, second = await websocket_connect(url), await websocket_connect(url)
    await first.write_message("text")
    await first.write_message(b"bytes", binary=True)
    for one in (first, second):
        assert [await one.read_message(), await one.read_message()] == ["text", b"bytes"]
    # One that comes late, and wants to know what there was.
    third = await websocket_connect(f"{url}?since=0")
    assert [await third.read_message(), await third.read_message()] == ["text", b"bytes"]
    await second.write_message("leave")
    await eventually(lambda: channels.statistics().subscriptions == 2)
    await first.write_message("after")
    assert [await first.read_message(), await third.read_message()] == ["after", "after"]
    # Twice subscribed is once told, and still there when one of the two ends.
    await third.write_message("again")
    await eventually(lambda: channels.statistics().subscriptions == 3)
    await third.write_message("leave")
    await eventually(lambda: channels.statistics().subscriptions == 2)
    await first.write_message("last")
    assert await third.read_message() == "last"
    for one in (first, second, third):
        one.close()
    await eventually(lambda: channels.statistics().channels == {})
    assert [handler._close_watchers for handler in handlers] == [(), (), ()]
    with pytest.raises(WebSocketClosedError, match="not open"):
        channels.subscribe("room", handlers[0])
    await port.stopListening()


async def test_a_history_for_a_socket_that_has_gone(reactor: Any, channels: Channels) -> None:
    port, url = serve(reactor, channels)
    connection = await websocket_connect(url)
    (handler,) = await eventually(lambda: handlers)
    await channels.publish("room", "x")
    handler.close()
    late = channels.subscribe("room", handler, since="0")
    assert late.closed
    connection.close()
    await eventually(lambda: channels.statistics().channels == {})
    await port.stopListening()


class Page(Protocol):
    """A client of events, byte by byte."""

    received = b""

    def ask(self, more: bytes = b"") -> Page:
        transport: Any = self.transport
        transport.write(b"GET /events HTTP/1.1\r\nHost: h\r\n" + more + b"\r\n")
        return self

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def events(self) -> list[bytes]:
        return re.findall(rb"(?m)^data: (.*)$", self.received)


async def test_server_sent_events(reactor: Any, channels: Channels) -> None:
    port, _ = serve(reactor, channels)
    place = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    first, second = [(await connectProtocol(place, Page())).ask() for _ in range(2)]
    await eventually(lambda: channels.statistics().subscriptions == 2)
    receipt = await channels.publish("room", "hello")
    assert receipt.receivers == 2
    await channels.publish("room", b"bytes")
    await eventually(lambda: first.events() == second.events() == [b"hello", b"bytes"])
    assert f"id: {receipt.id}\n".encode() in first.received
    first.transport.abortConnection()
    await eventually(lambda: channels.statistics().subscriptions == 1)
    await channels.publish("room", "after")
    back = await connectProtocol(place, Page())
    back.ask(f"Last-Event-ID: {receipt.id}\r\n".encode())
    await eventually(lambda: back.events() == [b"bytes", b"after"])
    await channels.publish("room", "live")
    await eventually(lambda: back.events()[2:] == [b"live"])
    for one in (second, back):
        one.transport.abortConnection()
    await eventually(lambda: channels.statistics().channels == {})
    await port.stopListening()


async def test_a_history_that_is_longer_than_what_may_wait_for_a_client(reactor: Any) -> None:
    """It is sent as fast as the client takes it; more than may wait closes the connection."""
    channels = Channels("memory:?history=100")
    limits = {"websocket_write_buffer_limit": 1000, "sse_write_buffer_limit": 1000}
    port, url = serve(reactor, channels, **limits)
    for number in range(100):
        await channels.publish("room", f"{number:02}" + "x" * 100_000)
    socket = await websocket_connect(f"{url}?since=0")
    page = await connectProtocol(
        TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), Page()
    )
    page.ask(b"Last-Event-ID: 0\r\n")
    for number in range(100):
        message = await socket.read_message()
        assert message is not None and int(message[:2]) == number
    await eventually(lambda: page.received.endswith(b"x\n\n\r\n") and b"data: 99x" in page.received)
    assert [int(data[:2]) for data in page.events()] == list(range(100))
    await channels.publish("room", "live")
    assert await socket.read_message() == "live"
    socket.close()
    page.transport.abortConnection()
    await eventually(lambda: channels.statistics().channels == {})
    channels.close()
    await port.stopListening()


async def test_a_client_that_leaves_in_the_middle_of_a_history(reactor: Any) -> None:
    channels = Channels("memory:?history=100")
    port, url = serve(reactor, channels)
    for _ in range(100):
        await channels.publish("room", "x" * 100_000)
    socket = await websocket_connect(f"{url}?since=0", max_message_size=1000)  # closes with 1009
    page = await connectProtocol(
        TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), Page()
    )
    page.ask(b"Last-Event-ID: 0\r\n")
    assert await socket.read_message() is None
    await eventually(lambda: page.received)
    page.transport.abortConnection()
    await eventually(lambda: channels.statistics().channels == {})
    assert channels.statistics().delivered < 200
    channels.close()
    await port.stopListening()
