"""Sessions in Redis, or Valkey, over a connection of `txredisapi` or one like it."""

from __future__ import annotations

import math
from typing import Any

from cyclone._async import settle

__all__ = ["RedisStore"]

# The text is changed only if it is what it was: two requests of one session may be at it.  Nothing
# stands for a session that is not there yet.
_SWAP = """
local current = redis.call('GET', KEYS[1])
if (current or '') ~= ARGV[1] then return 0 end
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
"""


class RedisStore:
    """Sessions in Redis or Valkey, where all workers find them.

    Args:
        connection: a connection or pool of `txredisapi`, or anything with its methods ``get(key)``,
            ``eval(script, keys, args)``, ``delete(key)`` and, for the lists of somebody's sessions,
            ``sadd``, ``srem``, ``smembers`` and ``expire``.  They may return Deferreds, coroutines
            or values; text may come as str or bytes.  It is not closed here.
        prefix: of all keys.
        owner_ttl: seconds for which the list of somebody's sessions is kept after a login, or a
            change; at least as long as a session can live.
    """

    synchronous = False

    def __init__(
        self, connection: Any, prefix: str = "session:", owner_ttl: float = 90 * 86400
    ) -> None:
        self._connection = connection
        self._prefix = prefix
        self._owner_ttl = math.ceil(owner_ttl)

    async def load(self, key: str) -> str | None:
        """See `SessionStore`."""
        return _text(await settle(self._connection.get(self._prefix + key)))

    async def swap(
        self, key: str, old: str | None, new: str, ttl: float | None, owner: str | None
    ) -> bool:
        """See `SessionStore`."""
        connection = self._connection
        milliseconds = "" if ttl is None else str(max(1, math.ceil(ttl * 1000)))
        name = self._prefix + key
        done = await settle(connection.eval(_SWAP, [name], [old or "", new, milliseconds]))
        if done and owner is not None:
            await settle(connection.sadd(self._owner(owner), name))
            await settle(connection.expire(self._owner(owner), self._owner_ttl))
        return bool(done)

    async def delete(self, key: str, owner: str | None) -> None:
        """See `SessionStore`."""
        name = self._prefix + key
        await settle(self._connection.delete(name))
        if owner is not None:
            await settle(self._connection.srem(self._owner(owner), name))

    async def keys_of(self, owner: str) -> list[str]:
        """See `SessionStore`.  Those that have ended by themselves are taken off the list."""
        connection = self._connection
        names = [
            _text(name) or "" for name in await settle(connection.smembers(self._owner(owner)))
        ]
        live = []
        for name in names:
            key = name.removeprefix(self._prefix)
            if await self.load(key) is not None:
                live.append(key)
            else:
                await settle(connection.srem(self._owner(owner), name))
        return live

    def _owner(self, owner: str) -> str:
        return f"{self._prefix}owner:{owner}"


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return None if value is None else str(value)
