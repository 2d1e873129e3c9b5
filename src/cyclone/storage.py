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
from typing import Any, ClassVar, TypeVar, overload

from twisted.internet.defer import Deferred

from cyclone._async import CancelledErrors, as_deferred, is_pending, settle
from cyclone.log import app_log
from cyclone.outages import (
    PoolTimeout,
    StoreTimeout,
    StoreUnavailable,
    is_outage,
    register_outage,
)
from cyclone.web import HTTPError, RequestHandler

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


class ReadinessHandler(RequestHandler):
    """Tells a load balancer whether this process can do its work.

    200 if every store answers a ping within `timeout`, 503 otherwise, as JSON::

        {"ready": false, "stores": {"database": {"ready": false, "state": "down", ...}}}

    What is told of a store is what its ``describe()`` says, if it has one; why it is away goes to
    the log alone.

    Args:
        stores: by name, what has a ``ping()`` (pools of `cyclone.sql` and `cyclone.mongo`), or a
            function to call; either may return a value, a Deferred or a coroutine, and fails when
            the store is away.  Default: setting ``stores`` of the application.
        timeout: seconds that the pings may take together.
    """

    SUPPORTED_METHODS: ClassVar[tuple[str, ...]] = ("GET", "HEAD")

    def initialize(self, stores: Mapping[str, Any] | None = None, timeout: float = 2.0) -> None:
        """See the class."""
        self._stores = self.settings.get("stores", {}) if stores is None else stores
        self._timeout = timeout

    async def get(self) -> None:
        """Ask all stores at once, and answer."""
        asked = {name: self._ask(name, store) for name, store in self._stores.items()}
        stores: dict[str, dict[str, Any]] = {}
        for name, answer in asked.items():
            stores[name] = {"ready": await answer, **_described(self._stores[name])}
        ready = all(one["ready"] for one in stores.values())
        self.set_status(200 if ready else 503)
        self.set_header("Cache-Control", "no-store")
        self.write({"ready": ready, "stores": stores})

    head = get

    def _ask(self, name: str, store: Any) -> Deferred[bool]:
        """A Deferred of whether the store answers, which never fails."""

        async def asked() -> bool:
            try:
                await settle(getattr(store, "ping", store)())
            except (Exception, *CancelledErrors) as error:
                app_log.warning("%s is not ready: %s: %s", name, type(error).__name__, error)
                return False
            return True

        answer = as_deferred(asked())
        if answer is None:
            raise TypeError("a coroutine is always pending")
        answer.addTimeout(self._timeout, self.application.clock)
        return answer.addErrback(lambda failure: False)


def _described(store: Any) -> dict[str, Any]:
    describe = getattr(store, "describe", None)
    return {} if describe is None else dict(describe())
