"""Sessions in a table of a database, over a pool of `twisted.enterprise.adbapi` or one like it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from cyclone._async import settle

__all__ = ["SQLStore"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")
_PARAMETER = re.compile(r"\?")
_MARKS: dict[str, Callable[[int], str]] = {
    "qmark": lambda number: "?",
    "format": lambda number: "%s",
    "pyformat": lambda number: f"%(p{number})s",
    "numeric": lambda number: f":{number}",
    "named": lambda number: f":p{number}",
}
_UPDATE = "UPDATE {table} SET data = ?, ends = ?, owner = ?"
#: Seconds between two times that ended sessions are looked for.
_PURGE_EVERY = 600
#: Modules of the DB-API that speak to MySQL and MariaDB.
_MYSQL = ("pymysql", "mysqldb")
#: When a session that never ends ends.
_NEVER = 253_402_300_799.0  # the year 9999


class SQLStore:
    """Sessions in a table, where all workers find them.

    The table, which `create_table` makes, is::

        CREATE TABLE sessions (id CHAR(64) PRIMARY KEY, owner VARCHAR(255), ends DOUBLE PRECISION
            NOT NULL, data TEXT NOT NULL)
        CREATE INDEX sessions_owner ON sessions (owner)
        CREATE INDEX sessions_ends ON sessions (ends)

    In MySQL both texts are ``CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`` whatever that of the
    database is, and ``data`` is a ``MEDIUMTEXT``: a ``TEXT`` ends at 65,535 bytes.

    Sessions that have ended are deleted now and then, when others are saved.

    Args:
        pool: an `adbapi.ConnectionPool`, or anything with its method ``runInteraction(function,
            *args)``, which calls ``function(cursor, *args)`` in a transaction.  The cursor is one
            of DB-API 2.0.  It is not closed here.
        paramstyle: of the database's module (PEP 249): ``qmark`` (sqlite3), ``format`` or
            ``pyformat`` (psycopg, PyMySQL), ``numeric`` or ``named``.  By default what the module
            of the pool says; ``qmark`` if the pool does not tell which one it is.
        table: its name, which may have the name of a schema before it.
        clock: tells the seconds since the epoch.

    Raises:
        ValueError: a paramstyle or a name that cannot be.
    """

    synchronous = False

    def __init__(
        self,
        pool: Any,
        paramstyle: str | None = None,
        table: str = "sessions",
        clock: Callable[[], float] = time.time,
    ) -> None:
        module: Any = getattr(pool, "dbapi", None)
        if paramstyle is None:
            paramstyle = getattr(module, "paramstyle", "qmark")
        if paramstyle not in _MARKS:
            raise ValueError(f"paramstyle must be of {', '.join(_MARKS)}, not {paramstyle!r}")
        if not _NAME.fullmatch(table):
            raise ValueError(f"not the name of a table: {table!r}")
        self._pool = pool
        self._style = paramstyle
        self._table = table
        self._mysql = getattr(module, "__name__", "").lower() in _MYSQL
        self._clock = clock
        self._next_purge = 0.0

    def statements(self) -> list[str]:
        """What makes the table and its indexes, for whoever keeps the schema elsewhere."""
        table, flat = self._table, self._table.replace(".", "_")
        # What MySQL takes for equal depends on what is said here, and how much a text may hold.
        exact = " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" if self._mysql else ""
        text = f"MEDIUMTEXT{exact}" if self._mysql else "TEXT"
        return [
            f"CREATE TABLE {table} (id CHAR(64) PRIMARY KEY, owner VARCHAR(255){exact}, "
            f"ends DOUBLE PRECISION NOT NULL, data {text} NOT NULL)",
            f"CREATE INDEX {flat}_owner ON {table} (owner)",
            f"CREATE INDEX {flat}_ends ON {table} (ends)",
        ]

    async def create_table(self) -> None:
        """Make the table and its indexes unless the table is there.

        Raises:
            Exception: what the database raises.
        """
        if await self._is_there():
            return
        try:
            await settle(self._pool.runInteraction(self._create))
        except Exception:
            if not await self._is_there():  # no other worker has made it meanwhile
                raise

    async def _is_there(self) -> bool:
        def look(cursor: Any) -> bool:
            cursor.execute(f"SELECT 1 FROM {self._table} WHERE 1 = 0")
            return True

        try:
            return bool(await settle(self._pool.runInteraction(look)))
        except Exception:
            return False  # if it is something else, making the table will tell

    def _create(self, cursor: Any) -> None:
        for statement in self.statements():
            cursor.execute(statement)

    async def load(self, key: str) -> str | None:
        """See `SessionStore`."""
        text: str | None = await settle(self._pool.runInteraction(self._load, key))
        return text

    async def swap(
        self, key: str, old: str | None, new: str, ttl: float | None, owner: str | None
    ) -> bool:
        """See `SessionStore`."""
        now = self._clock()
        if now >= self._next_purge:
            self._next_purge = now + _PURGE_EVERY
            await self.purge()
        ends = _NEVER if ttl is None else now + ttl
        function = self._replace if old is not None else self._insert
        arguments = (key, old, new, ends, owner)
        return bool(await settle(self._pool.runInteraction(function, *arguments)))

    async def delete(self, key: str, owner: str | None) -> None:
        """See `SessionStore`."""
        await settle(
            self._pool.runInteraction(self._run, "DELETE FROM {table} WHERE id = ?", [key])
        )

    async def keys_of(self, owner: str) -> list[str]:
        """See `SessionStore`."""
        keys: list[str] = await settle(self._pool.runInteraction(self._keys_of, owner))
        return keys

    async def purge(self) -> None:
        """Delete the sessions that have ended."""
        statement = "DELETE FROM {table} WHERE ends <= ?"
        await settle(self._pool.runInteraction(self._run, statement, [self._clock()]))

    # In a thread of the pool.

    def _run(self, cursor: Any, statement: str, values: Sequence[Any]) -> int:
        """Run a statement whose parameters are written as question marks."""
        numbers = iter(range(1, len(values) + 1))
        mark = _MARKS[self._style]
        text = _PARAMETER.sub(lambda _: mark(next(numbers)), statement.format(table=self._table))
        given: Any = tuple(values)
        if self._style in ("pyformat", "named"):
            given = {f"p{number}": value for number, value in enumerate(values, 1)}
        cursor.execute(text, given)
        return int(cursor.rowcount)

    def _load(self, cursor: Any, key: str) -> str | None:
        statement = "SELECT data FROM {table} WHERE id = ? AND ends > ?"
        self._run(cursor, statement, [key, self._clock()])
        row = cursor.fetchone()
        return None if row is None else str(_values(row)[0])

    def _insert(
        self, cursor: Any, key: str, old: None, new: str, ends: float, owner: str | None
    ) -> bool:
        # Ids are random: what is there already has ended, or is of somebody who guesses.
        self._run(cursor, "DELETE FROM {table} WHERE id = ? AND ends <= ?", [key, self._clock()])
        self._run(cursor, "SELECT id FROM {table} WHERE id = ?", [key])
        if cursor.fetchone() is not None:
            return False
        statement = "INSERT INTO {table} (id, owner, ends, data) VALUES (?, ?, ?, ?)"
        self._run(cursor, statement, [key, owner, ends, new])
        return True

    def _replace(
        self, cursor: Any, key: str, old: str, new: str, ends: float, owner: str | None
    ) -> bool:
        # Of two transactions that replace the same text the later one finds another there.
        values = [new, ends, owner, key, old, self._clock()]
        where = "WHERE id = ? AND data = ? AND ends > ?"
        return self._run(cursor, f"{_UPDATE} {where}", values) == 1

    def _keys_of(self, cursor: Any, owner: str) -> list[str]:
        statement = "SELECT id, owner FROM {table} WHERE owner = ? AND ends > ?"
        self._run(cursor, statement, [owner, self._clock()])
        rows = [_values(row) for row in cursor.fetchall()]
        # MySQL knows collations in which Alice is alice.
        return [str(key) for key, found in rows if found == owner]


def _values(row: Any) -> list[Any]:
    """The columns of a row, which may be a dict."""
    return list(row.values() if isinstance(row, dict) else row)
