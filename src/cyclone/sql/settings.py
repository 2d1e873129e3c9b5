"""How a pool behaves: sizes and times, from keywords or from the options of the URL."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from .urls import Target, URLError

__all__ = ["PoolSettings", "settings_of"]

_TRUTH = {"1": True, "true": True, "yes": True, "on": True}
_TRUTH |= {"0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class PoolSettings:
    """The settings of a pool.  Times are seconds; None or 0 turns a limit of time off.

    Attributes:
        size: connections, and threads, at most.
        dict_rows: rows are dicts by the names of their columns, not tuples.
        timeout: from a call to its result, waiting included; beyond it `StoreTimeout`, and the
            connection is cut, whatever the server does.
        statement_timeout: a statement, enforced by the server; `StoreTimeout`.
        connect_timeout: an attempt to connect.  PostgreSQL's library knows no less than 2 in
            threads.
        max_waiting: calls that may wait for a connection; beyond it `PoolTimeout` at once.
        wait_timeout: how long they may; `PoolTimeout`.
        ping_after: a connection that was idle for so long is asked before it is used again.
        retry_first, retry_most: the longest first pause, and the longest pause at all, between
            attempts to reach a server that is away.
        close_timeout: how long `close` waits for what is under way.
        asynchronous: use the driver's own asynchronous interface; None: where there is one, and
            the reactor has an asyncio loop.
    """

    size: int = 10
    dict_rows: bool = False
    timeout: float | None = 15.0
    statement_timeout: float | None = 10.0
    connect_timeout: float = 2.0
    max_waiting: int = 1000
    wait_timeout: float | None = 5.0
    ping_after: float = 30.0
    retry_first: float = 0.1
    retry_most: float = 1.0
    close_timeout: float = 5.0
    asynchronous: bool | None = None


_FIELDS = {one.name: str(one.type) for one in dataclasses.fields(PoolSettings)}


def settings_of(target: Target, given: dict[str, Any]) -> tuple[PoolSettings, dict[str, str]]:
    """Return the settings of a pool, and the options of the URL that are the driver's.

    What is `given` as a keyword counts more than what stands in the URL.

    Raises:
        TypeError: a keyword that is no setting.
        ValueError: a value that makes no sense.
    """
    for name in given:
        if name not in _FIELDS:
            raise TypeError(f"{name!r} is no setting of a pool; there are: {', '.join(_FIELDS)}")
    written = {name: text for name, text in target.options.items() if name in _FIELDS}
    rest = {name: text for name, text in target.options.items() if name not in _FIELDS}
    # libpq has an option of that name, and means the same.
    values: dict[str, Any] = {name: _read(name, text) for name, text in written.items()}
    values |= given
    return PoolSettings(**{name: _checked(name, value) for name, value in values.items()}), rest


def _read(name: str, text: str) -> Any:
    kind = _FIELDS[name]
    if text.lower() == "none":
        return None
    if kind.startswith("bool"):
        if text.lower() not in _TRUTH:
            raise URLError(f"options: {name} must be true or false, not {text[:40]!r}")
        return _TRUTH[text.lower()]
    try:
        return int(text) if kind == "int" else float(text)
    except ValueError:
        raise URLError(f"options: {name} must be a number, not {text[:40]!r}") from None


def _checked(name: str, value: Any) -> Any:
    kind = _FIELDS[name]
    if value is None and "None" in kind:
        return None
    if kind.startswith("bool"):
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be True or False, not {value!r}")
        return value
    if isinstance(value, bool) or not isinstance(value, int if kind == "int" else int | float):
        number = "a whole number" if kind == "int" else "a number of seconds"
        raise ValueError(f"{name} must be {number}, not {value!r}")
    least = 1 if name == "size" else 0
    if not math.isfinite(value) or value < least:
        raise ValueError(f"{name} must be at least {least}, not {value!r}")
    return None if value == 0 and "None" in kind else value
