"""Clients for tests: requests to an application without a socket.

Both drive the real connection of the application over a transport made of memory, so all
of the server takes part: parsing, limits, routing, the handler, framing. Cookies are kept
between requests as a browser keeps them (see `CookieJar`).

- `Client` needs no reactor: its methods return the `Response`, and time stands still but
  for ``client.advance(seconds)``.
- `DeferredClient` runs on the reactor as cyclone 1.x's client did: its methods return a
  Deferred of the response. `CycloneTestCase` has one.

A response is read strictly: what RFC 9112 forbids a server to send raises `ResponseError`.
"""

from __future__ import annotations

from time import time
from typing import Any, Generic, TypeVar, Unpack
from urllib.parse import urlsplit

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import Clock

from cyclone.httputil import parse_cookie

from .connection import MemoryConnection, settle, use_clock
from .cookies import Cookie, CookieJar
from .request import (
    HeaderValues,
    OutgoingRequest,
    Pairs,
    RequestOptions,
    build_request,
    pairs_of,
)
from .response import PendingResponse, Response, ResponseNotReady
from .transport import CLIENT_ADDRESS, Address
from .wire import ResponseError, ResponseParser

_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 20

T = TypeVar("T")


class BaseClient(Generic[T]):
    """What both clients share; `T` is what their request methods return.

    Args:
        app: the Application. Its ``clock`` attribute becomes `clock`.
        https: requests count as encrypted, for a path without scheme.
        host: value of the Host field, a port included if need be.
        headers: mapping or pairs, sent with every request.
        follow_redirects: go where a redirect points (20 times at most).
        keep_alive: send requests over one connection as long as it is open and free;
            otherwise each has its own.

    Attributes:
        cookies: the `CookieJar`.
        clock: what the server's timers run on.
    """

    def __init__(
        self,
        app: Any,
        *,
        clock: Any,
        https: bool = False,
        host: str = "localhost",
        headers: HeaderValues | None = None,
        follow_redirects: bool = False,
        keep_alive: bool = True,
    ) -> None:
        self.app = app
        self.clock = clock
        self.https = https
        self.host = host
        self.headers = [(name, str(value)) for name, value in pairs_of(headers)]
        self.follow_redirects = follow_redirects
        self.keep_alive = keep_alive
        self.cookies = CookieJar(self._now, self._cookie_secret)
        self._idle: dict[bool, MemoryConnection] = {}
        self._connections: list[MemoryConnection] = []

    # -- requests

    def request(
        self, method: str, path: str, params: Pairs | None = None, **options: Unpack[RequestOptions]
    ) -> T:
        """Send a request.

        Args:
            method: any token.
            path: path and perhaps a query; or an absolute URL, for another host or scheme.
                What ASCII lacks is percent-encoded.
            params: mapping or pairs added to the query.
            options: see `RequestOptions`.
        """
        raise NotImplementedError

    def get(self, path: str, params: Pairs | None = None, **options: Unpack[RequestOptions]) -> T:
        """Send GET; see `request`."""
        return self.request("GET", path, params, **options)

    def head(self, path: str, params: Pairs | None = None, **options: Unpack[RequestOptions]) -> T:
        """Send HEAD; see `request`."""
        return self.request("HEAD", path, params, **options)

    def post(self, path: str, params: Pairs | None = None, **options: Unpack[RequestOptions]) -> T:
        """Send POST; see `request`."""
        return self.request("POST", path, params, **options)

    def put(self, path: str, params: Pairs | None = None, **options: Unpack[RequestOptions]) -> T:
        """Send PUT; see `request`."""
        return self.request("PUT", path, params, **options)

    def patch(self, path: str, params: Pairs | None = None, **options: Unpack[RequestOptions]) -> T:
        """Send PATCH; see `request`."""
        return self.request("PATCH", path, params, **options)

    def delete(
        self, path: str, params: Pairs | None = None, **options: Unpack[RequestOptions]
    ) -> T:
        """Send DELETE; see `request`."""
        return self.request("DELETE", path, params, **options)

    def options(
        self, path: str, params: Pairs | None = None, **options: Unpack[RequestOptions]
    ) -> T:
        """Send OPTIONS; see `request`."""
        return self.request("OPTIONS", path, params, **options)

    def open(
        self, method: str, path: str, params: Pairs | None = None, **options: Unpack[RequestOptions]
    ) -> PendingResponse:
        """Send a request and return at once with what is there of the response.

        For handlers that wait or stream. Redirects are not followed. To send the body
        piece by piece, announce it in `headers` (``Content-Length``, or
        ``Transfer-Encoding: chunked``) and call the pending response's `send`.
        """
        return self._start(self._build(method, path, params, options))

    def connect(self, remote_ip: str | None = None, https: bool | None = None) -> MemoryConnection:
        """A new connection for a test that writes its bytes itself."""
        connection = MemoryConnection(
            self.app,
            clock=self.clock,
            tls=self.https if https is None else https,
            peer=_peer(remote_ip),
        )
        self._connections = [each for each in self._connections if each.transport.connected]
        self._connections.append(connection)
        return connection

    def close(self) -> None:
        """Drop all connections of this client."""
        self._idle.clear()
        for connection in self._connections:
            connection.disconnect()
        self._connections.clear()

    # -- inside

    def _now(self) -> float:
        return time()

    def _cookie_secret(self) -> Any:
        return getattr(self.app, "settings", {}).get("cookie_secret")

    def _build(
        self, method: str, path: str, params: Pairs | None, options: RequestOptions
    ) -> OutgoingRequest:
        url = path
        if "://" not in path.split("?", 1)[0]:
            protocol = options.get("protocol") or ("https" if self.https else "http")
            start = "" if path.startswith("/") else "/"
            url = f"{protocol}://{options.get('host') or self.host}{start}{path}"
        request = build_request(method, url, params, options)
        request.fields += [pair for pair in self.headers if not request.has(pair[0])]
        return request

    def _start(self, request: OutgoingRequest) -> PendingResponse:
        cookies = self.cookies.header(request.hostname, request.path, request.https)
        data = request.encode(cookies)
        connection = self._connection(request)
        set_cookies: dict[str, Cookie] = {}

        def keep_cookies(parser: ResponseParser) -> None:
            for line in parser.values("Set-Cookie"):
                cookie = self.cookies.store(line, request.hostname, request.path)
                if cookie is not None:
                    set_cookies[cookie.name] = cookie

        def build(parser: ResponseParser) -> Response:
            self._release(connection, request, parser)
            return Response(
                parser, url=request.url, cookies=set_cookies, sent_cookies=parse_cookie(cookies)
            )

        pending = PendingResponse(connection, request.method, keep_cookies, build)
        connection.send(data)
        return pending

    def _connection(self, request: OutgoingRequest) -> MemoryConnection:
        idle = self._idle.pop(request.https, None)
        if idle is not None:
            stray = idle.transport.take()
            if stray:
                raise ResponseError(f"bytes after the last response: {stray[:80]!r}")
            if not idle.closed and request.remote_ip is None:
                return idle
        return self.connect(request.remote_ip, request.https)

    def _release(
        self, connection: MemoryConnection, request: OutgoingRequest, parser: ResponseParser
    ) -> None:
        """The response is complete: keep the connection for the next request, or leave."""
        connection.transport.watcher = None
        if parser.framing == "upgrade":
            return
        if not self.keep_alive or not parser.keep_alive or request.remote_ip is not None:
            connection.clock.callLater(0, connection.disconnect)
        elif not connection.closed:
            self._idle[request.https] = connection

    def _next(
        self, request: OutgoingRequest, response: Response, follow: bool | None, count: int
    ) -> OutgoingRequest | None:
        """The request that a redirect asks for, None when `response` is the last one.

        Raises:
            ResponseError: after too many redirects, and for one that leaves http.
        """
        location = response.headers.get("Location")
        follows = self.follow_redirects if follow is None else follow
        if not follows or response.status not in _REDIRECTS or location is None:
            return None
        if count >= _MAX_REDIRECTS:
            raise ResponseError(f"more than {_MAX_REDIRECTS} redirects")
        following = request.redirected(response.status, location)
        if urlsplit(following.url).scheme not in ("http", "https"):
            raise ResponseError(f"redirected to {following.url[:80]!r}")
        return following


class Client(BaseClient[Response]):
    """A client whose methods return the response itself; no reactor is involved.

    ::

        client = Client(Application([(r"/", MainHandler)]))
        response = client.get("/", params={"q": "x"})
        response.status, response.headers["Content-Type"], response.body

    The server's clock is the client's: a :class:`twisted.internet.task.Clock` that
    `advance` moves; clients of one application share it. A request whose
    handler waits for anything raises `ResponseNotReady`; use `open` for these::

        pending = client.open("GET", "/slow")
        client.advance(5)
        pending.response.body

    Args:
        app: the Application.
        clock: the clock to use.
        options: see `BaseClient`.
    """

    def __init__(self, app: Any, *, clock: Clock | None = None, **options: Any) -> None:
        super().__init__(app, clock=use_clock(app, clock), **options)
        self._started = self.clock.seconds()

    def request(
        self, method: str, path: str, params: Pairs | None = None, **options: Unpack[RequestOptions]
    ) -> Response:
        """Send a request and return the response; see `BaseClient.request`.

        Raises:
            ResponseNotReady: the handler waits for something.
            ResponseError: what came is no HTTP response, or the connection was closed.
        """
        request = self._build(method, path, params, options)
        history: list[Response] = []
        while True:
            pending = self._start(request)
            if not pending.complete:
                raise ResponseNotReady(
                    f"{method} {path}: the handler has not finished; use open() and advance(), "
                    "or a DeferredClient when it waits for the reactor",
                    pending,
                )
            response = pending.response
            settle(self.clock)
            response.history = history[:]
            follow = options.get("follow_redirects")
            following = self._next(request, response, follow, len(history))
            if following is None:
                return response
            history.append(response)
            request = following

    def advance(self, seconds: float, steps: int = 1) -> None:
        """Let `seconds` pass, in `steps` equal parts: for timeouts, sleeping handlers, cookies."""
        for _ in range(steps):
            self.clock.advance(seconds / steps)
        settle(self.clock)

    def _now(self) -> float:
        passed: float = self.clock.seconds() - self._started
        return time() + passed


class DeferredClient(BaseClient[Deferred[Response]]):
    """A client whose methods return Deferreds, as those of cyclone 1.x do.

    The server's timers run on the reactor, so handlers may wait for anything. Each request
    has a connection of its own, which is gone when the Deferred fires. When the handler does
    not wait, the Deferred has fired already.

    As in 1.x, `params` of POST, PUT and PATCH are the urlencoded body when no other body is
    given.

    Args:
        app: the Application.
        reactor: None for the one that is installed.
        options: see `BaseClient`.
    """

    def __init__(self, app: Any, *, reactor: Any = None, **options: Any) -> None:
        if reactor is None:
            from twisted.internet import reactor
        super().__init__(app, clock=reactor, **{"keep_alive": False, **options})

    @inlineCallbacks
    def request(
        self, method: str, path: str, params: Pairs | None = None, **options: Unpack[RequestOptions]
    ) -> Any:
        """Send a request; fires with the response. See `BaseClient.request`.

        The Deferred fails with `ResponseError` when what came is no HTTP response, or the
        connection was closed before it.
        """
        bodies = ("body", "json", "form", "data", "files")
        if method in ("POST", "PUT", "PATCH") and all(options.get(key) is None for key in bodies):
            options["form"], params = params, None
        request = self._build(method, path, params, options)
        history: list[Response] = []
        while True:
            pending = self._start(request)
            response = yield pending.result
            pending.disconnect()
            response.history = history[:]
            follow = options.get("follow_redirects")
            following = self._next(request, response, follow, len(history))
            if following is None:
                return response
            history.append(response)
            request = following


def _peer(remote_ip: str | None) -> Address:
    if remote_ip is None:
        return CLIENT_ADDRESS
    kind = IPv6Address if ":" in remote_ip else IPv4Address
    return kind("TCP", remote_ip, CLIENT_ADDRESS.port)
