"""MongoDB by txmongo, in pools with the life of `cyclone.sql`'s.

>>> from cyclone import mongo
>>> pool = mongo.connect("mongodb://app:secret@db.example.com/shop")  # doctest: +SKIP
>>> item = await pool["shop"]["item"].find_one({"_id": 7})  # doctest: +SKIP

Databases and collections are txmongo's, and so are their methods.  What a `Pool` adds: commands
end in time whatever the server does, and fail with `StoreUnavailable` while it is away, which
`cyclone.storage.database_safe` makes 503 of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import deferLater

from cyclone.outages import PoolTimeout, StoreTimeout, StoreUnavailable

if TYPE_CHECKING:
    from .library import Connections

__all__ = ["Pool", "PoolTimeout", "StoreTimeout", "StoreUnavailable", "connect"]

#: How often a pool that closes looks whether commands are under way.
_LOOK = 0.02


class Pool(Service):
    """Connections to MongoDB; made by `connect`.

    Closed by `close`, by `stopService`, and when the reactor ends, after the services have stopped.

    Attributes:
        target: hosts and database, without password.
        connection: txmongo's ``ConnectionPool``.
    """

    def __init__(
        self, target: str, connection: Connections, reactor: Any, close_timeout: float
    ) -> None:
        self.target = target
        self.connection = connection
        self._reactor = reactor
        self._close_timeout = close_timeout
        self._closed = False
        self._trigger: Any = reactor.addSystemEventTrigger("during", "shutdown", self._ends)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.target} {self.state}>"

    def __getitem__(self, name: str) -> Any:
        """A database by its name: txmongo's ``Database``, whose items are collections."""
        return self.connection[name]

    @property
    def state(self) -> str:
        """``"up"`` while a connection is open, ``"down"``, or ``"closed"``."""
        if self._closed:
            return "closed"
        return "up" if self.connection.connected() else "down"

    def ping(self) -> Deferred[None]:
        """Ask the server whether it answers.  Fires with None, or fails with what is wrong."""
        answer: Deferred[Any] = self.connection.command("admin", {"ping": 1})
        return answer.addCallback(lambda reply: None)

    def describe(self) -> dict[str, Any]:
        """What a monitor may show: state, connections, commands under way and waiting."""
        return {
            "state": self.state,
            "size": len(self.connection.getprotocols()),
            "in_use": self.connection.in_flight,
            "waiting": self.connection.waiting,
        }

    def stopService(self) -> Deferred[None]:
        """Close the pool with the service it is."""
        super().stopService()  # type: ignore[no-untyped-call]
        return self.close()

    def _ends(self) -> Deferred[None]:
        self._trigger = None
        return self.close()

    @inlineCallbacks
    def close(self) -> Any:
        """Let commands under way end, for a while, then close.  May be called again."""
        if self._closed:
            return
        self._closed = True
        if self._trigger is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
        until = self._reactor.seconds() + self._close_timeout
        while self.connection.in_flight and self._reactor.seconds() < until:
            yield deferLater(self._reactor, _LOOK)
        yield self.connection.disconnect()


def connect(
    url: str,
    *,
    size: int = 5,
    timeout: float | None = 15.0,
    wait_timeout: float = 5.0,
    max_waiting: int = 1000,
    close_timeout: float = 5.0,
    tls: Any = None,
    reactor: Any = None,
) -> Pool:
    """Make a pool of connections to MongoDB, which are opened at once, or as soon as they can be.

    Args:
        url: ``mongodb://user:password@host:27017/database?options``, several hosts with commas.
            ``mongodb+srv://`` is not supported.
        size: connections; commands share them.
        timeout: seconds of a command; beyond it `StoreTimeout`, and its connection is cut.
        wait_timeout: seconds that the first callers wait while there is no connection; others then
            get `StoreUnavailable` at once until there is one.
        max_waiting: commands under way, and callers that wait; beyond it `PoolTimeout`.
        close_timeout: seconds that `Pool.close` waits for commands under way.
        tls: what connects with TLS (``twisted.internet.ssl.optionsForClientTLS(host)``); made from
            the URL where it says ``tls=true``.
        reactor: default, and all that txmongo supports: the one that runs.

    Raises:
        ValueError: the URL makes no sense, or a number is not positive.
        ImportError: txmongo is not installed; the message names the extra that brings it.
    """
    if url.startswith("mongodb+srv://"):
        raise ValueError(
            "mongodb+srv:// is not supported: name the hosts, mongodb://a,b,c/database"
        )
    for name, number in (("size", size), ("max_waiting", max_waiting), ("timeout", timeout or 1)):
        if number <= 0:
            raise ValueError(f"{name} must be positive, not {number!r}")
    from .library import Connections, place_of, tls_of

    target = place_of(url)
    if reactor is None:
        from twisted.internet import reactor
    connection = Connections(
        url,
        size=size,
        clock=reactor,
        time_limit=timeout,
        wait_limit=wait_timeout,
        most_in_flight=max_waiting,
        tls=tls_of(url) if tls is None else tls,
    )
    return Pool(target, connection, reactor, close_timeout)
