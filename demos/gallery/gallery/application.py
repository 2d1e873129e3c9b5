"""The page, and the way from it to a demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cyclone.web
from cyclone.web import HTTPError, RequestHandler, url

from .catalogue import ROOMS, Demo
from .keeper import CannotStart, Keeper

__all__ = ["Gallery"]

HERE = Path(__file__).parents[1]
#: What this machine is called by browsers on it.
NEAR = {"127.0.0.1", "localhost", "[::1]"}
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'self' http://127.0.0.1:* {host}; frame-ancestors 'none'"
)


class Base(RequestHandler):
    """What all pages have in common."""

    application: Gallery

    def set_default_headers(self) -> None:
        # The form's answer leads to another port of this host, which counts as where it goes.
        # Policies have no word for an address of IPv6.
        name = self.request.host_name
        host = "http:" if name.startswith("[") else f"http://{name}:*"
        self.set_header("Content-Security-Policy", POLICY.format(host=host))
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")


class Entrance(Base):
    """All demos."""

    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.render(
            "index.html",
            rooms=ROOMS,
            running=self.application.keeper.running,
            is_near=self.request.host_name in NEAR,
        )


class Open(Base):
    """Starts a demo, and leads to it."""

    async def post(self, slug: str) -> None:
        demo = self.application.demos.get(slug)
        if demo is None or not demo.directory.is_dir():
            raise HTTPError(404)
        # Where this connection came in is an address that the visitor reaches.
        here = self.request.connection.transport.getHost()
        host = getattr(here, "host", "127.0.0.1")
        try:
            place = urlsplit(await self.application.keeper.url_of(demo, host))
        except CannotStart as error:
            self.set_status(503)
            self.render("failed.html", demo=demo, why=str(error))
            return
        # Whoever reaches us by some name reaches the demo by it, too.
        where = place.netloc if demo.is_local else f"{self.request.host_name}:{place.port}"
        self.redirect(f"http://{where}/", status=303)


class Gallery(cyclone.web.Application):
    """The gallery.

    Attributes:
        demos: by what they are called in URLs.
        keeper: what runs.
    """

    keeper: Keeper

    def __init__(self, **settings: Any) -> None:
        self.demos: dict[str, Demo] = {demo.slug: demo for room in ROOMS.values() for demo in room}
        routes = [url(r"/", Entrance), url(r"/open/([a-z0-9_-]+)", Open)]
        settings.setdefault("template_path", str(HERE / "templates"))
        settings.setdefault("static_path", str(HERE / "static"))
        settings.setdefault("cross_origin_protection", True)
        super().__init__(routes, **settings)

    def startFactory(self) -> None:
        """Begin to keep processes, now that there is a reactor."""
        super().startFactory()
        reactor: Any = self.clock
        self.keeper = Keeper(reactor)
        reactor.addSystemEventTrigger("before", "shutdown", self.keeper.stop)
