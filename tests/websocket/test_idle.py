"""Connections that are many and do nothing: their memory, and that nothing is left of them."""

from __future__ import annotations

import base64
import gc
import os
import tracemalloc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cyclone.websocket import WebSocketHandler

from .support import Peer, serve

#: As a browser sends them, but for the key, which differs each time.
FIELDS: dict[str, str | None] = {
    "Origin": "http://a.example",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept-Language": "en-GB,en;q=0.8,de;q=0.5",
    "Accept-Encoding": "gzip, deflate, br",
    "Cookie": "session=MTIzNDU2Nzg5MGFiY2RlZg; theme=dark",
    "Pragma": "no-cache",
    "Cache-Control": "no-cache",
}


class Echo(WebSocketHandler):
    def on_message(self, message: Any) -> Any:
        return self.write_message(message)


@contextmanager
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def test_class_16_an_idle_connection_takes_little_memory() -> None:
    """Of ours; the transport's part is measured with real ones (``bench --only websockets``)."""
    app = serve(Echo)
    # The process remembers heads in bounded tables (http1/memory.py). They are not a connection's,
    # and when they double depends on what the process did before.
    ours = [
        tracemalloc.Filter(True, "*/cyclone/*"),
        tracemalloc.Filter(False, "*/testing/*"),
        tracemalloc.Filter(False, "*/http1/memory.py"),
    ]

    def connect() -> Peer:
        key = base64.b64encode(os.urandom(16)).decode()
        return Peer(app, fields={**FIELDS, "Sec-WebSocket-Key": key})

    peers = [connect() for _ in range(20)]
    assert peers[-1].status == 101
    tracemalloc.start()
    peers += [connect() for _ in range(1000)]
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces(ours)
    tracemalloc.stop()
    each = sum(line.size for line in snapshot.statistics("filename")) / 1000
    assert 1000 < each < 3200


@pytest.mark.parametrize("way", ["close", "disconnect", "eof"])
def test_nothing_of_a_closed_connection_waits_for_the_collector(way: str) -> None:
    handlers: list[Any] = []

    class Kept(Echo):
        def open(self, *args: Any, **kwargs: Any) -> None:
            handlers.append(weakref.ref(self))

    app = serve(Kept)
    with no_collector():
        peer = Peer(app)
        assert peer.say("x") == ["x"]
        if way == "close":
            peer.close()
        else:
            getattr(peer.link, way)()
        assert peer.link.closed
        assert handlers[0]() is None


def test_a_connection_counts_once() -> None:
    app = serve(Echo)
    peers = [Peer(app) for _ in range(3)]
    assert len(app.connections) == 3
    peers[0].link.disconnect()
    assert len(app.connections) == 2


def test_a_stop_is_over_when_the_last_handler_has_been_told() -> None:
    notes: list[str] = []

    class Notes(WebSocketHandler):
        def on_close(self) -> None:
            notes.append("on_close")

    app = serve(Notes)
    peer = Peer(app)
    drained = app.drain(10)
    drained.addCallback(lambda _: notes.append("drained"))
    peer.events()
    peer.close(1001)
    assert notes == ["on_close", "drained"]


def test_the_request_is_there_as_long_as_the_connection() -> None:
    seen: list[Any] = []

    class Looks(WebSocketHandler):
        def open(self, *args: Any, **kwargs: Any) -> None:
            seen.append((self.open_args, self.open_kwargs))

        def prepare(self) -> None:
            if self.get_argument("change", ""):
                self.request.headers["X-Added"] = "1"

        def on_message(self, message: Any) -> None:
            request = self.request
            self.write_message(
                {
                    "agent": request.headers["user-agent"],
                    "added": request.headers.get("X-Added"),
                    "twice": request.headers.get_list("X-Twice"),
                    "raw": len(request.raw_headers),
                    "method": request.method,
                    "version": request.version,
                    "host": request.host,
                    "uri": request.uri,
                    "ip": request.remote_ip,
                    "cookie": self.get_cookie("theme"),
                }
            )

    fields: dict[str, str | None] = {**FIELDS, "x-twice": "a\r\nX-Twice: b"}
    for query, added in (("", "null"), ("?change=1", '"1"')):
        peer = Peer(serve(Looks), "/room/7" + query, fields=fields)
        assert peer.say("?") == [
            f'{{"agent": "{FIELDS["User-Agent"]}", "added": {added}, "twice": ["a", "b"], '
            '"raw": 14, "method": "GET", "version": "HTTP/1.1", "host": "a.example", '
            f'"uri": "/room/7{query}", "ip": "127.0.0.1", "cookie": "dark"}}'
        ]
    assert seen == [((), {"room": "7"})] * 2
