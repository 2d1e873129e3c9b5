"""Channels over a real server, which is killed, frozen and started again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import gatherResults

from cyclone.channels import (
    Channels,
    ChannelsError,
    ChannelsUnavailable,
    Receipt,
    RedisEngine,
    RedisStreamsEngine,
    Status,
)
from tests.plugins.valkey import Valkey

from .support import eventually

Make = Callable[..., Channels]


@pytest.fixture
def make() -> Iterator[Make]:
    """Channels, as of one process each: ``make(server, history=0) -> Channels``."""

    def new(server: Valkey, history: int = 0, **options: Any) -> Channels:
        place: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, **options}
        if history:
            return Channels(RedisStreamsEngine(history=history, **place))
        return Channels(RedisEngine(**place))

    return new  # type: ignore[return-value]


async def ending(*all_of: Channels) -> None:
    await gatherResults([closing for one in all_of if (closing := one.close()) is not None])


class Ear:
    """Somebody who listens."""

    def __init__(self, channels: Channels, channel: str, since: str | None = None) -> None:
        self.got: list[Any] = []
        self.messages: list[Any] = []
        self.subscription = channels.subscribe(channel, self._hear, since=since)

    def _hear(self, message: Any) -> None:
        self.got.append(message.data)
        self.messages.append(message)

    async def hears(self, *texts: Any) -> None:
        await eventually(lambda: len(self.got) >= len(texts))
        assert self.got == list(texts)
        self.got.clear()


@pytest.mark.parametrize("history", [0, 100], ids=["pubsub", "streams"])
def test_two_processes(
    history: int, valkey: Valkey, make: Make, reactor_run: Callable[..., Any]
) -> None:
    async def run() -> None:
        one, two = make(valkey, history), make(valkey, history, path=valkey.path)
        ears = [Ear(one, "a"), Ear(two, "a"), Ear(two, "a"), Ear(two, "b")]
        for ear in ears:
            await ear.subscription.ready()
        # One subscription of each process, however many listen.
        assert valkey.call("PUBSUB", "NUMSUB", "cyclone:a") == [b"cyclone:a", 2]
        receipt = await one.publish("a", "grüße")
        assert receipt.receivers == 2
        assert (receipt.id is not None) is bool(history)
        await two.publish("a", b"\xff\x00")
        for ear in ears[:3]:
            await ear.hears("grüße", b"\xff\x00")
        assert ears[3].got == []
        assert one.status == two.status == Status("open")
        # The last one that leaves ends it.
        ears[1].subscription.close()
        assert valkey.call("PUBSUB", "NUMSUB", "cyclone:a") == [b"cyclone:a", 2]
        ears[2].subscription.close()
        await eventually(lambda: valkey.call("PUBSUB", "NUMSUB", "cyclone:a")[1] == 1)
        again = Ear(two, "a")
        await again.subscription.ready()
        valkey.call("PUBLISH", "cyclone:a", "from elsewhere")
        await again.hears("from elsewhere")
        await ears[0].hears("from elsewhere")
        await ending(one, two)
        await eventually(lambda: valkey.call("PUBSUB", "CHANNELS") == [])

    reactor_run(run)


async def test_many_messages_arrive_in_order(valkey: Valkey, make: Make) -> None:
    one, two = make(valkey), make(valkey, 5000)
    ears = [Ear(one, "a"), Ear(two, "b")]
    for ear in ears:
        await ear.subscription.ready()
    texts = [str(number) for number in range(700)]
    for text in texts:
        one.publish("a", text)
        two.publish("b", text)
    await eventually(lambda: len(ears[0].got) == len(ears[1].got) == 700)
    assert ears[0].got == ears[1].got == texts
    late = Ear(two, "b", since=ears[1].messages[99].id)
    await late.subscription.ready()
    assert late.got == texts[100:]  # more than a page
    assert not late.subscription.lost
    await ending(one, two)


async def test_applications_that_share_a_server(valkey: Valkey, make: Make) -> None:
    one, two = make(valkey, prefix="x:"), make(valkey, prefix="y:")
    ears = [Ear(one, "a"), Ear(two, "a")]
    for ear in ears:
        await ear.subscription.ready()
    assert await one.publish("a", "1") == Receipt(1)
    await ears[0].hears("1")
    assert ears[1].got == []
    await ending(one, two)


@pytest.mark.reactor_timeout(30)
async def test_a_server_that_is_killed(new_valkey: Callable[..., Valkey], make: Make) -> None:
    server = new_valkey()
    one, two = make(server), make(server, timeout=0.5)
    ears = [Ear(one, "a"), Ear(two, "a"), Ear(two, "b")]
    for ear in ears:
        await ear.subscription.ready()
    await eventually(lambda: one.status.state == two.status.state == "open")
    statuses: list[Status] = []
    two.watch(statuses.append)
    server.kill()
    await eventually(lambda: one.status.state == two.status.state == "gap")
    assert two.status == Status("gap", lost=True)
    with pytest.raises(ChannelsUnavailable, match="Redis: Not connected"):
        await two.publish("a", "nobody")
    meanwhile = Ear(two, "c")  # is subscribed when there is a connection
    ears[2].subscription.close()
    server.start()
    await eventually(lambda: one.status.state == two.status.state == "open")
    await meanwhile.subscription.ready()
    assert statuses == [Status("gap", lost=True), Status("open", lost=True)]
    assert ears[0].subscription.lost and not meanwhile.subscription.dropped
    assert server.call("PUBSUB", "NUMSUB", "cyclone:a", "cyclone:b", "cyclone:c")[1::2] == [2, 0, 1]
    await one.publish("a", "back")
    await ears[0].hears("back")
    await ears[1].hears("back")
    assert two.statistics().gaps == 1
    await ending(one, two)


@pytest.mark.reactor_timeout(30)
async def test_a_server_that_stands_still(new_valkey: Callable[..., Valkey], make: Make) -> None:
    server = new_valkey()
    channels = make(server, timeout=0.3, ping_interval=0.2)
    ear = Ear(channels, "a")
    await ear.subscription.ready()
    server.freeze()
    with pytest.raises(ChannelsUnavailable, match="Not received Redis response"):
        await channels.publish("a", "x")
    await eventually(lambda: channels.status.state == "gap")
    server.thaw()
    await eventually(lambda: channels.status.state == "open")
    await channels.publish("a", "y")
    await eventually(lambda: "y" in ear.got)
    await ending(channels)


@pytest.mark.reactor_timeout(30)
async def test_streams_lose_nothing(new_valkey: Callable[..., Valkey], make: Make) -> None:
    """What others publish while a connection is cut comes late, and only once."""
    server = new_valkey()
    one, two = make(server, 500), make(server, 500)
    ears = [Ear(one, "a"), Ear(one, "b")]
    for ear in ears:
        await ear.subscription.ready()
    statuses: list[Status] = []
    one.watch(statuses.append)
    expected = []
    for round_number in range(5):
        for number in range(20):
            text = f"{round_number}.{number}"
            expected.append(text)
            two.publish("a", text)
            if number == 10:
                server.call("CLIENT", "KILL", "TYPE", "pubsub")
        await two.publish("b", "x")
        await eventually(lambda: len(ears[0].got) >= len(expected))
        await eventually(lambda: one.status.state == "open")
    assert ears[0].got == expected
    assert ears[1].got == ["x"] * 5
    assert Status("gap", lost=False) in statuses
    assert {status.lost for status in statuses} == {False}
    assert not ears[0].subscription.lost
    await ending(one, two)


@pytest.mark.reactor_timeout(30)
async def test_streams_say_when_something_is_lost(
    new_valkey: Callable[..., Valkey], make: Make
) -> None:
    server = new_valkey()
    channels = make(server, 3)
    ear, quiet = Ear(channels, "a"), Ear(channels, "b")
    for one in (ear, quiet):
        await one.subscription.ready()
    first = await channels.publish("a", "0")
    await ear.hears("0")
    # More than three, while the connection is away.
    server.call("CLIENT", "KILL", "TYPE", "pubsub")
    for number in range(5):
        server.call("XADD", "cyclone:a", "MAXLEN", "3", "*", "m", str(number))
    await ear.hears("2", "3", "4")
    await eventually(lambda: channels.status == Status("open", lost=True))
    assert ear.subscription.lost
    late = Ear(channels, "a", since=first.id)
    await late.subscription.ready()
    assert late.got == ["2", "3", "4"] and late.subscription.lost
    exact = Ear(channels, "a", since=late.messages[0].id)
    await exact.subscription.ready()
    assert exact.got == ["3", "4"] and not exact.subscription.lost
    everything = Ear(channels, "a", since="not an id")
    await everything.subscription.ready()
    assert everything.got == ["2", "3", "4"]
    # A server that has lost everything.
    server.restart()
    await eventually(lambda: channels.statistics().gaps == 2)
    await eventually(lambda: channels.status == Status("open", lost=True))
    await channels.publish("a", "new")
    await ear.hears("new")
    assert server.call("XLEN", "cyclone:a") == 1
    assert 0 < server.call("PTTL", "cyclone:a") <= 86400_000
    await ending(channels)


async def test_a_history_comes_in_pages(valkey: Valkey, make: Make) -> None:
    """By number and by size, for those who ask for it and after a lost connection."""
    channels = make(valkey, 2000)
    ear = Ear(channels, "a")
    await ear.subscription.ready()
    await channels.publish("a", "first")
    await ear.hears("first")
    asked: list[int] = []
    engine: Any = channels.engine
    ask = engine._ask

    async def counting(*args: Any) -> Any:
        answer = await ask(*args)
        asked.append(len(answer[3]))
        return answer

    engine._ask = counting
    sizes = [900_000, 900_000, 3_000_000, 10, *[1] * 600]
    valkey.call("CLIENT", "KILL", "TYPE", "pubsub")
    for number, size in enumerate(sizes):
        valkey.call("XADD", "cyclone:a", "*", "m", f"{number}{'x' * size}")
    expected = ["first", *(f"{number}{'x' * size}" for number, size in enumerate(sizes))]
    del expected[3]  # too long for us
    await eventually(lambda: len(ear.got) == len(expected) - 1)
    assert ear.got == expected[1:]
    await eventually(lambda: channels.status == Status("open"))
    asked.clear()
    late = Ear(channels, "a", since="0")
    await late.subscription.ready()
    assert late.got == expected
    assert asked == [3, 2, 2, 500, 102]  # each but the first begins with the last one before
    assert not late.subscription.lost and channels.statistics().refused == 2
    await ending(channels)


async def test_a_channel_that_may_not_be_listened_to(
    new_valkey: Callable[..., Valkey], make: Make
) -> None:
    server = new_valkey()
    server.call(
        *("ACL", "SETUSER", "guest", "on", ">secret", "~*", "+@all", "resetchannels"),
        "&cyclone:open",
    )
    channels = make(server, username="guest", password="secret")
    ear = Ear(channels, "open")
    await ear.subscription.ready()
    with pytest.raises(Exception, match="NOPERM"):
        await Ear(channels, "shut").subscription.ready()
    with pytest.raises(ChannelsError, match="NOPERM"):
        await channels.publish("shut", "x")
    await channels.publish("open", "x")
    await ear.hears("x")
    assert channels.statistics().channels == {"open": 1}
    await ending(channels)


async def test_a_key_that_is_something_else(valkey: Valkey, make: Make) -> None:
    channels = make(valkey, 10)
    valkey.call("SET", "cyclone:a", "text")
    with pytest.raises(ChannelsError, match="WRONGTYPE"):
        await Ear(channels, "a", since="0").subscription.ready()
    await ending(channels)


async def test_nothing_is_there(free_port: int) -> None:
    channels = Channels(f"redis://127.0.0.1:{free_port}?timeout=0.2&history=5")
    ear = Ear(channels, "a", since="0")
    assert channels.status == Status("connecting")
    with pytest.raises(ChannelsUnavailable):
        await channels.publish("a", "x")
    await ending(channels)
    with pytest.raises(ChannelsError):
        await ear.subscription.ready()


async def test_coming_and_going(valkey: Valkey, make: Make) -> None:
    """Subscriptions that end before they have begun leave nothing on the server."""
    for history in (0, 5):
        channels = make(valkey, history)
        await Ear(channels, "first").subscription.ready()
        for _ in range(20):
            Ear(channels, "a").subscription.close()
        last = Ear(channels, "a")
        await last.subscription.ready()
        for _ in range(3):
            Ear(channels, "b").subscription.close()
        await channels.publish("a", "x")
        await last.hears("x")
        await eventually(lambda: len(valkey.call("PUBSUB", "CHANNELS")) == 2)
        await ending(channels)


async def test_too_long_for_us(valkey: Valkey) -> None:
    channels = Channels(f"redis://127.0.0.1:{valkey.port}", max_message_size=10)
    ear = Ear(channels, "a")
    await ear.subscription.ready()
    valkey.call("PUBLISH", "cyclone:a", "x" * 11)
    valkey.call("PUBLISH", "cyclone:a", "short")
    await ear.hears("short")
    assert channels.statistics().refused == 1
    await ending(channels)
