"""The routes of starlette's application that need the database."""

from __future__ import annotations

import os

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from bench.apps.psycopg_pool import Pool
from bench.database import (
    FORTUNES,
    JINJA_PAGE,
    READ,
    SUM,
    VARIABLE,
    WRITE,
    number,
    numbers,
    total,
    with_added,
)

_pool = Pool()
_page = jinja2.Environment(autoescape=True).from_string(JINJA_PAGE)


async def _row(identity: int) -> dict[str, int]:
    rows = await _pool.query(READ, (identity,))
    return total(rows[0])


async def one(request: Request) -> JSONResponse:
    """One query."""
    return JSONResponse(await _row(number()))


async def many(request: Request) -> JSONResponse:
    """Twenty queries."""
    return JSONResponse({"rows": [await _row(identity) for identity in numbers()]})


async def updates(request: Request) -> JSONResponse:
    """Twenty rows, read and written."""
    found = []
    for identity in numbers():
        found.append(await _row(identity))
        await _pool.query(WRITE, (SUM - identity, identity))
    return JSONResponse({"rows": found})


async def fortunes(request: Request) -> HTMLResponse:
    """A page."""
    return HTMLResponse(_page.render(rows=with_added(await _pool.query(FORTUNES))))


def routes() -> list[Route]:
    """Return the routes, if there is a database."""
    if not os.environ.get(VARIABLE):
        return []
    return [
        Route("/db", one),
        Route("/queries", many),
        Route("/updates", updates),
        Route("/fortunes", fortunes),
    ]
