"""Pools by the clock: who waits how long, and when a server that is back is noticed."""

from __future__ import annotations

import contextvars
import itertools
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from cyclone.sql import Pool, PoolSettings, PoolTimeout, StoreTimeout, StoreUnavailable
from cyclone.sql.links import Ticket
from cyclone.sql.sqlite import SQLite
from cyclone.sql.urls import Target

TARGET = Target("postgresql", "db", 1, "me", "geheim", "x")
AWAY = StoreUnavailable("refused")


class Reactor(Clock):
    """A clock that knows of an end."""

    def __init__(self) -> None:
        super().__init__()
        self.triggers: list[Any] = []

    def addSystemEventTrigger(self, phase: str, event: str, function: Any) -> Any:
        assert (phase, event) == ("during", "shutdown")
        self.triggers.append(function)
        return function

    def removeSystemEventTrigger(self, trigger: Any) -> None:
        self.triggers.remove(trigger)


class Engine:
    """Does what the test says, when it says so."""

    def __init__(self) -> None:
        self.running: list[Deferred[Any]] = []
        self.tickets: list[Ticket] = []
        self.probes: list[Deferred[Any]] = []
        self.closed: bool | None = None

    def run(self, ticket: Ticket, work: Any, done: Any) -> None:
        self.running.append(Deferred().addBoth(done))
        self.tickets.append(ticket)

    def probe(self) -> Deferred[Any]:
        self.probes.append(Deferred())
        return self.probes[-1]

    def close(self, *, idle: bool) -> None:
        self.closed = idle


class House:
    """A pool with an engine of ours."""

    def __init__(self, **settings: Any) -> None:
        self.engine = Engine()
        self.reactor = Reactor()
        checked = PoolSettings(**{"size": 2, **settings})
        driver = SQLite(TARGET, checked, {})
        engine = self.engine

        class Ours(Pool):
            def _make_engine(self) -> Any:
                return engine

        self.pool = Ours(TARGET, driver, checked, self.reactor)

    def call(self) -> Deferred[Any]:
        return self.pool.runQuery("SELECT 1")

    def outcome(self, deferred: Deferred[Any]) -> Any:
        """What came of it: a result, the class of an error, or None as long as nothing did."""
        seen: list[Any] = []
        deferred.addCallbacks(seen.append, lambda failure: seen.append(failure.type))
        return seen[0] if seen else None

    def go_down(self) -> None:
        call = self.call()
        self.engine.running.pop().errback(AWAY)
        assert self.outcome(call) is StoreUnavailable
        self.engine.probes.pop().errback(AWAY)
        assert self.pool.state == "down"


def test_those_who_wait_get_their_turn_in_order() -> None:
    house = House(size=1)
    calls = [house.call() for _ in range(3)]
    for number, call in enumerate(calls):
        assert len(house.engine.running) == number + 1
        house.engine.running[number].callback([number])
        assert house.outcome(call) == [number]
    assert not house.reactor.getDelayedCalls()


def test_waiting_is_bounded_in_number_and_time() -> None:
    house = House(size=1, max_waiting=1, wait_timeout=2)
    first, second = house.call(), house.call()
    assert house.outcome(house.call()) is PoolTimeout
    house.reactor.advance(1.9)
    third = house.outcome(second)
    assert third is None
    house.reactor.advance(0.2)
    assert house.pool.describe() == {"state": "up", "size": 1, "in_use": 1, "waiting": 0}
    house.engine.running[0].callback(["x"])
    assert house.outcome(first) == ["x"]
    assert len(house.engine.running) == 1


def test_waiting_counts_as_time_of_the_call() -> None:
    house = House(size=1, timeout=3, wait_timeout=None)
    first, second = house.call(), house.call()
    house.reactor.advance(2)
    house.engine.running[0].callback([])
    assert house.outcome(first) == []
    house.reactor.advance(0.9)
    failures: list[Any] = []
    second.addErrback(failures.append)
    assert not failures
    house.reactor.advance(0.2)
    assert failures[0].check(StoreTimeout)
    # Its connection is in use until the engine has it back.
    assert house.pool.describe()["in_use"] == 1
    house.engine.running[1].errback(AWAY)
    assert house.pool.describe()["in_use"] == 0


def test_no_limits_no_timers() -> None:
    house = House(size=1, timeout=None, wait_timeout=None)
    calls = [house.call(), house.call()]
    assert not house.reactor.getDelayedCalls()
    for number, call in enumerate(calls):
        house.engine.running[number].callback([])
        assert house.outcome(call) == []


def test_calls_can_be_cancelled() -> None:
    house = House(size=1)
    running, waiting = house.call(), house.call()
    waiting.cancel()
    assert house.outcome(waiting) is CancelledError
    running.cancel()
    assert house.outcome(running) is CancelledError
    with pytest.raises(StoreTimeout):
        house.engine.tickets[0].attach(None)  # type: ignore[arg-type]
    house.engine.running[0].errback(AWAY)
    assert not house.engine.probes  # the server has done nothing wrong
    assert not house.reactor.getDelayedCalls()


def test_a_mistake_is_not_suspicious() -> None:
    house = House()
    call = house.call()
    house.engine.running[0].errback(KeyError())
    assert house.outcome(call) is KeyError
    assert not house.engine.probes


@pytest.mark.parametrize("moment", [0.01, 0.3, 0.9, 1.7, 7.1, 61.3])
@pytest.mark.parametrize("patience", [0.0, 2.0])
def test_a_server_that_is_back_is_noticed_within_two_seconds(
    moment: float, patience: float
) -> None:
    """Whenever it comes back, and whether attempts before were refused or got no answer."""
    house = House()
    house.go_down()
    reactor, probes = house.reactor, house.engine.probes
    began: list[float] = []
    while house.pool.state == "down":
        now = reactor.seconds()
        assert now < moment + 2.1
        if len(began) < len(probes):
            began.append(now)
        if began and not probes[-1].called:
            if began[-1] >= moment:
                probes[-1].callback(None)
            elif now >= began[-1] + patience:
                probes[-1].errback(AWAY)
        reactor.advance(0.01)
    assert house.pool.state == "up"


def test_attempts_come_one_after_the_other_with_pauses_that_grow() -> None:
    house = House(retry_first=1, retry_most=8)
    house.go_down()
    times = []
    while len(times) < 6:
        house.reactor.advance(0.1)
        if house.engine.probes:
            assert len(house.engine.probes) == 1
            times.append(house.reactor.seconds())
            house.engine.probes.pop().errback(AWAY)
    pauses = [after - before for before, after in itertools.pairwise(times)]
    for pause, longest in zip(pauses, [2, 4, 8, 8, 8], strict=True):
        assert longest / 2 <= pause + 0.2
        assert pause <= longest + 0.2


def test_down_means_that_nobody_waits() -> None:
    house = House(size=1)
    first, second = house.call(), house.call()
    house.engine.running[0].errback(AWAY)
    assert house.outcome(first) is StoreUnavailable
    house.engine.probes[0].errback(AWAY)
    third = house.call()
    assert house.outcome(third) is StoreUnavailable
    house.engine.running[1].errback(AWAY)
    assert house.outcome(second) is StoreUnavailable
    assert len(house.engine.running) == 2


def test_an_attempt_that_takes_long_is_not_hoped_for() -> None:
    house = House()
    call = house.call()
    house.engine.running[0].errback(AWAY)
    assert house.outcome(call) is StoreUnavailable
    house.reactor.advance(0.9)
    assert house.pool.state == "up"
    house.reactor.advance(0.2)
    assert house.pool.state == "down"
    house.engine.probes[0].callback(None)
    assert house.pool.state == "up"


def test_a_full_server_that_serves_us_is_not_away() -> None:
    house = House()
    calls = [house.call(), house.call()]
    house.engine.running[0].errback(AWAY)
    house.engine.running[1].callback([])
    house.engine.probes[0].errback(StoreUnavailable("too many connections"))
    assert house.pool.state == "up"
    assert [house.outcome(call) for call in calls] == [StoreUnavailable, []]


def test_closing_waits_then_cuts_then_leaves() -> None:
    house = House(size=1, close_timeout=3)
    running, waiting = house.call(), house.call()
    closed = house.pool.close()
    house.reactor.advance(3)
    with pytest.raises(StoreTimeout):
        house.engine.tickets[0].attach(None)  # type: ignore[arg-type]
    assert not closed.called
    house.reactor.advance(1)
    assert closed.called
    assert house.engine.closed is False
    assert [house.outcome(one) for one in (running, waiting)] == [StoreUnavailable] * 2
    house.engine.running[0].callback([])
    assert not house.reactor.triggers


def test_closing_while_the_server_is_looked_for() -> None:
    house = House()
    house.go_down()
    house.pool.close()
    assert house.pool.state == "closed"
    assert not house.reactor.getDelayedCalls()
    other = House()
    call = other.call()
    other.engine.running[0].errback(AWAY)
    assert other.outcome(call) is StoreUnavailable
    closed = other.pool.close()
    assert not closed.called
    other.engine.probes[0].errback(AWAY)
    assert closed.called
    assert not other.reactor.getDelayedCalls()


def test_the_end_of_the_reactor_closes_it() -> None:
    house = House()
    call = house.call()
    house.reactor.triggers[0]()
    # Nothing happens after that any more, so nothing is waited for.
    assert house.pool.state == "closed"
    assert house.outcome(call) is StoreUnavailable
    assert house.engine.closed is False
    assert not house.reactor.getDelayedCalls()


def test_a_pool_that_was_never_used_closes() -> None:
    house = House()
    assert house.pool.stopService().called
    assert house.engine.closed is None
    assert "geheim" not in repr(house.pool)


def test_a_call_that_has_waited_begins_in_the_context_of_who_called() -> None:
    house = House(size=1)
    who = contextvars.ContextVar("who", default="nobody")
    begun: list[str] = []
    run = house.engine.run

    def noting(*args: Any) -> None:
        begun.append(who.get())
        run(*args)

    house.engine.run = noting  # type: ignore[method-assign]
    for name in ("ann", "bob"):
        context = contextvars.copy_context()
        context.run(who.set, name)
        context.run(house.call)
    house.engine.running[0].callback([])
    assert begun == ["ann", "bob"]
