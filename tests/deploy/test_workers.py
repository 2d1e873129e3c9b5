"""The service that is a number of workers, with processes that a test plays."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from cyclone.deploy.child import CONTROL_FD, REPORT_FD, Worker
from cyclone.deploy.errors import DeployError
from cyclone.deploy.plan import Place, Plan, Site
from cyclone.deploy.systemd import Notifier
from cyclone.deploy.worker import Order
from cyclone.deploy.workers import WorkersService
from cyclone.util import WORKER_VARIABLE

from .test_supervisor import FakeProcess

PLAN = Plan((Site("app.py"),), (Place("tcp", "127.0.0.1"),))


class Process(FakeProcess):
    """It is written to as it is made: its order is the first line."""

    def __init__(self, worker: Worker, pid: int, command: list[str], **how: Any) -> None:
        self.command = command
        self.environment = how["env"]
        self.descriptors = how["childFDs"]
        self.order: Order | None = None
        super().__init__(worker, pid)

    def writeToChild(self, descriptor: int, data: bytes) -> None:
        if self.order is None:
            self.order = Order.from_line(data)
        else:
            super().writeToChild(descriptor, data)


class Reactor(MemoryReactorClock):
    """Keeps the processes it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Process] = []

    def spawnProcess(self, worker: Worker, executable: str, command: list[str], **how: Any) -> None:
        assert executable == command[0]
        self.processes.append(Process(worker, 100 + len(self.processes), command, **how))


class House:
    """A service, its reactor, its manager, and what it reports."""

    def __init__(self, manager: socket.socket, count: int = 2, **order: Any) -> None:
        self.reactor = Reactor()
        self.diary: list[str] = []
        self._manager = manager
        self.service = WorkersService(
            self.reactor,
            Order(0, PLAN, 0, **order),
            count,
            notifier=Notifier(manager.getsockname()),
            on_serving=lambda urls: self.diary.append("serving"),
            on_failure=lambda error: self.diary.append(f"failed: {error}"),
            on_stopping=lambda: self.diary.append("stopping"),
        )
        self.service.privilegedStartService()
        self.service.startService()
        self.reactor.run()
        self.processes = self.reactor.processes

    def heard(self) -> list[list[str]]:
        """What the manager was told since the last call, without numbers that differ."""
        datagrams = []
        while True:
            try:
                lines = self._manager.recv(1000).decode().splitlines()
            except BlockingIOError:
                return datagrams
            datagrams.append([line for line in lines if not line.startswith(("MAINPID", "MONO"))])

    def up(self) -> House:
        for process in self.processes:
            process.ready()
        self.heard()
        return self

    def close(self) -> None:
        """Stop, unless that is done, and have all processes end."""
        if self.service.running:
            self.service.stopService()
        for process in self.processes:
            if not process.gone:
                process.end()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


@pytest.fixture
def house(manager: socket.socket) -> Iterator[House]:
    built = House(manager)
    yield built
    built.close()


ADVANCING = "EXTEND_TIMEOUT_USEC=60000000"


def test_how_workers_are_started(house: House) -> None:
    first, second = house.processes
    assert first.command[-5:] == ["-m", "cyclone", "worker", "1", "app.py"]
    assert first.order is not None and second.order is not None
    assert (first.order.number, first.order.sockets, second.order.number) == (1, 1, 2)
    assert first.environment[WORKER_VARIABLE] == "1"
    assert first.environment["UV_TCP_SINGLE_ACCEPT"] == "1"
    handed = first.descriptors.pop(REPORT_FD + 1)
    assert handed == second.descriptors[REPORT_FD + 1]
    assert first.descriptors == {0: 0, 1: 1, 2: 2, CONTROL_FD: "w", REPORT_FD: "r"}


def test_what_they_print_goes_where_they_log(manager: socket.socket) -> None:
    house = House(manager, 1, forward_log=True)
    (process,) = house.processes
    assert (process.descriptors[1], process.descriptors[2]) == ("r", "r")
    assert "UV_TCP_SINGLE_ACCEPT" not in process.environment
    house.close()


def test_the_manager_hears_of_starting_and_replacing(house: House) -> None:
    first, second = house.processes
    first.ready()
    assert house.heard() == [["STATUS=1 of 2 workers serve", ADVANCING]]
    second.ready()
    assert house.diary == ["serving"]
    ready = ["READY=1", "STATUS=2 of 2 workers serve"]
    assert house.heard()[0] == ready
    house.service.reload()
    house.service.reload()
    assert house.heard() == [["RELOADING=1", "STATUS=replacing the workers"]]
    house.processes[2].ready()
    assert house.heard() == [["STATUS=2 of 2 workers serve", ADVANCING]]
    for _ in range(3):
        house.processes[-1].ready()
    assert ready in house.heard()
    first.end()
    assert house.heard() == [["STATUS=2 of 2 workers serve"]]


def test_a_reload_that_fails(house: House) -> None:
    house.up().service.reload()
    house.processes[-1].end(1)
    (ready,) = [lines for lines in house.heard() if "READY=1" in lines]
    assert ready[1] == "STATUS=2 of 2 workers serve; the last reload has failed, see the log"


def test_none_can_be_started(manager: socket.socket) -> None:
    house = House(manager, 1)
    house.processes[0].says("failed", error="no such module")
    house.processes[0].end(1)
    assert house.diary == ["failed: no such module"]
    house.close()


@pytest.mark.parametrize("again", [False, True])
def test_stopping(house: House, again: bool) -> None:
    stopped: list[Any] = []
    house.up().service.stopService().addCallback(stopped.append)
    assert house.diary == ["serving", "stopping"]
    assert house.heard()[0][0] == "STOPPING=1"
    if again:
        house.service.cut()
    assert [process.told for process in house.processes] == [["stop", "cut"][: 1 + again]] * 2
    assert stopped == []
    for process in house.processes:
        process.end()
    assert stopped == [None]


def test_places_that_cannot_be_bound(manager: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        plan = Plan((Site("a"),), (Place("tcp", "127.0.0.1", other.getsockname()[1]),))
        service = WorkersService(Reactor(), Order(0, plan, 0), 1)
        with pytest.raises(DeployError, match="already in use"):
            service.privilegedStartService()
