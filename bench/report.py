"""Statistics of a run and its tables as Markdown.

Ratios are formed within a round, where all servers had their turns one right after another,
and only then is the median of the rounds taken: a slow minute of the machine hits both sides
of a ratio.  The spread is the smallest and the largest of the rounds.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.load import Sample

START_MARK = "<!-- bench: generated from here, by python -m bench -->"
END_MARK = "<!-- bench: generated to here -->"


@dataclass(frozen=True)
class Turn:
    """One server's turn in one round of one case.

    ``foreign`` is the share of the server's core that other programs took meanwhile (0..1).
    """

    sample: Sample
    foreign: float = 0.0

    @property
    def microseconds(self) -> float:
        """CPU time of the server per request, in microseconds."""
        return self.sample.cpu / self.sample.responses * 1e6

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.sample.responses / self.sample.seconds

    @property
    def used(self) -> float:
        """Cores the server kept busy (1.0: one whole core)."""
        return self.sample.cpu / self.sample.seconds


@dataclass(frozen=True)
class Spread:
    """The median of some figures with the smallest and the largest."""

    median: float
    low: float
    high: float

    def text(self, digits: int) -> str:
        """Return ``median [low-high]`` with ``digits`` decimals."""
        return f"{self.median:.{digits}f} [{self.low:.{digits}f}-{self.high:.{digits}f}]"


#: The turns of one case: server name -> one turn for each round, in the order of the rounds.
Rounds = Mapping[str, Sequence[Turn]]


def spread(values: Sequence[float]) -> Spread:
    """Return the :class:`Spread` of ``values``; ``statistics.StatisticsError`` if there is none."""
    return Spread(statistics.median(values), min(values), max(values))


def cost_ratios(rounds: Rounds, name: str, reference: str) -> Spread:
    """CPU time per request of ``name`` over that of ``reference``, formed within rounds."""
    pairs = zip(rounds[name], rounds[reference], strict=True)
    return spread([turn.microseconds / other.microseconds for turn, other in pairs])


def rate_ratios(rounds: Rounds, name: str, reference: str) -> Spread:
    """Throughput of ``name`` over that of ``reference``, formed within rounds."""
    pairs = zip(rounds[name], rounds[reference], strict=True)
    return spread([turn.rate / other.rate for turn, other in pairs])


def case_table(rounds: Rounds, titles: Mapping[str, str], reference: str) -> str:
    """Return the Markdown table of one case, cheapest server first."""
    name = titles[reference]
    lines = [
        f"| server | CPU per request, {name} = 1 | CPU per request, µs | requests/s |"
        f" throughput, {name} = 1 | cores used |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    costs = {server: cost_ratios(rounds, server, reference) for server in rounds}
    for server in sorted(costs, key=lambda key: costs[key].median):
        turns = rounds[server]
        rate = statistics.median(turn.rate for turn in turns)
        used = statistics.median(turn.used for turn in turns)
        lines.append(
            f"| {titles[server]} | {costs[server].text(2)} "
            f"| {spread([turn.microseconds for turn in turns]).text(1)} | {rate:.0f} "
            f"| {rate_ratios(rounds, server, reference).text(1)} | {used:.2f} |"
        )
    return "\n".join(lines)


def noise(results: Mapping[str, Rounds]) -> float:
    """Return the largest share of the server's core that other programs took in any turn."""
    return max(turn.foreign for rounds in results.values() for t in rounds.values() for turn in t)


def machine(cores: int | None = None) -> str:
    """Describe this machine in general terms: no name of it, no path."""
    count = cores or os.cpu_count() or 1
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{platform.system()} on {platform.machine()}, {count} core(s), {python}"


def replace_between(text: str, new: str, start: str = START_MARK, end: str = END_MARK) -> str:
    """Return ``text`` with what stands between the marks replaced by ``new``.

    Raises ValueError if the marks are not there once each, in order.
    """
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise ValueError(f"the marks {start!r} and {end!r} must be there once each, in order")
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n\n{new.strip()}\n\n{end}{after}"
