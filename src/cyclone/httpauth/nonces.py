"""Nonces of Digest: made and recognised without being kept, and counted against replay."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["NonceCounts", "NonceState", "Nonces"]

_STAMP = struct.Struct(">Q")
_RANDOM = 8
_MAC = 16
_SIZE = _STAMP.size + _RANDOM + _MAC


@dataclass(frozen=True)
class NonceState:
    """What is to be said of a nonce.

    Attributes:
        ours: it was made with the secret.
        issued: when, in microseconds since the epoch.
        age: in seconds.
        fresh: it is ours, and not too old.
    """

    ours: bool
    issued: int
    age: float
    fresh: bool


class Nonces:
    """Makes nonces and recognises them: a time, some random bytes, and an HMAC over both.

    Args:
        secret: whoever has it recognises the nonces of all who have it.
        lifetime: seconds for which a nonce is good.
        clock: tells the seconds since the epoch.
    """

    def __init__(self, secret: bytes, lifetime: float, clock: Callable[[], float]) -> None:
        self._secret = secret
        self.lifetime = lifetime
        self._clock = clock

    def now(self) -> int:
        """The time in microseconds since the epoch."""
        return int(self._clock() * 1_000_000)

    def make(self, realm: str) -> str:
        """A nonce for a realm."""
        head = _STAMP.pack(self.now()) + os.urandom(_RANDOM)
        return base64.urlsafe_b64encode(head + self._mac(head, realm)).decode("ascii")

    def opaque(self, realm: str) -> str:
        """What clients are to send back beside the nonce."""
        return hmac.digest(self._secret, b"opaque:" + realm.encode(), "sha256")[:_MAC].hex()

    def look_at(self, nonce: str, realm: str) -> NonceState:
        """What is to be said of a nonce that came back."""
        raw = _decoded(nonce)
        if len(raw) != _SIZE:
            return NonceState(False, 0, 0, False)
        head, mac = raw[:-_MAC], raw[-_MAC:]
        issued = _STAMP.unpack_from(head)[0]
        age = (self.now() - issued) / 1_000_000
        ours = hmac.compare_digest(mac, self._mac(head, realm))
        # A worker's clock may be behind that of the one that made it, but not by that much.
        return NonceState(ours, issued, age, ours and abs(age) <= self.lifetime)

    def _mac(self, head: bytes, realm: str) -> bytes:
        message = b"nonce:" + head + realm.encode("utf-8", "surrogatepass")
        return hmac.digest(self._secret, message, "sha256")[:_MAC]


def _decoded(nonce: str) -> bytes:
    """The bytes of a nonce; none if it is not written as we write it: it must have one name."""
    try:
        raw = base64.urlsafe_b64decode(nonce.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        return b""
    return raw if base64.urlsafe_b64encode(raw).decode("ascii") == nonce else b""


class CountsUses(Protocol):
    """What remembers which counts of a nonce have been used; see `NonceCounts`."""

    def use(self, nonce: str, issued: int, count: int, lifetime: float) -> Any: ...


class _Uses:
    """The counts of one nonce: the highest, and a bit for each of those just below it."""

    __slots__ = ("bits", "cnonce", "ended", "highest", "issued")

    def __init__(self, issued: int, cnonce: str) -> None:
        self.issued = issued
        self.cnonce = cnonce
        self.highest = 0
        self.bits = 0
        self.ended = False

    def use(self, count: int, window: int) -> bool:
        ahead = count - self.highest
        if ahead > 0:
            self.bits = ((self.bits << ahead) | 1) & ((1 << window) - 1) if ahead < window else 1
            self.highest = count
            return True
        if -ahead >= window:  # before the shift, which would take as much memory as it says
            return False
        bit = 1 << -ahead
        if self.bits & bit:
            return False
        self.bits |= bit
        return True


class NonceCounts:
    """Remembers, in this process, which counts (``nc``) of which nonces have been used.

    A browser's requests may overtake each other, so counts may come in any order as long as they
    are not too far behind the highest.  Nonces are remembered once a request with right credentials
    has used them.  When there are too many, the one that was used first is forgotten, and with it
    every unknown nonce that is not newer: such a nonce is stale from then on, and no request can be
    repeated.  What was issued before this object was made is stale for the same reason.

    Args:
        max_nonces: that are remembered; about 500 bytes each.
        window: counts below the highest that may still come.
        started: microseconds since the epoch; older nonces are not accepted.

    Raises:
        ValueError: a number is too small.
    """

    def __init__(self, max_nonces: int = 10_000, window: int = 256, started: int = 0) -> None:
        if max_nonces < 1 or window < 1:
            raise ValueError("max_nonces and window must be at least 1")
        self._max = max_nonces
        self._window = window
        self._oldest = started - 1
        self._uses: dict[str, _Uses] = {}

    def __len__(self) -> int:
        return len(self._uses)

    def session_cnonce(self, nonce: str) -> str | None:
        """The cnonce of the first request with `nonce`, None if there was none."""
        uses = self._uses.get(nonce)
        return None if uses is None else uses.cnonce

    def end(self, nonce: str) -> None:
        """Whoever uses `nonce` has logged out."""
        uses = self._uses.get(nonce)
        if uses is not None:
            uses.ended = True

    def has_ended(self, nonce: str) -> bool:
        """Whether they have; True for as long as the nonce is remembered."""
        uses = self._uses.get(nonce)
        return uses is not None and uses.ended

    def start(self, nonce: str, issued: int, cnonce: str) -> None:
        """A request with right credentials has come for `nonce`."""
        if nonce in self._uses or issued <= self._oldest:
            return
        while len(self._uses) >= self._max:
            first = next(iter(self._uses))
            self._oldest = max(self._oldest, self._uses.pop(first).issued)
        if issued > self._oldest:
            self._uses[nonce] = _Uses(issued, cnonce)

    def use(self, nonce: str, issued: int, count: int, lifetime: float) -> bool:
        """Mark a count of a nonce as used; False if it was already, or may have been.

        Args:
            issued: when the nonce was made, in microseconds since the epoch.
            lifetime: seconds for which the nonce is good, from then on.
        """
        uses = self._uses.get(nonce)
        return uses is not None and uses.use(count, self._window)
