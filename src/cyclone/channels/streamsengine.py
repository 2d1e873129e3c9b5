"""Messages over Redis or Valkey that can be had once more."""

from __future__ import annotations

import contextlib
from typing import Any

from .engine import History
from .errors import ChannelsUnavailable
from .messages import START, Message, Position, Receipt, as_position, decode, encode, position_of
from .redisengine import Feed, RedisEngine

__all__ = ["RedisStreamsEngine"]

# All at once, so that ids are in the order in which messages arrive.
_PUBLISH = """
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '=', ARGV[1], '*', 'm', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {redis.call('PUBLISH', ARGV[4], '\\2' .. id .. ' ' .. ARGV[2]), id}
"""

# How many there are, how many there ever were, the last id, some from an id on, and whether there
# are more.  A page has the message of that id and at least another one, if they are there.
_HISTORY = """
if redis.call('EXISTS', KEYS[1]) == 0 then return {0, 0, '0-0', {}, 0} end
local info, found = redis.call('XINFO', 'STREAM', KEYS[1]), {}
for i = 1, #info, 2 do found[info[i]] = info[i + 1] end
local entries, size, more = {}, 0, 0
if ARGV[1] ~= '$' then
  local all = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
  for _, entry in ipairs(all) do
    if #entries > 1 and size > tonumber(ARGV[3]) then break end
    entries[#entries + 1] = entry
    for _, word in ipairs(entry[2]) do size = size + #word end
  end
  if #entries < #all or #all == tonumber(ARGV[2]) then more = 1 end
end
return {found['length'], found['entries-added'] or -1, found['last-generated-id'], entries, more}
"""

#: How many messages are asked for at a time, and how many bytes of them, about.
_PAGE, _PAGE_SIZE = 500, 1024 * 1024
#: Seconds between attempts, while only the history is out of reach.
_PAUSE = 0.25


class RedisStreamsEngine(RedisEngine):
    """Messages that are kept in a stream for each channel, besides being published.

    They have ids, and after a lost connection those that were published meanwhile come late, but
    they come: `Status.lost` is true only when some are no longer there, as there were more than
    `history`, or as the server was started anew without its data.

    Args:
        history: how many messages of each channel are kept (``MAXLEN``).
        history_seconds: after so many seconds without a message a channel's are forgotten.
        others: those of `RedisEngine`.
    """

    has_history = True

    def __init__(
        self,
        host: str = "localhost",
        port: int = 6379,
        *,
        history: int = 1000,
        history_seconds: float = 86400,
        **others: Any,
    ) -> None:
        if history < 1 or history_seconds <= 0:
            raise ValueError("history must be 1 or more, and history_seconds above 0")
        super().__init__(host, port, **others)
        self._length = history
        self._milliseconds = max(1, int(history_seconds * 1000))

    async def publish(self, channel: str, data: str | bytes) -> Receipt:
        key = f"{self.prefix}{channel}"
        receivers, number = await self.line.command(
            "eval", _PUBLISH, [key], [self._length, encode(data), self._milliseconds, key]
        )
        return Receipt(int(receivers), number.decode())

    async def history(self, channel: str, since: str) -> History:
        return await self._since(channel, as_position(since))

    async def _since(self, channel: str, position: Position | None) -> History:
        """Messages after a position, the first ones if there is none."""
        after = position or START
        start = f"{after[0]}-{after[1]}"
        length, added, _, entries, more = await self._ask(channel, start, _PAGE)
        messages = [_message(channel, *entry) for entry in entries]
        if position == START:
            known = int(length) == int(added)
        else:
            known = bool(messages) and position_of(messages[0]) == position
        later = [one for one in messages if position_of(one) > after]
        return History(later, not known, bool(int(more)))

    async def _ask(self, channel: str, start: str, count: int) -> Any:
        key = f"{self.prefix}{channel}"
        return await self.line.command("eval", _HISTORY, [key], [start, count, _PAGE_SIZE])

    # -- listening

    async def subscribe(self, feed: Feed, connection: Any) -> bool:
        """Subscribe to a channel, and deliver what came since the last time, or since just now."""
        if feed.last is None:
            tail = await self._tail(feed, connection)
            self.check_current(feed, connection)
            feed.last = as_position(tail.decode()) or START
        feed.catching_up = True
        try:
            await connection.subscribe(feed.key)
            return await self._catch_up(feed, connection)
        finally:
            with contextlib.suppress(ChannelsUnavailable):
                self.check_current(feed, connection)
                feed.catching_up = False

    async def _catch_up(self, feed: Feed, connection: Any) -> bool:
        complete = True
        while True:
            feed.seen = None
            try:
                found = await self._since(feed.name, feed.last)
            except ChannelsUnavailable:
                await self._again(feed, connection)
                continue
            self.check_current(feed, connection)
            complete = complete and not found.lost
            for message in found.messages:
                self._pass(feed, message)
            if found.more:
                continue
            if feed.seen is None or feed.seen <= (feed.last or START):
                return complete
            if not found.messages:  # it is gone already
                feed.last, complete = feed.seen, False

    async def _tail(self, feed: Feed, connection: Any) -> Any:
        """The last id of a channel."""
        while True:
            try:
                return (await self._ask(feed.name, "$", 1))[2]
            except ChannelsUnavailable:
                await self._again(feed, connection)

    async def _again(self, feed: Feed, connection: Any) -> None:
        """Wait a little; raises if there is nothing to wait for."""
        self.check_current(feed, connection)
        await self.pauses.wait(self.reactor, _PAUSE)
        self.check_current(feed, connection)

    def deliver(self, feed: Feed, message: Message) -> None:
        """Pass a message on, unless it is to come from the history, or has come from there."""
        if message.id is None:  # of another kind of engine
            super().deliver(feed, message)
        elif feed.catching_up:
            feed.seen = max(feed.seen or START, position_of(message))
        else:
            self._pass(feed, message)

    def _pass(self, feed: Feed, message: Message) -> None:
        position = position_of(message)
        if position > (feed.last or START):
            feed.last = position
            super().deliver(feed, message)


def _message(channel: str, number: bytes, fields: list[bytes]) -> Message:
    data = dict(zip(fields[::2], fields[1::2], strict=False)).get(b"m", b"")
    return Message(channel, decode(data), number.decode(), replayed=True)
