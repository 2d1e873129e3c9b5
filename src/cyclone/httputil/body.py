"""Request bodies while they arrive: `BodyBuffer`."""

from __future__ import annotations

from io import BytesIO
from tempfile import TemporaryFile
from typing import BinaryIO, cast

__all__ = ["BodyBuffer"]

# Pieces below this size are put together at once: as objects of their own they would take many
# times their size.
_SMALL = 4096


class BodyBuffer:
    """Bytes that come in pieces: in memory up to a size, then in an unnamed temporary file.

    Attributes:
        size: bytes so far.
        spool_size: bytes that may be in memory; None for any number.
    """

    __slots__ = ("_file", "_parts", "size", "spool_size")

    def __init__(self, spool_size: int | None = 1024 * 1024) -> None:
        self.size = 0
        self.spool_size = spool_size
        self._parts: list[bytes | bytearray] = []
        self._file: BinaryIO | None = None

    @property
    def spooled(self) -> bool:
        """Whether the bytes are in a file."""
        return self._file is not None

    def append(self, chunk: bytes) -> None:
        """Take the next piece.

        Raises:
            OSError: the temporary file cannot be written.
        """
        self.size += len(chunk)
        if self._file is not None:
            self._file.write(chunk)
            return
        parts = self._parts
        if not parts or len(chunk) >= _SMALL:
            parts.append(chunk)
        elif isinstance(parts[-1], bytearray):
            parts[-1] += chunk
        else:
            parts.append(bytearray(chunk))
        if self.spool_size is not None and self.size > self.spool_size:
            self._spool()

    def _spool(self) -> None:
        file = cast(BinaryIO, TemporaryFile())  # noqa: SIM115 - closed by `close`
        try:
            file.writelines(self._parts)
        except BaseException:
            file.close()
            raise
        self._file = file
        self._parts = []

    def getvalue(self) -> bytes:
        """Return all bytes so far."""
        if self._file is not None:
            return self.open().read()
        parts = self._parts
        if len(parts) != 1 or isinstance(parts[0], bytearray):
            self._parts = parts = [b"".join(parts)]
        return cast(bytes, parts[0])

    def open(self) -> BinaryIO:
        """Return a file of all bytes so far, at its beginning.

        A spooled buffer has one file; opening it again rewinds it.  `close` closes it.
        """
        if self._file is None:
            return BytesIO(self.getvalue())
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Give the temporary file back, if there is one.  What is in memory stays."""
        if self._file is not None:
            self._file.close()
