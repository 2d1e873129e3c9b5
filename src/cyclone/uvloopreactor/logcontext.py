"""Whose event is being handled, should somebody log something meanwhile.

Other reactors push the log prefix of a transport before each of its events and pop it afterwards,
which costs more than many a protocol's own work.  Here each event leaves a note of its transport,
and ``twisted.python.log`` looks at the note when it is asked to log.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import ILoggingContext
from twisted.python import context, log, threadable

__all__ = ["here", "install_log_context", "prefix_of"]


class _Here:
    """The note.  There is one: only one event is handled at a time, in the reactor's thread."""

    __slots__ = ("transport",)

    def __init__(self) -> None:
        self.transport: Any = None


here = _Here()


class _LogContext(dict[str, Any]):
    """The context of log events where no other is pushed."""

    def __getitem__(self, key: str) -> Any:
        # What other threads log meanwhile has nothing to do with the event.
        if key == "system" and here.transport is not None and threadable.isInIOThread():
            return here.transport.logPrefix()
        return super().__getitem__(key)

    def copy(self) -> dict[str, Any]:
        """What an event starts from."""
        return {key: self[key] for key in self}


def install_log_context() -> None:
    """Have what is logged during an event say whose event it is."""
    present = context.get(log.ILogContext) or {}
    if not isinstance(present, _LogContext):
        context.setDefault(log.ILogContext, _LogContext(present))


def prefix_of(thing: object) -> str:
    """How the log calls a protocol or a factory."""
    if ILoggingContext.providedBy(thing):
        return str(ILoggingContext(thing).logPrefix())
    return type(thing).__name__
