"""What goes wrong when a server is started, said in one line to the person who starts it."""

from __future__ import annotations

import os
import traceback
from types import TracebackType

from .watch import is_installed

__all__ = ["DeployError", "one_line", "where"]

#: Frames of cyclone itself are not where a user has to look.
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class DeployError(SystemExit, Exception):
    """A server cannot be started as it was asked to; `str` says why in one line.

    It is an `Exception` for callers that handle it, and a `SystemExit` for those that do not: a
    program that it ends, such as ``twistd``, prints the line and no traceback, and exits with 1.

    Attributes:
        detail: further lines for a developer, such as the place of a syntax error; may be empty.
    """

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


def where(trace: TracebackType | None) -> str:
    """The place in user code where an exception passed last: ``/srv/hello.py, line 3``.

    Neither Python's own frames, nor those of installed packages or of cyclone are places to look
    at. Empty if no other is left.
    """
    for frame in reversed(traceback.extract_tb(trace)):
        file = frame.filename
        if not file.startswith(("<", _OURS)) and not is_installed(file):
            return f"{file}, line {frame.lineno}"
    return ""


def one_line(error: BaseException) -> str:
    """`error` as Python prints its last line, and the place it came from in brackets."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    text = "".join(traceback.format_exception_only(error)).strip().splitlines()
    place = where(error.__traceback__)
    return f"{text[0]} ({place})" if place else text[0]
