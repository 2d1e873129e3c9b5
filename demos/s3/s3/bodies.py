"""Bodies of uploads: the content coding ``aws-chunked``, hashes and checksums."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Iterator
from typing import Any, Protocol

from .errors import S3Error
from .signature import ChunkSigner

__all__ = ["ChunkedBody", "Digests", "PlainBody"]

_MAX_LINE = 1024
_MAX_TRAILERS = 16
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?")
_FIELD = re.compile(rb"([a-z0-9-]+):([\x21-\x7e]*)")


class Body(Protocol):
    """How a body is read."""

    #: What came after it.
    trailers: dict[str, str]

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Pieces of the content; raises `S3Error` if the body is not what was announced."""

    def finish(self) -> None:
        """The end; raises `S3Error` if it came too early, or if the hash is another."""


class PlainBody:
    """A body that is sent as it is, with the hash that was signed, or without one (None)."""

    def __init__(self, digest: str | None) -> None:
        self.trailers: dict[str, str] = {}
        self._expected = digest
        self._digest = hashlib.sha256()

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._expected is not None:
            self._digest.update(data)
        yield data

    def finish(self) -> None:
        if self._expected is not None and self._digest.hexdigest() != self._expected:
            raise S3Error("XAmzContentSHA256Mismatch")


class ChunkedBody:
    """A body in chunks, each with its size and, if a signer is given, its signature.

    A chunk is handed on before its signature has been seen: whoever keeps it must not show it
    before `finish` has agreed.

    Args:
        signer: checks the signatures, None where there are none.
        length: bytes of the content, as announced.
    """

    def __init__(self, signer: ChunkSigner | None, length: int) -> None:
        self.trailers: dict[str, str] = {}
        self._signer = signer
        self._left = length  # of the content
        self._buffer = b""
        self._state = self._head
        self._size = 0  # what is left of the chunk
        self._last = False
        self._signature = ""
        self._digest = hashlib.sha256()
        self._fields: list[tuple[str, str]] = []

    def feed(self, data: bytes) -> Iterator[bytes]:
        # What was read is left where it is until all is: chunks may be of a byte each.
        buffer, at = self._buffer + data, 0
        while at < len(buffer):
            if self._state == self._content:
                piece = buffer[at : at + self._size]
                at += len(piece)
                self._size -= len(piece)
                if self._signer is not None:
                    self._digest.update(piece)
                if not self._size:
                    self._state = self._after_content
                yield piece
                continue
            end = buffer.find(b"\r\n", at)
            if (len(buffer) if end < 0 else end) - at > _MAX_LINE:
                raise S3Error("IncompleteBody")
            if end < 0:
                break
            line, at = buffer[at:end], end + 2
            self._state(line)
        self._buffer = buffer[at:]

    def finish(self) -> None:
        if self._state != self._nothing or self._buffer or self._left:
            raise S3Error("IncompleteBody")

    def _head(self, line: bytes) -> None:
        head = _CHUNK.fullmatch(line)
        if head is None or (head[2] is None) == (self._signer is not None):
            raise S3Error("IncompleteBody")
        self._size = int(head[1], 16)
        self._left -= self._size
        if self._left < 0:
            raise S3Error("IncompleteBody", "The body is longer than was announced.")
        self._signature = (head[2] or b"").decode()
        self._digest = hashlib.sha256()
        if self._size:
            self._state = self._content
        else:
            self._end_of_chunk()
            self._state = self._trailer

    def _content(self, line: bytes) -> None:
        raise S3Error("IncompleteBody")  # content is not read by lines

    def _after_content(self, line: bytes) -> None:
        if line:
            raise S3Error("IncompleteBody")
        self._end_of_chunk()
        self._state = self._head

    def _end_of_chunk(self) -> None:
        if self._signer is not None:
            self._signer.check_chunk(self._digest.hexdigest(), self._signature)

    def _trailer(self, line: bytes) -> None:
        field = _FIELD.fullmatch(line)
        if not line:
            self._end()
        elif field is None or len(self._fields) == _MAX_TRAILERS:
            raise S3Error("IncompleteBody")
        else:
            self._fields.append((field[1].decode(), field[2].decode()))

    def _end(self) -> None:
        self.trailers = dict(self._fields)
        signature = self.trailers.pop("x-amz-trailer-signature", "")
        if self._signer is not None and self.trailers:
            self._signer.check_trailer(self.trailers.items(), signature)
        self._state = self._nothing

    def _nothing(self, line: bytes) -> None:
        raise S3Error("IncompleteBody")


class _CRC32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_CHECKSUMS: dict[str, Any] = {
    "x-amz-checksum-crc32": _CRC32,
    "x-amz-checksum-sha1": hashlib.sha1,
    "x-amz-checksum-sha256": hashlib.sha256,
    "content-md5": hashlib.md5,
}
#: Those that the standard library cannot compute.
_UNKNOWN = ("x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme")


class Digests:
    """The MD5 of an object, and what the client says of its checksums.

    Args:
        headers: those of the request, names in small letters.
        trailer: the field that is announced to come after the body, or an empty text.
    """

    def __init__(self, headers: dict[str, str], trailer: str = "") -> None:
        wanted = {name: headers[name] for name in (*_CHECKSUMS, *_UNKNOWN) if headers.get(name)}
        names = [*wanted, *([trailer.strip().lower()] if trailer.strip() else [])]
        if set(names) - set(_CHECKSUMS):
            known = ", ".join(name for name in _CHECKSUMS if name.startswith("x-"))
            raise S3Error("InvalidRequest", f"Checksums that are understood: {known}.")
        self._expected = wanted
        self._sums = {name: _CHECKSUMS[name]() for name in names}
        self.md5 = hashlib.md5()

    def update(self, data: bytes) -> None:
        """Count in a piece."""
        self.md5.update(data)
        for each in self._sums.values():
            each.update(data)

    def check(self, trailers: dict[str, str]) -> dict[str, str]:
        """Compare, and return the checksums, as header fields.

        Raises:
            S3Error: one is another, or did not come.
        """
        expected = {**self._expected, **trailers}
        for name, each in self._sums.items():
            try:
                sent = base64.b64decode(expected.get(name, ""), validate=True)
            except (binascii.Error, ValueError):
                raise S3Error("InvalidRequest", f"{name} is not base64.") from None
            if sent != each.digest():
                raise S3Error("BadDigest")
        return {name: value for name, value in expected.items()
                if name in self._sums and name != "content-md5"}  # fmt: skip
