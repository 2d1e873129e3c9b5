"""SIGHUP: read everything anew; or the end of the terminal, which ends what runs at it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

__all__ = ["HangUp", "has_terminal"]

_TERMINAL = "/dev/tty"


class HangUp:
    """What SIGHUP does.

    A program that was started at a terminal gets the signal, too, when that is closed; then there
    is none any more. One that was started with `nohup` is not meant to end with its terminal.

    Args:
        reload: called when somebody asks for it.
        stop: called when the terminal is gone, if there was one.
    """

    def __init__(
        self,
        reactor: Any,
        reload: Callable[[], object],
        stop: Callable[[], object],
    ) -> None:
        self._reactor = reactor
        self._reload = reload
        before = signal.getsignal(signal.SIGHUP)
        self._stop = stop if before is signal.SIG_DFL and has_terminal() else None
        # An application may have a use of its own for the signal.
        self._free = before in (signal.SIG_DFL, signal.SIG_IGN)

    def install(self) -> None:
        """Take the signal, unless the application has; call it when the reactor runs."""
        if self._free:
            signal.signal(signal.SIGHUP, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self.act)

    def act(self) -> None:
        """Do what the signal asks for."""
        if self._stop is not None and not has_terminal():
            self._stop()
        else:
            self._reload()


def has_terminal() -> bool:
    """Whether this process is controlled by a terminal."""
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
