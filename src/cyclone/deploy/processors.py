"""How many processors a process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

__all__ = ["usable_processors"]

_OURS = Path("/proc/self/cgroup")
_ALL = Path("/sys/fs/cgroup")


def usable_processors() -> int:
    """Those it may run on, or as many as its share of time is worth, if that is less.

    Containers (``--cpus``) and services (``CPUQuota=``) are given shares: control groups of Linux,
    version 2.
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, min([count, *(math.ceil(share) for share in _shares())]))


def _shares() -> Iterator[float]:
    """The processors' worth of time that our group, and those it is in, are limited to."""
    try:
        lines = _OURS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("0::/"):
            group = PurePosixPath(line[4:])
            for each in (group, *group.parents):
                yield from _share(_ALL / each / "cpu.max")


def _share(file: Path) -> Iterator[float]:
    try:
        limit, period = file.read_text().split()
        yield int(limit) / int(period)
    except (OSError, ValueError):  # there is no such file, or no limit: "max 100000"
        pass
