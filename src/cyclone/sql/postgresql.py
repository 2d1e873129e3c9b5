"""PostgreSQL by psycopg 3; the only module that knows it."""

from __future__ import annotations

import asyncio
from typing import Any

from cyclone.outages import StoreTimeout, StoreUnavailable

from .links import Link, handle_of
from .settings import PoolSettings
from .urls import Target, URLError

try:
    import psycopg
    from psycopg.conninfo import make_conninfo
    from psycopg.pq import TransactionStatus
    from psycopg.rows import dict_row, tuple_row
except ImportError as _error:
    raise ImportError(
        "postgresql:// needs psycopg, which is not installed: pip install 'cyclone[postgresql]'"
    ) from _error

__all__ = ["PostgreSQL"]

#: Classes of SQLSTATE, and single ones, that say that the server cannot, for now: connection
#: exceptions, insufficient resources, operator intervention, system errors, and a server that has
#: become a read-only standby.
_AWAY = ("08", "53", "57P", "58", "25006")
_CANCELLED = "57014"
_REVALIDATES = "RevalidateCachedQuery"


class PostgreSQL:
    """A PostgreSQL server and how it is connected to."""

    dbapi = "psycopg"
    most = None
    asynchronous = True

    def __init__(self, target: Target, settings: PoolSettings, options: dict[str, str]) -> None:
        threshold = options.pop("prepare_threshold", "5")
        if threshold != "none" and not threshold.isdecimal():
            raise URLError("options: prepare_threshold must be a number, or 'none'")
        timeout = settings.timeout
        parameters: dict[str, Any] = {
            "host": target.host,
            "port": target.port,
            "user": target.user,
            "password": target.password,
            "dbname": target.database,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 0 if timeout is None else int(timeout * 1000),
            **options,
        }
        parameters = {name: value for name, value in parameters.items() if value not in ("", None)}
        try:
            make_conninfo(**parameters)
        except psycopg.ProgrammingError as error:
            raise URLError(f"options: {error}") from None
        # libpq counts whole seconds, and from two up; asynchronous attempts have a clock of ours.
        self._connect_timeout = settings.connect_timeout
        self._statement_timeout = settings.statement_timeout
        self._arguments: dict[str, Any] = {
            **parameters,
            "connect_timeout": max(2, round(settings.connect_timeout)),
            "autocommit": True,
            "prepare_threshold": None if threshold == "none" else int(threshold),
            "row_factory": dict_row if settings.dict_rows else tuple_row,
        }

    def connect(self) -> Link:
        """See `Driver`."""
        raw = psycopg.connect(**self._arguments)
        link = Link(raw, handle_of(raw.fileno()))
        try:
            if self._statement_timeout is not None:
                with link.limited(self._connect_timeout):
                    raw.execute(*self._limit())
        except BaseException:
            link.close()
            raise
        return link

    async def connect_asynchronously(self) -> Link:
        """See `Driver`."""
        async with asyncio.timeout(self._connect_timeout or None):
            raw = await psycopg.AsyncConnection.connect(**self._arguments)
            try:
                if self._statement_timeout is not None:
                    await raw.execute(*self._limit())
                return Link(raw, handle_of(raw.fileno()), close=raw.pgconn.finish)
            except BaseException:
                await raw.close()
                raise

    def _limit(self) -> tuple[Any, Any]:
        milliseconds = round((self._statement_timeout or 0) * 1000)
        return "SELECT set_config('statement_timeout', %s, false)", (str(milliseconds),)

    def begin(self, raw: Any) -> None:
        """See `Driver`.  psycopg says BEGIN before the first statement."""
        raw.autocommit = False

    def commit(self, raw: Any) -> None:
        """See `Driver`.

        Raises:
            InFailedSqlTransaction: a statement has failed; the server would roll back, and call it
                a success.
        """
        if raw.info.transaction_status == TransactionStatus.INERROR:
            raise psycopg.errors.InFailedSqlTransaction(
                "a statement of the transaction has failed, so nothing of it can be committed"
            )
        raw.commit()
        raw.autocommit = True

    def rollback(self, raw: Any) -> None:
        """See `Driver`."""
        raw.rollback()
        raw.autocommit = True

    def dirty(self, raw: Any) -> bool:
        """See `Driver`."""
        return bool(raw.pgconn.transaction_status != TransactionStatus.IDLE)

    def broken(self, raw: Any) -> bool:
        """See `Driver`."""
        return bool(raw.closed)

    def outage(self, error: BaseException) -> type[StoreUnavailable] | None:
        """See `Driver`."""
        if not isinstance(error, psycopg.Error):
            return None
        state = error.sqlstate or ""
        if state == _CANCELLED:
            return StoreTimeout
        return StoreUnavailable if state.startswith(_AWAY) else None

    def remedy(self, error: BaseException) -> str | None:
        """See `Driver`.

        A table has changed since the statement was prepared: "cached plan must not change result
        type".  That class of errors has others in it, and its text may be in any language, so the
        place in the server tells.
        """
        if not isinstance(error, psycopg.errors.FeatureNotSupported):
            return None
        return "DEALLOCATE ALL" if error.diag.source_function == _REVALIDATES else None
