"""The application on cyclone: ``python -m bench.apps.cyclone_app PORT [REACTOR[:TLS]]``.

REACTOR is ``uvloop`` for cyclone's reactor on uvloop, else the short name of a Twisted reactor, as
``twistd --reactor`` takes it. TLS is ``twisted`` for Twisted's own layer, ``native`` for the
reactor's, else the better one that there is.
"""

from __future__ import annotations

import ssl
from typing import Any

from twisted.application.reactors import installReactor

import cyclone.web
from bench.apps.common import (
    EVENTS,
    HOST,
    MESSAGE,
    ROWS,
    TITLE,
    TORNADO_PAGE,
    event,
    event_data,
    port,
    static_directory,
    tls_files,
    unavailable,
    variant,
)
from bench.apps.cyclone_database import routes as database_routes
from bench.database import TORNADO_PAGE as FORTUNES_PAGE


class Main(cyclone.web.RequestHandler):
    """Plaintext."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/plain")
        self.write("hello, world")


class Json(cyclone.web.RequestHandler):
    """JSON."""

    def get(self) -> None:
        self.write(MESSAGE)


class User(cyclone.web.RequestHandler):
    """Path and query parameters."""

    def get(self, user: str) -> None:
        self.set_header("Content-Type", "text/plain")
        self.write(f"{user} {self.get_argument('q')}")


class Page(cyclone.web.RequestHandler):
    """A template."""

    def get(self) -> None:
        self.render("page.html", title=TITLE, rows=ROWS)


class Form(cyclone.web.RequestHandler):
    """An urlencoded form."""

    def post(self) -> None:
        text = self.get_body_argument("text")
        self.write(f"{self.get_body_argument('name')} {len(text)}")


class Upload(cyclone.web.RequestHandler):
    """A multipart form with a file."""

    def post(self) -> None:
        self.write(str(len(self.request.files["f"][0]["body"])))


def _websockets() -> list[Any]:
    """Return the routes of WebSocket handlers, if this cyclone has them."""
    try:
        from cyclone.websocket import Broadcaster, WebSocketHandler
    except ImportError:
        return []
    everybody = Broadcaster()

    class Echo(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            self.write_message(message)

    class Broadcast(WebSocketHandler):
        def open(self) -> None:
            everybody.add(self)

        def on_close(self) -> None:
            everybody.discard(self)

        def on_message(self, message: str | bytes) -> None:
            everybody.send(message)

    return [(r"/ws", Echo), (r"/broadcast", Broadcast)]


def _events() -> type[cyclone.web.RequestHandler]:
    """Return the handler of server-sent events; written by hand if this cyclone has none."""
    try:
        from cyclone.sse import SSEHandler
    except ImportError:

        class Written(cyclone.web.RequestHandler):
            async def get(self) -> None:
                self.set_header("Content-Type", "text/event-stream")
                for number in range(int(self.get_argument("n", str(EVENTS)))):
                    self.write(event(number))
                    await self.flush()

        return Written

    class Events(SSEHandler):
        async def get(self) -> None:
            for number in range(int(self.get_argument("n", str(EVENTS)))):
                await self.sendEvent(event_data(number))

    return Events


def _templates() -> dict[str, Any]:
    """Return the settings of templates, if this cyclone has them."""
    try:
        from cyclone.template import DictLoader
    except ImportError:
        return {}
    return {
        "template_loader": DictLoader({"page.html": TORNADO_PAGE, "fortunes.html": FORTUNES_PAGE})
    }


def make_application() -> cyclone.web.Application:
    """Return the application, which is the factory to listen with; nothing is started."""
    settings = _templates()
    routes: list[Any] = [
        (r"/", Main),
        (r"/json", Json),
        (r"/user/(\w+)", User),
        (r"/form", Form),
        (r"/upload", Upload),
        (r"/sse", _events()),
        (r"/static/(.*)", cyclone.web.StaticFileHandler, {"path": static_directory()}),
        *_websockets(),
        *database_routes(),
    ]
    if settings:
        routes.append((r"/page", Page))
    return cyclone.web.Application(routes, log_function=lambda handler: None, **settings)


def _install(name: str) -> None:
    if name != "uvloop":
        installReactor(name)
        return
    try:
        from cyclone import uvloopreactor
    except ImportError:
        unavailable("this cyclone has no uvloop reactor")
    uvloopreactor.install()


def _listen_tls(application: cyclone.web.Application, tls: str) -> None:
    from twisted.internet import reactor

    from cyclone.deploy import tls_options

    certificate, key = tls_files() or unavailable("no certificate")
    listen = None if tls == "twisted" else getattr(reactor, "listenTLS", None)
    if listen:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        context.set_alpn_protocols(["http/1.1"])
        listen(port(), application, context, interface=HOST)
    elif tls == "native":
        unavailable("this reactor has no TLS of its own")
    else:
        options = tls_options(certificate, key)
        reactor.listenSSL(port(), application, options, interface=HOST)


def main() -> None:
    """Serve for ever."""
    name, _, tls = variant("epoll").partition(":")
    _install(name)
    from twisted.internet import reactor

    application = make_application()
    if tls_files():
        _listen_tls(application, tls)
    else:
        reactor.listenTCP(port(), application, interface=HOST)
    reactor.run()


if __name__ == "__main__":
    main()
