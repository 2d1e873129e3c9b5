"""What a test client hands to the test: a response, and one that is still coming."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from cyclone.httputil import HTTPHeaders

from .connection import MemoryConnection
from .cookies import Cookie
from .wire import Fields, ResponseError, ResponseParser, encode_chunk

_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s"';]+)""", re.IGNORECASE)


class ResponseNotReady(Exception):
    """The answer is not complete, and nothing that is due now will complete it.

    `pending` is the `PendingResponse`, to go on with.
    """

    def __init__(self, message: str, pending: PendingResponse) -> None:
        super().__init__(message)
        self.pending = pending


class Response:
    """A complete response.

    - `status` (int), also as `code` and as cyclone 1.x's ``get_status()``; `reason` (str);
    - `headers` (HTTPHeaders); `trailers` (HTTPHeaders, from the chunked coding);
    - `body` (bytes), also as cyclone 1.x's `content`; `text` and `json()` read it;
    - `cookies` (dict of name to `Cookie`): those that this response sets;
    - `informational` (list of int): statuses of the 1xx responses before it;
    - `method` and `url`: the request that it answers, after redirects the last one;
    - `history` (list of Response): the redirects followed on the way;
    - `closed` (bool): the server closes the connection after it.
    """

    def __init__(
        self,
        parser: ResponseParser,
        *,
        url: str = "",
        cookies: dict[str, Cookie] | None = None,
        sent_cookies: dict[str, str] | None = None,
    ) -> None:
        self.method = parser.method
        self.url = url
        self.status = parser.status
        self.reason = parser.reason
        self.headers = headers_of(parser.fields)
        self.trailers = headers_of(parser.trailers)
        self.body = bytes(parser.body)
        self.cookies = cookies or {}
        self.informational = [status for status, _ in parser.informational]
        self.history: list[Response] = []
        self.closed = not parser.keep_alive
        self._sent_cookies = sent_cookies or {}

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason} to {self.method} {self.url}>"

    @property
    def code(self) -> int:
        """`status`, under the name that Tornado's HTTPResponse has for it."""
        return self.status

    @property
    def content(self) -> bytes:
        """`body`, under the name of cyclone 1.x."""
        return self.body

    def get_status(self) -> int:
        """`status`, as cyclone 1.x's response gave it."""
        return self.status

    def get_cookie(self, name: str, default: str | None = None) -> str | None:
        """The value of the cookie `name`: set by this response, else sent with its request.

        In cyclone 1.x the response was the handler itself, whose ``get_cookie`` looked at
        the request only.
        """
        if name in self.cookies:
            return self.cookies[name].value
        return self._sent_cookies.get(name, default)

    @property
    def text(self) -> str:
        """`body` decoded by the charset of ``Content-Type``, UTF-8 where it names none.

        Raises:
            UnicodeDecodeError: when it is not text in that charset.
        """
        match = _CHARSET.search(self.headers.get("Content-Type", ""))
        return self.body.decode(match[1] if match else "utf-8")

    def json(self) -> Any:
        """`body` read as JSON.

        Raises:
            ValueError: when it is not JSON.
        """
        return json.loads(self.body)


class PendingResponse:
    """A response that may still be coming, for tests of handlers that stream or wait.

    Made by ``client.open(...)``. What has arrived can be looked at at any time; `response`
    is there when `complete` is true. The request's own body goes on with `send`.

    Args:
        connection: the connection that the request was sent on.
        method: that of the request.
        on_head: called once with the parser when the status and the fields are there.
        build: makes the Response of a complete parser.
    """

    def __init__(
        self,
        connection: MemoryConnection,
        method: str,
        on_head: Callable[[ResponseParser], object],
        build: Callable[[ResponseParser], Response],
    ) -> None:
        self.connection = connection
        self._parser = ResponseParser(method)
        self._on_head: Callable[[ResponseParser], object] | None = on_head
        self._build = build
        self._response: Response | None = None
        self._error: ResponseError | None = None
        self._waiter: Deferred[Response] | None = None
        self._turn_due = False
        connection.transport.watcher = self._changed

    @property
    def status(self) -> int:
        """The status, 0 while there is none."""
        return self._read().status

    @property
    def headers(self) -> HTTPHeaders:
        """The header fields, empty while there are none."""
        return headers_of(self._read().fields)

    @property
    def informational(self) -> list[int]:
        """Statuses of the 1xx responses so far."""
        return [status for status, _ in self._read().informational]

    @property
    def received(self) -> bytes:
        """The bytes of the body so far, without their framing."""
        return bytes(self._read().body)

    @property
    def complete(self) -> bool:
        """Is all of the response here?"""
        return self._read().complete

    @property
    def response(self) -> Response:
        """The response.

        Raises:
            ResponseNotReady: when it is not complete.
            ResponseError: when it is not well-formed, or the connection closed in it.
        """
        self._read()
        if self._response is None:
            raise ResponseNotReady("the response is not complete", self)
        return self._response

    @property
    def result(self) -> Deferred[Response]:
        """Fires with the response when it is complete, fails as `response` would.

        Every access makes a Deferred of its own; the last one made is the one that fires.
        """
        self._waiter = waiter = Deferred[Response]()
        self._fire()
        return waiter

    def send(self, data: bytes) -> None:
        """Send bytes of the request's body, as they are."""
        self.connection.send(data)

    def send_chunk(self, data: bytes) -> None:
        """Send `data` as one chunk of a chunked body; ``b""`` ends it."""
        self.connection.send(encode_chunk(data))

    def hold(self) -> None:
        """Stop reading the response."""
        self.connection.hold()

    def release(self, count: int | None = None) -> None:
        """Read `count` of the bytes that wait; without it all of them, and go on reading."""
        self.connection.release(count)

    def disconnect(self) -> None:
        """Leave without waiting for the rest."""
        self.connection.disconnect()

    # -- inside

    def _read(self) -> ResponseParser:
        """Take in what has arrived.

        Raises:
            ResponseError: as `response`.
        """
        if self._error is None and self._response is None:
            try:
                self._take()
            except ResponseError as error:
                self._error = error
        if self._error is not None:
            raise self._error
        return self._parser

    def _take(self) -> None:
        parser, transport = self._parser, self.connection.transport
        rest = parser.feed(transport.take())
        if self.connection.closed and not parser.complete:
            parser.eof()
        if parser.status and self._on_head is not None:
            on_head, self._on_head = self._on_head, None
            on_head(parser)
        if parser.complete:
            if rest and parser.framing != "upgrade":
                raise ResponseError(f"bytes after the response: {rest[:80]!r}")
            transport.give_back(rest)
            self._response = self._build(parser)

    def _changed(self) -> None:
        # Called while the server writes: whoever waits goes on in a turn of its own.
        if self._waiter is not None and not self._turn_due:
            self._turn_due = True
            self.connection.clock.callLater(0, self._fire)

    def _fire(self) -> None:
        self._turn_due = False
        try:
            self._read()
        except ResponseError as error:
            waiter, self._waiter = self._waiter, None
            if waiter is not None:
                waiter.errback(error)
            return
        if self._response is not None and self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            waiter.callback(self._response)


def headers_of(fields: Fields) -> HTTPHeaders:
    """`fields` as HTTPHeaders."""
    headers = HTTPHeaders()
    for name, value in fields:
        headers.add(name, value)
    return headers
