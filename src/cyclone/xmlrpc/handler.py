"""`XmlrpcRequestHandler`: calls by HTTP POST."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xmlrpc.client import Fault

from cyclone._async import HandlerErrors
from cyclone.httputil import responses
from cyclone.rpc import DEFAULT_MAX_CALLS, DEFAULT_MAX_DEPTH, InvalidParams, RpcRequestHandler
from cyclone.web import HTTPError

from .codes import INVALID_PARAMS
from .introspection import Introspection
from .procedures import FAILURE, XmlrpcMethods
from .reading import check_name, read_call
from .writing import fault_text, plain, result_text

__all__ = ["XmlrpcRequestHandler"]


class XmlrpcRequestHandler(XmlrpcMethods, RpcRequestHandler):
    """Answers XML-RPC with its methods named ``xmlrpc_*`` (cyclone 1.x).

    A method may be plain, return a Deferred or be a coroutine; it raises, or returns, a `Fault` to
    answer with one.  What the groups of the route matched comes first in its arguments.  Dotted
    names lead through sub handlers, see `XmlrpcMethods`.

    The status is 200, for faults, too; 405, 413 and 415 as usual.

    Attributes:
        FAILURE: code of the fault that answers methods which failed otherwise, and results that
            cannot be written.
        NOT_FOUND: code of the fault that answers unknown names.
        allowNone: write None, as ``<nil/>``, which is an extension.
        separator: between the parts of dotted names.
        useDateTime: give dates to methods as `datetime.datetime` instead of `DateTime` (Twisted).
        useBuiltinTypes: that, and bytes instead of `Binary`.
        introspection: there are ``system.listMethods``, ``methodHelp``, ``methodSignature`` and
            ``multicall``.
        content_types: see `cyclone.rpc.RpcRequestHandler`.
    """

    FAILURE: int = FAILURE
    allowNone: bool = False
    useDateTime: bool = False
    useBuiltinTypes: bool = False
    introspection: bool = True
    content_types = ("text/xml", "application/xml")

    _groups: tuple[Sequence[Any], Mapping[str, Any]] = ((), {})

    def get_current_user(self) -> Any:
        """Of a sub handler: the user of the handler that answers."""
        return super().get_current_user() if self.handler is None else self.handler.current_user

    def getSubHandler(self, prefix: str) -> Any:
        """See `XmlrpcMethods.getSubHandler`; ``system`` is there unless it is overridden."""
        found = super().getSubHandler(prefix)
        if found is None and prefix == "system" and self.introspection and self.handler is None:
            return Introspection(self, self.limit("rpc_max_calls", DEFAULT_MAX_CALLS))
        return found

    def getSubHandlerPrefixes(self) -> list[str]:
        """See `XmlrpcMethods.getSubHandlerPrefixes`."""
        prefixes = super().getSubHandlerPrefixes()
        if self.introspection and self.handler is None and "system" not in prefixes:
            prefixes.append("system")
        return prefixes

    def _getFunction(self, functionPath: str) -> Callable[..., Any]:
        """Inner name of cyclone 1.x, which applications may have overridden."""
        return self.lookupProcedure(functionPath)

    async def post(self, *args: Any, **kwargs: Any) -> None:
        """Answer a call; the arguments are what the groups of the route matched."""
        if not self.takes_content():
            return
        self._groups = (args, kwargs)
        try:
            name, params = read_call(
                self.request.body,
                max_depth=self.limit("rpc_max_depth", DEFAULT_MAX_DEPTH),
                separator=self.separator,
                use_datetime=self.useDateTime,
                use_builtin_types=self.useBuiltinTypes,
            )
            text = self._written(await self.call_procedure(name, params))
        except Fault as fault:
            text = fault_text(fault, self.FAILURE)
        if not self._finished:  # by a method of the application
            self.set_header("Content-Type", "text/xml")
            self.finish(text)

    async def call_procedure(
        self, name: Any, params: Sequence[Any], in_multicall: bool = False
    ) -> Any:
        """Call the method of that name, and return its result as it can be written.

        Args:
            in_multicall: refuse another ``system.multicall``.

        Raises:
            Fault: whatever went wrong.
        """
        try:
            function = self._getFunction(check_name(name, self.separator))
            holder = getattr(function, "__self__", None)
            groups, named = self._groups
            if isinstance(holder, Introspection):
                if in_multicall and function == holder.xmlrpc_multicall:
                    raise Fault(INVALID_PARAMS, "a multicall has no multicall in it")
                groups, named = (), {}
            result = await self.call_method(function, [*groups, *params], named)
        except Fault:
            raise
        except InvalidParams as problem:
            raise Fault(INVALID_PARAMS, f"Invalid params: {problem}") from None
        except HandlerErrors as error:
            if self.ends_request(error):
                raise
            raise self._fault_for(error) from None
        if isinstance(result, Fault):
            raise result
        try:
            return plain(result, self.allowNone)
        except Exception as error:
            raise self._unwritten(error) from None

    def _written(self, result: Any) -> str:
        try:
            return result_text(result, self.allowNone)
        except Exception as error:  # nested just too deeply
            raise self._unwritten(error) from None

    def _unwritten(self, error: Exception) -> Fault:
        self.log_exception(type(error), error, error.__traceback__)
        return Fault(self.FAILURE, f"can't serialize output: {error}")

    def _fault_for(self, error: BaseException) -> Fault:
        """What the client is told of an exception; the log gets the rest."""
        self.log_exception(type(error), error, error.__traceback__)
        if isinstance(error, HTTPError):
            reason = error.reason or responses.get(error.status_code, "error")
            return Fault(self.FAILURE, reason)
        return Fault(self.FAILURE, "error")
