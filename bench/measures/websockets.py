"""Ten thousand idle WebSockets beside a hundred busy ones, in one process.

What an idle one takes of memory, and whether the busy ones notice them.
"""

from __future__ import annotations

import resource
import statistics
from collections.abc import Sequence

from bench.cases import CASES, MESSAGE_SIZE
from bench.cpu import tree_memory
from bench.generator import Generator, Shape
from bench.measures.context import Context
from bench.probe import probe
from bench.results import Table
from bench.servers import Server

_CASE = CASES["echo"]
_WANTED, _BUSY = 10_000, 100
_OTHER_FILES = 300  # that a server has open besides, with the busy connections
_SOURCES = 4  # addresses: more connections than one has ports for would be possible
_RATE = 1000.0  # messages per second that arrive at random moments


def measure(context: Context) -> Table:
    """Return memory of the idle connections, and latency of the busy ones, of every server."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OTHER_FILES
    idle = min(_WANTED, most)
    return Table(
        f"{idle:,} idle WebSockets, {_BUSY} busy ones",
        [
            "server",
            "kB each",
            "MB with all",
            f"median at {_RATE:.0f}/s, ms",
            "p99, ms",
            "without the idle ones, ms",
            "p99, ms",
            "messages/s of all busy ones",
            "median, ms",
            "p99, ms",
        ],
        context.rows(lambda name: _row(context, name, idle)),
        "Growth of the resident memory of all processes of the server, divided by the idle "
        f"connections. The busy ones send {MESSAGE_SIZE} bytes and wait for the echo: at random "
        "moments at a fixed mean rate of all of them together, then each as soon as it has its "
        "last one. Medians of the runs.",
    )


def _row(context: Context, name: str, idle: int) -> Sequence[str]:
    with context.start(name) as server:
        probe(_CASE, server.port)
        alone = _latency(context, server, _RATE)  # what is made once is made by now
        before = tree_memory(server.pid)
        with Generator(_CASE, server.port, Shape(idle, sources=_SOURCES, hold=True)):
            full = tree_memory(server.pid)
            beside = _latency(context, server, _RATE)
            flat_out = _latency(context, server, 0.0)
            server.check_alive()
    return [
        f"{(full - before) / idle:.2f}",
        f"{full / 1024:.0f}",
        *beside[1:],
        *alone[1:],
        *flat_out,
    ]


def _latency(context: Context, server: Server, rate: float) -> list[str]:
    """Messages per second, median and p99 in milliseconds."""
    shape = Shape(_BUSY, warmup=0.3, seconds=3.0 if context.full else 1.0, rate=rate)
    runs = []
    for _ in range(5 if context.full else 3):
        with Generator(_CASE, server.port, shape) as generator:
            runs.append(generator.go())
    median = statistics.median
    return [
        f"{median(run.answers / run.seconds for run in runs):.0f}",
        f"{median(run.p50 for run in runs) / 1e3:.2f}",
        f"{median(run.p99 for run in runs) / 1e3:.2f}",
    ]
