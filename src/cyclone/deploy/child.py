"""A worker process, as its supervisor sees it: two pipes, and what it does."""

from __future__ import annotations

import contextlib
import enum
import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from cyclone.log import gen_log

from .counted import worker_ended

__all__ = ["CONTROL_FD", "REPORT_FD", "State", "Worker", "split_lines"]

#: The descriptors at which a worker finds its two pipes.
CONTROL_FD = 3
REPORT_FD = 4

#: A worker sends no longer lines; one that does has gone mad.
_MAX_LINE = 4 * 1024 * 1024


#: Seconds for what a process has written to arrive after its end.
_LAST_WORDS = 1.0


class State(enum.Enum):
    """What a worker does."""

    STARTING = 1
    SERVING = 2
    LEAVING = 3


def split_lines(received: bytes, data: bytes) -> tuple[list[bytes], bytes]:
    """The lines that are whole now, and what has come of the next."""
    *lines, rest = (received + data).split(b"\n")
    return lines, rest


class Boss(Protocol):
    """Whom a worker speaks to: the supervisor."""

    seconds: Callable[[], float]
    later: Callable[..., IDelayedCall]

    def heard(self, worker: Worker, message: Mapping[str, Any]) -> None:
        """Take a message of `worker`."""

    def printed(self, worker: Worker, line: str) -> None:
        """Take a line that `worker` has printed past its log."""

    def gone(self, worker: Worker, status: int) -> None:
        """`worker` has ended; status -N is signal N."""


class Worker(ProcessProtocol):
    """One worker process, as its supervisor sees it.

    Attributes:
        number: of its place, from 1.
        state: what it does.
        pid: the id of the process.
        since: when it was started, and, once it serves, since when it does.
        error: why it could not start, as it has said itself; empty if it has not.
        patience: seconds it may take to leave.
        pinged: since when it owes an answer, None if it does not.
        due: it should be replaced.
    """

    transport: IProcessTransport | None = None

    def __init__(self, number: int, supervisor: Boss) -> None:
        self.number = number
        self.state = State.STARTING
        self.since = supervisor.seconds()
        self.error = ""
        self.pid: int | None = None
        self.patience = 30.0
        self.pinged: float | None = None
        self.due = False
        self.timer: IDelayedCall | None = None
        self._closing: IDelayedCall | None = None
        self._supervisor = supervisor
        self._received: dict[int, bytes] = {}

    def connectionMade(self) -> None:
        """The process has been started."""
        self.pid = getattr(self.transport, "pid", None)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Take messages, or what the process has written to its standard output."""
        lines, rest = split_lines(self._received.get(childFD, b""), data)
        if len(rest) > _MAX_LINE:
            lines, rest = [*lines, rest], b""
        self._received[childFD] = rest
        for line in lines:
            self._line(childFD, line)

    def _line(self, descriptor: int, line: bytes) -> None:
        if descriptor != REPORT_FD:
            self._supervisor.printed(self, line.decode("utf-8", "replace"))
            return
        try:
            message = json.loads(line)
        except ValueError:
            gen_log.error("worker %d speaks nonsense: %.100r", self.number, line)
        else:
            self._supervisor.heard(self, message)

    def childConnectionLost(self, childFD: int) -> None:
        """Take what came without an end of line."""
        rest = self._received.pop(childFD, b"")
        if rest:
            self._line(childFD, rest)

    def processExited(self, reason: Failure) -> None:
        """The process is gone; what it has started may hold its pipes, and is not waited for."""
        if self.transport is not None:
            self._closing = self._supervisor.later(_LAST_WORDS, self.transport.loseConnection)

    def processEnded(self, reason: Failure) -> None:
        """The process is gone, and we have its last words."""
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        worker_ended(self.pid)
        value: Any = reason.value
        self._supervisor.gone(self, -value.signal if value.signal else value.exitCode)

    def tell(self, kind: str) -> None:
        """Send it a message."""
        self.write(json.dumps({"type": kind}).encode() + b"\n")

    def write(self, line: bytes) -> None:
        """Send it a line, if it is still there."""
        if self.transport is not None:
            with contextlib.suppress(OSError, KeyError):  # it is gone, which we hear otherwise
                self.transport.writeToChild(CONTROL_FD, line)

    def send(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        if self.transport is not None:
            with contextlib.suppress(ProcessExitedAlready):
                self.transport.signalProcess(number)
