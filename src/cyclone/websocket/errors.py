"""What goes wrong with WebSockets, as callers see it."""

from __future__ import annotations

from cyclone._async import Settled

__all__ = ["GONE", "WebSocketClosedError", "WebSocketError"]


class WebSocketError(Exception):
    """Base of the errors of this package (Tornado); of a client, the opening handshake failed."""


class WebSocketClosedError(WebSocketError):
    """The connection is closed, or closing, and takes no more messages (Tornado)."""

    def __init__(self, message: str = "the WebSocket is closed") -> None:
        super().__init__(message)


#: What writing returns when the connection has gone; it fails when it is awaited.
GONE = Settled(WebSocketClosedError)
