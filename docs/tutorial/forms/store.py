"""Notes in an SQLite database."""

from cyclone import sql
from cyclone.sqlite import InlineSQLite

TABLE = """
CREATE TABLE IF NOT EXISTS note (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL,
    written TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)
"""


class Store:
    def __init__(self, path):
        # Nobody is served yet: here the program may wait for the disk.
        database = InlineSQLite(path, wal=True)
        database.runOperation(TABLE)
        database.close()
        self.pool = sql.connect(f"sqlite:///{path}?wal=true")

    async def add(self, text):
        await self.pool.runOperation("INSERT INTO note (text) VALUES (?)", (text,))

    async def newest(self, limit=50):
        rows = await self.pool.runQuery(
            "SELECT id, text FROM note ORDER BY id DESC LIMIT ?", (limit,)
        )
        return [{"id": number, "text": text} for number, text in rows]
