"""Text of arguments: groups of the path, fields of query and form.  Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cyclone.escape import utf8

__all__ = ["clean", "decoded_path"]

# Characters that have no place in text; tab, line feed, form feed and carriage return have.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")


def clean(text: str, strip: bool) -> str:
    """`text` with control characters made spaces and, if `strip`, without spaces around it.

    What a handler's own ``decode_argument`` has left as bytes is stripped only (Tornado).
    """
    if isinstance(text, str) and not text.isprintable():
        text = _CONTROL.sub(" ", text)
    return text.strip() if strip else text


def decoded_path(
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    decode: Callable[..., str],
    every: bool,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a route's groups matched, as text.

    Args:
        decode: takes the bytes, and the name of a named group.
        every: decode what is text already, too: `decode` does not expect UTF-8.  Else only
            bytes, which are what was not UTF-8.
    """

    def text(value: Any, **name: str) -> Any:
        if type(value) is bytes or (every and value is not None):
            return decode(utf8(value), **name)
        return value

    return tuple([text(value) for value in args]), {
        name: text(value, name=name) for name, value in kwargs.items()
    }
