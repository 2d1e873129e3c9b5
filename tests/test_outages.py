"""Outages are told from mistakes, and the pauses between attempts grow and differ."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone import outages
from cyclone.outages import (
    Backoff,
    PoolTimeout,
    StoreTimeout,
    StoreUnavailable,
    described,
    is_outage,
    register_outage,
)
from cyclone.testing import ExpectLog


class Foreign(Exception):
    """A library's own."""


class Narrower(Foreign):
    """A kind of it."""


def test_what_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "_outages", set(outages._outages))
    assert all(map(is_outage, (StoreUnavailable(), PoolTimeout(), StoreTimeout("x"))))
    assert not is_outage(Foreign())
    assert is_outage(Narrower(), (Foreign,))
    register_outage(Foreign, ConnectionError)
    assert is_outage(Narrower())
    assert is_outage(ConnectionResetError())
    assert not is_outage(OSError())


@pytest.mark.parametrize("wrong", ["ConnectionError", int, ConnectionError()])
def test_only_exceptions_can_be_registered(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a class of exceptions"):
        register_outage(wrong)


def test_an_outage_says_when_to_come_again() -> None:
    assert StoreUnavailable("x").retry_after is None
    assert PoolTimeout("x", retry_after=2).retry_after == 2


@given(
    st.floats(0.001, 10), st.floats(0.001, 10), st.lists(st.floats(0, 1), min_size=1, max_size=20)
)
def test_pauses_grow_up_to_a_limit(first: float, most: float, draws: list[float]) -> None:
    source = iter(draws)
    backoff = Backoff(first, most, lambda: next(source))
    longest = min(first, most)
    for _ in draws:
        assert longest / 2 <= backoff.pause() <= longest
        longest = min(longest * 2, most)


def test_a_success_begins_anew() -> None:
    backoff = Backoff(1, 60, lambda: 1.0)
    assert [backoff.pause() for _ in range(3)] == [1, 2, 4]
    backoff.reset()
    assert backoff.pause() == 1


def test_pauses_are_not_the_same_for_all() -> None:
    assert len({Backoff(1, 60).pause() for _ in range(20)}) > 1


class Telling:
    def describe(self) -> dict[str, Any]:
        return {"state": "up"}


class Failing:
    def describe(self) -> Any:
        raise LookupError


class Unwilling:
    """As handlers for several servers of txredisapi."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name) if name.startswith("__") else NotImplementedError(name)


@pytest.mark.parametrize(
    ("store", "told"),
    [(Telling(), {"state": "up"}), (object(), {}), (Failing(), None), (Unwilling(), None)],
)
def test_what_stores_tell_of_themselves(store: Any, told: dict[str, Any] | None) -> None:
    if told is None:
        with ExpectLog("cyclone.general", f"{type(store).__name__} does not say how it is"):
            assert described(store) == {}
    else:
        assert described(store) == told
