"""A test fails when Twisted had to report an error that nobody handled.

These are the failures of Deferreds without an errback, and what escaped from a protocol or from a
delayed call into the reactor. A test that provokes one takes it back::

    def test_something(logged_failures):
        ...
        assert logged_failures.flush(ZeroDivisionError)

What cyclone logs of its own accord (an exception in a handler, say) does not count.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from typing import Any

import pytest
from twisted.logger import LogLevel, globalLogPublisher
from twisted.python.failure import Failure

#: Whether the young generations can be collected alone.
GENERATIONS = hasattr(gc, "freeze")


class UnhandledErrors(AssertionError):
    """Errors reached Twisted's log as unhandled."""


class LoggedFailures:
    """Collects the unhandled failures of the test that runs."""

    def __init__(self) -> None:
        self._failures: list[Failure] = []

    def observe(self, event: dict[str, Any]) -> None:
        """Keep the failure of a log event, if the event reports an unhandled one."""
        ours = str(event.get("log_namespace", "")).startswith("cyclone")
        # Under the second name where it was logged by twisted.python.log.
        failure = event.get("log_failure") or event.get("failure")
        if event.get("log_level") is LogLevel.critical and failure is not None and not ours:
            self._failures.append(failure)

    def flush(self, *types: type[BaseException]) -> list[Failure]:
        """Take and return the failures of these types; all of them when no type is given."""
        gc.collect()
        wanted = types or (BaseException,)
        taken = [failure for failure in self._failures if failure.check(*wanted)]
        self._failures = [failure for failure in self._failures if failure not in taken]
        return taken

    def check(self, *, thoroughly: bool) -> None:
        """Raise what was collected since the last check.

        An error in a Deferred is reported when the Deferred is freed. Most are freed by their
        reference count; the collection of the young generations after each test finds nearly all
        of those that sit in a cycle, a full one after each module finds the rest. PyPy has no
        counts and full collections only, which are left to the end of the module.

        Raises:
            UnhandledErrors: there was something.
        """
        if thoroughly or GENERATIONS:
            gc.collect(2 if thoroughly else 1)
        failures, self._failures = self._failures, []
        if failures:
            raise UnhandledErrors("\n".join(failure.getTraceback() for failure in failures))


_recorder = LoggedFailures()


@pytest.fixture
def logged_failures() -> LoggedFailures:
    """The unhandled failures that this test has caused so far."""
    return _recorder


def pytest_sessionstart() -> None:
    globalLogPublisher.addObserver(_recorder.observe)


def pytest_collection_finish() -> None:
    # What exists by now stays until the end; collections after each test need not look at it.
    gc.collect()
    if GENERATIONS:
        gc.freeze()


def pytest_sessionfinish() -> None:
    globalLogPublisher.removeObserver(_recorder.observe)
    if GENERATIONS:
        gc.unfreeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    result = yield
    _recorder.check(thoroughly=False)
    return result


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, Any, Any]:
    result = yield
    last_of_module = nextitem is None or nextitem.path != item.path
    _recorder.check(thoroughly=last_of_module)
    return result
