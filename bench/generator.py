"""Building and running the load generator, the C program in ``bench/loadgen``.

It is compiled once, into ``build/bench``, with TLS when OpenSSL's headers are there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.cases import Case
from bench.cpu import pinned, two_cores

ROOT = Path(__file__).resolve().parent.parent
_SOURCES = ROOT / "bench" / "loadgen"
_BUILT = ROOT / "build" / "bench"
_FLAGS = ("-O2", "-std=gnu11")
_PATIENCE = 60.0  # seconds more than a run should take


class NoCompiler(Exception):
    """The load generator cannot be built."""


class LoadError(Exception):
    """The server cannot be measured: wrong answer, closed connection, or silence."""


@dataclass(frozen=True)
class Shape:
    """How a case is loaded.

    ``volley``: all connections ask again when all have their answer; otherwise each asks as soon
    as it has its own. ``rate``: requests per second that arrive whatever the server does, at
    random moments; 0 for as many as it answers. ``sources``: addresses the client comes from.
    """

    connections: int
    warmup: float = 0.0
    seconds: float = 0.0
    volley: bool = False
    rate: float = 0.0
    sources: int = 1
    hold: bool = False

    def arguments(self) -> list[str]:
        """Return what the generator is told."""
        values = {
            "connections": self.connections,
            "warmup": self.warmup,
            "seconds": self.seconds,
            "rate": self.rate,
            "sources": self.sources,
        }
        flags = [f"--{name}" for name in ("volley", "hold") if getattr(self, name)]
        return [f"--{name}={value}" for name, value in values.items()] + flags


@dataclass(frozen=True)
class Load:
    """What the generator saw: answers, seconds, latencies in microseconds.

    ``client`` is the share of a core that it used itself; near 1 it was the bottleneck.
    """

    answers: int
    seconds: float
    p50: float
    p99: float
    client: float


@cache
def program() -> Path:
    """Return the generator, compiled if it is not there yet.

    Raises:
        NoCompiler: if there is no C compiler, or it fails.
    """
    sources = sorted(_SOURCES.glob("*.[ch]"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    target = _BUILT / f"loadgen-{digest}"
    if not target.exists():
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise NoCompiler("the load generator needs a C compiler (cc), which is not here")
        _BUILT.mkdir(parents=True, exist_ok=True)
        _compile(compiler, [str(path) for path in sources if path.suffix == ".c"], target)
    return target


def _compile(compiler: str, sources: Sequence[str], target: Path) -> None:
    """Compile with TLS; without, where OpenSSL's headers are missing."""
    errors, made = "", target.with_suffix(f".{os.getpid()}")
    for tls in (["-DWITH_TLS", "-lssl", "-lcrypto"], []):
        command = [compiler, *_FLAGS, "-o", str(made), *sources, *tls, "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            made.rename(target)  # at once: another process may want it now
            return
        errors = done.stderr
    raise NoCompiler(f"the load generator does not compile: {errors[-500:]}")


class Generator:
    """One run of the generator against one server; a context manager.

    Entering it returns when the connections are open and the warm-up is over: nothing is under
    way then. :meth:`go` loads and returns when nothing is under way any more.
    """

    def __init__(self, case: Case, port: int, shape: Shape, expected: bytes = b"") -> None:
        self._timeout = shape.warmup + shape.seconds + _PATIENCE
        self._files = tempfile.TemporaryDirectory()
        directory = Path(self._files.name)
        (directory / "request").write_bytes(case.request(port))
        (directory / "expect").write_bytes(expected)
        command = [str(program()), *case.arguments(), *shape.arguments(), f"--port={port}"]
        command += [f"--{name}={directory / name}" for name in ("request", "expect")]
        with pinned(two_cores()[1]):
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )

    def __enter__(self) -> Self:
        try:
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """The id of the generator's process."""
        return self._process.pid

    def go(self) -> Load:
        """Load the server; raise :class:`LoadError` if that went wrong."""
        output, _ = self._process.communicate("go\n", timeout=self._timeout)
        return _result(output)

    def _wait_until_ready(self) -> None:
        stdout = self._process.stdout
        line = stdout.readline() if stdout else ""
        if line != "ready\n":
            _result(line)
            raise LoadError("the load generator failed")

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        self._files.cleanup()


def _result(output: str) -> Load:
    try:
        answer = json.loads(output)
    except ValueError:
        raise LoadError("the load generator failed") from None
    if "error" in answer:
        raise LoadError(answer["error"])
    return Load(**answer)
