"""The database of the cases that need one: its tables, and what is asked of them.

The scheme is the well-known one: a table of ten thousand numbers, of which random rows are read
and written, and one of fortunes, which become a page. Random rows make answers that differ, and the
load generator wants them all the same. So the table is made such that id and number of each row
add up to `SUM`, and that is what is answered: right only if the row asked for was read.
"""

from __future__ import annotations

import random

from bench.cpu import pinned, two_cores
from bench.postgres import USER, Postgres

ROWS = 10_000
SUM = ROWS + 1
QUERIES = 20
VARIABLE = "BENCH_DATABASE"
#: Connections of each server.
CONNECTIONS = 10

READ = "SELECT id, number FROM world WHERE id = %s"
WRITE = "UPDATE world SET number = %s WHERE id = %s"
FORTUNES = "SELECT id, message FROM fortune"
ADDED = "Additional fortune added at request time."

_FORTUNES = (
    "fortune: No such file or directory",
    "A computer that answers first is not always right.",
    "After enough decimal places, nobody cares.",
    "A program that never fails has never been asked.",
    "Any plan that depends on luck will find some, of the other kind.",
    "Emacs is a nice operating system, but I prefer UNIX.",
    "There are two hard things: names, caches, and counting.",
    "Measure twice, cut once, & measure again.",
    'Queues are where "soon" lives.',
    '<script>alert("This must not be executed.");</script>',
    "フレームワークのベンチマーク",
    "Every timeout was once thought long enough.",
)

#: The page, in the words of Tornado's templates and ours, and in Jinja's.
_PAGE = """<!doctype html><html><head><title>Fortunes</title></head><body><table>
<tr><th>id</th><th>message</th></tr>
{%% for row in rows %%}<tr><td>{{ row[0] }}</td><td>{{ row[1] }}</td></tr>
{%% %s %%}</table></body></html>"""
TORNADO_PAGE = _PAGE % "end"
JINJA_PAGE = _PAGE % "endfor"


def number() -> int:
    """Return the id of a random row."""
    return random.randint(1, ROWS)


def numbers() -> list[int]:
    """Return different ids of random rows, in order: so nobody waits in a circle."""
    return sorted(random.sample(range(1, ROWS + 1), QUERIES))


def total(row: tuple[int, int]) -> dict[str, int]:
    """Return what is answered of a row."""
    return {"sum": row[0] + row[1]}


def with_added(rows: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return the rows of the page: one more, and sorted by their messages."""
    return sorted([*rows, (0, ADDED)], key=lambda row: row[1])


def page_facts(body: bytes) -> tuple[int, int, int, bool]:
    """Rows of a page, scripts that are escaped and that are not, and whether it is whole."""
    text = body.decode()
    return (
        text.count("<tr><td>"),
        text.count("&lt;script&gt;alert("),
        text.count("<script>"),
        ADDED in text and _FORTUNES[10] in text,
    )


class Database:
    """A PostgreSQL server with the tables, on the core that the server under test does not use."""

    def __init__(self) -> None:
        import psycopg

        with pinned(two_cores()[1]):
            self._server = Postgres()
        self.url = f"postgresql://{USER}@127.0.0.1:{self._server.port}/postgres"
        try:
            with psycopg.connect(self.url) as connection, connection.cursor() as cursor:
                cursor.execute("CREATE TABLE world (id int PRIMARY KEY, number int NOT NULL)")
                cursor.execute(
                    "INSERT INTO world SELECT i, %s - i FROM generate_series(1, %s) i", (SUM, ROWS)
                )
                cursor.execute("CREATE TABLE fortune (id int PRIMARY KEY, message text NOT NULL)")
                cursor.executemany(
                    "INSERT INTO fortune VALUES (%s, %s)", list(enumerate(_FORTUNES, 1))
                )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop the server."""
        self._server.close()
