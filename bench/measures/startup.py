"""From the start of a process to its first answer, and how much of that is importing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from bench.cases import CASES
from bench.cpu import pinned, tree_seconds, two_cores
from bench.measures.context import Context
from bench.probe import probe
from bench.report import spread
from bench.results import Table
from bench.servers import ROOT, SERVERS

_IMPORT = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def measure(context: Context) -> Table:
    """Return the times of every server, in milliseconds."""
    times = 7 if context.full else 3
    return Table(
        "Start-up",
        ["server", "first answer, ms", "CPU time until then, ms", "import of the framework, ms"],
        context.rows(lambda name: _row(context, name, times)),
    )


def _row(context: Context, name: str, times: int) -> Sequence[str]:
    starts = [_start(context, name) for _ in range(times)]
    imports = [_import(SERVERS[name].imports) for _ in range(times)]
    columns = [[wall for wall, _ in starts], [cpu for _, cpu in starts], imports]
    return [spread([value * 1e3 for value in column]).text(0) for column in columns]


def _start(context: Context, name: str) -> tuple[float, float]:
    """Return seconds on the clock and of CPU until the first answer is complete."""
    with context.start(name) as server:
        probe(CASES["plaintext"], server.port)
        return time.perf_counter() - server.started, tree_seconds(server.pid)


def _import(module: str) -> float:
    with pinned(two_cores()[0]):
        done = subprocess.run(
            [sys.executable, "-c", _IMPORT.format(module)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    return float(done.stdout)
