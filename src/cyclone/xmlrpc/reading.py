"""Reading a call.  Pure.

The XML is parsed by defusedxml's form of the standard library's parser, and turned into values by
the library's `Unmarshaller`.  That one lets pass whatever looks like XML-RPC from afar, answers and
faults included, so the elements are held against the grammar of the specification here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any
from xml.parsers.expat import ExpatError, errors
from xmlrpc.client import Fault, Unmarshaller

from defusedxml.common import DefusedXmlException
from defusedxml.xmlrpc import DefusedExpatParser

from .codes import INVALID_REQUEST, PARSE_ERROR, UNSUPPORTED_ENCODING

__all__ = ["check_name", "read_call"]

#: Elements that stand for a value; those that the specification does not know are extensions which
#: the standard library reads.
_SCALARS = frozenset(
    [
        *("i4", "int", "boolean", "string", "double", "dateTime.iso8601", "base64"),
        *("nil", "i1", "i2", "i8", "biginteger", "float", "bigdecimal"),
    ]
)
#: What each element may stand in ("" is the document).
_PARENTS = {
    "methodCall": ("",),
    "methodName": ("methodCall",),
    "params": ("methodCall",),
    "param": ("params",),
    "value": ("param", "data", "member"),
    "struct": ("value",),
    "array": ("value",),
    "member": ("struct",),
    "name": ("member",),
    "data": ("array",),
    **dict.fromkeys(_SCALARS, ("value",)),
}
#: What must stand in an element, in order, at its end.
_CONTENTS = {
    "methodCall": (["methodName"], ["methodName", "params"]),
    "param": (["value"],),
    "member": (["name", "value"],),
    "array": (["data"],),
}
#: Elements that have any number of the elements they may have.
_LISTS = frozenset(["params", "struct", "data"])

_INTEGER = re.compile(r"[ \t\r\n]*[+-]?[0-9]+[ \t\r\n]*")
# No digit can be matched by two parts of it, so that nothing is tried twice.
_DOUBLE = re.compile(r"[ \t\r\n]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\r\n]*")
_BASE64 = re.compile(r"[A-Za-z0-9+/= \t\r\n]*")
_NAME = re.compile(r"[A-Za-z0-9_.:/]+")
_LONGEST_NAME = 255


def read_call(
    body: bytes,
    *,
    max_depth: int,
    separator: str = ".",
    use_datetime: bool = False,
    use_builtin_types: bool = False,
) -> tuple[str, tuple[Any, ...]]:
    """The name of the method and its arguments.

    Args:
        body: the document.
        max_depth: how deeply arrays and structs may be nested.
        separator: may stand in names besides what the specification lets stand there.
        use_datetime: dates as `datetime.datetime` instead of `xmlrpc.client.DateTime`.
        use_builtin_types: that, and bytes instead of `xmlrpc.client.Binary`.

    Raises:
        Fault: it is no call; nothing else is raised.
    """
    target = _Target(max_depth, use_datetime, use_builtin_types)
    try:
        parser = DefusedExpatParser(target, forbid_dtd=True)
        parser.feed(body)
        parser.close()
        params = target.close()
    except ExpatError as error:
        unknown = errors.messages.get(error.code) == errors.XML_ERROR_UNKNOWN_ENCODING
        code = UNSUPPORTED_ENCODING if unknown else PARSE_ERROR
        raise Fault(code, f"the request is not well-formed XML: {error}") from None
    except DefusedXmlException:
        message = "document types and entities are not taken"
        raise Fault(INVALID_REQUEST, message) from None
    except LookupError:  # Python is asked for encodings that expat does not have
        raise Fault(UNSUPPORTED_ENCODING, "the encoding is not known") from None
    except Exception as error:
        raise Fault(INVALID_REQUEST, f"the request is no call: {error}"[:300]) from None
    return check_name(target.getmethodname(), separator), params


def check_name(name: Any, separator: str = ".") -> str:
    """The name of a method, without white space around it.

    Raises:
        Fault: it is none.
    """
    if isinstance(name, str):
        name = name.strip(" \t\r\n")
        plain = name.replace(separator, ".") if separator else name
        if len(name) <= _LONGEST_NAME and _NAME.fullmatch(plain):
            return str(name)
    raise Fault(
        INVALID_REQUEST,
        "the name of a method consists of letters and digits of ASCII, underscores, dots, colons "
        f"and slashes, {_LONGEST_NAME} at most",
    )


class _Target(Unmarshaller):
    """What the parser reports elements to."""

    def __init__(self, max_depth: int, use_datetime: bool, use_builtin_types: bool) -> None:
        super().__init__(use_datetime, use_builtin_types)
        self._max_depth = max_depth
        self._open: list[str] = [""]
        self._inside: list[list[str]] = [[]]
        self._nested = 0

    def start(self, tag: str, attrs: Any) -> None:
        tag = tag.rpartition(":")[2]  # extensions have name spaces
        parent = self._open[-1]
        if parent not in _PARENTS.get(tag, ()):
            within = f"in <{parent}>" if parent else "as a document"
            raise ValueError(f"<{tag[:50]}> cannot stand {within}")
        if tag in ("struct", "array"):
            self._nested += 1
            if self._nested > self._max_depth:
                raise ValueError(f"nested more than {self._max_depth} deep")
        if parent not in _LISTS:
            inside = self._inside[-1]
            inside.append(tag)
            if len(inside) > (1 if parent == "value" else 2):
                raise ValueError(f"too much in <{parent}>")
        self._open.append(tag)
        self._inside.append([])
        super().start(tag, attrs)

    def end(self, tag: str) -> None:
        tag = self._open.pop()
        inside = self._inside.pop()
        allowed = _CONTENTS.get(tag)
        if allowed is not None and inside not in allowed:
            raise ValueError(f"<{tag}> must hold {' or '.join(map(_listed, allowed))}")
        if tag in ("struct", "array"):
            self._nested -= 1
        super().end(tag)

    def _end_integer(self, data: str) -> None:
        if not _INTEGER.fullmatch(data):
            raise ValueError(f"no whole number: {data[:50]!r}")
        self.end_int(data)

    def _end_double(self, data: str) -> None:
        if not _DOUBLE.fullmatch(data) or not math.isfinite(float(data)):
            raise ValueError(f"no number: {data[:50]!r}")
        self.end_double(data)

    def _end_decimal(self, data: str) -> None:
        if not _DOUBLE.fullmatch(data):
            raise ValueError(f"no number: {data[:50]!r}")
        self.end_bigdecimal(data)

    def _end_base64(self, data: str) -> None:
        if not _BASE64.fullmatch(data):  # Python reads over what is none
            raise ValueError(f"no base64: {data[:50]!r}")
        self.end_base64(data)

    def _end_struct(self, data: str) -> None:
        names = self._stack[self._marks[-1] :: 2]
        if len(set(names)) < len(names):
            raise ValueError("a name stands twice in a struct")
        self.end_struct(data)

    dispatch: dict[str, Callable[..., None]] = {
        **Unmarshaller.dispatch,
        **dict.fromkeys(("i1", "i2", "i4", "i8", "int", "biginteger"), _end_integer),
        **dict.fromkeys(("double", "float"), _end_double),
        "bigdecimal": _end_decimal,
        "base64": _end_base64,
        "struct": _end_struct,
    }


def _listed(tags: list[str]) -> str:
    return " and ".join(f"<{tag}>" for tag in tags)
