"""SQLite by the standard library's module."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

from cyclone.outages import StoreTimeout, StoreUnavailable

from .links import Link
from .settings import PoolSettings
from .urls import Target, URLError

__all__ = ["SQLite"]

_AWAY = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
    )
)
#: A statement looks whether it is still wanted each time it has done so many of SQLite's steps.
_LOOK = 10_000
_CHOICES = {
    "mode": ("rwc", "rw", "ro"),
    "wal": ("true", "false"),
    "foreign_keys": ("true", "false"),
    "begin": ("immediate", "deferred", "exclusive"),
}


class SQLite:
    """A file of SQLite and how it is opened.

    Options of the URL: ``mode`` (``ro``, ``rw``, ``rwc``), ``wal=true`` (readers do not wait for
    a writer), ``busy_timeout`` (seconds to wait for the lock of another, 5 by default),
    ``foreign_keys=true``, ``begin`` (how transactions begin; ``immediate`` by default, since one
    that reads first and writes then cannot wait for a lock).
    """

    dbapi = "sqlite3"
    asynchronous = False

    def __init__(self, target: Target, settings: PoolSettings, options: dict[str, str]) -> None:
        known = ("busy_timeout", *_CHOICES)
        for name, value in options.items():
            if name not in known:
                raise URLError(f"options: {name!r} is unknown; there are: {', '.join(known)}")
            if value not in _CHOICES.get(name, (value,)):
                raise URLError(f"options: {name} must be one of {', '.join(_CHOICES[name])}")
        try:
            self._busy_timeout = float(options.get("busy_timeout", "5"))
        except ValueError:
            raise URLError("options: busy_timeout must be a number of seconds") from None
        #: Each connection to memory is a database of its own.
        self.most = 1 if target.database == ":memory:" else None
        self._name = _name(target.database, options.get("mode", "rwc"))
        self._dict_rows = settings.dict_rows
        self._options = options

    async def connect_asynchronously(self) -> Link:
        """There is no such thing."""
        raise NotImplementedError

    def connect(self) -> Link:
        """See `Driver`."""
        raw = sqlite3.connect(
            self._name,
            timeout=self._busy_timeout,
            isolation_level=None,
            check_same_thread=False,
            uri=self._name.startswith("file:"),
        )
        try:
            if self._dict_rows:
                raw.row_factory = _as_dict
            if self._options.get("wal") == "true":
                raw.execute("PRAGMA journal_mode=WAL")
                raw.execute("PRAGMA synchronous=NORMAL")
            if self._options.get("foreign_keys") == "true":
                raw.execute("PRAGMA foreign_keys=ON")
        except BaseException:
            raw.close()
            raise
        # `sqlite3_interrupt` would be lost on a statement that is about to begin.
        unwanted = threading.Event()
        raw.set_progress_handler(unwanted.is_set, _LOOK)
        return Link(raw, interrupt=unwanted.set, begin=unwanted.clear)

    def begin(self, raw: Any) -> None:
        """See `Driver`."""
        raw.execute(f"BEGIN {self._options.get('begin', 'immediate').upper()}")

    def commit(self, raw: Any) -> None:
        """See `Driver`."""
        raw.commit()

    def rollback(self, raw: Any) -> None:
        """See `Driver`."""
        raw.rollback()

    def dirty(self, raw: Any) -> bool:
        """See `Driver`."""
        return bool(raw.in_transaction)

    def broken(self, raw: Any) -> bool:
        """See `Driver`.  Broken is what a function has closed, and nothing else tells."""
        try:
            return bool(raw.total_changes < 0)
        except sqlite3.ProgrammingError:
            return True

    def outage(self, error: BaseException) -> type[StoreUnavailable] | None:
        """See `Driver`."""
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            return None
        if code & 0xFF == sqlite3.SQLITE_INTERRUPT:
            return StoreTimeout
        return StoreUnavailable if code & 0xFF in _AWAY else None

    def remedy(self, error: BaseException) -> str | None:
        """See `Driver`.  There is nothing of the kind."""
        return None


def _name(path: str, mode: str) -> str:
    if path == ":memory:" or mode == "rwc":
        return path
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{quoted}?mode={mode}"


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}
