"""Peers that do not read: waiting, dropping, closing; and one message to many."""

from __future__ import annotations

from typing import Any

import pytest

from cyclone.testing import MemoryTransport
from cyclone.web import Application
from cyclone.websocket import Broadcaster, PreparedMessage, WebSocketClosedError, WebSocketHandler
from cyclone.websocket.deflate import Parameters
from cyclone.websocket.session import Close, Pong
from tests.web.support import recorded_log

from .frames import frame
from .support import Peer, request, serve

BINARY, PING = 2, 9
BLOCK = b"x" * 50_000


class Kept(WebSocketHandler):
    """Is in `handlers` while it is open."""

    handlers: list[Any]

    def open(self, *args: Any, **kwargs: Any) -> None:
        self.handlers.append(self)

    def on_close(self) -> None:
        self.handlers.append("closed")

    def on_message(self, message: Any) -> Any:
        self.write_message(message, isinstance(message, bytes))


def kept(**settings: Any) -> tuple[Any, Any, Peer]:
    """A handler's connection whose peer does not read, and the peer."""
    handlers: list[Any] = []
    app = serve(type("K", (Kept,), {"handlers": handlers}), **settings)
    peer = Peer(app)
    peer.link.hold()
    return handlers[0], handlers, peer


def waits(result: Any) -> list[str]:
    found: list[str] = []
    result.addCallbacks(lambda _: found.append("done"), lambda f: found.append(f.type.__name__))
    return found


def drain(peer: Peer) -> list[Any]:
    found: list[Any] = []
    for _ in range(200):
        peer.link.release()
        peer.link.advance(0)
        new = peer.events()
        found += new
    return found


def test_a_message_that_leaves_is_done_at_once() -> None:
    handler, _, _ = kept()
    assert waits(handler.write_message("x")) == ["done"]


def test_who_awaits_waits_for_the_peer() -> None:
    handler, _, peer = kept()
    results = [waits(handler.write_message(BLOCK, binary=True)) for _ in range(6)]
    assert results[-1] == []
    assert drain(peer) == [BLOCK] * 6
    assert results == [["done"]] * 6


def test_who_waits_hears_that_the_peer_is_gone() -> None:
    handler, _, peer = kept()
    for _ in range(3):
        result = waits(handler.write_message(BLOCK, binary=True))
    peer.link.disconnect()
    assert result == ["WebSocketClosedError"]


@pytest.mark.parametrize(("policy", "most"), [("close", 1), ("wait", 4)])
def test_class_16_a_slow_reader_is_closed_with_1013(policy: str, most: int) -> None:
    limit = 200_000
    handler, handlers, peer = kept(
        websocket_write_buffer_policy=policy, websocket_write_buffer_limit=limit
    )
    sent = 0
    with recorded_log() as lines:
        while not handler.ws_connection.closing:
            result = handler.write_message(BLOCK, binary=True)
            sent += len(BLOCK)
    assert sent < limit * most + 4 * 65536 + 2 * len(BLOCK)
    assert waits(result) == ["WebSocketClosedError"]
    assert "does not read" in lines[0].text
    # Who sends to many is not disturbed.
    assert waits(handler.write_message("more")) == ["WebSocketClosedError"]
    peer.link.advance(6, steps=12)
    assert handlers[1:] == ["closed"]
    assert peer.link.closed
    with pytest.raises(WebSocketClosedError):
        handler.write_message("x")


def test_the_close_frame_comes_after_what_was_sent() -> None:
    handler, _, peer = kept(
        websocket_write_buffer_policy="close", websocket_write_buffer_limit=100_000
    )
    with recorded_log():
        while not handler.ws_connection.closing:
            handler.write_message(BLOCK, binary=True)
    *messages, last = drain(peer)
    assert last == Close(1013, "too slow")
    assert set(messages) == {BLOCK}


def test_class_16_the_oldest_are_dropped() -> None:
    handler, _, peer = kept(
        websocket_write_buffer_policy="drop_oldest", websocket_write_buffer_limit=200_000
    )
    connection = handler.ws_connection
    for i in range(100):
        handler.write_message(b"%02d" % i + BLOCK, binary=True)
    assert connection.dropped > 80
    found = [int(message[:2]) for message in drain(peer)]
    assert found[0] == 0
    assert found[-3:] == [97, 98, 99]
    assert found == sorted(found)
    assert len(found) == 100 - connection.dropped


def test_what_cannot_be_sent_is_found_out_when_it_is_held() -> None:
    handler, _, peer = kept(
        websocket_write_buffer_policy="drop_oldest", websocket_write_buffer_limit=100_000
    )
    handler.write_message(BLOCK, binary=True)
    handler.write_message(BLOCK, binary=True)
    with pytest.raises(UnicodeEncodeError):
        handler.write_message("\ud800")
    handler.write_message("é" * 40_000)
    handler.write_message("é" * 40_000)  # in bytes it is twice as long
    assert handler.ws_connection.dropped == 1
    assert drain(peer) == [BLOCK, BLOCK, "é" * 40_000]


def test_what_was_held_comes_before_the_close_frame() -> None:
    handler, _, peer = kept(websocket_write_buffer_policy="drop_oldest")
    for _ in range(4):
        handler.write_message(BLOCK, binary=True)
    prepared = PreparedMessage("prepared")
    handler.write_prepared(prepared)
    handler.close()
    assert drain(peer) == [BLOCK] * 4 + ["prepared", Close(None, "")]


def test_class_16_of_pings_a_slow_peer_gets_the_last_one_answered() -> None:
    handler, _, peer = kept()
    for _ in range(4):
        handler.write_message(BLOCK, binary=True)
    for i in range(50):
        peer.link.send(frame(PING, b"%d" % i))
    assert drain(peer) == [BLOCK] * 4 + [Pong(b"49")]


def test_class_16_a_peer_that_does_not_read_is_asked_nothing_more() -> None:
    """An echo that awaits nothing grows no memory."""
    handler, _, peer = kept()
    for _ in range(100):
        peer.link.send(frame(BINARY, BLOCK))
    assert handler.ws_connection.outbox.queued < 300_000
    assert peer.link.transport.paused
    assert len(drain(peer)) == 100


def test_class_16_a_peer_that_never_reads_is_aborted() -> None:
    handler, handlers, peer = kept(write_timeout=10)
    for _ in range(4):
        handler.write_message(BLOCK, binary=True)
    peer.link.advance(11, steps=22)
    assert peer.link.transport.aborted
    assert handlers[1:] == ["closed"]


def test_no_pings_for_a_peer_that_does_not_read() -> None:
    handler, _, peer = kept(websocket_ping_interval=1, write_timeout=0)
    for _ in range(4):
        handler.write_message(BLOCK, binary=True)
    peer.link.advance(10, steps=20)
    assert drain(peer) == [BLOCK] * 4


def test_a_close_waits_for_a_slow_peer_and_then_no_more() -> None:
    handler, _, peer = kept(websocket_close_timeout=5)
    for _ in range(4):
        handler.write_message(BLOCK, binary=True)
    peer.close()
    assert not peer.link.transport.disconnected
    peer.link.advance(6, steps=12)
    assert peer.link.transport.disconnected


def test_a_slow_peer_that_closes_gets_everything() -> None:
    handler, _, peer = kept()
    for _ in range(4):
        handler.write_message(BLOCK, binary=True)
    peer.close()
    assert drain(peer) == [BLOCK] * 4 + [Close(1000, "")]
    assert peer.link.closed


def test_raw_bytes_through_the_transport() -> None:
    """cyclone 1.x: applications write to ``self.transport``."""
    handler, handlers, peer = kept()
    producer = Producer()
    handler.transport.registerProducer(producer, True)
    assert handler.transport.getPeer() == peer.link.transport.getPeer()
    handler.set_nodelay(True)
    assert peer.link.transport.getTcpNoDelay()
    handler.write_message("before")
    handler.transport.write(frame(BINARY, BLOCK, key=None))
    handler.transport.write(frame(BINARY, BLOCK, key=None))
    assert producer.calls == ["pause"]
    assert drain(peer) == ["before", BLOCK, BLOCK]
    assert producer.calls == ["pause", "resume"]
    handler.transport.loseConnection()
    assert drain(peer) == [Close(None, "")]
    peer.close()
    assert producer.calls == ["pause", "resume", "stop"]
    assert handlers[1:] == ["closed"]


class Producer:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")

    def stopProducing(self) -> None:
        self.calls.append("stop")


# -- to many


def room_app(room: Broadcaster, options: dict[str, Any] | None, **settings: Any) -> Application:
    class Member(WebSocketHandler):
        def get_compression_options(self) -> dict[str, Any] | None:
            return options

        def open(self) -> None:
            room.add(self)

        def on_close(self) -> None:
            room.discard(self)

        def on_message(self, message: Any) -> None:
            room.send(message, isinstance(message, bytes), exclude=self)

    return Application([("/", Member)], **settings)


def test_a_message_goes_to_all_but_the_one_it_is_from() -> None:
    room = Broadcaster()
    app = room_app(room, None)
    peers = [Peer(app) for _ in range(3)]
    assert len(room) == 3
    assert set(room) == {handler for handler in room if handler in room}
    assert peers[0].say("hi", b"\xff") == []
    assert [peer.events() for peer in peers] == [[], ["hi", b"\xff"], ["hi", b"\xff"]]
    peers[1].link.disconnect()
    assert room.send("left") == 2
    assert [peer.events() for peer in peers] == [["left"], [], ["left"]]
    assert room.send({"left": 2}) == 2
    assert peers[0].events() == ['{"left": 2}']
    with pytest.raises(TypeError, match="not int"):
        room.send(17)  # type: ignore[arg-type]


OFFERS: list[str | None] = [
    None,
    "permessage-deflate",
    "permessage-deflate",
    "permessage-deflate; server_max_window_bits=9",
]


def test_it_is_compressed_once_for_each_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    from cyclone.websocket import prepared

    calls: list[int] = []
    original = prepared.compress_alone

    def counted(data: bytes, options: Any, bits: int) -> bytes:
        calls.append(bits)
        return original(data, options, bits)

    monkeypatch.setattr(prepared, "compress_alone", counted)
    room = Broadcaster()
    app = room_app(room, {"threshold": 10})
    peers = [
        Peer(
            app,
            fields={"Sec-WebSocket-Extensions": offer},
            parameters=Parameters() if offer else None,
        )
        for offer in OFFERS
    ]
    one = next(iter(room))
    one.write_message("context " * 10)
    assert room.send("compressed " * 100) == 4
    one.write_message("context " * 10)
    room.send("short")
    assert sorted(calls) == [9, 15]
    for peer in peers:
        events = [event for event in peer.events() if not event.startswith("context")]
        assert events == ["compressed " * 100, "short"]


def test_class_16_one_that_does_not_read_delays_nobody() -> None:
    room = Broadcaster()
    app = room_app(room, None, websocket_write_buffer_limit=100_000)
    fast, slow = Peer(app), Peer(app)
    slow.link.hold()
    with recorded_log():
        for _ in range(50):
            room.send(BLOCK, binary=True)
    assert len(fast.events()) == 50
    assert room.send("x") == 1
    assert slow.link.transport.waiting < 700_000


def test_one_that_closes_while_it_is_sent_to(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Broadcaster()
    Peer(room_app(room, None))
    connection = next(iter(room)).ws_connection
    assert connection is not None

    def gone(message: PreparedMessage) -> None:
        raise WebSocketClosedError

    monkeypatch.setattr(connection, "send_prepared", gone)
    assert room.send("x") == 0
    handler = next(iter(room))
    handler.ws_connection = None
    with pytest.raises(WebSocketClosedError):
        handler.write_prepared(PreparedMessage("x"))


def test_a_prepared_message_when_it_is_closed() -> None:
    handler, _, _ = kept()
    handler.close()
    with pytest.raises(WebSocketClosedError):
        handler.write_prepared(PreparedMessage("x"))


def test_the_transport_before_the_upgrade() -> None:
    seen: list[Any] = []
    kind = type("T", (Kept,), {"handlers": [], "prepare": lambda s: seen.append(s.transport)})
    peer = Peer(serve(kind))
    assert isinstance(peer.link.transport, MemoryTransport)
    assert seen[0].getPeer() == peer.link.transport.getPeer()
    assert request().startswith(b"GET / ")
