"""Reading a URL pattern: is it one path, can it be joined with others, can it be reversed?

Python's own parser for regular expressions is private, so the text of the pattern is cut into
tokens here. The three questions are answered "no" whenever the cut leaves a doubt: a wrong "no"
costs time, a wrong "yes" would send a request to the wrong handler.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Pattern = re.Pattern[str]

_TOKEN = re.compile(
    r"""
      (?P<escape>   \\ [\s\S] )
    | (?P<set>      \[ \^? \]? (?: [^\]\\] | \\ [\s\S] )* \] )
    | (?P<named>    \( \?P< \w+ > )
    | (?P<group>    \( \? (?: [:=!>] | <[=!] ) )    # non-capturing, lookaround, atomic
    | (?P<capture>  \( (?!\?) )
    | (?P<close>    \) )
    | (?P<meta>     [.^$*+?{}|\[\]] )
    | (?P<text>     [^\\.^$*+?{}|\[\]()]+ )
    | (?P<special>  \( \? | [\s\S] )               # flags, comments, references, conditionals
    """,
    re.VERBOSE,
)

_PLAIN_FLAGS = re.compile("").flags
"""The flags of a text pattern compiled without any: inline flags and re.compile flags differ."""


def anchored(pattern: str) -> str:
    """Add the ``$`` that makes a pattern match whole paths, unless it ends in one.

    An escaped dollar sign at the end is a character, not an anchor, and gets one.
    """
    if pattern.endswith("$"):
        body = pattern[:-1]
        if (len(body) - len(body.rstrip("\\"))) % 2 == 0:
            return pattern
    return pattern + "$"


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    """Cut a valid pattern into (kind, text), leaving nothing out."""
    for found in _TOKEN.finditer(pattern):
        yield found.lastgroup or "special", found[0]


def _unanchored(pattern: str) -> str | None:
    """Take ``^`` and ``$`` off the ends; None when the pattern has no anchor at its end."""
    if anchored(pattern) != pattern:
        return None
    return pattern[pattern.startswith("^") : -1]


def literal_path(regex: Pattern) -> str | None:
    """Return the only path a pattern can match, or None when there may be others."""
    body = _unanchored(regex.pattern)
    if body is None or regex.flags != _PLAIN_FLAGS:
        return None
    path = []
    for kind, text in _tokens(body):
        if kind == "text":
            path.append(text)
        elif kind == "escape" and _is_escaped_character(text):
            path.append(text[1])
        else:
            return None
    return "".join(path)


def _is_escaped_character(token: str) -> bool:
    r"""Tell ``\.`` (a dot) from ``\d`` (a class) and ``\n`` (another character)."""
    return not (token[1].isascii() and token[1].isalnum())


def joinable_source(regex: Pattern) -> str | None:
    """Rewrite a pattern as a branch of an alternation, or None when it must stand alone.

    Names are taken off the groups, because two branches may use the same one; their number and
    order stay.
    """
    if regex.flags != _PLAIN_FLAGS:
        return None
    pieces = []
    groups = 0
    for kind, text in _tokens(regex.pattern):
        if kind == "special":
            return None
        if kind == "escape" and text[1].isdigit() and text[1] != "0":
            return None  # \1 counts groups from the start of the whole expression
        groups += kind in ("capture", "named")
        pieces.append("(" if kind == "named" else text)
    return "".join(pieces) if groups == regex.groups else None


def reversible_pieces(regex: Pattern) -> tuple[str, ...] | None:
    """Return the constant texts around the groups, one more than there are groups, or None.

    As in Tornado, an unescaped ``.`` or quantifier outside a group counts as the text it is
    written with, a class (``\\d``, ``[a-z]``) makes the pattern irreversible. So does anything
    that leaves a group's place in the path open: groups in groups, alternatives, lookarounds.
    """
    pattern = regex.pattern
    body = pattern[pattern.startswith("^") :]
    body = body.removesuffix("$") if anchored(pattern) == pattern else body
    pieces = [""]
    depth = 0
    for kind, text in _tokens(body):
        if kind in ("named", "capture"):
            if depth:
                return None
            depth = 1
            pieces.append("")
        elif kind == "group":
            if not depth:
                return None
            depth += 1
        elif kind == "close":
            depth -= 1
        elif kind == "special":
            return None
        elif not depth:
            constant = _constant(kind, text)
            if constant is None:
                return None
            pieces[-1] += constant
    return tuple(pieces) if len(pieces) == regex.groups + 1 else None


def _constant(kind: str, text: str) -> str | None:
    if kind == "escape":
        return text[1] if _is_escaped_character(text) else None
    return text if kind == "text" or (kind == "meta" and text != "|") else None
