"""Errors that a client is told, with their codes (JSON-RPC 2.0 section 5.1)."""

from __future__ import annotations

from typing import Any

__all__ = [
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "PARSE_ERROR",
    "SERVER_ERROR",
    "JSONRPCError",
]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
#: A method raised `cyclone.web.HTTPError`; the data has the status.
SERVER_ERROR = -32000

_MESSAGES = {
    PARSE_ERROR: "Parse error",
    INVALID_REQUEST: "Invalid Request",
    METHOD_NOT_FOUND: "Method not found",
    INVALID_PARAMS: "Invalid params",
    INTERNAL_ERROR: "Internal error",
    SERVER_ERROR: "Server error",
}


class _Absent:
    """The data of an error that has none; None is data."""

    def __repr__(self) -> str:
        return "..."  # as signatures in the documentation show it


_ABSENT = _Absent()


class JSONRPCError(Exception):
    """Raised by a method, it is what the client is told.

    Args:
        code: a whole number.  -32768 to -32000 are reserved by the specification.
        message: one sentence; by default the standard one of a standard code.
        data: anything that can be written as JSON.

    Raises:
        TypeError: `code` is no whole number, or `message` no text.
    """

    def __init__(self, code: int, message: str | None = None, data: Any = _ABSENT) -> None:
        if isinstance(code, bool) or not isinstance(code, int):
            raise TypeError(f"the code of an error is a whole number, not {code!r}")
        if message is None:
            message = _MESSAGES.get(code, "Error")
        if not isinstance(message, str):
            raise TypeError(f"the message of an error is text, not {message!r}")
        super().__init__(code, message, *(() if data is _ABSENT else (data,)))
        self.code = code
        self.message = message
        self._data = data

    @property
    def data(self) -> Any:
        """What else the client is told; None by default."""
        return None if self._data is _ABSENT else self._data

    def as_object(self) -> dict[str, Any]:
        """The error as it is written."""
        error = {"code": self.code, "message": self.message}
        return error if self._data is _ABSENT else {**error, "data": self._data}

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"
