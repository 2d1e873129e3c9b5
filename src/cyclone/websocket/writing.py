"""The writing side of a connection: messages on their way, and peers that do not read."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Protocol
from twisted.logger import Logger

from cyclone._async import DONE, Settled, Waiter
from cyclone.http1 import Backlog, HTTPFactory, Outbox

from .errors import GONE, WebSocketClosedError
from .frames import BINARY_HEADS, TEXT_HEADS
from .prepared import PreparedMessage
from .session import Session
from .settings import WebSocketSettings

__all__ = ["Writing"]

_log = Logger(namespace="cyclone.general")

Outgoing = tuple[str | bytes, bool] | PreparedMessage


class Writing(Protocol):
    """What `WebSocketConnection` does to send messages.

    Attributes:
        outbox: what goes out.
        dropped: messages that policy ``drop_oldest`` has forgotten.
    """

    __slots__ = (
        "_held",
        "_hub",
        "_lost",
        "_overflowed",
        "_pong",
        "_session",
        "_settings",
        "dropped",
        "outbox",
    )

    transport: Any
    outbox: Outbox

    def __init__(self, session: Session, hub: HTTPFactory, settings: WebSocketSettings) -> None:
        self._session = session
        self._hub = hub
        self._settings = settings
        self._lost = False
        self._held: Backlog[Outgoing] | None = None  # messages that wait for the peer
        self._overflowed = False
        self._pong: bytes | None = None  # the answer to the last ping, while the peer is slow
        self.dropped = 0

    @property
    def closing(self) -> bool:
        """Nothing can be sent any more."""
        return self._lost or self._session.close_sent

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """See `WebSocketConnection.close`."""
        raise NotImplementedError

    def send(self, message: str | bytes, binary: bool) -> Settled | Waiter:
        """Send a message; see `WebSocketHandler.write_message`.

        Raises:
            WebSocketClosedError: the connection is closed or closing.
        """
        outbox, session = self.outbox, self._session
        if outbox.paused or outbox.queued or session.close_sent or self._lost:
            return self._send_late((message, binary), len(message))
        if session.plain:
            # Session.encode(), and below Outbox.send(), spelled out for what is sent most.
            data = message.encode() if isinstance(message, str) else message
            if (size := len(data)) < 126:
                frame = (BINARY_HEADS if binary else TEXT_HEADS)[size] + data
                if outbox.write is None or outbox.holding:
                    outbox.send(frame)
                else:
                    outbox.write(frame)
                return outbox.drained() if outbox.paused or outbox.queued else DONE
        outbox.send(session.encode(message, binary))
        return outbox.drained() if outbox.paused or outbox.queued else DONE

    def send_prepared(self, message: PreparedMessage) -> Settled | Waiter:
        """As `send`, for a message that goes to many; server only."""
        outbox, session = self.outbox, self._session
        if outbox.paused or outbox.queued or session.close_sent or self._lost:
            return self._send_late(message, len(message.data))
        if session.plain and message.short and not outbox.holding and outbox.write is not None:
            outbox.write(message.frame)
        else:
            outbox.send(message.frame_for(session))
        return outbox.drained() if outbox.paused or outbox.queued else DONE

    # -- inside

    def _encoded(self, message: Outgoing) -> bytes:
        if isinstance(message, PreparedMessage):
            return message.frame_for(self._session)
        return self._session.encode(*message)

    def _send_late(self, message: Outgoing, size: int) -> Settled | Waiter:
        """Send to a peer that does not read fast enough, or not any more."""
        if self._overflowed:
            return GONE  # who sends to many should not have to deal with one
        if self.closing:
            raise WebSocketClosedError
        settings, outbox = self._settings, self.outbox
        if settings.write_buffer_policy == "drop_oldest":
            self._hold(message, size)
        elif outbox.queued > settings.hard_limit:
            self._overflowed = True
            _log.warn(
                "WebSocket closed: {queued} bytes wait for a peer that does not read",
                queued=outbox.queued,
            )
            self.close(1013, "too slow")
            return GONE
        else:
            outbox.send(self._encoded(message))
        return outbox.drained()

    def _hold(self, message: Outgoing, size: int) -> None:
        """Keep a message until the peer has taken what is on its way.

        It is compressed then: a message that has been compressed cannot be dropped.
        """
        if isinstance(message, tuple) and isinstance(message[0], str):
            data = message[0].encode("utf-8")  # what cannot be, the caller is to hear of
            message, size = (data, message[1]), len(data)
        if self._held is None:
            self._held = Backlog(self._settings.write_buffer_limit)
        self._held.add(message, size)
        self.dropped = self._held.dropped

    def _send_held(self) -> None:
        """The peer has caught up: send it what has waited."""
        outbox = self.outbox
        if self.closing:
            return
        if self._pong is not None:
            pong, self._pong = self._pong, None
            outbox.send(self._session.pong(pong))
        while self._held and outbox.clear:
            outbox.send(self._encoded(self._held.take()))

    def _send_all_held(self) -> None:
        """Before a close frame, ready or not."""
        held, self._held = self._held, None
        while held:
            self.outbox.send(self._encoded(held.take()))

    def _answer(self, data: bytes) -> None:
        """Answer a ping; of those that a slow peer sends only the last (RFC 6455 section 5.5.3)."""
        if self._session.close_sent:
            return
        if self.outbox.clear:
            self.outbox.send(self._session.pong(data))
        else:
            self._pong = data
