"""Messages for peers that do not read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.http1 import Backlog, check_slow_peer_policy, hard_limit


@given(st.integers(0, 20), st.lists(st.none() | st.integers(0, 12)))
def test_the_newest_that_fit_are_kept(limit: int, steps: list[int | None]) -> None:
    """A number adds a message of that size, None takes one."""
    backlog: Backlog[int] = Backlog(limit)
    model: list[tuple[int, int]] = []
    dropped = 0
    for number, size in enumerate(steps):
        if size is not None:
            backlog.add(number, size)
            model.append((number, size))
            while sum(each for _, each in model) > limit and len(model) > 1:
                del model[0]
                dropped += 1
        elif model:
            assert backlog.take() == model.pop(0)[0]
        else:
            with pytest.raises(IndexError):
                backlog.take()
        assert (len(backlog), backlog.dropped) == (len(model), dropped)


def test_policies() -> None:
    assert hard_limit(10, "wait") == 40
    assert hard_limit(10, "close") == hard_limit(10, "drop_oldest") == 10
    check_slow_peer_policy("x", "drop_oldest")
    with pytest.raises(ValueError, match="x must be one of 'wait', 'drop_oldest', 'close'"):
        check_slow_peer_policy("x", "drop")
