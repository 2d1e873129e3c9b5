"""Requests and responses of JSON-RPC, as values and as text.  Pure.

JSON is read more strictly than `json.loads` does: UTF-8 alone, no NaN or Infinity, no name twice in
an object (which of the two counts is anybody's guess, and two programs may guess differently).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from .errors import INVALID_REQUEST, PARSE_ERROR, JSONRPCError

__all__ = [
    "Call",
    "Refused",
    "Request",
    "encode",
    "error_text",
    "read",
    "read_call",
    "result_text",
    "unique_names",
]

#: Names that the specification keeps for itself.
RESERVED = "rpc."


class Call(NamedTuple):
    """One call.

    ``two``: it is of version 2.0, else of 1.0.  ``id``: its JSON text, None for a notification.
    """

    two: bool
    id: str | None
    method: str
    params: list[Any] | dict[str, Any]


class Request(NamedTuple):
    """A request that is JSON: what may be calls, with the texts of their ids where they have one.

    The text of an id that is no string, number or null is empty.
    """

    batch: bool
    members: list[Any]
    ids: list[str | None]


class Refused(Exception):
    """No call: the error, for which version, and with which id it is answered."""

    def __init__(self, two: bool, id: str | None, why: str) -> None:
        super().__init__(why)
        self.two = two
        self.id = id or "null"
        self.error = JSONRPCError(INVALID_REQUEST, data=why)


def read(
    body: bytes, max_depth: int, max_calls: int, decode: Callable[[bytes], Any] | None = None
) -> Request:
    """Read the body of a request.

    Args:
        max_depth: how deeply arrays and objects may be nested.
        max_calls: how many calls a batch may have.
        decode: reads JSON in place of `strict`.

    Raises:
        JSONRPCError: it is not JSON, nested too deeply, or a batch that is empty or too long.
    """
    try:
        value = (decode or strict)(body)
        if nested_deeper(body, value, max_depth):
            raise RecursionError
    except RecursionError:
        why = f"nested more than {max_depth} deep"
        raise JSONRPCError(INVALID_REQUEST, data=why) from None
    except ValueError as error:
        raise JSONRPCError(PARSE_ERROR, data=str(error)[:200]) from None
    except Exception:  # of another decoder
        raise JSONRPCError(PARSE_ERROR) from None
    if not isinstance(value, list):
        return Request(False, [value], _ids(body, [value]))
    if not value:
        raise JSONRPCError(INVALID_REQUEST, data="a batch has at least one call")
    if len(value) > max_calls:
        raise JSONRPCError(INVALID_REQUEST, data=f"a batch has at most {max_calls} calls")
    return Request(True, value, _ids(body, value))


def strict(body: bytes) -> Any:
    """Read JSON, as the head of this file says.

    Raises:
        ValueError: it is not JSON, or a whole number has thousands of digits.
        RecursionError: it is nested too deeply for Python.
    """
    return json.loads(
        body.decode("utf-8-sig"), object_pairs_hook=unique_names, parse_constant=_no_constant
    )


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these names and values.

    Raises:
        ValueError: a name stands there twice.
    """
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the name {name[:100]!r} stands twice in an object")
            seen.add(name)
    return made


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def nested_deeper(body: bytes, value: Any, most: int) -> bool:
    """Whether arrays and objects of `value`, which stood in `body`, are nested more than `most`."""
    if body.count(b"[") + body.count(b"{") <= most:
        return False
    level = [value]
    for _ in range(most):
        level = [
            each
            for holder in level
            if isinstance(holder, (list, dict))
            for each in (holder if isinstance(holder, list) else holder.values())
            if isinstance(each, (list, dict))
        ]
        if not level:
            return False
    return True


# -- ids: what Python makes of a number is not always written as it was


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def _ids(body: bytes, members: list[Any]) -> list[str | None]:
    if any(_needs_text(member, body) for member in members):
        try:
            value = json.loads(body.decode("utf-8-sig"), parse_float=_Number, parse_int=_Number)
        except (ValueError, RecursionError):  # another decoder read what is not quite JSON
            value = members
        again = value if isinstance(value, list) else [value]
        members = again if len(again) == len(members) else members
    return [_id_text(member) for member in members]


def _needs_text(member: Any, body: bytes) -> bool:
    given = member.get("id") if isinstance(member, dict) else None
    if given is None or isinstance(given, str):
        return False
    return not isinstance(given, int) or (given == 0 and b"-0" in body)


def _id_text(member: Any) -> str | None:
    if not isinstance(member, dict) or "id" not in member:
        return None
    given = member["id"]
    if isinstance(given, _Number):
        return str(given)
    if given is None or isinstance(given, str):
        return json.dumps(given)
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else ""


# -- calls


def read_call(member: Any, id: str | None, batch: bool) -> Call:
    """Check one call.

    Args:
        member: what it is, of a `Request`.
        id: the text of its id, of the same.
        batch: it stands in a batch, which version 1.0 does not have.

    Raises:
        Refused: it is none.
    """
    if not isinstance(member, dict):
        raise Refused(True, None, "a call is an object")
    two = "jsonrpc" in member or batch

    def refuse(why: str) -> NoReturn:
        raise Refused(two, id, why)

    if two and member.get("jsonrpc") != "2.0":
        refuse('"jsonrpc" must be "2.0"')
    if id == "":
        refuse('"id" must be a string, a number or null')
    if id is None and not two:
        refuse('"id" is missing')
    method = member.get("method")
    if not isinstance(method, str):
        refuse('"method" must be a string')
    params = member.get("params", [])
    if not isinstance(params, (list, dict) if two else list):
        refuse(f'"params" must be an array{" or an object" if two else ""}')
    return Call(two, id, method, params)


def may_be_method(name: str) -> bool:
    """Whether a method can have this name at all."""
    return 0 < len(name) <= 255 and name.isprintable() and not name.startswith(RESERVED)


# -- responses


def encode(value: Any, json_encode: Callable[[Any], str | bytes]) -> str:
    """Write a value as JSON.

    Raises:
        Exception: what `json_encode` raises; ValueError for NaN and Infinity.
    """
    text = json_encode(value)
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    if "NaN" in text or "Infinity" in text:  # in a string, perhaps
        json.loads(text, parse_constant=_no_constant)
    return text


def result_text(two: bool, id: str, result: str) -> str:
    """A response; `id` and `result` are JSON."""
    if two:
        return f'{{"jsonrpc": "2.0", "result": {result}, "id": {id}}}'
    return f'{{"result": {result}, "error": null, "id": {id}}}'


def error_text(two: bool, id: str, error: str) -> str:
    """A response that tells of an error; `id` and `error` are JSON."""
    if two:
        return f'{{"jsonrpc": "2.0", "error": {error}, "id": {id}}}'
    return f'{{"result": null, "error": {error}, "id": {id}}}'
