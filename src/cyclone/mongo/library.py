"""txmongo, with an end to every wait; the only module that knows it.

txmongo takes the reactor when it is imported, so this room is imported when a pool is made.
"""

from __future__ import annotations

import itertools
from typing import Any

from twisted.internet import ssl
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.defer import TimeoutError as GivenUp
from twisted.python.failure import Failure

from cyclone.outages import PoolTimeout, StoreTimeout, StoreUnavailable

try:
    from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
    from pymongo.uri_parser import parse_uri
    from txmongo.connection import ConnectionPool
    from txmongo.errors import TimeExceeded
    from txmongo.protocol import MongoProtocol
except ImportError as _error:
    raise ImportError(
        "cyclone.mongo needs txmongo, which is not installed: pip install 'cyclone[mongo]'"
    ) from _error

__all__ = ["Connections", "place_of", "tls_of"]

#: Error codes of a server that cannot, for now: unreachable, timeouts of its own network, shutdown,
#: no primary any more or not yet.
_AWAY = frozenset((6, 7, 89, 91, 133, 189, 9001, 10058, 10107, 11600, 11602, 13435, 13436))
#: maxTimeMS, and the server's own.
_TOO_LONG = frozenset((50, 262))
_REFUSED = 18  # AuthenticationFailed
_UNAUTHORIZED = 13


def place_of(url: str) -> str:
    """Return hosts and database of a URL, without what is secret.

    Raises:
        ValueError: it is no URL of MongoDB; the message repeats nothing of it.
    """
    try:
        parts = parse_uri(url)
    except (PyMongoError, ValueError) as error:
        # What is quoted may be a part of the password.
        text = str(error).partition("'")[0].partition('"')[0].rstrip(" :")
        raise ValueError(
            f"not a URL of MongoDB: {text}; expected mongodb://user:password@host:27017/database"
        ) from None
    hosts = ",".join(f"{host}:{port}" for host, port in parts["nodelist"])
    return f"mongodb://{hosts}/{parts['database'] or ''}"


def tls_of(url: str) -> Any:
    """Return what connects with TLS, verifying certificates, if the URL asks for it; or None."""
    parts = parse_uri(url)
    options = {name.lower(): value for name, value in parts["options"].items()}
    return ssl.optionsForClientTLS(parts["nodelist"][0][0]) if options.get("tls") else None


class _Protocol(MongoProtocol):  # type: ignore[misc]  # txmongo has no annotations
    """A connection whose commands have an end."""

    def send_msg(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Send a command; fails with an outage when no answer comes in time."""
        connections: Connections = self.factory.pool
        if connections.in_flight >= connections.most_in_flight:
            return fail(PoolTimeout(f"{connections.in_flight} commands are under way already"))
        connections.in_flight += 1
        answer: Deferred[Any] = super().send_msg(*args, **kwargs)
        if connections.time_limit:
            answer.addTimeout(connections.time_limit, connections.clock)

        def done(result: Any) -> Any:
            connections.in_flight -= 1
            if not isinstance(result, Failure):
                return result
            if isinstance(result.value, GivenUp):
                # Whatever waits behind it on this connection would wait as long.
                self.transport.abortConnection()
                raise StoreTimeout(f"no answer within {connections.time_limit:g} s")
            return _translated(result)

        return answer.addBoth(done)


def _translated(failure: Failure) -> Failure:
    """The failure itself, or the outage that it stands for, raised."""
    error: Any = failure.value
    if isinstance(error, ConnectionFailure | TimeExceeded):
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
    if isinstance(error, OperationFailure):
        code = error.code
        locked_out = code == _UNAUTHORIZED and "requires authentication" in str(error)
        if code in _TOO_LONG:
            raise StoreTimeout(str(error)) from error
        if code in _AWAY or code == _REFUSED or locked_out:
            raise StoreUnavailable(str(error)) from error
    return failure


class Connections(ConnectionPool):  # type: ignore[misc]
    """txmongo's pool, whose callers do not wait for ever for a connection.

    Args:
        url: as of `cyclone.mongo.connect`.
        size: connections.
        clock: the reactor.
        time_limit, wait_limit: seconds of a command, and of waiting for a connection.
        most_in_flight: commands under way, and callers that wait, at most.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int,
        clock: Any,
        time_limit: float | None,
        wait_limit: float,
        most_in_flight: int,
        tls: Any,
    ) -> None:
        self.clock = clock
        self.time_limit = time_limit
        self.wait_limit = wait_limit
        self.most_in_flight = most_in_flight
        self.in_flight = 0
        self.waiting = 0
        self.away = False  # somebody has waited in vain
        self.turn = itertools.count()
        # txmongo takes the first pause for the limit of an attempt to connect, too.
        super().__init__(
            url,
            pool_size=size,
            ssl_context_factory=tls,
            ping_interval=2,
            ping_timeout=2,
            retry_delay=1.0,
            max_delay=1.0,
        )
        for factory in self.getprotocols():
            factory.protocol = _Protocol
            factory.noisy = False

    def connected(self) -> list[Any]:
        """The connections that are open."""
        return [factory.instance for factory in self.getprotocols() if factory.instance]

    def getprotocol(self) -> Deferred[Any]:
        """A connection, at once if one is open, else when one is.

        While nobody has one, the first callers wait, and others fail at once after these have
        waited in vain.
        """
        if connected := self.connected():
            self.away = False
            return succeed(connected[next(self.turn) % len(connected)])
        if self.away:
            return fail(StoreUnavailable("no server of MongoDB can be reached", retry_after=1))
        if self.waiting >= self.most_in_flight:
            return fail(PoolTimeout(f"{self.waiting} callers wait for a connection already"))
        self.waiting += 1
        ready: Deferred[Any] = super().getprotocol()
        ready.addTimeout(self.wait_limit, self.clock)
        return ready.addBoth(self._waited)

    def _waited(self, result: Any) -> Any:
        self.waiting -= 1
        if isinstance(result, Failure):
            if isinstance(result.value, GivenUp):
                self.away = not self.connected()
            raise StoreUnavailable("no server of MongoDB could be reached", retry_after=1)
        return result
