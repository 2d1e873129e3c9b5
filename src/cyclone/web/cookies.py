"""Writing ``Set-Cookie``.

RFC 6265, section 4.1, with SameSite and Partitioned; the order of attributes and the quoting of
values are those of `http.cookies`, which Tornado and cyclone 1.x use. Pure. Reading cookies is
the business of `cyclone.httputil`, signing them of a module of its own.

Nothing that an application puts into a cookie can end the attribute it was meant for: names,
attributes and values are checked here, once, whatever spelling they came in by.
"""

from __future__ import annotations

import datetime
import http.cookies
import re
import time
from collections.abc import Callable
from typing import Any

from cyclone.httputil import format_timestamp

Expires = float | tuple[int, ...] | time.struct_time | datetime.datetime | None
"""When a cookie ends: seconds since the epoch, a UTC time tuple, or a datetime (naive: UTC)."""

_DAY = 86400.0

# RFC 6265: cookie-name = token. http.cookies takes the colon, too, and such text as a value
# without quotes.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~:0-9A-Za-z-]+")
# Attribute values: any CHAR except CTLs and ";". No space either, as in Tornado.
_ATTRIBUTE = re.compile(r"[\x21-\x3a\x3c-\x7e]+")
# Values may be quoted, so more can stand in them; spaces are refused as in Tornado. Text above
# Latin-1 has no place in a header field.
_FORBIDDEN_IN_VALUE = re.compile(r"[^\x21-\xff]")
# What needs an escape between quotes.
_ESCAPED = re.compile(r"[^!#$%&'*+.^_`|~:0-9A-Za-z()/<=>?@\[\]{}-]")

_ATTRIBUTES = {
    # In this order, which is the alphabetical one of http.cookies, and in its spelling.
    "comment": "Comment",
    "domain": "Domain",
    "expires": "expires",
    "httponly": "HttpOnly",
    "max-age": "Max-Age",
    "partitioned": "Partitioned",
    "path": "Path",
    "samesite": "SameSite",
    "secure": "Secure",
    "version": "Version",
}


class CookieError(http.cookies.CookieError, ValueError):
    """A cookie cannot be sent as it was given (`http.cookies.CookieError` in Tornado)."""


def make_set_cookie(
    name: str | bytes,
    value: str | bytes,
    domain: str | None = None,
    expires: Expires = None,
    path: str | None = "/",
    expires_days: float | None = None,
    *,
    max_age: int | None = None,
    httponly: bool = False,
    secure: bool = False,
    samesite: str | None = None,
    partitioned: bool = False,
    now: float | None = None,
    **attributes: Any,
) -> str:
    """Return the value of a ``Set-Cookie`` header field.

    ``expires_days`` counts from ``now`` (seconds since the epoch, the clock by default) and is
    used only without ``expires``; ``max_age`` is in seconds. ``attributes`` takes the same ones
    in any mixture of cases, as Tornado does, and wins over the arguments: they go through the
    same checks. Attributes that are None or empty are left out.

    Raises `CookieError`, which is a ValueError too, for a name that is no token or is the name
    of an attribute, for a value with control characters, spaces or text outside Latin-1, for
    attributes with control characters, spaces, semicolons or text outside ASCII, for a
    ``max_age`` that is no whole number and for unknown attributes.
    """
    name, value = _text(name), _text(value)
    if not expires and expires_days is not None:
        expires = (time.time() if now is None else now) + expires_days * _DAY
    given: dict[str, tuple[str, Any]] = {
        "domain": ("domain", domain),
        "expires": ("expires", expires),
        "httponly": ("httponly", httponly),
        "max-age": ("max_age", max_age),
        "partitioned": ("partitioned", partitioned),
        "path": ("path", path),
        "samesite": ("samesite", samesite),
        "secure": ("secure", secure),
    }
    for spelling, attribute in attributes.items():
        given[spelling.lower().replace("_", "-")] = (spelling, attribute)
    parts = [f"{_checked_name(name)}={quote_value(value)}"]
    for canonical, label in _ATTRIBUTES.items():
        spelling, attribute = given.pop(canonical, ("", None))
        text = _RENDERERS.get(canonical, _rendered_text)(spelling, attribute)
        if text is not None:
            parts.append(f"{label}={text}" if text else label)
    for spelling, attribute in given.values():
        raise CookieError(f"Invalid cookie attribute {spelling}={attribute!r}: unknown")
    return "; ".join(parts)


def make_clear_cookie(
    name: str | bytes,
    path: str | None = "/",
    domain: str | None = None,
    *,
    now: float | None = None,
    **attributes: Any,
) -> str:
    """Return the value of a ``Set-Cookie`` header field that makes a browser drop a cookie.

    ``path`` and ``domain`` must be those the cookie was set with; some browsers also want its
    other attributes, which are passed on to `make_set_cookie`. Raises TypeError for ``expires``
    and ``max_age``, whose values are given by the purpose.
    """
    for spelling in attributes:
        if spelling.lower().replace("_", "-") in ("expires", "max-age"):
            raise TypeError(f"clear_cookie() got an unexpected keyword argument {spelling!r}")
    a_year_ago = (time.time() if now is None else now) - 365 * _DAY
    return make_set_cookie(name, "", domain, a_year_ago, path, **attributes)


def quote_value(value: str) -> str:
    """Return a cookie value as it stands in the header, in quotes when it needs them.

    Quotes, backslashes, separators and text above ASCII are escaped as `http.cookies` does.
    Raises `CookieError` for control characters, spaces and text outside Latin-1.
    """
    if _TOKEN.fullmatch(value):
        return value
    if _FORBIDDEN_IN_VALUE.search(value):
        # The value is not shown: it may be a secret on its way into a log.
        raise CookieError("Invalid cookie value: control characters, spaces or non-Latin-1 text")
    return f'"{_ESCAPED.sub(_escape, value)}"'


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return f"\\{character}" if character in '"\\' else f"\\{ord(character):03o}"


def _text(value: str | bytes) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else value


def _checked_name(name: str) -> str:
    if not _TOKEN.fullmatch(name) or name.lower() in _ATTRIBUTES:
        raise CookieError(f"Invalid cookie attribute name={name!r}")
    return name


# Each renderer gives the text behind "=", "" for an attribute without value, None for none.


def _rendered_text(spelling: str, attribute: Any) -> str | None:
    if attribute is None or attribute == "":
        return None
    text = str(attribute)
    if not _ATTRIBUTE.fullmatch(text):
        raise CookieError(f"Invalid cookie attribute {spelling}={text!r}")
    return text


def _rendered_flag(spelling: str, attribute: Any) -> str | None:
    return "" if attribute else None


def _rendered_age(spelling: str, attribute: Any) -> str | None:
    if attribute is None:
        return None
    try:
        return str(int(attribute))
    except (TypeError, ValueError, OverflowError):
        raise CookieError(f"Invalid cookie attribute {spelling}={attribute!r}") from None


def _rendered_date(spelling: str, attribute: Any) -> str | None:
    return format_timestamp(attribute) if attribute else None


_RENDERERS: dict[str, Callable[[str, Any], str | None]] = {
    "expires": _rendered_date,
    "httponly": _rendered_flag,
    "max-age": _rendered_age,
    "partitioned": _rendered_flag,
    "secure": _rendered_flag,
}
