"""Decorators for the methods of handlers, and one for handler classes.

All of them only decide and delegate: they return what the method returns (a value, a Deferred, a
coroutine, a generator), so they may be stacked with each other, with `inlineCallbacks` and with
``async def`` in every order.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from twisted.internet.defer import Deferred

from cyclone._async import as_deferred, settle

from .beginnings import HSTS, SECURITY_HEADERS, security_changes
from .errors import HTTPError
from .handler import RequestHandler
from .redirects import is_protocol_relative, local_reference

_Method = TypeVar("_Method", bound=Callable[..., Any])
_Handler = TypeVar("_Handler", bound=type[RequestHandler])

_READING = ("GET", "HEAD")
_GENERATOR_MARK = "__cyclone_generator_method__"


def asynchronous(method: _Method) -> _Method:
    """Keep the request open after the method returns, until ``self.finish()`` is called.

    The README's decorator of cyclone 1.x. Without it the response is finished when the method
    has returned and what it returned has fired.
    """

    def keep_open(handler: RequestHandler) -> bool:
        handler._auto_finish = False
        return False

    return preceded(method, keep_open)


def authenticated(method: _Method) -> _Method:
    """Require a logged-in user: a true ``self.current_user``.

    Others are sent to ``self.get_login_url()`` when they only read (GET, HEAD) and get 403 when
    they do not. A login URL without query gets ``next``, the URL to come back to: absolute when
    the login URL is absolute, otherwise one that stays on this host, whatever was asked for.

    ``get_current_user`` may be asynchronous: it is awaited, and in the method ``current_user`` is
    what came of it.
    """

    def send_to_login(handler: RequestHandler) -> bool | Deferred[Any]:
        waiting = as_deferred(handler.current_user)
        if waiting is None:
            return _sent_to_login(handler)
        return as_deferred(_await_user(handler, waiting)) or False

    return preceded(method, send_to_login)


async def _await_user(handler: RequestHandler, waiting: Deferred[Any]) -> bool:
    user = await waiting
    if handler.current_user is waiting:  # nobody has assigned another meanwhile
        handler.current_user = user
    return not handler._open or _sent_to_login(handler)


def _sent_to_login(handler: RequestHandler) -> bool:
    if handler.current_user:
        return False
    if handler.request.method not in _READING:
        raise HTTPError(403)
    handler.redirect(_login_url(handler))
    return True


def _login_url(handler: RequestHandler) -> str:
    url = handler.get_login_url()
    if "?" in url:
        return url
    request = handler.request
    if urlsplit(url).scheme:
        back = request.full_url()
    else:
        back = local_reference(request.path, request.query)
    return f"{url}?{urlencode({'next': back})}"


def removeslash(method: _Method) -> _Method:
    """Redirect ``/foo/`` to ``/foo`` for GET and HEAD; 404 for other methods.

    The route must match both, for instance ``r"/foo/*"``. Raises HTTPError 403 for paths whose
    redirect would lead to another host.
    """

    def redirect_without(handler: RequestHandler) -> bool:
        path = handler.request.path
        if not path.endswith("/"):
            return False
        return _redirected(handler, path.rstrip("/"))

    return preceded(method, redirect_without)


def addslash(method: _Method) -> _Method:
    """Redirect ``/foo`` to ``/foo/`` for GET and HEAD; 404 for other methods.

    The route must match both, for instance ``r"/foo/?"``. Raises HTTPError 403 for paths whose
    redirect would lead to another host.
    """

    def redirect_with(handler: RequestHandler) -> bool:
        path = handler.request.path
        if path.endswith("/"):
            return False
        return _redirected(handler, path + "/")

    return preceded(method, redirect_with)


def _redirected(handler: RequestHandler, path: str) -> bool:
    if handler.request.method not in _READING:
        raise HTTPError(404)
    if is_protocol_relative(path):
        raise HTTPError(403, "cannot redirect path with two initial slashes")
    if not path:  # "/" without its slash is nothing
        return False
    query = handler.request.query
    handler.redirect(f"{path}?{query}" if query else path, permanent=True)
    return True


def stream_request_body(cls: _Handler) -> _Handler:
    """Give a handler class the request body piece by piece, in ``data_received``.

    ``prepare`` runs when the head has arrived, ``data_received(chunk)`` for each piece (it may
    return an awaitable, which holds the next piece back), the method when the body is complete.
    ``request.body`` is not there, and arguments come from the URL only. Raises TypeError for
    anything but a RequestHandler subclass.
    """
    if not (isinstance(cls, type) and issubclass(cls, RequestHandler)):
        raise TypeError(f"expected a subclass of RequestHandler, got {cls!r}")
    cls._stream_request_body = True
    return cls


def security_headers(
    changes: Mapping[str, str | None] | None = None,
) -> Callable[[_Handler], _Handler]:
    """Have the responses of a handler class begin with security headers, or with others.

    Where the application has the setting ``security_headers``, only `changes` are made to its
    fields; elsewhere the class gets those of `SECURITY_HEADERS` with them::

        @security_headers({"X-Frame-Options": None, "Content-Security-Policy": "sandbox"})
        class Widget(RequestHandler): ...

    Args:
        changes: as in the setting: other values, and None for fields that are not sent.

    Raises:
        ValueError: a field is malformed.
    """
    different = security_changes(changes or {})
    whole = {**SECURITY_HEADERS, **different}

    def decorate(cls: _Handler) -> _Handler:
        further = cls.set_default_headers

        @functools.wraps(further)
        def set_default_headers(self: RequestHandler) -> None:
            https = self.request.protocol == "https"
            fields = different if self.settings.get("security_headers") else whole
            for name, value in fields.items():
                if value is None:
                    self.clear_header(name)
                elif https or name != HSTS:
                    self.set_header(name, value)
            further(self)

        cls.set_default_headers = set_default_headers  # type: ignore[method-assign]
        return cls

    return decorate


def preceded(method: _Method, answered: Callable[[Any], bool | Deferred[Any]]) -> _Method:
    """Wrap a method: call ``answered(handler)`` first, and the method unless that is true.

    For decorators such as `authenticated`.  When a Deferred says whether it is, so does what the
    wrapper returns: it waits.  What `answered` raises is answered as if the method had raised it.

    `inlineCallbacks` around the wrapper insists on a generator, so a wrapper around a generator
    function returns one (an empty one) even when the method is not called.
    """
    makes_generator = _makes_generator(method)

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        verdict = answered(self)
        if verdict is False:
            return method(self, *args, **kwargs)
        if verdict is True:
            return _nothing() if makes_generator else None
        call = functools.partial(method, self, *args, **kwargs)
        return _yield_first(verdict, call) if makes_generator else _wait_first(verdict, call)

    if makes_generator:
        # The mark is the wrapper itself: functools.wraps of a further decorator copies it, and
        # then it no longer tells the truth.
        setattr(wrapper, _GENERATOR_MARK, wrapper)
    return wrapper  # type: ignore[return-value]  # same signature, by functools.wraps


def _makes_generator(method: Callable[..., Any]) -> bool:
    return inspect.isgeneratorfunction(method) or getattr(method, _GENERATOR_MARK, None) is method


def _nothing() -> Iterator[None]:
    yield from ()


async def _wait_first(verdict: Any, call: Callable[[], Any]) -> Any:
    return None if await verdict else await settle(call())


def _yield_first(verdict: Any, call: Callable[[], Any]) -> Generator[Any, Any, Any]:
    if not (yield verdict):
        return (yield from call())
    return None
