"""The methods ``system.*`` that clients ask about the others, and for several calls at once."""

from __future__ import annotations

import datetime
import inspect
from collections.abc import Callable, Iterator
from typing import Any
from xmlrpc.client import Binary, DateTime, Fault

from .codes import INVALID_PARAMS
from .procedures import XmlrpcMethods, procedures_below
from .writing import clean

__all__ = ["Introspection"]

#: Types in annotations, and what XML-RPC calls them.
_TYPES = {
    bool: "boolean",
    int: "int",
    float: "double",
    str: "string",
    bytes: "base64",
    Binary: "base64",
    datetime.datetime: "dateTime.iso8601",
    DateTime: "dateTime.iso8601",
    list: "array",
    tuple: "array",
    dict: "struct",
    None: "nil",
}


class Introspection(XmlrpcMethods):
    """``system`` of a handler.

    Args:
        asked: the `XmlrpcRequestHandler`.
        max_calls: how many calls `multicall` takes.
    """

    def __init__(self, asked: Any, max_calls: int) -> None:
        self._asked = asked
        self._max_calls = max_calls

    def xmlrpc_listMethods(self) -> list[str]:
        """The names of all methods."""
        return list(procedures_below(self._asked))

    def xmlrpc_methodHelp(self, method: str) -> str:
        """What a method is for, as text."""
        function = self._asked.lookupProcedure(_text(method))
        return str(getattr(function, "help", None) or inspect.getdoc(function) or "")

    def xmlrpc_methodSignature(self, method: str) -> list[list[str]] | str:
        """The types that a method returns and takes, a list for each way to call it.

        That is its attribute ``signature``, or what its annotations say; "undef" if neither is
        there.
        """
        function = self._asked.lookupProcedure(_text(method))
        return getattr(function, "signature", None) or _annotated(function) or "undef"

    async def xmlrpc_multicall(self, calls: list[dict[str, Any]]) -> list[Any]:
        """Do several calls, one after the other.

        Each is a struct of methodName and params, and is answered with an array of its result, or a
        struct of faultCode and faultString.
        """
        if not isinstance(calls, list) or len(calls) > self._max_calls:
            message = f"multicall takes an array of at most {self._max_calls} calls"
            raise Fault(INVALID_PARAMS, message)
        answers: list[Any] = []
        for call in calls:
            try:
                answers.append([await self._asked.call_procedure(*_name_and_params(call), True)])
            except Fault as raised:
                fault = clean(raised, self._asked.FAILURE)
                answers.append({"faultCode": fault.faultCode, "faultString": fault.faultString})
        return answers

    xmlrpc_listMethods.signature = [["array"]]  # type: ignore[attr-defined]
    xmlrpc_methodHelp.signature = [["string", "string"]]  # type: ignore[attr-defined]
    xmlrpc_methodSignature.signature = [  # type: ignore[attr-defined]
        ["array", "string"],
        ["string", "string"],
    ]
    xmlrpc_multicall.signature = [["array", "array"]]  # type: ignore[attr-defined]


def _text(name: Any) -> str:
    if not isinstance(name, str):
        raise Fault(INVALID_PARAMS, "the name of a method is a string")
    return name


def _name_and_params(call: Any) -> tuple[Any, list[Any]]:
    if not isinstance(call, dict) or call.keys() != {"methodName", "params"}:
        raise Fault(INVALID_PARAMS, "a call is a struct of methodName and params")
    if not isinstance(call["params"], list):
        raise Fault(INVALID_PARAMS, "params must be an array")
    return call["methodName"], call["params"]


def _annotated(function: Callable[..., Any]) -> list[list[str]] | None:
    try:
        signature = inspect.signature(function, eval_str=True)
        types = [signature.return_annotation, *_annotations(signature)]
        return [[_TYPES[getattr(each, "__origin__", each)] for each in types]]
    except Exception:  # names that are not there any more, types of other kinds
        return None


def _annotations(signature: inspect.Signature) -> Iterator[Any]:
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError("any number of arguments")
        yield parameter.annotation
