"""The one place where results meet: values, Failures, Deferreds, coroutines, asyncio awaitables.

The rest of cyclone never asks what kind of result user code returned.  It asks
`is_pending(result)`; when the answer is no, the work is done and nothing was allocated for it.
When it is yes, the rest of the work is written as a coroutine that says `await settle(result)`,
and `spawn` runs that coroutine:

* The coroutine is stepped at once, by hand.  One that never really waits costs a single ``send``.
* On a reactor without an asyncio loop a plain `Runner` waits for Deferreds through callbacks.
* On a reactor with one, the runner is an `AsyncioRunner`: a complete task in the sense of asyncio's
  documentation ("Extending", task lifetime support), so ``asyncio.current_task()``,
  ``asyncio.timeout()`` and ``TaskGroup`` work, and Deferreds and asyncio futures can be awaited
  side by side.  Neither ``Deferred.fromCoroutine`` (cannot await futures) nor ``asyncio.Task``
  (cannot await Deferreds) does that.

A successful Deferred that is awaited here keeps its result for whoever else waits for it.  A
failed one hands its Failure to those who already wait and is then marked as handled.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import types
import warnings
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, TypeVar, cast

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = [
    "DONE",
    "CancelledErrors",
    "HandlerErrors",
    "Settled",
    "Spawned",
    "Waiter",
    "as_deferred",
    "exception_of",
    "failure_of",
    "is_pending",
    "resolve",
    "settle",
    "spawn",
]

_log = Logger(namespace="cyclone.general")
_T = TypeVar("_T")
_NOTHING = cast("Generator[Any, None, None]", iter(()))  # the steps of what is done already

#: What a cancelled handler sees: Twisted's error, or asyncio's when it waited for a future.
CancelledErrors = (defer.CancelledError, asyncio.CancelledError)
#: What code of an application may raise, to be answered and logged.  A ``sys.exit()`` in it is
#: meant for another program; Twisted would swallow it, and leave the peer waiting.
HandlerErrors = (Exception, asyncio.CancelledError, SystemExit)


# -- what the framework returns ------------------------------------------------------------------


class Waiter(Deferred[None]):
    """A Deferred that may also be awaited in a plain asyncio task.

    ``flush()`` returns one when the peer reads slowly.  inlineCallbacks may yield it, a coroutine
    run by Twisted or by cyclone may await it, and so may ``asyncio.create_task``.
    """

    def __init__(self, waited_for: Callable[[Waiter], None] | None = None) -> None:
        """`waited_for` is called when somebody begins to wait."""
        super().__init__()
        self._waited_for = waited_for
        self.waiting = 0  # how many callbacks it was given

    def _tell(self) -> None:
        self.waiting += 1
        waited_for, self._waited_for = self._waited_for, None
        if waited_for is not None:
            waited_for(self)

    def __await__(self) -> Generator[Any, None, None]:
        loop = asyncio._get_running_loop()
        if loop is not None:
            task: Any = asyncio.current_task(loop)
            if task is not None and not isinstance(task, AsyncioRunner):
                return _as_future(self, loop).__await__()
        return cast("Generator[Any, None, None]", super().__await__())


def _telling(method: Callable[..., Any]) -> Callable[..., Any]:
    def add(self: Waiter, *args: Any, **kwargs: Any) -> Any:
        self._tell()
        return method(self, *args, **kwargs)

    return add


# Each of these appends to the callbacks by itself in Twisted.
for _name in ("addCallbacks", "addCallback", "addErrback", "addBoth"):
    setattr(Waiter, _name, _telling(getattr(Deferred, _name)))


def _as_future(deferred: Waiter, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = loop.create_future()

    def relay(result: Any) -> Any:
        if isinstance(result, Failure):
            deferred.addErrback(lambda _: None)  # as in _watch()
            if not future.cancelled():
                future.set_exception(exception_of(result))
        elif not future.cancelled():
            future.set_result(result)
        return result

    def give_up(_: Any) -> None:
        if future.cancelled() and deferred.waiting == 1:  # nobody else waits
            deferred.cancel()

    deferred.addBoth(relay)
    future.add_done_callback(give_up)
    return future


class Settled:
    """A result that is there already, to be awaited or given callbacks.

    It is one shared object: a response costs no Deferred unless someone asks for one, which the
    ``addCallback`` family does.  One that failed is silent until someone asks.
    """

    __slots__ = ("_error",)

    def __init__(self, error: Callable[[], BaseException] | None = None) -> None:
        self._error = error

    def __await__(self) -> Generator[Any, None, None]:
        if self._error is not None:
            raise self._error()
        return _NOTHING

    def __getattr__(self, name: str) -> Any:
        if name not in ("addCallback", "addErrback", "addBoth", "addCallbacks"):
            raise AttributeError(name)
        done: Deferred[Any] = defer.fail(self._error()) if self._error else defer.succeed(None)
        return getattr(done, name)


#: What is returned where there was nothing to wait for.
DONE = Settled()


# -- what user code returns ----------------------------------------------------------------------


def is_pending(value: object) -> bool:
    """Whether `value` stands for a result that has yet to come, or for an error (a Failure)."""
    if value is None or value is DONE:
        return False
    return isinstance(
        value, (types.CoroutineType, Deferred, Failure, types.GeneratorType, AsyncGenerator)
    ) or hasattr(value, "__await__")


async def settle(value: Any) -> Any:
    """The result behind `value`, whatever it is; raises what it failed with.

    A plain generator is run as by inlineCallbacks, with a warning: cyclone 1.x did that for
    handlers whose author forgot the decorator.
    """
    if isinstance(value, types.GeneratorType) and not inspect.isawaitable(value):
        warnings.warn(
            f"{value.__qualname__} is a plain generator: decorate it with inlineCallbacks "
            "or write it as async def",
            RuntimeWarning,
            stacklevel=2,
        )
        generator = value
        return await defer.inlineCallbacks(lambda: generator)()
    if isinstance(value, Failure):
        value.raiseException()
    if hasattr(value, "__await__") or isinstance(value, AsyncGenerator):
        return await value  # as of an asynchronous generator Python says that it cannot be
    return value


def resolve(
    result: Any, then: Callable[[Any], None], failed: Callable[[BaseException], None]
) -> None:
    """Call `then` with the result behind `result`, at once if it is there, else when it comes.

    `failed` gets the exception if there is one.  Neither is expected to raise.
    """
    if not is_pending(result):
        then(result)
        return

    async def wait() -> None:
        try:
            value = await settle(result)
        except HandlerErrors as exc:
            failed(exc)
        else:
            then(value)

    spawn(wait())


def as_deferred(result: Any) -> Deferred[Any] | None:
    """None when there is nothing to wait for, else a Deferred of the result of `result`."""
    if not is_pending(result):
        return None
    if isinstance(result, Deferred):
        return result
    deferred: Deferred[Any] = Deferred()
    resolve(result, deferred.callback, deferred.errback)
    return deferred


def failure_of(error: BaseException) -> Failure:
    """A Failure of `error`, with its traceback."""
    return Failure(error, type(error), error.__traceback__)  # type: ignore[no-untyped-call]


def exception_of(failure: Failure) -> BaseException:
    """The exception that `failure` stands for."""
    error = failure.value
    return error if error is not None else RuntimeError("a Failure without an exception")


# -- running coroutines --------------------------------------------------------------------------


class Spawned:
    """A coroutine that `spawn` runs, step by step, in a context of its own."""

    _context: contextvars.Context
    entered: bool  # something runs in the context
    _woken: tuple[BaseException | None] | None  # how to go on once that has ended

    def start(self) -> None:
        """Make the first step."""
        self._context.run(self._step, None)

    def cancel(self) -> Any:
        """Ask it to stop where it waits."""
        raise NotImplementedError

    def call(self, function: Callable[..., _T], *args: Any) -> _T:
        """Call `function` in the coroutine's context, as if the coroutine did."""
        if self.entered:
            return function(*args)
        self.entered = True
        try:
            return self._context.run(function, *args)
        finally:
            self.entered = False
            self._go_on()

    def _step(self, error: BaseException | None) -> None:
        raise NotImplementedError

    def _wake(self, error: BaseException | None) -> None:
        """What was waited for has come.  A context cannot be entered twice."""
        self._woken = (error,)
        if not self.entered:
            self._go_on()

    def _go_on(self) -> None:
        woken, self._woken = self._woken, None
        if woken is not None:
            self._context.run(self._step, woken[0])


def spawn(coroutine: Coroutine[Any, Any, Any]) -> Spawned:
    """Start `coroutine` now, in a copy of the current context, and see it through.

    It is stepped before `spawn` returns.  Its result is dropped; an exception that leaves it is
    logged, so callers catch inside what they expect.
    """
    loop = asyncio._get_running_loop()
    runner: Spawned = Runner(coroutine) if loop is None else AsyncioRunner(coroutine, loop)
    runner.start()
    return runner


def _escaped(exc: BaseException) -> None:
    _log.failure("A coroutine of a handler failed", failure_of(exc))


_NEEDS_ASYNCIO = (
    "an asyncio awaitable was awaited, but the running reactor has no asyncio loop: "
    "start with --reactor=asyncio"
)


def _watch(deferred: Deferred[Any], wake: Callable[[BaseException | None], None]) -> None:
    """Call `wake` when `deferred` has a result, and leave the result where it is.

    `wake` gets the exception of a Failure.  It is thrown into the coroutine: awaiting the Deferred
    once more, as for a result, does not work while the Deferred runs its errbacks.
    """

    def fired(result: Any) -> Any:
        if isinstance(result, Failure):
            # Those who wait already still get it; after them nobody is left to be told.
            deferred.addErrback(lambda _: None)
            wake(exception_of(result))
        else:
            wake(None)
        return result

    deferred.addBoth(fired)


class Runner(Spawned):
    """Runs a coroutine that awaits Deferreds only."""

    __slots__ = ("_context", "_coroutine", "_waiting_on", "_woken", "entered")

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self._context = contextvars.copy_context()
        self._waiting_on: Deferred[Any] | None = None
        self.entered = False
        self._woken: tuple[BaseException | None] | None = None

    def cancel(self) -> None:
        """Cancel the Deferred that is waited for; the coroutine sees `defer.CancelledError`."""
        if self._waiting_on is not None:
            self._waiting_on.cancel()

    def _step(self, error: BaseException | None) -> None:
        """Run to the next Deferred that has no result yet, or to the end."""
        self._waiting_on = None
        self.entered = True
        try:
            send = self._coroutine.send
            awaited = send(None) if error is None else self._coroutine.throw(error)
        except (StopIteration, asyncio.CancelledError):
            return
        except Exception as exc:
            _escaped(exc)
            return
        finally:
            self.entered = False
        if isinstance(awaited, Deferred):
            self._waiting_on = awaited
            _watch(awaited, self._wake)
        else:
            self._step(RuntimeError(_NEEDS_ASYNCIO))


class AsyncioRunner(asyncio.Future[Any], Spawned):
    """A task of our own: it may await Deferreds and asyncio futures, in any order.

    asyncio's `Task` interface is complete as far as asyncio itself and anyio use it (`_fut_waiter`
    and `_must_cancel` are read by anyio, under these names).
    """

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(loop=loop)
        self._coroutine = coroutine
        self._context = contextvars.copy_context()
        self._fut_waiter: asyncio.Future[Any] | None = None
        self._deferred: Deferred[Any] | None = None
        self._must_cancel = False
        self._cancel_message: Any = None
        self._cancel_requests = 0
        self._name = "cyclone-handler"
        self.entered = False
        self._woken: tuple[BaseException | None] | None = None
        asyncio._register_task(self)  # type: ignore[arg-type]

    # -- the interface of asyncio.Task

    def get_coro(self) -> Coroutine[Any, Any, Any]:
        return self._coroutine

    def get_context(self) -> contextvars.Context:
        return self._context

    def get_name(self) -> str:
        return self._name

    def set_name(self, value: object) -> None:
        self._name = str(value)

    def get_stack(self, *, limit: int | None = None) -> list[types.FrameType]:
        frame = getattr(self._coroutine, "cr_frame", None)
        return [] if frame is None else [frame]

    def cancelling(self) -> int:
        return self._cancel_requests

    def uncancel(self) -> int:
        if self._cancel_requests > 0:
            self._cancel_requests -= 1
            if self._cancel_requests == 0:
                self._must_cancel = False
        return self._cancel_requests

    def cancel(self, msg: Any = None) -> bool:
        """Have `asyncio.CancelledError` thrown where the coroutine waits."""
        if self.done():
            return False
        self._cancel_requests += 1
        if self._fut_waiter is not None and self._fut_waiter.cancel(msg=msg):
            return True
        self._must_cancel = True
        self._cancel_message = msg
        if self._deferred is not None:
            deferred, self._deferred = self._deferred, None
            self.get_loop().call_soon(self._step, None, context=self._context)
            deferred.cancel()
        return True

    # -- stepping

    def _step(self, error: BaseException | None) -> None:
        if self._must_cancel:
            if not isinstance(error, asyncio.CancelledError):
                error = asyncio.CancelledError(*_message(self._cancel_message))
            self._must_cancel = False
        self._fut_waiter = None
        loop = self.get_loop()
        # A handler may be started from inside another task's step; that one is put back.
        outer = asyncio.current_task(loop)
        if outer is not None:
            asyncio._leave_task(loop, outer)
        asyncio._enter_task(loop, self)  # type: ignore[arg-type]
        self.entered = True
        try:
            send = self._coroutine.send
            awaited = send(None) if error is None else self._coroutine.throw(error)
        except StopIteration as stop:
            self._finish(super().set_result, stop.value)
        except asyncio.CancelledError:
            self._finish(lambda _: super(AsyncioRunner, self).cancel(), None)
        except Exception as exc:
            _escaped(exc)
            self._finish(super().set_result, None)
        else:
            self._wait_for(awaited)
        finally:
            self.entered = False
            asyncio._leave_task(loop, self)  # type: ignore[arg-type]
            if outer is not None:
                asyncio._enter_task(loop, outer)

    def _finish(self, conclude: Callable[[Any], Any], value: Any) -> None:
        conclude(value)
        asyncio._unregister_task(self)  # type: ignore[arg-type]

    def _wait_for(self, awaited: Any) -> None:
        loop = self.get_loop()
        if isinstance(awaited, Deferred):
            self._wait_for_deferred(awaited)
        elif awaited is None:  # asyncio.sleep(0): let others run
            loop.call_soon(self._step, None, context=self._context)
        elif getattr(awaited, "_asyncio_future_blocking", None):
            awaited._asyncio_future_blocking = False
            awaited.add_done_callback(self._future_done, context=self._context)
            self._fut_waiter = awaited
            if self._must_cancel and awaited.cancel(msg=self._cancel_message):
                self._must_cancel = False
        else:
            error = RuntimeError(f"a coroutine yielded {type(awaited).__name__}, not an awaitable")
            loop.call_soon(self._step, error, context=self._context)

    def _wait_for_deferred(self, deferred: Deferred[Any]) -> None:
        self._deferred = deferred

        def wake(error: BaseException | None) -> None:
            if self._deferred is deferred:
                self._deferred = None
                self._wake(error)

        _watch(deferred, wake)
        if self._must_cancel and self._deferred is deferred:
            self._deferred = None
            self.get_loop().call_soon(self._step, None, context=self._context)
            deferred.cancel()

    def _future_done(self, future: asyncio.Future[Any]) -> None:
        try:
            future.result()
        except BaseException as exc:
            self._step(exc)
        else:
            self._step(None)


def _message(message: Any) -> tuple[Any, ...]:
    return () if message is None else (message,)
