"""What handlers of cyclone 1.x call by names that are not Tornado's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cyclone.util import warn_of_overrides

from .errors import reason_phrase

if TYPE_CHECKING:
    from cyclone.httputil import HTTPServerRequest

    from .handler import RequestHandler

__all__ = ["ClassicMethods"]

#: Methods of 1.x that overriding has no effect on any more, and what to do instead.
NOT_CALLED = {
    "_deferred_handler": "override prepare(), the HTTP methods or _execute()",
    "_execute_handler": "override prepare(), the HTTP methods or _execute()",
    "_generate_headers": "override set_default_headers(), or use an output transform",
    "_log": "override Application.log_request(), or use the setting log_function",
}


def async_callback(
    handler: RequestHandler, /, callback: Callable[..., Any] | None, *args: Any, **kwargs: Any
) -> Callable[..., Any] | None:
    """Wrap a callback, so that what it raises is answered as if the method had raised it.

    cyclone 1.x; what is awaited or returned as a Deferred does not need it.

    Args:
        callback: None is returned as it is.
        args, kwargs: for the callback, before those that it is called with.
    """
    if callback is None:
        return None

    @functools.wraps(callback)
    def wrapper(*more: Any, **options: Any) -> Any:
        try:
            return callback(*args, *more, **{**kwargs, **options})
        except Exception as error:
            handler._handle_request_exception(error)

    return wrapper


def execute_success(handler: RequestHandler, /, result: Any = None) -> None:
    """End the response of a method that has returned (cyclone 1.x), for an own ``_execute``."""
    if handler._auto_finish and not handler._finished:
        handler.finish()


def execute_failure(handler: RequestHandler, /, error: Failure | BaseException) -> None:
    """Answer what a method has raised (cyclone 1.x), for an own ``_execute``."""
    handler._handle_request_exception(error)


def generate_headers(handler: RequestHandler, /) -> bytes:
    """The head of the response as it stands, framing left out (cyclone 1.x)."""
    reason = reason_phrase(handler._status_code, handler._reason)
    lines = [f"{handler.request.version} {handler._status_code} {reason}"]
    lines += (f"{name}: {value}" for name, value in handler._headers.get_all())
    lines += (f"Set-Cookie: {cookie}" for cookie in (handler._new_cookies or {}).values())
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")


class ClassicMethods:
    """The part of `RequestHandler` that only cyclone 1.x had."""

    if TYPE_CHECKING:  # what they need of the class
        request: HTTPServerRequest

    async_callback = async_callback
    _execute_success = execute_success
    _execute_failure = execute_failure
    _generate_headers = generate_headers

    @property
    def transport(self) -> Any:
        """The connection's transport (cyclone 1.x)."""
        return self.request.connection.transport

    def notifyFinish(self) -> Deferred[None]:
        """A Deferred that fires, with None, when the response has ended or the peer is gone.

        cyclone 1.x; see `http1.Exchange.notifyFinish`.
        """
        notify: Callable[[], Deferred[None]] = self.request.connection.notifyFinish
        return notify()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        warn_of_overrides(cls, ClassicMethods, NOT_CALLED)
