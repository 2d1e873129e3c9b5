"""SQL databases: pools that heal themselves, over Twisted's adbapi.

>>> from cyclone import sql
>>> pool = sql.connect("postgresql://app:secret@db.example.com/shop?size=20")  # doctest: +SKIP
>>> rows = await pool.runQuery("SELECT name FROM item WHERE id = %s", (7,))  # doctest: +SKIP

The verbs are those of adbapi, which cyclone 1.x's applications use; what a `Pool` adds: calls end
in time whatever the server does, wait in a line that is bounded, and fail at once, with
`StoreUnavailable`, while the server is away.  `cyclone.storage.database_safe` makes 503 of that.

Rooms: `urls` and `settings` (what the pool is told), `links` (connections that can be cut),
`postgresql`, `mysql` and `sqlite` (drivers, each the only importer of its library), `work`
(statements and transactions), `threads` and `tasks` (engines), `pool`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cyclone.outages import PoolTimeout, StoreTimeout, StoreUnavailable

from .links import Driver
from .pool import Pool
from .settings import PoolSettings, settings_of
from .urls import Target, URLError, parse_url

__all__ = [
    "Pool",
    "PoolSettings",
    "PoolTimeout",
    "StoreTimeout",
    "StoreUnavailable",
    "URLError",
    "connect",
]

_DRIVERS = {"postgresql": "PostgreSQL", "mysql": "MySQL", "sqlite": "SQLite"}


def connect(url: str, *, reactor: Any = None, **settings: Any) -> Pool:
    """Make a pool of connections to a database.  Nothing is connected before it is needed.

    Args:
        url: ``postgresql://user:password@host/database``, ``mysql://`` or ``mariadb://`` likewise,
            ``sqlite:///relative/path``, ``sqlite:////absolute/path``, ``sqlite://`` (in memory).
            Options after the ``?`` are settings of the pool, or the driver's own: libpq's of
            PostgreSQL (``sslmode``, ``application_name``) and ``prepare_threshold``; ``charset``,
            ``unix_socket``, ``ssl_ca`` of MySQL; ``wal``, ``mode``, ``busy_timeout`` of SQLite.
        reactor: default: the one that runs.
        settings: those of `PoolSettings`, which count more than the URL's.

    Raises:
        URLError: (a ValueError) the URL or an option makes no sense.
        ImportError: the driver is not installed; the message names the extra that brings it.
        TypeError, ValueError: a keyword is no setting, or its value makes no sense.
    """
    if not isinstance(url, str):
        raise TypeError(f"the URL of a database is text, not {type(url).__name__}")
    if reactor is None:
        from twisted.internet import reactor
    target = parse_url(url)
    checked, options = settings_of(target, settings)
    return Pool(target, _driver(target, checked, options), checked, reactor)


def _driver(target: Target, settings: PoolSettings, options: dict[str, str]) -> Driver:
    room = import_module(f"{__name__}.{target.kind}")
    driver: Driver = getattr(room, _DRIVERS[target.kind])(target, settings, options)
    return driver
