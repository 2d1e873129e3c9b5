"""Codes and tokens: RFC 6749 section 4.1, with PKCE (RFC 7636).  No I/O."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from .people import Person

__all__ = ["Asked", "Grants", "Refused", "is_loopback"]

#: Seconds that a code and a token hold, and how many of each are kept.
CODE_LIFETIME = 60
TOKEN_LIFETIME = 3600
MOST = 1000


class Refused(Exception):
    """An error of RFC 6749: `args` are its code and a description."""


@dataclass(frozen=True)
class Asked:
    """What an application has asked a user for."""

    client_id: str
    redirect_uri: str
    scope: str = ""
    state: str = ""
    nonce: str = ""
    challenge: str = ""


@dataclass(frozen=True)
class Grant:
    """What a user has granted, until a time."""

    asked: Asked
    person: Person
    until: float


def is_loopback(url: str) -> bool:
    """Whether a redirect leads back to this machine (RFC 8252 section 7.3: at any port)."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - a bad one raises
    except ValueError:
        return False
    good = parts.scheme in ("http", "https") and parts.username is None and not parts.fragment
    plain = url.isascii() and url.isprintable() and not set(url) & set(' \\"<>;,')
    return good and plain and parts.hostname in ("127.0.0.1", "localhost", "::1")


class Grants:
    """What users have granted.

    Args:
        now: seconds of some clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._codes: dict[str, Grant] = {}
        self._tokens: dict[str, Grant] = {}

    def grant(self, asked: Asked, person: Person) -> str:
        """A code for the application."""
        return self._keep(self._codes, Grant(asked, person, self.now() + CODE_LIFETIME))

    def redeem(self, code: str, client_id: str, redirect_uri: str, verifier: str) -> Grant:
        """What a code stands for; it holds once, whatever becomes of it.

        Raises:
            Refused: it does not hold.
        """
        grant = self._codes.pop(code, None)
        if grant is None or grant.until < self.now():
            raise Refused("invalid_grant", "The code is unknown, spent or too old.")
        asked = grant.asked
        if (asked.client_id, asked.redirect_uri) != (client_id, redirect_uri):
            raise Refused("invalid_grant", "The code was made for another client or address.")
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = urlsafe_b64encode(digest).rstrip(b"=") if verifier else b""
        if not hmac.compare_digest(challenge, asked.challenge.encode()):
            raise Refused("invalid_grant", "The verifier does not belong to the challenge.")
        return grant

    def token(self, grant: Grant) -> str:
        """An access token."""
        until = self.now() + TOKEN_LIFETIME
        return self._keep(self._tokens, Grant(grant.asked, grant.person, until))

    def person_of(self, token: str) -> Person | None:
        """Whose token it is, None if it does not hold."""
        grant = self._tokens.get(token)
        return grant.person if grant is not None and grant.until >= self.now() else None

    @staticmethod
    def _keep(where: dict[str, Grant], grant: Grant) -> str:
        while len(where) >= MOST:
            del where[next(iter(where))]  # the oldest
        key = secrets.token_urlsafe(24)
        where[key] = grant
        return key
