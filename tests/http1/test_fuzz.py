"""A thousand inputs of the fuzzer, and proof that it can fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cyclone.http1 import HTTP1Connection
from fuzz.http1 import Violation, check, make_input, run

SEED = 20260131
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_the_invariant_holds(part: int) -> None:
    run(SEED, 1000 // PARTS, first=part * 1000 // PARTS)


def test_inputs_are_made_again_from_their_number() -> None:
    assert make_input(SEED, 7) == make_input(SEED, 7)
    assert make_input(SEED, 7) != make_input(SEED, 8)


def raise_something(self: Any, data: bytes) -> None:
    raise ValueError("escaped")


def answer_garbage(self: Any, data: bytes) -> None:
    self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n")


def answer_twice(self: Any, data: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    self.transport.write(answer + answer)


def answer_after_refusing(self: Any, data: bytes) -> None:
    refusal = b"400 Bad Request: no\n"
    self.transport.write(
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" % (len(refusal), refusal)
    )


def go_on_after_refusing(self: Any, data: bytes) -> None:
    refusal = b"400 Bad Request: no\n"
    self.transport.write(
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
        % (len(refusal), refusal)
    )
    self.readConnectionLost = lambda: None


def answer_nothing(self: Any, data: bytes) -> None:
    pass


@pytest.mark.parametrize(
    "broken",
    [
        raise_something,
        answer_garbage,
        answer_twice,
        answer_after_refusing,
        go_on_after_refusing,
        answer_nothing,
    ],
)
def test_a_broken_server_is_found_out(
    broken: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HTTP1Connection, "dataReceived", broken)
    with pytest.raises((Violation, ValueError)):
        check([b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
