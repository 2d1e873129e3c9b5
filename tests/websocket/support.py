"""What the tests of handlers share: a client in memory that speaks frames."""

from __future__ import annotations

from typing import Any

from cyclone.http1 import HTTPFactory
from cyclone.testing import MemoryConnection
from cyclone.web import Application
from cyclone.websocket import WebSocketHandler
from cyclone.websocket.deflate import CompressionOptions, Deflate, Parameters
from cyclone.websocket.session import Close, Session

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def request(path: str = "/", fields: dict[str, str | None] | None = None) -> bytes:
    """A handshake; a field that is None is left out."""
    every: dict[str, str | None] = {
        "Host": "a.example",
        "Upgrade": "websocket",
        "Connection": "keep-alive, Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
        **(fields or {}),
    }
    lines = [f"{name}: {value}\r\n" for name, value in every.items() if value is not None]
    return (f"GET {path} HTTP/1.1\r\n" + "".join(lines) + "\r\n").encode()


class Peer:
    """A client of an application: messages in, messages out.

    Attributes:
        link: its connection.
        status, fields: of the response.
        session: the client's end; its frames may be sent with `raw`.
    """

    def __init__(
        self,
        app: HTTPFactory,
        path: str = "/",
        fields: dict[str, str | None] | None = None,
        follow: bytes = b"",
        parameters: Parameters | None = None,
        **link: Any,
    ) -> None:
        self.link = MemoryConnection(app, **link)
        self.link.send(request(path, fields) + follow)
        head, _, self.rest = self.link.received.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        pairs = [line.partition(": ") for line in lines[1:]]
        self.fields = {name.lower(): value for name, _, value in pairs}
        self._seen = len(head) + 4
        deflate = parameters and Deflate(parameters, CompressionOptions(), client=True)
        self.session = Session(client=True, deflate=deflate or None)

    def raw(self, data: bytes) -> list[Any]:
        """Send bytes; what comes back."""
        self.link.send(data)
        return self.events()

    def say(self, *messages: str | bytes) -> list[Any]:
        """Send messages in one piece; what comes back."""
        frames = [self.session.encode(m, isinstance(m, bytes)) for m in messages]
        return self.raw(b"".join(frames))

    def close(self, code: int | None = 1000, reason: str = "") -> list[Any]:
        """Send a close frame; what comes back."""
        return self.raw(self.session.close(code, reason))

    def events(self) -> list[Any]:
        """What has come since the last call."""
        data = self.link.received[self._seen :]
        self._seen += len(data)
        self.session.feed(data)
        found = []
        while (event := self.session.next()) is not None:
            found.append(event)
        return found


def serve(handler: type[WebSocketHandler], **settings: Any) -> Application:
    """An application with one handler."""
    return Application([(r"/(?:room/(?P<room>\w+))?", handler)], **settings)


def closed(code: int | None, reason: str = "") -> Close:
    """A close frame of the server."""
    return Close(code, reason)
