"""Latency at half load: requests arrive at random moments, whatever the server does meanwhile.

The latency of a request begins when it should have left: one that finds all connections taken has
waited too. The load is half of what the server's CPU time per request allows, so that every server
is as busy as the others; and half of what Tornado's allows, so that all do the same work.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bench.cases import CASES
from bench.generator import Generator, Load, Shape
from bench.measures.context import Absent, Context
from bench.probe import probe
from bench.results import Table
from bench.servers import REFERENCE, SERVERS, Server
from bench.turns import one_turn

_CASE = CASES["browser"]
_CONNECTIONS = 64
_SHARE = 0.5


def measure(context: Context) -> Table:
    """Return median and p99 latency of every server at its own half load and at Tornado's."""
    try:
        with context.start(REFERENCE) as server:
            common = _SHARE * _capacity(server)
    except Absent as error:
        return Table("Latency at half load", ["server"], [], f"n/a: {error}")
    title = SERVERS[REFERENCE].title
    return Table(
        "Latency at half load",
        [
            f"server, {_CASE.title[0].lower()}{_CASE.title[1:]}",
            "half load, requests/s",
            "median, ms",
            "p99, ms",
            f"median at {common:.0f}/s ({title}'s half), ms",
            "p99, ms",
        ],
        context.rows(lambda name: _row(context, name, common)),
        "Requests arrive at random moments at a fixed mean rate; medians of the runs. What other "
        "programs take of the machine is in here, unlike in CPU times.",
    )


def _row(context: Context, name: str, common: float) -> Sequence[str]:
    with context.start(name) as server:
        own = _SHARE * _capacity(server)
        return [f"{own:.0f}", *_latency(context, server, own), *_latency(context, server, common)]


def _capacity(server: Server) -> float:
    """Return the requests that a whole core would answer in a second."""
    shape = Shape(32, warmup=0.3, seconds=0.7)
    return 1e6 / one_turn(_CASE, server, shape, probe(_CASE, server.port)).cost


def _latency(context: Context, server: Server, rate: float) -> list[str]:
    runs = [_loaded(context, server, rate) for _ in range(5 if context.full else 3)]
    medians = statistics.median(run.p50 for run in runs), statistics.median(r.p99 for r in runs)
    return [f"{value / 1e3:.2f}" for value in medians]


def _loaded(context: Context, server: Server, rate: float) -> Load:
    shape = Shape(_CONNECTIONS, warmup=0.2, seconds=3.0 if context.full else 0.5, rate=rate)
    with Generator(_CASE, server.port, shape, probe(_CASE, server.port)) as generator:
        return generator.go()
