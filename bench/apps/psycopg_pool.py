"""Connections of psycopg for the frameworks that bring none: as little as can be.

No limits, no timeouts, no reconnecting: a queue of connections, each statement a transaction of
its own, as in cyclone's pool.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from bench.database import CONNECTIONS, VARIABLE


class Pool:
    """A queue of connections, opened when the first is wanted."""

    def __init__(self) -> None:
        self._free: asyncio.Queue[Any] | None = None

    async def query(self, sql: str, *parameters: Any) -> list[Any]:
        """Return the rows of a statement."""
        connection = await self._take()
        try:
            cursor = await connection.execute(sql, *parameters)
            return await cursor.fetchall() if cursor.description else []
        finally:
            self._give_back(connection)

    async def _take(self) -> Any:
        if self._free is None:
            import psycopg

            self._free = asyncio.Queue()
            for _ in range(CONNECTIONS):
                self._free.put_nowait(
                    await psycopg.AsyncConnection.connect(os.environ[VARIABLE], autocommit=True)
                )
        return await self._free.get()

    def _give_back(self, connection: Any) -> None:
        if self._free is not None:
            self._free.put_nowait(connection)
