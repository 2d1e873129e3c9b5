"""User names and passwords for HTTP authentication."""

from __future__ import annotations

from unicodedata import normalize

__all__ = ["encode_username_password"]


def encode_username_password(username: str | bytes, password: str | bytes) -> bytes:
    """Return ``username:password`` as Basic authentication encodes it (RFC 7617 section 2.1).

    Text is brought to normalization form C and encoded as UTF-8; bytes are taken as they are.
    """
    return b":".join(
        normalize("NFC", part).encode() if isinstance(part, str) else part
        for part in (username, password)
    )
