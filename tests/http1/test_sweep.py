"""`http1.sweep`: one timer, which comes when it must and never later."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from cyclone.http1.sweep import GRANULARITY, NEVER, Sweeper


class Member:
    def __init__(self, clock: Clock, deadline: float = NEVER) -> None:
        self.clock = clock
        self.deadline = deadline
        self.visits: list[float] = []

    def check_deadlines(self, now: float) -> None:
        self.visits.append(now)
        self.deadline = NEVER


@pytest.fixture
def members() -> list[Member]:
    return []


@pytest.fixture
def sweeper(clock: Clock, members: list[Member]) -> Sweeper:
    return Sweeper(lambda: clock, members)


def test_a_member_is_visited_once_its_deadline_has_passed(
    clock: Clock, members: list[Member], sweeper: Sweeper
) -> None:
    members.append(Member(clock, 5))
    sweeper.wake_at(5)
    clock.advance(4.9)
    assert members[0].visits == []
    clock.advance(0.2)
    assert len(members[0].visits) == 1
    assert clock.getDelayedCalls() == []


def test_calls_that_are_due_at_once_do_not_put_the_visit_off(
    clock: Clock, members: list[Member], sweeper: Sweeper
) -> None:
    members.append(Member(clock, 1))
    sweeper.wake_at(1)
    clock.advance(0.9)
    for _ in range(100):
        sweeper.wake_at(clock.seconds() - 1)
        clock.advance(GRANULARITY / 2)
    assert len(members[0].visits) == 1


def test_later_deadlines_are_found_on_the_way(
    clock: Clock, members: list[Member], sweeper: Sweeper
) -> None:
    members += [Member(clock, 2), Member(clock, 9)]
    sweeper.wake_at(2)
    clock.pump([1] * 10)
    assert [len(member.visits) for member in members] == [1, 1]
    assert sweeper.next_visit == NEVER


def test_many_are_visited_in_several_turns(
    clock: Clock, members: list[Member], sweeper: Sweeper
) -> None:
    members += [Member(clock, 1) for _ in range(1000)]
    sweeper.wake_at(1)
    clock.advance(1)
    clock.advance(GRANULARITY)
    assert count(members) == 1000
    assert clock.getDelayedCalls() == []


def count(members: list[Member]) -> int:
    return sum(len(member.visits) for member in members)


def test_one_that_has_moved_on_meanwhile_is_left_alone(
    clock: Clock, members: list[Member], sweeper: Sweeper
) -> None:
    members += [Member(clock, 1) for _ in range(300)]
    last = members[-1]

    class Delaying(Member):
        def check_deadlines(self, now: float) -> None:
            super().check_deadlines(now)
            last.deadline = 100

    members[0] = Delaying(clock, 1)
    sweeper.wake_at(1)
    clock.pump([1, 1])
    assert count(members) == 299
    assert sweeper.next_visit == 100
    sweeper.stop()
    assert clock.getDelayedCalls() == []
