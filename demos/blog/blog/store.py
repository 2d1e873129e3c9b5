"""The database: SQLite, by the standard library's module, in threads.

The methods return Deferreds.  What they run in a thread are the functions below them, each one
transaction.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from twisted.enterprise.adbapi import ConnectionPool
from twisted.internet.defer import Deferred

from .texts import name_key, slug_of

__all__ = ["Entry", "Store", "Title", "User", "connect", "create", "make_pool"]

_T = TypeVar("_T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS blog (id TEXT NOT NULL, founded INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL REFERENCES users (id),
    slug TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    published INTEGER NOT NULL,
    updated INTEGER NOT NULL
);
"""
_ENTRIES = """
SELECT entries.id, author_id, name, slug, title, body, published, updated
FROM entries JOIN users ON users.id = author_id
"""

#: How often a name is looked for that others take at the same time.
_TRIES = 5


@dataclass(frozen=True)
class User:
    """Somebody who writes.  `password` is what is kept of it."""

    id: int
    name: str
    password: str


@dataclass(frozen=True)
class Entry:
    """What somebody wrote; times in seconds since 1970."""

    id: int
    author_id: int
    author: str
    slug: str
    title: str
    body: str
    published: int
    updated: int


@dataclass(frozen=True)
class Title:
    """What a list says of an entry."""

    slug: str
    title: str
    author: str
    published: int


def connect(path: Path) -> sqlite3.Connection:
    """Open the database for one thread."""
    # The pool closes connections from the thread that stops it.
    connection = sqlite3.connect(path, timeout=10, check_same_thread=False)
    prepare(connection)
    return connection


def prepare(connection: sqlite3.Connection) -> None:
    """What every connection begins with."""
    connection.execute("PRAGMA foreign_keys = ON")


def create(path: Path) -> None:
    """Make the tables that are missing.  Blocks: for the start, before anybody is served."""
    path.touch(mode=0o600)  # what SQLite puts beside it gets the same mode
    with closing(connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")  # who reads does not wait for who writes
        connection.executescript(_SCHEMA)
        if connection.execute("SELECT id FROM blog").fetchone() is None:
            founded = (str(uuid.uuid4()), int(time.time()))
            connection.execute("INSERT INTO blog VALUES (?, ?)", founded)


def make_pool(path: Path) -> ConnectionPool:
    """A few threads with a connection each; they start and stop with the reactor."""
    return ConnectionPool(  # type: ignore[no-untyped-call]
        "sqlite3",
        str(path),
        timeout=10,
        check_same_thread=False,
        cp_min=1,
        cp_max=4,
        cp_openfun=prepare,
        cp_name="blog",
    )


class Store:
    """What the handlers know of the database.

    Args:
        pool: has ``runInteraction(function, *arguments)``, as `ConnectionPool` has.
        now: tells the time.
    """

    def __init__(self, pool: Any, now: Callable[[], float] = time.time) -> None:
        self._pool = pool
        self._now = now

    def _run(self, function: Callable[..., _T], *args: object) -> Deferred[_T]:
        answer: Deferred[_T] = self._pool.runInteraction(function, *args)
        return answer

    def blog(self) -> Deferred[tuple[str, int]]:
        """The blog's UUID, and when it was founded."""
        return self._run(_blog)

    def user(self, user_id: int) -> Deferred[User | None]:
        """The user with this number."""
        return self._run(_user, "id", user_id)

    def user_named(self, name: str) -> Deferred[User | None]:
        """The user who is called so."""
        return self._run(_user, "name_key", name_key(name))

    def add_user(self, name: str, password: str) -> Deferred[int | None]:
        """The number of a new user; None if the name is taken.

        Args:
            password: what is kept of it.
        """
        return self._run(_add_user, name, password)

    def entry(self, slug: str) -> Deferred[Entry | None]:
        """The entry with this name."""
        return self._run(_entry, slug)

    def latest(self, count: int, before: int | None = None) -> Deferred[list[Entry]]:
        """The newest entries first, those with a number below `before`."""
        return self._run(_latest, count, before)

    def titles(self, count: int) -> Deferred[list[Title]]:
        """The titles of the newest entries first."""
        return self._run(_titles, count)

    def add_entry(self, author_id: int, title: str, body: str) -> Deferred[str]:
        """Publish an entry; its slug, made of the title."""
        return self._run(_add_entry, author_id, title, body, int(self._now()))

    def change_entry(self, entry: Entry, title: str, body: str) -> Deferred[None]:
        """Exchange the words of an entry; its slug stays, links lead to it."""
        return self._run(_change_entry, entry.id, title, body, int(self._now()))

    def delete_entry(self, entry: Entry) -> Deferred[None]:
        """Take an entry away."""
        return self._run(_delete_entry, entry.id)


# -- in threads


def _blog(cursor: Any) -> tuple[str, int]:
    blog_id, founded = cursor.execute("SELECT id, founded FROM blog").fetchone()
    return blog_id, founded


def _user(cursor: Any, column: str, value: object) -> User | None:
    row = cursor.execute(
        f"SELECT id, name, password FROM users WHERE {column} = ?", (value,)
    ).fetchone()
    return row and User(*row)


def _add_user(cursor: Any, name: str, password: str) -> int | None:
    cursor.execute(
        "INSERT INTO users (name, name_key, password) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (name, name_key(name), password),
    )
    return cursor.lastrowid if cursor.rowcount else None


def _entry(cursor: Any, slug: str) -> Entry | None:
    row = cursor.execute(_ENTRIES + "WHERE slug = ?", (slug,)).fetchone()
    return row and Entry(*row)


def _latest(cursor: Any, count: int, before: int | None) -> list[Entry]:
    where, values = ("WHERE entries.id < ?", [before]) if before is not None else ("", [])
    cursor.execute(f"{_ENTRIES} {where} ORDER BY entries.id DESC LIMIT ?", [*values, count])
    return [Entry(*row) for row in cursor.fetchall()]


def _titles(cursor: Any, count: int) -> list[Title]:
    cursor.execute(
        "SELECT slug, title, name, published FROM entries JOIN users ON users.id = author_id"
        " ORDER BY entries.id DESC LIMIT ?",
        (count,),
    )
    return [Title(*row) for row in cursor.fetchall()]


def _add_entry(cursor: Any, author_id: int, title: str, body: str, now: int) -> str:
    for _ in range(_TRIES):
        slug = _free_slug(cursor, slug_of(title))
        cursor.execute(
            "INSERT INTO entries (author_id, slug, title, body, published, updated)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (slug) DO NOTHING",
            (author_id, slug, title, body, now, now),
        )
        if cursor.rowcount:
            return slug
    raise RuntimeError(f"cannot find a name for an entry, others take them: {slug}")


def _free_slug(cursor: Any, wanted: str) -> str:
    # "entry" is tried first, then "entry-2": the numbers that are taken come from one query.
    cursor.execute(
        "SELECT slug FROM entries WHERE slug = ? OR slug GLOB ?", (wanted, f"{wanted}-*")
    )
    taken = {slug for (slug,) in cursor.fetchall()}
    slug, number = wanted, 1
    while slug in taken:
        number += 1
        slug = f"{wanted}-{number}"
    return slug


def _change_entry(cursor: Any, entry_id: int, title: str, body: str, now: int) -> None:
    cursor.execute(
        "UPDATE entries SET title = ?, body = ?, updated = ? WHERE id = ?",
        (title, body, now, entry_id),
    )


def _delete_entry(cursor: Any, entry_id: int) -> None:
    cursor.execute("DELETE FROM entries WHERE id = ?", (entry_id,))
