"""The comparison: servers in turn, case after case, round after round."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.cases import CASES, Case, WrongAnswer
from bench.cpu import core_seconds, tree_seconds, two_cores
from bench.fixtures import Fixtures
from bench.generator import Generator, LoadError, Shape
from bench.probe import probe
from bench.results import CaseResult, Turn
from bench.servers import SERVERS, Server, ServerError, Unavailable

_MAX_FOREIGN = 0.15  # of the server's core; a noisier turn is run again


@dataclass(frozen=True)
class Plan:
    """What to run: names of servers and cases, and the shape of a turn (times in seconds).

    A turn that other programs disturbed is run again, until there were ``attempts``.
    """

    servers: Sequence[str]
    cases: Sequence[str]
    rounds: int = 5
    seconds: float = 2.0
    warmup: float = 0.5
    connections: int = 32
    volley: bool = False
    attempts: int = 2

    def shape(self, case: Case) -> Shape:
        """Return how ``case`` is loaded in this plan."""
        return Shape(
            connections=case.connections or self.connections,
            warmup=self.warmup,
            seconds=self.seconds,
            volley=self.volley,
        )


def rotated(names: Sequence[str], number: int) -> list[str]:
    """Return ``names`` in the order of round ``number``: each goes first in its turn."""
    start = number % len(names)
    return [*names[start:], *names[:start]]


@dataclass
class Comparison:
    """A run of ``plan``; ``results`` grow by one turn of everybody for each round.

    Servers are started anew for each round, so that luck with memory layout and hash seeds is
    averaged too. Who cannot run, answers wrongly or fails under load is left out of that case
    from then on, with the reason.
    """

    plan: Plan
    fixtures: Fixtures
    results: dict[str, CaseResult] = field(default_factory=dict)

    def run(self) -> dict[str, CaseResult]:
        """Run all rounds and return the results by the names of cases."""
        self.results = {name: CaseResult() for name in self.plan.cases}
        for number in range(self.plan.rounds):
            order = rotated(self.plan.servers, number)
            for tls in (False, True):
                names = [name for name in self.plan.cases if CASES[name].tls is tls]
                if names:
                    self._round(number, order, names, tls=tls)
        return self.results

    def _round(self, number: int, order: Sequence[str], names: Sequence[str], *, tls: bool) -> None:
        with ExitStack() as stack:
            servers: dict[str, Server | None] = dict.fromkeys(order)
            for position, case in enumerate(names):
                for name in order:
                    server = servers[name]
                    # At first, and when the case before has killed it.
                    if server is None or not server.alive:
                        server = servers[name] = self._start(name, stack, names[position:], tls)
                    if server is not None:
                        self._add(CASES[case], server)
                _progress(number, case, self.results[case])

    def _start(self, name: str, stack: ExitStack, cases: Sequence[str], tls: bool) -> Server | None:
        """Start a server for ``cases``, unless it is left out of all of them already."""
        if all(name in self.results[case].absent for case in cases):
            return None
        try:
            return stack.enter_context(Server(SERVERS[name], self.fixtures, tls=tls))
        except (Unavailable, ServerError) as error:
            for case in cases:
                self.results[case].leave_out(name, str(error))
            return None

    def _add(self, case: Case, server: Server) -> None:
        """Add a turn of ``server``, or the reason why there is none."""
        result, name = self.results[case.name], server.spec.name
        if name in result.absent:
            return
        try:
            expected = probe(case, server.port)
            shape = self.plan.shape(case)
            turn = one_turn(case, server, shape, expected, attempts=self.plan.attempts)
        except (WrongAnswer, LoadError, ServerError, Unavailable) as error:
            result.leave_out(name, str(error))
            return
        result.turns.setdefault(name, []).append(turn)


def one_turn(
    case: Case, server: Server, shape: Shape, expected: bytes, *, attempts: int = 2
) -> Turn:
    """One turn; one that other programs disturbed is run again, the least disturbed counts."""
    turns: list[Turn] = []
    for _ in range(attempts):
        turns.append(_attempt(case, server, shape, expected))
        if turns[-1].foreign <= _MAX_FOREIGN:
            break
    return min(turns, key=lambda turn: turn.foreign)


def _attempt(case: Case, server: Server, shape: Shape, expected: bytes) -> Turn:
    with Generator(case, server.port, shape, expected) as generator:
        clocks = _Clocks(server.pid)
        load = generator.go()
        cpu, foreign = clocks.read()
    server.check_alive()
    if not load.answers:
        raise LoadError("no answer was complete in time")
    return Turn(load.answers, load.seconds, cpu, load.p50, load.p99, foreign, load.client)


class _Clocks:
    """CPU seconds of a server, and the share of its core that others took, since it was made."""

    def __init__(self, pid: int) -> None:
        core = two_cores()[0]
        self._own = lambda: tree_seconds(pid)
        self._busy: Callable[[], float] = lambda: 0.0 if core is None else core_seconds(core)
        self._before = time.perf_counter(), self._busy(), self._own()

    def read(self) -> tuple[float, float]:
        start, busy, own = self._before
        cpu = self._own() - own
        others = self._busy() - busy - cpu
        return cpu, max(0.0, others / (time.perf_counter() - start))


def _progress(number: int, case: str, result: CaseResult) -> None:
    figures = "  ".join(f"{name} {turns[-1].cost:.1f}" for name, turns in result.turns.items())
    print(f"round {number + 1} {case}: CPU us  {figures}", file=sys.stderr, flush=True)
