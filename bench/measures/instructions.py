"""Processor instructions per request in memory, counted by valgrind.

One process asks every case a few times; others ask one case more often. The difference of their
counts belongs to the additional requests alone and is nearly the same on every run, whatever else
the machine does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping

from bench.calls import IN_MEMORY
from bench.cases import CASES
from bench.measures.context import Context
from bench.results import Table
from bench.servers import ROOT

_UNITS = 400
_TITLE = "Instructions per request"
_COLUMNS = ["case, cyclone in memory", "instructions"]


class NoCount(Exception):
    """valgrind ran and counted nothing."""


def measure(context: Context) -> Table:
    """Return the instructions of cyclone for each case that can be asked in memory."""
    if shutil.which("valgrind") is None:
        return Table(_TITLE, _COLUMNS, [], "n/a: valgrind is not installed.")
    names = IN_MEMORY if context.full else IN_MEMORY[:3]
    none = dict.fromkeys(names, 0)
    try:
        base = _count(none)
        more = {name: _count({**none, name: CASES[name].times(_UNITS)}) for name in names}
    except NoCount as error:
        return Table(_TITLE, _COLUMNS, [], f"n/a: {error}")
    rows = [
        [CASES[name].title, f"{(count - base) / _units(name):,.0f}"] for name, count in more.items()
    ]
    return Table(_TITLE, _COLUMNS, rows)


def _units(name: str) -> int:
    case = CASES[name]
    return case.times(_UNITS) * case.answers


def _count(wanted: Mapping[str, int]) -> int:
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    command += [sys.executable, "-m", "bench.road"]
    command += [f"{name}={count}" for name, count in wanted.items()]
    done = subprocess.run(
        command,
        cwd=ROOT,
        # Sets and dictionaries of strings in the same order in all of the processes.
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    return instructions(done.stderr)


def instructions(output: str) -> int:
    """Return the count from what cachegrind prints.

    Raises:
        NoCount: if there is none.
    """
    found = re.search(r"I\s+refs:\s+([\d,]+)", output)
    if not found:
        last = output.strip().splitlines()[-1:] or ["it said nothing"]
        raise NoCount(f"valgrind counted nothing: {last[0]}")
    return int(found[1].replace(",", ""))
