"""The reactor itself: calls, threads, children, and being a guest."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

import pytest
from twisted.internet.error import ProcessDone, ProcessTerminated, ReactorAlreadyRunning
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.threads import deferToThreadPool

from cyclone import uvloopreactor
from cyclone.uvloopreactor import UvloopReactor
from cyclone.uvloopreactor.children import Children

from .support import Pair, finished


def test_delayed_calls_count_in_the_loops_milliseconds(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        done = asyncio.get_running_loop().create_future()
        begin = ours.seconds()
        later = ours.callLater(0.0123, lambda: done.set_result(ours.seconds() - begin))
        assert (ours.timeout() or 0) * 1000 % 1 == pytest.approx(0)
        assert later in ours.getDelayedCalls()
        assert await done >= 0.0123
        assert ours.timeout() is None

    run(check)


def test_threads(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        pool = ours.getThreadPool()
        assert await finished(deferToThreadPool(ours, pool, lambda: "from a thread")) == (
            "from a thread"
        )

    run(check)


def test_many_calls_from_threads(ours: UvloopReactor, run: Any, logged_failures: Any) -> None:
    async def check() -> None:
        done = asyncio.get_running_loop().create_future()
        made: list[int] = []
        delayed: set[int] = set()

        def call(number: int) -> None:
            made.append(number)
            delayed.add(len(ours.getDelayedCalls()))
            if number == 500:
                raise ZeroDivisionError
            if number == 999:
                ours.callFromThread(done.set_result, None)

        def thread() -> None:
            for number in range(1000):
                ours.callFromThread(call, number)

        await finished(deferToThreadPool(ours, ours.getThreadPool(), thread))
        await done
        assert made == list(range(1000))
        assert delayed == {0}

    run(check)
    assert len(logged_failures.flush(ZeroDivisionError)) == 1


class Child(ProcessProtocol):
    def __init__(self) -> None:
        self.output = b""
        self.ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def outReceived(self, data: bytes) -> None:
        self.output += data

    def processEnded(self, reason: Any) -> None:
        self.ended.set_result(reason)


def test_children(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        child = Child()
        ours.spawnProcess(child, sys.executable, [sys.executable, "-c", "print('hi')"], env={})
        assert (await child.ended).type is ProcessDone
        assert child.output == b"hi\n"
        child = Child()
        ours.spawnProcess(child, "/bin/sh", ["sh", "-c", "exit 3"], env={})
        assert (await child.ended).type is ProcessTerminated
        # asyncio's children and ours do not get in each other's way
        theirs = await asyncio.create_subprocess_exec("/bin/true")
        assert await theirs.wait() == 0
        child = Child()
        transport = ours.spawnProcess(child, "/bin/cat", ["cat"], env={})
        transport.signalProcess("KILL")
        assert (await child.ended).value.signal == signal.SIGKILL

    run(check)


def test_children_without_descriptors_for_them(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    before = signal.getsignal(signal.SIGCHLD)
    reactor = UvloopReactor(loop)
    ended: list[Any] = []

    class Stops(ProcessProtocol):
        def processEnded(self, reason: Any) -> None:
            ended.append(reason.type)
            reactor.stop()

    reactor.callWhenRunning(reactor.spawnProcess, Stops(), "/bin/true", ["true"], {})
    try:
        reactor.run()
    finally:
        signal.signal(signal.SIGCHLD, before)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler if number == 2 else signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
    assert ended == [ProcessDone]
    reactor.waker.connectionLost(None)


def test_a_child_that_has_gone_already(loop: asyncio.AbstractEventLoop) -> None:
    class Gone:
        pid: int | None = 2**22 + 1  # more than there can be

    loop.call_soon(Children(loop).watch, Gone())
    loop.call_soon(loop.call_soon, loop.stop)
    loop.run_forever()
    Gone.pid = None
    Children(loop).watch(Gone())


def test_a_guest(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        assert ours.running
        with pytest.raises(ReactorAlreadyRunning):
            ours.run()
        called: list[int] = []
        ours.callWhenRunning(called.append, 1)
        assert called == [1]

    run(check)
    assert not ours.running


def test_what_is_open_ends_with_the_reactor(
    ours: UvloopReactor, loop: asyncio.AbstractEventLoop
) -> None:
    async def main() -> Any:
        await ours.stopped()  # it has not begun
        ours.join()
        pair = Pair(ours)
        server, client = await pair.tcp()
        client.transport.pauseProducing()
        ours.stop()
        await ours.stopped()
        await server.lost()
        await client.lost()
        assert ours.connections == []
        return pair

    pair = loop.run_until_complete(main())
    assert pair.servers.running == pair.clients.running == 0


def test_a_new_loop_is_uvloops_unless_a_plain_one_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed: list[Any] = []
    current: list[Any] = []
    monkeypatch.setattr("twisted.internet.main.installReactor", installed.append)
    monkeypatch.setattr(asyncio, "set_event_loop", current.append)
    for plain in (False, True):
        reactor = uvloopreactor.install(plain=plain)
        assert installed[-1] is reactor
        assert current[-1] is reactor.loop
        assert type(reactor.loop).__module__.startswith("asyncio") is plain
        reactor.waker.connectionLost(None)
        reactor.loop.close()
    other = asyncio.new_event_loop()
    reactor = uvloopreactor.install(other)
    assert reactor.loop is other
    reactor.waker.connectionLost(None)
    other.close()
