"""Measurements beside the comparison; each gives a finished table.

In memory, without a network or a clock: :mod:`bench.measures.calls` and
:mod:`bench.measures.instructions`. With a server: the others.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.measures import (
    calls,
    idle,
    instructions,
    latency,
    quiet,
    startup,
    syscalls,
    tls,
    websockets,
)
from bench.measures.context import Context
from bench.results import Table

__all__ = ["COMPARISON", "MEASURES", "Context"]

COMPARISON = "comparison"

#: By the name on the command line, which is also that of the part of the document.
MEASURES: dict[str, Callable[[Context], Table]] = {
    "calls": calls.measure,
    "instructions": instructions.measure,
    "syscalls": syscalls.measure,
    "tls": tls.measure,
    "latency": latency.measure,
    "idle": idle.measure,
    "websockets": websockets.measure,
    "quiet": quiet.measure,
    "startup": startup.measure,
}
