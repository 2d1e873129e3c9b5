"""The numbers that workers leave behind for Prometheus, see `cyclone.metrics`.

They are kept in the directory that the environment variable PROMETHEUS_MULTIPROC_DIR names; without
it there is nothing to do.  Other files in there are not touched, should it be the wrong directory.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from cyclone.log import gen_log

from .errors import DeployError

__all__ = ["begin_counting", "worker_ended"]

_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
#: How prometheus-client and `cyclone.metrics.forget_process` name their files.
_OURS = re.compile(r"(counter|histogram|summary|gauge_[a-z]+)_([0-9]+|ended)\.db")


def begin_counting() -> None:
    """Make the directory, and forget the numbers of servers that ran before.

    Raises:
        DeployError: the directory cannot be used.
    """
    name = os.environ.get(_DIRECTORY)
    if not name:
        return
    try:
        directory = Path(name)
        directory.mkdir(parents=True, exist_ok=True)
        for left in directory.iterdir():
            if _OURS.fullmatch(left.name):
                left.unlink()
    except OSError as error:
        raise DeployError(f"${_DIRECTORY}: cannot use {name}: {error.strerror}") from error


def worker_ended(process: int | None) -> None:
    """Keep what a worker has counted, and forget what it had open."""
    if process is None or not os.environ.get(_DIRECTORY):
        return
    try:
        from cyclone.metrics import forget_process

        forget_process(process)
    except ImportError:
        pass  # then workers have no metrics either
    except Exception as error:
        gen_log.error("cannot add up the metrics of a worker that has ended: %s", error)
