"""HTTP Basic authentication: a private page, files and an API, for Ada and Grace.

::

    cyclone run app.py                               (in this directory)
    twistd -n cyclone -r app.Application

Passwords are kept as scrypt hashes, and checked in threads: nobody else waits meanwhile.  Who
guesses is slowed down.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread

from cyclone.httpauth import Basic, FailureLimit, HTTPAuth, HTTPAuthMixin, ProtectedMixin
from cyclone.web import Application as CycloneApplication
from cyclone.web import RequestHandler, StaticFileHandler, authenticated, url

HERE = Path(__file__).parent
#: Whoever takes this further keeps hashes in a file or database instead.
PEOPLE = {"ada": "lovelace", "grace": "hopper"}
COST = {"n": 2**14, "r": 8, "p": 1}

#: What is said in place of a page; 0 stands for the rest.
WORDS = {
    0: "This did not work.",
    401: "This room is for people with a name and a password.",
    429: "Too many wrong guesses. Come back in a minute.",
}
POLICY = "; ".join(
    [
        *("default-src 'none'", "style-src 'self'", "script-src 'self'", "connect-src 'self'"),
        *("img-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"),
    ]
)


class Passwords:
    """What is kept of passwords.

    Args:
        people: passwords by name.
        in_thread: calls a function in another thread.
    """

    def __init__(self, people: dict[str, str], in_thread: Callable[..., Any]) -> None:
        self.salts = {name: os.urandom(16) for name in people}
        self.hashes = {name: self.hash(name, password) for name, password in people.items()}
        self.in_thread = in_thread

    def hash(self, name: str, password: str) -> bytes:
        salt = self.salts.get(name, b"nobody")  # it takes as long for those who do not exist
        return hashlib.scrypt(password.encode(), salt=salt, **COST)

    async def check(self, name: str, password: str) -> str | None:
        """The checker: it may wait, for a thread here, for a database elsewhere."""
        given = await self.in_thread(self.hash, name, password)
        right = hmac.compare_digest(given, self.hashes.get(name, b""))
        return name.title() if right else None


class Page(RequestHandler):
    """What pages have in common."""

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")

    def write_error(self, status_code: int, **kwargs: Any) -> Any:
        words = WORDS.get(status_code, WORDS[0])
        return self.render("error.html", status=status_code, words=words)


class Index(Page):
    """For everybody."""

    def get(self) -> None:
        self.render(
            "index.html", people=PEOPLE, here=f"{self.request.protocol}://{self.request.host}"
        )


class Private(HTTPAuthMixin, Page):
    """``@authenticated`` answers 401 here, since the user comes from HTTP authentication."""

    @property
    def http_auth(self) -> HTTPAuth:  # type: ignore[override]
        return self.settings.auth

    @authenticated
    async def get(self) -> None:
        files = sorted(path.name for path in (HERE / "private").iterdir())
        self.set_header("Cache-Control", "private, no-store")
        self.render("private.html", files=files)


class Api(Private):
    """For programs."""

    @authenticated
    async def get(self) -> None:
        self.write({"user": self.current_user, "from": self.request.remote_ip})


class Files(ProtectedMixin, Page, StaticFileHandler):
    """Every file of a directory, for those who have logged in."""

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "private, no-cache")

    @property
    def http_auth(self) -> HTTPAuth:  # type: ignore[override]
        return self.settings.auth


class Application(CycloneApplication):
    """The demo.

    Args:
        in_thread: in place of the reactor's threads, for tests.
        settings: of cyclone, beyond those below.
    """

    def __init__(self, *, in_thread: Callable[..., Any] = deferToThread, **settings: Any) -> None:
        self.passwords = Passwords(PEOPLE, in_thread)
        auth = HTTPAuth(
            Basic(self.passwords, remember=30),
            realm="The engine room",
            limit=FailureLimit(per_address=10, per_user=50, period=60),
        )
        routes = [
            url(r"/", Index, name="index"),
            url(r"/private", Private, name="private"),
            url(r"/api/me", Api, name="api"),
            url(r"/files/(.*)", Files, {"path": str(HERE / "private")}, name="files"),
        ]
        super().__init__(
            routes,
            auth=auth,
            template_path=str(HERE / "templates"),
            static_path=str(HERE / "static"),
            **settings,
        )
