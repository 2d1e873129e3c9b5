"""The process in which one test module runs: ``python -m ...child``, its task on standard input.

Writes one line of JSON for each event to the descriptor that the task names: ``start`` of a test,
``result`` of a test, ``end``.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import logging
import os
import resource
import signal
import sys
import traceback
import unittest
from collections.abc import Callable
from types import FrameType
from typing import Any

from .stand_in import missing_used, substitute
from .table import suite_named
from .tidy import tidy

__all__ = ["list_tests", "main"]

#: Bytes of address space: some tests serve a file that has no end.
MEMORY = 3 << 30

Send = Callable[..., None]


class TookTooLong(BaseException):
    """A test did not end in its time. No Exception, since tests catch those."""


class Recorder(unittest.TestResult):
    """Notes how one test ended."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[tuple[str, Any]] = []
        self.skip_reason: str | None = None

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self.problems.append(("error", err))

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.problems.append(("fail", err))

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            self.problems.append(("fail", err))

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.skip_reason = reason

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self.problems.append(("fail", None))


def list_tests(module: str) -> list[str]:
    """The ids of the tests of ``tornado.test.<module>_test``, below ``tornado.test``."""

    def cases(suite: Any) -> Any:
        for item in suite:
            if isinstance(item, unittest.TestSuite):
                yield from cases(item)
            elif type(item).__name__ != "AbstractBaseWrapper":  # skips itself, is no test
                yield item

    suite = unittest.TestLoader().loadTestsFromName(f"tornado.test.{module}_test")
    prefix = "tornado.test."
    ids = (case.id() for case in cases(suite))
    return list(dict.fromkeys(i.removeprefix(prefix) for i in ids if i.startswith(prefix)))


def install_loop() -> tuple[Any, Any, Any]:
    """One loop for everything: asyncio's, Twisted's reactor on it, Tornado's face of it."""
    loop = asyncio.SelectorEventLoop()
    asyncio.set_event_loop(loop)
    from twisted.internet import asyncioreactor

    asyncioreactor.install(loop)
    from tornado.platform.asyncio import AsyncIOMainLoop
    from twisted.internet import reactor

    reactor.startRunning(installSignalHandlers=False)
    return loop, AsyncIOMainLoop(), reactor


def prepare_tools(loop: Any, io_loop: Any) -> None:
    """Make Tornado's test cases use that loop and cyclone's server."""
    import tornado.testing

    import cyclone.httpserver

    tornado.testing.AsyncTestCase.get_new_ioloop = lambda self: io_loop
    tornado.testing.HTTPServer = cyclone.httpserver.HTTPServer

    def run(main: Any, *, debug: bool | None = None) -> Any:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)

    asyncio.run = run


def prepare_logs() -> None:
    """Let logs be: what cyclone says, and through what, is not what Tornado's tests expect.

    A log that is expected and does not come is passed over, as is one that nobody expects.
    """
    import tornado.test.util
    import tornado.testing
    from twisted.logger import globalLogBeginner

    class LenientExpectLog(tornado.testing.ExpectLog):
        def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
            self.required = False
            super().__exit__(kind, value, trace)

    tornado.testing.ExpectLog = LenientExpectLog
    for case in (tornado.test.util.TestCase, tornado.test.util.AsyncTestCase):
        case.assertNoLogs = _assert_no_logs
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
    globalLogBeginner.beginLoggingTo(
        [lambda event: None], redirectStandardIO=False, discardBuffer=True
    )


class _Nothing:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> bool:
        return False


def _assert_no_logs(self: unittest.TestCase, logger: Any = None, level: Any = None) -> Any:
    if logger is None and level is None:
        return _Nothing()
    return unittest.TestCase.assertNoLogs(self, logger, level)


def describe(error: Any) -> str:
    """One line that says what went wrong."""
    if error is None:
        return "unexpected success"
    return " ".join(f"{error[0].__name__}: {error[1]}".split())[:300]


def run_one(test: str, seconds: float) -> dict[str, Any]:
    """Run one test and say how it ended."""
    recorder = Recorder()
    missing_used.clear()
    timed_out = False
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        unittest.TestLoader().loadTestsFromName(f"tornado.test.{test}").run(recorder)
    except TookTooLong:
        timed_out = True
    except Exception:
        recorder.problems.append(("error", sys.exc_info()))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    result: dict[str, Any] = {"id": test, "status": "pass", "missing": sorted(missing_used)}
    if timed_out or any(e is not None and e[0] is TookTooLong for _, e in recorder.problems):
        result.update(status="timeout", reason=f"not done in {seconds:.0f} seconds")
    elif recorder.problems:
        status, error = recorder.problems[0]
        result.update(status=status, reason=describe(error))
        if error is not None:
            result["traceback"] = "".join(traceback.format_exception(*error))[-3000:]
    elif recorder.skip_reason is not None:
        result.update(status="skip", reason=recorder.skip_reason)
    return result


def run_all(module: str, tests: list[str], seconds: float, send: Send) -> None:
    """Run tests of one module, one after the other."""
    loop, io_loop, reactor = install_loop()
    substitute(suite_named(module).also)
    prepare_tools(loop, io_loop)
    prepare_logs()

    def on_alarm(number: int, frame: FrameType | None) -> None:
        raise TookTooLong

    signal.signal(signal.SIGALRM, on_alarm)
    importlib.import_module(f"tornado.test.{module}_test")
    for test in tests:
        send(event="start", id=test)
        result = run_one(test, seconds)
        tidy(loop, io_loop, reactor)
        if result["status"] not in ("pass", "skip"):
            gc.collect()
        send(event="result", result=result)


def main() -> None:
    """Do what the task on standard input says."""
    task = json.load(sys.stdin)
    out = os.fdopen(task["descriptor"], "w")

    def send(**message: Any) -> None:
        out.write(json.dumps(message, default=str) + "\n")
        out.flush()

    if task.get("list"):
        send(event="list", tests={name: list_tests(name) for name in task["list"]})
    else:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        run_all(task["module"], task["tests"], task["seconds"], send)
        send(event="end")
    out.close()
    os._exit(0)  # threads of tests may hang


if __name__ == "__main__":
    main()
