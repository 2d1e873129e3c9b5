"""`websocket_connect` and what it connects: Tornado's client, on Twisted's endpoints."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Generator, Sequence
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from cyclone._async import Settled, Waiter, exception_of, failure_of
from cyclone.http1 import HTTPFactory
from cyclone.httpclient import (
    HTTPRequest,
    HTTPResponse,
    HTTPTimeoutError,
    Upgrade,
    failed_upgrade,
)
from cyclone.httputil import HTTPHeaders
from cyclone.log import app_log

from .connection import WebSocketConnection
from .deflate import CompressionOptions, Deflate
from .errors import WebSocketClosedError
from .opening import Offer, OpeningProtocol
from .prepared import as_message
from .session import Session
from .settings import MAX_MESSAGE_SIZE, WebSocketSettings

__all__ = ["WebSocketClientConnection", "websocket_connect"]

MessageCallback = Callable[[str | bytes | None], Any]


class _Awaited(Waiter):
    """A Waiter with a result.  Cancelling it, or the task that awaits it, gives up."""

    def __init__(self, canceller: Callable[[Deferred[None]], Any]) -> None:
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

    def give(self, value: Any) -> None:
        """It has come."""
        self.callback(value)


class WebSocketClientConnection:
    """A connection to a server; made by `websocket_connect` (Tornado's name).

    ``async for message in connection`` reads until it is closed.

    Attributes:
        headers: the fields of the server's response.
        selected_subprotocol: what the server has selected, None for none.
        close_code, close_reason: what the server has closed with, None if it did not say.
    """

    def __init__(self, on_message: MessageCallback | None) -> None:
        self.headers = HTTPHeaders()
        self.selected_subprotocol: str | None = None
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._on_message = on_message
        self._connection: WebSocketConnection | None = None
        self._reader: _Awaited | None = None
        self._unread: str | bytes | None = None
        self._taken: Deferred[None] | None = None  # fires when `_unread` has been read
        self._closed = False

    # -- to be overridden, or assigned

    def on_ping(self, data: bytes) -> Any:
        """A ping has come.  It is answered already."""

    def on_pong(self, data: bytes) -> Any:
        """The answer to a ping has come."""

    # -- to be called

    def read_message(self, callback: Callable[[Any], Any] | None = None) -> Deferred[Any]:
        """The next message: str if it is text, else bytes; None when the connection is closed.

        Args:
            callback: is given the Deferred when it has come (Tornado's older style).

        Returns:
            a Deferred that can be awaited; cancelling it leaves the message to the next call.

        Raises:
            RuntimeError: another call waits, or messages go to the ``on_message_callback``.
        """
        if self._reader is not None or self._on_message is not None:
            raise RuntimeError("read_message() waits already, or on_message_callback gets messages")
        reader = _Awaited(self._forget_reader)
        if callback is not None:
            reader.addCallback(lambda value: (callback(reader), value)[1])
        if self._taken is not None:
            message, self._unread = self._unread, None
            taken, self._taken = self._taken, None
            reader.give(message)
            taken.callback(None)
        elif self._closed:
            reader.give(None)
        else:
            self._reader = reader
        return cast("Deferred[Any]", reader)

    def __aiter__(self) -> WebSocketClientConnection:
        return self

    async def __anext__(self) -> str | bytes:
        message: str | bytes | None = await self.read_message()
        if message is None:
            raise StopAsyncIteration
        return message

    def write_message(
        self, message: str | bytes | dict[str, Any], binary: bool = False
    ) -> Settled | Waiter:
        """Send a message: text, UTF-8, any bytes if `binary`, or a dict as JSON.

        Returns:
            an awaitable that is done when the server can take more.

        Raises:
            WebSocketClosedError: the connection is closed or closing.
            TypeError: `message` is none of these.
        """
        if self._connection is None or self._closed:
            raise WebSocketClosedError
        if not isinstance(message, (str, bytes)):
            message = as_message(message)
        return self._connection.send(message, binary)

    def ping(self, data: str | bytes = b"") -> None:
        """Send a ping.

        Raises:
            ValueError: `data` has more than 125 bytes.
            WebSocketClosedError: the connection is closed or closing.
        """
        if self._connection is None:
            raise WebSocketClosedError
        self._connection.ping(data.encode("utf-8") if isinstance(data, str) else data)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close the connection; nothing if that has begun.

        Raises:
            ValueError: a close frame must not bear that code, or the reason is too long.
        """
        if self._connection is not None:
            self._connection.close(code, reason)

    # -- what the connection tells

    def attach(self, connection: WebSocketConnection) -> None:
        """From `websocket_connect`: it is open."""
        self._connection = connection

    def message_received(self, message: str | bytes) -> Any:
        """From the connection: a message."""
        if self._on_message is not None:
            return self._on_message(message)
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.give(message)
            return None
        self._unread = message
        self._taken = Deferred()
        return self._taken

    def ping_received(self, data: bytes) -> Any:
        """From the connection: a ping."""
        return self.on_ping(data)

    def pong_received(self, data: bytes) -> Any:
        """From the connection: a pong."""
        return self.on_pong(data)

    def failed(self, error: BaseException) -> None:
        """From the connection: one of these has raised."""
        app_log.error("Uncaught exception in a WebSocket client", exc_info=error)

    def connection_lost(self, reason: Failure) -> None:
        """From the connection: it is closed."""
        self._closed = True
        if self._connection is not None:
            self.close_code = self._connection.close_code
            self.close_reason = self._connection.close_reason
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.give(None)
        if self._on_message is not None:
            try:
                self._on_message(None)
            except Exception as error:
                self.failed(error)

    def _forget_reader(self, _: Any) -> None:
        self._reader = None


class _Attempt:
    """The way from a call of `websocket_connect` to the connection."""

    def __init__(
        self,
        reactor: Any,
        upgrade: Upgrade,
        offer: Offer,
        client: WebSocketClientConnection,
        settings: WebSocketSettings,
        max_message_size: int,
    ) -> None:
        self._offer = offer
        self._client = client
        self._settings = settings
        self._max_message_size = max_message_size
        self._protocol = OpeningProtocol(upgrade, self._opened, self._failed)
        self._timer: Any = None
        self._connecting: Deferred[Any] | None = None
        self._hub = HTTPFactory()
        self._hub.clock = reactor
        self.result = _Awaited(lambda _: self._give_up(CancelledError()))
        if upgrade.connect_timeout is not None:
            self._timer = reactor.callLater(upgrade.connect_timeout, self._timed_out)
        connecting = upgrade.endpoint.connect(Factory.forProtocol(lambda: self._protocol))
        self._connecting = connecting
        connecting.addCallbacks(self._connected, self._not_connected)

    def _connected(self, _: Any) -> None:
        self._connecting = None

    def _not_connected(self, failure: Failure) -> None:
        self._connecting = None
        self._failed(failed_upgrade(exception_of(failure)))

    def _opened(self, response: HTTPResponse) -> WebSocketConnection:
        selected, agreed = self._offer.accepted(response)
        options = self._offer.options
        deflate = None
        if agreed is not None and options is not None:
            deflate = Deflate(agreed, options, client=True)
        session = Session(client=True, max_message_size=self._max_message_size, deflate=deflate)
        connection = WebSocketConnection(self._client, session, self._hub, self._settings)
        self._client.attach(connection)
        self._client.headers = response.headers
        self._client.selected_subprotocol = selected
        self._stop_timer()
        # When the connection has its transport.
        self._hub.call_soon(lambda: self._deliver(connection))
        return connection

    def _deliver(self, connection: WebSocketConnection) -> None:
        if not self.result.called:
            self.result.give(self._client)
        connection.start()

    def _failed(self, error: BaseException) -> None:
        self._stop_timer()
        if not self.result.called:
            self.result.errback(failure_of(error))

    def _timed_out(self) -> None:
        self._timer = None
        self._give_up(HTTPTimeoutError("Timeout while opening a WebSocket"))

    def _give_up(self, error: BaseException) -> None:
        connecting = self._connecting
        self._failed(error)
        if connecting is not None:
            connecting.cancel()
        elif self._protocol.transport is not None:
            self._protocol.fail(error)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


def websocket_connect(
    url: str | HTTPRequest,
    callback: Callable[[Any], Any] | None = None,
    connect_timeout: float | None = None,
    on_message_callback: MessageCallback | None = None,
    compression_options: dict[str, Any] | None = None,
    ping_interval: float | None = None,
    ping_timeout: float | None = None,
    max_message_size: int = MAX_MESSAGE_SIZE,
    subprotocols: Sequence[str] | None = None,
    resolver: Any = None,
    *,
    reactor: Any = None,
) -> Deferred[Any]:
    """Open a WebSocket (Tornado's function).

    Args:
        url: a ``ws`` or ``wss`` URL, or an `HTTPRequest` with one: its header fields, TLS
            settings, authentication and proxy count.  Redirects are not followed.
        callback: is given the Deferred when it has fired.
        connect_timeout: seconds until the connection is open; default 20, 0 for no limit.
        on_message_callback: is given each message, and None when the connection is closed; what
            it returns is waited for.
        compression_options: see `CompressionOptions`; None for no compression.
        ping_interval, ping_timeout: see `WebSocketSettings`.
        max_message_size: bytes that a message of the server may have.
        subprotocols: offered, in the order of preference.
        resolver: accepted for Tornado's sake; None, for names are looked up by the reactor.
        reactor: what connects; the running one by default.

    Returns:
        a Deferred of the `WebSocketClientConnection`, which coroutines may await, those that
        asyncio runs too.  It fails with `httpclient.HTTPClientError` when the server answers with
        an error, with `httpclient.HTTPConnectError`, an `OSError`, when there is no connection,
        and with `WebSocketError` when the server does not speak WebSocket.

    Raises:
        ValueError: the URL, a field, a subprotocol or an option cannot be used.
    """
    if resolver is not None:
        raise ValueError("names are looked up by the reactor: give no resolver")
    if reactor is None:
        reactor = _running_reactor()
    if isinstance(url, HTTPRequest):
        if connect_timeout is not None:
            raise ValueError("connect_timeout is said by the HTTPRequest")
        request = _with_url(url, _http_url(url.url))
    else:
        request = HTTPRequest(_http_url(url), connect_timeout=connect_timeout)
    options = None
    if compression_options is not None:
        options = CompressionOptions.from_dict(compression_options)
    offer = Offer(list(subprotocols or ()), options)
    upgrade = Upgrade(reactor, request, offer.fields())
    settings = WebSocketSettings(ping_interval, ping_timeout)
    client = WebSocketClientConnection(on_message_callback)
    attempt = _Attempt(reactor, upgrade, offer, client, settings, max_message_size)
    result = cast("Deferred[Any]", attempt.result)
    if callback is not None:
        result.addBoth(lambda value: (callback(result), value)[1])
    return result


def _running_reactor() -> Any:
    return HTTPFactory().clock


def _http_url(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    known = {"ws": "http", "wss": "https"}.get(scheme.lower())
    if not separator or known is None:
        raise ValueError(f"the URL of a WebSocket begins with ws:// or wss://, not {scheme!r}")
    return f"{known}://{rest}"


def _with_url(request: HTTPRequest, url: str) -> HTTPRequest:
    changed = copy.copy(request)
    changed.headers = request.headers
    changed.url = url
    return changed
