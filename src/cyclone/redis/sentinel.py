"""Sentinel: servers that say which server is the master."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from .connecting import CONNECT_TIMEOUT, REPLY_TIMEOUT, makeConnection
from .endpoints import tcp_endpoint
from .factory import RedisFactory
from .library import txredisapi
from .protocols import RedisProtocol

__all__ = ["Sentinel", "SentinelConnectionFactory", "SentinelRedisProtocol"]

Address = tuple[str, int]


class SentinelRedisProtocol(RedisProtocol):
    """A connection that makes sure of the role of its server before it is used."""

    def connectionMade(self) -> None:
        """Log in, if there is a password, and ask for the role."""
        self._check_role()

    @inlineCallbacks
    def _check_role(self) -> Generator[Any, Any, None]:
        try:
            if self.password is not None:
                yield self.auth(self.password, self.username)
                self.password = None
            role = yield self.role()
        except txredisapi.RedisError as error:
            self.factory.loginFailed(self, error)
            return
        if self.factory.is_master and role[0] not in ("master", b"master"):
            # Sentinel was behind the times: it is asked again.
            self.transport.loseConnection()
            return
        super().connectionMade()


class SentinelConnectionFactory(RedisFactory):
    """A pool whose server is named by Sentinel, before each attempt (txredisapi's name)."""

    protocol = SentinelRedisProtocol

    def __init__(
        self,
        sentinel_manager: Sentinel,
        service_name: str,
        is_master: bool,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sentinel_manager = sentinel_manager
        self.service_name = service_name
        self.is_master = is_master


@implementer(IStreamClientEndpoint)
class _NamedBySentinel:
    """The server of a service, wherever it is by now."""

    def __init__(self, factory: Any, timeout: float | None, tls: Any) -> None:
        self._factory = factory
        self._timeout = timeout
        self._tls = tls
        self._master: Address | None = None
        self._turn = 0

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        def to(address: Address) -> Deferred[Any]:
            endpoint = tcp_endpoint(*address, self._timeout, self._tls)
            connected: Deferred[Any] = endpoint.connect(protocolFactory)
            return connected

        sentinel, name = self._factory.sentinel_manager, self._factory.service_name
        if self._factory.is_master:
            return sentinel.discover_master(name).addCallback(self._moved).addCallback(to)  # type: ignore[no-any-return]
        return (  # type: ignore[no-any-return]
            sentinel.discover_slaves(name).addCallback(self._next, sentinel, name).addCallback(to)
        )

    def _moved(self, address: Address) -> Address:
        if self._master not in (None, address):
            for connection in list(self._factory.pool):
                connection.transport.loseConnection()
        self._master = address
        return address

    def _next(self, replicas: list[Address], sentinel: Any, name: str) -> Any:
        if not replicas:
            return sentinel.discover_master(name)
        self._turn += 1
        return replicas[self._turn % len(replicas)]


class Sentinel(txredisapi.Sentinel):
    """Pools whose servers are named by Sentinel (txredisapi's name).

    >>> sentinel = cyclone.redis.Sentinel([("127.0.0.1", 26379)])  # doctest: +SKIP
    >>> redis = sentinel.master_for("mymaster", poolsize=5)  # doctest: +SKIP

    Args:
        sentinel_addresses: hosts and ports of Sentinel.
        min_other_sentinels: how many other Sentinels one must know to be believed.
        connection_kwargs: for the connections to Sentinel, as of `lazyConnection`.

    Attributes:
        discovery_timeout: seconds for an answer of any Sentinel.
    """

    discovery_timeout = 10

    def __init__(
        self,
        sentinel_addresses: Iterable[Address],
        min_other_sentinels: int = 0,
        **connection_kwargs: Any,
    ) -> None:
        self.min_other_sentinels = min_other_sentinels
        self.sentinels = [
            makeConnection(
                host,
                port,
                **{"dbid": None, "poolsize": 1, "reconnect": True, **connection_kwargs},
                isLazy=True,
            )
            for host, port in sentinel_addresses
        ]

    def discover_master(self, service_name: str) -> Deferred[Address]:
        """Where the master of a service is.

        Fails with `MasterNotFoundError`: no Sentinel knows, or none answers.
        """

        def found(masters: dict[str, Any]) -> Address | None:
            state = masters.get(service_name)
            if not state or not self.check_master_state(state):
                return None
            return state["ip"], int(state["port"])

        def nobody(failure: Failure) -> Any:
            failure.trap(CancelledError)
            raise txredisapi.MasterNotFoundError(f"No master found for {service_name}")

        asked = [sentinel.sentinel_masters() for sentinel in self.sentinels]
        return self._first(asked, found, nobody)

    def discover_slaves(self, service_name: str) -> Deferred[list[Address]]:
        """Where the replicas of a service are; none if no Sentinel knows one, or none answers."""

        def found(replicas: list[Any]) -> list[Address] | None:
            return self.filter_slaves(replicas) or None

        def nobody(failure: Failure) -> list[Address]:
            failure.trap(CancelledError)
            return []

        asked = [sentinel.sentinel_slaves(service_name) for sentinel in self.sentinels]
        return self._first(asked, found, nobody)

    def _first(
        self,
        asked: list[Deferred[Any]],
        found: Callable[[Any], Any],
        nobody: Callable[[Failure], Any],
    ) -> Deferred[Any]:
        """The first answer in which something is found; all others are forgotten."""
        from twisted.internet import reactor

        result: Deferred[Any] = Deferred(lambda _: None)
        left = len(asked)

        def answered(answer: Any) -> None:
            nonlocal left
            left -= 1
            address = None if isinstance(answer, Failure) else found(answer)
            if result.called:
                return
            if address is not None:
                result.callback(address)
            elif not left:
                result.errback(CancelledError())

        def forget(value: Any) -> Any:
            for one in asked:
                one.cancel()
            return value

        def too_late(value: Any, timeout: float) -> Any:
            return value

        result.addTimeout(self.discovery_timeout, reactor, too_late)
        result.addBoth(forget)
        result.addErrback(nobody)
        for one in asked:
            one.addBoth(answered)
        if not asked:
            result.cancel()
        return result

    def master_for(
        self,
        service_name: str,
        factory_class: Callable[..., Any] = SentinelConnectionFactory,
        dbid: int | None = None,
        poolsize: int = 1,
        **connection_kwargs: Any,
    ) -> Any:
        """The handler of a pool of the master of a service; the rest is as of `lazyConnection`."""
        return self._pool(True, service_name, factory_class, dbid, poolsize, connection_kwargs)

    def slave_for(
        self,
        service_name: str,
        factory_class: Callable[..., Any] = SentinelConnectionFactory,
        dbid: int | None = None,
        poolsize: int = 1,
        **connection_kwargs: Any,
    ) -> Any:
        """The same for replicas, each connection to the next; to the master if there are none."""
        return self._pool(False, service_name, factory_class, dbid, poolsize, connection_kwargs)

    def _pool(
        self,
        is_master: bool,
        service_name: str,
        factory_class: Callable[..., Any],
        dbid: int | None,
        poolsize: int,
        options: dict[str, Any],
    ) -> Any:
        timeout = options.pop("connectTimeout", CONNECT_TIMEOUT)
        tls = options.pop("ssl_context_factory", False)
        waiting = {
            name: options.pop(name) for name in ("poolTimeout", "maxWaiting") if name in options
        }
        options.setdefault("replyTimeout", REPLY_TIMEOUT)
        options.setdefault("isLazy", True)
        factory = factory_class(
            sentinel_manager=self,
            service_name=service_name,
            is_master=is_master,
            uuid=None,
            dbid=dbid,
            poolsize=poolsize,
            **options,
        )
        for name, value in waiting.items():
            setattr(factory, name, value)
        factory.startConnecting(_NamedBySentinel(factory, timeout, tls))
        return factory.handler
