"""Header values with parameters, such as ``form-data; name="a"; filename*=UTF-8''%C3%A1``."""

from __future__ import annotations

import re

from cyclone.escape import unquote_to_bytes

from .errors import HTTPInputError

__all__ = ["parse_parameters"]

# RFC 9110 section 5.6.6, a value that is no quoted string being whatever holds no separator.  The
# repetitions of characters give nothing back (possessive), so a value is read once.  PyPy before 8
# knows no such repetitions of groups, and none that must match once.
_PARAMETER = re.compile(
    r"""[ \t]*+;[ \t]*+(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*+"""
    r"""(?:=[ \t]*+(?:"([^"\\]*+(?:\\.[^"\\]*+)*)"|([^;"]*+)))?)?""",
    re.DOTALL,
)
_QUOTED_PAIR = re.compile(r'\\(["\\])')
_EXTENDED = re.compile(r"([A-Za-z0-9\-]+)'[A-Za-z0-9\-]*'([!#$&+\-.^_`|~0-9A-Za-z%]*)")
_ENCODINGS = ("utf-8", "iso-8859-1")


def parse_parameters(value: str) -> tuple[str, dict[str, str]]:
    r"""Split a header value into what stands in front of the first ``;`` and its parameters.

    Names of parameters are lower-cased.  In quoted values ``\"`` and ``\\`` are undone, nothing
    else, since browsers write the backslashes of file names as they are.  An extended value
    (``name*=``, RFC 8187) takes precedence over a plain one of that name.  A parameter without a
    value has the value "".  Takes linear time.

    Raises:
        HTTPInputError: a parameter is malformed or repeated.
    """
    main = value.partition(";")[0]
    position = len(main)
    parameters: dict[str, str] = {}
    extended: dict[str, str] = {}
    while position < len(value):
        match = _PARAMETER.match(value, position)
        if match is None:
            raise HTTPInputError("a parameter of a header value is malformed")
        position = match.end()
        name, quoted, plain = match.groups()
        if not name:
            continue
        name = name.lower()
        text = _unquoted(quoted) if quoted is not None else (plain or "").strip(" \t")
        if name.endswith("*"):
            target, name, text = extended, name[:-1], _decoded(text)
        else:
            target = parameters
        if name in target:
            raise HTTPInputError("a parameter of a header value is repeated")
        target[name] = text
    return main.strip(" \t"), parameters | extended


def _unquoted(text: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", text) if "\\" in text else text


def _decoded(text: str) -> str:
    """An extended value (RFC 8187 section 3.2)."""
    match = _EXTENDED.fullmatch(text)
    if match is None or match[1].lower() not in _ENCODINGS:
        raise HTTPInputError("an extended parameter of a header value is malformed")
    try:
        return unquote_to_bytes(match[2].encode("ascii")).decode(match[1])
    except UnicodeDecodeError:
        raise HTTPInputError("an extended parameter of a header value is malformed") from None
