"""The application: its mail server starts and stops with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cyclone.mail import Mailer
from cyclone.web import Application, url

from . import pages
from .server import Inbox, Server

__all__ = ["Postbox"]

HERE = Path(__file__).parents[1]


class Postbox(Application):
    """A form that sends mail.

    Args:
        conf: JSON file of a ``mailconf``; empty for the mail server in here.
        settings: of cyclone.

    Attributes:
        inbox: what the mail server in here has got.
        mailer: sends.
    """

    mailer: Mailer

    def __init__(self, conf: str = "", **settings: Any) -> None:
        self.inbox = Inbox()
        self._conf = json.loads(Path(conf).read_text()) if conf else None
        self._port: Any = None
        defaults = {
            "template_path": str(HERE / "templates"),
            "static_path": str(HERE / "static"),
            "xsrf_cookies": True,
            "xsrf_cookie_kwargs": {"httponly": True, "samesite": "Lax"},
            "max_body_size": 6 * 1024 * 1024,
        }
        routes = [
            url(r"/", pages.Form, name="form"),
            url(r"/mail/([0-9]{1,9})", pages.Show, name="mail"),
            url(r"/mail/([0-9]{1,9})/source", pages.Source, name="source"),
            url(r"/mail/([0-9]{1,9})/part/([0-9]{1,3})", pages.Part, name="part"),
        ]
        super().__init__(routes, **{**defaults, **settings})

    def startFactory(self) -> None:
        """Called when the application begins to listen."""
        from twisted.internet import reactor

        conf = self._conf
        if conf is None:
            self._port = reactor.listenTCP(0, Server(self.inbox), interface="127.0.0.1")  # type: ignore[attr-defined]
            conf = {"host": "127.0.0.1", "port": self._port.getHost().port, "retries": 0}
        self.mailer = Mailer(conf, idle_timeout=5)
        super().startFactory()

    def stopFactory(self) -> None:
        """Called when it no longer listens."""
        super().stopFactory()
        self.mailer.close()
        if self._port is not None:
            self._port.stopListening()
