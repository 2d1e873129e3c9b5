"""The id of the request that the running code belongs to, for the lines of the log.

It is kept in a context variable: each request runs in a context of its own, which coroutines keep
while they wait, so `current_request_id` is right after an ``await``, too.
"""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

__all__ = ["current_request_id", "enter_request", "is_request_id", "new_request_id"]

#: UUIDs, ULIDs, trace ids, base64, the ids of Amazon's and Google's balancers ("Root=1-67..;..").
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~+/=:;,@-]{0,127}")

_current: ContextVar[str] = ContextVar("cyclone.request_id", default="")


def current_request_id() -> str:
    """The id of the request that the running code belongs to, "" outside of one.

    Requests have ids in applications with the setting ``request_id``.
    """
    return _current.get()


def enter_request(request_id: str) -> None:
    """Have what runs in the current context belong to this request."""
    _current.set(request_id)


def is_request_id(text: str) -> bool:
    """Whether `text` may be an id: 1 to 128 letters, digits and ``._~+/=:;,@-``."""
    return _WELL_FORMED.fullmatch(text) is not None


def new_request_id() -> str:
    """An id that nothing else has: 32 hexadecimal digits."""
    return secrets.token_hex(16)
