"""What the system can tell of a peer."""

from __future__ import annotations

import socket
import struct
import sys
import time
from typing import Any

import pytest

from cyclone.http1.outbox import closed_outbox
from cyclone.http1.progress import progress, unanswered


class Transport:
    def __init__(self, handle: Any) -> None:
        self.handle = handle

    def getHandle(self) -> Any:
        return self.handle


class Handle:
    """A socket that says what it is told to."""

    family = socket.AF_INET

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def getsockopt(self, level: int, name: int, size: int) -> bytes:
        return self.answer[:size]


linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")


@linux
def test_a_program_that_does_not_read_is_still_there(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, _ = pair
    ours.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            ours.send(b"x" * 65536)
    transport = Transport(ours)
    while unanswered(transport):  # what is on its way arrives
        time.sleep(0.01)
    taken = progress(transport)
    assert taken
    assert not unanswered(transport) and progress(transport) == taken


@linux
@pytest.mark.parametrize(
    ("probes", "unacknowledged", "result"),
    [(0, 0, False), (1, 0, False), (2, 0, True), (0, 3, True)],
)
def test_what_tcp_says(probes: int, unacknowledged: int, result: bool) -> None:
    answer = struct.pack("=3xB20xI", probes, unacknowledged)
    assert unanswered(Transport(Handle(answer))) is result
    above = Transport(None)
    above.transport = Transport(Handle(answer))  # type: ignore[attr-defined]
    assert unanswered(above) is result  # of TLS


def test_unix_sockets_do_not_vanish() -> None:
    one, two = socket.socketpair()
    with one, two:
        assert unanswered(Transport(one)) is False


@pytest.mark.parametrize("transport", [object(), Transport(Handle(b"")), Transport(None)])
def test_what_cannot_be_told(transport: Any) -> None:
    assert unanswered(transport) is True


def test_a_connection_that_is_over() -> None:
    assert closed_outbox().unanswered() is True
