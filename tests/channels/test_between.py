"""What may happen between two steps: commands that fail meanwhile, messages that come meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock

from cyclone._async import Waiter
from cyclone.channels import Channels, ChannelsUnavailable, History, MemoryEngine, Message, Status
from tests.plugins.valkey import Valkey

from .support import eventually, result_of


class Failing:
    """Has the next commands of an engine fail, as if their connection was lost."""

    def __init__(self, channels: Channels, times: int) -> None:
        self.line: Any = channels.engine.line  # type: ignore[attr-defined]
        self.command = self.line.command
        self.left = times
        self.before: Callable[..., Any] | None = None
        self.line.command = self

    async def __call__(self, name: str, *args: Any) -> Any:
        if self.left:
            self.left -= 1
            raise ChannelsUnavailable("not now")
        if self.before is not None:
            before, self.before = self.before, None
            await before()
        return await self.command(name, *args)


@pytest.fixture
def streams(valkey: Valkey) -> Channels:
    return Channels(f"redis://127.0.0.1:{valkey.port}?history=100")


async def closing(channels: Channels) -> None:
    closed = channels.close()
    if closed is not None:
        await closed


async def test_commands_fail_while_messages_can_be_heard(streams: Channels) -> None:
    got: list[Any] = []
    failing = Failing(streams, 1)
    first = streams.subscribe("a", lambda message: got.append(message.data))
    await first.ready()  # the second attempt to find the end of the channel did
    assert failing.left == 0
    receipt = await streams.publish("a", "1")
    await streams.publish("a", "2")
    failing.left = 1
    late = streams.subscribe(
        "a", lambda message: got.append(("late", message.data)), since=receipt.id
    )
    await late.ready()
    assert got == ["1", "2", ("late", "2")]
    failing.left = 1
    streams.engine._connection.transport.abortConnection()  # type: ignore[attr-defined]
    await eventually(lambda: streams.statistics().gaps == 1)
    await eventually(lambda: streams.status.state == "open")
    assert failing.left == 0 and not streams.status.lost
    await closing(streams)


async def test_the_end_while_something_is_tried_again(streams: Channels) -> None:
    failing = Failing(streams, 1_000_000)
    subscription = streams.subscribe("a", print)
    await eventually(lambda: failing.left < 1_000_000)
    subscription.close()
    other = streams.subscribe("b", print)
    await eventually(lambda: failing.left < 999_998)
    await closing(streams)
    assert other.closed


async def test_the_end_while_a_history_is_tried_again(streams: Channels) -> None:
    subscription = streams.subscribe("a", print)
    await subscription.ready()
    failing = Failing(streams, 1_000_000)
    late = streams.subscribe("a", print, since="0")
    await eventually(lambda: failing.left < 1_000_000)
    await closing(streams)
    assert late.closed


async def test_a_connection_that_is_lost_while_the_history_is_asked_for(
    valkey: Valkey, streams: Channels
) -> None:
    got: list[Any] = []
    subscription = streams.subscribe("a", lambda message: got.append(message.data))
    await subscription.ready()
    await streams.publish("a", "1")
    failing = Failing(streams, 0)
    engine: Any = streams.engine

    async def again() -> None:
        engine._connection.transport.abortConnection()
        valkey.call("XADD", "cyclone:a", "*", "m", "2")
        await eventually(lambda: engine._connection is None)
        await eventually(lambda: engine._connection is not None)

    failing.before = again
    engine._connection.transport.abortConnection()
    await eventually(lambda: got == ["1", "2"])
    await streams.publish("a", "3")
    await eventually(lambda: got == ["1", "2", "3"])
    await closing(streams)


async def test_messages_that_come_while_the_history_is_asked_for(streams: Channels) -> None:
    """They are neither lost nor given twice, and stay in order."""
    got: list[Any] = []
    subscription = streams.subscribe("a", lambda message: got.append(message.data))
    await subscription.ready()
    failing = Failing(streams, 0)
    other = Channels(streams.engine.__class__(port=streams.engine.line._place[1], host="127.0.0.1"))  # type: ignore[attr-defined,call-arg]

    async def publish() -> None:
        await other.publish("a", "1")
        await other.publish("a", "2")
        feed = streams.engine._feeds["a"]  # type: ignore[attr-defined]
        await eventually(lambda: feed.seen is not None or len(got) == 2)

    failing.before = publish
    streams.engine._connection.transport.abortConnection()  # type: ignore[attr-defined]
    await eventually(lambda: len(got) == 2)
    await other.publish("a", "3")
    await eventually(lambda: len(got) == 3)
    assert got == ["1", "2", "3"]
    late: list[Any] = []
    failing.before = publish
    again = streams.subscribe("a", lambda message: late.append(message.data), since="0")
    await again.ready()
    await eventually(lambda: len(late) == 5)
    assert late == ["1", "2", "3", "1", "2"]
    await closing(streams)
    await closing(other)


class Slow(MemoryEngine):
    """An engine that asks the test what its history is."""

    has_history = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, Waiter]] = []
        self.answers: list[Any] = []

    async def history(self, channel: str, since: str) -> History:
        waiter = Waiter()
        self.asked.append((since, waiter))
        await waiter
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return History([Message(channel, text, number) for number, text in answer], False)

    def answer(self, answer: Any) -> None:
        self.answers.append(answer)
        self.asked[-1][1].callback(None)


def test_a_history_that_is_behind(clock: Clock) -> None:
    engine = Slow()
    channels = Channels(engine, reactor=clock)
    got: list[Any] = []
    subscription = channels.subscribe("a", lambda message: got.append(message.data), since="1")
    channels.deliver(Message("a", "live 3", "3-0"))
    engine.answer([("2-0", "two")])
    assert [since for since, _ in engine.asked] == ["1", "2-0"]
    assert got == ["two"]
    engine.answer(ChannelsUnavailable("not now"))
    clock.advance(1)
    engine.answer([("3-0", "three")])
    assert got == ["two", "three"]
    channels.deliver(Message("a", "live 4", "4-0"))
    assert got == ["two", "three", "live 4"]
    assert result_of(subscription.ready()) is None and not subscription.lost


def test_a_history_that_never_catches_up(clock: Clock) -> None:
    engine = Slow()
    channels = Channels(engine, reactor=clock)
    subscription = channels.subscribe("a", print, since="1")
    channels.deliver(Message("a", "live 3", "3-0"))
    engine.answer([])
    assert result_of(subscription.ready()) is None
    assert subscription.lost


def test_a_history_while_the_connection_is_lost(clock: Clock) -> None:
    engine = Slow()
    channels = Channels(engine, reactor=clock)
    got: list[Any] = []
    channels.subscribe("a", lambda message: got.append(message.data), since="1")
    channels.changed(Status("gap"))
    engine.answer(ChannelsUnavailable("not now"))
    assert len(engine.asked) == 1 and clock.getDelayedCalls() == []
    channels.changed(Status("open"))
    engine.answer([("2-0", "two")])
    assert got == ["two"]


def test_messages_for_nobody_and_many_that_follow(clock: Clock) -> None:
    channels = Channels(reactor=clock)
    got: list[Any] = []

    def many(message: Message) -> None:
        if message.data == "begin":
            for number in range(1500):
                channels.publish("a", str(number))

    channels.subscribe("a", many)
    channels.subscribe("a", lambda message: got.append(message.data))
    assert channels.deliver(Message("nobody", "x")) == 0
    channels.publish("a", "begin")
    assert len(got) == 1001
    channels.publish("a", "later")
    clock.advance(0)
    assert got == ["begin", *map(str, range(1500)), "later"]
    assert clock.getDelayedCalls() == []
