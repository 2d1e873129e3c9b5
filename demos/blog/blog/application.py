"""The application: settings and routes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from cyclone.web import Application, url

from . import accounts, catalogs, handlers, modules, page
from .passwords import COST, Passwords
from .secret import cookie_secret
from .store import Store, create, make_pool

__all__ = ["Blog"]

HERE = Path(__file__).parents[1]

ROUTES = [
    url(r"/", handlers.Index, name="index"),
    url(r"/archive", handlers.Archive, name="archive"),
    url(r"/feed\.xml", handlers.Feed, name="feed"),
    url(r"/compose", handlers.Compose, name="compose"),
    url(r"/entry/([a-z0-9-]+)", handlers.Read, name="entry"),
    url(r"/entry/([a-z0-9-]+)/edit", handlers.Compose, name="edit"),
    url(r"/entry/([a-z0-9-]+)/delete", handlers.Delete, name="delete"),
    url(r"/language", handlers.Language, name="language"),
    url(r"/signup", accounts.SignUp, name="signup"),
    url(r"/login", accounts.LogIn, name="login"),
    url(r"/logout", accounts.LogOut, name="logout"),
]


class Blog(Application):
    """The blog.

    Args:
        data: directory of the database and the secret; it is made if need be.
        pool: in place of the threads that ask the database, for tests.
        in_thread: in place of the reactor's threads, for tests.
        password_cost: see `passwords`.
        settings: of cyclone, beyond those below.

    Attributes:
        store: the database.
        passwords: what is kept of passwords.
        started: another text each time; pages of an older version of the code are not current.
    """

    def __init__(
        self,
        data: str = "",
        *,
        pool: Any = None,
        in_thread: Callable[..., Deferred[Any]] = deferToThread,
        password_cost: tuple[int, int, int] = COST,
        **settings: Any,
    ) -> None:
        # Nobody is served yet: here the program may wait for the disk.
        directory = Path(data) if data else HERE / "data"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = directory / "blog.sqlite3"
        create(database)
        catalogs.load(HERE / "locale", directory / "locale")
        self.store = Store(pool or make_pool(database))
        self.passwords = Passwords(in_thread, password_cost)
        self.started = secrets.token_hex(8)
        defaults = {
            "template_path": str(HERE / "templates"),
            "static_path": str(HERE / "static"),
            "static_handler_class": page.StaticFile,
            "default_handler_class": page.NotFound,
            "ui_modules": modules,
            "login_url": "/login",
            "cookie_secret": cookie_secret(directory),
            "xsrf_cookies": True,
            "xsrf_cookie_kwargs": {"httponly": True, "samesite": "Lax"},
            "cross_origin_protection": True,
            "compress_response": True,
            "max_body_size": 512 * 1024,
        }
        super().__init__(ROUTES, **{**defaults, **settings})
