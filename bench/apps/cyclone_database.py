"""The routes of cyclone's application that need the database."""

from __future__ import annotations

import os
from typing import Any

import cyclone.web
from bench.database import (
    CONNECTIONS,
    FORTUNES,
    READ,
    SUM,
    VARIABLE,
    WRITE,
    number,
    numbers,
    total,
    with_added,
)


class Base(cyclone.web.RequestHandler):
    """What all of them have."""

    def initialize(self, pool: Any) -> None:
        self.pool = pool

    async def row(self, identity: int) -> dict[str, int]:
        rows = await self.pool.runQuery(READ, (identity,))
        return total(rows[0])


class One(Base):
    """One query."""

    async def get(self) -> None:
        self.write(await self.row(number()))


class Many(Base):
    """Twenty queries."""

    async def get(self) -> None:
        self.write({"rows": [await self.row(identity) for identity in numbers()]})


class Updates(Base):
    """Twenty rows, read and written."""

    async def get(self) -> None:
        found = []
        for identity in numbers():
            found.append(await self.row(identity))
            await self.pool.runOperation(WRITE, (SUM - identity, identity))
        self.write({"rows": found})


class Fortunes(Base):
    """A page."""

    async def get(self) -> None:
        self.render("fortunes.html", rows=with_added(await self.pool.runQuery(FORTUNES)))


def routes() -> list[Any]:
    """Return the routes, if there is a database."""
    url = os.environ.get(VARIABLE)
    if not url:
        return []
    from cyclone import sql

    arguments = {"pool": sql.connect(url, size=CONNECTIONS)}
    return [
        (r"/db", One, arguments),
        (r"/queries", Many, arguments),
        (r"/updates", Updates, arguments),
        (r"/fortunes", Fortunes, arguments),
    ]
