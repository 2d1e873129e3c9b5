"""The comparison: who is asked when, and what becomes of who cannot answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from bench import turns
from bench.cases import Case, WrongAnswer
from bench.generator import Load, LoadError
from bench.results import Turn
from bench.servers import ServerError, ServerSpec, Unavailable
from bench.turns import Comparison, Plan, one_turn


class Fakes:
    """Servers and answers that are none; ``log`` is what was done, in order."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.missing: set[str] = set()
        self.wrong: set[tuple[str, str]] = set()
        self.deadly: set[tuple[str, str]] = set()

    def server(self, spec: ServerSpec, fixtures: Any, *, tls: bool) -> Any:
        if spec.name in self.missing:
            raise Unavailable("not here")
        self.log.append(f"start {spec.name}" + " tls" * tls)
        return self._running(spec)

    @contextmanager
    def _running(self, spec: ServerSpec) -> Iterator[Any]:
        running = SimpleNamespace(spec=spec, port=spec.name, alive=True)
        yield running
        self.log.append(f"stop {spec.name}")

    def probe(self, case: Case, port: Any) -> bytes:
        if (case.name, port) in self.wrong:
            raise WrongAnswer("not so")
        return b"expected"

    def turn(self, case: Case, server: Any, shape: Any, expected: bytes, *, attempts: int) -> Turn:
        self.log.append(f"{case.name} {server.spec.name}")
        if (case.name, server.spec.name) in self.deadly:
            server.alive = False
            raise ServerError("it died")
        return Turn(1000, 1.0, 0.1)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    fakes = Fakes()
    monkeypatch.setattr(turns, "Server", fakes.server)
    monkeypatch.setattr(turns, "probe", fakes.probe)
    monkeypatch.setattr(turns, "one_turn", fakes.turn)
    return fakes


def compare(cases: list[str], rounds: int = 1) -> Comparison:
    plan = Plan(["klein", "tornado"], cases, rounds=rounds)
    comparison = Comparison(plan, fixtures=None)  # type: ignore[arg-type]
    comparison.run()
    return comparison


def test_a_case_is_for_everybody_before_the_next(fakes: Fakes) -> None:
    compare(["plaintext", "json"])
    assert fakes.log == [
        "start klein",
        "plaintext klein",
        "start tornado",
        "plaintext tornado",
        "json klein",
        "json tornado",
        "stop tornado",
        "stop klein",
    ]


def test_rounds_begin_with_another_and_start_everybody_anew(fakes: Fakes) -> None:
    comparison = compare(["plaintext"], rounds=2)
    assert [line for line in fakes.log if line.startswith(("start", "plaintext"))] == [
        "start klein",
        "plaintext klein",
        "start tornado",
        "plaintext tornado",
        "start tornado",
        "plaintext tornado",
        "start klein",
        "plaintext klein",
    ]
    assert {name: len(found) for name, found in comparison.results["plaintext"].turns.items()} == {
        "klein": 2,
        "tornado": 2,
    }


def test_tls_is_spoken_by_servers_of_its_own(fakes: Fakes) -> None:
    compare(["tls", "plaintext"])
    assert fakes.log.index("stop klein") < fakes.log.index("start klein tls")
    assert fakes.log.index("plaintext klein") < fakes.log.index("tls klein")


def test_who_is_missing_or_wrong_is_left_out(fakes: Fakes) -> None:
    fakes.missing.add("klein")
    fakes.wrong.add(("json", "tornado"))
    results = compare(["plaintext", "json"], rounds=2).results
    assert results["plaintext"].absent == {"klein": "not here"}
    assert [*results["plaintext"].turns] == ["tornado"]
    assert results["json"].absent == {"klein": "not here", "tornado": "not so"}
    assert not results["json"].turns


def test_who_dies_is_started_again_for_the_next_case(fakes: Fakes) -> None:
    fakes.deadly.add(("plaintext", "klein"))
    results = compare(["plaintext", "json"], rounds=2).results
    assert results["plaintext"].absent == {"klein": "it died"}
    assert len(results["json"].turns["klein"]) == 2
    assert fakes.log.count("plaintext klein") == 1  # not killed again in the second round
    assert fakes.log.count("start klein") == 3


def test_who_can_do_nothing_is_not_started_again(fakes: Fakes) -> None:
    fakes.wrong.update([("plaintext", "klein"), ("json", "klein")])
    compare(["plaintext", "json"], rounds=2)
    assert fakes.log.count("start klein") == 1


class Scripted:
    """A load generator whose runs were disturbed as ``foreign`` says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, foreign: list[float], answers: int) -> None:
        self.foreign = iter(foreign)
        self.load = Load(answers, 2.0, 5, 9, 0.1)
        monkeypatch.setattr(turns, "Generator", lambda *arguments: self._run())
        monkeypatch.setattr(turns, "_Clocks", lambda pid: self)
        self.pid = 1

    @contextmanager
    def _run(self) -> Iterator[Any]:
        yield self

    def go(self) -> Load:
        return self.load

    def read(self) -> tuple[float, float]:
        return 0.5, next(self.foreign)

    def check_alive(self) -> None:
        pass

    port = 0


@pytest.mark.parametrize(
    ("foreign", "counts"),
    [([0.1], 0.1), ([0.5, 0.1], 0.1), ([0.5, 0.6], 0.5), ([0.6, 0.5], 0.5)],
)
def test_a_disturbed_turn_is_run_again(
    foreign: list[float], counts: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Scripted(monkeypatch, foreign, answers=100)
    turn = one_turn(turns.CASES["plaintext"], script, None, b"")  # type: ignore[arg-type]
    assert turn == Turn(100, 2.0, 0.5, 5, 9, counts, 0.1)
    assert next(script.foreign, None) is None


def test_a_turn_without_an_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Scripted(monkeypatch, [0.0], answers=0)
    with pytest.raises(LoadError, match="no answer"):
        one_turn(turns.CASES["plaintext"], script, None, b"")  # type: ignore[arg-type]
