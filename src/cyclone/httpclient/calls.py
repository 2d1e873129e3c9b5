"""What a client of JSON-RPC writes and reads.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["RemoteError", "batch_results", "make_call", "result_of"]


class RemoteError(Exception):
    """The server of a `JsonRPC` client has answered with an error.

    Attributes:
        code: the number that says what kind of error; 0 where a server of version 1.0 gives none.
        message: the server's words, which ``str()`` of the exception gives, too.
        data: what else the server says; None if nothing.
    """

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def make_call(
    version: str, method: str, args: Sequence[Any], kwargs: Mapping[str, Any], id: int | None
) -> dict[str, Any]:
    """One call; `id` is None for a notification.

    Raises:
        TypeError: arguments with and without names are mixed, or version 1.0 is to do what it
            cannot.
    """
    if args and kwargs:
        raise TypeError("the arguments of a call are either all named, or none is")
    if version == "1.0":
        if kwargs:
            raise TypeError("JSON-RPC 1.0 has no named arguments: JsonRPC(url, version='2.0')")
        if id is None:
            raise TypeError("notifications are of JSON-RPC 2.0: JsonRPC(url, version='2.0')")
        return {"method": method, "params": args, "id": id}
    call: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if args or kwargs:
        call["params"] = kwargs or args
    return call if id is None else {**call, "id": id}


def result_of(answer: Any, version: str, id: int | None) -> Any:
    """The result in an answer to the call with that id.

    Raises:
        RemoteError: the answer is an error.
        ValueError: it is no answer, or one to another call.
    """
    if not isinstance(answer, dict):
        raise ValueError("the server's answer is no JSON-RPC response")
    error = answer.get("error")
    if version == "1.0":
        if error:
            raise _remote_error(error)
        return answer.get("result")
    if answer.get("jsonrpc") != "2.0" or ("result" in answer) == ("error" in answer):
        raise ValueError("the server's answer is no JSON-RPC 2.0 response")
    if "error" in answer:
        raise _remote_error(error)
    given = answer.get("id")
    if given != id or isinstance(given, bool):  # True is 1
        raise ValueError("the server's answer is one to another call")
    return answer["result"]


def _remote_error(error: Any) -> RemoteError:
    if not isinstance(error, dict):
        return RemoteError(0, str(error), error)
    code = error.get("code")
    if isinstance(code, bool) or not isinstance(code, int):
        code = 0
    return RemoteError(code, str(error.get("message", error)), error.get("data"))


def batch_results(answer: Any, ids: Sequence[int]) -> list[Any]:
    """The results of a batch in the order of `ids`, a `RemoteError` for each call that failed.

    Raises:
        RemoteError: the server refused the batch.
        ValueError: the answers are no answers, or not all are there.
    """
    if isinstance(answer, dict):
        result_of(answer, "2.0", None)
    if not isinstance(answer, list):
        raise ValueError("the server's answer is no batch of JSON-RPC responses")
    answers = {each.get("id"): each for each in answer if _has_plain_id(each)}
    results: list[Any] = []
    for id in ids:
        try:
            results.append(result_of(answers.get(id), "2.0", id))
        except RemoteError as error:
            results.append(error)
    return results


def _has_plain_id(answer: Any) -> bool:
    return isinstance(answer, dict) and type(answer.get("id")) is int
