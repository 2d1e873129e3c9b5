"""A database of each kind, empty but for the table that tests use, and pools that are closed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cyclone import sql
from cyclone.sql import Pool
from tests.plugins.databases import HOST, postgres_url
from tests.plugins.reactor import run_on_reactor

TABLE = "CREATE TABLE item (id INTEGER PRIMARY KEY)"


@pytest.fixture
def postgresql_url(postgres: Any) -> str:
    import psycopg

    url = postgres_url(postgres)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS item")
        connection.execute(TABLE)
    return url


@pytest.fixture
def mysql_url(mariadb: Any) -> str:
    import pymysql

    with contextlib.closing(
        pymysql.connect(host=HOST, port=mariadb.port, user="root", database="test")
    ) as connection:
        connection.cursor().execute("DROP TABLE IF EXISTS item")
        connection.cursor().execute(TABLE)
    return f"mariadb://root:unused@{HOST}:{mariadb.port}/test"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    with contextlib.closing(sqlite3.connect(tmp_path / "file.db")) as connection:
        connection.execute(TABLE)
    return f"sqlite:///{tmp_path}/file.db"


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def any_url(request: pytest.FixtureRequest) -> str:
    """One database after the other."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def connect() -> Iterator[Callable[..., Pool]]:
    """`sql.connect`, and the pools are closed when the test has ended."""
    pools: list[Pool] = []

    def make(url: str, **settings: Any) -> Pool:
        pools.append(sql.connect(url, **settings))
        return pools[-1]

    yield make
    for pool in pools:
        run_on_reactor(pool.close)
