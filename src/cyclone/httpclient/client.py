"""`AsyncHTTPClient`, Tornado's client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Mapping
from typing import Any, ClassVar, cast
from weakref import WeakKeyDictionary

from twisted.internet.defer import CancelledError, Deferred

from cyclone._async import HandlerErrors, Waiter, failure_of, spawn
from cyclone.util import import_object

from .connections import Connections
from .errors import NO_RESPONSE, HTTPTimeoutError
from .fetching import fetch
from .messages import DEFAULTS, HTTPRequest, HTTPResponse, with_defaults

__all__ = ["AsyncHTTPClient"]

Callback = Callable[[HTTPResponse], Any]


def _running_reactor() -> Any:
    from twisted.internet import reactor

    return reactor


class _Answer(Waiter):
    """What `fetch` returns.  Cancelling it, or the asyncio task that awaits it, gives up."""

    def __init__(self, canceller: Callable[[Deferred[None]], None]) -> None:
        super().__init__()
        Deferred.__init__(self, canceller)

    def __await__(self) -> Generator[Any, None, None]:
        try:
            return (yield from super().__await__())
        except asyncio.CancelledError:
            if not self.called:
                self.addErrback(lambda _: None)  # nobody is left to be told
                self.cancel()
            raise


class _Pending:
    """A request in the queue or under way."""

    def __init__(self, original: HTTPRequest, request: HTTPRequest, callback: Callback) -> None:
        self.original = original
        self.request = request
        self.callback = callback
        self.queued_at = 0.0
        self.timer: Any = None
        self.waiting: Deferred[Any] | None = None

    def waits_for(self, deferred: Deferred[Any]) -> None:
        self.waiting = deferred


class AsyncHTTPClient:
    """A client that does not block (Tornado's name and interface).

    >>> async def title(url):  # doctest: +SKIP
    ...     response = await AsyncHTTPClient().fetch(url)
    ...     return response.body.partition(b"<title>")[2].partition(b"</title>")[0]

    Without arguments it is one shared client for each reactor, and class.  Connections are kept
    for a few seconds and used again.  There is no cookie jar.

    Args:
        force_instance: make a client of its own; else arguments are for the first one only.
        defaults: values for attributes of `HTTPRequest` that are None.
        max_clients: how many fetches run at a time; more wait for their turn.
        max_header_size: most bytes of a response's head; default 64 KiB.
        max_body_size: most bytes of a body, before and after decompression; default 100 MiB.
        max_buffer_size: accepted for Tornado's sake: nothing but the body is collected here.
        hostname_mapping: host names, or pairs of host and port, to hosts, or pairs, to connect to
            instead.
        reactor: what connects; default the running one.
    """

    _shared: ClassVar[WeakKeyDictionary[Any, dict[type, AsyncHTTPClient]]] = WeakKeyDictionary()
    _implementation: ClassVar[type[AsyncHTTPClient] | None] = None
    _configured: ClassVar[dict[str, Any]] = {}

    reactor: Any
    defaults: dict[str, Any]

    def __new__(cls, force_instance: bool = False, **kwargs: Any) -> AsyncHTTPClient:
        kind, configured = cls, {}
        if cls is AsyncHTTPClient:
            kind, configured = AsyncHTTPClient._implementation or cls, cls._configured
        reactor = kwargs.pop("reactor", None) or _running_reactor()
        shared = AsyncHTTPClient._shared.setdefault(reactor, {})
        if not force_instance and kind in shared:
            if kwargs:
                raise TypeError(
                    f"there is a {kind.__name__} already that others share: give arguments to the "
                    "first one, to configure(), or with force_instance=True"
                )
            return shared[kind]
        self = object.__new__(kind)
        self.reactor = reactor
        self.initialize(**{**configured, **kwargs})
        if not force_instance:
            shared[kind] = self
        return self

    def initialize(
        self,
        defaults: Mapping[str, Any] | None = None,
        max_clients: int = 10,
        max_header_size: int | None = None,
        max_body_size: int | None = None,
        max_buffer_size: int | None = None,
        hostname_mapping: Mapping[Any, Any] | None = None,
    ) -> None:
        """Called in place of ``__init__``, for `AsyncHTTPClient` returns shared objects."""
        self.defaults = {**DEFAULTS, **(defaults or {})}
        self.max_clients = max_clients
        self.max_header_size = max_header_size or 65536
        self.max_body_size = max_body_size or 104857600
        self._connections = Connections(self.reactor, max_clients, hostname_mapping)
        self._queue: deque[_Pending] = deque()
        self._active: set[_Pending] = set()
        self._closed = False

    @classmethod
    def configure(cls, impl: str | type[AsyncHTTPClient] | None, **kwargs: Any) -> None:
        """Say what ``AsyncHTTPClient()`` makes from now on.

        Args:
            impl: a subclass or its dotted name, None for this class.
            kwargs: arguments for each client.

        Raises:
            TypeError: `impl` is no subclass.
        """
        chosen: Any = import_object(impl) if isinstance(impl, str) else impl
        if chosen is not None and not (
            isinstance(chosen, type) and issubclass(chosen, AsyncHTTPClient)
        ):
            raise TypeError(f"{impl!r} is no subclass of cyclone.httpclient.AsyncHTTPClient")
        AsyncHTTPClient._implementation = chosen
        AsyncHTTPClient._configured = kwargs

    @classmethod
    def configured_class(cls) -> type[AsyncHTTPClient]:
        """What ``AsyncHTTPClient()`` makes."""
        return AsyncHTTPClient._implementation or AsyncHTTPClient

    def close(self) -> Deferred[None]:
        """End idle connections and all fetches; the client cannot be used any more.

        Returns:
            a Deferred that fires when the connections are gone.
        """
        self._closed = True
        shared = AsyncHTTPClient._shared.get(self.reactor, {})
        if shared.get(type(self)) is self:
            del shared[type(self)]
        for pending in [*self._queue, *self._active]:
            self._cancel(pending)
        return self._connections.close()

    def fetch(
        self, request: str | HTTPRequest, raise_error: bool = True, **kwargs: Any
    ) -> Deferred[HTTPResponse]:
        """Fetch a URL.

        Args:
            request: a URL, or a request.
            raise_error: whether a status other than 2xx is raised as `HTTPClientError`.
            kwargs: arguments for `HTTPRequest` if `request` is a URL.

        Returns:
            a Deferred of the `HTTPResponse`; asyncio's coroutines may await it too.  Cancelling it
            gives the request up.

        It fails with an `HTTPClientError` (code 599 without a response: `HTTPTimeoutError`,
        `HTTPConnectError`, `HTTPResponseError`, `HTTPStreamClosedError`), with what
        `prepare` finds wrong with the request (ValueError, KeyError, TypeError), or with what a
        callback raised.

        Raises:
            RuntimeError: the client is closed.
            ValueError: `kwargs` with an `HTTPRequest`, or a malformed header field.
        """
        if self._closed:
            raise RuntimeError("the client is closed")
        if not isinstance(request, HTTPRequest):
            request = HTTPRequest(request, **kwargs)
        elif kwargs:
            raise ValueError("give the arguments to the HTTPRequest")
        asked = with_defaults(request, self.defaults)
        asked.__dict__["original"] = request
        begun: list[Any] = []
        result = _Answer(lambda _: self._cancel_all(begun))

        def deliver(response: HTTPResponse) -> None:
            if result.called:
                return
            error = response.error
            if error is not None and (raise_error or not response.error_is_response_code):
                result.errback(failure_of(error))
            else:
                result.callback(response)  # type: ignore[arg-type]

        begun.append(self.fetch_impl(asked, deliver))
        return cast("Deferred[HTTPResponse]", result)

    def fetch_impl(self, request: HTTPRequest, callback: Callback) -> Any:
        """Do the work of `fetch`; subclasses may override it.

        Args:
            request: with the defaults filled in.
            callback: to be called with the response, whatever came of it.
        """
        original = request.__dict__.pop("original", request)
        pending = _Pending(original, request, callback)
        pending.queued_at = self.reactor.seconds()
        self._queue.append(pending)
        limits = [t for t in (request.connect_timeout, request.request_timeout) if t]
        if limits and len(self._active) >= self.max_clients:
            pending.timer = self.reactor.callLater(min(limits), self._queued_too_long, pending)
        self._start_next()
        return pending

    # -- the queue

    def _start_next(self) -> None:
        while self._queue and len(self._active) < self.max_clients:
            pending = self._queue.popleft()
            self._stop_timer(pending)
            self._active.add(pending)
            spawn(self._run(pending))

    async def _run(self, pending: _Pending) -> None:
        try:
            response = await fetch(
                self.reactor,
                self._connections,
                pending.original,
                pending.request,
                self.reactor.seconds() - pending.queued_at,
                self.max_header_size,
                self.max_body_size,
                pending.waits_for,
            )
        except HandlerErrors as exc:
            response = HTTPResponse(pending.original, NO_RESPONSE, error=exc)
        self._active.discard(pending)
        self._start_next()
        pending.callback(response)

    def _queued_too_long(self, pending: _Pending) -> None:
        self._queue.remove(pending)
        self._tell(pending, HTTPTimeoutError("Timeout in request queue"))

    def _cancel_all(self, begun: list[Any]) -> None:
        for pending in begun:
            if isinstance(pending, _Pending):  # else a subclass has a `fetch_impl` of its own
                self._cancel(pending)

    def _cancel(self, pending: _Pending) -> None:
        self._stop_timer(pending)
        if pending in self._queue:
            self._queue.remove(pending)
            self._tell(pending, CancelledError())
        elif pending.waiting is not None:
            pending.waiting.cancel()

    def _tell(self, pending: _Pending, error: BaseException) -> None:
        pending.callback(HTTPResponse(pending.original, NO_RESPONSE, error=error))

    @staticmethod
    def _stop_timer(pending: _Pending) -> None:
        timer, pending.timer = pending.timer, None
        if timer is not None and timer.active():
            timer.cancel()
