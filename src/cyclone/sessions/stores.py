"""Where sessions are kept: what every store can do, and the one in memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["MemoryStore", "SessionStore"]


class SessionStore(Protocol):
    """A store of sessions on the server.  Each method may be asynchronous.

    What is kept is text under a key; whose it is is kept beside it, so that somebody's sessions can
    be found.

    Attributes:
        synchronous: no method is asynchronous; sessions then need not be awaited.
    """

    synchronous: bool

    def load(self, key: str) -> Any:
        """The text under `key`, None if there is none."""

    def swap(
        self, key: str, old: str | None, new: str, ttl: float | None, owner: str | None
    ) -> Any:
        """Put `new` under `key` if `old` is there, or with None if nothing is.

        Returns:
            whether it did.

        Args:
            ttl: seconds after which it may be forgotten, None for never.
            owner: whose it is, None for nobody's.
        """

    def delete(self, key: str, owner: str | None) -> Any:
        """Forget what is under `key`."""

    def keys_of(self, owner: str) -> Any:
        """The keys of somebody's sessions, in any order; some may be there no more."""


class MemoryStore:
    """Sessions in the memory of this process: they end with it, and other workers do not see them.

    Args:
        max_sessions: that are kept; beyond it the one that was changed or touched longest ago is
            forgotten.
        clock: tells the time in seconds.

    Raises:
        ValueError: `max_sessions` is below 1.
    """

    synchronous = True

    def __init__(
        self, max_sessions: int = 100_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if max_sessions < 1:
            raise ValueError(f"max_sessions must be at least 1, not {max_sessions}")
        self._max = max_sessions
        self._clock = clock
        #: By key: the text, when it ends, and whose it is; what was changed last comes last.
        self._entries: OrderedDict[str, tuple[str, float | None, str | None]] = OrderedDict()
        self._by_owner: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def load(self, key: str) -> str | None:
        """See `SessionStore`."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        text, ends, owner = entry
        if ends is not None and ends <= self._clock():
            self.delete(key, owner)
            return None
        return text

    def swap(
        self, key: str, old: str | None, new: str, ttl: float | None, owner: str | None
    ) -> bool:
        """See `SessionStore`."""
        if self.load(key) != old:
            return False
        self._forget(key)
        self._make_room()
        self._entries[key] = (new, None if ttl is None else self._clock() + ttl, owner)
        if owner is not None:
            self._by_owner.setdefault(owner, set()).add(key)
        return True

    def delete(self, key: str, owner: str | None) -> None:
        """See `SessionStore`."""
        self._forget(key)

    def keys_of(self, owner: str) -> list[str]:
        """See `SessionStore`."""
        return [key for key in tuple(self._by_owner.get(owner, ())) if self.load(key) is not None]

    def _forget(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is None or entry[2] is None:
            return
        keys = self._by_owner[entry[2]]
        keys.discard(key)
        if not keys:
            del self._by_owner[entry[2]]

    def _make_room(self) -> None:
        """Forget some that have ended, and one that has not if there are still too many."""
        now = self._clock()
        for key in [key for key, _ in zip(self._entries, range(2), strict=False)]:
            ends = self._entries[key][1]
            if ends is not None and ends <= now:
                self._forget(key)
        while len(self._entries) >= self._max:
            self._forget(next(iter(self._entries)))
