"""`Broadcaster`: one message to many WebSockets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .errors import GONE, WebSocketClosedError
from .handler import WebSocketHandler
from .prepared import PreparedMessage

__all__ = ["Broadcaster"]


class Broadcaster:
    """A set of handlers that get the same messages.

    A message is encoded once, and compressed once for each way to compress that they have agreed
    on with their peers.  Nobody waits for anybody: what happens to a peer that does not read says
    the ``websocket_write_buffer_policy``.

    >>> room = Broadcaster()
    >>> class Chat(WebSocketHandler):
    ...     def open(self):
    ...         room.add(self)
    ...     def on_close(self):
    ...         room.discard(self)
    ...     def on_message(self, message):
    ...         room.send(message)
    """

    def __init__(self, handlers: Iterable[WebSocketHandler] = ()) -> None:
        self._handlers = set(handlers)

    def add(self, handler: WebSocketHandler) -> None:
        """Send to this one, too."""
        self._handlers.add(handler)

    def discard(self, handler: WebSocketHandler) -> None:
        """Send no longer to this one."""
        self._handlers.discard(handler)

    def __len__(self) -> int:
        return len(self._handlers)

    def __iter__(self) -> Iterator[WebSocketHandler]:
        return iter(self._handlers)

    def __contains__(self, handler: object) -> bool:
        return handler in self._handlers

    def send(
        self,
        message: str | bytes | dict[str, Any],
        binary: bool = False,
        exclude: WebSocketHandler | None = None,
    ) -> int:
        """Send a message to all of them.

        Args:
            message: text or, if `binary`, bytes; a dict is sent as JSON.
            exclude: one that does not get it, such as the one it is from.

        Returns:
            to how many it was sent.

        Raises:
            TypeError: `message` is none of these.
        """
        prepared = PreparedMessage(message, binary)
        sent = 0
        for handler in list(self._handlers):
            connection = handler.ws_connection
            if handler is exclude or connection is None:
                continue
            try:
                if connection.send_prepared(prepared) is not GONE:
                    sent += 1
            except WebSocketClosedError:  # closing, maybe by what was sent before
                continue
        return sent
