"""What a session consists of, and how it is written down.  Pure."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Changes",
    "Record",
    "SessionTooLarge",
    "changes_between",
    "is_session_id",
    "make_session_id",
    "store_key",
]

#: Bytes of randomness in a session's id.
_ID_BYTES = 32
_ID_LENGTH = 43  # of 32 bytes in base64 without padding
_ID_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class SessionTooLarge(ValueError):
    """A session holds more than the setting ``max_size`` allows, or than a cookie can hold."""


def make_session_id() -> str:
    """A new id, which nobody can guess."""
    return secrets.token_urlsafe(_ID_BYTES)


def is_session_id(text: str) -> bool:
    """Whether it has the form of one."""
    return len(text) == _ID_LENGTH and _ID_CHARACTERS.issuperset(text)


def store_key(session_id: str) -> str:
    """What a session is kept under: who can read the store cannot use the sessions in it."""
    return hashlib.sha256(session_id.encode("ascii")).hexdigest()


@dataclass
class Record:
    """A session as it is kept.

    Attributes:
        created: when its user began it, in seconds since the epoch; rotation does not change it.
        seen: when it was last used, give or take.
        owner: whose it is, None before somebody has logged in.
        data: what the application has put into it; JSON.
        revision: counts what was saved.
    """

    created: float
    seen: float
    owner: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    revision: int = 0

    def encode(self) -> str:
        """The record as text.

        Raises:
            TypeError: a value is not of JSON.
        """
        parts = [self.revision, round(self.created, 3), round(self.seen, 3), self.owner]
        return _dumps([*parts, self.data])

    @classmethod
    def decode(cls, text: str) -> Record | None:
        """The record that was written so, None for anything else."""
        try:
            revision, created, seen, owner, data = json.loads(text)
            record = cls(float(created), float(seen), owner, dict(data), int(revision))
        except (ValueError, TypeError, RecursionError):
            return None
        return record if owner is None or isinstance(owner, str) else None

    def is_live(self, now: float, idle: float | None, lifetime: float | None) -> bool:
        """Whether it has not expired."""
        return (idle is None or now < self.seen + idle) and (
            lifetime is None or now < self.created + lifetime
        )

    def remaining(self, now: float, idle: float | None, lifetime: float | None) -> float | None:
        """Seconds until it expires if it is used no more, None for never."""
        ends = [idle] if idle is not None else []
        if lifetime is not None:
            ends.append(self.created + lifetime - now)
        return min(ends) if ends else None

    def snapshot(self) -> dict[str, str]:
        """Its data by key, each value as text, to find out later what has changed.

        Raises:
            TypeError: a key is not text, or a value is not of JSON; says which.
        """
        texts = {}
        for key, value in self.data.items():
            if not isinstance(key, str):
                raise TypeError(f"keys of a session are text, not {key!r}")
            try:
                texts[key] = _dumps(value)
            except (TypeError, ValueError, RecursionError) as error:
                raise TypeError(f"session[{key!r}] cannot be kept as JSON: {error}") from None
        return texts


@dataclass(frozen=True)
class Changes:
    """What a request has changed in the data of a session."""

    assigned: Mapping[str, Any]
    removed: Iterable[str]

    def __bool__(self) -> bool:
        return bool(self.assigned or self.removed)

    def apply(self, data: dict[str, Any]) -> None:
        """Change other data likewise."""
        for key in self.removed:
            data.pop(key, None)
        data.update(self.assigned)


def changes_between(before: Mapping[str, str], record: Record) -> Changes:
    """What has changed since a snapshot.

    Raises:
        TypeError: see `Record.snapshot`.
    """
    after = record.snapshot()
    assigned = {key: record.data[key] for key, text in after.items() if before.get(key) != text}
    return Changes(assigned, [key for key in before if key not in after])


def _dumps(value: Any) -> str:
    # ASCII, so that it does not matter which characters a store can hold.
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
