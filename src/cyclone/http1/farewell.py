"""The end of a connection over TLS.

One that is closed waits for the peer to say that it is done, too. Some never do: a program that
sleeps on a connection of its pool, a machine that is gone. When all else that was sent has been
taken, nothing but that word is missing, and the connection may end below TLS.
"""

from __future__ import annotations

from typing import Any

from .progress import progress, waiting

__all__ = ["LOOK", "Farewell"]

#: Seconds between two looks; in between the reactor has asked the poller.
LOOK = 0.5
#: The length of our own last word, at most, in bytes. The system goes on with that by itself, even
#: if the peer's machine is gone.
_LAST_WORD = 128


class Farewell:
    """Finds out whether a peer that was left has taken everything."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._seen: int | None = None

    def is_over(self) -> bool | None:
        """Whether nothing has moved since the last look, and no part of a response waits.

        What the transport itself still holds cannot be seen, but would have gone on in between.

        Returns:
            None where it cannot be told.
        """
        before, self._seen = self._seen, progress(self._transport)
        left = waiting(self._transport)
        if self._seen is None or left is None:
            return None
        return self._seen == before and left <= _LAST_WORD

    def hang_up(self) -> None:
        """End the connection below TLS, in good order: a peer that wakes up can read the rest."""
        transport = self._transport
        if hasattr(transport, "endConnection"):  # of `cyclone.uvloopreactor`
            transport.endConnection()
        else:
            transport.transport.loseConnection()
