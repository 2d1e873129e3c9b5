"""Who is measured, and how each is started and stopped.

A server is a module under ``bench/apps`` run as ``python -m bench.apps.NAME PORT [VARIANT]`` in the
interpreter and environment of the benchmark itself.
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
from types import TracebackType
from typing import Self

from bench.apps.common import UNAVAILABLE
from bench.cases import HOST
from bench.cpu import pinned, process_tree, two_cores
from bench.fixtures import Fixtures

ROOT = Path(__file__).resolve().parent.parent
_START_TIMEOUT = 20.0  # seconds
_STOP_TIMEOUT = 5.0


class ServerError(Exception):
    """A server did not start, or died."""


class Unavailable(Exception):
    """A server cannot run here; the message says why."""


@dataclass(frozen=True)
class ServerSpec:
    """One competitor: ``module`` run with ``variant``.

    ``packages`` are the distributions it needs, ``imports`` is the module that a program imports
    to have the framework.
    """

    name: str
    title: str
    module: str
    packages: tuple[str, ...]
    imports: str
    variant: str = ""

    def missing(self) -> list[str]:
        """Return the needed distributions that are not installed here."""
        return [package for package in self.packages if version(package) is None]


_UVICORN = ("uvicorn", "httptools", "uvloop")

_ALL = (
    ServerSpec(
        "cyclone-uvloop",
        "cyclone, uvloop reactor",
        "cyclone_app",
        ("Twisted", "httptools", "uvloop"),
        "cyclone.web",
        "uvloop",
    ),
    ServerSpec(
        "cyclone-epoll",
        "cyclone, epoll reactor",
        "cyclone_app",
        ("Twisted", "httptools"),
        "cyclone.web",
        "epoll",
    ),
    ServerSpec("tornado", "Tornado", "tornado_app", ("tornado",), "tornado.web"),
    ServerSpec(
        "twisted.web",
        "twisted.web",
        "twisted_web_app",
        ("Twisted", "wsproto"),
        "twisted.web.server",
    ),
    ServerSpec("klein", "Klein", "klein_app", ("klein", "Twisted"), "klein"),
    ServerSpec("aiohttp", "aiohttp on uvloop", "aiohttp_app", ("aiohttp", "uvloop"), "aiohttp.web"),
    ServerSpec(
        "starlette",
        "starlette on uvicorn",
        "starlette_app",
        ("starlette", *_UVICORN),
        "starlette.applications",
    ),
    ServerSpec(
        "granian",
        "starlette on granian",
        "starlette_app",
        ("starlette", "granian", "uvloop"),
        "starlette.applications",
        "granian",
    ),
    ServerSpec("falcon", "falcon on uvicorn", "falcon_app", ("falcon", *_UVICORN), "falcon.asgi"),
    ServerSpec(
        "blacksheep",
        "blacksheep on uvicorn",
        "blacksheep_app",
        ("blacksheep", *_UVICORN),
        "blacksheep",
    ),
    ServerSpec("socketify", "socketify", "socketify_app", ("socketify",), "socketify"),
)
SERVERS = {spec.name: spec for spec in _ALL}

#: The server all ratios refer to.
REFERENCE = "tornado"


def version(package: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


class Server:
    """A running server; a context manager, which stops it.

    Args:
        spec: which one.
        fixtures: the files it serves, and its certificate.
        tls: whether it speaks TLS.
        variant: instead of the one of ``spec``.

    Raises:
        Unavailable: if it cannot run here.
        ServerError: if it should run, and does not.
    """

    def __init__(
        self, spec: ServerSpec, fixtures: Fixtures, *, tls: bool = False, variant: str = ""
    ) -> None:
        if missing := spec.missing():
            raise Unavailable(f"{', '.join(missing)} is not installed")
        self.spec = spec
        self.port = _free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        command = [sys.executable, "-m", f"bench.apps.{spec.module}", str(self.port)]
        command += filter(None, [variant or spec.variant])
        self.started = time.perf_counter()
        with pinned(two_cores()[0]):
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **fixtures.environment(tls=tls)},
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The id of the server's main process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the server's main process runs."""
        return self._process.poll() is None

    def check_alive(self) -> None:
        """Raise if the server has died, with the end of what it printed."""
        status = self._process.poll()
        if status is None:
            return
        output = self.output()[-2000:].strip()
        if status == UNAVAILABLE:
            raise Unavailable(output)
        raise ServerError(f"{self.spec.name} ended with status {status}: {output}")

    def output(self) -> str:
        """Return what the server has printed so far."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def stop(self) -> None:
        """End the server and whatever it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                self._signal(number)
                try:
                    self._process.wait(_STOP_TIMEOUT)
                except subprocess.TimeoutExpired:
                    continue
        self._log.close()

    def _signal(self, number: int) -> None:
        """To the group, which is the server's own; a worker in another one gets it too."""
        workers = process_tree(self.pid)[1:]
        os.killpg(self.pid, number)
        if number == signal.SIGKILL:
            for worker in workers:
                try:
                    os.kill(worker, number)
                except ProcessLookupError:
                    continue

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            self.check_alive()
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
            except OSError:
                time.sleep(0.002)
            else:
                return
        raise ServerError(f"{self.spec.name} does not listen: {self.output()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port
