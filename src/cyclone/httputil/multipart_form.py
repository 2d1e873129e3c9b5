"""``multipart/form-data`` (RFC 7578), in memory or parsed as it is read.

A form that is read is parsed by the `multipart` library.  What it lets through and a form has no
use for is refused by the rules that both ways share, and a preamble here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    ParserLimitReached,
    PushMultipartParser,
    StrictParserError,
)

from .body import BodyBuffer
from .errors import HTTPInputError
from .files import HTTPFile
from .formconfig import ParseMultipartConfig, get_parse_body_config
from .multipart_memory import parse_whole
from .multipart_rules import (
    MAX_HEADERS,
    Arguments,
    Files,
    Form,
    Part,
    boundary_of,
    checked_boundary,
    headers_too_large,
    malformed,
    no_boundary_first,
)

if TYPE_CHECKING:
    from multipart import MultipartSegment

__all__ = ["parse_multipart", "parse_multipart_form_data"]

_READ_SIZE = 65536


def parse_multipart_form_data(
    boundary: bytes,
    data: bytes,
    arguments: Arguments,
    files: Files,
    *,
    config: ParseMultipartConfig | None = None,
) -> None:
    """Parse a form that is in memory.

    Args:
        boundary: from Content-Type, perhaps quoted.
        data: the body.
        arguments: gets the values of fields, by name.
        files: gets the files, by name.
        config: limits.  Default: those of `set_parse_body_config`.

    Raises:
        HTTPInputError: the form is malformed or exceeds a limit; nothing was added then.
    """
    if len(boundary) >= 2 and boundary.startswith(b'"') and boundary.endswith(b'"'):
        boundary = boundary[1:-1]
    boundary = checked_boundary(boundary.decode("latin-1"))
    config = config or get_parse_body_config().multipart
    form = Form(config)
    parse_whole(bytes(data), boundary, form, config.max_part_header_size)
    for field, values in form.arguments.items():
        arguments.setdefault(field, []).extend(values)
    for field, uploads in form.files.items():
        files.setdefault(field, []).extend(uploads)


def parse_multipart(
    stream: BinaryIO,
    content_type: str,
    config: ParseMultipartConfig | None = None,
    *,
    spool_size: int | None = 1024 * 1024,
) -> tuple[Arguments, Files]:
    """Parse a form that is read from a stream, with large files going to temporary files.

    Args:
        stream: the body.
        content_type: of the body.
        config: limits.  Default: those of `set_parse_body_config`.
        spool_size: bytes of a file that may be in memory; of all files together, four times that.
            None for any number.

    Returns:
        the values of fields by name, and the files by name.  The files are the caller's to close.

    Raises:
        HTTPInputError: the form is malformed or exceeds a limit.
        OSError: a temporary file cannot be written.
    """
    reader = _Reader(
        boundary_of(content_type), config or get_parse_body_config().multipart, spool_size
    )
    try:
        reader.read(iter(lambda: stream.read(_READ_SIZE), b""))
    except BaseException:
        reader.close()
        raise
    return reader.form.arguments, reader.form.files


class _Reader:
    """Reads a form, piece by piece."""

    def __init__(
        self, boundary: bytes, config: ParseMultipartConfig, spool_size: int | None
    ) -> None:
        self.form = Form(config)
        self._boundary = boundary
        self._config = config
        self._spool_size = spool_size
        self._memory_left = None if spool_size is None else 4 * spool_size
        self._content = BodyBuffer(None)
        self._part = Part("", "", "")

    def read(self, chunks: Iterator[bytes]) -> None:
        """Parse the whole body."""
        parser = PushMultipartParser(
            self._boundary,
            max_header_size=self._config.max_part_header_size,
            max_header_count=MAX_HEADERS,
            strict=True,
        )
        try:
            for piece in self._completed(self._begun(chunks)):
                for event in parser.parse(piece):
                    self._take(event)
            parser.close()
        except StrictParserError as exc:
            self._tolerate_epilogue(parser, exc)
        except MultipartError as exc:
            raise _input_error(exc) from None

    def _begun(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The chunks, after a look at the beginning.

        A form begins with its boundary.  The parser would skip a preamble, or not, depending on
        where chunks end.
        """
        delimiter = b"--" + self._boundary
        start = b""
        while len(start) < len(delimiter) + 2:
            chunk = next(chunks, b"")
            if not chunk:
                break
            start += chunk
        if not start.startswith((delimiter, b"\r\n" + delimiter)):
            raise no_boundary_first()
        yield start
        yield from chunks

    def _completed(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The chunks, with an empty content for parts that have none.

        RFC 2046 section 5.1.1: in a part without content the CRLF that ends the header section
        belongs to the boundary.  The parser wants a CRLF for each, so it gets one.
        """
        pattern = b"\r\n\r\n--" + self._boundary
        data = next(chunks, b"")
        while data:
            following = next(chunks, b"")
            start = 0
            while (found := data.find(pattern, start)) != -1:
                yield data[start : found + 2]
                parts = self.form.parts
                yield b"\r\n"
                if self.form.parts > parts:  # that was the end of a header section
                    yield b"\r\n"
                start = found + 4
            # What could be the beginning of the pattern waits for the next chunk.
            end = data.find(b"\r", max(start, len(data) - len(pattern) + 1)) if following else -1
            if end == -1:
                end = len(data)
            if start < end:
                yield data[start:end]
            data = data[end:] + following

    def _tolerate_epilogue(self, parser: PushMultipartParser, error: StrictParserError) -> None:
        """RFC 2046 section 5.1.1: what follows the last boundary is ignored."""
        try:
            parser.close()  # raises unless the last boundary was found
        except MultipartError:
            raise _input_error(error) from None

    def _take(self, event: MultipartSegment | bytes | None) -> None:
        if isinstance(event, bytes):
            self._take_content(event)
        elif event is not None:
            self._begin_part(event.headerlist)
        else:
            self._end_part()

    def _begin_part(self, headers: Iterable[tuple[str, str]]) -> None:
        self._part = self.form.begin_part(headers)
        self._content = BodyBuffer(self._spool_limit() if self._part.filename else None)

    def _spool_limit(self) -> int | None:
        if self._spool_size is None or self._memory_left is None:
            return None
        return min(self._spool_size, self._memory_left)

    def _take_content(self, data: bytes) -> None:
        if not self._part.filename:
            self.form.count_field(len(data))
        self._content.append(data)

    def _end_part(self) -> None:
        part, content = self._part, self._content
        if not part.filename:
            self.form.add_field(part, content.getvalue())
        elif content.spooled:
            file = HTTPFile(
                filename=part.filename, content_type=part.content_type, file=content.open()
            )
            self.form.add_file(part, file)
        else:
            file = HTTPFile(
                filename=part.filename, body=content.getvalue(), content_type=part.content_type
            )
            self.form.add_file(part, file)
            if self._memory_left is not None:
                self._memory_left -= content.size

    def close(self) -> None:
        """Give all temporary files back."""
        self._content.close()
        for uploads in self.form.files.values():
            for file in uploads:
                file.close()


def _input_error(error: MultipartError) -> HTTPInputError:
    if isinstance(error, ParserLimitReached):
        # Parts are counted by the form, so the limit was one for part headers.
        return headers_too_large()
    # The first argument is the library's text, another one could hold what was received.
    return malformed(error.args[0])
