"""WebSockets (RFC 6455) with compression (RFC 7692): handlers, and a client.

::

    class EchoHandler(cyclone.websocket.WebSocketHandler):
        def on_message(self, message):
            self.write_message(message)

The rooms:

    frames      what the first bytes of a frame say, masks, close codes; pure, as the next four
    deflate     compression of messages
    extensions  how it is agreed on
    handshake   the opening handshake
    session     one end: bytes to events, messages to bytes
    settings    what applications may set
    connection  one end on a transport: order, back-pressure, the end, time
    writing     its writing side, and peers that do not read
    prepared    a message that goes to many
    handler     WebSocketHandler
    broadcast   Broadcaster
    client      websocket_connect, WebSocketClientConnection
    opening     the handshake of a client
    errors      what goes wrong, as callers see it
"""

from .broadcast import Broadcaster
from .client import WebSocketClientConnection, websocket_connect
from .deflate import CompressionOptions
from .errors import WebSocketClosedError, WebSocketError
from .handler import WebSocketHandler
from .prepared import PreparedMessage
from .settings import WebSocketSettings

__all__ = [
    "Broadcaster",
    "CompressionOptions",
    "PreparedMessage",
    "WebSocketClientConnection",
    "WebSocketClosedError",
    "WebSocketError",
    "WebSocketHandler",
    "WebSocketSettings",
    "websocket_connect",
]
