"""A handler that takes its body piece by piece, and bodies for it."""

from __future__ import annotations

from typing import Any

from cyclone.web import stream_request_body

from .support import (
    Noting,
)

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
SIZED = POST + b"Content-Length: %d\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@stream_request_body
class Streaming(Noting):
    """Notes the pieces."""

    def data_received(self, chunk: bytes) -> Any:
        self.notes.append(chunk)

    def post(self) -> Any:
        self.notes.append("post")
        self.write("done")

    put = get = post


FRAMINGS = ["sized", "chunked"]


def requests(*bodies: bytes) -> list[bytes]:
    """The ways in which one body may come, in the order of `FRAMINGS`."""
    whole = b"".join(bodies)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(body), body) for body in bodies) + b"0\r\n\r\n"
    return [SIZED % len(whole) + whole, CHUNKED + chunks]
