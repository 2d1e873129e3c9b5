"""Is it this site's own page that makes the request? Two ways to tell, both Tornado's.

**Tokens**: a random secret stands in a cookie and in every form of ours. Another site can make a
browser send the cookie, but cannot read it, and so cannot put the secret into its form. Formats:

    1   the secret in hex (cyclone 1.x)
    2   2 | mask | secret XOR mask | seconds since the epoch, all but the last in hex

The mask is new each time: a secret that stands in the same bytes in every compressed page can be
found out from the lengths of the pages (BREACH).

**Headers** that browsers send and pages cannot forge: Sec-Fetch-Site and Origin.

Pure.
"""

from __future__ import annotations

import binascii
import hmac
import re
import secrets
import time
from collections.abc import Callable
from itertools import cycle
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = [
    "SAFE_METHODS",
    "HeaderGetter",
    "Token",
    "cross_origin_problem",
    "encode_token",
    "make_token",
    "parse_token",
    "same_secret",
]

HeaderGetter = Callable[[str], str | None]
"""Gives the value of a request header field, lines joined by ", ", or None."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, section 9.2.1), as far as requests are checked."""

_SECRET_SIZE = 16
_MASK_SIZE = 4
#: Longer texts are no tokens: a form may hold megabytes, and they are not worth unmasking.
_LONGEST = 512
_VERSION = re.compile(r"[1-9][0-9]*\|")
_VERSION_2 = re.compile(r"2\|([0-9a-fA-F]{8})\|((?:[0-9a-fA-F]{2})+)\|([0-9]{1,15})")


class Token(NamedTuple):
    """A token, decoded.

    ``version`` is the format it came in, None for a new one; ``timestamp`` is when it was made,
    in seconds since the epoch, which format 1 does not tell.
    """

    version: int | None
    secret: bytes
    timestamp: int


def make_token() -> Token:
    """Return a token that nobody can guess."""
    return Token(None, secrets.token_bytes(_SECRET_SIZE), int(time.time()))


def encode_token(token: Token, version: int) -> bytes:
    """Return the text of a token.

    Raises ValueError for versions other than 1 and 2.
    """
    if version == 1:
        return binascii.b2a_hex(token.secret)
    if version == 2:
        mask = secrets.token_bytes(_MASK_SIZE)
        masked = binascii.b2a_hex(_masked(token.secret, mask))
        return b"2|%b|%b|%d" % (binascii.b2a_hex(mask), masked, token.timestamp)
    raise ValueError(f"unknown xsrf cookie version {version!r}")


def parse_token(text: str) -> Token | None:
    """Read a token; None for one that is malformed, too long, or of a version not known.

    What is neither hex nor begins with a version stands for itself: very old applications made
    such tokens.
    """
    if not text or len(text) > _LONGEST:
        return None
    if _VERSION.match(text):
        found = _VERSION_2.fullmatch(text)
        if found is None:
            return None
        secret = _masked(bytes.fromhex(found[2]), bytes.fromhex(found[1]))
        return Token(2, secret, int(found[3]))
    encoded = text.encode("utf-8", "surrogatepass")
    try:
        secret = binascii.a2b_hex(encoded)
    except binascii.Error:
        secret = encoded
    return Token(1, secret, int(time.time()))


def same_secret(one: Token, other: Token) -> bool:
    """Tell whether two tokens hold the same secret, in a time that does not depend on it."""
    return hmac.compare_digest(one.secret, other.secret)


def cross_origin_problem(
    header: HeaderGetter, host: str | None, trusted: Callable[[str], bool]
) -> str | None:
    """Say why a request comes from a page of another site, None when it does not (Tornado).

    ``host`` is the host the request is for, with port; ``trusted`` is asked about origins of
    others. A request with neither header was not made by a browser of today.
    """
    site = header("Sec-Fetch-Site")
    if site in ("same-origin", "none"):  # "none": typed, or a bookmark
        return None
    origin = header("Origin")
    if site is None:
        # Old browsers, and those that talk to us without TLS.
        if origin is None or _is_of_host(origin, host) or trusted(origin):
            return None
        return f"Origin {origin!r} not allowed"
    if origin and trusted(origin):
        return None
    return f"Sec-Fetch-Site {site} and origin {origin!r} not allowed"


def _is_of_host(origin: str, host: str | None) -> bool:
    # Schemes are not compared: behind a proxy that is not set up to tell, all is http.
    try:
        authority = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(authority) and authority.lower() == (host or "").lower()


def _masked(data: bytes, mask: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(data, cycle(mask), strict=False))
