"""`Memory`: what bytes of peers mean, for those that come again."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Memory"]

T = TypeVar("T")


class Memory(Generic[T]):
    """Remembers the meaning of bytes that have come twice lately.

    What comes once costs next to nothing, and does not take the place of what comes again.  All is
    forgotten when it is full: peers choose what they send.

    Attributes:
        known: what is remembered.
    """

    __slots__ = ("_longest", "_most", "_seen", "known")

    def __init__(self, most: int, longest: int) -> None:
        """Remember at most `most` things of at most `longest` bytes."""
        self._most = most
        self._longest = longest
        self._seen: set[int] = set()
        self.known: dict[bytes, T] = {}

    def keep(self, data: bytes, meaning: T) -> None:
        """`data` has come and is not known: remember what it means if it is the second time."""
        if len(data) > self._longest:
            return
        mark = hash(data)
        if mark not in self._seen:
            if len(self._seen) >= 4 * self._most:
                self._seen.clear()
            self._seen.add(mark)
            return
        if len(self.known) >= self._most:
            self.known.clear()
        self.known[data] = meaning
