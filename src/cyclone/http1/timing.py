"""What a connection does when time has passed: states end, peers that do not read are left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import Protocol
from twisted.logger import Logger

from .progress import progress
from .sweep import NEVER

if TYPE_CHECKING:
    from .context import Context
    from .factory import HTTPFactory

__all__ = ["Timed"]

_log = Logger(namespace="cyclone.general")


class Timed(Protocol):
    """The deadlines of `HTTP1Connection`, which one timer of the factory looks after.

    Attributes:
        deadline: when the factory's sweep is to call `check_deadlines`.
    """

    factory: HTTPFactory
    transport: Any

    if TYPE_CHECKING:  # what it needs of the class

        @property
        def context(self) -> Context: ...

    def __init__(self) -> None:
        self.deadline = NEVER  # the earlier one of the two below
        self._state_deadline = NEVER  # what the state waits for
        self._write_deadline = NEVER  # the peer should have taken something
        self._progress: int | None = None  # how far the peer had come when we looked last

    def abort(self) -> None:
        """See `HTTP1Connection.abort`."""
        raise NotImplementedError

    def _time_is_up(self, now: float) -> None:
        """What the state has waited for has not come."""
        raise NotImplementedError

    def check_deadlines(self, now: float) -> None:
        """Called by the factory's sweep when `deadline` has passed."""
        if now >= self._write_deadline:
            self._check_progress()
        if now >= self._state_deadline:
            self._state_deadline = NEVER
            self.deadline = self._write_deadline
            self._time_is_up(now)

    def _now(self) -> float:
        return self.factory.seconds()

    def _due(self, seconds: float | None) -> None:
        """Give what the state waits for so many seconds; None or 0: any time."""
        self._state_deadline = self._now() + seconds if seconds else NEVER
        self._reschedule()

    def _reschedule(self) -> None:
        self.deadline = deadline = min(self._state_deadline, self._write_deadline)
        if deadline < self.factory.sweeper.next_visit:
            self.factory.sweeper.wake_at(deadline)

    def _forget_deadlines(self) -> None:
        self.deadline = self._state_deadline = self._write_deadline = NEVER

    def _expect_progress(self) -> None:
        """Give the peer time to take something of what has been sent."""
        timeout = self.factory.limits.write_timeout
        if timeout:
            self._progress = progress(self.transport)
            self._write_deadline = self._now() + timeout
            self._reschedule()

    def _check_progress(self) -> None:
        made = progress(self.transport)
        if made is None or made == self._progress:
            _log.info("Connection aborted: {peer} does not read", peer=self.context.peer_ip)
            self.abort()
        else:
            self._expect_progress()
