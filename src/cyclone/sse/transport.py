"""The transport of a stream of events, as handlers of cyclone 1.x write to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["StreamTransport"]


class StreamTransport:
    """Stands for a transport; what is written becomes part of the response's body."""

    def __init__(self, transport: Any, send: Callable[[bytes], Any]) -> None:
        self._transport = transport
        self._send = send

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: str | bytes) -> None:
        """Send `data` as it is."""
        self._send(data.encode("utf-8") if isinstance(data, str) else data)

    def writeSequence(self, data: Iterable[str | bytes]) -> None:
        """Send all pieces."""
        for piece in data:
            self.write(piece)
