"""The supervisor of workers, with processes that a test plays."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from cyclone.deploy.child import CONTROL_FD, REPORT_FD, State, Worker
from cyclone.deploy.supervisor import Supervisor


class FakeProcess:
    """A worker process that records what it is told, and does what the test says."""

    def __init__(self, worker: Worker, pid: int) -> None:
        self.worker = worker
        self.pid = pid
        self.signals: list[int] = []
        self.told: list[str] = []
        self.closed = False
        self.gone = False
        worker.makeConnection(self)  # type: ignore[arg-type]

    def writeToChild(self, descriptor: int, data: bytes) -> None:
        assert descriptor == CONTROL_FD
        if self.gone:
            raise BrokenPipeError
        self.told.append(json.loads(data)["type"])

    def signalProcess(self, number: int) -> None:
        if self.gone:
            raise ProcessExitedAlready
        self.signals.append(number)

    def loseConnection(self) -> None:
        self.closed = True

    def says(self, kind: str, **fields: object) -> None:
        line = json.dumps({"type": kind, **fields}).encode() + b"\n"
        self.worker.childDataReceived(REPORT_FD, line[:5])
        self.worker.childDataReceived(REPORT_FD, line[5:])

    def ready(self) -> None:
        self.says("ready", patience=20)

    def end(self, status: int = 0) -> None:
        """End with this status; -N is signal N."""
        self.gone = True
        reason: Exception = ProcessDone(0)
        if status:
            by_signal = -status if status < 0 else None
            reason = ProcessTerminated(None if by_signal else status, by_signal)
        self.worker.processExited(Failure(reason))
        self.worker.processEnded(Failure(reason))


class House:
    """A supervisor with everything it needs."""

    def __init__(self, count: int = 2) -> None:
        self.clock = Clock()
        self.processes: list[FakeProcess] = []
        self.diary: list[str] = []
        self.events: list[tuple[int, Any]] = []
        self.broken = False
        self.supervisor = Supervisor(
            self.clock,
            count,
            self.start,
            on_ready=lambda: self.diary.append("up"),
            on_failed=lambda error: self.diary.append(f"failed: {error}"),
            on_log=lambda worker, event: self.events.append((worker.number, event["text"])),
        )
        self.supervisor.ended.addCallback(lambda _: self.diary.append("ended"))
        self.supervisor.start()

    def start(self, worker: Worker) -> None:
        if self.broken:
            raise PermissionError(13, "Permission denied", "python")
        self.processes.append(FakeProcess(worker, 100 + len(self.processes)))

    def up(self) -> House:
        for process in list(self.processes):
            process.ready()
        return self

    @property
    def last(self) -> FakeProcess:
        return self.processes[-1]


@pytest.fixture
def said() -> Iterator[list[str]]:
    texts: list[str] = []

    def observe(event: dict[str, Any]) -> None:
        if event.get("log_namespace") == "cyclone.general":
            texts.append(event["log_text"])

    globalLogPublisher.addObserver(observe)
    yield texts
    globalLogPublisher.removeObserver(observe)


# --- starting ------------------------------------------------------------------------------------


def test_it_is_up_when_all_serve() -> None:
    house = House(2)
    assert [process.worker.number for process in house.processes] == [1, 2]
    house.processes[0].ready()
    assert (house.diary, house.supervisor.serving) == ([], 1)
    house.processes[1].ready()
    house.processes[1].ready()
    assert (house.diary, house.supervisor.serving) == (["up"], 2)
    assert house.clock.getDelayedCalls() == []


def test_it_fails_when_none_can_be_started() -> None:
    house = House(2)
    house.processes[0].says("failed", error="no such module")
    house.processes[0].end(1)
    assert house.diary == []
    house.processes[1].end(-signal.SIGSEGV)
    assert house.diary == ["ended", "failed: a worker was ended by signal 11 before it was ready"]
    assert len(house.processes) == 2
    assert house.clock.getDelayedCalls() == []


def test_some_that_cannot_be_started_are_tried_again(said: list[str]) -> None:
    house = House(3)
    house.processes[0].says("failed", error="odd")
    house.processes[0].end(1)
    house.processes[1].ready()
    assert house.diary == []
    house.processes[2].ready()
    assert house.diary == ["up"]
    assert "worker 1 could not be started: odd" in said
    assert len(house.processes) == 3
    house.clock.advance(Supervisor.FIRST_DELAY)
    assert house.last.worker.number == 1


def test_one_that_served_and_ended_before_the_others_failed() -> None:
    house = House(2)
    house.processes[0].ready()
    house.processes[0].end(-9)
    house.processes[1].end(3)
    assert house.diary[-1] == "failed: a worker ended with status 3 before it was ready"


def test_one_that_hangs_at_its_start_is_killed() -> None:
    house = House(1)
    house.clock.advance(Supervisor.START_TIMEOUT)
    assert house.last.signals == [signal.SIGKILL]
    house.last.end(-9)
    assert house.diary[-1] == "failed: it was not ready within 300 s"


def test_processes_that_the_system_does_not_start(said: list[str]) -> None:
    house = House(1).up()
    house.broken = True
    house.last.end(-9)
    house.clock.advance(Supervisor.FIRST_DELAY)
    house.clock.advance(0)
    assert "its process cannot be started: [Errno 13] Permission denied: 'python'" in said[-2]
    house.broken = False
    house.clock.advance(2 * Supervisor.FIRST_DELAY)
    house.last.ready()
    assert house.supervisor.serving == 1
    house.supervisor.stop()


# --- restarting ----------------------------------------------------------------------------------


def test_who_has_served_long_is_restarted_at_once(said: list[str]) -> None:
    house = House(1).up()
    house.clock.advance(Supervisor.STABLE)
    house.last.end(-9)
    assert said[-1] == "worker 1 (process 100) was ended by signal 9"
    house.clock.advance(0)
    assert len(house.processes) == 2


def test_delays_double_up_to_a_limit_and_are_forgotten() -> None:
    house = House(1).up()
    for count in range(12):
        house.last.end(1)
        delay = min(Supervisor.MAX_DELAY, Supervisor.FIRST_DELAY * 2**count)
        house.clock.advance(delay * 0.99)
        assert len(house.processes) == count + 1
        house.clock.advance(delay * 0.02)
        assert len(house.processes) == count + 2
    house.last.ready()
    house.clock.advance(Supervisor.STABLE)
    house.last.end(1)
    house.clock.advance(0)
    house.last.end(1)
    house.clock.advance(Supervisor.FIRST_DELAY)
    assert len(house.processes) == 15


def test_pipes_that_others_hold_are_not_waited_for() -> None:
    house = House(1).up()
    house.last.worker.processExited(Failure(ProcessDone(0)))
    house.clock.advance(1)
    assert house.last.closed


# --- rolling -------------------------------------------------------------------------------------


def rolled(house: House) -> list[bool]:
    results: list[bool] = []
    house.supervisor.roll().addCallback(results.append)
    return results


def test_a_roll_replaces_one_after_the_other(said: list[str]) -> None:
    house = House(2).up()
    first, second = house.processes
    results = rolled(house)
    assert len(house.processes) == 3
    assert first.told == []
    house.last.ready()
    assert first.told == ["retire"]
    assert len(house.processes) == 4
    assert second.told == []
    house.last.ready()
    assert second.told == ["retire"]
    assert results == [True]
    assert said[-1] == "all workers have been replaced"
    assert len(house.supervisor.workers) == 4
    first.end()
    second.end()
    assert len(house.supervisor.workers) == 2
    assert house.supervisor.serving == 2
    assert house.clock.getDelayedCalls() == []


def test_one_that_does_not_leave_is_killed() -> None:
    house = House(1).up()
    old = house.last
    rolled(house)
    house.last.ready()
    house.clock.advance(20 + Supervisor.MARGIN - 1)
    assert old.signals == []
    house.clock.advance(1)
    assert old.signals == [signal.SIGKILL]
    old.end(-9)
    assert house.supervisor.serving == 1


def test_a_roll_during_a_roll_follows_it() -> None:
    house = House(1).up()
    results = rolled(house)
    house.supervisor.roll()
    house.last.ready()
    assert results == []
    house.last.ready()
    assert len(house.processes) == 3
    assert results == [True]


def test_a_successor_that_cannot_start_ends_the_roll(said: list[str]) -> None:
    house = House(2).up()
    results = rolled(house)
    house.last.says("failed", error="SyntaxError")
    house.last.end(1)
    assert results == [False]
    assert house.supervisor.serving == 2
    assert said[-2:] == [
        "worker 1 could not be started: SyntaxError",
        "the roll has stopped: 2 worker(s) have not been replaced",
    ]
    assert [process.told for process in house.processes[:2]] == [[], []]
    assert house.clock.getDelayedCalls() == []
    assert rolled(house) == []
    assert len(house.processes) == 4


def test_one_that_dies_while_it_is_replaced() -> None:
    house = House(1).up()
    results = rolled(house)
    house.processes[0].end(-9)
    assert house.supervisor.serving == 0
    house.last.ready()
    assert house.supervisor.serving == 1
    assert results == [True]
    assert len(house.processes) == 2


def test_both_die() -> None:
    house = House(1).up()
    results = rolled(house)
    house.processes[0].end(-9)
    house.processes[1].end(1)
    assert results == [False]
    house.clock.advance(2 * Supervisor.FIRST_DELAY)
    house.last.ready()
    assert house.supervisor.serving == 1


def test_a_roll_starts_those_that_wait_to_be_restarted() -> None:
    house = House(1).up()
    house.last.end(1)
    rolled(house)
    assert len(house.processes) == 2
    house.clock.advance(100)
    assert len(house.processes) == 2


# --- workers that have served their share --------------------------------------------------------


def test_who_is_full_is_replaced_first() -> None:
    house = House(2).up()
    first, second = house.processes
    first.says("full")
    first.says("full")
    second.says("full")
    assert len(house.processes) == 3, "one at a time"
    house.last.ready()
    assert first.told == ["retire"]
    first.says("full")
    house.last.ready()
    assert second.told == ["retire"]
    assert len(house.processes) == 4


def test_a_replacement_that_fails_is_tried_again() -> None:
    house = House(1).up()
    house.last.says("full")
    house.last.end(1)
    assert house.processes[0].told == []
    house.clock.advance(2 * Supervisor.FIRST_DELAY)
    house.last.ready()
    assert house.processes[0].told == ["retire"]


def test_a_replacement_under_way_does_not_count_for_a_roll() -> None:
    house = House(1).up()
    house.last.says("full")
    results = rolled(house)
    house.last.ready()  # it may have been started before whatever the roll is for
    assert results == []
    house.last.ready()
    assert results == [True]
    assert len(house.processes) == 3


def test_who_is_full_is_not_forgotten_when_a_roll_fails() -> None:
    house = House(2).up()
    results = rolled(house)
    house.processes[1].says("full")
    house.last.end(1)
    assert results == [False]
    house.clock.advance(2 * Supervisor.FIRST_DELAY)
    assert house.last.worker.number == 2
    house.last.ready()
    assert [process.told for process in house.processes[:2]] == [[], ["retire"]]


def test_one_that_dies_while_its_replacement_is_to_be_tried_again() -> None:
    house = House(1).up()
    house.processes[0].says("full")
    house.last.end(1)
    house.processes[0].end(-9)
    house.supervisor.stop()
    assert house.diary == ["up", "ended"]
    assert house.clock.getDelayedCalls() == []


def test_who_is_asked_to_end_is_replaced_first(said: list[str]) -> None:
    house = House(1).up()
    house.last.says("asked")
    assert said[-1] == "worker 1 has been asked to end and is replaced"
    assert (len(house.processes), house.processes[0].told) == (2, [])
    house.last.ready()
    assert house.processes[0].told == ["retire"]


def test_a_service_manager_asks_everybody() -> None:
    house = House(1).up()
    house.last.says("asked")
    house.supervisor.stop()
    house.processes[0].says("asked")
    assert house.processes[0].told == ["stop"]
    assert house.last.signals == [signal.SIGTERM]
    assert len(house.processes) == 2


# --- stopping ------------------------------------------------------------------------------------


def test_stopping() -> None:
    house = House(2)
    house.processes[0].ready()
    results = rolled(house)
    house.supervisor.stop()
    assert results == [False]
    assert house.processes[0].told == ["stop"]
    assert house.processes[1].signals == [signal.SIGTERM]
    assert house.processes[2].signals == [signal.SIGTERM]
    assert house.processes[2].told == ["stop"], "it may have got ready"
    for process in house.processes:
        assert house.diary == []
        process.end(0)
    assert house.diary == ["ended"]
    assert house.clock.getDelayedCalls() == []
    assert len(house.processes) == 3


def test_stopping_at_once() -> None:
    house = House(1).up()
    house.supervisor.stop()
    house.supervisor.stop()
    assert house.last.told == ["stop", "cut"]
    house.clock.advance(Supervisor.KILL)
    assert house.last.signals == [signal.SIGKILL]
    house.last.end(-9)
    assert house.diary == ["up", "ended"]


def test_stopping_while_one_waits_to_be_restarted() -> None:
    house = House(1).up()
    house.last.end(1)
    house.supervisor.stop()
    assert house.diary == ["up", "ended"]
    assert house.clock.getDelayedCalls() == []
    house.supervisor.start()
    assert len(house.processes) == 1


def test_retired_ones_hurry() -> None:
    house = House(1).up()
    rolled(house)
    house.last.ready()
    house.supervisor.stop()
    assert house.processes[0].told == ["retire", "stop"]


# --- what workers say ----------------------------------------------------------------------------


def test_output_and_log() -> None:
    house = House(1)
    worker = house.last.worker
    worker.childDataReceived(1, b"printed\nhalf")
    worker.childConnectionLost(1)
    worker.childConnectionLost(1)
    house.last.says("log", text="logged")
    worker.childDataReceived(REPORT_FD, b"nonsense\n")
    house.last.says("of another version")
    assert house.events == [(1, "printed"), (1, "half"), (1, "logged")]
    worker.childDataReceived(1, b"x" * (4 * 1024 * 1024 + 1))
    assert len(house.events[-1][1]) == 4 * 1024 * 1024 + 1


def test_who_does_not_answer_is_killed(said: list[str]) -> None:
    house = House(2)
    house.processes[0].ready()
    house.supervisor.ping(10)
    assert house.processes[0].told == ["ping"]
    assert house.processes[1].told == []
    house.processes[0].says("pong")
    house.supervisor.ping(10)
    house.clock.advance(9)
    house.supervisor.ping(10)
    assert house.processes[0].signals == []
    house.clock.advance(1)
    house.supervisor.ping(10)
    assert house.processes[0].signals == [signal.SIGKILL]
    assert said[-1] == "worker 1 (process 100) has not answered for 10 s and is killed"


def test_a_worker_without_a_process() -> None:
    house = House(1)
    worker = Worker(1, house.supervisor)
    worker.tell("stop")
    worker.send(signal.SIGTERM)
    assert worker.state is State.STARTING
    house.last.gone = True
    house.last.worker.tell("stop")
    house.last.worker.send(signal.SIGTERM)
    house.supervisor.heard(worker, {"type": "ready"})
    house.supervisor.gone(worker, 0)
    assert house.diary == []
