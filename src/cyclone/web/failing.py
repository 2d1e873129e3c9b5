"""From an exception in a handler to a response, or to the end of the connection."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.python.failure import Failure

from cyclone._async import exception_of, failure_of, resolve, settle
from cyclone.escape import utf8
from cyclone.httputil import HTTPInputError
from cyclone.log import app_log, gen_log

from . import pages
from .errors import Finish, HTTPError, is_status, reason_phrase

if TYPE_CHECKING:
    from .handler import RequestHandler

__all__ = [
    "answer",
    "cannot_write",
    "log_exception",
    "request_summary",
    "send_error",
    "write_error",
]


def answer(handler: RequestHandler, /, error: Any) -> None:
    """Answer the exception, or Failure, that a method of `handler` raised."""
    if isinstance(error, Failure):
        error = exception_of(error)
    if isinstance(error, Finish):
        try:
            if handler._open:
                handler.finish(*error.args)
            return
        except Exception as cannot_finish:
            error = cannot_finish
    exc_info = (type(error), error, error.__traceback__)
    try:
        handler.log_exception(*exc_info)
    except Exception:
        app_log.error("Error in exception logger", exc_info=True)
    if not handler._open:  # too late to tell the peer
        # Connections of others may know Tornado's interface only.
        drop_detached = getattr(handler.request.connection, "drop_detached", None)
        if drop_detached is not None:
            drop_detached()
        return
    try:
        handler.send_error(_status_of(error), exc_info=exc_info, exception=failure_of(error))
    except Exception:
        app_log.error("Cannot send an error response", exc_info=True)
        _abandon(handler)


def log_exception(
    handler: RequestHandler,
    /,
    typ: type[BaseException] | None,
    value: BaseException | None,
    tb: Any,
) -> None:
    """Log what a method raised: faults of the peer as warnings, others as errors."""
    if isinstance(value, HTTPInputError):
        gen_log.warning("400 %s: %s", handler._request_summary(), value)
    elif isinstance(value, HTTPError):
        message = value.get_message()
        if message:
            gen_log.warning("%d %s: %s", value.status_code, handler._request_summary(), message)
    else:
        app_log.error(
            "Uncaught exception %s", handler._request_summary(), exc_info=(typ, value, tb)
        )


def request_summary(handler: RequestHandler, /) -> str:
    """What was asked, and by whom, for the log."""
    request = handler.request
    return f"{request.method} {request.uri} ({request.remote_ip})"


def _status_of(error: BaseException) -> int:
    if isinstance(error, HTTPError):
        return error.status_code if is_status(error.status_code) else 500
    return 400 if isinstance(error, HTTPInputError) else 500


def send_error(handler: RequestHandler, /, status_code: int = 500, **kwargs: Any) -> None:
    """Answer with an error; `write_error` writes the body.  Return from the method after it.

    When part of the response has been sent the connection is dropped: an end in good order
    would make the peer take what it has for the whole.

    Args:
        kwargs: ``reason``, and whatever `write_error` should get.
    """
    if handler._headers_written:
        gen_log.error("Cannot send error response after headers written")
        if not handler._finished:
            _abandon(handler)
        return
    if not is_status(status_code):
        gen_log.error("%r is no status code", status_code)
        status_code = 500
    handler.clear()
    error = _exception_in(kwargs)
    reason = kwargs.get("reason")
    if isinstance(error, HTTPError):
        reason = error.reason or reason
        _set_fields(handler, error.headers)
    handler.set_status(status_code, reason=reason)
    if status_code == 405 and "Allow" not in handler._headers:
        # RFC 9110 section 15.5.6: a 405 response must say what is allowed.
        handler.set_header("Allow", ", ".join(_allowed_methods(handler)))
    handler._failing = True  # nothing but the error is answered from here on
    try:
        result = handler.write_error(status_code, **kwargs)
    except Exception as failure:
        cannot_write(handler, failure)
    else:
        resolve(result, lambda _: _finish(handler), lambda error: cannot_write(handler, error))


def _set_fields(handler: RequestHandler, fields: Mapping[str, Any]) -> None:
    """Set header fields; one whose value is a list comes once for each of its values."""
    for name, value in fields.items():
        if not isinstance(value, list):
            handler.set_header(name, value)
            continue
        handler.clear_header(name)
        for each in value:
            handler.add_header(name, each)


def _exception_in(kwargs: dict[str, Any]) -> BaseException | None:
    """What went wrong, from the arguments of Tornado's ``send_error`` or cyclone 1.x's."""
    if kwargs.get("exc_info"):
        error: BaseException | None = kwargs["exc_info"][1]
        return error
    error = kwargs.get("exception")
    return exception_of(error) if isinstance(error, Failure) else error


def write_error(handler: RequestHandler, /, status_code: int, **kwargs: Any) -> Any:
    """Write the body of an error response.  May be asynchronous.

    Args:
        kwargs: what `send_error` was given; for an exception ``exc_info`` (a triple) and
            ``exception`` (a Failure, as in cyclone 1.x).

    A method ``get_error_html(status_code, **kwargs)`` of old handlers is still asked.
    """
    old_page = getattr(handler, "get_error_html", None)
    if old_page is not None:
        return _write_old_page(handler, old_page(status_code, **_accepted(old_page, kwargs)))
    if status_code < 200 or status_code in (204, 304):
        return None  # HTTPError(204): an answer without body
    reason = reason_phrase(status_code, handler._reason)
    if handler.settings.get("serve_traceback") and kwargs.get("exc_info"):
        request = handler.request
        page = pages.debug_page(
            status_code,
            reason,
            kwargs["exc_info"],
            request.method,
            request.uri,
            request.headers.get_all(),
        )
    else:
        page = pages.error_page(status_code, reason)
    if policy := handler._headers.get("Content-Security-Policy"):
        handler.set_header("Content-Security-Policy", pages.policy_for(page, policy))
    handler._write_buffer = [utf8(page)]
    return None


async def _write_old_page(handler: RequestHandler, page: Any) -> None:
    page = await settle(page)
    if not handler._finished:
        handler.finish(page)


def _accepted(function: Callable[..., Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments that `function` has parameters for: cyclone 1.x passed fewer."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return kwargs
    names = {parameter.name for parameter in parameters}
    return {name: value for name, value in kwargs.items() if name in names}


def _finish(handler: RequestHandler) -> None:
    page = handler._error_page
    if handler._finished or (page is not None and not page.called):
        return
    try:
        handler.finish()
    except Exception:
        app_log.error("Cannot send an error response", exc_info=True)
        _abandon(handler)


def cannot_write(handler: RequestHandler, error: BaseException) -> None:
    """`write_error` failed: send what it has written."""
    app_log.error("Uncaught exception in write_error", exc_info=error)
    _finish(handler)


def _allowed_methods(handler: RequestHandler) -> list[str]:
    """The methods that would not answer 405."""
    return [name for name in handler.SUPPORTED_METHODS if handler.answers(name)]


def _abandon(handler: RequestHandler) -> None:
    """No response can be made: drop the connection rather than leave the peer waiting."""
    handler._finished = True
    with contextlib.suppress(Exception):
        handler.request.connection.abort()
    handler._end()
