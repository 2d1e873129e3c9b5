"""The transport as handlers get it: the connection's own, with room for a producer of theirs.

A transport has one producer, and that is the connection's `Outbox`.  Old applications register
theirs on ``request.connection.transport`` (cyclone 1.x); it hears here what the outbox hears.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["SharedTransport"]


class SharedTransport:
    """Stands for a transport; all but writing, closing and producers goes to it."""

    def __init__(
        self,
        transport: Any,
        send: Callable[[bytes], Any],
        close: Callable[[], Any],
        call_soon: Callable[[Callable[[], None]], Any],
    ) -> None:
        """`send` takes what is written here, so that it keeps its place in the row; `close` ends
        the connection after it."""
        self._transport = transport
        self.write = send
        self.loseConnection = close
        self._call_soon = call_soon
        self._producer: Any = None
        self._streaming = True
        self._paused = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Write all pieces."""
        self.write(b"".join(data))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Have `producer` told when the peer reads slowly; pull it if it is not `streaming`.

        Raises:
            RuntimeError: there is one already.
        """
        if self._producer is not None:
            raise RuntimeError(f"Cannot register {producer!r}: {self._producer!r} is registered")
        self._producer = producer
        self._streaming = streaming
        if not streaming:
            self._call_soon(self._pull)
        elif self._paused:
            producer.pauseProducing()

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        self._producer = None

    def peer_changed(self, paused: bool) -> None:
        """The peer has stopped reading, or reads on."""
        if paused is self._paused:
            return
        self._paused = paused
        producer = self._producer
        if producer is None:
            return
        if not self._streaming:
            if not paused:
                self._call_soon(self._pull)
        elif paused:
            producer.pauseProducing()
        else:
            producer.resumeProducing()

    def lost(self) -> None:
        """The connection is lost, or in other hands."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()

    def _pull(self) -> None:
        """Ask a pull producer for more, as long as the peer takes it."""
        if self._producer is not None and not self._streaming and not self._paused:
            self._producer.resumeProducing()
            if self._producer is not None:
                self._call_soon(self._pull)
