"""`History`: the last events of a channel, for clients that come back.  No I/O."""

from __future__ import annotations

import secrets
from collections import deque
from itertools import islice

from .events import Event

__all__ = ["History"]


class History:
    """Keeps the last events, bounded by their number and their size.

    A client that comes back says with Last-Event-ID what it has seen; `since` says what it has
    missed.  See `Broadcaster`, which does both by itself.

    Args:
        max_events: how many are kept.
        max_bytes: how many bytes of them, as they go over the wire; no more than
            ``sse_write_buffer_limit``, since a client that comes back is sent them at once.

    Raises:
        ValueError: one of these is negative.
    """

    def __init__(self, max_events: int = 1000, max_bytes: int = 512 * 1024) -> None:
        if max_events < 0 or max_bytes < 0:
            raise ValueError("max_events and max_bytes must be 0 or more")
        self.max_events = max_events
        self.max_bytes = max_bytes
        self._events: deque[Event] = deque()
        self._size = 0
        self._forgotten = 0  # how many have come and gone
        self._places: dict[str, int] = {}  # of ids, counted from the very first event
        # A server that was started anew must not take an id of its former life for one of this.
        self._prefix = secrets.token_hex(4)
        self._number = 0

    def __len__(self) -> int:
        return len(self._events)

    @property
    def size(self) -> int:
        """Bytes of the events that are kept."""
        return self._size

    def new_id(self) -> str:
        """An id that no event has had, not even before the process was started anew."""
        self._number += 1
        return f"{self._prefix}-{self._number}"

    def add(self, event: Event) -> None:
        """Keep an event.

        Raises:
            ValueError: it has no id, so that no client could say that it has seen it.
        """
        if not event.id:
            raise ValueError("an event without id cannot be asked for")
        self._places[event.id] = self._forgotten + len(self._events)
        self._events.append(event)
        self._size += len(event.encoded)
        while len(self._events) > self.max_events or self._size > self.max_bytes:
            self._forget()

    def since(self, last_event_id: str | None) -> list[Event]:
        """The events after the one with that id.

        None, of a client that comes for the first time, gives none.  An id that is not known, since
        it has been forgotten or is of another server, gives all that there are.
        """
        if not last_event_id:
            return []
        place = self._places.get(last_event_id)
        if place is None:
            return list(self._events)
        return list(islice(self._events, place + 1 - self._forgotten, None))

    def knows(self, event_id: str) -> bool:
        """Whether `since` of that id misses nothing out."""
        return event_id in self._places

    def _forget(self) -> None:
        event = self._events.popleft()
        self._size -= len(event.encoded)
        if event.id is not None and self._places.get(event.id) == self._forgotten:
            del self._places[event.id]
        self._forgotten += 1
