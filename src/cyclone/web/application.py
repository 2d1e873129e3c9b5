"""`Application`: routes, settings, and the way from a request head to a handler."""

from __future__ import annotations

import contextvars
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast
from urllib.parse import urlencode

from twisted.internet.interfaces import IListeningPort, IReactorTCP
from zope.interface import directlyProvides, providedBy

from cyclone.http1 import Exchange, HTTPFactory
from cyclone.httpserver import BufferedBody, body_consumer, serve_message
from cyclone.httputil import (
    HTTPMessageDelegate,
    HTTPServerRequest,
    ParseBodyConfig,
    TrustedProxies,
)
from cyclone.log import app_log, log_access
from cyclone.util import ObjectDict, worker_id

from .beginnings import Beginnings, id_field_of
from .builtin import ErrorHandler, ServerOptionsHandler
from .handler import RequestHandler
from .matchers import DefaultHostMatches, HostMatches, Rule, RuleLike
from .observing import ObservedRequests, RequestObserver
from .prepared import Prepared
from .requestids import RequestIds
from .routers import ApplicationRouter, HandlerDelegate, Target, is_plain, match_all
from .routing import HostTable, RouteMatch, RouteTable, URLSpec, as_spec
from .static import StaticFileHandler
from .staticcache import StaticCache
from .transforms import GZipContentEncoding, compression
from .uimodules import BUILTIN_MODULES, ui_methods_of, ui_modules_of

__all__ = ["Application"]

#: A body that would be refused anyway is read over up to this size, so that the connection lives.
_READ_OVER = 65536


class Application(HTTPFactory):
    """An application: a list of routes and settings (Tornado's and cyclone 1.x's `Application`).

    It is an `IProtocolFactory`: listen with ``reactor.listenTCP``, ``listenSSL``, ``listenUNIX``,
    an endpoint or ``strports.service``.

    Args:
        handlers: routes, each a `URLSpec` or ``(pattern, handler[, kwargs[, name]])``; the handler
            is a class or its dotted name.  The first that matches wins.  Rules with other
            matchers and targets are possible too, see `cyclone.routing`; an application that has
            some routes more slowly.
        default_host: host whose routes serve requests for unknown hosts.
        transforms: classes of `OutputTransform` kind, applied to each response.
        error_handler: class that answers where no route matches (cyclone 1.x); setting
            ``default_handler_class`` (Tornado) is the same.
        settings: see docs/settings.md; the limits are those of `cyclone.http1.Limits`.

    Attributes:
        settings: the settings, with attribute access (cyclone 1.x).
        ui_modules, ui_methods: what templates may call, by name; from the settings.
        static_cache: static files in memory, shared by its handlers.
        plain: the header fields that all responses begin with; None where they differ.
    """

    def __init__(
        self,
        handlers: Iterable[RuleLike] | None = None,
        default_host: str | None = None,
        transforms: Iterable[type] | None = None,
        error_handler: type[RequestHandler] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(settings)
        self.settings = ObjectDict(settings)
        self.settings.setdefault("worker_id", worker_id())
        if settings.get("debug"):
            self.settings.setdefault("serve_traceback", True)
            self.settings.setdefault("compiled_template_cache", False)
        self.ui_modules = {**BUILTIN_MODULES, **ui_modules_of(settings.get("ui_modules"))}
        self.ui_methods = ui_methods_of(settings.get("ui_methods"))
        self.transforms: list[type] = list(transforms or ())
        if settings.get("compress_response") or settings.get("gzip"):
            self._compress()
        if settings.get("xheaders"):
            self.forwarded = TrustedProxies(settings.get("trusted_downstream") or ())
        self._error_class, self._error_kwargs = self._error_answer(error_handler)
        self.static_cache = StaticCache(settings)
        self._static_class: Any = StaticFileHandler
        self._set_routes([*self._static_routes(), *(handlers or ())], default_host)
        self._parse_config: ParseBodyConfig | None = settings.get("parse_body_config")
        self._spool_size = int(settings.get("max_memory_file_size", 1024 * 1024))
        self._beginnings = Beginnings(settings)
        self.plain = self._beginnings.plain
        self._observed: ObservedRequests | None = None
        self._begin_observing()

    def _begin_observing(self) -> None:
        """Install what the settings ask for."""
        id_field = id_field_of(self.settings)
        if id_field:
            self.observe(RequestIds(id_field))
        for observer in self.settings.get("observers") or ():
            self.observe(observer)

    def observe(self, observer: RequestObserver) -> None:
        """Tell `observer` of each request from now on; setting ``observers`` does the same."""
        if self._observed is None:
            self._observed = observed = ObservedRequests(self)
            # On this application alone: others keep the shorter way.
            self.execute_request = observed.execute_request  # type: ignore[method-assign]
            self.log_request = observed.log_request  # type: ignore[method-assign]
        self._observed.observers.append(observer)
        observer.installed(self)

    def first_fields(self, request: HTTPServerRequest) -> Prepared:
        """The header fields that the response to `request` begins with."""
        return self._beginnings.of(request)

    def _compress(self) -> None:
        """Add compression, unless the application has brought one of its own kind."""
        for transform in self.transforms:
            if isinstance(transform, type) and issubclass(transform, GZipContentEncoding):
                return
        self.transforms.append(compression(self.settings.get("compress_codings")))

    def _error_answer(
        self, error_handler: type[RequestHandler] | None
    ) -> tuple[type[RequestHandler], dict[str, Any]]:
        handler_class = error_handler or self.settings.get("default_handler_class") or ErrorHandler
        arguments = self.settings.get("default_handler_args")
        if arguments is None and issubclass(handler_class, ErrorHandler):
            arguments = {"status_code": 404}
        return handler_class, dict(arguments or {})

    def _static_routes(self) -> list[URLSpec]:
        """Routes for the files below setting ``static_path``, before all others (Tornado)."""
        path = self.settings.get("static_path")
        handler_class = self.settings.get("static_handler_class") or StaticFileHandler
        arguments = {**(self.settings.get("static_handler_args") or {}), "path": path}
        prefix = re.escape(self.settings.get("static_url_prefix", "/static/"))
        patterns = (prefix + r"(.*)", r"/(favicon\.ico)", r"/(robots\.txt)")
        specs = [as_spec((pattern, handler_class, arguments)) for pattern in patterns]
        self._static_class = specs[0].handler_class
        return specs if path else []

    def static_url(self, path: str, **kwargs: Any) -> str:
        """The URL of a file below setting ``static_path``; see `RequestHandler.static_url`."""
        url: str = self._static_class.make_static_url(self.settings, path, **kwargs)
        return url

    @property
    def default_host(self) -> str | None:
        """Host whose routes serve requests for unknown hosts."""
        return self._hosts.default_host

    @default_host.setter
    def default_host(self, host: str | None) -> None:
        self._hosts.default_host = host

    def add_transform(self, transform_class: type) -> None:
        """Apply a transform to each response from now on (Tornado, cyclone 1.x)."""
        self.transforms.append(transform_class)

    # -- routes

    def _set_routes(self, handlers: list[RuleLike], default_host: str | None) -> None:
        # By host pattern, None for all hosts: what an `ApplicationRouter` would be made of.
        self._given: list[tuple[str | None, list[RuleLike]]] = [(None, handlers)]
        self._router: ApplicationRouter | None = None
        self._routes: RouteTable | None = None  # when all hosts have the same
        if all(map(is_plain, handlers)):
            self._hosts = HostTable(cast(Any, handlers), default_host)
            self._routes = self._hosts.routes
        else:
            self._hosts = HostTable((), default_host)
            self._use_router()

    def _use_router(self) -> ApplicationRouter:
        """Route by rules from now on, instead of by tables."""
        if self._router is None:
            self._routes = None
            self._wildcard = ApplicationRouter(self, self._given[0][1])
            self._router = ApplicationRouter(self, [match_all(self._wildcard)])
            for pattern, handlers in self._given[1:]:
                self._add_host_rules(self._router, cast(str, pattern), handlers)
        return self._router

    def _add_host_rules(
        self, router: ApplicationRouter, pattern: str, handlers: list[RuleLike]
    ) -> None:
        matcher = HostMatches(pattern)
        rule = Rule(matcher, ApplicationRouter(self, handlers))
        router.rules.insert(-1, rule)  # those for all hosts come last
        self._wildcard.add_rules([(DefaultHostMatches(self, matcher.host_pattern), handlers)])

    @property
    def default_router(self) -> ApplicationRouter:
        """The router of all routes (Tornado). Asking for it makes routing slower."""
        return self._use_router()

    @property
    def wildcard_router(self) -> ApplicationRouter:
        """The router of the routes for all hosts (Tornado). Asking for it makes routing slower."""
        self._use_router()
        return self._wildcard

    def add_handlers(self, host_pattern: str, host_handlers: Iterable[RuleLike]) -> None:
        """Add routes for the hosts that match a regular expression."""
        handlers = list(host_handlers)
        plain = all(map(is_plain, handlers))
        if plain and self._router is None:
            self._hosts.add(host_pattern, cast(Any, handlers))
            self._routes = None
        self._given.append((host_pattern, handlers))
        if self._router is not None:
            self._add_host_rules(self._router, host_pattern, handlers)
        elif not plain:
            self._use_router()

    def reverse_url(self, name: str, *args: Any, **query: Any) -> str:
        """The URL of the route `name`: `args` fill its groups, `query` makes a query string.

        Raises:
            KeyError: there is no such route.
        """
        if self._router is None:
            return self._hosts.reverse(name, *args, **query)
        url = self._router.reverse_url(name, *args)
        if url is None:
            raise KeyError(f"{name} not found in named urls")
        return f"{url}?{urlencode(sorted(query.items()))}" if query else url

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate:
        """Who answers `request`, for a router whose rule led here (Tornado)."""
        if self._router is not None:
            delegate = self._router.find_handler(request)
            return self._delegate(request, None) if delegate is None else delegate
        return self._delegate(request, self.match_route(request))

    def get_handler_delegate(
        self,
        request: HTTPServerRequest,
        target_class: type[RequestHandler],
        target_kwargs: Mapping[str, Any] | None = None,
        path_args: Sequence[Any] = (),
        path_kwargs: Mapping[str, Any] | None = None,
    ) -> HTTPMessageDelegate:
        """Who answers `request` by a handler class of this application, for routers (Tornado).

        Args:
            target_kwargs: for its ``initialize``.
            path_args, path_kwargs: for its methods; bytes are decoded.
        """
        target = cast(Any, Target(target_class, target_kwargs))
        match = RouteMatch(target, tuple(path_args or ()), dict(path_kwargs or {}))
        return self._delegate(request, match)

    def _delegate(self, request: HTTPServerRequest, match: RouteMatch | None) -> HandlerDelegate:
        if self._parse_config is not None:
            request.parse_config = self._parse_config
        return HandlerDelegate(
            request, partial(self._dispatch, request, match), partial(self._run, request, match)
        )

    def match_route(self, request: HTTPServerRequest) -> RouteMatch | None:
        """The route that matches `request`, None when there is none."""
        if self._routes is not None:
            return self._routes.match(request.path)
        proxied = "X-Real-Ip" in request.headers
        return self._hosts.find(request.host_name, proxied=proxied).match(request.path)

    # -- requests

    def start_request(self, exchange: Exchange) -> None:
        """Route a request at its head, and run its handler when its body allows."""
        request = HTTPServerRequest.from_head(exchange.head, exchange)
        if self._parse_config is not None:
            request.parse_config = self._parse_config
        routes = self._routes
        if routes is not None:
            match = routes.match(request.path)
        elif self._router is None:
            match = self.match_route(request)
        else:
            request.server_connection = exchange.server_connection
            serve_message(self.find_handler(request), request, exchange)
            return
        if exchange.body_complete:
            exchange.new_context().run(self.execute_request, request, match)
        else:
            self._dispatch(request, match)

    def _dispatch(self, request: HTTPServerRequest, match: RouteMatch | None) -> None:
        """Run the handler of a request when its body allows."""
        exchange = request.connection
        if exchange.body_complete:
            exchange.new_context().run(self.execute_request, request, match)
            return
        handler_class = self._error_class if match is None else match.spec.handler_class
        size = getattr(handler_class, "max_body_size", None)
        if size is not None:
            exchange.max_body_size = size
        if getattr(handler_class, "_stream_request_body", False) or self._answers_before_body(
            handler_class, exchange
        ):
            self._run(request, match)
        else:
            body = BufferedBody(request, lambda: self._run(request, match), self._spool_size)
            exchange.read_body(body_consumer(body, request, exchange))

    def _answers_before_body(self, handler_class: Any, exchange: Exchange) -> bool:
        """Whether the body has no influence on the answer, and is better not waited for."""
        head = exchange.head
        # `prepare` runs for the methods that are supported, whether they are defined or not.
        refused = not handler_class.answers(head.method) and (
            head.method not in handler_class.SUPPORTED_METHODS
            or handler_class.prepare in (RequestHandler.prepare, ErrorHandler.prepare)
        )
        small = not head.chunked and (head.content_length or 0) <= _READ_OVER
        return refused and (head.expect_continue or not small)

    def _run(self, request: HTTPServerRequest, match: RouteMatch | None) -> RequestHandler:
        """Make the handler and execute it, in a context of its own."""
        exchange = request.connection
        fresh = getattr(exchange, "new_context", contextvars.copy_context)
        context: contextvars.Context = fresh()
        return context.run(self.execute_request, request, match)

    def execute_request(
        self, request: HTTPServerRequest, match: RouteMatch | None
    ) -> RequestHandler:
        """Make the handler that `match` leads to, and have it answer."""
        transforms: Any = ()
        if self.transforms:
            transforms = [transform(request) for transform in self.transforms]
        try:
            if match is None:
                handler = self._unrouted(request)
                handler._execute(transforms)
            else:
                spec, args, kwargs = match
                if spec.kwargs:
                    handler = spec.handler_class(self, request, **spec.kwargs)
                else:
                    handler = spec.handler_class(self, request)
                handler._execute(transforms, *args, **kwargs)
        except Exception:
            # initialize() failed, there is no handler to answer.
            app_log.error(
                "Cannot make a handler for %s %s", request.method, request.path, exc_info=True
            )
            handler = ErrorHandler(self, request, status_code=500)
            handler._execute([])
        return handler

    def _unrouted(self, request: HTTPServerRequest) -> RequestHandler:
        if request.uri == "*":
            return ServerOptionsHandler(self, request)
        return self._error_class(self, request, **self._error_kwargs)

    def __call__(self, request: HTTPServerRequest) -> Any:
        """Serve a request whose body is there; returns its handler (cyclone 1.x, Tornado).

        None where the rule that matches leads to something else than a handler.
        """
        if self._router is not None:
            delegate = self._router.find_handler(request)
            if delegate is not None:
                delegate.headers_received(request.start_line, request.headers)
                return delegate.finish()
        return self._run(request, self.match_route(request))

    def log_request(self, handler: RequestHandler) -> None:
        """Write a finished request to the access log; setting ``log_function`` replaces it."""
        log_function = self.settings.get("log_function")
        if log_function is not None:
            log_function(handler)
        else:
            log_access(handler)

    # -- listening

    def listen(self, port: int, address: str = "", *, backlog: int = 128) -> ApplicationPort:
        """Accept connections on a TCP port of the running reactor.

        Args:
            address: interface, "" for all.

        Returns:
            Twisted's port, with Tornado's ``stop()`` too.

        Raises:
            twisted.internet.error.CannotListenError: the port cannot be had.
        """
        reactor = cast(IReactorTCP, self.clock)
        return ApplicationPort(reactor.listenTCP(port, self, backlog=backlog, interface=address))


class ApplicationPort:
    """What `Application.listen` returns: Twisted's `IListeningPort`, and ``stop`` (Tornado)."""

    def __init__(self, port: IListeningPort) -> None:
        self._port = port
        directlyProvides(self, providedBy(port))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def stop(self) -> Any:
        """Stop accepting connections; those that are open go on.  See `stopListening`."""
        return self._port.stopListening()
