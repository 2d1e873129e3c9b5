"""`Broadcaster`: one event to many clients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cyclone.http1 import Outbox

from .events import Event, Message
from .handler import SSEHandler
from .history import History

__all__ = ["Broadcaster"]


class Broadcaster:
    """A set of handlers that get the same events.

    An event is encoded once.  Nobody waits for anybody: what happens to a client that does not read
    says the ``sse_write_buffer_policy``.

    >>> news = Broadcaster(history=History(max_events=100))
    >>> class News(SSEHandler):
    ...     def bind(self):
    ...         news.add(self)
    ...     def unbind(self):
    ...         news.discard(self)
    >>> news.send("hello", event="greeting")
    0

    Args:
        handlers: those that it begins with.
        history: keeps the last events for clients that come back.  Each event has an id then.
    """

    def __init__(self, handlers: Iterable[SSEHandler] = (), history: History | None = None) -> None:
        self._handlers = set(handlers)
        self.history = history

    def add(self, handler: SSEHandler) -> bool:
        """Send to this one, too, and first what it has missed since its Last-Event-ID.

        Returns:
            whether it has missed nothing that is no longer there: False for a client whose last
            event has been forgotten, or was of another server.  It gets all that there are.
        """
        complete = True
        if self.history is not None and (last := handler.last_event_id):
            complete = self.history.knows(last)
            for event in self.history.since(last):
                handler.send_prepared(event)
        if not handler.stream_over:
            self._handlers.add(handler)
        return complete

    def discard(self, handler: SSEHandler) -> None:
        """Send no longer to this one."""
        self._handlers.discard(handler)

    def __len__(self) -> int:
        return len(self._handlers)

    def __iter__(self) -> Iterator[SSEHandler]:
        return iter(self._handlers)

    def __contains__(self, handler: object) -> bool:
        return handler in self._handlers

    def send(
        self,
        message: Message | Event,
        event: str | bytes | None = None,
        eid: str | bytes | int | None = None,
        retry: int | None = None,
        exclude: SSEHandler | None = None,
    ) -> int:
        """Send an event to all of them; those whose streams have ended are forgotten.

        Args:
            message, event, eid, retry: see `SSEHandler.sendEvent`.
            exclude: one that does not get it.

        Returns:
            to how many it was sent.
        """
        history = self.history
        if isinstance(message, Event):
            prepared = message
        else:
            if eid is None and history is not None:
                eid = history.new_id()
            prepared = Event(message, event, eid, retry)
        if history is not None and prepared.id:
            history.add(prepared)
        sent = 0
        chunk = prepared.chunk
        short = len(chunk) <= Outbox.SLICE
        for handler in list(self._handlers):
            if handler is exclude:
                continue
            stream = handler.event_stream
            outbox = None if stream is None else stream.direct
            if outbox is not None and not (outbox.paused or outbox.queued):
                if short and outbox.write is not None and not outbox.holding:
                    outbox.write(chunk)  # Outbox.send(), spelled out
                else:
                    outbox.send(chunk)
            elif handler.stream_over:
                self._handlers.discard(handler)
                continue
            else:
                try:
                    handler.send_prepared(prepared)
                except Exception as error:  # the head of its response cannot be sent
                    handler.relay_failed(error)
                    self._handlers.discard(handler)
                    continue
            sent += 1
        return sent
