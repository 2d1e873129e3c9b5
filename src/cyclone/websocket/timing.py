"""What a connection does when time has passed: pings, and peers that are too slow."""

from __future__ import annotations

from cyclone.http1 import NEVER, HTTPFactory, progress_of

from .session import Session
from .settings import WebSocketSettings
from .writing import Writing

__all__ = ["Timed"]


class Timed(Writing):
    """The deadlines of `WebSocketConnection`, which one timer of the hub looks after.

    Attributes:
        deadline: when the hub's sweep is to call `check_deadlines`.
    """

    __slots__ = (
        "_end_by",
        "_heard",
        "_ping_at",
        "_pong_by",
        "_progress",
        "_reading",
        "_write_by",
        "deadline",
    )

    def __init__(self, session: Session, hub: HTTPFactory, settings: WebSocketSettings) -> None:
        super().__init__(session, hub, settings)
        self._heard = False  # something has come since the last ping
        self._reading = True  # the transport is not paused
        self.deadline = NEVER
        self._ping_at = self._pong_by = self._end_by = self._write_by = NEVER
        self._progress: int | None = None

    def abort(self) -> None:
        """See `WebSocketConnection.abort`."""
        raise NotImplementedError

    def check_deadlines(self, now: float) -> None:
        """Called by the hub's sweep when `deadline` has passed."""
        if now >= self._end_by:
            self.abort()
            return
        if now >= self._write_by and not self._check_progress():
            return
        if now >= self._pong_by:
            self._pong_by = NEVER
            # What has come and is not read, because the owner is busy, may be the pong.
            if not self._heard and self._reading:
                self.close(None, "ping timed out")
        if now >= self._ping_at:
            self._send_ping(now)
        self._reschedule()

    def _send_ping(self, now: float) -> None:
        settings = self._settings
        self._ping_at = now + (settings.ping_interval or NEVER)
        if self.outbox.clear and not self.closing:
            self.outbox.send(self._session.ping(b""))
            if self._pong_by == NEVER and settings.patience:
                self._heard = False
                self._pong_by = now + settings.patience

    def _expect_progress(self) -> None:
        timeout = self._hub.limits.write_timeout
        if timeout:
            self._progress = progress_of(self.transport)
            self._write_by = self._hub.seconds() + timeout
            self._reschedule()

    def _check_progress(self) -> bool:
        made = progress_of(self.transport)
        if made is None or made == self._progress:
            self.abort()
            return False
        self._expect_progress()
        return True

    def _end_within(self, seconds: float) -> None:
        self._end_by = self._hub.seconds() + seconds
        self._reschedule()

    def _reschedule(self) -> None:
        self.deadline = min(self._ping_at, self._pong_by, self._end_by, self._write_by)
        if self.deadline < self._hub.sweeper.next_visit:
            self._hub.sweeper.wake_at(self.deadline)

    def _forget_deadlines(self) -> None:
        self.deadline = NEVER
        self._ping_at = self._pong_by = self._end_by = self._write_by = NEVER
