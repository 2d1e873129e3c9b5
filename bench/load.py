"""The load generator: keep-alive connections that ask, wait for the whole answer, ask again.

The connections ask in volleys: all of them again when all have their answer.  A client written in
Python is slower than some of the servers; asking one by one it would measure how they wake up for
single requests, not what a request costs under load.

It runs in a process of its own (``python -m bench.load``) and prints one JSON object.  Every
answer is checked in full, cheaply: bytes that have been parsed and found right once are right
again, and a server's answers differ only when its Date moves on.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass

from bench.cases import CASES, HOST, Case, WrongAnswer
from bench.cpu import tree_seconds
from bench.responses import BadResponse, ResponseReader

_READ_SIZE = 65536
_KNOWN_LIMIT = 1024  # answers remembered; a server that varies each one is checked each time
_STALL = 5.0  # seconds without any answer


class LoadError(Exception):
    """The server cannot be measured: wrong answer, closed connection, or silence."""


@dataclass(frozen=True)
class Sample:
    """What one turn measured: answers, seconds on the clock, seconds of the server's CPU."""

    responses: int
    seconds: float
    cpu: float


class Answers:
    """Counts the right answers of one case on one connection's byte stream."""

    def __init__(self, case: Case, known: set[bytes]) -> None:
        self._case = case
        self._known = known
        self._reader = ResponseReader()

    def count(self, data: bytes) -> int:
        """Return how many answers ``data`` completes; raise :class:`LoadError` for a wrong one."""
        if data in self._known and self._reader.idle:
            return 1
        alone = self._reader.idle
        try:
            responses = self._reader.feed(data)
            for response in responses:
                self._case.check(response)
        except (BadResponse, WrongAnswer) as error:
            raise LoadError(str(error)) from error
        if alone and len(responses) == 1 and self._reader.idle:
            self._remember(data)
        return len(responses)

    def _remember(self, data: bytes) -> None:
        if len(self._known) >= _KNOWN_LIMIT:
            self._known.clear()
        self._known.add(data)


class Load:
    """``connections`` keep-alive connections to one server, each with one request under way."""

    def __init__(self, case: Case, port: int, connections: int) -> None:
        self._request = case.request(port)
        self._poll = select.epoll()
        self._sockets: dict[int, tuple[socket.socket, Answers]] = {}
        self._waiting = 0  # connections that have no answer yet
        known: set[bytes] = set()
        for _ in range(connections):
            self._connect(port, Answers(case, known))

    def _connect(self, port: int, answers: Answers) -> None:
        sock = socket.create_connection((HOST, port), timeout=_STALL)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        self._poll.register(sock.fileno(), select.EPOLLIN)
        self._sockets[sock.fileno()] = (sock, answers)

    def start(self) -> None:
        """Send a request on every connection."""
        self._waiting = len(self._sockets)
        for sock, _ in self._sockets.values():
            sock.send(self._request)

    def run(self, seconds: float) -> int:
        """Keep the connections busy for ``seconds``; return the answers that came meanwhile."""
        total = 0
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            events = self._poll.poll(_STALL)
            if not events:
                raise LoadError(f"no answer within {_STALL:.0f} s")
            total += self._receive(events)
            if not self._waiting:
                self.start()
        return total

    def _receive(self, events: list[tuple[int, int]]) -> int:
        total = 0
        for descriptor, _ in events:
            sock, answers = self._sockets[descriptor]
            data = sock.recv(_READ_SIZE)
            if not data:
                raise LoadError("the server closed a keep-alive connection")
            total += answers.count(data)
        self._waiting -= total
        return total

    def close(self) -> None:
        """Close every connection."""
        for sock, _ in self._sockets.values():
            sock.close()
        self._poll.close()


def measure(
    case: Case, port: int, pid: int, *, connections: int, warmup: float, seconds: float
) -> Sample:
    """Load the server ``pid`` on ``port`` and return what it did in ``seconds`` of steady state.

    Connecting and ``warmup`` seconds are not measured.  Raises :class:`LoadError`.
    """
    load = Load(case, port, connections)
    try:
        load.start()
        load.run(warmup)
        cpu, start = tree_seconds(pid), time.perf_counter()
        responses = load.run(seconds)
        return Sample(responses, time.perf_counter() - start, tree_seconds(pid) - cpu)
    except OSError as error:
        raise LoadError(f"connection failed: {error}") from error
    finally:
        load.close()


def main(argv: list[str] | None = None) -> int:
    """Run one turn as a process: a :class:`Sample` or ``{"error": ...}`` as JSON on stdout."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--case", required=True, choices=CASES)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--pid", required=True, type=int)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--warmup", type=float, default=0.5)
    parser.add_argument("--seconds", type=float, default=2.0)
    args = parser.parse_args(argv)
    try:
        sample = measure(
            CASES[args.case],
            args.port,
            args.pid,
            connections=args.connections,
            warmup=args.warmup,
            seconds=args.seconds,
        )
    except (LoadError, OSError) as error:
        print(json.dumps({"error": str(error)}))
        return 1
    print(json.dumps(asdict(sample)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
