"""The reactor as tests of Tornado's kind see it: a loop that runs until something happens."""

from __future__ import annotations

import datetime
import signal
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from cyclone._async import HandlerErrors, resolve, settle, spawn

__all__ = ["ReactorLoop", "drive"]


async def drive(generator: types.GeneratorType[Any, Any, Any]) -> Any:
    """The result of a generator that yields what it waits for, or lists of such.

    That may be Deferreds, coroutines and other awaitables; what is none is passed back.
    """
    step: Callable[[], Any] = lambda: next(generator)  # noqa: E731 - exchanged below
    while True:
        try:
            waiting = step()
        except StopIteration as stop:
            return stop.value
        try:
            if isinstance(waiting, list):
                value: Any = [await settle(item) for item in waiting]
            else:
                value = await settle(waiting)
        except HandlerErrors as error:
            step = _throwing(generator, error)
        else:
            step = _sending(generator, value)


def _throwing(generator: Any, error: BaseException) -> Callable[[], Any]:
    return lambda: generator.throw(error)


def _sending(generator: Any, value: Any) -> Callable[[], Any]:
    return lambda: generator.send(value)


class ReactorLoop:
    """The process's reactor with the methods of Tornado's ``IOLoop`` that tests use.

    Attributes:
        reactor: the reactor.
        on_error: called with what a callback raises; by default it is raised to the reactor,
            which logs it.
    """

    def __init__(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.on_error: Callable[[BaseException], None] | None = None

    def time(self) -> float:
        """Seconds on the reactor's clock."""
        return float(self.reactor.seconds())

    def add_callback(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call `callback` in the next turn; from any thread."""
        if threading.current_thread() is threading.main_thread():
            self.reactor.callLater(0, self._call, callback, args, kwargs)
        else:
            self.reactor.callFromThread(self._call, callback, args, kwargs)

    spawn_callback = add_callback

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> IDelayedCall:
        """Call `callback` in `delay` seconds."""
        call: IDelayedCall = self.reactor.callLater(
            max(delay, 0), self._call, callback, args, kwargs
        )
        return call

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> IDelayedCall:
        """Call `callback` when `time` is `when`."""
        return self.call_later(when - self.time(), callback, *args, **kwargs)

    def add_timeout(
        self,
        deadline: float | datetime.timedelta,
        callback: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> IDelayedCall:
        """Call `callback` at a time, or after a timedelta."""
        if isinstance(deadline, datetime.timedelta):
            return self.call_later(deadline.total_seconds(), callback, *args, **kwargs)
        return self.call_at(deadline, callback, *args, **kwargs)

    def remove_timeout(self, timeout: IDelayedCall) -> None:
        """Do not make a call; nothing happens if it was made."""
        if timeout.active():
            timeout.cancel()

    def add_future(self, future: Any, callback: Callable[[Any], Any]) -> None:
        """Call `callback` with `future` when that awaitable has a result or an error."""
        self.add_callback(
            lambda: resolve(future, lambda _: self._call(callback, (future,), {}), self._failed)
        )

    def run_sync(self, func: Callable[[], Any], timeout: float | None = None) -> Any:
        """Run the reactor until the result of `func` has come, and return it.

        Args:
            func: may return an awaitable, a Deferred, or a generator for `drive`.
            timeout: seconds it may take.

        Raises:
            TimeoutError: it has taken longer. What was waited for is cancelled.
        """
        outcome: list[tuple[bool, Any]] = []

        async def work() -> None:
            try:
                result = func()
                if isinstance(result, types.GeneratorType):
                    result = drive(result)
                settled = await settle(result)
            except HandlerErrors as error:
                conclude(False, error)
            else:
                conclude(True, settled)

        def conclude(succeeded: bool, value: Any) -> None:
            if not outcome:
                outcome.append((succeeded, value))
                self.stop()

        def begin() -> None:
            spawned = spawn(work())
            if timeout is not None and not outcome:
                limit = self.reactor.callLater(timeout, time_is_up, spawned)
                limits.append(limit)

        def time_is_up(spawned: Any) -> None:
            outcome.append((False, TimeoutError(f"Operation timed out after {timeout} seconds")))
            spawned.cancel()
            # asyncio tells a task of its cancellation in the next turn.
            self.reactor.callLater(0, self.reactor.callLater, 0, self.stop)

        limits: list[IDelayedCall] = []
        self.reactor.callLater(0, begin)
        self.start()
        for limit in limits:
            self.remove_timeout(limit)
        if not outcome:
            raise RuntimeError("the reactor was stopped before there was a result")
        succeeded, value = outcome[0]
        if not succeeded:
            raise value
        return value

    def start(self) -> None:
        """Run the reactor until `stop` is called.

        Raises:
            RuntimeError: it runs already, as in tests that are run in the reactor.
            KeyboardInterrupt: SIGINT came.
        """
        if self.reactor.running:
            raise RuntimeError(
                "the reactor runs already: this test case runs it by itself, and cannot be used "
                "inside of it"
            )
        with _interruptible(self.reactor):
            self.reactor.run(installSignalHandlers=False)

    def stop(self) -> None:
        """Leave the reactor at the end of this turn; it can be started again."""
        if self.reactor.running:  # else the next run would be left as soon as it began
            self.reactor.crash()

    def _call(self, callback: Callable[..., Any], args: Any, kwargs: Any) -> None:
        try:
            result = callback(*args, **kwargs)
        except Exception as error:
            self._failed(error)
        else:
            resolve(result, lambda _: None, self._failed)

    def _failed(self, error: BaseException) -> None:
        if self.on_error is None:
            raise error
        self.on_error(error)


@contextmanager
def _interruptible(reactor: Any) -> Iterator[None]:
    """Have SIGINT leave the reactor, whose loop would log KeyboardInterrupt and go on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupted: list[int] = []

    def leave(number: int, frame: object) -> None:
        interrupted.append(number)
        reactor.callFromThread(reactor.crash)

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupted:
        raise KeyboardInterrupt
