"""One timer for the deadlines of all connections of a server.

A delayed call per connection and state would cost more than answering the request.  Connections
note when they are due; the sweep visits them when the earliest may be, at most once a
`GRANULARITY`, and not at all while none is due.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["GRANULARITY", "NEVER", "Sweeper"]

#: Seconds a deadline may be missed by.
GRANULARITY = 0.5
NEVER = math.inf
#: How many are visited in one turn of the reactor; others want to be served meanwhile.
_BATCH = 200


class _Due(Protocol):
    deadline: float

    def check_deadlines(self, now: float) -> None: ...


class _Members:
    """All that is in some collections, whatever comes and goes."""

    def __init__(self, *collections: Iterable[_Due]) -> None:
        self._collections = collections

    def __iter__(self) -> Iterator[_Due]:
        return chain(*self._collections)


class Sweeper:
    """Calls ``check_deadlines(now)`` of each member whose ``deadline`` has passed.

    Attributes:
        next_visit: when it looks next; `NEVER` while nothing is due.
    """

    def __init__(self, clock: Callable[[], IReactorTime], *members: Iterable[_Due]) -> None:
        """`clock` says which one it is when it is first needed, not before; `members` are
        collections, which may change."""
        self._clock = clock
        self._members = members[0] if len(members) == 1 else _Members(*members)
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
        now = self._clock().seconds()
        self._visit([member for member in self._members if member.deadline <= now])

    def _visit(self, due: list[_Due]) -> None:
        """Visit those that are due, a batch in a turn of the reactor, then wait for the next."""
        self._call = None
        self.next_visit = NEVER
        now = self._clock().seconds()
        for member in due[:_BATCH]:
            if member.deadline <= now:
                member.check_deadlines(now)
        if len(due) > _BATCH:
            if self._call is not None:
                self._call.cancel()
            self.next_visit = now
            self._call = self._clock().callLater(0, self._visit, due[_BATCH:])
            return
        earliest = min((member.deadline for member in self._members), default=NEVER)
        if earliest != NEVER:
            self.wake_at(earliest)

    def stop(self) -> None:
        """Forget the timer; the next `wake_at` starts it again."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self.next_visit = NEVER
