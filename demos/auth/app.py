"""Logging in with any provider of OpenID Connect.

::

    cyclone run app.py                              (in this directory)
    twistd -n cyclone -r app.Application
    cyclone run app.py --appopts client.json        with a provider in the world; see the README

Without a file the provider is made up, and runs in this process, at another port.
"""

from __future__ import annotations

import importlib
import json
import secrets
import sys
from pathlib import Path
from typing import Any

from cyclone.auth import AuthError, OIDCMixin
from cyclone.httpclient import HTTPClientError
from cyclone.sessions import MemoryStore, SessionMixin, Sessions
from cyclone.web import Application as CycloneApplication
from cyclone.web import RequestHandler, authenticated, url

HERE = Path(__file__).parent
#: What a page shows of the claims, in this order; the rest is kept as it came.
SHOWN = ("name", "email", "email_verified", "sub", "iss", "aud", "nonce", "iat", "exp")


def fake_service() -> Any:
    """A service that is made up, out of the directory beside this one."""
    directory = str(HERE.parent / "fakeservices")
    if directory not in sys.path:
        sys.path.append(directory)
    return importlib.import_module("fakeservices").OpenIDProvider()


class Page(SessionMixin, RequestHandler):
    """What pages have in common.  The session is kept here; the browser has its number only."""

    application: Application

    def set_default_headers(self) -> None:
        self.set_header(
            "Content-Security-Policy",
            f"default-src 'none'; style-src 'self'; img-src 'self' {self.application.images}; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        )
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "private, no-store")

    async def prepare(self) -> None:
        await self.session

    def get_current_user(self) -> str | None:
        return self.session.owner

    def go_home(self, message: str) -> None:
        """Back to the first page, which says what has happened."""
        self.session["message"] = message
        self.redirect(self.reverse_url("index"), status=303)


class Index(Page):
    """Who one is, if somebody."""

    def get(self) -> None:
        claims = self.session.get("claims", {})
        self.render(
            "index.html",
            message=self.session.pop("message", ""),
            claims={name: claims[name] for name in SHOWN if name in claims},
            picture=claims.get("picture", ""),
            issuer=self.settings.oidc["issuer"],
            fake=self.application.is_fake,
        )


class Login(OIDCMixin, Page):
    """Sends users to the provider, and is where they come back to."""

    async def get(self) -> None:
        if not (self.get_argument("code", None) or self.get_argument("error", None)):
            self.session["next"] = local_path(self.get_argument("next", ""))
            await self._send_away()
            return
        try:
            user = await self.get_authenticated_user()
        except (AuthError, HTTPClientError) as error:
            self.go_home(f"You are not logged in. {error}")
            return
        # Subjects are unique for each issuer only (Core section 5.7).
        self.session.login(f"{user['iss']} {user['sub']}")
        del user["token_response"]
        self.session["claims"] = user
        self.redirect(self.session.pop("next", "") or self.reverse_url("index"), status=303)

    async def _send_away(self) -> None:
        try:
            await self.authorize_redirect()
        except (AuthError, HTTPClientError) as error:
            self.go_home(f"The provider cannot be used. {error}")


class Private(Page):
    """For those who have logged in; others are sent to log in, and come back."""

    @authenticated
    def get(self) -> None:
        self.render("private.html", claims=self.session["claims"])


def local_path(path: str) -> str:
    """A path of this site, or nothing: no way leads to another site."""
    plain = path.isascii() and path.isprintable() and "\\" not in path and len(path) < 500
    return path if plain and path.startswith("/") and not path.startswith("//") else ""


class LogOut(Page):
    """Forgets everything.  That one is logged in at the service is the service's business."""

    def post(self) -> None:
        self.session.logout()
        self.go_home("You have logged out here.")


class Application(CycloneApplication):
    """The demo.

    Args:
        client: JSON file with issuer, client_id and client_secret; empty for the made-up
            service.
        settings: of cyclone, beyond those below.

    Attributes:
        images: where pictures of people may come from.
    """

    def __init__(self, client: str = "", **settings: Any) -> None:
        self._fake = None if client else fake_service()
        self.images = "https:"
        routes = [
            url(r"/", Index, name="index"),
            url(r"/private", Private, name="private"),
            url(r"/login", Login, name="login"),
            url(r"/logout", LogOut, name="logout"),
        ]
        super().__init__(
            routes,
            sessions=Sessions(MemoryStore(), cookie_name="oidc_demo", idle=3600),
            # Sites in public keep it in a file: with a new one everybody is logged out.
            cookie_secret=secrets.token_urlsafe(32),
            cross_origin_protection=True,
            login_url="/login",
            template_path=str(HERE / "templates"),
            static_path=str(HERE / "static"),
            max_body_size=64 * 1024,
            oidc=json.loads(Path(client).read_text()) if client else {},
            **settings,
        )

    @property
    def is_fake(self) -> bool:
        """Whether the provider is made up."""
        return self._fake is not None

    def startFactory(self) -> None:
        """Called when the application begins to listen: the made-up service does, too."""
        if self._fake is not None:
            from twisted.internet import reactor

            self._fake.start(reactor)
            self.images = self._fake.base
            self.settings.oidc = self._fake.client_settings()
        super().startFactory()

    def stopFactory(self) -> None:
        """Called when it no longer listens."""
        super().stopFactory()
        if self._fake is not None:
            self._fake.stop()
