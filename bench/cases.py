"""What is asked of every server and what it must answer.

A case is a complete request as bytes, made once, a check of the answer, and how it is loaded. The
applications under ``bench/apps`` answer the cases that their servers can; what a server answers
otherwise is not measured there, and the tables say so.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from bench.database import QUERIES, SUM, page_facts
from bench.responses import Response

HOST = "127.0.0.1"
FILE_SIZE = 102_400
PIPELINE_DEPTH = 16
EVENTS = 1000  # of one stream
MESSAGE_SIZE = 64  # bytes of a WebSocket message

#: Field lines as a desktop browser sends them; with Host they make ten.
BROWSER_FIELDS = (
    ("Connection", "keep-alive"),
    ("Cache-Control", "max-age=0"),
    ("Upgrade-Insecure-Requests", "1"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"),
    ("Accept-Language", "en-GB,en;q=0.8,de;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Referer", "http://127.0.0.1/index.html"),
    ("Cookie", "session=MTIzNDU2Nzg5MGFiY2RlZg; theme=dark; visits=1700000000.42"),
)

#: Where a request has this, whoever sends it puts another number, of as many digits, each time.
PLACE = "############"
_VISITOR_FIELDS = (
    *BROWSER_FIELDS[:-1],
    ("Cookie", f"session=MTIzNDU2Nzg5MGFiY2RlZg; theme=dark; visits={PLACE}"),
)

_UPGRADE = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
)
_FORM = b"name=alice&text=" + b"+".join([b"hello%2C+world."] * 14) + b"&n=42"
_BOUNDARY = "----bench-7f3a9c51e0d24b86"


class WrongAnswer(Exception):
    """A server answered a case otherwise than the case says."""


def file_content() -> bytes:
    """Return the file that is uploaded, and served as a static one."""
    line = b"All work and no play makes a dull server; 64 bytes in each line.\n"
    return (line * (FILE_SIZE // len(line) + 1))[:FILE_SIZE]


def _upload() -> bytes:
    head = (
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="f"; filename="a.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + file_content() + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _page_facts(body: bytes) -> tuple[int, int, int]:
    """Rows, the last row's name escaped, and not escaped."""
    return body.count(b"<tr>"), body.count(b"&lt;49"), body.count(b"<49")


@dataclass(frozen=True)
class Case:
    """One request and its right answer.

    ``name`` selects it on the command line, ``title`` heads its table, ``unit`` is what the
    figures are per. ``method``, ``target``, ``fields`` and ``content`` make the request
    (HTTP/1.1, keep-alive). ``content_type`` is what the answer's Content-Type must start with,
    ``decode`` turns the answer's body into what is compared with ``expected``.

    ``mode`` is the load generator's: ``http``, ``echo``, ``broadcast`` or ``events``; ``depth``
    requests are sent at once.

    ``database``: it needs the database, see :mod:`bench.database`.
    """

    name: str
    title: str
    target: str
    content_type: str = ""
    expected: object = None
    fields: tuple[tuple[str, str], ...] = ()
    decode: Callable[[bytes], object] = bytes
    method: str = "GET"
    content: bytes = b""
    unit: str = "request"
    mode: str = "http"
    depth: int = 1
    tls: bool = False
    connections: int | None = None
    database: bool = False

    def request(self, port: int) -> bytes:
        """Return the request for a server on ``port`` of the loopback interface."""
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {HOST}:{port}"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        if self.mode in ("echo", "broadcast"):
            lines.append(f"Origin: http://{HOST}:{port}")
        if self.content:
            lines.append(f"Content-Length: {len(self.content)}")
        return "\r\n".join([*lines, "", ""]).encode("ascii") + self.content

    @property
    def answers(self) -> int:
        """How many units come for what is sent once."""
        if self.mode == "events":
            return EVENTS
        return self.connections or 1 if self.mode == "broadcast" else 1

    def times(self, units: int) -> int:
        """Return how often to ask for about so many units, at least five times."""
        return max(5, units // self.answers)

    def arguments(self) -> list[str]:
        """Return what the load generator is told about the case."""
        arguments = [f"--mode={self.mode}", f"--depth={self.depth}"]
        arguments += [f"--message={MESSAGE_SIZE}", f"--count={EVENTS}"]
        return [*arguments, "--tls"] if self.tls else arguments

    def check(self, response: Response) -> None:
        """Raise :class:`WrongAnswer` unless ``response`` is the right answer in every part."""
        if response.status != 200:
            raise WrongAnswer(f"{self.name}: status {response.status}, wanted 200")
        content_type = response.field("content-type")
        if not content_type.startswith(self.content_type):
            raise WrongAnswer(
                f"{self.name}: Content-Type {content_type!r}, wanted {self.content_type!r}"
            )
        try:
            body = self.decode(response.body)
        except ValueError as error:
            raise WrongAnswer(f"{self.name}: body cannot be decoded: {error}") from error
        if body != self.expected:
            raise WrongAnswer(f"{self.name}: body {response.body[:80]!r}")


_HELLO = b"hello, world"

CASES = {
    case.name: case
    for case in (
        Case("plaintext", "Plaintext", "/", "text/plain", _HELLO),
        Case(
            "browser",
            "Plaintext, a browser's ten header lines",
            "/",
            "text/plain",
            _HELLO,
            fields=BROWSER_FIELDS,
        ),
        Case(
            "visitors",
            "Browser's header lines, no two requests the same",
            "/",
            "text/plain",
            _HELLO,
            fields=_VISITOR_FIELDS,
        ),
        Case(
            "json",
            "JSON",
            "/json",
            "application/json",
            {"message": "hello, world"},
            decode=json.loads,
        ),
        Case("parameters", "Path and query parameters", "/user/42?q=x", "text/plain", b"42 x"),
        Case(
            "template",
            "Template, 50 escaped rows",
            "/page",
            "text/html",
            (50, 1, 0),
            decode=_page_facts,
        ),
        Case(
            "form",
            "Form of three fields",
            "/form",
            expected=b"alice 195",
            fields=(("Content-Type", "application/x-www-form-urlencoded"),),
            method="POST",
            content=_FORM,
        ),
        Case(
            "upload",
            "Upload of 100 kB (multipart)",
            "/upload",
            expected=b"%d" % FILE_SIZE,
            fields=(("Content-Type", f"multipart/form-data; boundary={_BOUNDARY}"),),
            method="POST",
            content=_upload(),
        ),
        Case("static", "Static file of 100 kB", "/static/file.bin", expected=file_content()),
        Case("tls", "Plaintext over TLS, keep-alive", "/", "text/plain", _HELLO, tls=True),
        Case(
            "pipelined",
            f"Plaintext, {PIPELINE_DEPTH} requests pipelined",
            "/",
            "text/plain",
            _HELLO,
            depth=PIPELINE_DEPTH,
        ),
        Case(
            "echo",
            f"WebSocket echo of {MESSAGE_SIZE} bytes",
            "/ws",
            fields=_UPGRADE,
            unit="message",
            mode="echo",
        ),
        Case(
            "broadcast",
            "WebSocket broadcast to 100 connections",
            "/broadcast",
            fields=_UPGRADE,
            unit="message received",
            mode="broadcast",
            connections=100,
        ),
        Case(
            "events",
            "Server-sent events",
            f"/sse?n={EVENTS}",
            "text/event-stream",
            EVENTS,
            decode=lambda body: body.count(b"data:"),
            unit="event",
            mode="events",
            connections=16,
        ),
        Case(
            "db",
            "One query",
            "/db",
            "application/json",
            {"sum": SUM},
            decode=json.loads,
            database=True,
        ),
        Case(
            "queries",
            f"{QUERIES} queries",
            "/queries",
            "application/json",
            {"rows": [{"sum": SUM}] * QUERIES},
            decode=json.loads,
            database=True,
        ),
        Case(
            "updates",
            f"{QUERIES} rows read and written",
            "/updates",
            "application/json",
            {"rows": [{"sum": SUM}] * QUERIES},
            decode=json.loads,
            database=True,
        ),
        Case(
            "fortunes",
            "A page of fortunes, escaped",
            "/fortunes",
            "text/html",
            (13, 1, 0, True),
            decode=page_facts,
            database=True,
        ),
    )
}
