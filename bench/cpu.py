"""CPU clocks of other processes, read from Linux's ``/proc``.

The figure that matters is the CPU time a server's process tree used, which does not change
when the machine gives the core to somebody else for a while; wall-clock time does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROC = Path("/proc")


class NoProc(Exception):
    """This system has no ``/proc`` as Linux has it."""


def require_proc() -> None:
    """Raise :class:`NoProc` where CPU times of other processes cannot be read."""
    if not (_PROC / "self" / "stat").exists():
        raise NoProc("the benchmark reads CPU times from Linux's /proc, which is not here")


def tree_seconds(pid: int) -> float:
    """Return the CPU seconds used so far by process ``pid`` and its live descendants."""
    return sum(_process_seconds(member) for member in process_tree(pid))


def tree_memory(pid: int) -> int:
    """Return the resident memory, in kB, of process ``pid`` and its live descendants."""
    return sum(
        status_number(_read(_PROC / str(member) / "status"), "VmRSS")
        for member in process_tree(pid)
    )


def tree_switches(pid: int) -> int:
    """Return how often the threads of ``pid`` and its descendants have gone to sleep."""
    return sum(
        status_number(_read(path), "voluntary_ctxt_switches")
        for member in process_tree(pid)
        for path in (_PROC / str(member) / "task").glob("*/status")
    )


def status_number(text: str, name: str) -> int:
    """Return a number from the text of a ``status`` file; 0 if it is not there."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0])
    return 0


def process_tree(pid: int) -> list[int]:
    """Return ``pid`` and the ids of its live descendants."""
    found = [pid]
    for member in found:  # the list grows while it is walked
        for path in (_PROC / str(member) / "task").glob("*/children"):
            found += [int(child) for child in _read(path).split()]
    return found


def _process_seconds(pid: int) -> float:
    """Nanoseconds of every thread where the kernel counts them, else clock ticks."""
    base = _PROC / str(pid)
    tasks = [_read(path) for path in (base / "task").glob("*/schedstat")]
    seconds = sum(schedstat_seconds(text) for text in tasks)
    return seconds or stat_seconds(_read(base / "stat"))


def schedstat_seconds(text: str) -> float:
    """Return the seconds on a core from a ``schedstat`` line: its first number, nanoseconds."""
    fields = text.split()
    return int(fields[0]) / 1e9 if fields else 0.0


def stat_seconds(text: str) -> float:
    """Return user and system time, in seconds, from a ``/proc/PID/stat`` line."""
    # The command stands in parentheses and may hold spaces and parentheses of its own.
    fields = text.rpartition(")")[2].split()
    if len(fields) < 13:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def core_seconds(core: int) -> float:
    """Return the seconds that ``core`` was busy for anybody, or taken away by a hypervisor."""
    return busy_seconds(_read(_PROC / "stat"), core)


def busy_seconds(text: str, core: int) -> float:
    """Return the busy seconds of ``core`` from the text of ``/proc/stat``."""
    for line in text.splitlines():
        name, *numbers = line.split()
        if name == f"cpu{core}":
            # user nice system idle iowait irq softirq steal: all but idle and iowait
            ticks = [int(number) for number in numbers[:8]]
            return (sum(ticks) - sum(ticks[3:5])) / os.sysconf("SC_CLK_TCK")
    return 0.0


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Run on ``core`` alone meanwhile (None: anywhere); a process started here inherits it."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def two_cores() -> tuple[int | None, int | None]:
    """Return a core for the server and one for the load, or (None, None) if there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else (None, None)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process or thread has just ended
        return ""
