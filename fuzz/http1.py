"""Mutated requests for the HTTP/1.1 engine.

The invariant: whatever bytes a client sends, in whatever pieces, no exception escapes, nothing is
answered after bytes that were refused, and the server answers the next connection.

More exactly, for each input:

1. nothing is raised into the transport, and nothing is logged as an error of the engine;
2. what comes back is a row of well-formed responses, one for each request that a handler served,
   in that order, and after them at most one refusal, with which the connection ends;
3. when the client has gone and time has passed nothing is left: no connection, no timer;
4. a request on a new connection to the same server is answered.

Inputs are made from the wire table (``tests/http1/wire_cases``) by a generator that is seeded with
the seed and the number of the input, so one number brings a failure back.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import Any

from twisted.logger import LogLevel, globalLogPublisher

from cyclone.testing import MemoryConnection, parse_responses
from tests.http1.wire_cases import CASES, PROBE, application

__all__ = ["EngineErrors", "Violation", "check", "make_input", "run"]

#: A refusal by the engine: no handler of the application writes such a body.
_REFUSAL = re.compile(rb"[45]\d\d [A-Z][A-Za-z ]+: [ -~]+\n")
_TOKENS = (
    b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"\x00", b" ", b"\t", b":", b";", b",", b"/", b"*", b"%00",
    b"\xff", b"\xc3\xa9", b"Host: a\r\n", b"Host: b\r\n", b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n",
    b"Expect: 100-continue\r\n", b"Upgrade: x\r\nConnection: upgrade\r\n", b"HTTP/1.0", b"HTTP/1.1",
    b"HTTP/2.0", b"GET ", b"POST ", b"HEAD ", b"OPTIONS * ", b"CONNECT a:1 ", b"0\r\n\r\n",
    b"5\r\nhello\r\n", b"ffffffffffffffff\r\n", b"1_0", b"+5", b"0x5", b" \r\n folded", b"http://b/",
)  # fmt: skip
_CORPUS = tuple(case.data for case in CASES if 0 < len(case.data) < 20_000)


class Violation(AssertionError):
    """The invariant does not hold for an input."""


# -- inputs ----------------------------------------------------------------------------------------


def _flip(source: random.Random, data: bytearray) -> None:
    data[source.randrange(len(data))] ^= 1 << source.randrange(8)


def _replace(source: random.Random, data: bytearray) -> None:
    data[source.randrange(len(data))] = source.randrange(256)


def _insert(source: random.Random, data: bytearray) -> None:
    place = source.randrange(len(data) + 1)
    data[place:place] = source.choice(_TOKENS)


def _delete(source: random.Random, data: bytearray) -> None:
    place = source.randrange(len(data))
    del data[place : place + source.randint(1, 8)]


def _double(source: random.Random, data: bytearray) -> None:
    place = source.randrange(len(data))
    data[place:place] = data[place : place + source.randint(1, 40)]


def _cut(source: random.Random, data: bytearray) -> None:
    del data[source.randrange(len(data)) :]


def _splice(source: random.Random, data: bytearray) -> None:
    other = source.choice(_CORPUS)
    data[source.randrange(len(data)) :] = other[source.randrange(len(other)) :]


def _append(source: random.Random, data: bytearray) -> None:
    data += source.choice(_CORPUS)


_MUTATIONS: tuple[Callable[[random.Random, bytearray], None], ...] = (
    _flip, _replace, _insert, _insert, _delete, _double, _cut, _splice, _append,
)  # fmt: skip


def make_input(seed: int, number: int) -> list[bytes]:
    """The pieces that the client sends in input `number` of `seed`."""
    source = random.Random(f"{seed}/{number}")
    data = bytearray(source.choice(_CORPUS))
    for _ in range(source.choice((0, 1, 1, 1, 2, 3, 8))):
        if data:
            source.choice(_MUTATIONS)(source, data)
    return list(_pieces(source, bytes(data)))


def _pieces(source: random.Random, data: bytes) -> Iterator[bytes]:
    if source.random() < 0.05 and len(data) < 2000:
        yield from (data[index : index + 1] for index in range(len(data)))
        return
    cuts = sorted(source.randrange(len(data) + 1) for _ in range(source.choice((0, 0, 1, 3))))
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if start < end:
            yield data[start:end]


# -- the check -------------------------------------------------------------------------------------


class EngineErrors:
    """Collects what the engine or Twisted reports as gone wrong."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __call__(self, event: dict[str, Any]) -> None:
        application_log = event.get("log_namespace") == "cyclone.application"
        if event.get("log_level") is LogLevel.critical and not application_log:
            failure = event.get("log_failure")
            self.found.append(failure.getTraceback() if failure else str(event))

    def __enter__(self) -> EngineErrors:
        globalLogPublisher.addObserver(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        globalLogPublisher.removeObserver(self)


def check(pieces: list[bytes]) -> None:
    """Send `pieces` to a server, and see that the invariant holds.

    Raises:
        Violation: it does not.
    """
    served: list[str] = []
    server = application()
    server.settings["log_function"] = lambda handler: served.append(handler.request.method)
    with EngineErrors() as errors:
        connection = MemoryConnection(server)
        try:
            for piece in pieces:
                connection.send(piece)
            connection.eof()
            connection.advance(30, steps=10)
        except Exception as error:
            raise Violation(f"{type(error).__name__} escaped: {error}") from error
        _check_responses(connection, served)
        _check_left(connection, server)
        _check_next(server)
    if errors.found:
        raise Violation("an error was logged:\n" + "\n".join(errors.found))


def _check_responses(connection: MemoryConnection, served: list[str]) -> None:
    try:
        # Where a handler failed halfway the connection is dropped, and its response is cut.
        whole = connection.closed and not connection.transport.aborted
        responses = parse_responses(connection.received, tuple(served), closed=whole)
    except Exception as error:
        raise Violation(f"malformed output: {error}: {connection.received[-500:]!r}") from error
    final = [response for response in responses if response.status]
    refusals = [index for index, response in enumerate(final) if _is_refusal(response)]
    if refusals and refusals != [len(final) - 1]:
        raise Violation(f"answers after a refusal: {[response.status for response in final]}")
    if refusals and not connection.closed:
        raise Violation("the connection goes on after a refusal")
    complete = [response for response in final if response.complete]
    if len(complete) - len(refusals) > len(served):
        raise Violation(f"{len(complete)} responses for {len(served)} requests")


def _is_refusal(response: Any) -> bool:
    return response.values("Connection") == ["close"] and bool(
        _REFUSAL.fullmatch(bytes(response.body))
    )


def _check_left(connection: MemoryConnection, server: Any) -> None:
    connection.disconnect()
    connection.advance(120, steps=4)
    if server.connections:
        raise Violation("a connection is left behind")
    if server.clock.getDelayedCalls():
        raise Violation("a timer is left behind")


def _check_next(server: Any) -> None:
    following = MemoryConnection(server)
    following.send(PROBE)
    (response,) = following.responses("GET")
    if response.status != 200 or not response.body.endswith(b"?probe @a []"):
        raise Violation(f"the next connection got {response.status}")
    following.disconnect()


def run(seed: int, count: int, first: int = 0, progress: int = 0) -> None:
    """Check inputs `first` to `first + count` of `seed`.

    Args:
        progress: print a line each time so many inputs have been checked; 0 for never.

    Raises:
        Violation: for the first input that fails; the message says how to bring it back.
    """
    for number in range(first, first + count):
        pieces = make_input(seed, number)
        try:
            check(pieces)
        except Violation as violation:
            raise Violation(
                f"{violation}\ninput: {pieces!r}\n"
                f"again: python -m fuzz --seed {seed} --first {number} --count 1"
            ) from violation
        if progress and (number - first + 1) % progress == 0:
            print(f"{number - first + 1} inputs", flush=True)
