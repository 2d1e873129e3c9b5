"""`cyclone._async`: one meaning for every kind of result, on reactors with and without asyncio."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from cyclone._async import (
    DONE,
    AsyncioRunner,
    Runner,
    Settled,
    Waiter,
    as_deferred,
    is_pending,
    resolve,
    settle,
    spawn,
)


class Boom(Exception):
    """What the tests fail with."""


def run_plain(main: Callable[[], Any]) -> None:
    """Run a coroutine function that must end without waiting for anything outside."""
    ended: list[BaseException | None] = []

    async def guarded() -> None:
        try:
            await main()
        except BaseException as exc:
            ended.append(exc)
        else:
            ended.append(None)

    spawn(guarded())
    assert ended, "it still waits"
    if ended[0] is not None:
        raise ended[0]


# -- what kind of result is it --------------------------------------------------------------------


def generator() -> Generator[Any, Any, None]:
    yield


async def coroutine() -> int:
    return 7


@pytest.mark.parametrize("value", [None, DONE, 0, "", "text", [], {}, object(), Exception()])
def test_what_is_there_is_not_pending(value: object) -> None:
    assert not is_pending(value)


@pytest.mark.parametrize(
    "make",
    [coroutine, Deferred, lambda: defer.succeed(1), lambda: Failure(Boom()), generator, Waiter],
)
def test_what_must_come_is_pending(make: Callable[[], Any]) -> None:
    value = make()
    assert is_pending(value)
    if asyncio.iscoroutine(value):
        value.close()
    elif isinstance(value, Failure):
        value.cleanFailure()


def test_settle_returns_a_plain_value() -> None:
    async def main() -> None:
        assert await settle(5) == 5
        assert await settle(coroutine()) == 7
        assert await settle(defer.succeed(8)) == 8
        assert await settle(DONE) is None

    run_plain(main)


def test_settle_raises_what_a_failure_holds() -> None:
    async def main() -> None:
        with pytest.raises(Boom):
            await settle(Failure(Boom()))
        with pytest.raises(Boom):
            await settle(defer.fail(Boom()))

    run_plain(main)


def test_settle_runs_a_plain_generator_and_warns() -> None:
    seen: list[int] = []

    def plain() -> Generator[Any, Any, int]:
        seen.append((yield defer.succeed(3)))
        return 4

    async def main() -> None:
        with pytest.warns(RuntimeWarning, match=r"plain is a plain generator"):
            assert await settle(plain()) == 4

    run_plain(main)
    assert seen == [3]


# -- resolve and as_deferred ----------------------------------------------------------------------


def test_resolve_calls_at_once_when_nothing_waits() -> None:
    got: list[Any] = []
    resolve(3, got.append, got.append)
    resolve(coroutine(), got.append, got.append)
    assert got == [3, 7]


def test_resolve_calls_later_and_tells_failures() -> None:
    got: list[Any] = []
    waiting: Deferred[int] = Deferred()
    resolve(waiting, got.append, got.append)
    assert got == []
    waiting.callback(9)
    error = Boom()
    resolve(Failure(error), got.append, got.append)
    assert got == [9, error]


def test_as_deferred_is_none_for_what_is_there() -> None:
    assert as_deferred(None) is None
    assert as_deferred(3) is None


def test_as_deferred_passes_a_deferred_and_wraps_a_coroutine() -> None:
    own: Deferred[int] = Deferred()
    assert as_deferred(own) is own
    wrapped = as_deferred(coroutine())
    assert wrapped is not None
    assert wrapped.result == 7

    async def fail() -> None:
        raise Boom

    failed = as_deferred(fail())
    assert failed is not None
    failures: list[Failure] = []
    failed.addErrback(failures.append)
    assert failures[0].check(Boom)


# -- DONE and Waiter ------------------------------------------------------------------------------


def test_done_takes_callbacks_like_a_deferred() -> None:
    got: list[Any] = []
    DONE.addCallback(got.append)
    DONE.addBoth(got.append)
    DONE.addCallbacks(got.append, got.append)
    DONE.addErrback(got.append)
    assert got == [None, None, None]


def test_inline_callbacks_may_yield_waiter_and_done() -> None:
    waiter = Waiter()
    seen: list[str] = []

    @defer.inlineCallbacks
    def main() -> Generator[Any, Any, None]:
        yield waiter
        seen.append("waited")
        yield DONE
        seen.append("done")

    main()
    assert seen == []
    waiter.callback(None)
    assert seen == ["waited", "done"]


def test_a_settled_failure_is_silent_until_somebody_asks() -> None:
    failed = Settled(Boom)
    caught: list[Any] = []
    failed.addErrback(caught.append)
    failed.addBoth(caught.append)
    failed.addCallbacks(caught.append, caught.append)
    failed.addCallback(caught.append).addErrback(caught.append)
    assert [failure.check(Boom) for failure in caught] == [Boom] * 4

    async def main() -> None:
        with pytest.raises(Boom):
            await failed

    run_plain(main)


@pytest.mark.parametrize(
    "wait",
    [
        lambda waiter: waiter.addCallback(lambda _: None),
        lambda waiter: waiter.addErrback(lambda _: None),
        lambda waiter: waiter.addBoth(lambda _: None),
        lambda waiter: waiter.addCallbacks(lambda _: None, lambda _: None),
        lambda waiter: spawn(settle(waiter)),
    ],
)
def test_a_waiter_tells_when_somebody_begins_to_wait(wait: Callable[[Waiter], Any]) -> None:
    told: list[Waiter] = []
    waiter = Waiter(told.append)
    assert told == []
    wait(waiter)
    wait(waiter)
    assert told == [waiter]
    waiter.callback(None)


# -- running without an asyncio loop --------------------------------------------------------------


def test_a_coroutine_that_does_not_wait_is_through_when_spawn_returns() -> None:
    seen: list[int] = []

    async def main() -> None:
        seen.append(await coroutine())

    assert isinstance(spawn(main()), Runner)
    assert seen == [7]


def test_two_coroutines_await_one_deferred_and_its_result_stays() -> None:
    shared: Deferred[str] = Deferred()
    seen: list[str] = []

    async def wait() -> None:
        seen.append(await shared)

    spawn(wait())
    spawn(wait())
    shared.callback("here")
    spawn(wait())
    assert seen == ["here"] * 3
    assert shared.result == "here"


def test_two_coroutines_await_one_deferred_that_fails() -> None:
    seen: list[str] = []

    async def wait(shared: Deferred[str]) -> None:
        try:
            await shared
        except Boom:
            seen.append("boom")

    def fail_for_two() -> None:
        shared: Deferred[str] = Deferred()
        spawn(wait(shared))
        spawn(wait(shared))
        shared.errback(Boom())

    fail_for_two()
    assert seen == ["boom", "boom"]
    gc.collect()  # a failure that nobody handled would be logged now, and fail the test


@pytest.fixture
def escaped() -> Iterator[list[Failure]]:
    """The failures that `spawn` has logged."""
    failures: list[Failure] = []

    def observe(event: dict[str, Any]) -> None:
        if "log_failure" in event:
            failures.append(event["log_failure"])

    globalLogPublisher.addObserver(observe)
    yield failures
    globalLogPublisher.removeObserver(observe)


def test_an_exception_that_escapes_is_logged(escaped: list[Failure]) -> None:
    async def fail() -> None:
        raise Boom("escaped")

    spawn(fail())
    (failure,) = escaped
    assert failure.check(Boom)


def test_cancel_reaches_the_deferred_that_is_waited_for() -> None:
    cancelled: list[Any] = []
    seen: list[str] = []

    async def wait() -> None:
        try:
            await Deferred(cancelled.append)
        except defer.CancelledError:
            seen.append("cancelled")

    running = spawn(wait())
    running.cancel()
    running.cancel()
    assert len(cancelled) == 1
    assert seen == ["cancelled"]


def test_an_asyncio_future_without_a_loop_names_the_reactor_to_use() -> None:
    loop = asyncio.new_event_loop()
    seen: list[str] = []

    async def wait() -> None:
        future = loop.create_future()
        try:
            await future
        except RuntimeError as exc:
            seen.append(str(exc))

    spawn(wait())
    loop.close()
    assert "--reactor=asyncio" in seen[0]


def test_context_variables_follow_the_coroutine_and_do_not_leak() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")
    gate: Deferred[None] = Deferred()
    seen: list[str] = []

    async def main() -> None:
        variable.set("inside")
        await gate
        seen.append(variable.get())

    spawn(main())
    assert variable.get() == "outside"
    gate.callback(None)
    assert seen == ["inside"]


# -- running on an asyncio loop -------------------------------------------------------------------


def on_loop(main: Callable[[list[Any]], Any]) -> list[Any]:
    """Spawn ``main(seen)`` on a loop of its own, wait for its end, return `seen`."""
    seen: list[Any] = []

    async def outer() -> None:
        running = spawn(main(seen))
        assert isinstance(running, AsyncioRunner)
        await asyncio.wait_for(asyncio.shield(running), 5)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(outer())
    return seen


def test_deferreds_and_futures_in_any_order() -> None:
    async def main(seen: list[Any]) -> None:
        loop = asyncio.get_running_loop()
        later: Deferred[str] = Deferred()
        loop.call_later(0.001, later.callback, "deferred")
        await asyncio.sleep(0)
        seen.append(await later)
        seen.append(await asyncio.sleep(0.001, "future"))
        seen.append(await later)
        with pytest.raises(Boom):
            await defer.fail(Boom())
        failing = loop.create_future()
        loop.call_soon(failing.set_exception, Boom())
        with pytest.raises(Boom):
            await failing

    assert on_loop(main) == ["deferred", "future", "deferred"]


def test_current_task_is_one_and_the_same() -> None:
    async def main(seen: list[Any]) -> None:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())
        await defer.succeed(None)
        seen.append(asyncio.current_task())
        task = asyncio.current_task()
        assert task is not None
        task.set_name("renamed")
        assert task.get_name() == "renamed"
        assert task.get_stack()[0].f_code.co_name == "main"
        assert task.get_coro() is not None

    first, second, third = on_loop(main)
    assert isinstance(first, AsyncioRunner)
    assert first is second is third


def test_a_runner_started_inside_a_task_gives_that_task_back() -> None:
    async def inner() -> None:
        await asyncio.sleep(0)

    async def outer() -> None:
        before = asyncio.current_task()
        spawn(inner())
        assert asyncio.current_task() is before
        await asyncio.sleep(0.001)

    asyncio.run(outer())


@pytest.mark.parametrize("what", ["future", "deferred", "nested"])
def test_timeout_interrupts(what: str) -> None:
    async def forever() -> None:
        if what == "deferred":
            await Deferred()
        else:
            await asyncio.get_running_loop().create_future()

    async def main(seen: list[Any]) -> None:
        try:
            async with asyncio.timeout(0.005):
                if what == "nested":
                    async with asyncio.timeout(30):
                        await forever()
                await forever()
        except TimeoutError:
            seen.append("timeout")
        await asyncio.sleep(0)  # nothing of the cancelling is left

    assert on_loop(main) == ["timeout"]


def test_task_group_cancels_what_waits_for_a_deferred() -> None:
    async def main(seen: list[Any]) -> None:
        async def fail() -> None:
            raise Boom

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await Deferred()
        except* Boom:
            seen.append("group")

    assert on_loop(main) == ["group"]


def test_cancel_while_a_future_is_waited_for() -> None:
    seen: list[Any] = []

    async def wait() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def outer() -> None:
        running = spawn(wait())
        assert isinstance(running, AsyncioRunner)
        assert running.cancel("why")
        assert running.cancelling() == 1
        await asyncio.sleep(0.001)
        assert running.cancelled()
        assert not running.cancel()
        assert running.uncancel() == 0

    asyncio.run(outer())
    assert seen == ["cancelled"]


def test_cancelling_does_not_lose_the_deferreds_own_canceller() -> None:
    cancelled: list[Any] = []
    seen: list[str] = []

    async def wait() -> None:
        try:
            await Deferred(cancelled.append)
        except asyncio.CancelledError:
            seen.append("cancelled")

    async def outer() -> None:
        running = spawn(wait())
        running.cancel()
        await asyncio.sleep(0.001)

    asyncio.run(outer())
    assert len(cancelled) == 1
    assert seen == ["cancelled"]


def test_a_plain_task_may_await_a_waiter() -> None:
    async def main(seen: list[Any]) -> None:
        waiter, failing = Waiter(), Waiter()

        async def other() -> None:
            await waiter
            seen.append("other")
            with pytest.raises(Boom):
                await failing

        task = asyncio.create_task(other())
        await asyncio.sleep(0)
        waiter.callback(None)
        await asyncio.sleep(0.001)
        failing.errback(Boom())
        await task
        await waiter
        seen.append("main")
        await asyncio.wait_for(DONE, 1)

    assert on_loop(main) == ["other", "main"]


def test_a_plain_task_that_gave_up_does_not_disturb_the_waiter() -> None:
    async def main(seen: list[Any]) -> None:
        waiter = Waiter()

        async def other() -> None:
            await waiter

        task = asyncio.create_task(other())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        waiter.callback(None)
        seen.append(task.cancelled())

    assert on_loop(main) == [True]


@pytest.mark.parametrize("others", [0, 1])
def test_a_waiter_is_cancelled_with_the_only_plain_task_that_waits(others: int) -> None:
    async def main(seen: list[Any]) -> None:
        waiter = Waiter()

        async def other() -> None:
            await waiter
            seen.append("other")

        tasks = [asyncio.create_task(other()) for _ in range(others)]
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.create_task(asyncio.wait_for(waiter, 0.001))
        await asyncio.sleep(0)
        seen.append(waiter.called)
        waiter.callback(None)
        await asyncio.gather(*tasks)

    assert on_loop(main) == ([False, "other"] if others else [True])
    gc.collect()  # nothing is logged about errors that nobody has handled


def test_a_foreign_yield_is_an_error_inside_the_coroutine() -> None:
    class Odd:
        def __await__(self) -> Generator[Any, None, None]:
            yield "odd"

    async def main(seen: list[Any]) -> None:
        try:
            await Odd()
        except RuntimeError as exc:
            seen.append(str(exc))

    assert "yielded str" in on_loop(main)[0]


def test_an_exception_that_escapes_on_a_loop_is_logged(escaped: list[Failure]) -> None:
    async def main(seen: list[Any]) -> None:
        raise Boom("escaped")

    on_loop(main)
    assert escaped[0].check(Boom)


def test_context_variables_follow_on_a_loop() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")

    async def main(seen: list[Any]) -> None:
        variable.set("inside")
        await asyncio.sleep(0)
        seen.append(variable.get())
        later: Deferred[None] = Deferred()
        asyncio.get_running_loop().call_soon(later.callback, None)
        await later
        seen.append(variable.get())

    assert on_loop(main) == ["inside", "inside"]
    assert variable.get() == "outside"
