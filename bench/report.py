"""Statistics of a run and its tables as Markdown.

Ratios are formed within a round, where all servers had their turns one right after another,
and only then is the median of the rounds taken: a slow minute of the machine hits both sides
of a ratio.  The spread is the smallest and the largest of the rounds.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.cases import CASES
from bench.results import CaseResult, Results, Table, Turn
from bench.servers import REFERENCE, SERVERS

ABSENT = "n/a"


@dataclass(frozen=True)
class Spread:
    """The median of some figures with the smallest and the largest."""

    median: float
    low: float
    high: float

    def text(self, digits: int) -> str:
        """Return ``median [low-high]`` with ``digits`` decimals."""
        return f"{self.median:.{digits}f} [{self.low:.{digits}f}-{self.high:.{digits}f}]"


def spread(values: Sequence[float]) -> Spread:
    """Return the :class:`Spread` of ``values``; ``statistics.StatisticsError`` if there is none."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(result: CaseResult, name: str, figure: Callable[[Turn], float]) -> Spread | None:
    """Return a figure of ``name`` over the reference's; None if one of them has no turns."""
    if name not in result.turns or REFERENCE not in result.turns:
        return None
    pairs = zip(result.turns[name], result.turns[REFERENCE], strict=True)
    return spread([figure(turn) / figure(other) for turn, other in pairs])


def cost_ratio(result: CaseResult, name: str) -> Spread | None:
    """CPU time per answer of ``name`` over that of the reference, formed within rounds."""
    return ratios(result, name, lambda turn: turn.cost)


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table: the first column names, the others are figures."""
    lines = ["| " + " | ".join(columns) + " |", "|---" + "|--:" * (len(columns) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def summary(results: Results) -> str:
    """Return the main figure alone: cases down, servers across."""
    names = _servers(results)
    rows = []
    for case, result in results.cases.items():
        cells = [cost_ratio(result, name) for name in names]
        best = min((cell.median for cell in cells if cell), default=None)
        rows.append([CASES[case].title, *(_cell(cell, best) for cell in cells)])
    return markdown(["case", *(SERVERS[name].title for name in names)], rows)


def _cell(value: Spread | None, best: float | None) -> str:
    if value is None:
        return ABSENT
    text = f"{value.median:.2f}"
    return f"**{text}**" if value.median == best else text


def case_table(case: str, result: CaseResult) -> str:
    """Return the table of one case, cheapest server first, and who is not in it."""
    unit, title = CASES[case].unit, SERVERS[REFERENCE].title
    columns = [
        "server",
        f"CPU per {unit}, {title} = 1",
        "CPU, µs",
        f"{unit.split()[0]}s/s",
        f"throughput, {title} = 1",
        "median latency, ms",
        f"median latency, {title} = 1",
        "p99, ms",
        "cores used",
    ]
    order = sorted(result.turns, key=lambda name: statistics.median(_costs(result, name)))
    table = markdown(columns, [_row(result, name) for name in order])
    return "\n\n".join(filter(None, [table, _absent(result)]))


def _costs(result: CaseResult, name: str) -> list[float]:
    return [turn.cost for turn in result.turns[name]]


def _row(result: CaseResult, name: str) -> list[str]:
    turns = result.turns[name]

    def median(figure: Callable[[Turn], float], digits: int) -> str:
        return f"{statistics.median(map(figure, turns)):.{digits}f}"

    def ratio(figure: Callable[[Turn], float], digits: int) -> str:
        found = ratios(result, name, figure)
        return found.text(digits) if found else ABSENT

    return [
        SERVERS[name].title,
        ratio(lambda turn: turn.cost, 2),
        spread(_costs(result, name)).text(1),
        median(lambda turn: turn.rate, 0),
        ratio(lambda turn: turn.rate, 1),
        median(lambda turn: turn.p50 / 1e3, 2),
        # Counted in whole microseconds: less than one is not zero.
        ratio(lambda turn: max(turn.p50, 1.0), 2),
        median(lambda turn: turn.p99 / 1e3, 2),
        median(lambda turn: turn.used, 2),
    ]


def _absent(result: CaseResult) -> str:
    names = [SERVERS[name].title for name in result.absent]
    return f"{ABSENT}: {', '.join(names)}." if names else ""


def comparison(results: Results) -> str:
    """Return the Markdown of the comparison: conditions, summary, a table for each case."""
    parts = [f"{results.conditions} {noise(results)}", summary(results)]
    for case, result in results.cases.items():
        if result.turns:
            parts += [f"### {CASES[case].title}", case_table(case, result)]
    return "\n\n".join(parts)


def further(tables: Iterable[Table]) -> str:
    """Return the Markdown of the other measurements."""
    parts: list[str] = []
    for table in tables:
        parts += [f"### {table.title}", markdown(table.columns, table.rows), table.note]
    return "\n\n".join(filter(None, parts))


def noise(results: Results) -> str:
    """Say how much other programs, and the load generator itself, had to do with the figures."""
    turns = [turn for case in results.cases.values() for ts in case.turns.values() for turn in ts]
    if not turns:
        return ""
    foreign = sorted(turn.foreign for turn in turns)
    client = max(turn.client for turn in turns)
    return (
        f"Other programs took {statistics.median(foreign):.0%} of the server's core in the median "
        f"turn, at most {foreign[-1]:.0%}; the load generator at most {client:.0%} of its own core."
    )


def reasons(results: Results) -> str:
    """Return why servers are missing, for who watches the run."""
    lines: dict[str, None] = {}
    for case, result in results.cases.items():
        for name, reason in result.absent.items():
            lines[f"{ABSENT}: {case}: {name}: {' '.join(reason.split())[-200:]}"] = None
    return "\n".join(lines)


def machine(cores: int | None = None) -> str:
    """Describe this machine in general terms: no name of it, no path."""
    count = cores or os.cpu_count() or 1
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{platform.system()} on {platform.machine()}, {count} core(s), {python}"


def _servers(results: Results) -> list[str]:
    """Return who took part in anything, in the order of the table of servers."""
    present = {name for result in results.cases.values() for name in result.turns}
    return [name for name in SERVERS if name in present]
