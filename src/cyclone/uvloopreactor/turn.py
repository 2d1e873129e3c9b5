"""What all transports of a reactor share, and how what they have to say leaves.

What is written while the loop handles events is collected, and sent when it has handled them: one
send for each transport, however often its protocol wrote.  Sending later, after the events of all
connections, also wakes a peer once, with its whole answer, and not while others still wait.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop
from typing import TYPE_CHECKING, Any, Protocol

from twisted.python import log

if TYPE_CHECKING:
    from .connector import Attempt
    from .port import StreamPort
    from .transport import StreamTransport

__all__ = ["Hub", "Sender"]


class Sender(Protocol):
    """What has something to send at the end of a turn."""

    def flush(self) -> None:
        """Send it."""


class Hub:
    """The loop, and what is open on it.

    Attributes:
        waiting: who sends at the end of this turn of the loop.
        transports: the connections that are open.
        ports: what is listened at.
        attempts: connections that are asked for.
        nodelay: whether Nagle's algorithm is off for new connections; None if that is not known.
    """

    def __init__(self, reactor: Any, loop: AbstractEventLoop) -> None:
        self.reactor = reactor
        self.loop = loop
        self.waiting: list[Sender] = []
        self.transports: set[StreamTransport] = set()
        self.ports: set[StreamPort] = set()
        self.attempts: set[Attempt] = set()
        self.nodelay = True if type(loop).__module__.startswith("uvloop") else None
        self._call_soon = loop.call_soon

    def add(self, sender: Sender) -> None:
        """Have `sender` send at the end of the turn."""
        if not self.waiting:
            self.wake()
        self.waiting.append(sender)

    def wake(self) -> None:
        """Begin to collect: the loop is told once for all that will be waiting."""
        self._call_soon(self._send)

    def _send(self) -> None:
        waiting, self.waiting = self.waiting, []
        for sender in waiting:
            try:
                sender.flush()
            except Exception:  # one that fails must not keep the others waiting
                log.err(None, "Unhandled Error")
