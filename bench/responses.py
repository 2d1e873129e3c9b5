"""Reading HTTP/1.1 responses on the client's side of the benchmark.

Only what a keep-alive load needs: bodies of known length and chunked ones, in any cutting of
the bytes.  A response that ends with its connection is refused: counting it would need a new
connection for each request, which is another measurement.
"""

from __future__ import annotations

from dataclasses import dataclass

_HEAD_END = b"\r\n\r\n"
_LINE_END = b"\r\n"


class BadResponse(Exception):
    """The bytes are not a keep-alive HTTP/1.1 response."""


@dataclass(frozen=True)
class Response:
    """A whole response: ``fields`` by lower-case name (the last of a name wins), decoded body."""

    status: int
    fields: dict[str, str]
    body: bytes

    def field(self, name: str) -> str:
        """Return the value of the field ``name`` (lower case), or an empty string."""
        return self.fields.get(name, "")


class ResponseReader:
    """Turns the bytes of one connection into responses.

    >>> reader = ResponseReader()
    >>> reader.feed(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nh")
    []
    >>> [response.body for response in reader.feed(b"i")]
    [b'hi']
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: Response | None = None
        self._body = bytearray()
        self._chunked = False
        self._wanted = 0
        self._scanned = 0

    @property
    def idle(self) -> bool:
        """Whether no part of a response has been read that is not complete yet."""
        return self._head is None and not self._buffer

    def feed(self, data: bytes) -> list[Response]:
        """Take ``data`` and return the responses it completes, in order.

        Raises :class:`BadResponse` for what cannot be counted as a keep-alive response.
        """
        self._buffer += data
        complete: list[Response] = []
        while True:
            if self._head is None and not self._read_head():
                return complete
            done = self._read_chunks() if self._chunked else self._read_sized()
            if not done:
                return complete
            complete.append(self._take())

    def _read_head(self) -> bool:
        end = self._find(_HEAD_END)
        if end < 0:
            return False
        self._head = parse_head(bytes(self._buffer[:end]))
        del self._buffer[: end + len(_HEAD_END)]
        self._body.clear()
        self._chunked, self._wanted = _framing(self._head)
        return True

    def _find(self, separator: bytes) -> int:
        """Find ``separator`` in the buffer, looking at each byte about once over many reads."""
        end = self._buffer.find(separator, max(0, self._scanned - len(separator)))
        self._scanned = 0 if end >= 0 else len(self._buffer)
        return end

    def _read_sized(self) -> bool:
        part = self._buffer[: self._wanted]
        self._body += part
        self._wanted -= len(part)
        del self._buffer[: len(part)]
        return self._wanted == 0

    def _read_chunks(self) -> bool:
        """Read chunks, with ``_wanted`` the bytes left of one with its line end (0: between)."""
        while True:
            if self._wanted:
                if not self._read_sized():
                    return False
                if not self._body.endswith(_LINE_END):
                    raise BadResponse("a chunk is longer than its size says")
                del self._body[-2:]
            end = self._find(_LINE_END)
            if end < 0:
                return False
            size = _chunk_size(bytes(self._buffer[:end]))
            if size == 0:
                return self._read_last_chunk(end)
            del self._buffer[: end + 2]
            self._wanted = size + 2

    def _read_last_chunk(self, end: int) -> bool:
        """Skip the last chunk, whose size line ends at ``end``, and the trailers after it."""
        stop = self._buffer.find(_HEAD_END, end)
        if stop < 0:
            return False
        del self._buffer[: stop + len(_HEAD_END)]
        return True

    def _take(self) -> Response:
        head = self._head
        if head is None:
            raise BadResponse("a body without a head")
        self._head = None
        return Response(head.status, head.fields, bytes(self._body))


def parse_head(head: bytes) -> Response:
    """Parse a status line and its fields (without the empty line); the body is empty.

    Raises :class:`BadResponse`.
    """
    lines = head.decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    status = rest[:3]
    if version != "HTTP/1.1" or len(status) != 3 or not status.isdecimal():
        raise BadResponse(f"status line {lines[0][:80]!r}")
    fields: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadResponse(f"header line {line[:80]!r}")
        fields[name.lower()] = value.strip()
    return Response(int(status), fields, b"")


def _framing(head: Response) -> tuple[bool, int]:
    """Return (chunked, length) of the body that follows ``head``."""
    if head.field("connection").lower() == "close":
        raise BadResponse("the server closes the connection (Connection: close)")
    if head.field("transfer-encoding").lower() == "chunked":
        return True, 0
    length = head.field("content-length")
    if not length.isdecimal():
        raise BadResponse(f"no usable length: Content-Length {length!r}")
    return False, int(length)


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    try:
        return int(digits, 16)
    except ValueError:
        raise BadResponse(f"chunk size {line[:40]!r}") from None
