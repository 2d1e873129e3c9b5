"""Observers: what measures, traces and names requests without being in the way of those it is not
asked about.

An application without observers does not know of them: its first one replaces, on this application
alone, the two methods that requests begin and end in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cyclone.httputil import HTTPServerRequest
from cyclone.log import app_log

from .routing import RouteMatch

if TYPE_CHECKING:
    from .application import Application
    from .handler import RequestHandler

__all__ = ["ObservedRequests", "RequestObserver"]


class RequestObserver:
    """Base class of what is told of each request that reaches a handler; does nothing.

    Observers are given to an application by its setting ``observers``, or `Application.observe`.
    What they raise is logged and does no harm to the request.
    """

    def installed(self, application: Application) -> None:
        """The observer belongs to this application from now on."""

    def request_started(self, request: HTTPServerRequest, route: str | None) -> Any:
        """A request is about to be handled: its body is there, unless the handler streams it.

        Runs in the context of the request: context variables that are set here are what the handler
        finds, also after an ``await``.

        Args:
            route: the pattern of the route that matched; None if none did.

        Returns:
            whatever `request_ended` is to be given.
        """

    def request_ended(self, started: Any, handler: RequestHandler, lost: bool) -> None:
        """The response has ended; of a WebSocket, when it is opened.  Called once.

        Args:
            started: what `request_started` has returned.
            lost: the peer went away before.
        """


class ObservedRequests:
    """The observers of an application, and the two methods of it that they replace."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._execute: Callable[..., RequestHandler] = application.execute_request
        self._log: Callable[[RequestHandler], None] = application.log_request
        self.observers: list[RequestObserver] = []

    def execute_request(
        self, request: HTTPServerRequest, match: RouteMatch | None
    ) -> RequestHandler:
        """As the application's, and tell the observers."""
        observation = _Observation(self.observers, request, _route_of(match))
        request.__dict__["_observation"] = observation
        connection: Any = request.connection
        # Connections of others may know Tornado's interface only.
        watch = getattr(connection, "when_done", None)
        if watch is not None:
            watch(observation.done)
        handler = self._execute(request, match)
        observation.begun(handler, over=watch is None)
        return handler

    def log_request(self, handler: RequestHandler) -> None:
        """As the application's; of a WebSocket it is all that is heard."""
        try:
            self._log(handler)
        finally:
            if handler.get_status() == 101:
                observation = handler.request.__dict__.get("_observation")
                if observation is not None:
                    observation.opened(handler)


def _route_of(match: RouteMatch | None) -> str | None:
    regex = None if match is None else getattr(match.spec, "regex", None)
    return None if regex is None else str(regex.pattern)


class _Observation:
    """What is going on with one request."""

    __slots__ = ("_handler", "_over", "_request", "_started")

    def __init__(
        self, observers: Sequence[RequestObserver], request: HTTPServerRequest, route: str | None
    ) -> None:
        self._request = request
        self._handler: RequestHandler | None = None
        self._over = False
        self._started: list[tuple[RequestObserver, Any]] | None = []
        for observer in observers:
            try:
                self._started.append((observer, observer.request_started(request, route)))
            except Exception:
                app_log.error("Uncaught exception in request_started", exc_info=True)

    def done(self) -> None:
        """The exchange has ended, perhaps before anybody has seen the handler."""
        self._over = True
        if self._handler is not None:
            self._end(self._handler)

    def opened(self, handler: RequestHandler) -> None:
        """It has become a WebSocket."""
        self._over = True
        self._end(handler)

    def begun(self, handler: RequestHandler, over: bool) -> None:
        """The handler is there, and may have ended."""
        self._handler = handler
        if self._over or over:
            self._end(handler)

    def _end(self, handler: RequestHandler) -> None:
        started, self._started = self._started, None
        lost = bool(getattr(self._request.connection, "lost", False))
        for observer, value in reversed(started or ()):
            try:
                observer.request_ended(value, handler, lost)
            except Exception:
                app_log.error("Uncaught exception in request_ended", exc_info=True)
