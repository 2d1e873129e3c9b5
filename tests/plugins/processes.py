"""Programs that tests start: servers, twistd, curl, a browser.

Whatever :func:`spawn` starts leads a process group of its own, and the group is killed when the
test ends. At the end of the session nothing that a test has started may be alive.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

#: Carries the mark of the session into every process that is started below it.
SESSION_VARIABLE = "CYCLONE_TEST_SESSION"


def pytest_configure() -> None:
    """Listen to SIGINT again where a script has put this run into the background.

    Its shell ignores the signal for us, and so would the servers that tests start and interrupt.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class ProcessFailed(AssertionError):
    """A program ended, or stayed silent, before it did what the test waits for."""


def unused_port() -> int:
    """Return a TCP port of the loopback interface that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Process:
    """A running program, its output as far as it has come, and ways to wait for it.

    Args:
        args: the command and its arguments.
        env: variables on top of the environment of the tests.
        cwd: directory to start in.
    """

    def __init__(
        self,
        args: Sequence[str | os.PathLike[str]],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
    ) -> None:
        self.args = [os.fspath(arg) for arg in args]
        self._popen = subprocess.Popen(
            self.args,
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._output = ""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        stream = self._popen.stdout
        if stream is None:
            return
        for line in stream:
            with self._news:
                self._output += line.decode("utf-8", "replace")
                self._news.notify_all()
        stream.close()
        with self._news:
            self._news.notify_all()

    @property
    def pid(self) -> int:
        """The process id, which is the id of the group too."""
        return self._popen.pid

    @property
    def output(self) -> str:
        """What the program has written so far, standard output and error together."""
        return self._output

    @property
    def returncode(self) -> int | None:
        """The exit status (negative for a signal), None while it runs."""
        return self._popen.poll()

    def _wait_until(self, ready: Callable[[], Any], what: str, timeout: float) -> Any:
        deadline = time.monotonic() + timeout
        while True:
            # Asked before `ready`: what it did just before it ended still counts.
            ended = self.returncode is not None and not self._reader.is_alive()
            if result := ready():
                return result
            if ended or time.monotonic() > deadline:
                state = f"ended with status {self.returncode}" if ended else f"{timeout} s passed"
                command = " ".join(self.args)
                raise ProcessFailed(f"{state}, no {what}: {command}\n{self._output}")
            with self._news:
                self._news.wait(0.02)

    def wait_for_line(self, pattern: str, timeout: float = 20) -> re.Match[str]:
        """Wait until the output matches a regular expression (multi-line) and return the match.

        Raises:
            ProcessFailed: the program ended, or ``timeout`` seconds passed, without it.
        """
        expression = re.compile(pattern, re.MULTILINE)

        def search() -> re.Match[str] | None:
            return expression.search(self._output)

        match: re.Match[str] = self._wait_until(search, f"line {pattern!r}", timeout)
        return match

    def wait_for_port(self, port: int, host: str = "127.0.0.1", timeout: float = 20) -> None:
        """Wait until ``host:port`` accepts connections.

        Raises:
            ProcessFailed: the program ended, or ``timeout`` seconds passed, without it.
        """

        def connect() -> bool:
            try:
                socket.create_connection((host, port), 1).close()
            except OSError:
                return False
            return True

        self._wait_until(connect, f"listener on {host}:{port}", timeout)

    def wait(self, timeout: float = 20) -> int:
        """Wait for the end of the program and of its output; return the exit status.

        Raises:
            subprocess.TimeoutExpired: it goes on after ``timeout`` seconds.
        """
        status = self._popen.wait(timeout)
        self._reader.join(timeout)
        return status

    def signal(self, number: int) -> None:
        """Send a signal to the program alone (not to its group); SIGSTOP has it stopped at once."""
        self._popen.send_signal(number)
        while number == signal.SIGSTOP and not has_stopped(self.pid):
            time.sleep(0.01)

    def stop(self, timeout: float = 10) -> int:
        """Ask the program to end (SIGTERM), wait for it and return its exit status.

        Raises:
            subprocess.TimeoutExpired: it goes on after ``timeout`` seconds.
        """
        if self.returncode is None:
            self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self) -> None:
        """End the program and all that is in its group, politely first, and collect it."""
        if self.returncode is None:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(3)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()


@pytest.fixture
def new_port() -> Callable[[], int]:
    """A function that returns another free port of the loopback interface at each call."""
    return unused_port


@pytest.fixture
def free_port() -> int:
    """A free TCP port of the loopback interface."""
    return unused_port()


@pytest.fixture
def spawn() -> Iterator[Callable[..., Process]]:
    """Start a program: ``spawn(args, env=, cwd=, port=, line=, timeout=20) -> Process``.

    With ``port`` or ``line`` it returns when the port accepts connections, or when the output
    matches that regular expression. The program and its group are killed at the end of the test.
    """
    started: list[Process] = []

    def start(
        args: Sequence[str | os.PathLike[str]],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        port: int | None = None,
        line: str | None = None,
        timeout: float = 20,
    ) -> Process:
        process = Process(args, env=env, cwd=cwd)
        started.append(process)
        if line is not None:
            process.wait_for_line(line, timeout)
        if port is not None:
            process.wait_for_port(port, timeout=timeout)
        return process

    yield start
    for process in reversed(started):
        process.kill()


def script(name: str) -> str:
    """Return the path of a console script (``twistd``, ``cyclone``) of this environment."""
    return str(Path(sys.executable).with_name(name))


@pytest.fixture
def twistd(spawn: Callable[..., Process]) -> Callable[..., Process]:
    """Start ``twistd`` in the foreground: ``twistd(*args, port=, line=, cwd=) -> Process``."""

    def start(*args: str, **options: Any) -> Process:
        return spawn([script("twistd"), "--nodaemon", "--pidfile=", *args], **options)

    return start


@pytest.fixture(scope="session")
def program() -> Callable[..., str]:
    """Find a program of the system: ``program("chromium", "google-chrome") -> path``.

    The first name that is found counts. If there is none the test is skipped, except in
    continuous integration (``CI`` is set), where it fails: there the program was installed.
    """

    def find(*names: str) -> str:
        for name in names:
            if path := shutil.which(name):
                return path
        message = f"none of these programs is installed: {', '.join(names)}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)

    return find


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return b" ".join(words).decode("utf-8", "replace")
    return "?"


def has_stopped(pid: int) -> bool:
    """Whether no thread of a process runs; one may go on for a moment after the signal."""
    with contextlib.suppress(OSError):
        threads = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
        return all(each.rpartition(")")[2].split()[0] in "TZX" for each in threads)
    return False  # a thread has just gone


def _alive(pid: int) -> bool:
    with contextlib.suppress(OSError, IndexError):
        # "pid (command) state ...", and the command may contain anything.
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in "ZX"
    return False


def survivors(mark: str, patience: float = 2) -> dict[int, str]:
    """Return the processes (id to command) that carry ``mark`` in their environment.

    Reads ``/proc``; where there is none the answer is empty. Those that are about to die get
    ``patience`` seconds for it.
    """
    deadline = time.monotonic() + patience
    while (found := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def _marked(mark: str) -> dict[int, str]:
    wanted = f"{SESSION_VARIABLE}={mark}".encode()
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            pid = int(entry.name)
            marked = wanted in (entry / "environ").read_bytes().split(b"\0")
            if marked and pid != os.getpid() and _alive(pid):
                found[pid] = _command(pid)
    return found


@pytest.fixture(scope="session", autouse=True)
def no_process_left() -> Iterator[None]:
    """Fail the session if a process that a test has started is still there, and kill it."""
    mark = uuid.uuid4().hex
    os.environ[SESSION_VARIABLE] = mark
    yield
    left = survivors(mark)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if left:
        listing = "".join(f"\n  {pid}: {command}" for pid, command in left.items())
        pytest.fail(f"tests left processes behind:{listing}")
