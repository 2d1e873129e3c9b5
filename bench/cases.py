"""What is asked of every server and what it must answer.

A case is a complete request as bytes, made once, and a check of the answer.  Every application
under ``bench/apps`` answers all cases; a server that answers one wrongly stops the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from bench.responses import Response

HOST = "127.0.0.1"

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


class WrongAnswer(Exception):
    """A server answered a case otherwise than the case says."""


@dataclass(frozen=True)
class Case:
    """One request and its right answer.

    ``name`` selects it on the command line, ``title`` heads its table.  ``target`` and
    ``fields`` make the request (GET, HTTP/1.1, keep-alive by default).  ``content_type`` is
    what the answer's Content-Type must start with, ``decode`` turns the answer's body into what
    is compared with ``expected``.
    """

    name: str
    title: str
    target: str
    content_type: str
    expected: object
    fields: tuple[tuple[str, str], ...] = ()
    decode: Callable[[bytes], object] = bytes

    def request(self, port: int) -> bytes:
        """Return the request for a server on ``port`` of the loopback interface."""
        lines = [f"GET {self.target} HTTP/1.1", f"Host: {HOST}:{port}"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        return "\r\n".join([*lines, "", ""]).encode("ascii")

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


CASES = {
    case.name: case
    for case in (
        Case("plaintext", "Plaintext", "/", "text/plain", b"hello, world"),
        Case(
            "browser",
            "Plaintext, a browser's ten header lines",
            "/",
            "text/plain",
            b"hello, world",
            fields=BROWSER_FIELDS,
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
    )
}
