"""One timer for the deadlines of all connections of a server.

A delayed call per connection and state would cost more than answering the request.  Connections
note when they are due; the sweep visits them when the earliest may be, at most once a
`GRANULARITY`, and not at all while none is due.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
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
    """Calls ``check_deadlines(now)`` of each member whose ``deadline`` has passed.

    Attributes:
        next_visit: when it looks next; `NEVER` while nothing is due.
    """

    def __init__(self, clock: Callable[[], IReactorTime], members: Iterable[_Due]) -> None:
        """`clock` says which one it is when it is first needed, not before."""
        self._clock = clock
        self._members = members
        self._call: IDelayedCall | None = None
        self.next_visit = NEVER

    def wake_at(self, deadline: float) -> None:
        """Make sure the sweep comes by about `deadline`."""
        now = self._clock().seconds()
        visit = max(deadline, now + GRANULARITY)
        if visit < self.next_visit:  # an earlier visit is never put off
            if self._call is not None:
                self._call.cancel()
            self.next_visit = visit
            self._call = self._clock().callLater(visit - now, self._sweep)

    def _sweep(self) -> None:
        self._call = None
        self.next_visit = NEVER
        now = self._clock().seconds()
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
        self.next_visit = NEVER
