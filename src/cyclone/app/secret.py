"""Secrets that sign cookies."""

from __future__ import annotations

import secrets

__all__ = ["cookie_secret"]


def cookie_secret() -> str:
    """A new value for the setting ``cookie_secret``: 256 random bits, as 43 letters of base64url.

    It needs no quotes in a shell, an INI file or a URL.
    """
    return secrets.token_urlsafe(32)
