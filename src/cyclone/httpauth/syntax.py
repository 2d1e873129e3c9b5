"""The Authorization field, challenges, and lists of parameters (RFC 9110 section 11).  Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

__all__ = [
    "Credentials",
    "MalformedCredentials",
    "decode_text",
    "extended_value",
    "format_parameters",
    "parse_authorization",
    "quoted",
]

_SCHEME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*")
# One parameter and what may follow it; the alternatives begin differently, so nothing is tried
# twice.  RFC 9110 section 5.6.1: empty elements of a list are read over.
_PARAMETER = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*"
    r'(?:([!#$%&\'*+.^_`|~0-9A-Za-z-]+)|"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t\x20-\x7e\x80-\xff])*)")'
    r"[ \t]*(?:(?:,[ \t]*)+|\Z)"
)
_SEPARATORS = re.compile(r"(?:,[ \t]*)*")
_QUOTED_PAIR = re.compile(r"\\(.)")
# RFC 8187: charset'language'value
_EXTENDED = re.compile(r"UTF-8'[A-Za-z0-9-]*'((?:[!#$&+.^_`|~0-9A-Za-z-]|%[0-9A-Fa-f]{2})*)", re.I)
#: More parameters than any scheme has.
_MOST_PARAMETERS = 32


class MalformedCredentials(ValueError):
    """The Authorization field cannot be understood; answered with 400."""


@dataclass(frozen=True)
class Credentials:
    """What an Authorization field says.

    Attributes:
        scheme: in lower case.
        token: the one word after it (token68), None when there are parameters.
        parameters: by name, in lower case; values without their quotes.
    """

    scheme: str
    token: str | None
    parameters: Mapping[str, str]


def parse_authorization(value: str) -> Credentials:
    """Read an Authorization field.  Takes linear time.

    Args:
        value: each character stands for a byte (Latin-1), as `HTTPHeaders` has them.

    Raises:
        MalformedCredentials: it does not follow the grammar, or names a parameter twice.
    """
    scheme, _, rest = value.strip(" \t").partition(" ")
    if not _SCHEME.fullmatch(scheme):
        raise MalformedCredentials("the Authorization field must begin with a scheme")
    rest = rest.strip(" \t")
    if _TOKEN68.fullmatch(rest):
        return Credentials(scheme.lower(), rest, {})
    return Credentials(scheme.lower(), None, _parameters(rest))


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    separators = _SEPARATORS.match(text)
    position = separators.end() if separators else 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None:
            raise MalformedCredentials("credentials must be a list of name=value")
        name = match[1].lower()
        if name in found:
            raise MalformedCredentials(f"the credentials have {name!r} twice")
        if len(found) >= _MOST_PARAMETERS:
            raise MalformedCredentials("the credentials have too many parameters")
        quoted_text = match[3]
        found[name] = match[2] if quoted_text is None else _QUOTED_PAIR.sub(r"\1", quoted_text)
        position = match.end()
    return found


def decode_text(value: str) -> str:
    """The text behind a value whose characters stand for bytes.

    UTF-8, as challenges ask for; what is not UTF-8 is taken for Latin-1, which clients sent before
    RFC 7617.
    """
    return _decode(value.encode("latin-1"))


def _decode(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def extended_value(value: str) -> str:
    """The text of an extended value such as ``UTF-8''J%C3%A4s%C3%B8n`` (RFC 8187).

    Raises:
        MalformedCredentials: it is none, or not in UTF-8.
    """
    match = _EXTENDED.fullmatch(value)
    if match is None:
        raise MalformedCredentials("username* must be of the form UTF-8''text")
    try:
        return unquote_to_bytes(match[1]).decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedCredentials("username* is not in UTF-8") from None


def quoted(text: str) -> str:
    """`text` as a quoted string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def format_parameters(parameters: Mapping[str, str]) -> str:
    """A list of parameters; values that are to be in quotes have them already."""
    return ", ".join(f"{name}={value}" for name, value in parameters.items())
