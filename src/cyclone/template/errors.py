"""What can be wrong with a template."""

from __future__ import annotations

__all__ = ["CodeError", "ParseError", "TemplateError"]


class TemplateError(Exception):
    """A template cannot be used (cyclone 1.x's name).

    What its expressions raise while a page is made passes through as it is, as in Tornado; old
    cyclone wrapped that too.
    """


class ParseError(TemplateError):
    """A mistake in the template language (Tornado).

    Attributes:
        message: what is wrong.
        filename: name of the template, None when it is not known.
        lineno: line in it, counted from 1; 0 when it is not known.
    """

    def __init__(self, message: str, filename: str | None = None, lineno: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.filename = filename
        self.lineno = lineno

    def __str__(self) -> str:
        return f"{self.message} at {self.filename}:{self.lineno}"


class CodeError(ParseError, SyntaxError):  # type: ignore[misc]  # lineno is not Optional here
    """An expression or statement in a template is no Python.

    It is a SyntaxError too, which is what Tornado raises.
    """

    def __init__(self, message: str, filename: str | None = None, lineno: int = 0) -> None:
        super().__init__(message, filename, lineno)
        self.msg = message
