"""What is kept of passwords: scrypt (RFC 7914), computed in threads.

The cost is written into each hash, so it can be raised without asking anybody for a new password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.threads import deferToThread

__all__ = ["Passwords", "hash_password", "is_password"]

#: log2(N), r and p: 16 MiB and about a fifth of a second.
COST = (14, 8, 5)

#: Each takes memory and a CPU. More wait for their turn.
_AT_ONCE = 2


def hash_password(password: str, cost: tuple[int, int, int] = COST) -> str:
    """Make what is kept of a password.  Takes time: for threads."""
    salt = secrets.token_bytes(16)
    key = _derive(password, salt, cost)
    return "$".join(["scrypt", *map(str, cost), _text(salt), _text(key)])


def is_password(password: str, kept: str) -> bool:
    """Whether `kept` was made of `password`.  Takes time: for threads.

    Raises:
        ValueError: `kept` is not from `hash_password`.
    """
    kind, log_n, r, p, salt, key = kept.split("$")
    if kind != "scrypt":
        raise ValueError(f"unknown kind of password hash {kind!r}")
    derived = _derive(password, base64.b64decode(salt), (int(log_n), int(r), int(p)))
    return hmac.compare_digest(derived, base64.b64decode(key))


def _derive(password: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    log_n, r, p = cost
    # The same letters can be composed in several ways, depending on the keyboard.
    text = unicodedata.normalize("NFKC", password).encode()
    memory = 128 * r * (2**log_n + p + 2) + 65536
    return hashlib.scrypt(text, salt=salt, n=2**log_n, r=r, p=p, maxmem=memory, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


class Passwords:
    """The same for the reactor's thread, which goes on meanwhile.

    Args:
        in_thread: runs a function elsewhere and returns a Deferred; tests run it on the spot.
    """

    def __init__(
        self,
        in_thread: Callable[..., Deferred[Any]] = deferToThread,
        cost: tuple[int, int, int] = COST,
    ) -> None:
        self._in_thread = in_thread
        self._cost = cost
        self._turns = DeferredSemaphore(_AT_ONCE)
        self._nobodys = hash_password(secrets.token_hex(), cost)

    def hash(self, password: str) -> Deferred[str]:
        """`hash_password`."""
        return self._turns.run(self._in_thread, hash_password, password, self._cost)

    def check(self, password: str, kept: str | None) -> Deferred[bool]:
        """`is_password`; with None for a user who does not exist it takes as long, and fails."""
        answer = self._turns.run(self._in_thread, is_password, password, kept or self._nobodys)
        return answer.addCallback(lambda right: right and kept is not None)
