"""The pipe by which a supervisor speaks to a worker, at the worker's end."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any

from twisted.internet.abstract import FileDescriptor

from .child import split_lines

__all__ = ["Control"]


class Control(FileDescriptor):
    """Lines of JSON, each a message; the end of the pipe is the end of the supervisor.

    Args:
        descriptor: the pipe.
        on_message: called with each message.
        on_end: called when the supervisor is gone.
    """

    def __init__(
        self,
        reactor: Any,
        descriptor: int,
        on_message: Callable[[dict[str, Any]], object],
        on_end: Callable[[], object],
    ) -> None:
        super().__init__(reactor)
        self._descriptor = descriptor
        self._on_message = on_message
        self._on_end = on_end
        self._received = b""
        os.set_blocking(descriptor, False)

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def doRead(self) -> None:
        """Take what has come."""
        try:
            data = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return
        if data:
            self.take(data)
        else:
            self.stopReading()  # type: ignore[no-untyped-call]
            self._on_end()

    def take(self, data: bytes) -> None:
        """Take a piece of the stream of messages."""
        lines, self._received = split_lines(self._received, data)
        for line in lines:
            self._on_message(json.loads(line))

    def connectionLost(self, reason: Any = None) -> None:
        """The reactor stops; or the pipe has ended, which some pollers say in this way alone."""
        with contextlib.suppress(BlockingIOError):
            if not os.read(self._descriptor, 1):
                self._on_end()
