"""Child processes: when one ends, its transport hears of it.

Twisted learns that from SIGCHLD, by a descriptor that it registers with the interpreter for
signals.  There is one such descriptor, and uvloop takes it for itself; SIGCHLD, too, belongs to the
processes that uvloop starts.  Where the system can (Linux), the end of each process is waited for
by a descriptor of its own instead, which needs no signals; elsewhere SIGCHLD gets another handler.
"""

from __future__ import annotations

import os
import signal
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any

from twisted.internet.process import reapAllProcesses

__all__ = ["Children"]


class Children:
    """The children of a process, as far as they were started by one reactor."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._open: Callable[[int], int] | None = getattr(os, "pidfd_open", None)
        self._previous: Any = None

    def watch(self, child: Any) -> None:
        """Tell `child`, a process transport, when its process ends."""
        if self._open is None or child.pid is None:
            return
        try:
            descriptor = self._open(child.pid)
        except OSError:
            # No such process any more, or a system that knows no such descriptors.
            self._loop.call_soon(reapAllProcesses)
        else:
            self._loop.add_reader(descriptor, self._ended, descriptor, child)

    def _ended(self, descriptor: int, child: Any) -> None:
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        if child.pid is not None:  # else somebody has called reapAllProcesses
            child.reapProcess()

    def handle_signal(self) -> None:
        """Where it takes SIGCHLD, have that heard in place of the handler Twisted has installed."""
        if self._open is None and threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGCHLD, self._on_signal)
            signal.siginterrupt(signal.SIGCHLD, False)
            reapAllProcesses()

    def _on_signal(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(reapAllProcesses)
