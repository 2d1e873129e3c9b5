"""`WebSocketHandler`: Tornado's names and cyclone 1.x's over a `WebSocketConnection`."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from cyclone._async import Settled, Waiter, is_pending, resolve, settle
from cyclone.http1 import SERVER, date_now, encode_fields
from cyclone.log import app_log
from cyclone.web import HTTPError, RequestHandler

from .connection import WebSocketConnection
from .deflate import CompressionOptions, Deflate
from .errors import WebSocketClosedError
from .extensions import agree, format_agreement, parse_extensions
from .handshake import HandshakeError, accept_key, check_request, offered_subprotocols
from .prepared import PreparedMessage, as_message
from .session import Session
from .settings import MAX_MESSAGE_SIZE, WebSocketSettings

__all__ = ["WebSocketHandler"]

#: Fields of a handler's response that have no place in one that opens a WebSocket.
_NOT_IN_UPGRADE = frozenset(
    {
        *("connection", "upgrade", "content-type", "content-length", "transfer-encoding"),
        *("date", "server", "etag", "sec-websocket-accept"),
        *("sec-websocket-extensions", "sec-websocket-protocol"),
    }
)
#: What many handlers have in common.
_NOTHING: list[Any] = []
_NO_GROUPS: dict[str, Any] = {}


class WebSocketHandler(RequestHandler):
    """Base class of WebSocket handlers (Tornado's and cyclone 1.x's `WebSocketHandler`).

    A subclass defines some of ``open``, ``on_message`` and ``on_close`` (Tornado), or
    ``connectionMade``, ``messageReceived`` and ``connectionLost`` (cyclone 1.x).  Each may be
    asynchronous; the messages of a connection are handled one after the other, the first when
    ``open`` is done.  ``initialize``, ``prepare``, ``get_current_user``, cookies and the access
    log work as for any handler, before the connection is opened.  An exception closes the
    connection with 1011.

    Settings of the application: ``websocket_ping_interval``, ``websocket_ping_timeout``,
    ``websocket_max_message_size`` (Tornado); ``websocket_max_fragments``,
    ``websocket_write_buffer_limit``, ``websocket_write_buffer_policy`` and
    ``websocket_close_timeout``: see `WebSocketSettings`.

    Attributes:
        ws_connection: the `WebSocketConnection`, None before it is open and after it is closed.
        close_code, close_reason: what the peer has closed with, None if it did not say.
        selected_subprotocol: what `select_subprotocol` has selected.
        open_args, open_kwargs: what the route's groups matched.
    """

    ws_connection: WebSocketConnection | None = None
    close_code: int | None = None
    close_reason: str | None = None
    selected_subprotocol: str | None = None
    open_args: tuple[Any, ...]
    open_kwargs: dict[str, Any]

    _upgraded = False
    _inside = False  # the context is entered
    _connection: WebSocketConnection | None = None
    _lost_reason: Failure = connectionDone
    _close_watchers: tuple[Callable[[], Any], ...] = ()
    _context: contextvars.Context

    # -- to be overridden

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """The connection is open; `args` are the groups of the route."""
        return self.connectionMade(*args, **kwargs)

    def on_message(self, message: str | bytes) -> Any:
        """A message has come: str if it is text, else bytes."""
        return self.messageReceived(message)

    def on_close(self) -> Any:
        """The connection is closed, by whomever; see `close_code` and `close_reason`."""
        return self.connectionLost(self._lost_reason)

    def on_ping(self, data: bytes) -> Any:
        """A ping has come.  It is answered already."""

    def on_pong(self, data: bytes) -> Any:
        """The answer to a ping has come."""

    def headersReceived(self) -> Any:
        """The request is a proper one, and is about to be accepted; see `forbidConnection`."""

    def connectionMade(self, *args: Any, **kwargs: Any) -> Any:
        """As `open` (cyclone 1.x)."""

    def messageReceived(self, message: str | bytes) -> Any:
        """As `on_message` (cyclone 1.x)."""

    def connectionLost(self, reason: Failure) -> Any:
        """As `on_close` (cyclone 1.x); `reason` is Twisted's."""

    def check_origin(self, origin: str) -> bool:
        """Whether pages of `origin` may connect (Tornado).

        By default those of the same host, and those of setting ``trusted_origins`` or
        `check_trusted_origin`: browsers let any page connect anywhere, and send the cookies.  A
        request without Origin is of no browser and not asked about.
        """
        return self.cross_origin_problem() is None

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Select one of what the client offers, None for none.  Called once, also if it offers
        none."""
        return None

    def get_compression_options(self) -> Mapping[str, Any] | None:
        """The options of `CompressionOptions` to compress with, None not to (the default)."""
        return None

    @property
    def max_message_size(self) -> int:
        """Bytes a message may have: setting ``websocket_max_message_size``, or 10 MiB."""
        return int(self.settings.get("websocket_max_message_size", MAX_MESSAGE_SIZE))

    @property
    def ping_interval(self) -> float | None:
        """Seconds between pings: setting ``websocket_ping_interval``; None for none."""
        interval: float | None = self.settings.get("websocket_ping_interval")
        return interval

    @property
    def ping_timeout(self) -> float | None:
        """Seconds to wait for an answer: setting ``websocket_ping_timeout``; None for
        `ping_interval`, 0 for ever."""
        timeout: float | None = self.settings.get("websocket_ping_timeout")
        return timeout

    # -- what a handler calls

    def write_message(
        self, message: str | bytes | dict[str, Any], binary: bool = False
    ) -> Settled | Waiter:
        """Send a message.

        Args:
            message: text, UTF-8 or, if `binary`, any bytes; a dict is sent as JSON.

        Returns:
            an awaitable that is done when the peer can take more.

        Raises:
            WebSocketClosedError: the connection is closed or closing.
            TypeError: `message` is none of these.
        """
        connection = self.ws_connection
        if connection is None:
            raise WebSocketClosedError
        if not isinstance(message, (str, bytes)):
            message = as_message(message)
        return connection.send(message, binary)

    sendMessage = write_message  # cyclone 1.x's name

    def write_prepared(self, message: PreparedMessage) -> Settled | Waiter:
        """Send a message that goes to many; see `Broadcaster`.

        Raises:
            WebSocketClosedError: the connection is closed or closing.
        """
        if self.ws_connection is None:
            raise WebSocketClosedError
        return self.ws_connection.send_prepared(message)

    def ping(self, data: str | bytes = b"") -> None:
        """Send a ping.

        Raises:
            ValueError: `data` has more than 125 bytes.
            WebSocketClosedError: the connection is closed or closing.
        """
        if self.ws_connection is None:
            raise WebSocketClosedError
        self.ws_connection.ping(data.encode("utf-8") if isinstance(data, str) else data)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close the connection; nothing if that has begun.

        Args:
            code: 1000, 3000 to 4999, or another one of RFC 6455 section 7.4.1.
            reason: at most 123 bytes of UTF-8.

        Raises:
            ValueError: they are not such ones.
        """
        if self.ws_connection is not None:
            self.ws_connection.close(code, reason)

    def when_closed(self, callback: Callable[[], Any]) -> Callable[[], None]:
        """Have `callback` called when the connection is closed, before `on_close`.

        Returns:
            a function that has it not be called.
        """
        self._close_watchers = (*self._close_watchers, callback)

        def forget() -> None:
            self._close_watchers = tuple(one for one in self._close_watchers if one is not callback)

        return forget

    def forbidConnection(self, message: str | bytes = "") -> None:
        """Answer 403 with `message`; to be called before the connection is open (cyclone 1.x).

        Raises:
            RuntimeError: it is open.
        """
        self._refuse(403, message.decode("utf-8") if isinstance(message, bytes) else message)

    def set_nodelay(self, value: bool) -> None:
        """Have small messages leave at once (Tornado).  That is so anyway."""
        self.transport.setTcpNoDelay(bool(value))

    @property
    def transport(self) -> Any:
        """The connection's transport (cyclone 1.x).  What is written to it goes out as it is."""
        if self._connection is not None:
            return self._connection.handle
        return super().transport

    # -- opening

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Open the connection, if the request is a proper one."""
        self.open_args, self.open_kwargs = args, kwargs
        try:
            key = self._check()
        except HandshakeError as error:
            if error.status == 426:
                self.set_header("Sec-WebSocket-Version", "13")
            self._refuse(error.status, error.message)
            return None
        allowed = self.headersReceived()
        if allowed is not None and is_pending(allowed):
            return self._accept_later(key, allowed)
        if self._open:
            self._accept(key)
        return None

    async def _accept_later(self, key: str, allowed: Any) -> None:
        await settle(allowed)
        if self._open:
            self._accept(key)

    def _check(self) -> str:
        """Check the request; the key of the client."""
        request = self.request
        fields = request.headers.get_list
        key = check_request(request.method or "", request.version, fields)
        origin = request.headers.get("Origin")
        if origin is None:
            origin = request.headers.get("Sec-WebSocket-Origin")
        if origin is not None:
            allowed = self.check_origin(origin)
            if is_pending(allowed):
                getattr(allowed, "close", lambda: None)()
                raise HTTPError(500, "check_origin() must not be asynchronous")
            if not allowed:
                raise HandshakeError(403, "Cross origin websockets not allowed")
        return key

    def _refuse(self, status: int, message: str) -> None:
        if self._upgraded:
            raise RuntimeError("the WebSocket is open already")
        self.clear_header("Content-Type")
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.set_status(status)
        self.finish(message)

    def _accept(self, key: str) -> None:
        """Answer 101 and take the connection over."""
        exchange = self.request.connection
        if exchange.done:
            return  # the peer has left while something was waited for
        if exchange.closing:
            self._refuse(503, "the server is stopping")
            return
        headers = self.request.headers
        fields = [("Upgrade", "websocket"), ("Connection", "Upgrade")]
        fields.append(("Sec-WebSocket-Accept", accept_key(key)))
        try:
            values = headers.get_list("Sec-WebSocket-Protocol")
            offered = offered_subprotocols(values) if values else []
            extensions = parse_extensions(headers.get_list("Sec-WebSocket-Extensions"))
        except (HandshakeError, ValueError) as error:
            self._refuse(400, str(error))
            return
        selected = self.select_subprotocol(offered)
        if selected:
            if selected not in offered:  # RFC 6455 section 4.2.2: the client would refuse it
                raise ValueError(f"select_subprotocol() says {selected!r}, which is not offered")
            self.selected_subprotocol = selected
            fields.append(("Sec-WebSocket-Protocol", selected))
        deflate = None
        wanted = self.get_compression_options()
        if wanted is not None:
            options = CompressionOptions.from_dict(wanted)
            agreed = agree(extensions, options)
            if agreed is not None:
                fields.append(("Sec-WebSocket-Extensions", format_agreement(agreed)))
                deflate = Deflate(agreed, options, client=False)
        self._upgrade(self._response(fields), deflate)

    def _response(self, fields: list[tuple[str, str]]) -> bytes:
        """The head of the response, with what the handler has set."""
        fields += [("Server", SERVER), ("Date", date_now())]
        fields += [
            field for field in self._headers.get_all() if field[0].lower() not in _NOT_IN_UPGRADE
        ]
        fields += [("Set-Cookie", cookie) for cookie in (self._new_cookies or {}).values()]
        return b"HTTP/1.1 101 Switching Protocols\r\n" + encode_fields(fields) + b"\r\n"

    def _upgrade(self, response: bytes, deflate: Deflate | None) -> None:
        settings = self.settings
        session = Session(
            max_message_size=self.max_message_size,
            max_fragments=int(settings.get("websocket_max_fragments", 65536)),
            deflate=deflate,
        )
        given = {
            name: settings[f"websocket_{name}"]
            for name in ("write_buffer_limit", "write_buffer_policy", "close_timeout")
            if settings.get(f"websocket_{name}") is not None
        }
        wire = WebSocketSettings(self.ping_interval, self.ping_timeout, **given).shared()
        exchange = self.request.connection
        connection = WebSocketConnection(self, session, exchange.factory, wire, response)
        self.set_status(101)
        self._context = contextvars.copy_context()
        self._headers_written = self._upgraded = True
        self.ws_connection = self._connection = connection
        try:
            self.application.log_request(self)
        except Exception:
            app_log.error("Uncaught exception in log_request", exc_info=True)
        self.detach(connection)
        self._pack()
        try:
            opened = self.open(*self.open_args, **self.open_kwargs)
        except Exception as error:
            self._not_opened(error)
        else:
            resolve(opened, lambda _: connection.start(), self._not_opened)

    def _pack(self) -> None:
        """Take little memory: there may be tens of thousands of us, most of them idle."""
        self.request.pack()
        self._header_map, self._write_buffer = None, _NOTHING
        if not self.path_args:
            self.path_args = _NOTHING
        if not self.path_kwargs:
            self.path_kwargs = _NO_GROUPS
        if self.open_kwargs == self.path_kwargs:
            self.open_kwargs = self.path_kwargs

    def _not_opened(self, error: BaseException) -> None:
        self.failed(error)
        if self._connection is not None:
            self._connection.close(1011)
            self._connection.start()  # the peer's close frame is still to be read

    # -- what the connection tells

    def message_received(self, message: str | bytes) -> Any:
        """From the connection: a message."""
        # As _call(), spelled out: this is done for every message.
        if self._inside:
            return self.on_message(message)
        self._inside = True
        try:
            return self._context.run(self.on_message, message)
        finally:
            self._inside = False

    def ping_received(self, data: bytes) -> Any:
        """From the connection: a ping."""
        return self._call(self.on_ping, data)

    def pong_received(self, data: bytes) -> Any:
        """From the connection: a pong."""
        return self._call(self.on_pong, data)

    def failed(self, error: BaseException) -> None:
        """From the connection: one of these has raised."""
        try:
            self._call(self.log_exception, type(error), error, error.__traceback__)
        except Exception:
            app_log.error("Uncaught exception in log_exception", exc_info=True)

    def connection_lost(self, reason: Failure) -> None:
        """From the connection: it is closed."""
        connection, self.ws_connection = self.ws_connection, None
        if connection is not None:
            self.close_code, self.close_reason = connection.close_code, connection.close_reason
        self._connection = None  # which knows us
        self._lost_reason = reason
        watchers, self._close_watchers = self._close_watchers, ()
        for watcher in watchers:
            try:
                watcher()
            except Exception as error:
                self.failed(error)
        try:
            closed = self._call(self.on_close)
        except Exception as error:
            self.failed(error)
        else:
            self._call(resolve, closed, lambda _: None, self.failed)

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call in the handler's context, which cannot be entered twice."""
        if self._inside:
            return function(*args)
        self._inside = True
        try:
            return self._context.run(function, *args)
        finally:
            self._inside = False

    # -- what has no use when the response has gone

    def set_status(self, status_code: int, reason: str | None = None) -> None:
        """See `RequestHandler`; RuntimeError when the WebSocket is open, as of the next ones."""
        self._check_not_open("set_status")
        super().set_status(status_code, reason)

    def set_header(self, name: str, value: Any) -> None:
        """See `RequestHandler`."""
        self._check_not_open("set_header")
        super().set_header(name, value)

    def add_header(self, name: str, value: Any) -> None:
        """See `RequestHandler`."""
        self._check_not_open("add_header")
        super().add_header(name, value)

    def set_cookie(self, *args: Any, **kwargs: Any) -> None:
        """See `RequestHandler`."""
        self._check_not_open("set_cookie")
        super().set_cookie(*args, **kwargs)

    def flush(self, include_footers: bool = False) -> Settled | Waiter:
        """See `RequestHandler`."""
        self._check_not_open("flush")
        return super().flush(include_footers)

    def _check_not_open(self, name: str) -> None:
        if self._upgraded:
            raise RuntimeError(f"{name}() has no use when the WebSocket is open")
