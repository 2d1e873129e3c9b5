"""What handlers say while a store is away: 503 to clients, and to load balancers.

>>> class Item(RequestHandler):  # doctest: +SKIP
...     @database_safe
...     async def get(self, number):
...         self.write(...)
>>> routes = [  # doctest: +SKIP
...     ("/item/([0-9]+)", Item),
...     ("/ready", ReadinessHandler, {"stores": {"database": pool}}),
... ]

The name is that of cyclone 1.x's skeleton of an application, which has ``DatabaseSafe``.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar, overload

import cyclone.health
from cyclone._async import is_pending, settle
from cyclone.health import Readiness
from cyclone.log import app_log
from cyclone.outages import (
    PoolTimeout,
    StoreTimeout,
    StoreUnavailable,
    is_outage,
    register_outage,
)
from cyclone.web import HTTPError

__all__ = [
    "DatabaseSafe",
    "PoolTimeout",
    "ReadinessHandler",
    "StoreTimeout",
    "StoreUnavailable",
    "database_safe",
    "register_outage",
]

_Method = TypeVar("_Method", bound=Callable[..., Any])


@overload
def database_safe(method: _Method) -> _Method: ...


@overload
def database_safe(
    *, catch: tuple[type[BaseException], ...] = (), retry_after: float = 5
) -> Callable[[_Method], _Method]: ...


def database_safe(
    method: _Method | None = None,
    *,
    catch: tuple[type[BaseException], ...] = (),
    retry_after: float = 5,
) -> _Method | Callable[[_Method], _Method]:
    """Answer 503 with ``Retry-After`` when the method fails because a store is away.

    That is decided by the class of the error: `StoreUnavailable`, and what `register_outage` was
    told.  Everything else is a mistake, and stays the 500 that it was.  The error goes to the log
    in one line, and not to the client.  Works on methods of every kind (plain, ``async def``, with
    `inlineCallbacks`), with or without parentheses.

    Args:
        catch: classes of errors that count here, besides.
        retry_after: seconds that clients are asked to wait, where the error does not know better.
    """

    def decorate(function: _Method) -> _Method:
        def refuse(error: BaseException) -> BaseException:
            if not is_outage(error, catch):
                return error
            app_log.warning("%s: %s", type(error).__name__, error)
            seconds = getattr(error, "retry_after", None)
            wait = math.ceil(retry_after if seconds is None else seconds)
            return HTTPError(503, headers={"Retry-After": str(max(1, wait))})

        async def wait(result: Any) -> Any:
            try:
                return await settle(result)
            except Exception as error:
                answer = refuse(error)
                if answer is error:
                    raise
                raise answer from error

        @functools.wraps(function)
        def generator(self: Any, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            # For inlineCallbacks around this one, which insists on a generator.
            try:
                return (yield from function(self, *args, **kwargs))
            except Exception as error:
                answer = refuse(error)
                if answer is error:
                    raise
                raise answer from error

        @functools.wraps(function)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                result = function(self, *args, **kwargs)
            except Exception as error:
                answer = refuse(error)
                if answer is error:
                    raise
                raise answer from error
            return wait(result) if is_pending(result) else result

        if inspect.isgeneratorfunction(function):
            return generator  # type: ignore[return-value]
        return wrapper  # type: ignore[return-value]  # same signature, by functools.wraps

    return decorate if method is None else decorate(method)


#: The name of cyclone 1.x's skeleton.
DatabaseSafe = database_safe


class ReadinessHandler(cyclone.health.ReadinessHandler):
    """`cyclone.health.ReadinessHandler`, with the stores as arguments of the route.

    Args:
        stores: by name, what has a ``ping()`` (pools of `cyclone.sql` and `cyclone.mongo`), or a
            function to call; either may return a value, a Deferred or a coroutine, and fails when
            the store is away.  Default: setting ``stores`` of the application.
        timeout: seconds that the pings may take together.
    """

    def initialize(  # type: ignore[override]
        self, stores: Mapping[str, Any] | None = None, timeout: float = 2.0
    ) -> None:
        """See the class."""
        super().initialize(Readiness(stores, timeout=timeout, max_age=0))
