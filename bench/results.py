"""What a run found out, as values, and as JSON for later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Turn:
    """One server's turn in one round of one case.

    ``cpu`` is the server's CPU time in seconds, ``p50`` and ``p99`` are latencies in microseconds,
    ``foreign`` is the share of the server's core that other programs took meanwhile (0 to 1),
    ``client`` the share of its own that the load generator used.
    """

    answers: int
    seconds: float
    cpu: float
    p50: float = 0.0
    p99: float = 0.0
    foreign: float = 0.0
    client: float = 0.0

    @property
    def cost(self) -> float:
        """CPU time of the server per answer, in microseconds."""
        return self.cpu / self.answers * 1e6

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds

    @property
    def used(self) -> float:
        """Cores the server kept busy (1.0: one whole core)."""
        return self.cpu / self.seconds


@dataclass
class CaseResult:
    """The turns of one case by server, one for each round, and who could not take part."""

    turns: dict[str, list[Turn]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def leave_out(self, server: str, reason: str) -> None:
        """Drop a server from the case: ratios are formed within rounds, and it misses one."""
        self.turns.pop(server, None)
        self.absent[server] = reason


@dataclass(frozen=True)
class Table:
    """A finished table of a measurement that is not part of the comparison."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass
class Results:
    """A whole run: ``conditions`` in words, the comparison, and further tables by name."""

    conditions: str = ""
    cases: dict[str, CaseResult] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write everything to a file, with every single turn."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read what :meth:`save` wrote."""
        raw = json.loads(path.read_text("utf-8"))
        return cls(
            conditions=raw["conditions"],
            cases={name: _case(case) for name, case in raw["cases"].items()},
            tables={name: Table(**table) for name, table in raw["tables"].items()},
        )


def _case(raw: dict[str, Any]) -> CaseResult:
    turns = {name: [Turn(**turn) for turn in turns] for name, turns in raw["turns"].items()}
    return CaseResult(turns, raw["absent"])
