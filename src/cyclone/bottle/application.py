"""`Bottle`: functions with routes, which an `Application` is made of."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from cyclone.web import Application, RequestHandler

from .handlers import error_pages, handler_class
from .paths import ParsedPath, parse_path
from .running import serve_application

__all__ = ["Bottle"]

Function = TypeVar("Function", bound=Callable[..., Any])

_METHODS = tuple(method.lower() for method in RequestHandler.SUPPORTED_METHODS)


class _Route:
    """A path, and the functions that answer its methods."""

    def __init__(self, path: ParsedPath) -> None:
        self.path = path
        self.functions: dict[str, Callable[..., Any]] = {}
        self.name: str | None = None

    def add(self, method: str, function: Callable[..., Any]) -> None:
        there = self.functions.setdefault(method, function)
        if _identity(there) != _identity(function):
            raise ValueError(
                f"{method.upper()} {self.path.pattern} leads to {_identity(there)} already, "
                f"and cannot lead to {_identity(function)} too"
            )
        self.functions[method] = function  # the newer one, when a module was loaded again


def _identity(function: Callable[..., Any]) -> str:
    name = getattr(function, "__qualname__", None) or repr(function)
    return f"{getattr(function, '__module__', None)}.{name}"


class Bottle:
    """An application made of functions.

    Args:
        settings: as for `create_app`; what is said there comes on top.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self._routes: dict[str, _Route] = {}
        self._errors: dict[int | None, Callable[..., Any]] = {}

    # -- routes

    def route(
        self,
        path: str | Callable[..., Any] | None = None,
        method: str | Iterable[str] = "get",
        callback: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
    ) -> Any:
        """Have a function answer requests for a path; a decorator.

        Args:
            path: with parameters such as ``/user/<id:int>``, which become arguments by keyword,
                or a regular expression, whose groups become arguments (cyclone 1.x). Without one
                the function's name is the path.
            method: ``"get"`` (HEAD is then answered too), ``"post"`` and so on, a list of them,
                or ``"any"``.
            callback: the function, to do without decorating (cyclone 1.x).
            name: for ``reverse_url``.

        The function gets the request handler and the arguments. What it returns is written:
        text, bytes, or a dictionary as JSON. It may be ``async def``, or return a Deferred. What a
        generator yields is sent piece by piece.

        Raises:
            PathError: the path cannot be understood.
            ValueError: no such method, or one that leads to another function already.
        """
        if callable(path):
            path, callback = None, path
        methods = _methods_of(method)

        def decorate(function: Function) -> Function:
            self._add(f"/{function.__name__}" if path is None else path, methods, function, name)
            return function

        return decorate if callback is None else decorate(callback)

    def get(self, path: str, **kwargs: Any) -> Callable[[Function], Function]:
        """`route` for GET and HEAD."""
        return self._shortcut("get", path, kwargs)

    def post(self, path: str, **kwargs: Any) -> Callable[[Function], Function]:
        """`route` for POST."""
        return self._shortcut("post", path, kwargs)

    def put(self, path: str, **kwargs: Any) -> Callable[[Function], Function]:
        """`route` for PUT."""
        return self._shortcut("put", path, kwargs)

    def patch(self, path: str, **kwargs: Any) -> Callable[[Function], Function]:
        """`route` for PATCH."""
        return self._shortcut("patch", path, kwargs)

    def delete(self, path: str, **kwargs: Any) -> Callable[[Function], Function]:
        """`route` for DELETE."""
        return self._shortcut("delete", path, kwargs)

    def _shortcut(
        self, method: str, path: str, kwargs: dict[str, Any]
    ) -> Callable[[Function], Function]:
        decorator: Callable[[Function], Function] = self.route(path, method, **kwargs)
        return decorator

    def _add(
        self, path: str, methods: list[str], function: Callable[..., Any], name: str | None
    ) -> None:
        parsed = parse_path(path)
        route = self._routes.setdefault(path, _Route(parsed))
        for method in methods:
            route.add(method, function)
        route.name = name or route.name

    def error(self, status: int | None = None) -> Callable[[Function], Function]:
        """Have a function answer errors: those of one status, or all others; a decorator.

        It gets the request handler, whose status is set, and the exception; what it returns is
        written.
        """

        def decorate(function: Function) -> Function:
            self._errors[status] = function
            return function

        return decorate

    # -- the application

    def create_app(self, **settings: Any) -> Application:
        """Make the `Application`.

        Args:
            base_handler: the class of request handlers, `RequestHandler` or one of your own.
            more_handlers: further routes, as for `Application`; they come after the functions.
            settings: those of `Application`.

        Raises:
            TypeError: `base_handler` is no such class.
        """
        merged = {**self.settings, **settings}
        base = merged.pop("base_handler", None) or RequestHandler
        if not (isinstance(base, type) and issubclass(base, RequestHandler)):
            raise TypeError(f"base_handler is a class of request handlers, not {base!r}")
        more_handlers = merged.pop("more_handlers", None) or ()
        for name in ("host", "port", "log", "reload", "reactor"):  # those of `run`
            merged.pop(name, None)
        base, not_found = error_pages(base, dict(self._errors))
        if "default_handler_class" not in merged and "error_handler" not in merged:
            merged["default_handler_class"] = not_found
        routes = [_spec(base, route) for route in self._routes.values()]
        return Application([*routes, *more_handlers], **merged)

    def __call__(self) -> Application:
        """Make the `Application`, so that `twistd cyclone` and `cyclone run` can."""
        return self.create_app()

    def run(self, **settings: Any) -> None:
        """Serve the application until a signal comes; for the end of a script.

        Args:
            host: address to listen on, ``"127.0.0.1"`` by default; ``"0.0.0.0"`` for all.
            port: TCP port, 8888 by default; may be text, such as ``os.environ["PORT"]``.
            log: file object to log to, standard output by default; None for no log.
            reload: start the program anew when one of its files changes.
            reactor: short name of a Twisted reactor; by default the one that is installed, or
                that on uvloop.
            settings: as for `create_app`.

        Raises:
            SystemExit: the port cannot be had, there is no such reactor, or a second signal had
                to stop it at once.
            TypeError, ValueError: `log` is no file object, `port` no number of a port.
        """
        merged = {**self.settings, **settings}
        serve_application(
            lambda: self.create_app(**settings),
            port=merged.get("port", 8888),
            host=merged.get("host", "127.0.0.1"),
            log=merged.get("log", sys.stdout),
            reload=merged.get("reload", False),
            reactor=merged.get("reactor"),
        )


def _spec(base: type[RequestHandler], route: _Route) -> tuple[Any, ...]:
    name = next(iter(route.functions.values())).__name__
    made = handler_class(base, name, route.functions, route.path.converters)
    return (route.path.pattern, made, None, route.name)


def _methods_of(method: str | Iterable[str]) -> list[str]:
    named = [method] if isinstance(method, str) else list(method)
    methods = [one.lower() for one in named]
    if "any" in methods:
        return list(_METHODS)
    for one in methods:
        if one not in _METHODS:
            raise ValueError(f"{one!r} is no method; there are any, {', '.join(_METHODS)}")
    return methods
