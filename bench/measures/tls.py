"""What TLS costs: the same handler without it, over Twisted's own, and over the reactor's."""

from __future__ import annotations

import statistics
import sys
from contextlib import ExitStack
from dataclasses import dataclass

from bench.cases import CASES
from bench.generator import Shape
from bench.measures.context import Absent, Context
from bench.probe import probe
from bench.report import spread
from bench.results import Table, Turn
from bench.servers import SERVERS, Server
from bench.turns import one_turn


@dataclass(frozen=True)
class Way:
    """One way to serve the handler; ``base`` is the title of the one it is compared with."""

    title: str
    server: str
    variant: str
    secure: bool
    base: str


_TWISTED = "uvloop reactor, Twisted's TLS"
_EPOLL = "epoll reactor, Twisted's TLS"
WAYS = (
    Way("uvloop reactor, plain", "cyclone-uvloop", "uvloop", False, _TWISTED),
    Way("uvloop reactor, its own TLS", "cyclone-uvloop", "uvloop:native", True, _TWISTED),
    Way(_TWISTED, "cyclone-uvloop", "uvloop:twisted", True, _TWISTED),
    Way("epoll reactor, plain", "cyclone-epoll", "epoll", False, _EPOLL),
    Way(_EPOLL, "cyclone-epoll", "epoll:twisted", True, _EPOLL),
)


def measure(context: Context) -> Table:
    """Return CPU time per plaintext request on keep-alive connections, by way of serving."""
    turns = _run(context, rounds=5 if context.full else 2)
    return Table(
        "Keep-alive requests over TLS",
        ["cyclone, plaintext", "CPU per request, µs", "ratio to Twisted's TLS on that reactor"],
        [_row(way, turns) for way in WAYS if way.title in turns],
    )


def _row(way: Way, turns: dict[str, list[Turn]]) -> list[str]:
    own = turns[way.title]
    row = [way.title, f"{statistics.median(turn.cost for turn in own):.1f}"]
    if way.base not in turns:
        return [*row, "n/a"]
    pairs = zip(own, turns[way.base], strict=True)
    return [*row, spread([turn.cost / other.cost for turn, other in pairs]).text(2)]


def _run(context: Context, rounds: int) -> dict[str, list[Turn]]:
    """Start all that can be started, and give each its turn in every round."""
    turns: dict[str, list[Turn]] = {}
    with ExitStack() as stack:
        servers = {way.title: _start(context, way, stack) for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                if server := servers[way.title]:
                    turns.setdefault(way.title, []).append(_turn(context, way, server))
    return turns


def _start(context: Context, way: Way, stack: ExitStack) -> Server | None:
    try:
        return stack.enter_context(
            Server(SERVERS[way.server], context.fixtures, tls=way.secure, variant=way.variant)
        )
    except Absent as error:
        print(f"n/a: {way.title}: {error}", file=sys.stderr, flush=True)
        return None


def _turn(context: Context, way: Way, server: Server) -> Turn:
    case = CASES["tls" if way.secure else "plaintext"]
    shape = Shape(32, warmup=0.5, seconds=2.0 if context.full else 0.7)
    return one_turn(case, server, shape, probe(case, server.port))
