"""The supervisor of ``--reload`` and the process it keeps running."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from cyclone.deploy import reload
from cyclone.deploy.reload import Reporter, Server, Supervisor


class FakeProcess:
    """A process that records its signals and ends when the test says so."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.signals: list[int] = []
        self.gone = False
        server.transport = self  # type: ignore[assignment]

    def signalProcess(self, number: int) -> None:
        if self.gone:
            raise ProcessExitedAlready
        self.signals.append(number)

    def end(self, status: int = 0) -> None:
        """End with this status; -N is signal N."""
        self.gone = True
        reason: Exception = ProcessDone(0)
        if status:
            by_signal = -status if status < 0 else None
            reason = ProcessTerminated(None if by_signal else status, by_signal)
        self.server.processEnded(Failure(reason))


class FakeWatcher:
    def __init__(self) -> None:
        self.added: list[list[str]] = []
        self.changed: list[str] = []

    def add(self, paths: list[str], /) -> None:
        self.added.append(paths)

    def changes(self) -> list[str]:
        changed, self.changed = self.changed, []
        return changed


class House:
    """A supervisor with everything it needs."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.watcher = FakeWatcher()
        self.processes: list[FakeProcess] = []
        self.supervisor = Supervisor(self.clock, self.watcher, self.start)
        self.ended: list[int] = []
        self.supervisor.ended.addCallback(self.ended.append)
        self.supervisor.start()

    def start(self, server: Server) -> None:
        self.processes.append(FakeProcess(server))

    @property
    def process(self) -> FakeProcess:
        return self.processes[-1]

    def change(self, *paths: str) -> None:
        self.watcher.changed = list(paths)
        self.clock.advance(Supervisor.INTERVAL)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def said() -> Iterator[list[str]]:
    texts: list[str] = []

    def observe(event: dict[str, Any]) -> None:
        if event.get("log_namespace") == "cyclone.general":
            texts.append(event["log_text"])

    globalLogPublisher.addObserver(observe)
    yield texts
    globalLogPublisher.removeObserver(observe)


# --- restarting ----------------------------------------------------------------------------------


def test_one_server_is_started(house: House) -> None:
    house.clock.pump([Supervisor.INTERVAL] * 10)
    assert len(house.processes) == 1
    assert house.process.signals == []


def test_a_change_replaces_the_server(house: House, said: list[str]) -> None:
    house.change(os.path.abspath("hello.py"))
    assert said == ["hello.py changed, restarting"]
    assert house.process.signals == [signal.SIGTERM]
    assert len(house.processes) == 1, "the old one still finishes what it does"
    house.process.end(0)
    assert len(house.processes) == 2
    house.clock.advance(Supervisor.GRACE + Supervisor.KILL)
    assert house.process.signals == []
    assert house.ended == []


def test_changes_while_one_is_replaced_count_once(house: House, said: list[str]) -> None:
    house.change("a.py", "b.py", "c.py")
    house.change("d.py")
    assert said == ["a.py and 2 more changed, restarting"]
    assert house.process.signals == [signal.SIGTERM]
    house.process.end(-signal.SIGTERM)
    assert len(house.processes) == 2


def test_a_server_that_does_not_make_room_is_told_again_and_killed(house: House) -> None:
    house.change("a.py")
    house.clock.advance(Supervisor.GRACE)
    assert house.process.signals == [signal.SIGTERM] * 2
    house.clock.advance(Supervisor.KILL)
    assert house.process.signals == [signal.SIGTERM, signal.SIGTERM, signal.SIGKILL]
    house.process.end(-signal.SIGKILL)
    assert len(house.processes) == 2


def test_a_server_that_fails_is_started_at_the_next_change(house: House, said: list[str]) -> None:
    house.process.end(1)
    assert said == ["the server ended with status 1, waiting for a change"]
    house.clock.pump([Supervisor.INTERVAL] * 5)
    assert len(house.processes) == 1
    house.change("a.py")
    assert len(house.processes) == 2
    house.process.end(-signal.SIGSEGV)
    assert said[-1] == "the server ended with status -11, waiting for a change"
    assert house.ended == []


def test_a_server_that_ends_by_itself_ends_all(house: House) -> None:
    house.process.end(0)
    assert house.ended == [0]
    assert house.clock.getDelayedCalls() == []


def test_what_the_server_reports_is_watched(house: House) -> None:
    server = house.process.server
    line = json.dumps(["/a.py", "/b.py"]).encode()
    server.childDataReceived(reload.REPORT_FD, line[:5])
    assert house.watcher.added == []
    server.childDataReceived(reload.REPORT_FD, line[5:] + b"\n" + b'["/c.py"]\n' + b"[")
    assert house.watcher.added == [["/a.py", "/b.py"], ["/c.py"]]


# --- stopping ------------------------------------------------------------------------------------


def test_stop_waits_for_the_server(house: House) -> None:
    house.supervisor.stop()
    assert house.process.signals == [signal.SIGTERM]
    house.clock.advance(100)
    assert house.process.signals == [signal.SIGTERM], "it may finish what it does"
    assert house.ended == []
    house.process.end(0)
    assert house.ended == [0]
    assert house.clock.getDelayedCalls() == []


def test_stop_twice_means_at_once(house: House) -> None:
    house.supervisor.stop()
    house.supervisor.stop()
    assert house.process.signals == [signal.SIGTERM] * 2
    house.clock.advance(Supervisor.KILL)
    assert house.process.signals[-1] == signal.SIGKILL
    house.process.end(-signal.SIGKILL)
    assert house.ended == [0]


def test_stop_without_a_server(house: House) -> None:
    house.process.end(1)
    house.supervisor.stop()
    house.supervisor.stop()
    assert house.ended == [0]
    assert house.clock.getDelayedCalls() == []


def test_stop_while_one_is_replaced(house: House) -> None:
    house.change("a.py")
    house.supervisor.stop()
    house.process.end(0)
    assert len(house.processes) == 1
    assert house.ended == [0]
    assert house.clock.getDelayedCalls() == []


def test_a_signal_for_a_process_that_is_gone(house: House) -> None:
    house.process.gone = True
    house.supervisor.stop()
    assert house.process.signals == []


# --- the other end of the pipe -------------------------------------------------------------------


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def reported(reading: int) -> list[str]:
    try:
        return list(json.loads(os.read(reading, 1_000_000)))
    except BlockingIOError:
        return []


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    found = {"/b.py", "/a.py"}
    monkeypatch.setattr(reload, "loaded_sources", lambda: set(found))
    return found


def fail() -> None:
    raise AssertionError("the supervisor is there")


def test_it_reports_news_only(pipe: tuple[int, int], sources: set[str]) -> None:
    clock = Clock()
    reporter = Reporter(pipe[1], os.getppid(), fail)
    reporter.start(clock)
    assert reported(pipe[0]) == ["/a.py", "/b.py"]
    clock.advance(Reporter.INTERVAL)
    assert reported(pipe[0]) == []
    sources.add("/late.py")
    clock.advance(Reporter.INTERVAL)
    assert reported(pipe[0]) == ["/late.py"]


@pytest.mark.parametrize("how", ["another parent", "closed pipe"])
def test_it_notices_that_it_is_alone(sources: set[str], how: str) -> None:
    alone: list[bool] = []
    reading, writing = os.pipe()
    parent = os.getppid()
    if how == "another parent":
        parent += 1
    else:
        os.close(reading)
    try:
        Reporter(writing, parent, lambda: alone.append(True)).report()
    finally:
        os.close(writing)
    assert alone == [True]
