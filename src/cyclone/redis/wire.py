"""Reading replies, without a turn of the reactor for each piece of one."""

from __future__ import annotations

from typing import Any

from .library import txredisapi

__all__ = ["Reading"]


class Reading(txredisapi.LineReceiver):
    """What protocols of txredisapi need to read all that has arrived at once.

    A mixin, to be named first.  txredisapi by itself waits for the next turn of the reactor after
    each string, so that a list of a thousand takes a thousand turns.
    """

    _unread = b""
    _reading = False

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        """Some bytes of replies have come."""
        self._unread += data
        if self._reading:
            return
        self._reading = True
        try:
            self._read()
        finally:
            self._reading = False

    def _read(self) -> None:
        data, self._unread, at = self._unread, b"", 0
        while not self.paused and not self._leaving():
            if self.line_mode:
                end = data.find(b"\r\n", at)
                if end < 0:
                    if len(data) - at > self.MAX_LENGTH:
                        self.lineLengthExceeded(data[at:])
                        return
                    break
                line, at = data[at:end].decode("utf-8", "replace"), end + 2
                self.lineReceived(line)
                continue
            if self.bulk_length <= 0:
                self.transport.loseConnection()  # a length that makes no sense
                return
            piece = data[at : at + self.bulk_length]
            if not piece:
                break
            at += len(piece)
            self.rawDataReceived(piece)
        self._unread = data[at:] + self._unread

    def _leaving(self) -> bool:
        transport: Any = self.transport
        return transport is None or bool(getattr(transport, "disconnecting", False))

    def setLineMode(self, extra: bytes = b"") -> None:
        """The string is whole: what follows are lines."""
        self.line_mode = 1

    def clearLineBuffer(self) -> bytes:
        """What has been received and not been read, which is forgotten."""
        unread, self._unread = self._unread, b""
        return unread
