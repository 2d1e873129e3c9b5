"""Channels in one process: who gets what, in which order, and what waits."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import Any

import pytest
from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from cyclone._async import spawn
from cyclone.channels import (
    Channels,
    ChannelsClosed,
    ChannelsError,
    MemoryEngine,
    Message,
    Receipt,
    Status,
    SubscriptionOverflow,
)
from cyclone.sse import SSEHandler
from cyclone.testing import Client
from cyclone.web import Application
from tests.web.support import recorded_log

from .support import Gate, result_of


@pytest.fixture
def channels(clock: Clock) -> Channels:
    return Channels(reactor=clock)


def publish(channels: Channels, channel: str, *texts: str) -> None:
    for text in texts:
        result_of(channels.publish(channel, text))


def test_a_function(channels: Channels) -> None:
    got: list[Message] = []
    subscription = channels.subscribe("a", got.append)
    assert result_of(subscription.ready()) is None
    assert result_of(channels.publish("a", "one")) == Receipt(1)
    assert result_of(channels.publish("b", "two")) == Receipt(0)
    publish(channels, "a", "three")
    assert got == [Message("a", "one"), Message("a", "three")]
    subscription.unsubscribe()
    subscription.close()
    assert result_of(channels.publish("a", "four")) == Receipt(0)
    assert len(got) == 2


def test_ready_of_one_that_was_closed_before(channels: Channels) -> None:
    subscription = channels.subscribe("a")
    assert result_of(subscription.ready()) is None
    subscription.close()
    assert result_of(subscription.ready()) is None  # it was


def test_messages_follow_in_the_order_in_which_they_were_published(channels: Channels) -> None:
    """A subscriber that publishes, and one after it, which gets both in order."""
    got: list[Any] = []

    def first(message: Message) -> None:
        if message.data == "question":
            channels.publish("a", "answer")

    channels.subscribe("a", first)
    channels.subscribe("a", lambda message: got.append(message.data))
    publish(channels, "a", "question")
    assert got == ["question", "answer"]


def test_subscribers_that_answer_each_other_for_ever_block_nobody(clock: Clock) -> None:
    channels = Channels(reactor=clock)
    count = 0

    def again(message: Message) -> None:
        nonlocal count
        count += 1
        channels.publish("a", "again")

    channels.subscribe("a", again)
    channels.publish("a", "first")
    once = count
    assert once > 100
    (later,) = clock.getDelayedCalls()
    assert channels.statistics().received == once
    assert channels.close() is None
    assert not later.active()
    assert clock.getDelayedCalls() == []


def test_an_error_of_a_subscriber_is_logged_and_others_go_on(channels: Channels) -> None:
    got: list[Any] = []

    def fails(message: Message) -> None:
        raise KeyError(message.data)

    async def fails_later(message: Message) -> None:
        raise IndexError(message.data)

    for one in (fails, fails_later, lambda message: got.append(message.data)):
        channels.subscribe("a", one)
    with recorded_log() as lines:
        publish(channels, "a", "x")
    assert got == ["x"]
    assert [line.text for line in lines] == [
        "A subscriber of {channel} failed KeyError('x')",
        "A subscriber of {channel} failed IndexError('x')",
    ]


def test_an_asynchronous_function_gets_one_after_the_other(clock: Clock) -> None:
    channels = Channels(reactor=clock, queue_size=2)
    gate = Gate()
    subscription = channels.subscribe("a", gate)
    publish(channels, "a", "1", "2", "3", "4", "5")
    assert gate.got == ["1"]
    gate.open()
    assert gate.got == ["1", "4"]
    assert (subscription.dropped, subscription.lost) == (2, True)
    assert channels.statistics().dropped == 2
    gate.open()
    gate.open()
    publish(channels, "a", "6")
    assert gate.got == ["1", "4", "5", "6"]
    gate.open()


def test_one_that_is_too_slow_is_closed(clock: Clock) -> None:
    channels = Channels(reactor=clock, queue_size=1, queue_policy="close")
    gate = Gate()
    subscription = channels.subscribe("a", gate)
    publish(channels, "a", "1", "2", "3", "4")
    assert subscription.closed and subscription.lost
    gate.open()
    assert gate.got == ["1"]
    assert channels.statistics().channels == {}


async def collect(subscription: Any, into: list[Any]) -> None:
    async for message in subscription:
        into.append(message.data)
    into.append("end")


def test_an_iterator(channels: Channels) -> None:
    got: list[Any] = []
    with channels.subscribe("a") as subscription:
        publish(channels, "a", "early")
        spawn(collect(subscription, got))
        publish(channels, "a", "late")
        assert got == ["early", "late"]
    assert got == ["early", "late", "end"]


def test_an_iterator_that_is_not_read(clock: Clock) -> None:
    channels = Channels(reactor=clock, queue_size=1, queue_policy="close")
    subscription: Any = channels.subscribe("a")
    publish(channels, "a", "1", "2")
    assert subscription.closed
    with pytest.raises(SubscriptionOverflow, match="too many messages of a waited"):
        result_of(Deferred.fromCoroutine(subscription.__anext__()))


def test_waiting_for_a_message_may_be_given_up(channels: Channels) -> None:
    subscription: Any = channels.subscribe("a")
    for _ in range(5):
        waiting = Deferred.fromCoroutine(subscription.__anext__())
        waiting.cancel()
        with pytest.raises(CancelledError):
            result_of(waiting)
    assert len(subscription._wanting) == 1
    publish(channels, "a", "x")
    assert result_of(Deferred.fromCoroutine(subscription.__anext__())).data == "x"


def test_in_a_plain_asyncio_task() -> None:
    async def main() -> list[Any]:
        got: list[Any] = []
        channels = Channels(reactor=Clock())
        subscription = channels.subscribe("a")
        task = asyncio.create_task(collect(subscription, got))
        await subscription.ready()
        assert (await channels.publish("a", "x")).receivers == 1
        await asyncio.sleep(0)
        subscription.close()
        await task
        return got

    assert asyncio.run(main()) == ["x", "end"]


def test_who_waits_for_a_while_only() -> None:
    """Nothing is left of those who have given up, however quiet the channel is."""

    async def main() -> Any:
        channels = Channels(reactor=Clock())
        subscription: Any = channels.subscribe("a")
        for _ in range(3):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(anext(subscription), 0.001)
        assert len(subscription._wanting) <= 1
        await channels.publish("a", "x")
        return (await asyncio.wait_for(anext(subscription), 5)).data

    assert asyncio.run(main()) == "x"


def test_limits(clock: Clock) -> None:
    channels = Channels(reactor=clock, max_channels=2, max_message_size=3)
    for name in ("a", "b", "b"):
        channels.subscribe(name, print)
    with pytest.raises(ChannelsError, match="there are 2 channels already"):
        channels.subscribe("c", print)
    with pytest.raises(ValueError, match="at most 3 bytes"):
        channels.publish("a", "long")
    with pytest.raises(TypeError, match="cannot send messages to int"):
        channels.subscribe("a", 3)
    assert channels.statistics().channels == {"a": 1, "b": 2}
    assert channels.deliver(Message("a", "long")) == 0  # as an engine does
    assert channels.statistics().refused == 1


def test_statistics_and_status(channels: Channels) -> None:
    seen: list[Status] = []

    async def watcher(status: Status) -> None:
        seen.append(status)

    watch, other = channels.watch(watcher), channels.watch(seen.append)
    other.close()
    for name in "aab":
        channels.subscribe(name, lambda message: None)
    publish(channels, "a", "x", "y")
    publish(channels, "z", "nobody")
    statistics = channels.statistics()
    assert statistics.status == Status("open")
    assert (statistics.channels, statistics.subscriptions) == ({"a": 2, "b": 1}, 3)
    assert (statistics.published, statistics.received, statistics.delivered) == (3, 2, 4)
    channels.close()
    assert seen == [Status("open"), Status("closed")]
    watch.close()


def test_watchers_that_fail(channels: Channels) -> None:
    async def later(status: Status) -> None:
        raise IndexError

    def fails(status: Status) -> None:
        raise KeyError

    channels.watch(later)
    channels.watch(fails)
    with recorded_log() as lines:
        channels.start()
    assert [line.text.split()[-1] for line in lines] == ["IndexError()", "KeyError()"]


def test_the_end_and_the_beginning(channels: Channels) -> None:
    got: list[Any] = []
    subscription = channels.subscribe("a")
    spawn(collect(subscription, got))
    channels.close()
    assert got == ["end"]
    for use in (lambda: channels.subscribe("a"), lambda: channels.publish("a", "x")):
        with pytest.raises(ChannelsClosed):
            use()
    assert channels.close() is None
    parent = MultiService()
    channels.setServiceParent(parent)
    parent.startService()
    channels.subscribe("a", lambda message: got.append(message.data))
    publish(channels, "a", "once more")
    assert got == ["end", "once more"]
    parent.stopService()
    assert channels.status == Status("closed")


async def test_it_ends_with_the_reactor(reactor: Any) -> None:
    channels = Channels()
    subscription = channels.subscribe("a", print)
    phases: Any = reactor._eventTriggers["shutdown"]
    trigger = channels._trigger
    assert any(channels._shut_down == entry[0] for entry in phases.during)
    channels._shut_down()
    assert subscription.closed
    reactor.removeSystemEventTrigger(trigger)
    channels = Channels()
    channels.start()
    channels.close()
    assert not any(channels._shut_down == entry[0] for entry in phases.during)


DRAINING = """
from twisted.internet import defer, reactor, task
from cyclone.channels import Channels

channels = Channels()
channels.subscribe("news", lambda message: print("heard", message.data))

async def finish():
    # What a server does when it ends: what is under way is done first.
    await task.deferLater(reactor, 0)
    await channels.publish("news", "the last")

reactor.addSystemEventTrigger("before", "shutdown", lambda: defer.ensureDeferred(finish()))
reactor.callWhenRunning(reactor.stop)
reactor.run()
print(channels.status.state)
"""


def test_what_is_under_way_may_publish_while_the_reactor_ends(spawn: Callable[..., Any]) -> None:
    program = spawn([sys.executable, "-c", DRAINING])
    assert program.wait() == 0
    assert program.output.splitlines() == ["heard the last", "closed"]


# --- what cannot be sent -------------------------------------------------------------------------


def test_text_that_cannot_be_sent_to_anybody(channels: Channels) -> None:
    channels.subscribe("a", print)
    with pytest.raises(ValueError, match="must be text that UTF-8 can hold"):
        channels.publish("a", "\ud800")
    assert channels.statistics().published == 0


def test_what_some_cannot_be_sent_is_for_the_others_all_the_same(channels: Channels) -> None:
    """Also when it follows from another message, and others follow from it."""

    class Stream(SSEHandler):
        def bind(self) -> None:
            channels.subscribe("a", self)

    got: list[Any] = []

    def hear(message: Message) -> None:
        got.append(message.data)
        if message.data == "go":
            channels.deliver(Message("a", "\ud800"))  # of an engine that does not look
            channels.publish("a", "next")

    client = Client(Application([("/", Stream)]))
    page = client.open("GET", "/", headers={"Accept": "text/event-stream"})
    channels.subscribe("a", hear)
    with recorded_log() as lines:
        publish(channels, "a", "go", "last")
    assert got == ["go", "\ud800", "next", "last"]
    assert page.received == b"data: go\n\ndata: next\n\ndata: last\n\n"
    assert len(lines) == 1 and "Cannot send a message of" in lines[0].text
    client.close()


def test_an_event_stream_that_has_gone_is_not_subscribed(channels: Channels) -> None:
    streams: list[Any] = []

    class Stream(SSEHandler):
        def bind(self) -> None:
            streams.append(self)

    client = Client(Application([("/", Stream)]))
    page = client.open("GET", "/", headers={"Accept": "text/event-stream"})
    (stream,) = streams
    waiting = len(stream.request.connection._when_done)
    for number in range(5):
        channels.subscribe(f"room {number}", stream).close()
    assert not stream._close_watchers  # nothing is left of them
    assert len(stream.request.connection._when_done) == waiting + 1
    last = channels.subscribe("a", stream)
    page.disconnect()
    assert last.closed and channels.statistics().channels == {}
    assert channels.subscribe("a", stream, since="0").closed
    assert channels.statistics().channels == {}
    client.close()


# --- history -------------------------------------------------------------------------------------


def texts_since(channels: Channels, channel: str, since: str) -> tuple[list[Any], bool]:
    got: list[Any] = []
    subscription = channels.subscribe(
        channel, lambda message: got.append(message.data), since=since
    )
    lost = subscription.lost
    subscription.close()
    return got, lost


def test_history(clock: Clock) -> None:
    clock.advance(1000)
    channels = Channels("memory:?history=3", reactor=clock)
    ids = [result_of(channels.publish("a", str(number))).id for number in range(3)]
    assert ids == ["1000000-0", "1000000-1", "1000000-2"]
    assert texts_since(channels, "a", "0") == (["0", "1", "2"], False)
    clock.advance(1)
    ids.append(result_of(channels.publish("a", "3")).id)
    assert ids[3] == "1001000-0"
    assert texts_since(channels, "a", ids[1]) == (["2", "3"], False)
    assert texts_since(channels, "a", ids[3]) == ([], False)
    assert texts_since(channels, "a", ids[0]) == (["1", "2", "3"], True)  # perhaps
    assert texts_since(channels, "a", "0") == (["1", "2", "3"], True)
    assert texts_since(channels, "a", "no id") == (["1", "2", "3"], True)
    assert texts_since(channels, "b", "0") == ([], False)
    assert texts_since(channels, "b", ids[0]) == ([], True)


def test_history_and_what_comes_then(clock: Clock) -> None:
    channels = Channels(MemoryEngine(history=3), reactor=clock)
    first = result_of(channels.publish("a", "1")).id
    got: list[Message] = []
    channels.subscribe("a", got.append, since=first)
    publish(channels, "a", "2", "3")
    again: list[Message] = []
    channels.subscribe("a", again.append, since=first)
    publish(channels, "a", "4")
    assert [(one.data, one.replayed) for one in got] == [("2", False), ("3", False), ("4", False)]
    assert [(one.data, one.replayed) for one in again] == [("2", True), ("3", True), ("4", False)]


def test_histories_are_forgotten(clock: Clock) -> None:
    channels = Channels(MemoryEngine(history=1, max_histories=2), reactor=clock)
    publish(channels, "a", "1")
    publish(channels, "b", "2")
    publish(channels, "a", "3")
    publish(channels, "c", "4")
    assert texts_since(channels, "b", "0") == ([], True)
    assert texts_since(channels, "a", "0")[0] == ["3"]
    publish(channels, "b", "5")
    assert texts_since(channels, "b", "0") == (["5"], True)  # there was another one


def test_histories_have_a_size(clock: Clock) -> None:
    channels = Channels("memory:?history=3&max_bytes=10", reactor=clock)
    publish(channels, "a", "1234", "567")
    publish(channels, "b", "890")
    assert texts_since(channels, "a", "0") == (["1234", "567"], False)
    publish(channels, "b", "x")
    assert texts_since(channels, "a", "0") == (["567"], True)
    assert texts_since(channels, "b", "0") == (["890", "x"], False)
    publish(channels, "b", "12345678")
    assert texts_since(channels, "a", "0") == ([], True)
    assert texts_since(channels, "b", "0") == (["x", "12345678"], True)
    publish(channels, "b", "1", "2", "3", "4", "5", "6", "7", "8", "9", "0")
    assert texts_since(channels, "b", "0") == (["8", "9", "0"], True)
    publish(channels, "b", "more than ten bytes")
    assert texts_since(channels, "b", "0") == ([], True)


async def test_an_iterator_that_is_closed_as_iterators_are(channels: Channels) -> None:
    async with contextlib.aclosing(channels.subscribe("a")) as words:  # type: ignore[type-var]
        await channels.publish("a", "x")
        async for message in words:  # type: ignore[attr-defined]
            assert message.data == "x"
            break
    assert channels.statistics().channels == {}


async def test_a_history_that_is_longer_than_what_may_wait(clock: Clock) -> None:
    """It comes as fast as it is taken, and what is published meanwhile after it."""
    channels = Channels("memory:?history=10", reactor=clock, queue_size=2)
    publish(channels, "a", *map(str, range(6)))
    gate = Gate()
    slow = channels.subscribe("a", gate, since="0")
    late = channels.subscribe("a", since="0")
    assert result_of(late.ready()) is None  # though nobody takes a message before
    publish(channels, "a", "6")
    for _ in range(6):
        gate.open()
    assert gate.got == [str(number) for number in range(7)]
    assert result_of(slow.ready()) is None and not (slow.dropped or slow.lost)
    got = [(await anext(late)).data for _ in range(7)]
    assert got == gate.got and not (late.dropped or late.lost)
    gone = channels.subscribe("a", since="0")
    gone.close()
    assert [message async for message in gone] == []


def test_an_engine_without_a_history_says_that_it_has_none(channels: Channels) -> None:
    assert texts_since(channels, "a", "5-5") == ([], True)
    assert texts_since(channels, "a", "0") == ([], False)


class Refusing(MemoryEngine):
    """An engine that refuses."""

    async def join(self, channel: str) -> Any:  # type: ignore[override]
        raise ChannelsError("no")


class Forgetful(MemoryEngine):
    async def history(self, channel: str, since: str) -> Any:
        raise ChannelsError("no history")


@pytest.mark.parametrize("engine", [Refusing(), Forgetful()])
def test_what_engines_refuse(engine: Any, clock: Clock) -> None:
    channels = Channels(engine, reactor=clock)
    with recorded_log() as lines:
        subscription = channels.subscribe("a", print, since="0")
    with pytest.raises(ChannelsError, match="no"):
        result_of(subscription.ready())
    assert subscription.closed
    assert channels.statistics().channels == {}
    assert len(lines) == 1
