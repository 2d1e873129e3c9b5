"""Logging in with GitHub: OAuth 2 with state and PKCE.

::

    cyclone run app.py                              (in this directory)
    twistd -n cyclone -r app.Application
    cyclone run app.py --appopts client.json        with GitHub itself; see the README

Without a file GitHub is made up, and runs in this process, at another port.
"""

from __future__ import annotations

import importlib
import json
import secrets
import sys
from pathlib import Path
from typing import Any

from cyclone.auth import AuthError, GithubMixin
from cyclone.httpclient import HTTPClientError
from cyclone.sessions import MemoryStore, SessionMixin, Sessions
from cyclone.web import Application as CycloneApplication
from cyclone.web import RequestHandler, url

HERE = Path(__file__).parent


def fake_service() -> Any:
    """A service that is made up, out of the directory beside this one."""
    directory = str(HERE.parent / "fakeservices")
    if directory not in sys.path:
        sys.path.append(directory)
    return importlib.import_module("fakeservices").GitHub()


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


class GitHub(GithubMixin):
    """GitHub, or what is said to be it."""

    _OAUTH_USE_PKCE = True
    application: Application
    request: Any

    def initialize(self) -> None:
        client = self.application.client
        self._OAUTH_AUTHORIZE_URL = client.get("authorize_url", self._OAUTH_AUTHORIZE_URL)
        self._OAUTH_ACCESS_TOKEN_URL = client.get("token_url", self._OAUTH_ACCESS_TOKEN_URL)
        self._GITHUB_BASE_URL = client.get("api_url", self._GITHUB_BASE_URL)


class Index(GitHub, Page):
    """Who one is, and one's repositories, if one has logged in."""

    async def get(self) -> None:
        message = self.session.pop("message", "")
        user, repositories = self.session.get("user"), []
        if user is not None:
            try:
                repositories = await self.github_request(
                    "/user/repos", user["access_token"], sort="updated", per_page=10
                )
            except HTTPClientError as error:
                message = f"GitHub does not tell which repositories you have: {error}"
        self.render(
            "index.html",
            message=message,
            user=user,
            repositories=repositories,
            fake=self.application.is_fake,
        )


class Login(GitHub, Page):
    """Sends users to GitHub, and is where they come back to."""

    async def get(self) -> None:
        here = self.request.full_url().partition("?")[0]
        client = self.application.client
        try:
            if error := self.get_argument("error", None):
                self.check_state()
                why = "that you do not want to be" if error == "access_denied" else f"{error!r}"
                self.go_home(f"You are not logged in: GitHub says {why}.")
            elif code := self.get_argument("code", None):
                user = await self.get_authenticated_user(
                    here, client["client_id"], client["client_secret"], code
                )
                self.session.login(str(user["id"]))
                self.session["user"] = user
                self.go_home(f"Welcome, {user['name'] or user['login']}.")
            else:
                self.authorize_redirect(here, client["client_id"], scope=["read:user"])
        except (AuthError, HTTPClientError) as error:
            self.go_home(f"You are not logged in. {error}")


class LogOut(Page):
    """Forgets everything.  That one is logged in at the service is the service's business."""

    def post(self) -> None:
        self.session.logout()
        self.go_home("You have logged out here.")


class Application(CycloneApplication):
    """The demo.

    Args:
        client: JSON file with client_id and client_secret; empty for the made-up
            service.
        settings: of cyclone, beyond those below.

    Attributes:
        client: what the service has given this application, and where the service is.
        images: where pictures of people may come from.
    """

    def __init__(self, client: str = "", **settings: Any) -> None:
        self._fake = None if client else fake_service()
        self.client = json.loads(Path(client).read_text()) if client else {}
        self.images = "https://avatars.githubusercontent.com"
        routes = [
            url(r"/", Index, name="index"),
            url(r"/login", Login, name="login"),
            url(r"/logout", LogOut, name="logout"),
        ]
        super().__init__(
            routes,
            sessions=Sessions(MemoryStore(), cookie_name="github_demo", idle=3600),
            # Sites in public keep it in a file: with a new one everybody is logged out.
            cookie_secret=secrets.token_urlsafe(32),
            cross_origin_protection=True,
            login_url="/login",
            template_path=str(HERE / "templates"),
            static_path=str(HERE / "static"),
            max_body_size=64 * 1024,
            **settings,
        )

    @property
    def is_fake(self) -> bool:
        """Whether the service is made up."""
        return self._fake is not None

    def startFactory(self) -> None:
        """Called when the application begins to listen: the made-up service does, too."""
        if self._fake is not None:
            from twisted.internet import reactor

            self._fake.start(reactor)
            self.images = self._fake.base
            self.client = self._fake.client()
        super().startFactory()

    def stopFactory(self) -> None:
        """Called when it no longer listens."""
        super().stopFactory()
        if self._fake is not None:
            self._fake.stop()
