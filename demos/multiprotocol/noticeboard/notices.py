"""The notices: what all protocols share."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

__all__ = ["LONGEST", "Notices"]

LONGEST = 500
LONGEST_NAME = 40
MOST = 50


class Notices:
    """The last notices.

    Args:
        now: seconds since 1970.

    Attributes:
        listeners: called with each new notice.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._kept: deque[dict[str, Any]] = deque(maxlen=MOST)
        self.listeners: list[Callable[[dict[str, Any]], Any]] = []

    def __iter__(self) -> Any:
        return iter(self._kept)

    def post(self, text: str, name: str, by: str) -> dict[str, Any]:
        """Add one.

        Args:
            text: what it says.
            name: who says it.
            by: the protocol that it came by.

        Raises:
            ValueError: it says nothing, or too much.
        """
        text = "".join(each for each in text if each.isprintable() or each == "\n").strip()
        name = " ".join("".join(each for each in name if each.isprintable()).split())
        if not text or len(text) > LONGEST:
            raise ValueError(f"a notice has 1 to {LONGEST} characters")
        name = name[:LONGEST_NAME] or "somebody"
        notice = {"text": text, "name": name, "by": by, "time": self._now()}
        self._kept.append(notice)
        for listener in self.listeners:
            listener(notice)
        return notice
