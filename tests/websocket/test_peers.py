"""With the `websockets` library at the other end, over real sockets, on whatever reactor."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from twisted.internet.threads import deferToThread

pytest.importorskip("websockets")

from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect as websockets_connect
from websockets.sync.server import serve as websockets_serve

from cyclone.web import Application
from cyclone.websocket import WebSocketHandler, websocket_connect

RANDOM = random.Random(7)
MESSAGES: list[Any] = [
    "", b"", "text", b"bytes", "é" * 1000, RANDOM.randbytes(125), RANDOM.randbytes(126),
    "x" * 70_000, bytes(300_000), RANDOM.randbytes(1_000_000),
]  # fmt: skip


class Echo(WebSocketHandler):
    def get_compression_options(self) -> dict[str, Any]:
        return {}

    async def on_message(self, message: Any) -> None:
        await self.write_message(message, isinstance(message, bytes))


@contextlib.asynccontextmanager
async def serving(reactor: Any) -> AsyncIterator[int]:
    app = Application([("/", Echo)])
    port = reactor.listenTCP(0, app, interface="127.0.0.1")
    try:
        yield port.getHost().port
    finally:
        await port.stopListening()
        await app.drain(1)


def extension(**options: Any) -> Any:
    return [ClientPerMessageDeflateFactory(**options)]


@pytest.mark.parametrize(
    "options",
    [
        None,
        {"client_max_window_bits": True},
        {"server_no_context_takeover": True, "client_no_context_takeover": True},
        {"server_max_window_bits": 9, "client_max_window_bits": 9},
    ],
)
@pytest.mark.reactor_timeout(30)
async def test_their_client(reactor: Any, options: dict[str, Any] | None) -> None:
    def talk(port: int) -> None:
        extensions = None if options is None else extension(**options)
        with websockets_connect(
            f"ws://127.0.0.1:{port}/", compression=None, extensions=extensions, max_size=None,
            proxy=None,
        ) as peer:  # fmt: skip
            for message in MESSAGES:
                peer.send(message)
                assert peer.recv(timeout=20) == message
            # In fragments, with a ping between.
            peer.send(iter(["a", "b" * 5000, "", "é"]))
            assert peer.ping("between").wait(20)
            assert peer.recv(timeout=20) == "a" + "b" * 5000 + "é"
            peer.close(4000, "done")
            assert peer.close_code == 4000

    async with serving(reactor) as port:
        await deferToThread(talk, port)


@pytest.mark.reactor_timeout(30)
async def test_class_16_their_client_reads_why_it_was_closed(reactor: Any) -> None:
    def talk(port: int) -> None:
        with websockets_connect(f"ws://127.0.0.1:{port}/", compression=None, proxy=None) as peer:
            with contextlib.suppress(ConnectionClosed):
                peer.send(b"x" * (11 * 1024 * 1024))
            with pytest.raises(ConnectionClosed):
                peer.recv(timeout=20)
            assert peer.close_code == 1009

    async with serving(reactor) as port:
        await deferToThread(talk, port)


@pytest.mark.parametrize("options", [None, {}, {"client_no_context_takeover": True}])
@pytest.mark.reactor_timeout(30)
async def test_their_server(reactor: Any, options: dict[str, Any] | None) -> None:
    def echo(peer: Any) -> None:
        for message in peer:
            if message == "close":
                peer.close(4001, "so be it")
            else:
                peer.send(message)

    server = websockets_serve(echo, "127.0.0.1", 0, max_size=None)
    running = deferToThread(server.serve_forever)
    try:
        port = server.socket.getsockname()[1]
        connection = await websocket_connect(f"ws://127.0.0.1:{port}/", compression_options=options)
        for message in MESSAGES:
            connection.write_message(message, isinstance(message, bytes))
            assert await connection.read_message() == message
        connection.write_message("close")
        assert await connection.read_message() is None
        assert (connection.close_code, connection.close_reason) == (4001, "so be it")
    finally:
        await deferToThread(server.shutdown)
        await running
