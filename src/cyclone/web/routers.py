"""Tornado's routers: rules with any kind of matcher, and any kind of target.

An `Application` whose routes are all ``(path pattern, handler class)`` does not use them: it has a
`RouteTable`, which is many times faster. One with other rules has an `ApplicationRouter`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from cyclone.httpserver import serve_callable
from cyclone.httputil import (
    BodyBuffer,
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from cyclone.log import app_log, gen_log
from cyclone.util import import_object

from .handler import RequestHandler
from .matchers import AnyMatches, Matcher, PathMatches, Rule, RuleLike
from .routing import URLSpec

if TYPE_CHECKING:
    from .application import Application

__all__ = [
    "ApplicationRouter",
    "ReversibleRouter",
    "ReversibleRuleRouter",
    "Router",
    "RuleRouter",
    "as_rule",
    "is_plain",
]

_SPOOL_SIZE = 1024 * 1024


class Router(HTTPServerConnectionDelegate):
    """Decides who answers a request. Serve one with ``HTTPServer(router)``."""

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        """Say who takes `request`, whose head is there; None for nobody.

        Args:
            kwargs: what the rule had that led here.
        """
        raise NotImplementedError

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Take a request from the server; nobody's is answered with 404."""
        return _Routing(self, server_conn, request_conn)


class ReversibleRouter(Router):
    """A router that knows the URLs of its named routes."""

    def reverse_url(self, name: str, *args: Any) -> str | None:
        """The URL of the route `name` with these arguments; None if there is no such route."""
        raise NotImplementedError


class RuleRouter(Router):
    """Tries rules in order; the first that matches, and whose target takes the request, counts.

    Args:
        rules: see `add_rules`.
    """

    def __init__(self, rules: Iterable[RuleLike] | None = None) -> None:
        self.rules: list[Rule] = []
        if rules:
            self.add_rules(rules)

    def add_rules(self, rules: Iterable[RuleLike]) -> None:
        """Append rules: `Rule` objects, or tuples of their arguments.

        The first of a tuple may be the pattern of a path, in place of `PathMatches`.

        Raises:
            TypeError: one is neither.
        """
        for rule in rules:
            self.rules.append(self.process_rule(as_rule(rule)))

    def process_rule(self, rule: Rule) -> Rule:
        """Look at a rule before it is appended, and perhaps return another."""
        return rule

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        """See `Router.find_handler`."""
        for rule in self.rules:
            arguments = rule.matcher.match(request)
            if arguments is None:
                continue
            if rule.target_kwargs:
                arguments["target_kwargs"] = rule.target_kwargs
            delegate = self.get_target_delegate(rule.target, request, **arguments)
            if delegate is not None:
                return delegate
        return None

    def get_target_delegate(
        self, target: Any, request: HTTPServerRequest, **target_params: Any
    ) -> HTTPMessageDelegate | None:
        """Say who takes `request` at a target; subclasses may know more kinds.

        Args:
            target_params: ``path_args``, ``path_kwargs``, ``target_kwargs``.
        """
        if hasattr(target, "find_handler"):  # routers and applications
            delegate: HTTPMessageDelegate | None = target.find_handler(request, **target_params)
            return delegate
        if isinstance(target, HTTPServerConnectionDelegate):
            return target.start_request(request.server_connection, request.connection)
        if callable(target):
            return _Calling(partial(target, **target_params), request)
        return None


class ReversibleRuleRouter(ReversibleRouter, RuleRouter):
    """A `RuleRouter` that knows the URLs of its rules, and those of routers below it.

    Attributes:
        named_rules: the rules that have names.
    """

    def __init__(self, rules: Iterable[RuleLike] | None = None) -> None:
        self.named_rules: dict[str, Rule] = {}
        super().__init__(rules)

    def process_rule(self, rule: Rule) -> Rule:
        """Take a note of its name."""
        rule = super().process_rule(rule)
        if rule.name:
            if rule.name in self.named_rules:
                app_log.warning("Multiple handlers named %s; replacing previous value", rule.name)
            self.named_rules[rule.name] = rule
        return rule

    def reverse_url(self, name: str, *args: Any) -> str | None:
        """See `ReversibleRouter.reverse_url`."""
        if name in self.named_rules:
            return self.named_rules[name].reverse(*args)
        for rule in self.rules:
            reverse = getattr(rule.target, "reverse_url", None)
            if reverse is None or isinstance(rule.target, type):
                continue
            try:
                url: str | None = reverse(name, *args)
            except KeyError:  # what applications say
                continue
            if url is not None:
                return url
        return None


class ApplicationRouter(ReversibleRuleRouter):
    """The rules of an application: targets may be handler classes, and lists of rules."""

    def __init__(self, application: Application, rules: Iterable[RuleLike] | None = None) -> None:
        self.application = application
        super().__init__(rules)

    def process_rule(self, rule: Rule) -> Rule:
        """Make a router of a list of rules."""
        rule = super().process_rule(rule)
        if isinstance(rule.target, (list, tuple)):
            rules = ApplicationRouter(self.application, rule.target)
            rule = Rule(rule.matcher, rules, rule.target_kwargs, rule.name)
        return rule

    def get_target_delegate(
        self, target: Any, request: HTTPServerRequest, **target_params: Any
    ) -> HTTPMessageDelegate | None:
        """See `RuleRouter.get_target_delegate`."""
        if isinstance(target, type) and issubclass(target, RequestHandler):
            return self.application.get_handler_delegate(request, target, **target_params)
        return super().get_target_delegate(target, request, **target_params)


# -- rules ----------------------------------------------------------------------------------------


def as_rule(rule: RuleLike) -> Rule:
    """A `Rule` of what a list of rules holds; a dotted name as its target is imported.

    Raises:
        TypeError: it is no rule.
    """
    if isinstance(rule, (tuple, list)) and 2 <= len(rule) <= 4:
        first, *others = rule
        if isinstance(first, (str, re.Pattern)):
            first = PathMatches(first)
        if isinstance(first, Matcher):
            rule = Rule(first, *others)
    if not isinstance(rule, Rule):
        raise TypeError(
            "a rule is a Rule, or (matcher or path pattern, target[, kwargs[, name]]), "
            f"not {rule!r}"
        )
    if isinstance(rule.target, str):
        return Rule(rule.matcher, import_object(rule.target), rule.target_kwargs, rule.name)
    return rule


def is_plain(route: Any) -> bool:
    """Whether a route leads from a path pattern to a handler class (or to what makes handlers)."""
    if isinstance(route, URLSpec):
        return _makes_handlers(route.target)
    if not isinstance(route, (tuple, list)) or len(route) < 2:
        return not isinstance(route, Rule)  # what is no route at all is the table's to refuse
    return not isinstance(route[0], Matcher) and _makes_handlers(route[1])


def _makes_handlers(target: Any) -> bool:
    if isinstance(target, str):
        target = import_object(target)
    return isinstance(target, type) and issubclass(target, RequestHandler)


def match_all(target: Any) -> Rule:
    """A rule that sends everything to `target`."""
    return Rule(AnyMatches(), target)


# -- delegates ------------------------------------------------------------------------------------


def _request_of(
    connection: Any, start_line: RequestStartLine, headers: HTTPHeaders
) -> HTTPServerRequest:
    """The request that begins with this head, on a connection of ours or of others."""
    head = getattr(connection, "head", None)
    if head is None:
        return HTTPServerRequest(connection=connection, start_line=start_line, headers=headers)
    request = HTTPServerRequest.from_head(head, connection)
    request.headers = headers
    return request


class _Routing(HTTPMessageDelegate):
    """Finds out who takes a request when its head is there, and passes everything on."""

    def __init__(self, router: Router, server_conn: object, request_conn: Any) -> None:
        self._router = router
        self._server_connection = server_conn
        self._connection = request_conn
        self._delegate: Any = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        request = _request_of(self._connection, start_line, headers)  # type: ignore[arg-type]
        request.server_connection = self._server_connection
        delegate: Any = self._router.find_handler(request)
        if delegate is None:
            gen_log.debug("Delegate for %s %s request not found", request.method, request.path)
            delegate = _NotFound(self._connection)
        self._delegate = delegate
        waiting: Awaitable[None] | None = delegate.headers_received(start_line, headers)
        return waiting

    def take_over(self) -> bool:
        take_over = getattr(self._delegate, "take_over", None)
        return take_over is not None and take_over()

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        waiting: Awaitable[None] | None = self._delegate.data_received(chunk)
        return waiting

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        if self._delegate is not None:
            self._delegate.on_connection_close()


class _NotFound(HTTPMessageDelegate):
    """Answers 404."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection

    def finish(self) -> None:
        self._connection.write_headers(
            ResponseStartLine("HTTP/1.1", 404, "Not Found"), HTTPHeaders({"Content-Length": "0"})
        )
        self._connection.finish()


class BufferingDelegate(HTTPMessageDelegate):
    """Takes requests over from servers that know exchanges; collects the body for others.

    Others are delegates of applications that wrap this one: they pass on what they get.
    """

    def __init__(self, request: HTTPServerRequest) -> None:
        self._request = request
        self._buffer: BodyBuffer | None = None

    def take_over(self) -> bool:
        """Serve the request; see `cyclone.httpserver`."""
        raise NotImplementedError

    def run(self) -> None:
        """Serve the request, whose body is there."""
        raise NotImplementedError

    def data_received(self, chunk: bytes) -> None:
        if self._buffer is None:
            self._buffer = BodyBuffer(_SPOOL_SIZE)
        self._buffer.append(chunk)

    def finish(self) -> None:
        if self._buffer is not None:
            self._request.body_buffer = self._buffer
        self.run()

    def on_connection_close(self) -> None:
        if self._buffer is not None:
            self._buffer.close()


class _Calling(BufferingDelegate):
    """Gives a request to a callable."""

    def __init__(
        self, callback: Callable[[HTTPServerRequest], Any], request: HTTPServerRequest
    ) -> None:
        super().__init__(request)
        self._callback = callback

    def take_over(self) -> bool:
        serve_callable(self._callback, self._request, self._request.connection)
        return True

    def run(self) -> None:
        self._callback(self._request)


class HandlerDelegate(BufferingDelegate):
    """Has a request answered by an application."""

    def __init__(
        self, request: HTTPServerRequest, dispatch: Callable[[], Any], run: Callable[[], Any]
    ) -> None:
        super().__init__(request)
        self._dispatch = dispatch
        self._run = run

    def take_over(self) -> bool:
        self._dispatch()
        return True

    def run(self) -> None:
        self._run()


class Target:
    """A handler class with its arguments, where no `URLSpec` led to it."""

    __slots__ = ("handler_class", "kwargs")

    def __init__(self, handler_class: Any, kwargs: Mapping[str, Any] | None) -> None:
        self.handler_class = handler_class
        self.kwargs = dict(kwargs or {})
