"""The Cookie field of requests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http.cookies import SimpleCookie
from typing import ClassVar

__all__ = ["RequestCookie", "parse_cookie", "parse_request_cookies"]

# What http.cookies writes inside a quoted value: octal numbers and escaped characters.
_QUOTED_PAIR = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))")
# RFC 6265 section 4.1.1 wants a token; Python has always allowed colons too.
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z:]+")
_OWS = " \t"


def parse_cookie(cookie: str) -> dict[str, str]:
    """Return the names and values in a Cookie field.

    Like browsers, and unlike the RFCs, this takes every ``;`` for the end of a cookie, in quotes
    too, what has no ``=`` for a value without a name, and the last of several cookies of one name.
    Quotes and backslashes as `http.cookies` writes them are removed.  Takes linear time.
    """
    found: dict[str, str] = {}
    for chunk in cookie.split(";"):
        name, equals, value = chunk.partition("=")
        if equals:
            name = name.strip(_OWS)
            value = value.strip(_OWS)
        else:
            name, value = "", name.strip(_OWS)
        if name or value:
            found[name] = _unquoted(value) if value[:1] == '"' else value
    return found


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[-1] != '"':
        return value
    inner = value[1:-1]
    return _QUOTED_PAIR.sub(_unescaped, inner) if "\\" in inner else inner


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 8)) if match[1] else match[2]


class RequestCookie:
    """A received cookie, with the attributes that `http.cookies.Morsel` has.

    Attributes:
        key: its name.
        value: its value.

    As a mapping it has all attributes that cookies can be set with (``path``, ``domain``...),
    always empty, since clients do not send them.
    """

    __slots__ = ("key", "value")

    _attributes: ClassVar[frozenset[str]] = frozenset(
        {
            "comment",
            "domain",
            "expires",
            "httponly",
            "max-age",
            "partitioned",
            "path",
            "samesite",
            "secure",
            "version",
        }
    )

    def __init__(self, key: str, value: str) -> None:
        self.key = key
        self.value = value

    @property
    def coded_value(self) -> str:
        """The value as Set-Cookie would have it, quoted if it needs to be."""
        return SimpleCookie().value_encode(self.value)[1]

    def OutputString(self) -> str:
        """Return ``name=value``, quoted if it needs to be."""
        return f"{self.key}={self.coded_value}"

    def __getitem__(self, attribute: str) -> str:
        if attribute.lower() in self._attributes:
            return ""
        raise KeyError(attribute)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RequestCookie):
            return NotImplemented
        return self.key == other.key and self.value == other.value

    def __hash__(self) -> int:
        return hash((self.key, self.value))

    def __repr__(self) -> str:
        return f"<RequestCookie: {self.key}>"


def parse_request_cookies(fields: Iterable[str]) -> dict[str, RequestCookie]:
    """Return the cookies of a request by their names.

    Args:
        fields: the values of its Cookie fields; there should be one at most.

    Cookies whose names could not be set by a server are left out, as `http.cookies` does.
    """
    valid = _NAME.fullmatch
    return {
        name: RequestCookie(name, value)
        for name, value in parse_cookie("; ".join(fields)).items()
        # The first two are quicker than the pattern, and most names satisfy them.
        if (name.isidentifier() and name.isascii()) or valid(name)
    }
