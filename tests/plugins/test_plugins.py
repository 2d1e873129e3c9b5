"""The fixtures of the suite do what they promise, and above all: they can fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, inlineCallbacks, succeed
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from tests.plugins.failures import LoggedFailures, UnhandledErrors
from tests.plugins.processes import Process, ProcessFailed, survivors
from tests.plugins.reactor import DirtyReactor, ReactorTimeout

ROOT = Path(__file__).parents[2]

# --- plain assertions ----------------------------------------------------------------------------


def test_assertions_are_checked_in_optimized_mode_too() -> None:
    with pytest.raises(AssertionError):
        assert ROOT is None


# --- the reactor ---------------------------------------------------------------------------------


def test_reactor_run_returns_the_result_of_any_kind_of_function(
    reactor_run: Callable[..., Any], reactor: Any
) -> None:
    async def coroutine(x: int) -> int:
        return await deferLater(reactor, 0, lambda: x + 1)

    @inlineCallbacks
    def generator(x: int) -> Any:
        yield deferLater(reactor, 0)
        return x + 2

    assert reactor_run(coroutine, 1) == 2
    assert reactor_run(generator, 1) == 3
    assert reactor_run(lambda: succeed(4)) == 4
    assert reactor_run(lambda: 5) == 5


def test_reactor_run_raises_what_the_function_raises(reactor_run: Callable[..., Any]) -> None:
    with pytest.raises(ZeroDivisionError):
        reactor_run(lambda: 1 / 0)
    with pytest.raises(KeyError):
        reactor_run(lambda: fail(KeyError("x")))


@pytest.mark.parametrize("obstinate", [False, True])
def test_reactor_run_gives_up(reactor_run: Callable[..., Any], obstinate: bool) -> None:
    async def forever() -> None:
        while True:
            try:
                await Deferred()
            except CancelledError:
                if not obstinate:
                    raise

    with pytest.raises(ReactorTimeout):
        reactor_run(forever, timeout=0.01)


def test_reactor_run_finds_delayed_calls(reactor_run: Callable[..., Any], reactor: Any) -> None:
    with pytest.raises(DirtyReactor, match="DelayedCall"):
        reactor_run(lambda: reactor.callLater(1000, list) and None)
    assert not reactor.getDelayedCalls()


def test_reactor_run_finds_sockets(reactor_run: Callable[..., Any], reactor: Any) -> None:
    ports = []

    def listen() -> None:
        ports.append(reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1"))

    with pytest.raises(DirtyReactor, match="Port"):
        reactor_run(listen)
    reactor_run(ports[0].stopListening)


async def test_async_tests_run_in_the_reactor(reactor: Any) -> None:
    assert reactor.running
    await deferLater(reactor, 0)


class TestAsyncMethods:
    async def test_they_run_too(self, reactor: Any) -> None:
        assert reactor.running


def test_an_interrupt_ends_the_run(reactor_run: Callable[..., Any], reactor: Any) -> None:
    def interrupt() -> Deferred[None]:
        os.kill(os.getpid(), signal.SIGINT)
        return Deferred()

    with pytest.raises(KeyboardInterrupt):
        reactor_run(interrupt)
    for call in reactor.getDelayedCalls():
        call.cancel()


# --- unhandled errors ----------------------------------------------------------------------------


def test_errors_nobody_handled_are_found(logged_failures: LoggedFailures) -> None:
    fail(ZeroDivisionError())
    assert len(logged_failures.flush(ZeroDivisionError)) == 1
    fail(ZeroDivisionError())
    fail(KeyError())
    assert len(logged_failures.flush(KeyError)) == 1
    with pytest.raises(UnhandledErrors, match="ZeroDivisionError"):
        logged_failures.check(thoroughly=False)


def test_errors_in_cycles_are_found(logged_failures: LoggedFailures) -> None:
    deferred: Any = fail(ZeroDivisionError())
    deferred.itself = deferred
    del deferred
    with pytest.raises(UnhandledErrors):
        logged_failures.check(thoroughly=False)


def test_errors_in_the_reactor_are_found(
    reactor_run: Callable[..., Any], reactor: Any, logged_failures: LoggedFailures
) -> None:
    def start() -> Deferred[None]:
        reactor.callLater(0, lambda: 1 / 0)
        return deferLater(reactor, 0.001)

    reactor_run(start)
    assert logged_failures.flush(ZeroDivisionError)


# --- processes -----------------------------------------------------------------------------------

SERVER = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
while True:
    listener.accept()[0].close()
"""


def python(source: str, *args: str) -> list[str]:
    return [sys.executable, "-c", source, *args]


def test_spawn_waits_for_line_and_port(spawn: Callable[..., Process], free_port: int) -> None:
    process = spawn(python(SERVER, str(free_port)), line="^listening$", port=free_port)
    assert process.returncode is None
    assert process.stop() == -signal.SIGTERM
    assert "listening" in process.output


def test_spawn_passes_environment_and_directory(
    spawn: Callable[..., Process], tmp_path: Path
) -> None:
    source = "import os; print(os.getcwd(), os.environ['COLOUR'])"
    process = spawn(python(source), env={"COLOUR": "green"}, cwd=tmp_path)
    assert process.wait() == 0
    assert process.output.split() == [str(tmp_path), "green"]


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("print('something else')", {"line": "listening"}),
        ("raise SystemExit(3)", {"port": 9}),
        ("import time; time.sleep(60)", {"line": "listening", "timeout": 0.05}),
    ],
)
def test_spawn_reports_what_went_wrong(
    spawn: Callable[..., Process], source: str, options: dict[str, Any]
) -> None:
    with pytest.raises(ProcessFailed) as caught:
        spawn(python(source), **options)
    assert ("something else" in str(caught.value)) == ("something" in source)


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"
)

CHILD = "import time; print('ready', flush=True); time.sleep(60)"


@needs_proc
def test_survivors_are_found() -> None:
    process = Process(python(CHILD), env={"CYCLONE_TEST_SESSION": "elsewhere"})
    process.wait_for_line("ready")
    assert "time.sleep" in survivors("elsewhere", patience=0)[process.pid]
    process.kill()
    assert survivors("elsewhere") == {}


@needs_proc
def test_kill_reaches_children() -> None:
    source = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"
    process = Process(python(source), env={"CYCLONE_TEST_SESSION": "family"})
    process.wait_for_line("ready")
    assert len(survivors("family", patience=0)) == 2
    process.kill()
    assert survivors("family") == {}


def test_program_skips_or_fails(
    program: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert program("no-such-program", "sh").endswith("/sh")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception):
        program("no-such-program")
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception):
        program("no-such-program")


# --- the hooks, from outside ---------------------------------------------------------------------

BAD_TESTS = """
import subprocess, sys, warnings
import pytest
from twisted.internet.defer import Deferred, fail

def test_warning():
    warnings.warn("x")

def test_unhandled():
    fail(ZeroDivisionError())

async def test_async():
    assert False

@pytest.mark.reactor_timeout(0.01)
async def test_slow():
    await Deferred()

def test_child():
    pytest.child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
"""


def test_bad_tests_fail(tmp_path: Path) -> None:
    (tmp_path / "test_bad.py").write_text(BAD_TESTS)
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    options = ["-rA", "-c", ROOT / "pyproject.toml", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", tmp_path, tmp_path],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        check=False,
    )
    for line in [
        "test_bad.py::test_warning - UserWarning",
        "test_bad.py::test_unhandled - tests.plugins.failures.UnhandledErrors",
        "test_bad.py::test_async - assert False",
        "test_bad.py::test_slow - tests.plugins.reactor.ReactorTimeout",
        "test_bad.py::test_child - Failed: tests left processes behind",
    ]:
        assert line in run.stdout, run.stdout + run.stderr


def test_programs_do_not_inherit_that_an_interrupt_is_ignored() -> None:
    code = (
        "import signal, subprocess, sys\n"
        "from tests.plugins import processes\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "processes.pytest_configure()\n"
        "ask = 'import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)'\n"
        "subprocess.run([sys.executable, '-c', ask], check=True)"
    )
    root = Path(__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, check=True, text=True
    )
    assert found.stdout == "False\n"
