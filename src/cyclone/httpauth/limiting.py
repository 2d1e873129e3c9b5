"""How often somebody may fail to log in."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from types import TracebackType

__all__ = ["Attempt", "FailureLimit", "TooManyFailures"]


class TooManyFailures(Exception):
    """There have been too many; answered with 429.

    Attributes:
        retry_after: whole seconds after which an attempt may be made again.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many failures to log in; wait {retry_after} seconds")
        self.retry_after = retry_after


class _Key:
    """Failures of one address or user: they leak away evenly."""

    __slots__ = ("level", "pending", "seen")

    def __init__(self, now: float) -> None:
        self.level = 0.0
        self.pending = 0
        self.seen = now


class _Table:
    """The failures by address, or by user."""

    def __init__(self, limit: int, period: float, max_pending: int, max_keys: int) -> None:
        self._limit = limit
        self._rate = limit / period
        self._max_pending = max_pending
        self._max_keys = max_keys
        self._keys: OrderedDict[str, _Key] = OrderedDict()

    def __len__(self) -> int:
        return len(self._keys)

    def wait(self, name: str, now: float) -> int:
        """Seconds until `name` may try, 0 for now."""
        key = self._keys.get(name)
        if key is None:
            return 0
        self._leak(key, now)
        if key.level > self._limit - 1:
            return max(1, math.ceil((key.level - self._limit + 1) / self._rate))
        return 1 if key.pending >= self._max_pending else 0

    def begin(self, name: str, now: float) -> None:
        """An attempt begins."""
        key = self._keys.get(name)
        if key is None:
            self._make_room(now)
            key = self._keys[name] = _Key(now)
        self._keys.move_to_end(name)
        key.pending += 1

    def end(self, name: str, failed: bool, now: float) -> None:
        """It has ended."""
        key = self._keys.get(name)
        if key is None:  # there were too many others meanwhile
            if not failed:
                return
            self._make_room(now)
            key = self._keys[name] = _Key(now)
            key.pending = 1
        key.pending -= 1
        self._leak(key, now)
        if failed:
            key.level += 1
        elif not key.pending and not key.level:
            del self._keys[name]

    def _leak(self, key: _Key, now: float) -> None:
        key.level = max(0.0, key.level - (now - key.seen) * self._rate)
        key.seen = now

    def _make_room(self, now: float) -> None:
        """Forget one of those seen longest ago: the one that matters least."""
        if len(self._keys) < self._max_keys:
            return
        oldest = [name for name, _ in zip(self._keys, range(8), strict=False)]
        for name in oldest:
            self._leak(self._keys[name], now)
        del self._keys[min(oldest, key=lambda name: self._keys[name].level)]


class Attempt:
    """An attempt to log in; a context manager around what checks it."""

    def __init__(self, tables: list[tuple[_Table, str]], clock: Callable[[], float]) -> None:
        self._tables = tables
        self._clock = clock
        self._failed = False

    def fail(self) -> None:
        """It was in vain."""
        self._failed = True

    def __enter__(self) -> Attempt:
        for table, name in self._tables:
            table.begin(name, self._clock())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for table, name in self._tables:
            table.end(name, self._failed, self._clock())


class FailureLimit:
    """Limits failures to log in, by address and by user.

    Failures leak away evenly: with 10 in 60 seconds somebody may fail ten times at once, and then
    once every six seconds.  Beyond that every attempt is answered with 429, whether it would have
    been right or not.  Attempts that are being checked count as nothing yet, so `max_pending` of
    one address or user may come on top.  Addresses of IPv6 count by their /64 networks.

    A limit by user keeps guessers with many addresses away, and lets them keep the user out, too:
    it should be much higher than the one by address.

    Args:
        per_address, per_user: failures in `period`; None for any number.
        period: seconds.
        delay: seconds after which a failure is answered; 0 for at once.
        max_delayed: answers that may be waiting for that at a time; further ones are 429.
        max_pending: attempts of one address or user that may be checked at a time.
        max_keys: addresses, and users, that are remembered; about 300 bytes each.
        clock: tells the time in seconds.

    Raises:
        ValueError: a number is too small.
    """

    def __init__(
        self,
        per_address: int | None = 20,
        per_user: int | None = 100,
        period: float = 60,
        *,
        delay: float = 0,
        max_delayed: int = 100,
        max_pending: int = 64,
        max_keys: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        counts = {"per_address": per_address, "per_user": per_user, "max_keys": max_keys}
        counts["max_pending"] = max_pending
        for name, count in counts.items():
            if count is not None and count < 1:
                raise ValueError(f"{name} must be at least 1, not {count}")
        if period <= 0 or delay < 0:
            raise ValueError("period must be above 0, and delay not below it")
        self.delay = delay
        self.max_delayed = max_delayed
        self.delayed = 0
        self._clock = clock
        self._addresses, self._users = (
            None if limit is None else _Table(limit, period, max_pending, max_keys)
            for limit in (per_address, per_user)
        )

    def attempt(self, address: str, username: str) -> Attempt:
        """Begin an attempt.

        Raises:
            TooManyFailures: it must not be made.
        """
        tables: list[tuple[_Table, str]] = []
        if self._addresses is not None:
            tables.append((self._addresses, _network(address)))
        if self._users is not None:
            tables.append((self._users, username[:256]))
        now = self._clock()
        wait = max((table.wait(name, now) for table, name in tables), default=0)
        if wait:
            raise TooManyFailures(wait)
        return Attempt(tables, self._clock)


def _network(address: str) -> str:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return parsed.exploded[:19]
    return address
