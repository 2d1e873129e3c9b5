"""What is done in threads, with a connection in hand: statements, transactions, a look at it.

Each function of work gets the driver and the link, may block, and leaves the connection as it
found it: no transaction open.  Errors of the driver that are outages leave as `StoreUnavailable`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from cyclone._async import is_pending
from cyclone.log import gen_log
from cyclone.outages import StoreUnavailable

from .links import Driver, Link

__all__ = [
    "PING",
    "Statement",
    "Work",
    "connected",
    "many",
    "outage_of",
    "perform",
    "transaction",
    "unreachable",
    "usable",
]

Work = Callable[[Driver, Link], Any]


@dataclass(slots=True)
class Statement:
    """Work that is one statement, which asynchronous drivers can do too.

    `parameters` is a tuple of none or one: what the cursor's ``execute`` gets.  `rows` says
    whether they are wanted.
    """

    sql: Any
    parameters: tuple[Any, ...] = ()
    rows: bool = False

    def __call__(self, driver: Driver, link: Link) -> Any:
        """Do it in a thread."""
        try:
            return self._do(link.raw)
        except Exception as error:
            remedy = driver.remedy(error)
            if remedy is None:
                raise
        Statement(remedy)._do(link.raw)
        return self._do(link.raw)

    def _do(self, raw: Any) -> Any:
        with contextlib.closing(raw.cursor()) as cursor:
            cursor.execute(self.sql, *self.parameters)
            if self.rows:
                # PyMySQL has tuples of rows.
                return list(cursor.fetchall()) if cursor.description else []
        return None

    async def asynchronously(self, driver: Driver, link: Link) -> Any:
        """Do it in an asyncio task, as psycopg has it."""
        try:
            return await self._do_asynchronously(link.raw)
        except Exception as error:
            remedy = driver.remedy(error)
            if remedy is None:
                raise
        await Statement(remedy)._do_asynchronously(link.raw)
        return await self._do_asynchronously(link.raw)

    async def _do_asynchronously(self, raw: Any) -> Any:
        cursor = await raw.execute(self.sql, *self.parameters)
        if self.rows:
            return await cursor.fetchall() if cursor.description else []
        return None


#: A question that costs the server next to nothing.
PING = Statement("SELECT 1", (), rows=True)


def many(sql: Any, rows: Iterable[Any]) -> Work:
    """A statement for each of several rows of parameters, all or none."""

    def insert(cursor: Any) -> None:
        cursor.executemany(sql, rows)

    return transaction(insert, (), {}, whole=False)


def transaction(
    function: Callable[..., Any], args: Any, kwargs: dict[str, Any], *, whole: bool
) -> Work:
    """A function that is called with a cursor (`whole`: with the connection) in a transaction."""

    def work(driver: Driver, link: Link) -> Any:
        driver.begin(link.raw)
        if whole:
            result = function(link.raw, *args, **kwargs)
        else:
            with contextlib.closing(link.raw.cursor()) as cursor:
                result = function(cursor, *args, **kwargs)
        _refuse_pending(result)
        driver.commit(link.raw)
        return result

    return work


def _refuse_pending(result: Any) -> None:
    """What awaits something has done nothing yet, and the transaction is about to end."""
    if not is_pending(result):
        return
    if isinstance(result, Coroutine):
        result.close()
    raise TypeError(
        "the function of an interaction runs in a thread, and returns what it has found; "
        f"this one has returned what would have to be awaited: a {type(result).__name__}"
    )


def connected(driver: Driver) -> Link:
    """A new connection.

    Raises:
        StoreUnavailable: there is none to be had, for whatever reason.
    """
    try:
        return driver.connect()
    except Exception as error:
        raise unreachable(error) from error


def unreachable(error: BaseException) -> StoreUnavailable:
    """What to raise when connecting failed."""
    return StoreUnavailable(f"cannot connect: {_brief(error)}")


def usable(link: Link, driver: Driver, *, idle: bool, patience: float) -> bool:
    """Whether a connection that has not been used for a while still is one.

    What has come unasked is the end, as a rule, and is seen without asking the server; it is asked
    when something came, or when the connection was `idle` for long.
    """
    if driver.broken(link.raw):
        return False
    if link.quiet() and not idle:
        return True
    try:
        with link.limited(patience):
            PING(driver, link)
    except Exception:
        return False
    return link.quiet()


def perform(work: Work, driver: Driver, link: Link) -> Any:
    """Do the work, clean up after it, and tell outages from mistakes.

    Raises:
        StoreUnavailable: the store cannot be asked, or not just now.
        Exception: whatever else came of it, unchanged.
    """
    try:
        result = work(driver, link)
    except BaseException as error:
        # Before the connection is cleaned, which may be the end of it.
        outage = outage_of(error, driver, link)
        _clean(driver, link)
        if outage is None:
            raise
        raise outage from error
    if not driver.broken(link.raw) and driver.dirty(link.raw):
        gen_log.warning("a statement left a transaction open; it is rolled back")
        _clean(driver, link)
    return result


def outage_of(error: BaseException, driver: Driver, link: Link) -> StoreUnavailable | None:
    """The outage that an error of some work stands for, None for a mistake."""
    kind = driver.outage(error)
    if kind is None and driver.broken(link.raw) and _of_driver(driver, error):
        kind = StoreUnavailable
    return None if kind is None else kind(_brief(error))


def _clean(driver: Driver, link: Link) -> None:
    if driver.broken(link.raw):
        link.close()
        return
    try:
        driver.rollback(link.raw)
    except Exception:
        link.close()


def _of_driver(driver: Driver, error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in (driver.dbapi, "builtins", "socket")


def _brief(error: BaseException) -> str:
    """The first line of what a driver says, which is long, and its class."""
    lines = str(error).strip().splitlines() or ["no reason was given"]
    return f"{type(error).__name__}: {lines[0][:300]}"
