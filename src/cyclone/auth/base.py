"""What the mixins share: the error, the client, cookies, and two styles of calling."""

from __future__ import annotations

import functools
import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import urlencode

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cyclone import httpclient
from cyclone._async import HandlerErrors, Waiter, failure_of, resolve

__all__ = [
    "AuthError",
    "HandlerMixin",
    "check_equal",
    "code_challenge",
    "either_style",
    "with_query",
]

_log = Logger(namespace="cyclone.general")
_P = ParamSpec("_P")
_T = TypeVar("_T")


class AuthError(Exception):
    """A service did not confirm who the user is, or what came from it cannot be trusted."""


class HandlerMixin:
    """A base of the mixins; what it uses of `RequestHandler` is declared here."""

    request: Any
    settings: Any
    redirect: Callable[..., Any]
    finish: Callable[..., Any]
    get_argument: Callable[..., Any]
    get_cookie: Callable[..., Any]
    set_cookie: Callable[..., Any]
    clear_cookie: Callable[..., Any]

    def get_auth_http_client(self) -> httpclient.AsyncHTTPClient:
        """The client that asks the service; may be overridden."""
        return httpclient.AsyncHTTPClient()

    def set_auth_cookie(self, name: str, value: str | bytes) -> None:
        """Remember something in the browser until it comes back from the service.

        Scripts cannot read the cookie, and other sites' forms do not send it.
        """
        self.set_cookie(
            name,
            value,
            httponly=True,
            samesite="Lax",
            secure=self.request.protocol == "https",
        )


def check_equal(ours: str | bytes, theirs: str | bytes, message: str) -> None:
    """Compare in constant time.

    Raises:
        AuthError: they differ.
    """
    left, right = (v.encode() if isinstance(v, str) else v for v in (ours, theirs))
    if not hmac.compare_digest(left, right):
        raise AuthError(message)


def code_challenge(verifier: str) -> str:
    """What a service is told of a secret before it sees it (RFC 7636 section 4.2, S256)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def with_query(url: str, arguments: dict[str, Any]) -> str:
    """`url` with more arguments in its query; those in it stay as they are."""
    if not arguments:
        return url
    joint = "?" if "?" not in url else "" if url.endswith(("?", "&")) else "&"
    return f"{url}{joint}{urlencode(arguments)}"


def either_style(
    method: Callable[_P, Coroutine[Any, Any, _T]],
) -> Callable[_P, Deferred[_T]]:
    """Let a coroutine method be awaited, by asyncio's tasks too, yielded, or given a callback.

    The callback is cyclone 1.x's style: any callable among the positional arguments, or
    ``callback=``.  It gets the result, or None when the service did not confirm the user, which is
    logged.
    """

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        callback = kwargs.pop("callback", None)
        given = [arg for arg in args[1:] if callable(arg)]
        if given:
            callback = given[0]
            args = (args[0], *(arg for arg in args[1:] if not callable(arg)))
        work = method(*args, **kwargs)
        if callback is not None:
            work = _calling_back(work, callback)
        waiter: Any = Waiter()
        resolve(work, waiter.callback, lambda error: waiter.errback(failure_of(error)))
        return waiter

    return cast("Callable[_P, Deferred[_T]]", call)


async def _calling_back(work: Coroutine[Any, Any, Any], callback: Callable[[Any], Any]) -> Any:
    try:
        result = await work
    except AuthError as exc:
        _log.warn("Authentication failed: {message}", message=str(exc))
        result = None
    except HandlerErrors as exc:
        if not isinstance(exc, httpclient.HTTPClientError):
            raise
        _log.warn("Authentication failed: {message}", message=str(exc))
        result = None
    returned = callback(result)
    if hasattr(returned, "__await__"):
        await returned
    return result
