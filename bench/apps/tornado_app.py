"""The application on Tornado: ``python -m bench.apps.tornado_app PORT``."""

from __future__ import annotations

import asyncio
import logging
import ssl

import tornado.template
import tornado.web
import tornado.websocket

from bench.apps.common import (
    EVENTS,
    HOST,
    MESSAGE,
    ROWS,
    TITLE,
    TORNADO_PAGE,
    event,
    port,
    static_directory,
    tls_files,
)
from bench.apps.tornado_database import routes as database_routes
from bench.database import TORNADO_PAGE as FORTUNES_PAGE


class Main(tornado.web.RequestHandler):
    """Plaintext."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain")
        self.write("hello, world")


class Json(tornado.web.RequestHandler):
    """JSON."""

    def get(self) -> None:
        self.write(MESSAGE)


class User(tornado.web.RequestHandler):
    """Path and query parameters."""

    def get(self, user: str) -> None:
        self.set_header("Content-Type", "text/plain")
        self.write(f"{user} {self.get_argument('q')}")


class Page(tornado.web.RequestHandler):
    """A template."""

    def get(self) -> None:
        self.render("page.html", title=TITLE, rows=ROWS)


class Form(tornado.web.RequestHandler):
    """An urlencoded form."""

    def post(self) -> None:
        text = self.get_body_argument("text")
        self.write(f"{self.get_body_argument('name')} {len(text)}")


class Upload(tornado.web.RequestHandler):
    """A multipart form with a file."""

    def post(self) -> None:
        self.write(str(len(self.request.files["f"][0]["body"])))


class Events(tornado.web.RequestHandler):
    """Server-sent events."""

    async def get(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        for number in range(int(self.get_argument("n", str(EVENTS)))):
            self.write(event(number))
            await self.flush()


class Echo(tornado.websocket.WebSocketHandler):
    """WebSocket messages that come back."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class Broadcast(tornado.websocket.WebSocketHandler):
    """WebSocket messages for everybody."""

    everybody: set[Broadcast] = set()

    def open(self) -> None:
        self.everybody.add(self)

    def on_close(self) -> None:
        self.everybody.discard(self)

    def on_message(self, message: str | bytes) -> None:
        for one in self.everybody:
            one.write_message(message)


def make_application() -> tornado.web.Application:
    """Return the application."""
    return tornado.web.Application(
        [
            (r"/", Main),
            (r"/json", Json),
            (r"/user/(\w+)", User),
            (r"/page", Page),
            (r"/form", Form),
            (r"/upload", Upload),
            (r"/sse", Events),
            (r"/ws", Echo),
            (r"/broadcast", Broadcast),
            (r"/static/(.*)", tornado.web.StaticFileHandler, {"path": static_directory()}),
            *database_routes(),
        ],
        template_loader=tornado.template.DictLoader(
            {"page.html": TORNADO_PAGE, "fortunes.html": FORTUNES_PAGE}
        ),
    )


async def serve() -> None:
    """Serve for ever."""
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    context = None
    if files := tls_files():
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*files)
    make_application().listen(port(), HOST, ssl_options=context)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
