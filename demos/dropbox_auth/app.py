"""Logging in with Dropbox: OAuth 2 with state and PKCE, for a service that has no mixin yet.

::

    cyclone run app.py                              (in this directory)
    twistd -n cyclone -r app.Application
    cyclone run app.py --appopts client.json        with Dropbox itself; see the README

Without a file Dropbox is made up, and runs in this process, at another port.
"""

from __future__ import annotations

import importlib
import json
import secrets
import sys
from pathlib import Path
from typing import Any

from cyclone.auth import AuthError, OAuth2Mixin
from cyclone.escape import json_decode, json_encode
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
    return importlib.import_module("fakeservices").Dropbox()


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


class Dropbox(OAuth2Mixin):
    """Dropbox, or what is said to be it: all that a service of one's own takes."""

    _OAUTH_AUTHORIZE_URL = "https://www.dropbox.com/oauth2/authorize"
    _OAUTH_ACCESS_TOKEN_URL = "https://api.dropboxapi.com/oauth2/token"
    _OAUTH_USE_STATE = _OAUTH_USE_PKCE = True
    application: Application

    def initialize(self) -> None:
        client = self.application.client
        self._OAUTH_AUTHORIZE_URL = client.get("authorize_url", self._OAUTH_AUTHORIZE_URL)
        self._OAUTH_ACCESS_TOKEN_URL = client.get("token_url", self._OAUTH_ACCESS_TOKEN_URL)

    async def dropbox_request(self, path: str, token: str, argument: Any = None) -> Any:
        """Call a function of Dropbox: its argument and its answer are JSON."""
        base = self.application.client.get("api_url", "https://api.dropboxapi.com/2")
        response = await self.get_auth_http_client().fetch(
            base + path,
            method="POST",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            body=json_encode(argument),
        )
        return json_decode(response.body)


class Index(Dropbox, Page):
    """Who one is, and one's files, if one has logged in."""

    async def get(self) -> None:
        message = self.session.pop("message", "")
        user, entries = self.session.get("user"), []
        path = self.get_query_argument("path", "").rstrip("/")
        if user is not None:
            try:
                entries = await self._entries(user["token"], path)
            except HTTPClientError as error:
                self.set_status(404 if error.code in (400, 409) else 502)
                message = f"Dropbox does not tell what is in there: {error}"
        self.render(
            "index.html",
            message=message,
            user=user,
            entries=entries,
            path=path,
            fake=self.application.is_fake,
        )

    async def _entries(self, token: str, path: str) -> list[Any]:
        answer = await self.dropbox_request("/files/list_folder", token, {"path": path})
        entries: list[Any] = answer["entries"]
        return sorted(entries, key=lambda entry: (entry[".tag"] != "folder", entry["name"].lower()))

    def ways_up(self, path: str) -> list[tuple[str, str]]:
        """The names of a path, and where each leads."""
        names = path.split("/")[1:]
        return [(name, "/" + "/".join(names[: end + 1])) for end, name in enumerate(names)]

    def size(self, count: int) -> str:
        """Bytes as people say them."""
        if count < 1024:
            return f"{count} bytes"
        step = min((count.bit_length() - 1) // 10, 4)
        return f"{count / 1024**step:.1f} {'KMGT'[step - 1]}iB"


class Login(Dropbox, Page):
    """Sends users to Dropbox, and is where they come back to."""

    async def get(self) -> None:
        here = self.request.full_url().partition("?")[0]
        client = self.application.client
        try:
            if error := self.get_argument("error", None):
                self.check_state()
                why = "that you do not want to be" if error == "access_denied" else f"{error!r}"
                self.go_home(f"You are not logged in: Dropbox says {why}.")
            elif code := self.get_argument("code", None):
                # There need not be a secret: the one that belongs to the challenge is enough.
                secret = client.get("client_secret")
                answer = await self.exchange_code(here, client["client_id"], secret, code)
                await self._enter(answer["access_token"])
            else:
                self.authorize_redirect(here, client["client_id"])
        except (AuthError, HTTPClientError) as error:
            self.go_home(f"You are not logged in. {error}")

    async def _enter(self, token: str) -> None:
        account = await self.dropbox_request("/users/get_current_account", token)
        self.session.login(account["account_id"])
        self.session["user"] = {
            "name": account["name"]["display_name"],
            "email": account["email"],
            "picture": account.get("profile_photo_url", ""),
            "token": token,
        }
        self.go_home(f"Welcome, {account['name']['given_name']}.")


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
        self.images = "https://dl-web.dropbox.com https://*.dropboxusercontent.com"
        routes = [
            url(r"/", Index, name="index"),
            url(r"/login", Login, name="login"),
            url(r"/logout", LogOut, name="logout"),
        ]
        super().__init__(
            routes,
            sessions=Sessions(MemoryStore(), cookie_name="dropbox_demo", idle=3600),
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
