"""Writing answers.  Pure.

The standard library writes what it is given: numbers that XML-RPC does not have, characters that
XML does not have, and the attributes of any object at all.  `plain` lets none of them pass.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from typing import Any
from xmlrpc.client import MAXINT, MININT, Binary, DateTime, Fault, dumps

__all__ = ["clean", "fault_text", "plain", "result_text"]

#: What cannot stand in XML (1.0, section 2.2).
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plain(value: Any, allow_none: bool) -> Any:
    """`value` as dicts, lists and what the standard library writes.

    Raises:
        TypeError: it holds something that XML-RPC has no type for.
        ValueError: it holds NaN, infinity, or characters that XML does not have.
        OverflowError: it holds a whole number of more than 32 bits.
        RecursionError: it is nested too deeply, or holds itself.
    """
    if isinstance(value, str):
        return _text(value)
    if value is None:
        if not allow_none:
            raise TypeError("None is not written unless allowNone is on")
        return None
    if isinstance(value, bool | bytes | bytearray | Binary | datetime.datetime):
        return value
    if isinstance(value, int):
        if not MININT <= value <= MAXINT:
            raise OverflowError("the whole number has more than 32 bits")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{float(value)!r} is no number of XML-RPC")
        return float(value)
    if isinstance(value, DateTime):
        _text(str(value))
        return value
    if isinstance(value, Mapping):
        return {_name(name): plain(each, allow_none) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, allow_none) for each in value]
    raise TypeError(f"{type(value).__name__} is no type of XML-RPC")


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"names in a struct are text, not {type(name).__name__}")
    return _text(name)


def _text(text: str) -> str:
    found = _FORBIDDEN.search(text)
    if found is not None:
        raise ValueError(f"XML does not have the character {found[0]!r}; bytes are written base64")
    return str(text)


def result_text(value: Any, allow_none: bool) -> str:
    """The answer with a value that `plain` has made."""
    # What reads XML makes of a carriage return a newline, unless it is written so.
    return dumps((value,), methodresponse=True, allow_none=allow_none).replace("\r", "&#13;")


def clean(fault: Fault, otherwise: int) -> Fault:
    """`fault` as it can be written.

    Args:
        otherwise: its code when it has none that can be.
    """
    code: Any = fault.faultCode
    if isinstance(code, bool) or not isinstance(code, int) or not MININT <= code <= MAXINT:
        code = otherwise
    message = _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", str(fault.faultString))
    return Fault(int(code), message)


def fault_text(fault: Fault, otherwise: int) -> str:
    """The answer with a fault; the arguments are those of `clean`."""
    return dumps(clean(fault, otherwise), methodresponse=True).replace("\r", "&#13;")
