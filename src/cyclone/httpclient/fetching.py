"""`Fetch`: a request with all the requests that its redirects lead to."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from .attempt import DROP, Attempt, Limits, Received
from .connections import Connections
from .heads import ResponseHead
from .messages import HTTPRequest, HTTPResponse
from .preparation import prepare
from .redirects import is_redirect, redirected

__all__ = ["fetch"]


def _limit(seconds: float | None) -> float | None:
    """None for no limit, which callers write as 0."""
    return seconds or None


async def fetch(
    reactor: Any,
    connections: Connections,
    original: HTTPRequest,
    request: HTTPRequest,
    queued: float,
    max_header_size: int,
    max_body_size: int,
    waiting: Callable[[Deferred[Any]], None],
) -> HTTPResponse:
    """Fetch `request` and follow its redirects.

    Args:
        reactor: the clock.
        connections: where connections come from.
        original: the request as the caller made it, for the response.
        request: the same with the defaults filled in.
        queued: seconds that it has waited.
        max_header_size: bytes of a head.
        max_body_size: bytes of a body.
        waiting: told what is waited for; cancelling that gives up.
    """
    began = reactor.seconds()
    total = _limit(request.request_timeout)
    limits = Limits(
        max_header_size,
        max_body_size,
        _limit(request.connect_timeout),
        None if total is None else began + total,
    )
    while True:
        started, wall = reactor.seconds(), time.time()
        received = await _once(reactor, connections, request, limits, waiting)
        head = received.head
        location = head.headers.get("Location")
        if not is_redirect(request, head.code, location):
            break
        request = redirected(request, head.code, location)
    ended = reactor.seconds()
    return HTTPResponse(
        original,
        head.code,
        reason=head.reason,
        headers=received.headers,
        buffer=received.buffer,
        effective_url=request.url,
        request_time=ended - started,
        start_time=wall,
        time_info={
            "queue": queued,
            "connect": received.connected_at - started,
            "total": queued + ended - began,
        },
    )


async def _once(
    reactor: Any,
    connections: Connections,
    request: HTTPRequest,
    limits: Limits,
    waiting: Callable[[Deferred[Any]], None],
) -> Received:
    """One response.  A kept connection that turns out to be dead costs another attempt."""
    prepared = prepare(request)
    while True:
        attempt = Attempt(
            reactor,
            connections,
            prepared,
            limits,
            bool(request.decompress_response),
            _head_reader(request),
        )
        started = attempt.start()
        waiting(started)
        try:
            return await started
        except Exception:
            # Each attempt takes one kept connection away, so this ends.
            if not (attempt.stale and prepared.repeatable):
                raise


def _head_reader(request: HTTPRequest) -> Callable[[ResponseHead], Callable[[bytes], Any] | None]:
    """What is done with a head; says who gets the body."""

    def read(head: ResponseHead) -> Callable[[bytes], Any] | None:
        if is_redirect(request, head.code, head.headers.get("Location")):
            return DROP
        callback = request.header_callback
        if callback is not None:
            callback(f"{head.version} {head.code} {head.reason}\r\n")
            for name, value in head.headers.get_all():
                callback(f"{name}: {value}\r\n")
            callback("\r\n")
        return request.streaming_callback

    return read
