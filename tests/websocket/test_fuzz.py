"""A thousand inputs of the fuzzer, and proof that it can fail."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cyclone.websocket import session
from cyclone.websocket.connection import WebSocketConnection
from cyclone.websocket.deflate import Deflate
from cyclone.websocket.frames import ViolationError
from cyclone.websocket.session import Failed, Session
from fuzz.websocket import Violation, check, make_input, run

SEED = 20261126


@pytest.fixture
def traced() -> Iterator[None]:
    """Memory is looked at."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def test_class_16_the_invariant_holds() -> None:
    run(SEED, 1000)


def test_class_16_the_invariant_holds_for_memory(traced: None) -> None:
    run(SEED, 250, first=1000)


def test_inputs_are_made_again_from_their_number() -> None:
    assert make_input(SEED, 7) == make_input(SEED, 7)
    assert make_input(SEED, 7) != make_input(SEED, 8)


real_read_payload = Session._read_payload
real_fail = Session._fail
real_feed = Session.feed
real_decompress = Deflate.decompress
KEPT: list[bytes] = []


def raise_something(self: Any, data: bytes) -> None:
    real_feed(self, data)
    if data[:1] == b"\x01":
        raise ValueError("escaped")


def a_wrong_code(self: Any, violation: ViolationError) -> Failed:
    return Failed(1006, real_fail(self, violation).reason)


def go_on(self: Any, violation: ViolationError) -> Failed:
    return Failed(violation.code, violation.reason)


def turn_no_mask(self: Any) -> Any:
    key = self._key
    event = real_read_payload(self)
    self._key = key
    return event


def no_limit(self: Any, data: bytes, limit: int) -> bytes:
    return real_decompress(self, data, 10_000_000)


def keep_everything(self: Any, data: bytes) -> None:
    real_feed(self, data)
    KEPT.append(data * 1000)


def echo_nothing(self: Any, message: Any) -> None:
    """A message is lost."""


def close_with_another(self: Any, event: Any) -> None:
    self._linger = True
    self.close(1011)


@pytest.mark.parametrize(
    ("where", "name", "broken"),
    [
        (Session, "feed", raise_something),
        (Session, "feed", keep_everything),
        (Session, "_fail", a_wrong_code),
        (Session, "_fail", go_on),
        (Session, "_read_payload", turn_no_mask),
        (Deflate, "decompress", no_limit),
        (WebSocketConnection, "_deliver", echo_nothing),
        (WebSocketConnection, "_violated", close_with_another),
        (session, "encode_frame", lambda first, payload, key=None: b"\x81\x00"),
    ],
)
def test_a_broken_websocket_is_found_out(
    where: Any,
    name: str,
    broken: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    traced: None,
) -> None:
    monkeypatch.setattr(where, name, broken)
    with pytest.raises(Violation):
        for number in range(3000):
            check(make_input(SEED, number))
    KEPT.clear()
