"""From the name of a method to the method: ``xmlrpc_*``, and dotted names through sub handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar
from xmlrpc.client import Fault

from twisted.python.reflect import prefixedMethodNames

__all__ = ["FAILURE", "NOT_FOUND", "XmlrpcMethods", "procedures_below"]

#: Twisted's and cyclone 1.x's codes of faults.
NOT_FOUND = 8001
FAILURE = 8002
#: How many sub handlers a name may lead through.
_MAX_PREFIXES = 8


class XmlrpcMethods:
    """Methods named ``xmlrpc_*``, and other objects that have some, by prefix.

    A class of its own can be a sub handler of an `XmlrpcRequestHandler`::

        class Texts(XmlrpcMethods):
            def xmlrpc_upper(self, text):
                return text.upper()

        class Service(XmlrpcRequestHandler):
            subHandlers = {"texts": Texts}      # texts.upper

    The names are Twisted's.

    Attributes:
        NOT_FOUND: code of the fault that answers names which lead nowhere.
        separator: between prefix and name.
        subHandlers: objects, or classes, by prefix.  An object need not be of this class.  A class
            is made into an object for each request: a `RequestHandler` with the application and the
            request, another one without arguments.
        handler: of a sub handler that was made for a request: the handler that answers it.
    """

    NOT_FOUND: int = NOT_FOUND
    separator: str = "."
    subHandlers: ClassVar[Mapping[str, Any]] = {}
    handler: Any = None

    _own: dict[str, Any] | None = None

    def putSubHandler(self, prefix: str, handler: Any) -> None:
        """Add a sub handler to this object, as in ``initialize``."""
        self._own = {**(self._own or {}), prefix: handler}

    def getSubHandler(self, prefix: str) -> Any:
        """The object behind a prefix, None if there is none."""
        own = self._own or {}
        found = own[prefix] if prefix in own else self.subHandlers.get(prefix)
        if isinstance(found, type):
            root: Any = self.handler or self
            handles = hasattr(found, "SUPPORTED_METHODS")
            found = found(root.application, root.request) if handles else found()
            found.handler = root
            self.putSubHandler(prefix, found)
        return found

    def getSubHandlerPrefixes(self) -> list[str]:
        """The prefixes that have a sub handler."""
        return [
            *self.subHandlers,
            *(name for name in self._own or {} if name not in self.subHandlers),
        ]

    def listProcedures(self) -> list[str]:
        """The names of this object's own methods."""
        return _names(self)

    def lookupProcedure(self, procedurePath: str) -> Callable[..., Any]:
        """The method of that name.

        Raises:
            Fault: `NOT_FOUND`.
        """
        *prefixes, name = procedurePath.split(self.separator, 1)
        if not prefixes:
            return _method(self, name, self.NOT_FOUND)
        sub = self.getSubHandler(prefixes[0])
        if sub is None:
            raise Fault(self.NOT_FOUND, f"no such subHandler {prefixes[0]}")
        if hasattr(sub, "lookupProcedure"):
            found: Callable[..., Any] = sub.lookupProcedure(name)
            return found
        return _method(sub, name, self.NOT_FOUND)


def _names(holder: Any) -> list[str]:
    return sorted(prefixedMethodNames(type(holder), "xmlrpc_"))  # type: ignore[no-untyped-call]


def _method(holder: Any, name: str, code: int) -> Callable[..., Any]:
    method = getattr(holder, f"xmlrpc_{name}", None)
    if not callable(method):
        raise Fault(code, f"function {name} not found")
    found: Callable[..., Any] = method
    return found


def procedures_below(holder: Any, prefixes: int = _MAX_PREFIXES) -> Iterator[str]:
    """The full names of all methods that can be reached from `holder`."""
    if not hasattr(holder, "listProcedures"):
        yield from _names(holder)
        return
    yield from holder.listProcedures()
    if prefixes == 0:
        return
    for prefix in holder.getSubHandlerPrefixes():
        sub = holder.getSubHandler(prefix)
        if sub is not None:
            for name in procedures_below(sub, prefixes - 1):
                yield f"{prefix}{holder.separator}{name}"
