"""Tracebacks that lead through templates.

A frame of a generated function says little.  In front of it go frames for the places in the
templates that it comes from, which the standard library, debuggers and error pages show with the
template's own lines.  All this happens when a page fails, never before.
"""

from __future__ import annotations

import linecache
from types import CodeType, FrameType, TracebackType

from .codegen import Generated

__all__ = ["GeneratedCode", "through_templates"]


class GeneratedCode:
    """The code of a generated function; the ``__loader__`` of its globals (PEP 302).

    Attributes:
        generated: its source.
        filename: what tracebacks call it.
        code: it.
    """

    __slots__ = ("code", "filename", "generated")

    def __init__(self, generated: Generated, filename: str, code: CodeType) -> None:
        self.generated = generated
        self.filename = filename
        self.code = code

    def get_source(self, name: str) -> str:
        """The source, for `linecache`."""
        return self.generated.text


def through_templates(trace: TracebackType | None, own: GeneratedCode) -> TracebackType | None:
    """Return `trace`, which begins in code of `own`, with the places in the templates."""
    frames: list[tuple[TracebackType, list[tuple[FrameType, int]]]] = []
    while trace is not None and trace.tb_frame.f_globals.get("__loader__") is own:
        places = [
            (_frame(source.path, source.text), line)
            for source, line in reversed(own.generated.position(trace.tb_lineno))
        ]
        frames.append((trace, places))
        trace = trace.tb_next
    _remember(own.filename, own.generated.text)
    for entry, places in reversed(frames):
        trace = TracebackType(trace, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
        for frame, line in reversed(places):
            # Without an instruction there are no columns, which would be those of other code.
            trace = TracebackType(trace, frame, -1, line)
    return trace


def _remember(filename: str, text: str) -> None:
    """Give `linecache` the lines of something that is in no file, or was."""
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)


def _frame(path: str, text: str) -> FrameType:
    """A frame that seems to run in a template."""
    _remember(path, text)
    code = compile("raise error", path, "exec").replace(co_name="<template>")
    try:
        exec(code, {"error": _Reached(), "__name__": "<template>"})
    except _Reached as reached:
        trace = reached.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            return trace.tb_frame
    raise RuntimeError("a frame cannot be made")  # pragma: no cover


class _Reached(Exception):
    """Raised to get at a frame."""
