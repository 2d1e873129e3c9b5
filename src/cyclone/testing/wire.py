"""Bytes of HTTP/1.1 as a client writes and reads them: requests built, responses parsed.

The reading side is strict on purpose: it stands for the client that a server must
satisfy, so everything that RFC 9112 does not allow a server to send is an error here,
also what browsers forgive. No I/O happens in this file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9]) ([\t \x21-\x7e\x80-\xff]*)")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t \x21-\x7e\x80-\xff]*?)[ \t]*")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t \x21-\x7e\x80-\xff]*)?")
_DIGITS = re.compile(rb"[0-9]{1,19}")
_HEAD_LIMIT = 1 << 20

Fields = list[tuple[str, str]]


class ResponseError(Exception):
    """The server sent what no server may send; the message says which rule it broke."""


class ResponseParser:
    """Reads one response, however its bytes are cut.

    Attributes: `version` (``"HTTP/1.1"``), `status` (int, 0 until the head is here),
    `reason`, `fields` (list of name and value pairs in order), `body` (bytearray, what
    came so far), `trailers` (as `fields`), `informational` (one `(status, fields)` for
    each 1xx before the final response), `complete` (bool), `framing` (one of ``"none"``,
    ``"sized"``, ``"chunked"``, ``"close"``, and ``"upgrade"`` after 101).

    Args:
        method: that of the request: the answer to HEAD has no body (RFC 9112
            section 6.3), and 2xx to CONNECT makes a tunnel.
    """

    def __init__(self, method: str = "GET") -> None:
        self.method = method
        self.version = ""
        self.status = 0
        self.reason = ""
        self.fields: Fields = []
        self.body = bytearray()
        self.trailers: Fields = []
        self.informational: list[tuple[int, Fields]] = []
        self.framing = ""
        self.complete = False
        self._buffer = bytearray()
        self._left = 0
        self._step = self._read_head

    def feed(self, data: bytes) -> bytes:
        """Take `data`; return the bytes after the end of the response (``b""`` before it).

        Raises:
            ResponseError: for what no server may send.
        """
        self._buffer += data
        while not self.complete and self._step():
            pass
        if not self.complete:
            return b""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def eof(self) -> None:
        """The server has closed.

        Raises:
            ResponseError: when the response is cut off by that.
        """
        if self.framing == "close":
            self.complete = True
        if not self.complete:
            raise ResponseError("the connection was closed within a response")

    @property
    def begun(self) -> bool:
        """Has a byte of the final response come? Interim responses do not count."""
        return bool(self.status or self._buffer)

    def values(self, name: str) -> list[str]:
        """All values of the field `name`, in order."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @property
    def keep_alive(self) -> bool:
        """May another request follow on this connection? (RFC 9112 section 9.3)"""
        if not self.complete or self.framing in ("close", "upgrade"):
            return False
        options = {
            option.strip().lower()
            for value in self.values("Connection")
            for option in value.split(",")
        }
        if "close" in options:
            return False
        return self.version == "HTTP/1.1" or "keep-alive" in options

    # -- steps: each takes what it needs from the buffer and says whether it could

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _HEAD_LIMIT:
                raise ResponseError("the head does not end")
            return False
        lines = bytes(self._buffer[:end]).split(b"\r\n")
        del self._buffer[: end + 4]
        match = _STATUS_LINE.fullmatch(lines[0])
        if match is None:
            raise ResponseError(f"not a status line: {lines[0][:80]!r}")
        version = "HTTP/1." + match[1].decode("ascii")
        status = int(match[2])
        fields = parse_fields(lines[1:])
        if 100 <= status < 200 and status != 101:
            _check_no_framing(status, fields)
            self.informational.append((status, fields))
            return True
        self.version, self.status, self.fields = version, status, fields
        self.reason = match[3].decode("latin-1")
        self._frame()
        return True

    def _frame(self) -> None:
        lengths = self.values("Content-Length")
        codings = self.values("Transfer-Encoding")
        self._check_framing_fields(lengths, codings)
        if self.status in (101, 204):
            _check_no_framing(self.status, self.fields)
        if self.status == 101 or (self.method == "CONNECT" and 200 <= self.status < 300):
            self.framing, self.complete = "upgrade", True
        elif self.method == "HEAD" or self.status in (204, 304):
            self.framing, self.complete = "none", True
        elif codings:
            self.framing, self._step = "chunked", self._read_chunk_line
        elif lengths:
            self.framing, self._step = "sized", self._read_sized
            self._left = int(lengths[0])
            self.complete = not self._left
        else:
            self.framing, self._step = "close", self._read_close

    def _check_framing_fields(self, lengths: list[str], codings: list[str]) -> None:
        if len(lengths) > 1 or (lengths and not _DIGITS.fullmatch(lengths[0].encode("latin-1"))):
            raise ResponseError(f"bad Content-Length: {lengths}")
        if lengths and codings:
            raise ResponseError("Content-Length and Transfer-Encoding in one response")
        if not codings:
            return
        if [coding.lower() for coding in codings] != ["chunked"]:
            raise ResponseError(f"not the chunked coding alone: {codings}")
        if self.version == "HTTP/1.0":
            raise ResponseError("Transfer-Encoding in an HTTP/1.0 response")

    def _read_sized(self) -> bool:
        taken = self._take_body(self._left)
        self._left -= taken
        self.complete = not self._left
        return bool(taken)

    def _read_close(self) -> bool:
        return bool(self._take_body(len(self._buffer)))

    def _read_chunk_line(self) -> bool:
        line = self._take_line()
        if line is None:
            return False
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise ResponseError(f"not a chunk size: {line[:80]!r}")
        self._left = int(match[1], 16)
        self._step = self._read_chunk if self._left else self._read_trailers
        return True

    def _read_chunk(self) -> bool:
        taken = self._take_body(self._left)
        self._left -= taken
        if self._left:
            return bool(taken)
        self._step = self._read_chunk_end
        return True

    def _read_chunk_end(self) -> bool:
        line = self._take_line()
        if line:
            raise ResponseError("a chunk is longer than its size")
        self._step = self._read_chunk_line if line is not None else self._read_chunk_end
        return line is not None

    def _read_trailers(self) -> bool:
        line = self._take_line()
        if line is None:
            return False
        if line:
            self.trailers += parse_fields([line])
        else:
            self.complete = True
        return True

    def _take_body(self, count: int) -> int:
        data = self._buffer[:count]
        self.body += data
        del self._buffer[:count]
        return len(data)

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _HEAD_LIMIT:
                raise ResponseError("a line does not end")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line


def parse_fields(lines: Iterable[bytes]) -> Fields:
    """Names and values of field lines (without their CRLF).

    Raises:
        ResponseError: for a line that RFC 9112 section 5 does not allow.
    """
    fields = []
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise ResponseError(f"not a field line: {line[:80]!r}")
        fields.append((match[1].decode("ascii"), match[2].decode("latin-1")))
    return fields


def _check_no_framing(status: int, fields: Fields) -> None:
    # RFC 9112 section 6.1 and RFC 9110 section 8.6: neither field in 1xx and 204.
    for name, _ in fields:
        if name.lower() in ("content-length", "transfer-encoding"):
            raise ResponseError(f"{name} in a {status} response")


def encode_head(
    method: str, target: str, fields: Iterable[tuple[str, str]], version: str = "HTTP/1.1"
) -> bytes:
    """The head of a request, the empty line included.

    Raises:
        ValueError: for a method, target, name or value that would break out of its
            place; send hostile bytes through a raw connection instead.
    """
    lines = [f"{method} {target} {version}"]
    lines += [f"{name}: {value}" for name, value in fields]
    for line in lines:
        if re.search(r"[\x00\r\n]", line):
            raise ValueError(f"control character in {line!r}")
    if len(lines[0].split(" ")) != 3:
        raise ValueError(f"space in {lines[0]!r}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def encode_chunk(data: bytes) -> bytes:
    """`data` as one chunk of the chunked coding; ``b""`` is the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data)
