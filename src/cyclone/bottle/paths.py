"""Paths with typed parameters, as the regular expressions that routes are made of.

Pure: text goes in, a pattern and the converters of its groups come out.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

__all__ = ["CONVERTERS", "ParsedPath", "PathError", "parse_path"]

Converter = Callable[[str], Any]


#: The kinds of parameters: what their text looks like, and what becomes of it.  What looks right
#: can be converted.  The lengths are those of 64-bit numbers, since `int` refuses very long ones.
CONVERTERS: Mapping[str, tuple[str, Converter]] = {
    "str": (r"[^/]+", str),
    "int": (r"-?[0-9]{1,19}", int),
    "float": (r"-?[0-9]{1,19}(?:\.[0-9]{1,19})?", float),
    "path": (r".+", str),
    "uuid": (r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", uuid.UUID),
}

# `(?P<name>...)` of a regular expression is no parameter.
_PARAMETER = re.compile(r"(?<!\?P)(?<!\?)<([^<>/]*)>")
_NAME = re.compile(r"[^\W\d]\w*")
# With none of these in it, nor a parameter, a path is text (a dot stands for itself as well).
_EXPRESSION = re.compile(r"[\\\[\](){}*+?|^$]")
# What clients send as it is; the rest of a path (spaces, other alphabets) comes as UTF-8 in %.
_SENT_AS_IT_IS = "!#$%&'()*+,/:;=?@[\\]^|~"


class PathError(ValueError):
    """A path of a route that cannot be understood."""


class ParsedPath(NamedTuple):
    """A path as a regular expression, and what to do with the texts of its groups.

    Attributes:
        pattern: a regular expression for the whole path.
        converters: for each group that is converted, by its name.
    """

    pattern: str
    converters: Mapping[str, Converter]


def parse_path(path: str) -> ParsedPath:
    """Understand the path of a route.

    With parameters in it (``/user/<id:int>``) the rest of it is literal text; without, the whole
    is a regular expression, as in cyclone 1.x. The kinds of parameters are ``str`` (the default,
    up to the next slash), ``int``, ``float``, ``path`` (with slashes) and ``uuid``.

    Requests have spaces and letters beyond ASCII encoded; literal text is, too (``/größe`` becomes
    ``/gr%C3%B6%C3%9Fe``). In an expression they have to be written as requests have them.

    Raises:
        PathError: for a kind that does not exist, a name that is none or comes twice, or a path
            that does not begin with a slash.
    """
    parameters = list(_PARAMETER.finditer(path))
    if not parameters:
        _check_start(path, path.lstrip("^("))
        return ParsedPath(path if _EXPRESSION.search(path) else _as_sent(path), {})
    _check_start(path, path)
    pieces: list[str] = []
    converters: dict[str, Converter] = {}
    end = 0
    for found in parameters:
        name, kind = _name_and_kind(path, found[1])
        if name in converters:
            raise PathError(f"{path!r} has two parameters {name!r}")
        expression, converters[name] = CONVERTERS[kind]
        pieces += [_literal(path[end : found.start()]), f"(?P<{name}>{expression})"]
        end = found.end()
    pieces.append(_literal(path[end:]))
    return ParsedPath("".join(pieces), {n: c for n, c in converters.items() if c is not str})


def _as_sent(text: str) -> str:
    return quote(text, safe=_SENT_AS_IT_IS)


def _literal(text: str) -> str:
    return re.escape(_as_sent(text))


def _check_start(path: str, text: str) -> None:
    if not text.startswith(("/", r"\/", ".", "[")):
        raise PathError(f"the path {path!r} has to begin with a slash")


def _name_and_kind(path: str, text: str) -> tuple[str, str]:
    name, colon, kind = text.partition(":")
    if not _NAME.fullmatch(name):
        raise PathError(f"{path!r}: <{text}> needs a name, such as <id> or <id:int>")
    if not colon:
        return name, "str"
    if kind not in CONVERTERS:
        kinds = ", ".join(CONVERTERS)
        raise PathError(f"{path!r}: there is no kind {kind!r} of parameters; there are {kinds}")
    return name, kind
