"""`websocket_connect`: with our own server, and with servers that do it wrong; real sockets."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from cyclone.deploy.tls import tls_options
from cyclone.http1 import HTTPFactory
from cyclone.httpclient import HTTPClientError, HTTPConnectError, HTTPRequest, HTTPTimeoutError
from cyclone.web import Application, RequestHandler
from cyclone.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    WebSocketError,
    WebSocketHandler,
    websocket_connect,
)
from cyclone.websocket.handshake import accept_key
from tests.web.support import problems, recorded_log

from .frames import frame

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


class Echo(WebSocketHandler):
    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "good" if "good" in subprotocols else None

    def get_compression_options(self) -> dict[str, Any] | None:
        return {} if self.get_argument("z", None) else None

    def open(self) -> None:
        self.notes: list[Any] = self.settings.notes
        self.notes.append(self)

    def on_message(self, message: Any) -> Any:
        if message == "close":
            self.close(4001, "as you say")
            return None
        return self.write_message(message, isinstance(message, bytes))

    def on_close(self) -> None:
        self.notes.append((self.close_code, self.close_reason))

    def on_ping(self, data: bytes) -> None:
        self.notes.append(data)


class Plain(RequestHandler):
    def get(self) -> None:
        if self.get_argument("to", None):
            self.redirect("/")
        else:
            self.write("plain")


@asynccontextmanager
async def serving(reactor: Any, **settings: Any) -> AsyncIterator[tuple[str, list[Any]]]:
    notes: list[Any] = []
    app = Application([("/", Echo), ("/plain", Plain)], notes=notes, **settings)
    port = reactor.listenTCP(0, app, interface="127.0.0.1")
    try:
        yield f"ws://127.0.0.1:{port.getHost().port}", notes
    finally:
        await port.stopListening()
        await app.drain(0)


async def ended(connection: WebSocketClientConnection) -> None:
    connection.close()
    while await connection.read_message() is not None:
        pass


@pytest.mark.parametrize("options", [None, {}, {"server_max_window_bits": 10}])
async def test_messages(reactor: Any, options: Any) -> None:
    async with serving(reactor) as (url, notes):
        connection = await websocket_connect(f"{url}/?z=1", compression_options=options)
        for message in ("a", b"b", "", "x" * 100_000, bytes(200_000)):
            connection.write_message(message, isinstance(message, bytes))
            assert await connection.read_message() == message
        connection.write_message({"a": 1})
        assert await connection.read_message() == '{"a": 1}'
        assert (notes[0].ws_connection._session.deflate is not None) is (options is not None)
        assert ("Sec-WebSocket-Extensions" in connection.headers) is (options is not None)
        connection.close(4000, "bye")
        assert await connection.read_message() is None
        assert await connection.read_message() is None
        assert connection.close_code == 4000
        assert notes[-1] == (4000, "bye")
        with pytest.raises(WebSocketClosedError):
            connection.write_message("late")
        with pytest.raises(WebSocketClosedError):
            connection.ping()


async def test_the_server_closes(reactor: Any) -> None:
    async with serving(reactor) as (url, _):
        connection = await websocket_connect(url + "/")
        connection.write_message("x")
        connection.write_message("close")
        assert [message async for message in connection] == ["x"]
        assert (connection.close_code, connection.close_reason) == (4001, "as you say")


async def test_messages_wait_until_they_are_read(reactor: Any) -> None:
    async with serving(reactor) as (url, _):
        connection = await websocket_connect(url + "/")
        for i in range(100):
            connection.write_message(str(i))
        await deferLater(reactor, 0.02, lambda: None)
        assert [await connection.read_message() for _ in range(100)] == [str(i) for i in range(100)]
        await ended(connection)


async def test_callbacks(reactor: Any) -> None:
    messages: list[Any] = []
    over: Deferred[None] = Deferred()
    futures: list[Any] = []

    def take(message: Any) -> None:
        messages.append(message)
        if message is None:
            over.callback(None)
            raise ZeroDivisionError
        connection.close()

    async with serving(reactor) as (url, _):
        connection = await websocket_connect(
            url + "/", callback=futures.append, on_message_callback=take
        )
        connection.write_message("m")
        with pytest.raises(RuntimeError):
            connection.read_message()
        with recorded_log() as lines:
            await over
            await deferLater(reactor, 0, lambda: None)
        assert messages == ["m", None]
        assert len(futures) == 1
        assert "ZeroDivisionError" in lines[-1].text


async def test_a_callback_that_fails_closes(reactor: Any) -> None:
    async with serving(reactor) as (url, notes):

        def fail(message: Any) -> None:
            if message is not None:
                raise ZeroDivisionError
            over.callback(None)

        over: Deferred[None] = Deferred()
        with recorded_log() as lines:
            connection = await websocket_connect(url + "/", on_message_callback=fail)
            connection.write_message("m")
            await over
            await deferLater(reactor, 0.01, lambda: None)
        assert "ZeroDivisionError" in problems(lines)[0]
        assert notes[-1] == (1011, "")


async def test_reading(reactor: Any) -> None:
    async with serving(reactor) as (url, _):
        connection = await websocket_connect(url + "/")
        futures: list[Any] = []
        waiting = connection.read_message(futures.append)
        with pytest.raises(RuntimeError, match="waits already"):
            connection.read_message()
        waiting.addErrback(lambda failure: failure.trap(CancelledError))
        waiting.cancel()
        connection.write_message("m")
        assert await connection.read_message(futures.append) == "m"
        assert len(futures) == 1
        with pytest.raises(TypeError, match="not int"):
            connection.write_message(1)
        await ended(connection)


async def test_pings(reactor: Any) -> None:
    ponged: Deferred[bytes] = Deferred()
    async with serving(reactor) as (url, notes):
        connection = await websocket_connect(url + "/", ping_interval=0.01)
        connection.on_pong = ponged.callback
        connection.ping("é")
        assert await ponged == "é".encode()
        assert notes[1] == "é".encode()
        pinged: Deferred[bytes] = Deferred()
        connection.on_ping = pinged.callback
        notes[0].ping(b"from the server")
        assert await pinged == b"from the server"
        await ended(connection)


async def test_subprotocols_and_fields(reactor: Any) -> None:
    async with serving(reactor) as (url, notes):
        request = HTTPRequest(url + "/", headers={"X-Test": "t"}, auth_username="u")
        connection = await websocket_connect(request, subprotocols=["bad", "good"])
        assert connection.selected_subprotocol == "good"
        assert notes[0].request.headers["X-Test"] == "t"
        assert notes[0].request.headers["Authorization"].startswith("Basic ")
        assert request.url.startswith("ws:")
        await ended(connection)
        connection = await websocket_connect(url + "/", subprotocols=["bad"])
        assert connection.selected_subprotocol is None
        await ended(connection)


async def test_a_server_that_is_no_websocket(reactor: Any) -> None:
    async with serving(reactor) as (url, _):
        for path, code in (("/none", 404), ("/plain?to=1", 302)):
            with pytest.raises(HTTPClientError) as caught:
                await websocket_connect(url + path)
            assert caught.value.code == code
        with pytest.raises(WebSocketError, match="answered 200"):
            await websocket_connect(url + "/plain")


async def test_class_16_messages_of_the_server_are_limited(reactor: Any) -> None:
    async with serving(reactor) as (url, notes):
        connection = await websocket_connect(url + "/", max_message_size=10)
        connection.write_message("x" * 11)
        assert await connection.read_message() is None
        await deferLater(reactor, 0.02, lambda: None)
        assert notes[-1] == (1009, "message too big")


async def test_tls(reactor: Any, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = tmp_path / "server.pem"
    certificate.write_bytes(
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.bytes()
    )
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    app = Application([("/", Echo)], notes=[])
    options = tls_options(str(certificate), str(certificate))
    port = reactor.listenSSL(0, app, options, interface="127.0.0.1")
    url = f"wss://localhost:{port.getHost().port}/"
    try:
        trusting = HTTPRequest(url, ca_certs=str(tmp_path / "ca.pem"), allow_ipv6=False)
        connection = await websocket_connect(trusting)
        connection.write_message("secret")
        assert await connection.read_message() == "secret"
        await ended(connection)
        with pytest.raises(HTTPConnectError):
            await websocket_connect(HTTPRequest(url, allow_ipv6=False))
    finally:
        await port.stopListening()
        await app.drain(0)


# -- servers by hand


class Script(Protocol):
    """Answers a request with what `factory.answer` makes of its head."""

    factory: Any

    def connectionMade(self) -> None:
        self.received = b""
        self.factory.protocols.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if b"\r\n\r\n" in self.received:
            head, _, self.received = self.received.partition(b"\r\n\r\n")
            answer = self.factory.answer(head)
            if answer is None:
                self.transport.loseConnection()
            else:
                for piece in answer if isinstance(answer, list) else [answer]:
                    self.transport.write(piece)

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.lost.callback(None)


@asynccontextmanager
async def scripted(reactor: Any, answer: Callable[[bytes], Any]) -> AsyncIterator[tuple[str, Any]]:
    factory: Any = Factory.forProtocol(Script)
    factory.noisy = False
    factory.answer, factory.protocols, factory.lost = answer, [], Deferred()
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    try:
        yield f"ws://127.0.0.1:{port.getHost().port}/", factory
        await factory.lost
    finally:
        await port.stopListening()


def accepted(head: bytes, fields: str = "", body: bytes = b"") -> bytes:
    key = next(line[19:] for line in head.decode().split("\r\n") if "websocket-key" in line.lower())
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key.strip())}\r\n{fields}\r\n"
    ).encode() + body


async def test_the_request(reactor: Any) -> None:
    heads: list[bytes] = []

    def answer(head: bytes) -> bytes:
        heads.append(head)
        return accepted(head, body=frame(CLOSE, key=None))

    async with scripted(reactor, answer) as (url, _):
        connection = await websocket_connect(
            url.replace("ws://", "WS://u:p@") + "path?q=é", compression_options={}
        )
        assert await connection.read_message() is None
    lines = heads[0].decode().split("\r\n")
    assert lines[0] == "GET /path?q=%C3%A9 HTTP/1.1"
    fields = {name.title(): value for name, _, value in (x.partition(": ") for x in lines[1:])}
    assert fields["Upgrade"] == "websocket"
    assert fields["Connection"] == "Upgrade"
    assert fields["Sec-Websocket-Version"] == "13"
    assert len(base64.b64decode(fields["Sec-Websocket-Key"])) == 16
    assert fields["Sec-Websocket-Extensions"] == "permessage-deflate; client_max_window_bits"
    assert fields["Authorization"] == "Basic dTpw"
    assert "Accept-Encoding" not in fields


async def test_what_follows_the_response_at_once(reactor: Any) -> None:
    def answer(head: bytes) -> list[bytes]:
        early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
        whole = early + accepted(head, body=frame(TEXT, b"first", key=None))
        return [whole[:40], whole[40:]]

    async with scripted(reactor, answer) as (url, factory):
        connection = await websocket_connect(url)
        assert await connection.read_message() == "first"
        factory.protocols[0].transport.loseConnection()
        assert await connection.read_message() is None
        assert connection.close_code is None


async def test_what_came_before_the_end_can_be_read_after_it(reactor: Any) -> None:
    texts = [b"%d" % i for i in range(20)]
    frames = b"".join(frame(TEXT, text, key=None) for text in texts)

    async with scripted(reactor, lambda head: accepted(head, body=frames)) as (url, factory):
        connection = await websocket_connect(url)
        assert await connection.read_message() == "0"
        factory.protocols[0].transport.abortConnection()
        await factory.lost
        await deferLater(reactor, 0.02, lambda: None)  # the client hears of it, too
        with pytest.raises(WebSocketClosedError):
            connection.write_message("late")
        assert [m async for m in connection] == [str(i) for i in range(1, 20)]


async def test_callbacks_get_what_came_before_the_end(reactor: Any) -> None:
    gates: list[Deferred[None]] = []
    messages: list[Any] = []
    over: Deferred[None] = Deferred()

    def take(message: Any) -> Any:
        messages.append(message)
        if message is None:
            over.callback(None)
            return None
        gates.append(Deferred())
        return gates[-1]

    frames = frame(TEXT, b"a", key=None) + frame(TEXT, b"b", key=None)

    async with scripted(reactor, lambda head: accepted(head, body=frames)) as (url, factory):
        await websocket_connect(url, on_message_callback=take)
        await deferLater(reactor, 0, lambda: None)
        factory.protocols[0].transport.abortConnection()
        await factory.lost
        await deferLater(reactor, 0.02, lambda: None)
        assert messages == ["a"]
        gates[0].callback(None)
        gates[1].callback(None)
        await over
    assert messages == ["a", "b", None]


@pytest.mark.parametrize(
    "answer",
    [
        lambda head: accepted(head).replace(b"Accept: ", b"Accept: x"),
        lambda head: accepted(head, "Sec-WebSocket-Protocol: other\r\n"),
        lambda head: accepted(head, "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        lambda head: b"HTTP/1.1 101 Ok\r\n\r\n",
        lambda head: b"HTTP/1.1 101 Ok\r\nX: " + b"x" * 70_000,
        lambda head: b"HTTP/1.1 100 Continue\r\n\r\n" * 5000 + accepted(head),
    ],
)
async def test_class_16_servers_that_do_it_wrong(reactor: Any, answer: Any) -> None:
    async with scripted(reactor, answer) as (url, _):
        with pytest.raises(WebSocketError):
            await websocket_connect(url)


@pytest.mark.parametrize("answer", [lambda head: b"garbage\r\n\r\n", lambda head: None])
async def test_servers_that_speak_no_http(reactor: Any, answer: Any) -> None:
    async with scripted(reactor, answer) as (url, _):
        with pytest.raises(HTTPClientError) as caught:
            await websocket_connect(url)
        assert caught.value.code == 599


async def test_class_16_masked_frames_of_a_server_are_refused(reactor: Any) -> None:
    def answer(head: bytes) -> bytes:
        return accepted(head, body=frame(TEXT, b"x"))

    async with scripted(reactor, answer) as (url, factory):
        connection = await websocket_connect(url)
        factory.protocols[0].transport.loseConnection()
        assert await connection.read_message() is None


async def test_nobody_listens(reactor: Any) -> None:
    port = reactor.listenTCP(0, HTTPFactory(), interface="127.0.0.1")
    number = port.getHost().port
    await port.stopListening()
    with pytest.raises(OSError, match="Cannot connect"):
        await websocket_connect(f"ws://127.0.0.1:{number}/")


async def test_a_server_that_does_not_answer(reactor: Any) -> None:
    async with scripted(reactor, lambda head: b"") as (url, _):
        with pytest.raises(HTTPTimeoutError):
            await websocket_connect(url, connect_timeout=0.05)


async def test_cancelling(reactor: Any) -> None:
    async with scripted(reactor, lambda head: b"") as (url, factory):
        connecting = websocket_connect(url)
        connecting.addErrback(lambda failure: failure.trap(CancelledError))
        while not factory.protocols:
            await deferLater(reactor, 0.005, lambda: None)
        connecting.cancel()
        await connecting


async def test_cancelling_while_it_connects(reactor: Any) -> None:
    connecting = websocket_connect("ws://127.0.0.1:1/")
    connecting.addErrback(lambda failure: failure.trap(CancelledError))
    connecting.cancel()
    await connecting


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"url": "http://a/"}, "begins with ws"),
        ({"url": "a"}, "begins with ws"),
        ({"url": "ws://a b/"}, "white space"),
        ({"subprotocols": ["a", "a"]}, "each of them once"),
        ({"compression_options": {"x": 1}}, "unknown"),
        ({"resolver": object()}, "resolver"),
        ({"ping_interval": -1}, "ping_interval"),
        ({"url": HTTPRequest("ws://a/"), "connect_timeout": 1}, "connect_timeout"),
    ],
)
def test_what_cannot_be_asked_for(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        websocket_connect(**{"url": "ws://a/", **arguments})


def test_a_task_of_asyncio_that_is_cancelled() -> None:
    connection = WebSocketClientConnection(None)
    waiting = connection.read_message()
    steps = waiting.__await__()
    assert next(steps) is waiting
    with pytest.raises(asyncio.CancelledError):
        steps.throw(asyncio.CancelledError())
    assert not connection.read_message().called


def test_a_connection_that_is_not_open() -> None:
    connection = WebSocketClientConnection(None)
    connection.close()
    with pytest.raises(WebSocketClosedError):
        connection.write_message("x")
    with pytest.raises(WebSocketClosedError):
        connection.ping()
    assert connection.on_ping(b"") is None
    assert connection.on_pong(b"") is None
