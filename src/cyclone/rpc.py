"""What the handlers of `cyclone.xmlrpc` and `cyclone.jsonrpc` share.

Which requests they take, how a method is called, and the limits.  Applications use those two.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar

from cyclone._async import CancelledErrors, settle
from cyclone.util import warn_of_overrides
from cyclone.web import Finish, RequestHandler

__all__ = ["DEFAULT_MAX_CALLS", "DEFAULT_MAX_DEPTH", "InvalidParams", "RpcRequestHandler"]

#: How deeply arrays and objects of a request may be nested; setting ``rpc_max_depth``.
DEFAULT_MAX_DEPTH = 64
#: Calls in one request; setting ``rpc_max_calls``.
DEFAULT_MAX_CALLS = 100
#: Characters of a message that quotes the request.
_LONGEST_QUOTE = 200
#: Methods of cyclone 1.x that overriding has no effect on any more, and what to do instead.
NOT_CALLED = {
    "_cbResult": "raise JSONRPCError, or override get_method()",
    "_cbRender": "return the result from the method",
    "_ebRender": "raise Fault",
}


class InvalidParams(Exception):
    """The arguments of a call do not fit its method; the message says why, and may be shown."""


class RpcRequestHandler(RequestHandler):
    """A handler whose POST calls methods.

    Attributes:
        max_body_size: bytes of a request, 1 MiB unless a class says otherwise (413 beyond it).
            Reading a request of that size takes the reactor's thread a part of a second.
        content_types: media types that requests may have, in lower case; None for all, and for
            requests without one.  Others get 415.  None of the default ones can be sent by a form,
            or by a script of another site that was not allowed to (CORS).
    """

    max_body_size = 1024 * 1024
    content_types: ClassVar[Collection[str] | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        warn_of_overrides(cls, RpcRequestHandler, NOT_CALLED)

    def takes_content(self) -> bool:
        """Whether the request has one of `content_types`; if not, it is answered with 415."""
        if self.content_types is None:
            return True
        given = self.request.headers.get("Content-Type", "")
        if given.partition(";")[0].strip().lower() in self.content_types:
            return True
        expected = ", ".join(self.content_types)
        self.set_status(415)
        self.set_header("Accept", expected)  # RFC 9110 section 15.5.16
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.finish(f"The Content-Type of a request must be one of: {expected}\n")
        return False

    def limit(self, name: str, default: int) -> int:
        """The setting `name`, a whole number of at least 1.

        Raises:
            ValueError: it is something else.
        """
        value = self.settings.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a whole number, 1 or more, not {value!r}")
        return value

    async def call_method(
        self, method: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Call `method`, which may be asynchronous, and return its result.

        Raises:
            InvalidParams: it has other parameters; it was not called then.
            BaseException: what it raises.
        """
        problem = mismatch(method, args, kwargs)
        if problem is not None:
            raise InvalidParams(problem[:_LONGEST_QUOTE])
        return await settle(method(*args, **kwargs))

    def ends_request(self, error: BaseException) -> bool:
        """Whether `error` says that this handler is to end, rather than that a method failed."""
        if isinstance(error, Finish):
            return True
        if not isinstance(error, CancelledErrors):
            return False
        if self.request.connection.done:
            return True
        if not isinstance(error, asyncio.CancelledError):
            return False
        try:
            task = asyncio.current_task()
        except RuntimeError:  # there is no loop: the method has raised it by itself
            return False
        return task is not None and task.cancelling() > 0


def mismatch(
    method: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> str | None:
    """Why `method` cannot be called so; None when it can, or when that cannot be known before.

    Decorators that were made with `functools.wraps` stand for what they wrap.
    """
    function = getattr(method, "__func__", None)
    if function is not None:  # so that nobody names an argument "self"
        args = (method.__self__, *args)  # type: ignore[attr-defined]
    try:
        signature = inspect.signature(function or method)
    except (TypeError, ValueError):  # something of C
        return None
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        return str(error)
    return None
