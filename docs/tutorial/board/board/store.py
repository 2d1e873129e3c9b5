"""Users, notes and sessions in an SQLite database."""

import sqlite3

from cyclone import sql
from cyclone.sessions import SQLStore
from cyclone.sqlite import InlineSQLite

TABLES = [
    "CREATE TABLE user (name TEXT PRIMARY KEY, salt BLOB NOT NULL, password BLOB NOT NULL)",
    "CREATE TABLE note (id INTEGER PRIMARY KEY, author TEXT NOT NULL, text TEXT NOT NULL)",
    *SQLStore(None).statements(),
]


class Store:
    def __init__(self, path):
        # Nobody is served yet: here the program may wait for the disk.
        database = InlineSQLite(path, wal=True)
        if database.runQuery("PRAGMA user_version") == [(0,)]:
            for statement in [*TABLES, "PRAGMA user_version = 1"]:
                database.runOperation(statement)
        database.close()
        self.pool = sql.connect(f"sqlite:///{path}?wal=true")

    async def add_user(self, name, salt, password):
        """Return False if the name is taken."""
        try:
            await self.pool.runOperation(
                "INSERT INTO user (name, salt, password) VALUES (?, ?, ?)", (name, salt, password)
            )
        except sqlite3.IntegrityError:
            return False
        return True

    async def user(self, name):
        rows = await self.pool.runQuery("SELECT salt, password FROM user WHERE name = ?", (name,))
        return rows[0] if rows else None

    async def add(self, author, text):
        await self.pool.runOperation(
            "INSERT INTO note (author, text) VALUES (?, ?)", (author, text)
        )

    async def newest(self, limit=50):
        rows = await self.pool.runQuery(
            "SELECT author, text FROM note ORDER BY id DESC LIMIT ?", (limit,)
        )
        return [{"author": author, "text": text} for author, text in rows]
