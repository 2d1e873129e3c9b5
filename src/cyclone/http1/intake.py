"""A request body on its way in: decoded, limited in size and time, delivered piece by piece."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from .chunked import ChunkedDecoder
from .exchange import Exchange
from .interfaces import BodyConsumer
from .limits import Limits
from .refusal import BadRequest

__all__ = ["Intake"]

#: Seconds until a check that is due already.
_SOON = 0.001


class Intake:
    """Takes the bytes of one body from the connection and gives its data to a consumer.

    Attributes:
        held: the consumer is not ready for more.
        complete: the last byte of the body has been taken.
    """

    __slots__ = (
        "_clock",
        "_consumer",
        "_decoder",
        "_exchange",
        "_held_since",
        "_left",
        "_limits",
        "_pieces",
        "_rate_bytes",
        "_rate_since",
        "_size",
        "_started",
        "complete",
        "held",
    )

    def __init__(
        self, exchange: Exchange, consumer: BodyConsumer, limits: Limits, clock: Callable[[], float]
    ) -> None:
        head = exchange.head
        self._exchange = exchange
        self._consumer = consumer
        self._limits = limits
        self._decoder = ChunkedDecoder(limits) if head.chunked else None
        self._left = head.content_length or 0
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._clock = clock
        self._started = self._rate_since = clock()
        self._held_since: float | None = None
        self._rate_bytes = 0
        self.complete = not head.has_body
        self.held = False

    def take(self, received: bytes | bytearray, position: int) -> int:
        """Take what belongs to the body from `received`; return the position after it.

        Raises:
            BadRequest: the chunked coding is malformed (400), the body is too large (413).
        """
        if self._decoder is None:
            data = bytes(received[position : position + self._left])
            self._left -= len(data)
            self.complete = not self._left
            self._pieces.append(data)
            size, rest = len(data), len(received) - position - len(data)
        else:
            pieces = self._decoder.feed(bytes(received[position:]))
            self.complete = self._decoder.complete
            self._pieces.extend(pieces)
            size, rest = sum(map(len, pieces)), len(self._decoder.rest)
        self._rate_bytes += size
        self._size += size
        announced = self._decoder.announced if self._decoder is not None else 0
        if self._size + announced > self._exchange.max_body_size:
            raise BadRequest(413, "the body is larger than this server accepts")
        return len(received) - rest

    def deliver(self, release: Callable[[Any], Any]) -> bool:
        """Give the consumer the pieces there are, each when it is ready.

        Args:
            release: called with the result of a Deferred that the consumer made wait for it.

        Returns:
            whether it has taken them all.
        """
        while self._pieces:
            waiting = self._consumer.data_received(self._pieces.popleft())
            if self._exchange.done:
                self._pieces.clear()
            elif waiting is not None:
                self.held = True
                waiting.addBoth(release)
                if self.held:
                    self._held_since = self._clock()
                    return False
        return True

    def finish(self) -> None:
        """Tell the consumer that the body is complete.

        Raises:
            BadRequest: it is not, by the consumer's own measure.
        """
        try:
            self._consumer.finish()
        except BadRequest:
            self._consumer.aborted()
            raise

    def abort(self) -> None:
        """Tell the consumer that the body will not be completed."""
        self._pieces.clear()
        self._consumer.aborted()

    def released(self) -> bool:
        """The consumer is ready for more: time that it took does not count against the peer.

        Returns:
            whether it took any.
        """
        self.held = False
        since, self._held_since = self._held_since, None
        if since is None:
            return False
        taken = self._clock() - since
        self._started += taken
        self._rate_since += taken
        return True

    def next_check(self) -> float | None:
        """In how many seconds `check_time` should be called; None for never."""
        timeout, limits = self._exchange.body_timeout, self._limits
        due = []
        if timeout:
            due.append(self._started + timeout)
        if limits.body_min_rate:
            due.append(self._rate_since + limits.body_grace)
        return max(min(due) - self._clock(), _SOON) if due else None

    def check_time(self, now: float) -> None:
        """Compare the progress of the body with its time limits.

        Raises:
            BadRequest: 408.
        """
        timeout, limits = self._exchange.body_timeout, self._limits
        if timeout and now - self._started >= timeout:
            raise BadRequest(408, "the body took too long")
        elapsed = now - self._rate_since
        if elapsed >= limits.body_grace:
            if self._rate_bytes < limits.body_min_rate * elapsed:
                raise BadRequest(408, "the body came too slowly")
            self._rate_since, self._rate_bytes = now, 0
