"""The application: HTTP, and the other two, which start and stop with it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import cyclone.sse
import cyclone.web
from cyclone.log import app_log
from cyclone.web import HTTPError, RequestHandler, url

from .mailing import MailServer
from .notices import LONGEST, Notices
from .shell import USER, shell_server

__all__ = ["NoticeBoard"]

HERE = Path(__file__).parents[1]
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


class Page(RequestHandler):
    """The page."""

    application: NoticeBoard

    def get(self) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")
        ports = self.application.ports
        self.render(
            "index.html", smtp=ports.get("SMTP"), ssh=ports.get("SSH"), user=USER, longest=LONGEST
        )


class Post(RequestHandler):
    """A notice by HTTP."""

    application: NoticeBoard

    def post(self) -> None:
        text, name = (self.get_body_argument(field, "") for field in ("text", "name"))
        try:
            self.application.notices.post(text, name, "HTTP")
        except ValueError as error:
            raise HTTPError(400, str(error)) from None
        self.set_status(204)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        message = error.get_message() if isinstance(error, HTTPError) else None
        self.finish({"error": message or "this did not work"})


class Live(cyclone.sse.SSEHandler):
    """All notices: those that are there, and those that come."""

    application: NoticeBoard

    def bind(self) -> None:
        self.sendEvent({"notices": list(self.application.notices)}, event="all", retry=1000)
        self.application.readers.add(self)

    def unbind(self) -> None:
        self.application.readers.discard(self)


class NoticeBoard(cyclone.web.Application):
    """The demo.

    Args:
        settings: of cyclone, beyond those below.

    Attributes:
        notices: what is on the board.
        readers: pages that are told of new ones.
        ports: where the other protocols are spoken, by their names.
    """

    def __init__(self, **settings: Any) -> None:
        self.notices = Notices()
        self.readers = cyclone.sse.Broadcaster()
        self.notices.listeners.append(lambda notice: self.readers.send(notice, "notice"))
        self.ports: dict[str, int] = {}
        self._listening: list[Any] = []
        routes = [
            url(r"/", Page, name="page"),
            url(r"/post", Post, name="post"),
            url(r"/live", Live, name="live"),
        ]
        super().__init__(
            routes,
            cross_origin_protection=True,
            max_body_size=16 * 1024,
            template_path=str(HERE / "templates"),
            static_path=str(HERE / "static"),
            **settings,
        )

    def startFactory(self) -> None:
        """Called when the application begins to listen: the others do, too."""
        self._listen("SMTP", MailServer(self.notices))
        password = secrets.token_urlsafe(9)
        names = {"app": self, "notices": self.notices, "say": self.say}
        try:
            self._listen("SSH", shell_server(password, names))
        except ImportError as error:
            app_log.warning("%s", error)
        else:
            port = self.ports["SSH"]
            app_log.info("ssh -p %d %s@127.0.0.1 (password: %s)", port, USER, password)
        super().startFactory()

    def _listen(self, name: str, factory: Any) -> None:
        from twisted.internet import reactor

        port = reactor.listenTCP(0, factory, interface="127.0.0.1")  # type: ignore[attr-defined]
        self._listening.append(port)
        self.ports[name] = port.getHost().port
        app_log.info("%s at port %d", name, self.ports[name])

    def stopFactory(self) -> None:
        """Called when it no longer listens."""
        super().stopFactory()
        while self._listening:
            self._listening.pop().stopListening()
        self.ports.clear()

    def say(self, text: str, name: str = USER) -> str:
        """Put a notice on the board: for the prompt."""
        notice = self.notices.post(text, name, "SSH")
        return f"{notice['name']}: {notice['text']}"
