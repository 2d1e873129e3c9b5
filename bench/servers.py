"""Who is measured, and how each is started and stopped.

A server is a module under ``bench/apps`` run as ``python -m bench.apps.NAME PORT [ARGUMENT]``
in the interpreter and environment of the benchmark itself.
"""

from __future__ import annotations

import importlib.metadata
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.cases import HOST
from bench.cpu import pinned

ROOT = Path(__file__).resolve().parent.parent
_START_TIMEOUT = 15.0  # seconds
_STOP_TIMEOUT = 5.0


class ServerError(Exception):
    """A server did not start, or died."""


@dataclass(frozen=True)
class ServerSpec:
    """One competitor: ``module`` run with ``arguments``; ``packages`` are what it needs."""

    name: str
    title: str
    module: str
    packages: tuple[str, ...]
    arguments: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Return the needed distributions that are not installed here."""
        return [package for package in self.packages if version(package) is None]


SERVERS = {
    spec.name: spec
    for spec in (
        ServerSpec(
            "cyclone",
            "cyclone, epoll reactor",
            "cyclone_app",
            ("Twisted", "httptools"),
            ("epoll",),
        ),
        ServerSpec("tornado", "Tornado", "tornado_app", ("tornado",)),
        ServerSpec("twisted.web", "twisted.web, epoll reactor", "twisted_web_app", ("Twisted",)),
        ServerSpec(
            "starlette",
            "starlette on uvicorn (httptools, uvloop)",
            "starlette_app",
            ("starlette", "uvicorn", "httptools", "uvloop"),
        ),
    )
}

#: The server all ratios refer to.
REFERENCE = "tornado"


def version(package: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


class Server:
    """A running server; use as a context manager or call :meth:`stop`."""

    def __init__(self, spec: ServerSpec, core: int | None) -> None:
        """Start ``spec`` pinned to ``core`` and wait until it accepts connections."""
        self.spec = spec
        self.port = _free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        with pinned(core):
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    f"bench.apps.{spec.module}",
                    str(self.port),
                    *spec.arguments,
                ],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """The id of the server's main process."""
        return self._process.pid

    def check_alive(self) -> None:
        """Raise :class:`ServerError` with the end of the server's output if it has died."""
        status = self._process.poll()
        if status is not None:
            output = self.output()[-2000:]
            raise ServerError(f"{self.spec.name} ended with status {status}: {output}")

    def output(self) -> str:
        """Return what the server has printed so far."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def stop(self) -> None:
        """End the server and whatever it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                os.killpg(self._process.pid, number)
                try:
                    self._process.wait(_STOP_TIMEOUT)
                except subprocess.TimeoutExpired:
                    continue
        self._log.close()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            self.check_alive()
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise ServerError(f"{self.spec.name} does not listen: {self.output()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port
