"""Pieces of a worker; the whole is in tests/integration/test_workers.py."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, eventAsText, globalLogPublisher
from twisted.python.failure import Failure

from cyclone.deploy import hangup, processors, workerlog
from cyclone.deploy.control import Control
from cyclone.deploy.hangup import HangUp
from cyclone.deploy.options import request_count
from cyclone.deploy.plan import Place, Plan, Site
from cyclone.deploy.worker import Order, Worker, count_requests, request_limit
from cyclone.deploy.workerlog import Pipe, begin_forwarding, event_fields, log_forwarded
from cyclone.deploy.workers import worker_count
from cyclone.log import json_line
from cyclone.util import WORKER_VARIABLE, worker_id
from cyclone.web import Application


def test_an_order_goes_through_a_pipe() -> None:
    plan = Plan((Site("a.py", "o\np"),), (Place("tcp", "", 80),))
    order = Order(3, plan, 1, "epoll", 10, forward_log=True)
    line = order.to_line()
    assert line.count(b"\n") == 1
    assert Order.from_line(line) == order


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "count"), [("0", 0), ("1", 1), ("1024", 1024)])
def test_worker_count(text: str, count: int) -> None:
    assert worker_count(text) == count


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The control groups of a machine, ours being /a/b.service."""
    (tmp_path / "ours").write_text("5:cpu:/x\n0::/a/b.service\n")
    (tmp_path / "a/b.service").mkdir(parents=True)
    monkeypatch.setattr(processors, "_OURS", tmp_path / "ours")
    monkeypatch.setattr(processors, "_ALL", tmp_path)
    return tmp_path


def test_one_worker_for_each_processor(monkeypatch: pytest.MonkeyPatch, groups: Path) -> None:
    monkeypatch.setattr(processors.os, "sched_getaffinity", lambda _: {0, 5, 7}, raising=False)
    assert worker_count("auto") == 3
    monkeypatch.delattr(processors.os, "sched_getaffinity")
    monkeypatch.setattr(processors.os, "cpu_count", lambda: None)
    assert worker_count("auto") == 1
    (groups / "ours").unlink()
    assert worker_count("auto") == 1


@pytest.mark.parametrize(
    ("limit", "count"),
    [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("1000 100000", 1), ("", 8)],
)
@pytest.mark.parametrize("group", ["a/b.service", "a", "."])
def test_a_share_of_the_processors(
    monkeypatch: pytest.MonkeyPatch, groups: Path, group: str, limit: str, count: int
) -> None:
    monkeypatch.setattr(processors.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    (groups / group / "cpu.max").write_text(f"{limit}\n")
    assert worker_count("auto") == count


def test_workers_are_run_as_we_are() -> None:
    code = "from cyclone.deploy.interpreter import interpreter; print(*interpreter()[1:])"
    switches = ["-P", "-s", "-O", "-Xdev", "-Xutf8", "-Wignore"]
    command = [sys.executable, *switches, "-c", code]
    environment = {name: os.environ[name] for name in os.environ if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    assert set(done.stdout.split()) >= set(switches)


@pytest.mark.parametrize("text", ["", "-1", "two", "1025", "²"])
def test_bad_worker_count(text: str) -> None:
    with pytest.raises(ValueError, match="is no number of workers"):
        worker_count(text)


def test_request_count() -> None:
    assert request_count("1000") == 1000
    with pytest.raises(ValueError, match="'-1' is not a number of requests"):
        request_count("-1")


def test_limits_are_scattered() -> None:
    limits = {request_limit(1000) for _ in range(200)}
    assert len(limits) > 20
    assert min(limits) >= 900
    assert max(limits) <= 1100
    assert {request_limit(number) for number in (1, 2, 9)} == {1, 2, 9}


class Counted:
    def __init__(self) -> None:
        self.started: list[object] = []

    def start_request(self, exchange: object) -> None:
        self.started.append(exchange)


def test_requests_are_counted_until_it_is_enough() -> None:
    factory, full = Counted(), []
    count_requests(factory, 3, lambda: full.append(len(factory.started)))
    for number in range(5):
        factory.start_request(number)
    assert factory.started == [0, 1, 2, 3, 4]
    assert full == [2]
    assert "start_request" not in vars(factory)
    count_requests(object(), 3, full.clear)
    assert full == [2]


def test_applications_know_their_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WORKER_VARIABLE, raising=False)
    assert worker_id() == Application().settings.worker_id == 0
    monkeypatch.setenv(WORKER_VARIABLE, "7")
    assert worker_id() == Application().settings.worker_id == 7
    assert Application(worker_id="mine").settings.worker_id == "mine"
    monkeypatch.setenv(WORKER_VARIABLE, "nonsense")
    assert worker_id() == 0


# --- the log -------------------------------------------------------------------------------------


@pytest.fixture
def events() -> Iterator[list[dict[str, Any]]]:
    seen: list[dict[str, Any]] = []
    observe: Callable[[dict[str, Any]], None] = seen.append
    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


def test_an_event_is_forwarded(events: list[dict[str, Any]]) -> None:
    reading, writing = os.pipe()
    try:
        try:
            raise ValueError("odd")
        except ValueError:
            failure = Failure()
        event = {
            "log_format": "{a} {{}}",
            "a": "{b}",
            "log_level": LogLevel.error,
            "log_namespace": "cyclone.x",
            "log_time": 12.5,
            "log_failure": failure,
        }
        assert Pipe(writing).send("log", **event_fields(event))
        message = json.loads(os.read(reading, 65536))
    finally:
        os.close(reading)
        os.close(writing)
    assert message.pop("type") == "log"
    log_forwarded(4, message)
    (logged,) = events
    assert logged["log_time"] == 12.5
    assert logged["log_level"] is LogLevel.error
    assert logged["log_namespace"] == "cyclone.x"
    assert logged["log_system"] == "worker 4 cyclone.x#error"
    assert logged["log_text"].startswith("{b} {}\nTraceback")
    assert "ValueError: odd" in logged["log_text"]
    line = json.loads(json_line(logged))
    assert line["message"] == "{b} {}"
    assert line["exception"].startswith("Traceback")
    assert line["worker"] == 4


def test_what_is_no_event(events: list[dict[str, Any]]) -> None:
    log_forwarded(1, {"level": "loud", "text": "x", "system": "mine"})
    assert events[0]["log_level"] is LogLevel.info
    assert events[0]["log_system"] == "worker 1 mine"
    assert eventAsText(events[0])[:2] == "20", "it has a time"


def test_what_is_no_text() -> None:
    fields = event_fields({"log_format": "{file}", "file": "\udcff.txt"})
    assert fields["text"] == r"\udcff.txt"


def test_forwarding(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    observers: list[Any] = []
    monkeypatch.setattr(workerlog.globalLogBeginner, "beginLoggingTo", observers.extend)
    reading, writing = os.pipe()
    begin_forwarding(Pipe(writing))
    (observe,) = observers
    observe({"log_format": ""})
    observe({"log_format": "heard"})
    assert json.loads(os.read(reading, 65536))["text"] == "heard"
    os.close(reading)
    observe({"log_format": "nobody is left but the terminal"})
    os.close(writing)
    assert capfd.readouterr().err == "nobody is left but the terminal\n"


def test_a_pipe_that_nobody_reads() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert not Pipe(writing).send("full")
    finally:
        os.close(writing)


# --- SIGHUP --------------------------------------------------------------------------------------


class FakeReactor:
    def callFromThread(self, call: Callable[..., object], *args: object) -> None:
        call(*args)


@pytest.fixture
def free() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("at_first", "then", "expected"),
    [(False, False, "reload"), (True, True, "reload"), (True, False, "stop")],
)
def test_hanging_up(
    free: None,
    monkeypatch: pytest.MonkeyPatch,
    at_first: bool,
    then: bool,
    expected: str,
) -> None:
    diary: list[str] = []
    monkeypatch.setattr(hangup, "has_terminal", lambda: at_first)
    hang_up = HangUp(FakeReactor(), lambda: diary.append("reload"), lambda: diary.append("stop"))
    hang_up.install()
    monkeypatch.setattr(hangup, "has_terminal", lambda: then)
    signal.raise_signal(signal.SIGHUP)
    assert diary == [expected]


def test_nohup(free: None, monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    diary: list[str] = []
    monkeypatch.setattr(hangup, "has_terminal", lambda: True)
    hang_up = HangUp(FakeReactor(), lambda: diary.append("reload"), pytest.fail)
    hang_up.install()
    monkeypatch.setattr(hangup, "has_terminal", lambda: False)
    signal.raise_signal(signal.SIGHUP)
    assert diary == ["reload"]


def test_an_application_may_have_the_signal(free: None) -> None:
    diary: list[str] = []
    signal.signal(signal.SIGHUP, lambda *_: diary.append("mine"))
    HangUp(FakeReactor(), pytest.fail, pytest.fail).install()
    signal.raise_signal(signal.SIGHUP)
    assert diary == ["mine"]


def test_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hangup, "_TERMINAL", os.devnull)
    assert hangup.has_terminal()
    monkeypatch.setattr(hangup, "_TERMINAL", "/no/such/terminal")
    assert not hangup.has_terminal()


# --- what a supervisor says ----------------------------------------------------------------------


class Said:
    """A factory that notes what a worker does with it."""

    def __init__(self) -> None:
        self.patience = 0.0
        self.stopping = False
        self.hurried = 0

    def hurry(self) -> None:
        self.hurried += 1


def test_a_worker_that_retires_may_be_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[Any] = []
    monkeypatch.setattr("cyclone.deploy.worker.stop_reactor", stopped.append)
    factory = Said()
    worker = Worker("reactor", Any, [factory], Pipe(-1))
    worker.on_message({"type": "retire"})
    assert (factory.patience > 0, factory.hurried) == (True, 0)
    worker.on_message({"type": "stop"})
    assert (factory.stopping, factory.hurried) == (True, 1)
    assert stopped == ["reactor", "reactor"]


def test_who_is_asked_to_end_lets_another_take_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[Any] = []
    monkeypatch.setattr("cyclone.deploy.worker.stop_reactor", stopped.append)
    reading, writing = os.pipe()
    worker = Worker("reactor", Any, [], Pipe(writing))
    worker.asked_to_end()
    assert json.loads(os.read(reading, 100)) == {"type": "asked"}
    assert stopped == []
    worker.asked_to_end()
    assert stopped == ["reactor"]
    os.close(reading)
    Worker("nobody listens", Any, [], Pipe(writing)).asked_to_end()
    assert stopped == ["reactor", "nobody listens"]
    os.close(writing)


async def test_the_end_of_the_supervisor(reactor: Any) -> None:
    reading, writing = os.pipe()
    diary: list[object] = []
    ended: Deferred[None] = Deferred()
    control = Control(reactor, reading, diary.append, lambda: ended.callback(None))
    control.startReading()  # type: ignore[no-untyped-call]
    control.take(b'{"type": "ping"}\n{"type":')
    os.write(writing, b'"pong"}\n')
    os.close(writing)
    try:
        await ended
    finally:
        reactor.removeReader(control)
        os.close(reading)
    assert diary == [{"type": "ping"}, {"type": "pong"}]


def test_a_reactor_that_stops_is_not_the_end_of_the_supervisor() -> None:
    reading, writing = os.pipe()
    try:
        Control(None, reading, pytest.fail, pytest.fail).connectionLost()
    finally:
        os.close(reading)
        os.close(writing)
