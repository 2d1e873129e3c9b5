"""Requests in memory, for a tool that counts what the process does: ``python -m bench.road``.

::

    python -m bench.road plaintext=1000 json=0
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from bench.calls import connect, make_application
from bench.cases import CASES

_WARMUP = 100


def walk(wanted: Mapping[str, int]) -> None:
    """Ask each case as often as it says, after a warm-up that is the same for all."""
    connections = {name: connect(make_application(), CASES[name]) for name in wanted}
    for connection in connections.values():
        times = connection.case.times(_WARMUP)
        connection.ask(connection.requests(times))
        connection.check(times)
    for name, connection in connections.items():
        connection.ask(connection.requests(wanted[name]))
        connection.check(wanted[name])


def main(arguments: Sequence[str]) -> None:
    """Walk as the command line says."""
    pairs = (argument.split("=") for argument in arguments)
    walk({name: int(count) for name, count in pairs})


if __name__ == "__main__":
    main(sys.argv[1:])
