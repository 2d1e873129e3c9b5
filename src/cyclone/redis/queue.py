"""Which connections are free, and who waits for one."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import Any

from twisted.internet.defer import Deferred, succeed

from .library import txredisapi

__all__ = ["ConnectionQueue"]


class ConnectionQueue(txredisapi.PeekableQueue):
    """The connections of a pool that may be used.

    `get` takes one out, for a command that blocks it or for a transaction; `peek` shares one, in
    turn, as commands may follow each other without waiting.  Connections that are lost are
    forgotten, and so are those who no longer wait.

    Attributes:
        pending: connections that may be used.
        waiting: those who want one for themselves.
        peekers: those who want to share one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pending: list[Any] = []
        self.waiting: deque[Deferred[Any]] = deque()
        self.peekers: deque[Deferred[Any]] = deque()
        self._turn = 0

    @property
    def wanted(self) -> int:
        """How many wait for a connection."""
        return len(self.waiting) + len(self.peekers)

    def usable(self) -> list[Any]:
        """The connections that may be used, without those that are lost."""
        if any(not connection.connected for connection in self.pending):
            self.pending[:] = [one for one in self.pending if one.connected]
        return self.pending

    def put(self, obj: Any) -> None:
        """Offer a connection: a new one, or one that is free again."""
        if not obj.connected or obj in self.pending:
            return
        if self.waiting:
            # It is for one only; those who share come after.
            self.waiting.popleft().callback(obj)
            return
        self.pending.append(obj)
        peekers, self.peekers = self.peekers, deque()
        for peeker in peekers:
            if not peeker.called:  # one that was called before may have cancelled it
                peeker.callback(obj)

    def get(self) -> Deferred[Any]:
        """A connection for oneself, until it is `put` back."""
        if self.usable():
            return succeed(self.pending.pop(0))
        return self._wait(self.waiting)

    def peek(self) -> Deferred[Any]:
        """A connection that others use, too."""
        usable = self.usable()
        if usable:
            self._turn = (self._turn + 1) % len(usable)
            return succeed(usable[self._turn])
        return self._wait(self.peekers)

    def fail(self, error: Exception) -> None:
        """Tell all who wait that they will get none."""
        everybody = [*self.waiting, *self.peekers]
        self.waiting.clear()
        self.peekers.clear()
        for one in everybody:
            if not one.called:
                one.errback(error)

    @staticmethod
    def _wait(line: deque[Deferred[Any]]) -> Deferred[Any]:
        def forget(waiting: Deferred[Any]) -> None:
            with contextlib.suppress(ValueError):
                line.remove(waiting)

        deferred: Deferred[Any] = Deferred(forget)
        line.append(deferred)
        return deferred
