"""The key that signs cookies: made at the first start, kept in a file only its owner reads."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

__all__ = ["cookie_secret"]

_BYTES = 32


def cookie_secret(directory: Path) -> str:
    """Read the key of a data directory; make one if there is none.

    Raises:
        OSError: the file cannot be read or written.
        ValueError: what it holds is no key.
    """
    path = directory / "cookie-secret"
    if not path.exists():
        _make(path)
    secret = path.read_text("ascii").strip()
    if len(secret) < _BYTES:
        raise ValueError(f"{path} holds no key; remove it, and all users have to log in again")
    return secret


def _make(path: Path) -> None:
    # Under another name first: who finds the file finds all of it, also when two start at once.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(_BYTES) + "\n")
        with contextlib.suppress(FileExistsError):  # another process was first: its key counts
            os.link(draft, path)
    finally:
        draft.unlink()
