"""A WebSocket that says everything back, and a page that shows what goes over it.

::

    cyclone run app.py --reload
    twistd -n cyclone -r app.Application        (in this directory)
"""

from pathlib import Path

import cyclone.web
from cyclone.websocket import WebSocketHandler

STATIC = Path(__file__).parent / "static"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class EchoHandler(WebSocketHandler):
    """Says everything back, as it came: text as text, bytes as bytes.

    ``/close CODE REASON`` has it close the connection.  ``?compress`` asks for compression.
    """

    def get_compression_options(self):
        return {} if self.get_argument("compress", None) is not None else None

    def select_subprotocol(self, subprotocols):
        return "echo" if "echo" in subprotocols else None

    async def on_message(self, message):
        if isinstance(message, str) and message.startswith("/close"):
            self.close_as_asked(message)
        else:
            await self.write_message(message, binary=isinstance(message, bytes))

    def close_as_asked(self, message):
        _, code, reason = [*message.split(" ", 2), "", ""][:3]
        try:
            self.close(int(code or "1000"), reason)
        except ValueError as error:
            self.write_message(f"Cannot close like that: {error}")


class PageHandler(cyclone.web.StaticFileHandler):
    """The page and what belongs to it."""

    def set_extra_headers(self, path):
        # Older browsers do not take 'self' for the WebSockets of this host.
        socket = f"{'wss' if self.request.protocol == 'https' else 'ws'}://{self.request.host}"
        self.set_header("Content-Security-Policy", f"{POLICY}; connect-src 'self' {socket}")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")


class Application(cyclone.web.Application):
    def __init__(self):
        handlers = [
            (r"/echo", EchoHandler),
            (r"/(.*)", PageHandler, {"path": STATIC, "default_filename": "index.html"}),
        ]
        super().__init__(handlers, websocket_ping_interval=20, websocket_max_message_size=1 << 20)
