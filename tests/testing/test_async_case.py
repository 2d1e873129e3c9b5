"""Tornado's test cases: AsyncTestCase, gen_test, AsyncHTTPTestCase, ReactorLoop."""

from __future__ import annotations

import contextlib
import datetime
import os
import signal
import subprocess
import sys
import threading
import types
import unittest
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, inlineCallbacks, succeed
from twisted.internet.threads import deferToThread

from cyclone.testing import (
    AsyncHTTPSTestCase,
    AsyncHTTPTestCase,
    AsyncTestCase,
    ReactorLoop,
    bind_unused_port,
    gen_test,
    get_async_test_timeout,
    main,
    setup_with_context_manager,
)
from cyclone.web import Application, RequestHandler


def outcome(test: Callable[..., Any], case: type[Any] = AsyncTestCase) -> list[str]:
    """Run a function as the test of a test case; what went wrong."""
    made = type("Case", (case,), {"test": test})("test")
    result = unittest.TestResult()
    made.run(result)
    return [text for _, text in [*result.errors, *result.failures]]


def later(loop: Any, value: Any = None, seconds: float = 0) -> Deferred[Any]:
    deferred: Deferred[Any] = Deferred()
    loop.call_later(seconds, deferred.callback, value)
    return deferred


# --- stop and wait -------------------------------------------------------------------------------


def test_wait_returns_what_stop_got() -> None:
    def test(self: Any) -> None:
        self.io_loop.add_callback(self.stop, 3)
        assert self.wait() == 3
        self.io_loop.add_timeout(datetime.timedelta(0), self.stop, a=1)
        assert self.wait(timeout=0) == {"a": 1}
        self.stop("before")
        assert self.wait() == "before"
        steps: list[int] = []

        def step() -> None:
            steps.append(1)
            if len(steps) < 3:
                self.io_loop.add_callback(step)
            self.stop()

        self.io_loop.add_callback(step)
        self.wait(condition=lambda: len(steps) == 3)

    assert outcome(test) == []


def test_wait_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASYNC_TEST_TIMEOUT", "0.001")
    (problem,) = outcome(lambda self: self.wait())
    assert "Async operation timed out after 0.001 seconds" in problem


def raising(*args: Any) -> None:
    raise ZeroDivisionError("mine")


def test_errors_of_callbacks_fail_the_test() -> None:
    def test(self: Any) -> None:
        self.io_loop.add_callback(raising)
        self.wait()

    (problem,) = outcome(test)
    assert "ZeroDivisionError: mine" in problem

    def test_ends(self: Any) -> None:
        self.io_loop.add_callback(raising)
        self.io_loop.add_callback(self.io_loop.stop)
        self.io_loop.start()

    (problem,) = outcome(test_ends)
    assert "ZeroDivisionError: mine" in problem


def test_errors_of_asynchronous_callbacks() -> None:
    def test(self: Any) -> None:
        self.io_loop.add_callback(lambda: fail(ZeroDivisionError("mine")))
        self.wait()

    assert "ZeroDivisionError: mine" in outcome(test)[0]


# --- what tests return ---------------------------------------------------------------------------


def test_generators_want_their_decorator() -> None:
    def test(self: Any) -> Iterator[None]:
        yield

    assert "should be decorated with cyclone.testing.gen_test" in outcome(test)[0]


def test_coroutines_are_run() -> None:
    done: list[int] = []

    async def test(self: Any) -> None:
        await later(self.io_loop)
        done.append(1)
        raise ZeroDivisionError("mine")

    assert "ZeroDivisionError: mine" in outcome(test)[0]
    assert done == [1]


def test_other_results_are_a_mistake() -> None:
    assert "Return value from test method ignored: 3" in outcome(lambda self: 3)[0]


# --- gen_test ------------------------------------------------------------------------------------


def test_gen_test() -> None:
    @gen_test
    def generator(self: Any) -> Any:
        assert (yield later(self.io_loop, 2)) == 2
        assert (yield [later(self.io_loop, 1), succeed(2), 3]) == [1, 2, 3]
        try:
            yield fail(ZeroDivisionError())
        except ZeroDivisionError:
            assert (yield coroutine_of(self)) == "result"
        done.append("generator")

    async def coroutine_of(self: Any) -> str:
        await later(self.io_loop)
        return "result"

    @gen_test(timeout=5)
    async def coroutine(self: Any) -> None:
        assert await later(self.io_loop, 2) == 2
        done.append("coroutine")

    @gen_test
    @inlineCallbacks
    def callbacks(self: Any) -> Any:
        yield later(self.io_loop)
        done.append("callbacks")

    @gen_test
    def plain(self: Any) -> None:
        done.append("plain")

    done: list[str] = []
    for test in (generator, coroutine, callbacks, plain):
        assert outcome(test) == []
    assert done == ["generator", "coroutine", "callbacks", "plain"]


def test_gen_test_passes_errors_on() -> None:
    @gen_test
    def test(self: Any) -> Any:
        yield later(self.io_loop)
        raise ZeroDivisionError("mine")

    assert "ZeroDivisionError: mine" in outcome(test)[0]


def test_gen_test_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled: list[bool] = []

    @gen_test(timeout=0.001)
    async def test(self: Any) -> None:
        try:
            await Deferred()
        finally:
            cancelled.append(True)

    monkeypatch.delenv("ASYNC_TEST_TIMEOUT", raising=False)
    assert "TimeoutError: Operation timed out after 0.001 seconds" in outcome(test)[0]
    assert cancelled == [True]

    @gen_test(timeout=0.0001)
    async def patient(self: Any) -> None:
        await later(self.io_loop, seconds=0.001)

    monkeypatch.setenv("ASYNC_TEST_TIMEOUT", "5")  # the larger one counts
    assert outcome(patient) == []


def test_timeout_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASYNC_TEST_TIMEOUT", "2.5")
    assert get_async_test_timeout() == 2.5
    monkeypatch.setenv("ASYNC_TEST_TIMEOUT", "soon")
    assert get_async_test_timeout() == 5


# --- the loop ------------------------------------------------------------------------------------


def test_the_loop() -> None:
    loop = ReactorLoop()
    notes: list[Any] = []
    loop.remove_timeout(loop.call_later(0, notes.append, "never"))
    loop.call_at(loop.time() - 1, notes.append, "past")
    loop.add_timeout(loop.time() + 0.001, loop.stop)
    loop.add_future(succeed(5), lambda future: notes.append("future"))
    loop.start()
    assert sorted(notes) == ["future", "past"]
    assert loop.run_sync(lambda: later(loop, 7)) == 7
    assert loop.run_sync(lambda: 8) == 8


def test_callbacks_from_threads() -> None:
    loop = ReactorLoop()
    thread = threading.Thread(target=loop.add_callback, args=(loop.stop,))
    loop.add_callback(thread.start)
    loop.start()
    thread.join()


def test_a_loop_that_is_stopped_early() -> None:
    loop = ReactorLoop()

    async def stop() -> None:
        loop.add_callback(loop.stop)
        await waiting

    waiting: Deferred[None] = Deferred()
    with pytest.raises(RuntimeError, match="before there was a result"):
        loop.run_sync(stop)
    waiting.callback(None)


def test_interrupts() -> None:
    loop = ReactorLoop()
    loop.add_callback(os.kill, os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        loop.start()


async def test_not_inside_of_a_reactor_that_runs() -> None:
    with pytest.raises(RuntimeError, match="the reactor runs already"):
        ReactorLoop().start()


def test_in_a_thread() -> None:
    """Where signals cannot be caught."""
    problems: list[BaseException] = []

    def run() -> None:
        try:
            loop = ReactorLoop()
            loop.reactor = types.SimpleNamespace(
                running=False, run=lambda installSignalHandlers: problems.append(KeyError())
            )
            loop.start()
        except BaseException as error:  # pragma: no cover
            problems.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert [type(problem) for problem in problems] == [KeyError]


# --- servers -------------------------------------------------------------------------------------


class SmallClient:
    """Enough of an AsyncHTTPClient."""

    def __init__(self, context: Any = None) -> None:
        self.context = context
        self.closed = False

    def fetch(self, url: str, raise_error: bool = True) -> Deferred[bytes]:
        def get() -> bytes:
            with urllib.request.urlopen(url, context=self.context) as response:
                return bytes(response.read())

        return deferToThread(get)

    def close(self) -> None:
        self.closed = True


class Hello(RequestHandler):
    def get(self) -> None:
        self.write(f"hello {self.request.protocol}")


class HTTPCase(AsyncHTTPTestCase):
    def get_http_client(self) -> Any:
        return SmallClient()

    def get_app(self) -> Any:
        return Application([("/", Hello)])


def test_http() -> None:
    cases: list[Any] = []

    def test(self: Any) -> None:
        cases.append((self, self.http_client))
        assert self.get_url("/x") == f"http://127.0.0.1:{self.get_http_port()}/x"
        assert self.fetch("/") == b"hello http"
        assert self.fetch(self.get_url("/")) == b"hello http"

    assert outcome(test, HTTPCase) == []
    case, client = cases[0]
    assert client.closed
    assert not hasattr(case, "_app")
    assert not hasattr(case, "http_server")


class HTTPSCase(AsyncHTTPSTestCase, HTTPCase):
    def get_http_client(self) -> Any:
        import ssl

        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return SmallClient(context)


def test_https() -> None:
    def test(self: Any) -> None:
        assert self.fetch("/") == b"hello https"

    assert outcome(test, HTTPSCase) == []


def test_the_application_is_for_subclasses_to_say() -> None:
    with pytest.raises(NotImplementedError):
        AsyncHTTPTestCase().get_app()


@pytest.mark.parametrize(
    ("case", "arguments"),
    [
        (AsyncHTTPTestCase, {}),
        (AsyncHTTPSTestCase, {"force_instance": True, "defaults": {"validate_cert": False}}),
    ],
)
def test_the_client(case: Any, arguments: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType("cyclone.httpclient")
    module.AsyncHTTPClient = lambda **kwargs: kwargs
    monkeypatch.setitem(sys.modules, "cyclone.httpclient", module)
    assert case().get_http_client() == arguments


def test_unused_ports() -> None:
    listening, port = bind_unused_port()
    with listening:
        assert listening.getsockname() == ("127.0.0.1", port)
        assert not listening.getblocking()


def test_context_managers() -> None:
    left: list[str] = []

    @contextlib.contextmanager
    def manager() -> Iterator[str]:
        yield "entered"
        left.append("left")

    def test(self: Any) -> None:
        assert setup_with_context_manager(self, manager()) == "entered"
        assert not left

    assert outcome(test) == []
    assert left == ["left"]


# --- runners -------------------------------------------------------------------------------------

PROGRAM = """
from twisted.internet import reactor
from cyclone.testing import AsyncTestCase, ExpectLog, gen_test, main
from cyclone.log import app_log

class CaseTest(AsyncTestCase):
    @gen_test
    async def test_good(self):
        from twisted.internet.defer import Deferred
        gate = Deferred()
        self.io_loop.add_callback(gate.callback, None)
        await gate
        with ExpectLog(app_log, "hello"):
            app_log.error("hello")
        with ExpectLog("tornado.application", "good"):
            app_log.error("good", exc_info=ValueError("expected"))

    @gen_test
    def test_bad(self):
        yield
        self.fail("on purpose")

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "unittest", "test_program"],
        ["-m", "pytest", "-p", "no:cacheprovider", "-q", "test_program.py"],
        ["-m", "twisted.trial", "test_program"],
        ["test_program.py"],
        ["test_program.py", "--logging=none", "CaseTest"],
    ],
    ids=["unittest", "pytest", "trial", "main", "main with options"],
)
def test_runners(tmp_path: Any, command: list[str]) -> None:
    (tmp_path / "test_program.py").write_text(PROGRAM)
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    text = done.stdout + done.stderr
    assert "on purpose" in text
    assert "expected" not in text
    assert ("1 failed, 1 passed" if "pytest" in command else "failures=1") in text
    assert done.returncode == 1


def test_main_passes_arguments_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(unittest, "main", lambda **kwargs: seen.append(kwargs))
    monkeypatch.setattr(sys, "argv", ["program", "--logging=none", "one"])
    main(verbosity=2)
    assert seen == [{"argv": ["program", "one"], "verbosity": 2}]
