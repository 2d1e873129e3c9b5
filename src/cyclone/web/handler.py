"""`RequestHandler`: Tornado's class, method by method, over the rooms beside this file.

Life of a request: ``initialize`` (made), ``prepare``, the method named like the HTTP method,
``finish`` (by itself unless `asynchronous`), ``on_finish`` (once, also when the peer went away).
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.internet.interfaces import IProtocol
from twisted.python.failure import Failure

from cyclone._async import DONE, HandlerErrors, Settled, Waiter, as_deferred, is_pending
from cyclone.http1 import Exchange, FramingError
from cyclone.httputil import HTTPServerRequest, ResponseStartLine
from cyclone.locale import Locale
from cyclone.log import app_log
from cyclone.util import ObjectDict, lazy_property

from . import failing, localized, rendering
from .arguments import decoded_path
from .classic import ClassicMethods
from .errors import HTTPError, reason_phrase
from .execution import Execution, run_on_finish, tell_connection_closed
from .fields import ascii_url
from .forgery import ForgeryMethods, check_request
from .heads import HeadMethods
from .inputs import InputMethods
from .responding import converted, respond
from .transforms import begin as begin_transforms
from .uimodules import UIModule, make_ui
from .xsrf import SAFE_METHODS

if TYPE_CHECKING:
    from .application import Application

__all__ = ["RequestHandler"]


class RequestHandler(InputMethods, HeadMethods, ForgeryMethods, ClassicMethods):
    """Base class of an application's handlers (Tornado's and cyclone 1.x's `RequestHandler`).

    Subclasses define ``get``, ``post`` and so on.  Each may be a plain method, return a Deferred,
    be ``async def``, or be decorated with ``inlineCallbacks`` or `asynchronous`.  The response is
    finished when the method is, unless it is `asynchronous`.  Methods for what the request carries
    are in `InputMethods`, for the head of the response in `HeadMethods`, for signed cookies and the
    protection against forged requests in `ForgeryMethods`.

    Attributes:
        SUPPORTED_METHODS: HTTP methods that are looked up as methods of this class.
        no_keep_alive: close the connection after each response (cyclone 1.x).
        max_body_size: size limit of request bodies in bytes, None for the server's.
        serialize_lists: `write` takes lists (cyclone 1.x).
        compress_secrets: compress responses that bear secrets, too; see `transforms.begin`.
        cancel_on_disconnect: cancel what the method waits for when the peer goes away.
        stream_render: `render` sends what is ready while the template waits.
        application: the `Application` that serves the request.
        request: the `httputil.HTTPServerRequest`.
        path_args, path_kwargs: what the route's groups matched.
    """

    SUPPORTED_METHODS: ClassVar[Iterable[str]] = (
        "GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS",
    )  # fmt: skip
    no_keep_alive: bool = False
    max_body_size: int | None = None
    serialize_lists: bool = False
    compress_secrets: bool = False
    cancel_on_disconnect: bool = False
    stream_render: bool = False

    path_args: list[Any]
    path_kwargs: dict[str, Any]

    _finished: bool
    _headers_written: bool
    _ended: bool
    _failing: bool  # an error response is being made
    _current_user: Any

    _auto_finish = True
    _stream_request_body = False  # set by the class decorator stream_request_body
    _execution: Execution | None = None
    _transforms: Any = ()
    _locale: Any = None

    def __init__(self, application: Application, request: HTTPServerRequest, **kwargs: Any) -> None:
        self.application = application
        self.request = request
        self._write_buffer: list[bytes] = []
        # Instance attributes are found faster than those of the class.
        self._status_code = 200
        self._prepared = application.plain or application.first_fields(request)
        self._header_map = self._new_cookies = self._reason = None
        self._finished = self._failing = self._headers_written = self._ended = False
        if type(self).set_default_headers is not _set_default_headers:
            self.set_default_headers()
        if kwargs or type(self).initialize is not _initialize:
            self.initialize(**kwargs)

    # -- to be overridden

    def _initialize(self) -> None:
        """Take the arguments that the route gives to the handler."""

    # Subclasses have arguments of their own here, and in the methods below.
    initialize: Callable[..., None] = _initialize

    def prepare(self) -> Any:
        """Run before the method, whatever it is.  May be asynchronous; may finish the response."""

    def on_finish(self) -> Any:
        """Run after the request has ended in any way, exactly once."""

    def on_connection_close(self, *reason: Any) -> None:
        """Run when the peer goes away before the response has ended.

        Overriding it makes an ended peer (half-closed connection) count as gone.
        """

    def data_received(self, chunk: bytes) -> Any:
        """Take a piece of the body; for classes decorated with `stream_request_body`.

        May be asynchronous: the next piece waits.
        """
        raise NotImplementedError("data_received() goes with stream_request_body")

    def set_default_headers(self) -> None:
        """Set fields of every response, error responses included."""

    def get_current_user(self) -> Any:
        """Say who makes the request; None for nobody.  May be asynchronous."""
        return None

    def get_user_locale(self) -> Any:
        """Say which `cyclone.locale.Locale` the user has chosen; None for the browser's."""
        return None

    def get_login_url(self) -> str:
        """Where `authenticated` sends those who are not logged in: setting ``login_url``."""
        self.require_setting("login_url", "@cyclone.web.authenticated")
        return str(self.settings["login_url"])

    def default(self, *args: Any, **kwargs: Any) -> Any:
        """Answer supported methods that the class does not define (cyclone 1.x): 405."""
        raise HTTPError(405)

    @classmethod
    def answers(cls, method: str) -> bool:
        """Whether HTTP method `method` gets another answer than 405 or 501."""
        undefined = RequestHandler._undefined
        return method in cls.SUPPORTED_METHODS and (
            getattr(cls, method.lower(), undefined) is not undefined
            or cls.default is not RequestHandler.default
        )

    def _undefined(self, *args: Any, **kwargs: Any) -> Any:
        return self.default(*args, **kwargs)

    head: Callable[..., Any] = _undefined
    get: Callable[..., Any] = _undefined
    post: Callable[..., Any] = _undefined
    delete: Callable[..., Any] = _undefined
    patch: Callable[..., Any] = _undefined
    put: Callable[..., Any] = _undefined
    options: Callable[..., Any] = _undefined

    # -- surroundings

    @property
    def settings(self) -> ObjectDict:
        """The application's settings."""
        return self.application.settings

    def require_setting(self, name: str, feature: str = "this feature") -> None:
        """Raise an exception when setting `name` is missing or empty."""
        if not self.application.settings.get(name):
            raise Exception(
                f"You must define the {name!r} setting in your application to use {feature}"
            )

    def reverse_url(self, name: str, *args: Any, **query: Any) -> str:
        """The URL of the route `name`; see `Application.reverse_url`."""
        return self.application.reverse_url(name, *args, **query)

    def static_url(self, path: str, include_host: bool | None = None, **kwargs: Any) -> str:
        """The URL of a file below setting ``static_path``, with the file's version.

        Args:
            path: of a file the application knows; it should not come from a request.
            include_host: begin with protocol and host; by default attribute ``include_host``.
            kwargs: for `StaticFileHandler.make_static_url`, such as ``include_version=False``.
        """
        self.require_setting("static_path", "static_url")
        if include_host is None:
            include_host = getattr(self, "include_host", False)
        base = f"{self.request.protocol}://{self.request.host}" if include_host else ""
        return base + self.application.static_url(path, **kwargs)

    @property
    def current_user(self) -> Any:
        """What `get_current_user` says, asked once.  May be assigned, as in ``prepare``.

        If that is asynchronous, a Deferred, until `authenticated` has awaited it.
        """
        if not hasattr(self, "_current_user"):  # old handlers ask so, too
            user = self.get_current_user()
            self._current_user = as_deferred(user) or user
        return self._current_user

    @current_user.setter
    def current_user(self, value: Any) -> None:
        self._current_user = value

    locale = property(localized.get_locale, localized.set_locale)

    def get_browser_locale(self, default: str = "en_US") -> Locale:
        """The supported locale that Accept-Language asks for, `default` if it asks for none."""
        return localized.browser_locale(self.request.headers.get("Accept-Language", ""), default)

    # -- writing

    def clear(self) -> None:
        """Take back status, header fields and what was written and not flushed."""
        self._prepared = self.application.first_fields(self.request)
        self._header_map = None
        self._status_code = 200
        self._reason = None
        self._write_buffer = []
        self.set_default_headers()

    def write(self, chunk: str | bytes | dict[str, Any] | list[Any]) -> None:
        """Add to the response.  A dict is written as JSON, with its content type.

        Lists are refused unless setting or attribute ``serialize_lists`` is on: old browsers ran
        a JSON list of another site as a script.

        Raises:
            RuntimeError: the response has been finished.
            TypeError: `chunk` is none of these.
        """
        if self._finished:
            raise RuntimeError("Cannot write() after finish()")
        if type(chunk) is str:
            self._write_buffer.append(chunk.encode("utf-8"))
        elif type(chunk) is bytes:
            self._write_buffer.append(chunk)
        else:
            self._write_buffer.append(converted(self, chunk))

    def flush(self, include_footers: bool = False) -> Settled | Waiter:
        """Send what was written so far.

        Returns:
            an awaitable that is done when the peer can take more, and fails with
            `cyclone.http1.PeerGone` when it is gone.  A handler that writes without end should
            await it; one that does not is bounded by the ``write_buffer_limit``.
        """
        chunk = b"".join(self._write_buffer)
        self._write_buffer = []
        connection: Exchange = self.request.connection
        if self.no_keep_alive:
            connection.no_keep_alive = True
        if self._headers_written:
            for transform in self._transforms:
                chunk = transform.transform_chunk(chunk, include_footers)
            if chunk and self.request.method != "HEAD":
                return connection.write(chunk)
            # Connections of others may know Tornado's interface only.
            return connection.drained() if hasattr(connection, "drained") else DONE
        self._headers_written = True
        if self._transforms:
            chunk = begin_transforms(self, chunk, include_footers)
        if self.request.method == "HEAD":
            chunk = b""
        for field in (self._new_cookies or {}).values():
            self._headers.add("Set-Cookie", field)
        start_line = ResponseStartLine(
            "", self._status_code, reason_phrase(self._status_code, self._reason)
        )
        try:
            return connection.write_headers(start_line, self._headers, chunk)
        except FramingError:
            self._headers_written = False  # another response may still be made
            raise

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> Settled | Waiter:
        """End the response.

        Args:
            chunk: written first.

        Returns:
            an awaitable that is done when the peer has taken it.

        Raises:
            RuntimeError: it has been called before.
        """
        if self._finished:
            raise RuntimeError("finish() called twice")
        if chunk is not None:
            self.write(chunk)
        self._finished = True
        try:
            if self._headers_written:
                self.flush(include_footers=True)
                connection: Exchange = self.request.connection
                waiting = connection.finish()
            else:
                cls = type(self)
                own_etag = (
                    cls.compute_etag is not _compute_etag
                    or cls.set_etag_header is not _set_etag_header
                )
                waiting = respond(self, cls.flush is not _flush, own_etag)
        except Exception:
            self._finished = False
            raise
        try:
            self.application.log_request(self)
        except Exception:
            app_log.error("Uncaught exception in log_request", exc_info=True)
        self._end()
        return waiting

    def redirect(self, url: str, permanent: bool = False, status: int | None = None) -> None:
        """Answer with a redirect: 302, 301 when `permanent`, or `status`.

        Raises:
            RuntimeError: part of the response has been sent.
            ValueError: `status` is none of 3xx.
        """
        if self._headers_written:
            raise RuntimeError("Cannot redirect after headers have been written")
        if status is None:
            status = 301 if permanent else 302
        elif not 300 <= status <= 399:
            raise ValueError(f"a redirect has a status of 300 to 399, not {status}")
        self.set_status(status)
        self.set_header("Location", ascii_url(url))
        self.finish()

    def detach(self, protocol: IProtocol | None = None) -> Any:
        """Take the connection out of HTTP and return its transport.

        Args:
            protocol: what gets the bytes from now on; see `http1.Exchange.detach`.
        """
        self._finished = True
        transport = self.request.connection.detach(protocol)
        self._end()
        return transport

    # -- templates: see the room rendering

    _template_loaders: ClassVar[rendering.Loaders] = rendering.Loaders()
    _template_directory: str | None = None  # of the code that first asked for one
    _templates_reset = False
    _error_page: Waiter | None = None  # rendered by write_error
    _active_modules = lazy_property[dict[str, UIModule]](lambda _: {})
    ui = property(make_ui)
    render = rendering.render
    render_string = rendering.render_string
    render_linked_js = rendering.render_linked_js
    render_embed_js = rendering.render_embed_js
    render_linked_css = rendering.render_linked_css
    render_embed_css = rendering.render_embed_css
    get_template_path = rendering.get_template_path
    get_template_namespace = rendering.get_template_namespace
    create_template_loader = rendering.create_template_loader

    # -- errors: see the room failing

    send_error = failing.send_error
    write_error = failing.write_error
    log_exception = failing.log_exception
    _request_summary = failing.request_summary
    _handle_request_exception = failing.answer

    # -- life cycle

    def _execute(self, transforms: Any, *args: Any, **kwargs: Any) -> None:
        """Run the handler.  As long as nothing waits, nothing is allocated for waiting."""
        self._transforms = transforms
        try:
            method = self.request.method
            if method not in self.SUPPORTED_METHODS:
                # RFC 9110 section 9.1: 501 for what no resource of this server knows.
                raise HTTPError(405 if method in _KNOWN_METHODS else 501)
            if args or kwargs:
                every = type(self).decode_argument is not _decode_argument
                # What is UTF-8 has come as text.
                if every or bytes in map(type, args) or bytes in map(type, kwargs.values()):
                    args, kwargs = decoded_path(args, kwargs, self.decode_argument, every)
            self.path_args, self.path_kwargs = list(args), kwargs
            if method not in SAFE_METHODS:
                settings = self.application.settings
                if settings.get("xsrf_cookies") or settings.get("cross_origin_protection"):
                    check_request(self)
            prepared = None
            if type(self).prepare is not _prepare:
                prepared = self.prepare()
            if self._stream_request_body or (prepared is not None and is_pending(prepared)):
                self._begin_waiting().from_prepare(prepared)
                return
            if self._finished or self._failing:
                return
            function = getattr(self, _VERBS.get(method) or method.lower(), None) or self.default
            result = function(*args, **kwargs)
            if result is not None and is_pending(result):
                self._begin_waiting().from_method(result)
            elif self._auto_finish:
                if not (self._finished or self._failing):
                    self.finish()
            elif not self._finished:
                self._watch_connection()
                if self.request.connection.done:  # the method itself has closed it
                    self._connection_lost(contextvars.copy_context(), None)
        except HandlerErrors as error:
            self._handle_request_exception(error)

    @property
    def _open(self) -> bool:
        """Whether the response is still the methods' to write."""
        return not self._finished and not self._failing

    def _call_method(self) -> Any:
        method = self.request.method
        function = getattr(self, _VERBS.get(method) or method.lower(), None) or self.default
        return function(*self.path_args, **self.path_kwargs)

    def _begin_waiting(self) -> Execution:
        self._watch_connection()
        self._execution = execution = Execution(self)
        return execution

    def _watch_connection(self) -> None:
        """From here on the peer may go away before the response has ended."""
        connection = self.request.connection
        context = contextvars.copy_context()
        connection.on_lost = lambda reason: self._connection_lost(context, reason)
        if type(self).on_connection_close is not _on_connection_close or self.cancel_on_disconnect:
            connection.watched = True

    def _connection_lost(self, context: contextvars.Context, reason: Failure | None) -> None:
        if self._ended:
            return  # we have dropped the connection ourselves
        execution = self._execution
        call = context.run if execution is None else execution.call
        call(tell_connection_closed, self, reason)
        if execution is None or not execution.peer_gone(self.cancel_on_disconnect):
            call(self._end)

    def _end(self) -> None:
        """Run `on_finish`, once."""
        if self._ended:
            return
        self._ended = True
        if self._execution is not None:
            # They know the handler: without this only the garbage collector would free it.
            self._execution = self.request.connection.on_lost = None
        if self.request.body_buffer is not None:
            self.request.close()
        if type(self).on_finish is _on_finish:
            return
        run_on_finish(self)


#: Methods that every server knows: 405 where a resource has none.
_KNOWN_METHODS = frozenset({*RequestHandler.SUPPORTED_METHODS, "TRACE"})
#: What the methods of a handler are called.
_VERBS = {method: method.lower() for method in _KNOWN_METHODS}

# What is still this class's own is not called: asked per class and request, since old
# applications replace methods of this class while they run.
_initialize = RequestHandler.initialize
_prepare = RequestHandler.prepare
_flush = RequestHandler.flush
_compute_etag = RequestHandler.compute_etag
_set_etag_header = RequestHandler.set_etag_header
_decode_argument = RequestHandler.decode_argument
_on_finish = RequestHandler.on_finish
_on_connection_close = RequestHandler.on_connection_close
_set_default_headers = RequestHandler.set_default_headers
