"""What a server does when nobody asks: how often it wakes up, and for how much CPU time."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench.cases import CASES
from bench.cpu import tree_seconds, tree_switches
from bench.generator import Generator, Shape
from bench.measures.context import Context
from bench.probe import probe
from bench.results import Table
from bench.servers import Server

_CONNECTIONS = 10
_SETTLE = 1.5  # seconds until what a request leaves behind is done


def measure(context: Context) -> Table:
    """Return wake-ups and CPU time of every server per second, with and without connections."""
    seconds = 10.0 if context.full else 2.0
    connected = f"{_CONNECTIONS} idle connections"
    return Table(
        "A server that nobody asks",
        [
            "server",
            "wake-ups/s, no connection",
            f"wake-ups/s, {connected}",
            f"CPU ms/s, {connected}",
        ],
        context.rows(lambda name: _row(context, name, seconds)),
        "Voluntary context switches of all threads of the server.",
    )


def _row(context: Context, name: str, seconds: float) -> Sequence[str]:
    case = CASES["plaintext"]
    with context.start(name) as server:
        expected = probe(case, server.port)
        alone, _ = _watched(server, seconds)
        with Generator(case, server.port, Shape(_CONNECTIONS, hold=True), expected):
            connected, cpu = _watched(server, seconds)
    return [f"{alone:.1f}", f"{connected:.1f}", f"{cpu * 1e3:.2f}"]


def _watched(server: Server, seconds: float) -> tuple[float, float]:
    """Return wake-ups and CPU seconds per second."""
    time.sleep(_SETTLE)
    switches, cpu = tree_switches(server.pid), tree_seconds(server.pid)
    time.sleep(seconds)
    return (
        (tree_switches(server.pid) - switches) / seconds,
        (tree_seconds(server.pid) - cpu) / seconds,
    )
