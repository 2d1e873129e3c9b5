"""MySQL and MariaDB by PyMySQL; the only module that knows it."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from cyclone.outages import StoreTimeout, StoreUnavailable

from .links import Link, handle_of, keep_alive
from .settings import PoolSettings
from .urls import Target, URLError

try:
    import pymysql
    from pymysql.constants import SERVER_STATUS
    from pymysql.cursors import Cursor, DictCursor
except ImportError as _error:
    raise ImportError(
        "mysql:// needs PyMySQL, which is not installed: pip install 'cyclone[mysql]'"
    ) from _error

__all__ = ["MySQL"]

_TEXTS = ("charset", "collation", "unix_socket", "sql_mode", "init_command")
_FILES = ("ssl_ca", "ssl_cert", "ssl_key")
_SWITCHES = ("ssl", "ssl_verify_identity")

#: Error numbers of servers that cannot, for now: connections lost or refused, too many of them,
#: shutdown, blocked, killed, resources, disk full, read-only.
_AWAY = frozenset((
    1021, 1037, 1040, 1041, 1053, 1077, 1079, 1129, 1158, 1159, 1160, 1161, 1203, 1226, 1290,
    1317, 1792, 1836, 1927, 2002, 2003, 2006, 2013, 2014, 2055, 3168, 4031,
))  # fmt: skip
#: max_statement_time of MariaDB, max_execution_time of MySQL.
_TOO_LONG = frozenset((1969, 3024))


class MySQL:
    """A MySQL or MariaDB server and how it is connected to."""

    dbapi = "pymysql"
    most = None
    asynchronous = False

    def __init__(self, target: Target, settings: PoolSettings, options: dict[str, str]) -> None:
        known = (*_TEXTS, *_FILES, *_SWITCHES)
        for name in options:
            if name not in known:
                raise URLError(f"options: {name!r} is unknown; there are: {', '.join(known)}")
        self._address = (target.host or "127.0.0.1", target.port or 3306)
        self._path = options.get("unix_socket")
        self._connect_timeout = settings.connect_timeout
        self._statement_timeout = settings.statement_timeout
        # The pool cuts the connection when time is over; the driver's own limit is behind that.
        patience = None if settings.timeout is None else settings.timeout + 1
        required = _required_tls(options)
        #: TLS where the server has it: PyMySQL would do that too, by a context for each connection
        #: that takes all authorities of the system in, and believes none of them.
        self._welcome = _welcome_tls(options) if required is None else None
        self._arguments: dict[str, Any] = {
            "user": target.user or None,
            "password": target.password.encode(),  # PyMySQL has latin-1 for text
            "host": self._address[0],
            "port": self._address[1],
            "database": target.database or None,
            "charset": "utf8mb4",
            "autocommit": True,
            "cursorclass": DictCursor if settings.dict_rows else Cursor,
            "read_timeout": patience,
            "write_timeout": patience,
            "ssl": required,
            "ssl_disabled": required is None,
            **(texts := {name: options[name] for name in _TEXTS if name in options}),
        }
        try:
            pymysql.Connection(defer_connect=True, **self._arguments)
        except Exception as error:
            raise URLError(f"options: PyMySQL can do nothing with {texts}: {error}") from None

    async def connect_asynchronously(self) -> Link:
        """There is no such thing."""
        raise NotImplementedError

    def connect(self) -> Link:
        """See `Driver`.

        The socket is made here: its other handle can be cut during the handshake, too, which
        PyMySQL would let last for as long as a statement may.
        """
        raw = pymysql.Connection(defer_connect=True, **self._arguments)
        if self._welcome is not None:
            raw.ssl, raw.ctx = True, self._welcome
        connection = self._socket()
        link = Link(raw, handle_of(connection.fileno()))
        try:
            with link.limited(self._connect_timeout):
                link.raw.connect(connection)
                self._limit(link.raw)
        except BaseException:
            connection.close()
            link.close()
            raise
        return link

    def _socket(self) -> socket.socket:
        timeout = self._connect_timeout or None
        if self._path is None:
            connection = socket.create_connection(self._address, timeout)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            keep_alive(connection)
            return connection
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(timeout)
            connection.connect(self._path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _limit(self, raw: Any) -> None:
        """Each of the two has a time limit of its own name; MySQL's is for SELECT alone."""
        if self._statement_timeout is None:
            return
        if "mariadb" in raw.get_server_info().lower():
            name, value = "max_statement_time", f"{self._statement_timeout:f}"
        else:
            name, value = "max_execution_time", str(round(self._statement_timeout * 1000))
        with raw.cursor() as cursor:
            cursor.execute(f"SET SESSION {name} = {value}")

    def begin(self, raw: Any) -> None:
        """See `Driver`."""
        raw.begin()

    def commit(self, raw: Any) -> None:
        """See `Driver`."""
        raw.commit()

    def rollback(self, raw: Any) -> None:
        """See `Driver`."""
        raw.rollback()

    def dirty(self, raw: Any) -> bool:
        """See `Driver`."""
        return bool(raw.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS)

    def broken(self, raw: Any) -> bool:
        """See `Driver`."""
        return not raw.open

    def outage(self, error: BaseException) -> type[StoreUnavailable] | None:
        """See `Driver`."""
        number = error.args[0] if isinstance(error, pymysql.MySQLError) and error.args else None
        if number in _TOO_LONG:
            return StoreTimeout
        return StoreUnavailable if number in _AWAY else None

    def remedy(self, error: BaseException) -> str | None:
        """See `Driver`.  There is nothing of the kind."""
        return None


def _welcome_tls(options: dict[str, str]) -> ssl.SSLContext | None:
    """TLS for servers that have it, unless the options refuse it: nothing is verified."""
    if options.get("ssl") == "false":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _required_tls(options: dict[str, str]) -> ssl.SSLContext | None:
    """TLS, if the options ask for it: certificates are verified."""
    for name in _SWITCHES:
        if options.get(name, "true") not in ("true", "false"):
            raise URLError(f"options: {name} must be true or false")
    if options.get("ssl") == "false" or not any(name in options for name in (*_FILES, *_SWITCHES)):
        return None
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca"))
        context.check_hostname = options.get("ssl_verify_identity", "true") == "true"
        if "ssl_cert" in options:
            context.load_cert_chain(options["ssl_cert"], options.get("ssl_key"))
    except (OSError, ssl.SSLError) as error:
        raise URLError(f"options: the files of TLS cannot be used: {error}") from None
    return context
