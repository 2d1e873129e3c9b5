"""Who asks, and through what: addresses, proxies, listening ports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Protocol
from zope.interface.verify import verifyObject

from cyclone.testing import Client, MemoryConnection, parse_responses
from cyclone.web import Application, RequestHandler

from .support import GET

# --- proxies and peers ---------------------------------------------------------------------------


class Who(RequestHandler):
    """Tells who asks."""

    def get(self) -> None:
        self.write(f"{self.request.remote_ip} {self.request.protocol}")


REAL = {"X-Real-Ip": "1.2.3.4", "X-Scheme": "https"}
FORWARDED = {"X-Forwarded-For": "9.9.9.9, 1.2.3.4, 10.0.0.1", "X-Forwarded-Proto": "https"}
PEERS: list[tuple[dict[str, Any], Any, dict[str, str], str]] = [
    # settings, peer's address, fields, who
    ({}, IPv4Address("TCP", "5.6.7.8", 1), REAL, "5.6.7.8 http"),
    ({"xheaders": False}, IPv4Address("TCP", "5.6.7.8", 1), REAL, "5.6.7.8 http"),
    ({"xheaders": True}, IPv4Address("TCP", "5.6.7.8", 1), {}, "5.6.7.8 http"),
    ({"xheaders": True}, IPv4Address("TCP", "5.6.7.8", 1), REAL, "1.2.3.4 https"),
    ({"xheaders": True}, IPv6Address("TCP", "2001:db8::1", 1), REAL, "1.2.3.4 https"),
    ({}, IPv6Address("TCP", "2001:db8::1", 1), {}, "2001:db8::1 http"),
    (
        {"xheaders": True, "trusted_downstream": ["10.0.0.0/8"]},
        IPv4Address("TCP", "5.6.7.8", 1),
        REAL,
        "5.6.7.8 http",
    ),
    (
        {"xheaders": True, "trusted_downstream": ["10.0.0.0/8"]},
        IPv4Address("TCP", "10.9.9.9", 1),
        FORWARDED,
        "1.2.3.4 https",
    ),
    (
        {"xheaders": True, "trusted_downstream": ["10.0.0.0/8"]},
        IPv4Address("TCP", "10.9.9.9", 1),
        {"X-Real-Ip": "[2001:db8::5]:80"},
        "2001:db8::5 http",
    ),
    ({"xheaders": True}, UNIXAddress(None), REAL, "1.2.3.4 https"),
    (
        {"trusted_downstream": ["10.0.0.0/8"]},
        IPv4Address("TCP", "10.0.0.1", 1),
        REAL,
        "10.0.0.1 http",
    ),
]


@pytest.mark.parametrize(("settings", "peer", "fields", "who"), PEERS)
def test_who_asks(settings: dict[str, Any], peer: Any, fields: dict[str, str], who: str) -> None:
    connection = MemoryConnection(Application([("/", Who)], **settings), peer=peer)
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    connection.send(f"GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())
    assert bytes(connection.responses()[0].body).decode() == who


@pytest.mark.parametrize(
    ("path", "who"), [(b"/run/app.sock", "unix:/run/app.sock"), (b"\0name", "unix:@name")]
)
def test_a_peer_on_a_unix_socket(path: bytes, who: str) -> None:
    connection = MemoryConnection(
        Application([("/", Who)]), peer=UNIXAddress(None), host=UNIXAddress(path)
    )
    connection.send(GET)
    assert bytes(connection.responses()[0].body).decode() == f"{who} http"


def test_an_encrypted_connection() -> None:
    assert Client(Application([("/", Who)]), https=True).get("/").text == "127.0.0.1 https"


def test_trusted_downstream_must_be_networks() -> None:
    with pytest.raises(ValueError):
        Application(xheaders=True, trusted_downstream=["not a network"])


# --- listening -----------------------------------------------------------------------------------


def test_an_application_is_a_protocol_factory() -> None:
    assert verifyObject(IProtocolFactory, Application())


class Ask(Protocol):
    """Sends a request, and fires `done` with all that came back."""

    def __init__(self) -> None:
        self.done: Deferred[bytes] = Deferred()
        self.received = b""

    def connectionMade(self) -> None:
        self.transport.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.done.callback(self.received)


async def body_from(endpoint: Any) -> bytes:
    """The body of the front page that is served there."""
    protocol = await connectProtocol(endpoint, Ask())
    (response,) = parse_responses(await protocol.done)
    return bytes(response.body)


async def test_listen(reactor: Any) -> None:
    app = Application([("/", Who)])
    port = app.listen(0, "127.0.0.1")
    try:
        number = port.getHost().port
        assert (
            await body_from(TCP4ClientEndpoint(reactor, "127.0.0.1", number)) == b"127.0.0.1 http"
        )
        with pytest.raises(CannotListenError):
            app.listen(number, "127.0.0.1")
    finally:
        await port.stopListening()
        await app.drain()


async def test_listen_tcp_with_positional_arguments(reactor: Any) -> None:
    """``reactor.listenTCP(port, application, backlog, interface)``, as the README's readers do."""
    app = Application([("/", Who)])
    port = reactor.listenTCP(0, app, 50, "127.0.0.1")
    try:
        number = port.getHost().port
        assert (
            await body_from(TCP4ClientEndpoint(reactor, "127.0.0.1", number)) == b"127.0.0.1 http"
        )
    finally:
        await port.stopListening()
        await app.drain()


async def test_listen_unix(reactor: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    app = Application([("/", Who)])
    port = reactor.listenUNIX(path, app)
    try:
        assert await body_from(UNIXClientEndpoint(reactor, path)) == f"unix:{path} http".encode()
    finally:
        await port.stopListening()
        await app.drain()
