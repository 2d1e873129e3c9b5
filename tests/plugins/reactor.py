"""Run tests on a real Twisted reactor.

A reactor can be neither exchanged nor, by its public rules, started twice in a process. Which one
serves the session is said by ``CYCLONE_TEST_REACTOR`` (``default``, or a name that ``twistd
--reactor`` knows: ``epoll``, ``poll``, ``select``, ``asyncio``, ``uvloop``); it is installed when
this module is imported, before anything else can ask for one. It runs once per test that needs it
and is left by ``crash()``, the way trial does it, so that all timers and sockets are handled by the
real loop and nothing polls.

A test gets at it in two ways::

    async def test_something(): ...                  # an async test runs on the reactor

    def test_other(reactor_run):
        answer = reactor_run(coroutine_function_or_callable, timeout=5)

Either fails if it leaves a delayed call or an open socket behind.

``--on-the-reactor`` runs these tests alone, and the directories whose subject is a reactor: what is
left out is the same on every reactor, since none takes part in it, or starts programs that have
their own.
"""

from __future__ import annotations

import inspect
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.application.reactors import installReactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectionAborted
from twisted.python.failure import Failure

REACTOR_VARIABLE = "CYCLONE_TEST_REACTOR"

#: Turns of the loop, and seconds between them, that closing sockets get before they count as left.
SETTLING_TURNS = 50
SETTLING_PAUSE = 0.01


class ReactorTimeout(AssertionError):
    """What was run on the reactor did not come to a result in time."""


class DirtyReactor(AssertionError):
    """A test left delayed calls or sockets in the reactor."""


def _install() -> str:
    name = os.environ.get(REACTOR_VARIABLE, "default")
    if name != "default":
        installReactor(name)
    return name


INSTALLED = _install()


def global_reactor() -> Any:
    """Return the reactor of this process."""
    from twisted.internet import reactor

    return reactor


def _contents(reactor: Any) -> set[Any]:
    # On our own reactor connections are no descriptors, and may be open without being read from.
    connections = getattr(reactor, "connections", ())
    return {
        *reactor.getReaders(),
        *reactor.getWriters(),
        *reactor.getDelayedCalls(),
        *connections,
    }


def _remove(reactor: Any, leftovers: set[Any]) -> None:
    for thing in leftovers:
        if thing in reactor.getDelayedCalls():
            thing.cancel()
            continue
        if thing in getattr(reactor, "connections", ()):
            thing.connectionLost(Failure(ConnectionAborted()))
            continue
        reactor.removeReader(thing)
        reactor.removeWriter(thing)


@contextmanager
def _interruptible(reactor: Any) -> Iterator[None]:
    # The main loop logs whatever is raised in it and goes on, KeyboardInterrupt included.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupted = threading.Event()

    def leave(*_: object) -> None:
        interrupted.set()
        reactor.callFromThread(reactor.crash)

    previous = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if interrupted.is_set():
        raise KeyboardInterrupt


class _Run:
    """One stay in the reactor: call, wait for the result, wait until everything is closed."""

    def __init__(self, reactor: Any, call: Callable[[], Any], timeout: float) -> None:
        self.reactor = reactor
        self.call = call
        self.timeout = timeout
        self.before = _contents(reactor)
        self.result: Any = None
        self.done = False
        self.leftovers: set[Any] = set()

    def __call__(self) -> Any:
        __tracebackhide__ = True
        self.reactor.callLater(0, self._start)
        with _interruptible(self.reactor):
            self.reactor.run(installSignalHandlers=False)
        if isinstance(self.result, Failure):
            self.result.raiseException()
        if self.leftovers:
            listing = "".join(f"\n  {thing}" for thing in self.leftovers)
            raise DirtyReactor(f"left in the reactor:{listing}")
        return self.result

    def _start(self) -> None:
        deferred: Deferred[Any] = maybeDeferred(self.call)
        timer = self.reactor.callLater(self.timeout, self._give_up, deferred)
        deferred.addBoth(self._finished, timer)

    def _finished(self, result: Any, timer: Any) -> None:
        if timer.active():
            timer.cancel()
        if not self.done:
            self.done = True
            self.result = result
            self._settle(SETTLING_TURNS)

    def _give_up(self, deferred: Deferred[Any]) -> None:
        self.done = True
        self.result = Failure(ReactorTimeout(f"no result within {self.timeout} s"))
        deferred.cancel()
        self._settle(SETTLING_TURNS)

    def _settle(self, turns: int) -> None:
        self.leftovers = _contents(self.reactor) - self.before
        if self.leftovers and turns:
            self.reactor.callLater(SETTLING_PAUSE, self._settle, turns - 1)
            return
        _remove(self.reactor, self.leftovers)
        self.reactor.crash()


def run_on_reactor(function: Callable[..., Any], *args: Any, timeout: float = 10, **kw: Any) -> Any:
    """Call ``function(*args, **kw)`` in the running reactor and return what comes of it.

    Args:
        function: plain, returning a Deferred, or a coroutine function.
        timeout: seconds until the attempt is cancelled.

    Raises:
        ReactorTimeout: nothing came of it in time.
        DirtyReactor: delayed calls or sockets were left open, which were not there before.
    """
    __tracebackhide__ = True
    return _Run(global_reactor(), lambda: function(*args, **kw), timeout)()


@pytest.fixture
def reactor() -> Any:
    """The reactor of this process (not running, unless the test is ``async def``)."""
    return global_reactor()


@pytest.fixture
def reactor_run() -> Callable[..., Any]:
    """:func:`run_on_reactor`."""
    return run_on_reactor


#: Fixtures, and functions of this module, that bring a test to the reactor.
_WAYS = {"reactor", "reactor_run", "run_on_reactor", "global_reactor"}
#: Their subject is a reactor, whatever way they go.
_SUBJECTS = [Path(__file__).parents[1] / name for name in ("testing", "uvloopreactor")]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--on-the-reactor", action="store_true", help="only tests that run on it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--on-the-reactor"):
        left = [item for item in items if not _is_on_the_reactor(item)]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if _is_on_the_reactor(item)]


def _is_on_the_reactor(item: pytest.Item) -> bool:
    return (
        inspect.iscoroutinefunction(getattr(item, "obj", None))
        or not _WAYS.isdisjoint(getattr(item, "fixturenames", ()))
        or not _WAYS.isdisjoint(vars(getattr(item, "module", None) or item))
        or any(item.path.is_relative_to(directory) for directory in _SUBJECTS)
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    marker = pyfuncitem.get_closest_marker("reactor_timeout")
    timeout = marker.args[0] if marker else 10
    names = inspect.signature(test).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    run_on_reactor(lambda: test(**arguments), timeout=timeout)
    return True


def pytest_report_header() -> str:
    return f"reactor: {type(global_reactor()).__name__}, optimize: {not __debug__}"


@pytest.fixture(scope="session", autouse=True)
def _reactor_stops() -> Generator[None]:
    # Fires the shutdown triggers: without them the threads of the reactor's pool keep the
    # interpreter from ending.
    yield
    reactor = global_reactor()
    reactor.callLater(0, reactor.stop)
    reactor.run(installSignalHandlers=False)
    loop = getattr(reactor, "_asyncioEventloop", None)
    if loop is not None:
        loop.close()
