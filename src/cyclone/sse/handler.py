"""`SSEHandler`: handlers whose response is a stream of events."""

from __future__ import annotations

import contextvars
import inspect
from collections.abc import AsyncIterable, Callable
from typing import Any

from cyclone._async import DONE, Settled, Waiter, is_pending, resolve, settle
from cyclone.http1 import GONE
from cyclone.log import app_log
from cyclone.web import HTTPError, RequestHandler

from .accept import EVENT_STREAM, accepts_events
from .compression import event_compression
from .events import Event, Message, encode_comment
from .relay import Relay
from .settings import SSESettings
from .stream import EventStream
from .transport import StreamTransport

__all__ = ["SSEHandler"]


class SSEHandler(RequestHandler):
    """Base class of handlers that send events (cyclone 1.x's `SSEHandler`; WHATWG HTML 9.2).

    A subclass defines `bind`, which is called when a client has come, and `unbind`, when it has
    gone.  In between, `sendEvent` may be called from anywhere.  ``initialize``, ``prepare``,
    ``get_current_user`` and the access log work as for any handler; ``@authenticated`` goes on
    `bind`, or on a `get` that calls this one.

    The response begins with the first event, or when `bind` has returned, or, when `bind` waits, by
    the time of the first heartbeat; until then `bind` may answer otherwise (``HTTPError``,
    ``redirect``, ``set_status(204)`` and ``finish()``, which has browsers stay away).

    What an asynchronous `bind` waits for when the client goes is cancelled; `cancel_on_disconnect`
    says so, and may be set to False.

    A `get` of one's own may call `sendEvent`, too; the response ends when it returns.

    Settings of the application are ``sse_heartbeat_interval``, ``sse_write_buffer_limit``,
    ``sse_write_buffer_policy`` and ``sse_compress_events``: see `SSESettings`.  A class may have
    attributes of these names without ``sse_``.

    Attributes:
        event_stream: what sends the events; None before there is something to send.
    """

    cancel_on_disconnect = True

    event_stream: EventStream | None = None
    _stream_ended = False
    _to_unbind = True  # unless bind() is not called, or answers otherwise
    _relays: set[Relay] | None = None
    _bind_context: contextvars.Context | None = None
    _stream_transport: StreamTransport | None = None
    _close_watchers: dict[Callable[[], Any], None] | None = None

    # -- to be overridden

    def bind(self, *args: Any, **kwargs: Any) -> Any:
        """A client has come; `args` are the groups of the route.

        May be asynchronous.  An asynchronous generator is streamed, and the response ends with it.
        It may as well have no parameters.
        """

    def unbind(self) -> Any:
        """The stream has ended: the client has gone, or `finish` was called.  May be asynchronous.

        Called once; not when `bind` has raised, or answered otherwise, before the stream was open.
        """

    # -- what a handler calls

    def sendEvent(
        self,
        message: Message | Event,
        event: str | bytes | None = None,
        eid: str | bytes | int | None = None,
        retry: int | None = None,
    ) -> Settled | Waiter:
        """Send an event; to a client that has gone, nothing.

        Args:
            message: the data: text, or bytes in UTF-8, of as many lines as it likes; a dict is sent
                as JSON.  Or an `Event`, which has its own type, id and retry.
            event: its type, as in ``addEventListener``; None for ``message``.
            eid: its id; see `last_event_id`.
            retry: milliseconds after which a client comes back that has lost the connection.

        Returns:
            an awaitable that is done when the client can take more, and fails with
            `cyclone.http1.PeerGone` when it has gone.

        Raises:
            TypeError, ValueError: an argument is of the wrong type, or cannot be sent, as a line
                end in `event` or `eid`.
        """
        stream = self.event_stream
        outbox = None if stream is None else stream.direct
        if outbox is not None and (outbox.paused or outbox.queued):
            outbox = None
        if (
            event is None
            and eid is None
            and retry is None
            and type(message) is str
            and "\n" not in message
            and "\r" not in message
        ):
            text = message.encode()
            if outbox is None:
                return self._send(b"data: %b\n\n" % text)
            chunk = b"%x\r\ndata: %b\n\n\r\n" % (len(text) + 8, text)
        else:
            if not isinstance(message, Event):
                message = Event(message, event, eid, retry)
            if outbox is None:
                return self._send(message.encoded)
            chunk = message.chunk
        # Many events are sent: as a chunk, at once.  Outbox.send(), spelled out.
        if outbox.write is None or outbox.holding or len(chunk) > outbox.SLICE:
            outbox.send(chunk)
        else:
            outbox.write(chunk)
        return outbox.drained() if outbox.paused or outbox.queued else DONE

    send_event = sendEvent

    def send_prepared(self, event: Event) -> Settled | Waiter:
        """Send an event that goes to many; see `Broadcaster`."""
        return self._send(event.encoded)

    def send_comment(self, text: str = "") -> Settled | Waiter:
        """Send a comment, which clients throw away.  Heartbeats are sent without it."""
        return self._send(encode_comment(text))

    def stream(self, events: AsyncIterable[Message | Event]) -> Waiter:
        """Send what an asynchronous iterator gives, as fast as the client takes it.

        When the client goes, what the iterator waits for is cancelled, and the iterator is closed.

        Returns:
            an awaitable that is done when either has come to its end.  It fails with what the
            iterator raises; if nobody awaits it, that is logged and the connection dropped.

        Raises:
            TypeError: `events` is no asynchronous iterator.
        """
        if not hasattr(events, "__aiter__"):
            raise TypeError(f"not an asynchronous iterator: {events!r}")
        self.open_stream()
        relay = Relay(self, events)
        if self._relays is None:
            self._relays = set()
        self._relays.add(relay)
        if self._stream_ended or not self._open:
            relay.stop()
        relay.start()
        return relay.done

    def when_closed(self, callback: Callable[[], Any]) -> Callable[[], None]:
        """Have `callback` called when the response has ended in any way; now if it has.

        Returns:
            a function that has it not be called.
        """
        exchange = self.request.connection
        if exchange.done:
            callback()
            return lambda: None
        watchers = self._close_watchers
        if watchers is None:
            watchers = self._close_watchers = {}
            exchange.watched = True
            exchange.when_done(self._tell_watchers)
        watchers[callback] = None
        return lambda: self._forget_watcher(callback)

    def open_stream(self) -> None:
        """Have the response begin, if it has not."""
        if self._stream_ended:
            return
        stream = self._begun_stream()
        if stream.opened or stream.over or (self._finished and not self._headers_written):
            return
        if not self._headers_written:
            if self._failing:
                return
            self._prepare_head(stream.settings.compress_events)
            super().flush()
        stream.open(self._transforms)
        bodiless = self.request.method == "HEAD"
        if bodiless:
            self._to_unbind = False
        if bodiless or self.request.connection.closing:
            self.end_stream()  # a client whose server is stopping comes back to the next one

    @property
    def last_event_id(self) -> str | None:
        """The id of the last event that the client has seen, if it has come back.

        It is what the client says.
        """
        value: str | None = self.request.headers.get("Last-Event-ID")
        # Browsers send UTF-8.
        return value.encode("latin-1").decode("utf-8", "replace") if value else None

    @property
    def stream_over(self) -> bool:
        """Nothing can be sent any more."""
        return self._stream_ended or self._finished

    @property
    def dropped_events(self) -> int:
        """How many events policy ``drop_oldest`` has forgotten."""
        return 0 if self.event_stream is None else self.event_stream.dropped

    @property
    def transport(self) -> Any:
        """The connection's transport (cyclone 1.x).  What is written to it becomes part of the
        stream; it should be whole events or comments."""
        if self._stream_transport is None:
            self._stream_transport = StreamTransport(super().transport, self._send)
        return self._stream_transport

    # -- the request

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Call `bind`, and begin the stream.  406 for a client that does not take events."""
        if not accepts_events(self.request.headers.get("Accept")):
            raise HTTPError(406, "Accept does not name %s", EVENT_STREAM)
        if self.request.connection.done:
            return None  # the client has gone while something was waited for
        if self.request.method == "HEAD":
            self.open_stream()
            return None
        self._auto_finish = False
        self._begun_stream()
        self._bind_context = contextvars.copy_context()
        try:
            bound = self._call_bind(args, kwargs)
            if hasattr(bound, "__aiter__"):
                return self._stream_all(bound)
            if bound is not None and is_pending(bound):
                return self._wait_for(bound)
            self._bound()
        except Exception:
            self._not_bound()
            raise
        return None

    def head(self, *args: Any, **kwargs: Any) -> Any:
        """Answer as `get`, without calling `bind`."""
        return self.get(*args, **kwargs)

    def _call_bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """cyclone 1.x called it without arguments."""
        if args or kwargs:
            signature = inspect.signature(self.bind)
            try:
                signature.bind(*args, **kwargs)
            except TypeError:
                if not any(_required(each) for each in signature.parameters.values()):
                    return self.bind()
        return self.bind(*args, **kwargs)

    async def _wait_for(self, bound: Any) -> None:
        try:
            await settle(bound)
        except BaseException:
            self._not_bound()
            raise
        self._bound()

    async def _stream_all(self, events: AsyncIterable[Message | Event]) -> None:
        await self.stream(events)
        if self._open:
            self.finish()

    def _bound(self) -> None:
        """`bind` has returned."""
        if self._open:
            self.open_stream()
        else:
            self._not_bound()

    def _not_bound(self) -> None:
        """`bind` has failed, or has answered otherwise."""
        if self.event_stream is None or not (self.event_stream.opened or self._stream_ended):
            self._to_unbind = False

    # -- the response

    def flush(self, include_footers: bool = False) -> Settled | Waiter:
        """See `RequestHandler`; begins the stream."""
        if not (self._headers_written or self._finished or self._failing):
            self.open_stream()
            return self.request.connection.drained() if not self._stream_ended else GONE
        return super().flush(include_footers)

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> Settled | Waiter:
        """End the response; nothing when the client has gone.

        Browsers come back; see the class about how to have them stay away.
        """
        if self._stream_ended and not self._finished:
            self._finished = True  # the client has gone, and all else has been done
            return GONE
        if chunk is None and self._says_nothing:
            self.open_stream()  # no events are a stream, too
            if self._finished:
                return DONE
        if self.event_stream is not None and not self._finished:
            self.event_stream.send_all_held()
        return super().finish(chunk)

    @property
    def _says_nothing(self) -> bool:
        """There is no response so far, not even an empty one of another kind."""
        return (
            self._open
            and not self._headers_written
            and self._status_code == 200
            and not self._write_buffer
        )

    def on_connection_close(self, *reason: Any) -> None:
        """See `RequestHandler`; calls `unbind`, as in cyclone 1.x."""
        self._end_of_stream()

    def _send(self, data: bytes) -> Settled | Waiter:
        stream = self.event_stream
        if stream is None or not stream.opened:
            if self._stream_ended or not (self._open or self._headers_written):
                return GONE
            self.open_stream()
            stream = self.event_stream
        return GONE if stream is None else stream.send(data)

    def _begun_stream(self) -> EventStream:
        stream = self.event_stream
        if stream is None:
            connection = self.request.connection
            stream = EventStream(self, connection, SSESettings.of(self, self.settings))
            self.event_stream = stream
            connection.watched = True  # a client that has ended its side has gone
            if not connection.done:
                _ = self.request.remote_ip  # for the log; lost sockets cannot say it any more
            connection.when_done(self._end_of_stream)
        return stream

    def _prepare_head(self, compress: bool) -> None:
        """Set what the handler has not set."""
        headers = self._headers
        if not headers.get("Content-Type", "").startswith(EVENT_STREAM):
            headers["Content-Type"] = f"{EVENT_STREAM}; charset=utf-8"
        if "Cache-Control" not in headers:
            known = getattr(self, "_current_user", None)
            headers["Cache-Control"] = "no-store" if known else "no-cache"
        if "X-Accel-Buffering" not in headers:
            headers["X-Accel-Buffering"] = "no"
        self.clear_header("Content-Length")
        if compress:
            names = self.settings.get("compress_codings")
            self._transforms = [*self._transforms, event_compression(self.request, names)]

    # -- the end

    def end_stream(self) -> None:
        """End the response, if it has begun; a stream that was about to begin does so first."""
        try:
            if self._open and not self._headers_written:
                self.open_stream()
            if self._open:
                self.finish()
        except Exception:
            app_log.error("Cannot end a stream of events", exc_info=True)
            self.request.connection.abort()

    def _end_of_stream(self) -> None:
        """The response has ended in any way, or the client has gone."""
        if self._stream_ended:
            return
        self._stream_ended = True
        stream = self.event_stream
        opened = stream is not None and stream.opened
        if stream is not None:
            stream.close()
        for relay in list(self._relays or ()):
            relay.stop()
        if opened and not self._finished:
            self._log_request()
        if self._to_unbind and (opened or (stream is not None and not self._finished)):
            self._in_context(self._unbind)

    def _forget_watcher(self, callback: Callable[[], Any]) -> None:
        if self._close_watchers is not None:
            self._close_watchers.pop(callback, None)

    def _tell_watchers(self) -> None:
        watchers, self._close_watchers = self._close_watchers, None
        for watcher in watchers or ():
            try:
                watcher()
            except Exception:
                app_log.error("Uncaught exception at the end of a stream", exc_info=True)

    def _log_request(self) -> None:
        try:
            self.application.log_request(self)
        except Exception:
            app_log.error("Uncaught exception in log_request", exc_info=True)

    def _unbind(self) -> None:
        try:
            resolve(self.unbind(), lambda _: None, self.relay_failed)
        except Exception as error:
            self.log_exception(type(error), error, error.__traceback__)

    def _in_context(self, function: Any) -> None:
        context = self._bind_context
        if context is None:
            function()
        else:
            context.copy().run(function)  # the context itself may be entered already

    # -- from the relays

    def relay_ended(self, relay: Relay) -> None:
        """`relay` has come to its end."""
        if self._relays is not None:
            self._relays.discard(relay)

    def relay_failed(self, error: BaseException) -> None:
        """An iterator has raised `error`, and nobody waits for it."""
        try:
            self.log_exception(type(error), error, error.__traceback__)
        finally:
            if not self._stream_ended:
                self.request.connection.abort()


def _required(parameter: inspect.Parameter) -> bool:
    optional = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return not optional and parameter.default is parameter.empty
