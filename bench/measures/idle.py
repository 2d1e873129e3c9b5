"""Memory for each idle keep-alive connection, ten thousand of them if the system allows it."""

from __future__ import annotations

import resource
from collections.abc import Sequence

from bench.cases import CASES
from bench.cpu import tree_memory
from bench.generator import Generator, Shape
from bench.measures.context import Context
from bench.probe import probe
from bench.results import Table

_WANTED = 10_000
_OTHER_FILES = 200  # that a server has open besides
_SOURCES = 4  # addresses: more connections than one has ports for would be possible


def measure(context: Context) -> Table:
    """Return the memory of every server for each connection that has had one answer."""
    connections = min(_WANTED, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OTHER_FILES)
    return Table(
        f"{connections:,} idle keep-alive connections",
        ["server", "kB each", "MB before", "MB with all"],
        context.rows(lambda name: _row(context, name, connections)),
        "Resident memory of all processes of the server; each connection has had one answer.",
    )


def _row(context: Context, name: str, connections: int) -> Sequence[str]:
    case = CASES["plaintext"]
    with context.start(name) as server:
        expected = probe(case, server.port)
        # What is made once, at the first requests, is not the connections'.
        with Generator(case, server.port, Shape(16, warmup=0.3), expected):
            pass
        before = tree_memory(server.pid)
        shape = Shape(connections, sources=_SOURCES, hold=True)
        with Generator(case, server.port, shape, expected):
            full = tree_memory(server.pid)
    return [f"{(full - before) / connections:.2f}", f"{before / 1024:.0f}", f"{full / 1024:.0f}"]
