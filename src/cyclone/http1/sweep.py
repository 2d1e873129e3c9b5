"""One timer for the deadlines of all connections of a server.

A delayed call per connection and state would cost more than answering the request.  Connections
note when they are due; the sweep visits them when the earliest may be, at most once a
`GRANULARITY`, and not at all while none is due.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["GRANULARITY", "NEVER", "Sweeper"]

#: Seconds a deadline may be missed by.
GRANULARITY = 0.5
NEVER = math.inf


class _Due(Protocol):
    deadline: float

    def check_deadlines(self, now: float) -> None: ...


class Sweeper:
    """Calls ``check_deadlines(now)`` of each member whose ``deadline`` has passed."""

    def __init__(self, clock: IReactorTime, members: Iterable[_Due]) -> None:
        self._clock = clock
        self._members = members
        self._call: IDelayedCall | None = None
        self._next = NEVER

    def wake_at(self, deadline: float) -> None:
        """Make sure the sweep comes by about `deadline`."""
        if deadline < self._next:
            if self._call is not None:
                self._call.cancel()
            delay = max(deadline - self._clock.seconds(), GRANULARITY)
            self._next = self._clock.seconds() + delay
            self._call = self._clock.callLater(delay, self._sweep)

    def _sweep(self) -> None:
        self._call = None
        self._next = NEVER
        now = self._clock.seconds()
        for member in list(self._members):
            if member.deadline <= now:
                member.check_deadlines(now)
        earliest = min((member.deadline for member in self._members), default=NEVER)
        if earliest != NEVER:
            self.wake_at(earliest)

    def stop(self) -> None:
        """Forget the timer; the next `wake_at` starts it again."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._next = NEVER
