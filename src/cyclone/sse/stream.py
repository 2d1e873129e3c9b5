"""One stream of events on its way out: slow clients, heartbeats, the end.

waiting  the handler has not decided yet whether there will be a stream
open     events go out
over     nothing does any more
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.logger import Logger

from cyclone._async import Settled, Waiter
from cyclone.http1 import GONE, NEVER, Backlog, Exchange, Outbox

from .events import HEARTBEAT
from .settings import SSESettings

__all__ = ["EventStream", "Owner"]

_log = Logger(namespace="cyclone.general")


class Owner(Protocol):
    """What a stream asks of its handler."""

    def open_stream(self) -> None:
        """Have the response begin: it has been long enough."""

    def end_stream(self) -> None:
        """End the response: the server is stopping."""


class EventStream:
    """The events of one response.

    The server knows it, as it knows connections: its timer is where heartbeats come from, and it
    tells of a graceful stop.

    Args:
        owner: the handler.
        exchange: where it writes to.
        settings: see `SSESettings`.

    Attributes:
        deadline: when the timer is to call `check_deadlines`.
        direct: where events may be sent to in chunks, without asking: the stream is open, nothing
            waits before them, and nobody changes them on their way.  Else None.
        dropped: events that policy ``drop_oldest`` has forgotten.
        over: nothing goes out any more.
        settings: those of the stream.
    """

    __slots__ = (
        "_backlog",
        "_coders",
        "_direct",
        "_exchange",
        "_hub",
        "_outbox",
        "_owner",
        "_progress",
        "_waiting",
        "deadline",
        "direct",
        "dropped",
        "over",
        "settings",
    )

    def __init__(self, owner: Owner, exchange: Exchange, settings: SSESettings) -> None:
        self._owner: Owner | None = owner
        self._exchange = exchange
        self.settings = settings
        self._hub = exchange.factory
        self._outbox: Outbox | None = None
        self._direct: Outbox | None = None  # `direct` while nothing waits
        self._coders: list[Any] = []
        self._backlog: Backlog[bytes] | None = None
        self._waiting = False  # for the outbox
        self._progress: int | None = None
        self.direct: Outbox | None = None
        self.over = False
        self.dropped = 0
        self.deadline = NEVER
        self._hub.streams.add(self)
        self._next_heartbeat(self._hub.seconds())

    @property
    def opened(self) -> bool:
        """The response has begun, and has not ended."""
        return self._outbox is not None

    def open(self, transforms: Any) -> None:
        """The head of the response has been sent."""
        exchange = self._exchange
        self._outbox = exchange.outbox
        self._coders = [each for each in transforms if getattr(each, "changes_chunks", True)]
        if exchange.chunked and not self._coders:
            self._direct = self.direct = self._outbox

    def send(self, event: bytes) -> Settled | Waiter:
        """Send encoded lines.

        Returns:
            an awaitable that is done when the client can take more, and fails with `PeerGone` when
            it is gone.
        """
        outbox = self._outbox
        if outbox is None:
            return GONE
        if self._backlog or not outbox.clear:
            return self._send_late(event, outbox)
        self._write(event)
        return outbox.drained()

    def send_all_held(self) -> None:
        """Before the end of the response: what waits goes out, whether the client reads or not."""
        while self._backlog:
            self._write(self._backlog.take())

    def close(self) -> None:
        """Nothing is sent any more."""
        if self.over:
            return
        self.over = True
        self.deadline = NEVER
        self._outbox = self._direct = self.direct = self._backlog = self._owner = None
        self._coders = []
        self._hub.streams.discard(self)

    # -- for the server, as of connections

    def check_deadlines(self, now: float) -> None:
        """Send a heartbeat."""
        self._next_heartbeat(now)
        outbox, owner = self._outbox, self._owner
        if outbox is None:
            if owner is not None:
                owner.open_stream()
            return
        if self._backlog or not outbox.clear:
            self._progress = None  # the connection has its own time limit for slow peers
            return
        made = outbox.progress()
        if made and made == self._progress and outbox.unanswered():
            # The system at the other end answers, whether anybody reads there or not.
            _log.info("Stream of events aborted: the last heartbeat has reached nobody")
            self.abort()
            return
        self._progress = made
        self._write(HEARTBEAT)

    def drain(self) -> None:
        """Part of a graceful stop."""
        if self._owner is not None:
            self._owner.end_stream()

    def abort(self) -> None:
        """Drop the connection; what waits for the client is lost."""
        self.direct = self._direct = None
        self._exchange.abort()

    # -- inside

    def _next_heartbeat(self, now: float) -> None:
        interval = self.settings.heartbeat_interval
        if interval:
            self.deadline = now + interval
            if self.deadline < self._hub.sweeper.next_visit:
                self._hub.sweeper.wake_at(self.deadline)

    def _write(self, data: bytes) -> None:
        for coder in self._coders:
            data = coder.transform_chunk(data, False)
        self._exchange.push(data)

    def _send_late(self, event: bytes, outbox: Outbox) -> Settled | Waiter:
        """Send to a client that does not read fast enough."""
        settings = self.settings
        if settings.write_buffer_policy == "drop_oldest":
            self._hold(event, outbox)
        elif outbox.queued > settings.hard_limit:
            _log.warn(
                "Stream of events aborted: {queued} bytes wait for a client that does not read",
                queued=outbox.queued,
            )
            self.abort()
            return GONE
        else:
            self._write(event)
        return outbox.drained()

    def _hold(self, event: bytes, outbox: Outbox) -> None:
        """Keep an event until the client has taken what is on its way.

        It is compressed then: what has been compressed cannot be dropped.
        """
        if self._backlog is None:
            self._backlog = Backlog(self.settings.write_buffer_limit)
        self._backlog.add(event, len(event))
        self.dropped = self._backlog.dropped
        self.direct = None  # it would overtake
        self._wait(outbox)

    def _wait(self, outbox: Outbox) -> None:
        if not self._waiting:
            self._waiting = True
            outbox.drained().addCallbacks(self._send_held, lambda _: None)

    def _send_held(self, _: None) -> None:
        """The client has caught up: send it what has waited."""
        self._waiting = False
        outbox, backlog = self._outbox, self._backlog
        if outbox is None or backlog is None:
            return
        while backlog and outbox.clear:
            self._write(backlog.take())
        if backlog:
            self._wait(outbox)
        else:
            self.direct = self._direct
