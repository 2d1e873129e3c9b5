"""When a connection over TLS may end that the peer does not end."""

from __future__ import annotations

import socket
import sys

import pytest

from cyclone.http1.farewell import Farewell
from tests.http1.test_progress import Transport

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")


class Layered:
    """TLS over a transport."""

    def __init__(self, below: Transport) -> None:
        self.transport = below


class Below(Transport):
    closed = False

    def loseConnection(self) -> None:
        self.closed = True


def settled(farewell: Farewell) -> bool | None:
    """What is found when what is on its way has arrived: the latest of some answers."""
    return [farewell.is_over() for _ in range(200)][-1]


def test_all_has_been_taken(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    below = Below(ours)
    farewell = Farewell(Layered(below))
    assert not farewell.is_over(), "it takes two looks"
    assert farewell.is_over()
    ours.sendall(b"x" * 1000)
    assert theirs.recv(2000)
    assert not farewell.is_over(), "something has moved"
    assert settled(farewell)
    assert not below.closed
    farewell.hang_up()
    assert below.closed


def test_a_response_waits(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            ours.send(b"x" * 65536)
    assert not settled(Farewell(Layered(Below(ours))))


def test_what_cannot_be_told() -> None:
    assert Farewell(Layered(Below(None))).is_over() is None
