"""``cyclone run --reload``: a supervisor that holds the socket, and a server it starts anew.

The supervisor binds the listening socket and keeps it. The server is a process of its own that is
given the socket and accepts from it. When a file changes, the server is told to stop, finishes
what it is doing, and another one takes its place; meanwhile connections wait in the queue of the
socket, and none is refused. A server that does not start, because of a syntax error say, has shown
why, and the supervisor waits for the next change.

The server tells the supervisor what else to watch, as lines of JSON over a pipe: see `Reporter`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from cyclone.log import gen_log

from .watch import loaded_sources

__all__ = ["REPORT_FD", "SOCKET_FD", "Reporter", "Server", "Supervisor"]

#: The descriptors the server finds the socket and the pipe at.
SOCKET_FD = 3
REPORT_FD = 4


class Server(ProcessProtocol):
    """One server process, as its supervisor sees it.

    Args:
        on_sources: called with the files it reports.
        on_ended: called with its exit status when it is gone; -N for signal N.
    """

    transport: IProcessTransport

    def __init__(
        self, on_sources: Callable[[list[str]], object], on_ended: Callable[[int], object]
    ) -> None:
        self._on_sources = on_sources
        self._on_ended = on_ended
        self._received = b""

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Take what came over the pipe."""
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._on_sources(json.loads(line))

    def processEnded(self, reason: Failure) -> None:
        """The process is gone."""
        value: Any = reason.value
        self._on_ended(-value.signal if value.signal else value.exitCode)

    def send(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        with contextlib.suppress(ProcessExitedAlready):
            self.transport.signalProcess(number)


class Watching(Protocol):
    """What a supervisor asks of a `cyclone.deploy.watch.Watcher`."""

    def add(self, paths: list[str], /) -> None:
        """Watch these files too."""

    def changes(self) -> list[str]:
        """The files that changed since the last call."""


class Supervisor:
    """Keeps a server running, and puts a new one in its place when a file changes.

    A server is stopped by SIGTERM. When it makes room for another it has `GRACE` seconds for what
    it is doing; then it is told again, which means at once, and then killed.

    Args:
        start: starts a process that speaks to the given `Server`.

    Attributes:
        ended: fires with the exit status of the whole when the last server is gone.
    """

    INTERVAL = 0.4
    GRACE = 2.0
    KILL = 2.0

    def __init__(self, reactor: Any, watcher: Watching, start: Callable[[Server], object]) -> None:
        self.ended: Deferred[int] = Deferred()
        self._reactor = reactor
        self._watcher = watcher
        self._start_process = start
        self._server: Server | None = None
        self._replace = False
        self._stop_requests = 0
        self._escalation: IDelayedCall | None = None
        self._polling = LoopingCall(self._poll)
        self._polling.clock = reactor

    def start(self) -> None:
        """Start the server and begin to watch."""
        self._start_server()
        self._polling.start(self.INTERVAL, now=False)

    def stop(self) -> None:
        """Stop the server, then fire `ended`. A second call means: at once."""
        self._stop_requests += 1
        if self._polling.running:
            self._polling.stop()
        if self._server is None:
            self._end(0)
        elif self._stop_requests == 1:
            self._server.send(signal.SIGTERM)
        else:
            self._press(self._server)

    def _start_server(self) -> None:
        self._replace = False
        self._server = Server(self._watcher.add, self._server_ended)
        self._start_process(self._server)

    def _poll(self) -> None:
        changed = self._watcher.changes()
        if not changed or self._replace:
            return
        others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        gen_log.info("%s%s changed, restarting", os.path.relpath(changed[0]), others)
        if self._server is None:
            self._start_server()
            return
        self._replace = True
        self._server.send(signal.SIGTERM)
        self._later(self.GRACE, self._press, self._server)

    def _press(self, server: Server) -> None:
        """Tell the server again to stop, which means at once, and soon kill it."""
        server.send(signal.SIGTERM)
        self._later(self.KILL, server.send, signal.SIGKILL)

    def _later(self, seconds: float, call: Callable[..., object], *args: object) -> None:
        self._forget_escalation()
        self._escalation = self._reactor.callLater(seconds, call, *args)

    def _forget_escalation(self) -> None:
        if self._escalation is not None and self._escalation.active():
            self._escalation.cancel()
        self._escalation = None

    def _server_ended(self, status: int) -> None:
        self._server = None
        self._forget_escalation()
        if self._stop_requests:
            self._end(0)
        elif self._replace:
            self._start_server()
        elif status == 0:
            self._end(0)
        else:
            gen_log.error("the server ended with status %d, waiting for a change", status)

    def _end(self, status: int) -> None:
        if self._polling.running:
            self._polling.stop()
        if not self.ended.called:
            self.ended.callback(status)


class Reporter:
    """The server's end of the pipe: tells the supervisor which files to watch.

    Args:
        on_alone: called when the supervisor is gone.
    """

    INTERVAL = 1.0

    def __init__(self, descriptor: int, supervisor: int, on_alone: Callable[[], object]) -> None:
        self._descriptor = descriptor
        self._supervisor = supervisor
        self._on_alone = on_alone
        self._told: set[str] = set()

    def start(self, reactor: Any) -> None:
        """Report now and from time to time: modules may be loaded late."""
        loop = LoopingCall(self.report)
        loop.clock = reactor
        loop.start(self.INTERVAL)

    def report(self) -> None:
        """Tell of the files that have not been told of; see whether anybody listens."""
        if os.getppid() != self._supervisor:
            self._on_alone()
            return
        news = loaded_sources() - self._told
        if not news:
            return
        self._told |= news
        try:
            os.write(self._descriptor, json.dumps(sorted(news)).encode() + b"\n")
        except BrokenPipeError:
            self._on_alone()
