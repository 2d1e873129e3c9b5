"""What to say when something that is asked over the network is away, and how long to wait then.

Stores (databases, caches, queues) fail in two ways: the question was wrong, which is a mistake in
the program, or nobody was there to answer it, which is an outage and passes.  `StoreUnavailable`
stands for the second; `cyclone.sql`, `cyclone.mongo` and `cyclone.sqlite` raise it.  Libraries
with errors of their own are made known by `register_outage`, and `is_outage` tells the two kinds
apart, as `cyclone.storage.database_safe` does for the methods of handlers.  `described` is for
those who watch stores.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from cyclone.log import gen_log

__all__ = [
    "Backoff",
    "PoolTimeout",
    "StoreTimeout",
    "StoreUnavailable",
    "described",
    "is_outage",
    "register_outage",
]


class StoreUnavailable(Exception):
    """A store cannot be asked at present; later it may be.  `__cause__` has the driver's error.

    What was asked may have been done all the same, if the connection was lost before the answer.

    Attributes:
        retry_after: seconds after which to try again, None where nobody can tell.
    """

    retry_after: float | None = None

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PoolTimeout(StoreUnavailable):
    """All connections were in use for too long, or too many were waiting for one already.

    Nothing was sent to the store.
    """


class StoreTimeout(StoreUnavailable):
    """The answer did not come in time."""


_outages: set[type[BaseException]] = {StoreUnavailable}


def register_outage(*classes: type[BaseException]) -> None:
    """Have these errors, and those derived from them, count as outages in the whole process.

    Raises:
        TypeError: one is not a class of exceptions.
    """
    for one in classes:
        if not (isinstance(one, type) and issubclass(one, BaseException)):
            raise TypeError(f"expected a class of exceptions, got {one!r}")
    _outages.update(classes)


def is_outage(error: BaseException, also: tuple[type[BaseException], ...] = ()) -> bool:
    """Whether `error` says that a store is away, rather than that the program is wrong.

    Args:
        also: classes that count here, besides those of `register_outage`.
    """
    return isinstance(error, (*_outages, *also))


def described(store: object) -> dict[str, Any]:
    """What `store` tells of itself by a method ``describe()``, such as the state of a pool.

    Nothing if it has none; if that fails, the log has the reason, and who watches others goes on.
    """
    try:
        describe = getattr(store, "describe", None)
        return {} if describe is None else dict(describe())
    except Exception:
        gen_log.exception("%s does not say how it is", type(store).__name__)
        return {}


class Backoff:
    """The pauses between attempts: each twice as long as the one before, and none the same.

    A pause is drawn from the upper half of what it may be, so that many who lost the same server
    at the same moment do not come back at the same moment.

    Args:
        first: seconds of the first pause, at most.
        most: seconds of any pause, at most.
        draw: returns a number from 0 to 1.
    """

    def __init__(
        self, first: float = 0.1, most: float = 1.0, draw: Callable[[], float] = random.random
    ) -> None:
        self._first = self._next = min(first, most)
        self._most = most
        self._draw = draw

    def pause(self) -> float:
        """Return the seconds to wait now, and make the next pause longer."""
        longest = self._next
        self._next = min(2 * longest, self._most)
        return longest * (0.5 + 0.5 * self._draw())

    def reset(self) -> None:
        """Begin anew: an attempt has succeeded."""
        self._next = self._first
