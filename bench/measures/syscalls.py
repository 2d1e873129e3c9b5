"""System calls per request, counted by strace.

With one connection every request is an event of its own, and the count is the same on every run;
with several, one call to the poller serves as many requests as have come by then.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.cases import CASES
from bench.cpu import process_tree
from bench.generator import Generator, LoadError, Shape
from bench.measures.context import Context
from bench.probe import probe
from bench.results import Table
from bench.servers import Server

_TITLE = "System calls per request"
_CONNECTIONS = (1, 32)
_ATTACH_TIMEOUT = 5.0  # seconds
_SHOWN = 0.05  # calls per request; rarer ones are summed up, not named


def measure(context: Context) -> Table:
    """Return the system calls of every server for plaintext."""
    columns = ["server, plaintext", "one connection", "32 connections", "which, with one"]
    if shutil.which("strace") is None:
        return Table(_TITLE, columns, [], "n/a: strace is not installed.")
    return Table(_TITLE, columns, context.rows(lambda name: _row(context, name)))


def _row(context: Context, name: str) -> Sequence[str]:
    with context.start(name) as server:
        alone, together = (_calls(server, connections) for connections in _CONNECTIONS)
    named = [f"{call} {per:.1f}" for call, per in alone.items() if per >= _SHOWN]
    return [f"{sum(alone.values()):.1f}", f"{sum(together.values()):.1f}", ", ".join(named)]


def _calls(server: Server, connections: int) -> dict[str, float]:
    """Return the calls per request by name, most frequent first."""
    case = CASES["plaintext"]
    expected = probe(case, server.port)
    shape = Shape(connections=connections, warmup=0.1, seconds=0.5)
    with Generator(case, server.port, shape, expected) as generator, _Tracer(server.pid) as tracer:
        load = generator.go()
    return {name: count / load.answers for name, count in counts(tracer.summary).items()}


class _Tracer:
    """strace, attached to a server and its children meanwhile; ``summary`` is its table."""

    def __init__(self, pid: int) -> None:
        self._pids = process_tree(pid)
        self.summary = ""

    def __enter__(self) -> _Tracer:
        self._output = tempfile.NamedTemporaryFile()
        command = ["strace", "-f", "-c", "-o", self._output.name]
        command += [f"--attach={pid}" for pid in self._pids]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self._wait_until_attached()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        self.summary = Path(self._output.name).read_text()
        self._output.close()

    def _wait_until_attached(self) -> None:
        deadline = time.monotonic() + _ATTACH_TIMEOUT
        while not all(map(_traced, self._pids)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise LoadError("strace cannot attach to the server")
            time.sleep(0.01)


def _traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return "TracerPid:\t0\n" not in status


def counts(summary: str) -> dict[str, int]:
    """Return the calls by name from the table that ``strace -c`` writes."""
    found: dict[str, int] = {}
    for line in summary.splitlines():
        fields = line.split()
        # % time, seconds, usecs/call, calls, perhaps errors, name
        if len(fields) in (5, 6) and fields[3].isdecimal() and fields[-1] != "total":
            found[fields[-1]] = int(fields[3])
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))
