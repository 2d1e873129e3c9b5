"""How a response of which nothing has been sent leaves: one head, one body, one write.

And what `RequestHandler.write` makes of things that are no bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cyclone._async import Settled, Waiter
from cyclone.escape import json_encode, utf8
from cyclone.http1 import Exchange, FramingError
from cyclone.httputil import parse_http_date

from . import conditional
from .fields import (
    FRAMING_FIELDS,
    REPRESENTATION_FIELDS,
    encoded_cookies,
)
from .prepared import date_field

if TYPE_CHECKING:
    from .handler import RequestHandler

__all__ = ["converted", "respond"]

#: A response that has one of these needs a closer look.
_SPECIAL_FIELDS = FRAMING_FIELDS | {"Etag"}


def respond(handler: RequestHandler, own_flush: bool, own_etag: bool) -> Settled | Waiter:
    """Send the response of `handler`.

    Args:
        own_flush: its ``flush`` is an application's.
        own_etag: so are ``compute_etag`` or ``set_etag_header``.
    """
    request = handler.request
    connection: Exchange = request.connection
    if handler.no_keep_alive:
        connection.no_keep_alive = True
    # Connections of others may know Tornado's interface only.
    plain = not (own_flush or handler._transforms) and hasattr(connection, "respond")
    headers = handler._header_map
    special = headers is not None and headers.has_any(_SPECIAL_FIELDS)
    status = handler._status_code
    etag = b""
    tagged = headers is None and handler._prepared.tagged
    if status == 200 and not tagged and (request.method == "GET" or request.method == "HEAD"):
        if special or own_etag or not plain or connection.head.conditional:
            handler.set_etag_header()
            _check_preconditions(handler)
            status, headers = handler._status_code, handler._header_map
            special = headers is not None and headers.has_any(FRAMING_FIELDS)
        else:
            etag = conditional.etag_field(handler._write_buffer)
    if status != 200:
        _check_status(handler)
        headers = handler._header_map
        special = headers is not None and headers.has_any(FRAMING_FIELDS)
    if special or not plain:
        return _respond_by_parts(handler)
    if headers is None:
        fields = handler._prepared.encoded + date_field() + etag
    else:
        fields = headers.encode() + etag
    if handler._new_cookies is not None:
        fields += encoded_cookies(handler._new_cookies.values())
    handler._headers_written = True
    buffer, handler._write_buffer = handler._write_buffer, []
    body = buffer[0] if len(buffer) == 1 else b"".join(buffer)
    return connection.respond(status, handler._reason, fields, body)


def _check_preconditions(handler: RequestHandler) -> None:
    """Answer 304 or 412 instead when the request's preconditions say so (RFC 9110 13.2.2)."""
    headers = handler._headers
    verdict = conditional.evaluate(
        handler.request.method,
        handler.request.headers.get,
        etag=headers.get("Etag"),
        last_modified=parse_http_date(headers.get("Last-Modified", "")),
    )
    if verdict is not None:
        handler._write_buffer = []
        handler.set_status(verdict)


def _check_status(handler: RequestHandler) -> None:
    """Statuses that have no body, or are no end."""
    status = handler._status_code
    if status < 200 and status != 101:
        # RFC 9110 section 15.2: the peer would go on waiting for the final response.
        raise RuntimeError(f"{status} is the status of an interim response")
    if status not in (101, 204, 304):
        return
    if any(handler._write_buffer):
        if status != 304:
            raise RuntimeError(f"Cannot send body with {status}")
        handler._write_buffer = []
    for name in REPRESENTATION_FIELDS:
        handler.clear_header(name)


def _respond_by_parts(handler: RequestHandler) -> Settled | Waiter:
    """For responses whose framing the handler or a transform has a say in."""
    status = handler._status_code
    bodiless = status < 200 or status in (204, 304)
    size = sum(map(len, handler._write_buffer))
    if not bodiless and "Content-Length" not in handler._headers:
        # Transforms change it as they change the body (Tornado).
        handler.set_header("Content-Length", size)
    elif not bodiless and not handler._transforms and handler.request.method != "HEAD":
        _check_length(handler, size)
    handler.flush(include_footers=True)
    connection: Exchange = handler.request.connection
    return connection.finish()


def _check_length(handler: RequestHandler, size: int) -> None:
    """While nothing has been sent, a wrong Content-Length can still be answered with 500."""
    declared = handler._headers["Content-Length"]
    if declared == str(size):
        return
    # The words are Tornado's: old applications look for them in their logs.
    missing = int(declared) - size if declared.isdecimal() else 0
    if missing > 0:
        raise FramingError(f"Tried to write {missing} bytes less than Content-Length")
    raise FramingError("Tried to write more data than Content-Length")


def converted(handler: RequestHandler, chunk: Any) -> bytes:
    """The bytes of something that `RequestHandler.write` is given."""
    if isinstance(chunk, dict) or (
        isinstance(chunk, list)
        and (handler.serialize_lists or handler.settings.get("serialize_lists"))
    ):
        handler.set_header("Content-Type", "application/json; charset=UTF-8")
        return utf8(json_encode(chunk))
    if isinstance(chunk, (str, bytes)):
        return utf8(chunk)
    message = "write() only accepts bytes, unicode, and dict objects"
    if isinstance(chunk, list):
        message += (
            ". Lists not accepted for security reasons, unless the setting serialize_lists is on"
        )
    raise TypeError(message)
