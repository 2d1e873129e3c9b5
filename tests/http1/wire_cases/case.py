"""How a case of the wire table is written, and how it is checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cyclone.testing import MemoryConnection, ResponseParser

from .app import application

#: A request that is answered 200 whatever came before it; its answer ends with its query.
PROBE = b"GET /echo?probe HTTP/1.1\r\nHost: a\r\n\r\n"
FIRST = b"POST /echo?first HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"

_DATE = re.compile(rb"\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n")
FROZEN_DATE = b"\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"


@dataclass(frozen=True)
class Answer:
    """One response that is expected.

    - `status`: the code, or a tuple of codes that are all as good;
    - `body`: the whole body, None for any;
    - `headers`: name -> value that must be there once; None for a field that must be absent;
    - `method`: of the request (the answer to HEAD has no body);
    - `raw`: the exact bytes, with the date frozen.
    """

    status: int | tuple[int, ...] = 200
    body: bytes | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    method: str = "GET"
    raw: bytes | None = None

    def check(self, got: ResponseParser) -> None:
        """Compare with `got`."""
        statuses = self.status if isinstance(self.status, tuple) else (self.status,)
        assert got.complete, f"incomplete response, status {got.status}"
        assert got.status in statuses, (got.status, bytes(got.body))
        if self.body is not None:
            assert bytes(got.body) == self.body
        for name, value in self.headers.items():
            assert got.values(name) == ([] if value is None else [value]), (name, got.fields)


@dataclass(frozen=True)
class Case:
    """One row of the table: what a client sends, and what must come back.

    - `data`: all that is sent;
    - `answers`: the responses, 1xx left out;
    - `closed`: must the server have closed (its side) afterwards? If not, the connection
      must answer another request;
    - `waiting`: the request is not complete, so the connection is open but not free;
    - `eof`: the client closes its sending side after `data`;
    - `settings`: of the application;
    - `alone`: no request can go before it on the connection;
    - `step`: pieces that `data` is sent in where others are sent byte by byte;
    - `rfc`: where the rule is written.
    """

    name: str
    data: bytes
    answers: tuple[Answer, ...]
    closed: bool = False
    waiting: bool = False
    eof: bool = False
    alone: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    step: int = 1
    rfc: str = ""

    def run(self, pieces: Iterable[bytes], before: tuple[Answer, ...] = ()) -> None:
        """Send `pieces`; check that the answers are `before` and then those of the case."""
        connection = MemoryConnection(application(**self.settings))
        for piece in pieces:
            connection.send(piece)
        if self.eof:
            connection.eof()
        self.check(connection, before + self.answers)

    def check(self, connection: MemoryConnection, answers: tuple[Answer, ...]) -> None:
        """Check what `connection` received, and the state that it is in."""
        got = connection.responses(*(answer.method for answer in answers))
        shown = [(each.status, bytes(each.body[:100])) for each in got if each.status]
        assert len(shown) == len(answers), shown
        for answer, response in zip(answers, got, strict=False):
            answer.check(response)
        if answers and answers[-1].raw is not None:
            received = _DATE.sub(FROZEN_DATE, connection.received)
            assert received.endswith(answers[-1].raw)
        assert connection.closed == self.closed, shown
        assert not connection.transport.late_writes
        assert connection.transport.aborted is False
        if not self.closed and not self.waiting:
            connection.transport.take()
            connection.send(PROBE)
            (after,) = connection.responses("GET")
            assert after.status == 200
            assert after.body.endswith(b"?probe @a []")
        self.leave(connection)

    def leave(self, connection: MemoryConnection) -> None:
        """The client has read everything and goes: nothing may be left behind."""
        connection.transport.take()
        connection.advance(5)  # a lingering close ends by itself
        connection.disconnect()
        assert connection.received == b""
        assert connection.protocol not in connection.protocol.factory.connections


REFUSAL = {
    "Connection": "close",
    "Content-Type": "text/plain; charset=utf-8",
    "Transfer-Encoding": None,
}


def request(
    line: str | bytes = "GET /echo HTTP/1.1",
    *fields: str | bytes,
    body: bytes = b"",
    host: str | bytes | None = "a",
) -> bytes:
    """The bytes of a request. `host` None leaves the Host field out."""
    lines = [_bytes(line)]
    if host is not None:
        lines.append(b"Host: " + _bytes(host))
    lines += [_bytes(each) for each in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def echo(
    method: str = "GET",
    path: str = "/echo",
    query: str = "",
    host: str = "a",
    body: bytes = b"",
) -> bytes:
    """What the echo handlers of the application write."""
    return f"{method} {path} ?{query} @{host} [".encode() + body + b"]"


def ok(name: str, data: bytes, body: bytes | None = None, **more: Any) -> Case:
    """A request answered 200 and kept."""
    headers = more.pop("headers", {})
    method = more.pop("method", "GET")
    return Case(name, data, (Answer(200, body, headers, method),), **more)


def refused(name: str, data: bytes, status: int | tuple[int, ...] = 400, **more: Any) -> Case:
    """A request that no handler may see: one error response, then the end."""
    return Case(name, data, (Answer(status, None, REFUSAL),), closed=True, **more)


def _bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text
