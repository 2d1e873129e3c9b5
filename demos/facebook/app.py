"""Logging in with Facebook, and asking its Graph API.

::

    cyclone run app.py                              (in this directory)
    twistd -n cyclone -r app.Application
    cyclone run app.py --appopts client.json        with Facebook itself; see the README

Without a file Facebook is made up, and runs in this process, at another port.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib
import json
import secrets
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from cyclone.auth import AuthError, FacebookGraphMixin
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
    return importlib.import_module("fakeservices").Facebook()


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


class Facebook(FacebookGraphMixin):
    """Facebook, or what is said to be it."""

    _OAUTH_USE_STATE = True
    application: Application

    def initialize(self) -> None:
        client = self.application.client
        self._OAUTH_AUTHORIZE_URL = client.get("authorize_url", self._OAUTH_AUTHORIZE_URL)
        self._OAUTH_ACCESS_TOKEN_URL = client.get("token_url", self._OAUTH_ACCESS_TOKEN_URL)
        self._FACEBOOK_BASE_URL = client.get("api_url", self._FACEBOOK_BASE_URL)

    def proof(self, token: str) -> str:
        """Says that who asks has the secret, not only somebody's token."""
        secret = self.application.client["client_secret"]
        return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


class Index(Facebook, Page):
    """Who one is, and what one has posted, if one has logged in."""

    async def get(self) -> None:
        message = self.session.pop("message", "")
        user, posts = self.session.get("user"), []
        if user is not None:
            token = user["access_token"]
            try:
                answer = await self.facebook_request(
                    "/me/posts",
                    token,
                    fields="message,created_time",
                    limit="10",
                    appsecret_proof=self.proof(token),
                )
                posts = [post for post in answer["data"] if post.get("message")]
            except HTTPClientError as error:
                message = f"Facebook does not tell what you have posted: {error}"
        self.render(
            "index.html", message=message, user=user, posts=posts, fake=self.application.is_fake
        )

    def day(self, time: str) -> str:
        """A time of Facebook's in words."""
        return datetime.strptime(time, "%Y-%m-%dT%H:%M:%S%z").strftime("%d %B %Y").lstrip("0")


class Login(Facebook, Page):
    """Sends users to Facebook, and is where they come back to."""

    async def get(self) -> None:
        here = self.request.full_url().partition("?")[0]
        client = self.application.client
        try:
            if error := self.get_argument("error", self.get_argument("error_code", None)):
                self.check_state()
                why = "that you do not want to be" if error == "access_denied" else f"{error!r}"
                self.go_home(f"You are not logged in: Facebook says {why}.")
            elif code := self.get_argument("code", None):
                await self._enter(here, client, code)
            else:
                scope = ["public_profile", "user_posts"]
                self.authorize_redirect(here, client["client_id"], scope=scope)
        except (AuthError, HTTPClientError) as error:
            self.go_home(f"You are not logged in. {error}")

    async def _enter(self, here: str, client: dict[str, str], code: str) -> None:
        user = await self.get_authenticated_user(
            here, client["client_id"], client["client_secret"], code
        )
        if user is None:
            raise AuthError("Facebook does not say who you are.")
        self.session.login(user["id"])
        self.session["user"] = user
        self.go_home(f"Welcome, {user['name']}.")


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
        self.images = "https://*.fbsbx.com https://*.fbcdn.net"
        routes = [
            url(r"/", Index, name="index"),
            url(r"/login", Login, name="login"),
            url(r"/logout", LogOut, name="logout"),
        ]
        super().__init__(
            routes,
            sessions=Sessions(MemoryStore(), cookie_name="facebook_demo", idle=3600),
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
