"""Request handlers made of functions."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from functools import partial
from typing import Any

from cyclone._async import DONE, is_pending, settle
from cyclone.web import ErrorHandler, Finish, HTTPError, RequestHandler

from .paths import Converter

__all__ = ["ErrorFunctions", "error_pages", "handler_class"]

ErrorFunctions = Mapping[int | None, Callable[..., Any]]
"""What answers errors: a function for a status, and one for all others under None."""


def handler_class(
    base: type[RequestHandler],
    name: str,
    functions: Mapping[str, Callable[..., Any]],
    converters: Mapping[str, Converter],
) -> type[RequestHandler]:
    """A handler whose methods are functions.

    Args:
        functions: by HTTP method in lower case. One for ``get`` answers HEAD too.
        converters: for the arguments that are not to be text.
    """
    methods = {method: _method(function, converters) for method, function in functions.items()}
    if "get" in methods:
        methods.setdefault("head", methods["get"])
    return type(name, (base,), methods)


def _method(function: Callable[..., Any], converters: Mapping[str, Converter]) -> Any:
    if not converters:

        def method(self: RequestHandler, *args: Any, **kwargs: Any) -> Any:
            return write_result(self, function(self, *args, **kwargs))

    else:

        def method(self: RequestHandler, *args: Any, **kwargs: Any) -> Any:
            for name, convert in converters.items():
                kwargs[name] = convert(kwargs[name])
            return write_result(self, function(self, *args, **kwargs))

    return method


def write_result(handler: RequestHandler, result: Any) -> Any:
    """Write what a function returned: text, bytes, a dictionary; nothing for None.

    Returns:
        None, or an awaitable if the result has yet to come, or comes in pieces.
    """
    if result is None or result is DONE:  # `return web.finish(...)`
        return None
    if inspect.isgenerator(result):
        return _write_pieces(handler, result)
    if inspect.isasyncgen(result):
        return _write_pieces_to_come(handler, result)
    if is_pending(result):
        return _write_later(handler, result)
    handler.write(result)
    return None


async def _write_later(handler: RequestHandler, result: Any) -> None:
    rest = write_result(handler, await settle(result))
    if rest is not None:
        await rest


async def _write_pieces(handler: RequestHandler, generator: Generator[Any, Any, Any]) -> None:
    """Send what a generator yields, piece by piece, as fast as the peer takes it.

    A Deferred, or whatever else can be awaited, is waited for as by inlineCallbacks, which authors
    of applications for cyclone 1.x may have forgotten.
    """
    resume: Callable[[], Any] = partial(next, generator)
    while True:
        try:
            piece = resume()
        except StopIteration as end:
            return await _write_later(handler, end.value)
        try:
            if is_pending(piece):
                resume = partial(generator.send, await settle(piece))
            else:
                await _send(handler, piece)
                resume = partial(next, generator)
        except BaseException as error:  # that of a task which is cancelled, too
            resume = partial(generator.throw, error)


async def _write_pieces_to_come(
    handler: RequestHandler, generator: AsyncGenerator[Any, Any]
) -> None:
    try:
        async for piece in generator:
            await _send(handler, piece)
    finally:
        await generator.aclose()


async def _send(handler: RequestHandler, piece: Any) -> None:
    handler.write(piece)
    await handler.flush()
    if handler.request.method == "HEAD":  # whose answer has its end; the pieces may have none
        raise Finish


class _ErrorPages:
    """What a base class of handlers gets for error functions to be called."""

    error_functions: ErrorFunctions

    def write_error(self, status_code: int, **kwargs: Any) -> Any:
        function = self.error_functions.get(status_code) or self.error_functions.get(None)
        if function is None:
            return super().write_error(status_code, **kwargs)  # type: ignore[misc]
        exc_info = kwargs.get("exc_info")
        error = exc_info[1] if exc_info else HTTPError(status_code)
        return write_result(self, function(self, error))  # type: ignore[arg-type]


def error_pages(
    base: type[RequestHandler], functions: ErrorFunctions
) -> tuple[type[RequestHandler], type[RequestHandler]]:
    """Two classes whose errors are answered by functions: a base, and one for unknown paths."""
    if functions:
        base = type(base.__name__, (_ErrorPages, base), {"error_functions": functions})
    # What no route matches is answered as the base class answers its errors, but by no other part
    # of it: its `prepare` may ask for a user.
    return base, type("NotFound", (_NotFound, base), {})


class _NotFound(ErrorHandler):
    """Where no route matches."""

    def initialize(self, status_code: int = 404) -> None:
        super().initialize(status_code)
