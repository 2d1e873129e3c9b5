"""One set of keys on several servers."""

from __future__ import annotations

import bisect
import functools
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from .library import txredisapi

__all__ = [
    "HashRing",
    "ShardedConnectionHandler",
    "ShardedUnixConnectionHandler",
    "point_of",
    "tag_of",
]


def tag_of(key: str) -> str | None:
    """What stands in braces decides where a key goes, so that some can be kept together.

    It is what the last brace that opens before the last one that closes holds, unless that is the
    first character of the key.
    """
    end = key.rfind("}")
    start = key.rfind("{", 1, end) if end > 0 else -1
    return None if start < 0 else key[start + 1 : end]


def point_of(text: str | bytes) -> int:
    """Where a text lies on the ring.

    It is CRC-32 as Python 2 had it, from -2**31 to 2**31 - 1: keys that an application for cyclone
    1.x has stored are found.
    """
    value = zlib.crc32(text.encode() if isinstance(text, str) else text)
    return value - (1 << 32) if value >> 31 else value


class HashRing:
    """Which server has which key (cyclone 1.x's name).

    Args:
        nodes: handlers of pools, which the names of their servers (``uuid``) put on the ring.
        replicas: how many points each gets.
    """

    def __init__(self, nodes: Iterable[Any] = (), replicas: int = 160) -> None:
        self.nodes: list[Any] = []
        self.replicas = replicas
        self.ring: dict[int, Any] = {}
        self.sorted_keys: list[int] = []
        for node in nodes:
            self.add_node(node)

    def _points(self, node: Any) -> list[int]:
        return [point_of(f"{node._factory.uuid}:{index}") for index in range(self.replicas)]

    def add_node(self, node: Any) -> None:
        """Put a server on the ring."""
        self.nodes.append(node)
        points = self._points(node)
        self.ring.update(dict.fromkeys(points, node))
        self.sorted_keys.extend(points)
        self.sorted_keys.sort()

    def remove_node(self, node: Any) -> None:
        """Take a server from the ring.  What it had belongs to others then."""
        self.nodes.remove(node)
        for point in self._points(node):
            self.sorted_keys.remove(point)
            if point not in self.sorted_keys:
                del self.ring[point]

    def get_node(self, key: str | bytes) -> Any:
        """The server of a key, None if there is no server."""
        return self.get_node_pos(key)[0]

    def get_node_pos(self, key: str | bytes) -> tuple[Any, int | None]:
        """The server of a key and the number of its point."""
        if not self.ring:
            return None, None
        index = bisect.bisect(self.sorted_keys, point_of(key))
        index = min(index, len(self.sorted_keys) - 1)
        return self.ring[self.sorted_keys[index]], index

    def iter_nodes(self, key: str | bytes) -> Iterator[tuple[int | None, Any]]:
        """The points from that of a key on, with their servers."""
        _, index = self.get_node_pos(key)
        if index is None:
            yield None, None
            return
        for point in self.sorted_keys[index:]:
            yield point, self.ring[point]

    def __call__(self, key: str | bytes) -> Any:
        return self.get_node(key)


class ShardedConnectionHandler:
    """Pools of several servers, with the commands that are about one key (cyclone 1.x's name).

    Which key is where says a `HashRing`; of a key with braces, ``user{7}``, what is in them counts.
    A server that is away takes its keys with it.

    Args:
        connections: handlers, or a DeferredList of them.
    """

    def __init__(self, connections: Any) -> None:
        self._ring: HashRing | None = None
        if hasattr(connections, "addCallback"):
            connections.addCallback(self._make_ring)
        else:
            self._ring = HashRing(connections)

    def _make_ring(self, results: list[tuple[bool, Any]]) -> ShardedConnectionHandler:
        failures = [result for success, result in results if not success]
        if failures:
            for success, handler in results:
                if success:
                    handler.disconnect()
            failures[0].raiseException()
        self._ring = HashRing([handler for _, handler in results])
        return self

    def _nodes(self) -> HashRing:
        if self._ring is None:
            raise txredisapi.ConnectionError("Not connected")
        return self._ring

    def disconnect(self) -> Deferred[bool]:
        """Close all connections.  Fires with True when they are."""
        closing = [handler.disconnect() for handler in self._nodes().nodes]
        return gatherResults(closing, consumeErrors=True).addCallback(lambda _: True)

    def ping(self) -> Deferred[None]:
        """Ask all servers whether they answer.  Fires with None, or fails if one of them does."""
        asked = [handler.ping() for handler in self._nodes().nodes]
        return gatherResults(asked, consumeErrors=True).addCallbacks(lambda _: None, _first)

    def describe(self) -> dict[str, Any]:
        """What a monitor may show: the sums of all servers' pools, and whether all are up."""
        pools = [] if self._ring is None else [node.describe() for node in self._ring.nodes]
        states = {pool["state"] for pool in pools}
        found: dict[str, Any] = {"state": states.pop() if len(states) == 1 else "down"}
        return found | {
            name: sum(pool[name] for pool in pools) for name in ("size", "in_use", "waiting")
        }

    def node_of(self, key: str | bytes) -> Any:
        """The handler of the server that has a key."""
        text = key.decode("utf-8", "replace") if isinstance(key, bytes) else key
        tag = tag_of(text)
        return self._nodes()(key if tag is None else tag)

    def pipeline(self) -> Any:
        """Not for several servers: NotImplementedError."""
        raise NotImplementedError("Pipelining is not supported across shards")

    def __getattr__(self, method: str) -> Any:
        if method in txredisapi.ShardedMethods:
            return functools.partial(self._wrap, method)
        raise NotImplementedError(f"Method '{method}' cannot be sharded")

    def _wrap(self, method: str, *args: Any, **kwargs: Any) -> Any:
        if not args or not isinstance(args[0], (str, bytes)):
            raise ValueError(f"Method '{method}' requires a key as the first argument")
        return getattr(self.node_of(args[0]), method)(*args, **kwargs)

    def mget(self, keys: Any, *args: Any) -> Deferred[list[Any]]:
        """The values of several keys, in their order.

        Fails if one of the servers does.
        """
        wanted = list(txredisapi.list_or_args("mget", keys, args))
        groups: dict[Any, list[int]] = {}
        for index, key in enumerate(wanted):
            groups.setdefault(self.node_of(key), []).append(index)
        asked = [node.mget([wanted[index] for index in group]) for node, group in groups.items()]

        def in_order(answers: list[list[Any]]) -> list[Any]:
            values: dict[int, Any] = {}
            for group, answer in zip(groups.values(), answers, strict=True):
                values.update(zip(group, answer, strict=True))
            return [values[index] for index in range(len(wanted))]

        return gatherResults(asked, consumeErrors=True).addCallbacks(in_order, _first)

    def __repr__(self) -> str:
        nodes = [] if self._ring is None else self._ring.nodes
        places = [f"{node._factory.uuid}/{len(node._factory.pool)}" for node in nodes]
        return f"<Redis Sharded Connection: {', '.join(places)}>"


def _first(failure: Any) -> Any:
    """Of several failures the one that `gatherResults` has met."""
    return failure.value.subFailure


class ShardedUnixConnectionHandler(ShardedConnectionHandler):
    """The same for unix sockets."""
