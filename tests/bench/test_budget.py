"""The path of a request does not grow unnoticed: Python function calls are counted, not timed.

A change that makes a path longer has to raise its number here, and to say why it is worth it; one
that makes it shorter lowers it. The counts do not depend on the machine.
"""

from __future__ import annotations

import pytest

from bench.calls import (
    IN_MEMORY,
    CallCount,
    count_calls,
    count_event_calls,
    make_application,
)
from bench.cases import CASES

#: Python function calls per request, message or event, at most;
#: ``make bench BENCH_ARGS="--only calls"`` shows them.
#: Counted with CPython 3.11; later ones make fewer, for their comprehensions are no functions.
BUDGET = {
    "plaintext": 26,
    "browser": 26,
    "visitors": 47,
    "json": 30,
    "parameters": 39,
    "form": 74,
    # Of a message masked without the C routine one more. Broadcast: of what 100 connections get;
    # events: of a stream of 1000.
    "echo": 7,
    "broadcast": 1,
    "events": 6,
}


def listed(count: CallCount) -> str:
    """Say what was called, for whoever has to find the call that is new."""
    return "\n".join(f"{calls:6.2f}  {name}" for name, calls in count.functions.items())


@pytest.mark.parametrize("name", IN_MEMORY)
def test_python_calls_per_request(name: str) -> None:
    count = count_calls(make_application(), CASES[name])
    # What is done once a second, such as a new Date, is no call of each request.
    assert round(count.python) <= BUDGET[name], f"the path has grown:\n{listed(count)}"


#: The same per event: to one client, and per client of a broadcast to a hundred.
EVENT_BUDGET = {1: 1, 100: 0.1}


@pytest.mark.parametrize("clients", EVENT_BUDGET)
def test_python_calls_per_event(clients: int) -> None:
    count = count_event_calls(clients)
    assert round(count.python, 2) <= EVENT_BUDGET[clients], f"the path has grown:\n{listed(count)}"
