"""Sessions: who is logged in where, and what is remembered of visitors.

::

    cyclone run app.py                                        in memory
    cyclone run app.py --appopts cookie                       in a signed cookie
    cyclone run app.py --appopts sqlite:sessions.sqlite3      in SQLite
    cyclone run app.py --appopts redis://127.0.0.1:6379       in Redis or Valkey
    twistd -n cyclone -r app.Application                      (all in this directory)
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cyclone.httpauth import Users
from cyclone.sessions import (
    CookieStore,
    MemoryStore,
    RedisStore,
    SessionMixin,
    Sessions,
    SQLStore,
)
from cyclone.web import Application as CycloneApplication
from cyclone.web import RequestHandler, authenticated, url

HERE = Path(__file__).parent
PEOPLE = {"ada": "lovelace", "grace": "hopper"}
USERS = Users(PEOPLE)
LONGEST_NOTE = 500

POLICY = "; ".join(
    [
        *("default-src 'none'", "style-src 'self'", "img-src 'self'", "form-action 'self'"),
        *("base-uri 'none'", "frame-ancestors 'none'"),
    ]
)


def device_of(agent: str) -> str:
    """A browser in a few words, out of its User-Agent field."""
    names = {"Edg/": "Edge", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
    systems = {"Android": "Android", "iPhone": "iPhone", "Windows": "Windows", "Mac OS": "macOS"}
    systems["Linux"] = "Linux"
    name = next((names[mark] for mark in names if mark in agent), agent[:40] or "unknown")
    system = next((systems[mark] for mark in systems if mark in agent), "")
    return f"{name} on {system}" if system else name


def make_store(where: str) -> Any:
    """The store that an option names.

    Raises:
        ValueError: there is no such store.
    """
    kind, _, rest = where.partition(":")
    if kind in ("", "memory"):
        return MemoryStore()
    if kind == "cookie":
        return CookieStore()
    if kind == "sqlite" and rest:
        from twisted.enterprise import adbapi

        # One connection: SQLite has one writer at a time anyway.
        pool = adbapi.ConnectionPool("sqlite3", rest, check_same_thread=False, cp_min=1, cp_max=1)
        return SQLStore(pool)
    if kind == "redis":
        import cyclone.redis

        address = urlsplit(where)
        host, port = address.hostname or "127.0.0.1", address.port or 6379
        return RedisStore(cyclone.redis.lazyConnectionPool(host, port, poolsize=2))
    raise ValueError(f"memory, cookie, sqlite:FILE or redis://HOST:PORT, not {where!r}")


class Page(SessionMixin, RequestHandler):
    """What pages have in common: the session is loaded before them."""

    application: Any

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "private, no-cache")

    async def prepare(self) -> None:
        await self.application.ready()
        await self.session

    def get_current_user(self) -> str | None:
        return self.session.owner

    def go_home(self, message: str) -> None:
        """Back to the first page, which says what has happened."""
        self.session["message"] = message
        self.redirect(self.reverse_url("index"), status=303)

    def when(self, seconds: float, form: str = "%d %b, %H:%M UTC") -> str:
        return time.strftime(form, time.gmtime(seconds))


class Index(Page):
    """What is remembered of a visitor, and where they are logged in."""

    async def get(self) -> None:
        session = self.session
        session["visits"] = session.get("visits", 0) + 1
        message = session.pop("message", "")
        found = None
        if self.current_user and not isinstance(self.sessions.store, CookieStore):
            found = await self.sessions.sessions_of(self.current_user)
        self.render(
            "index.html",
            message=message,
            found=found,
            people=PEOPLE,
            store=type(self.sessions.store).__name__,
        )


class Note(Page):
    """Something to remember."""

    def post(self) -> None:
        self.session["note"] = self.get_body_argument("note", "")[:LONGEST_NOTE]
        self.go_home("The note is kept in the session.")


class LogIn(Page):
    """The id of the session changes, and what was in it stays."""

    def post(self) -> None:
        name = self.get_body_argument("name", "").strip().lower()
        if USERS.check(name, self.get_body_argument("password", "", strip=False)) is None:
            self.go_home("Name or password are wrong.")
            return
        self.session.login(name)
        self.session["device"] = device_of(self.request.headers.get("User-Agent", ""))
        self.go_home(f"Welcome, {name.title()}. The session has a new id.")


class LogOut(Page):
    """Ends the session."""

    def post(self) -> None:
        self.session.logout()
        self.go_home("You have logged out, and what was remembered is forgotten.")


class End(Page):
    """Ends another session of the same person, or all others."""

    @authenticated
    async def post(self) -> None:
        key = self.get_body_argument("key", "")
        if key == "others":
            count = await self.sessions.end_all(self.current_user, but=self.session.key)
            self.go_home(f"Sessions ended: {count}.")
        elif await self.sessions.end(key, self.current_user):
            self.go_home("The session has ended.")
        else:
            self.go_home("There is no such session any more.")


class Application(CycloneApplication):
    """The demo.

    Args:
        where: the sessions are kept, see above.
        store: in place of that, for tests.
        settings: of cyclone, beyond those below.
    """

    def __init__(self, where: str = "", *, store: Any = None, **settings: Any) -> None:
        self._store = make_store(where) if store is None else store
        self._is_ready = not isinstance(self._store, SQLStore)
        routes = [
            url(r"/", Index, name="index"),
            url(r"/note", Note, name="note"),
            url(r"/login", LogIn, name="login"),
            url(r"/logout", LogOut, name="logout"),
            url(r"/end", End, name="end"),
        ]
        super().__init__(
            routes,
            sessions=Sessions(self._store, cookie_name="guest", idle=3600, lifetime=7 * 86400),
            # Sites in public keep it in a file: with a new one everybody is logged out.
            cookie_secret=secrets.token_urlsafe(32),
            xsrf_cookies=True,
            xsrf_cookie_kwargs={"httponly": True, "samesite": "Lax"},
            login_url="/",
            template_path=str(HERE / "templates"),
            static_path=str(HERE / "static"),
            **settings,
        )

    async def ready(self) -> None:
        """Make the table, at the first request."""
        if not self._is_ready:
            await self._store.create_table()
            self._is_ready = True
