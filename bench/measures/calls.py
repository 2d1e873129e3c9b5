"""Python function calls per request: see :mod:`bench.calls`."""

from __future__ import annotations

from bench.calls import IN_MEMORY, count_calls, make_application
from bench.cases import CASES
from bench.measures.context import Context
from bench.results import Table


def measure(context: Context) -> Table:
    """Return the calls of cyclone for each case that can be asked in memory."""
    rows = []
    for name in IN_MEMORY:
        count = count_calls(make_application(), CASES[name])
        rows.append([CASES[name].title, f"{count.python:.1f}", f"{count.builtin:.1f}"])
    return Table(
        "Function calls per request",
        ["case, cyclone in memory", "Python functions", "built-in functions"],
        rows,
    )
