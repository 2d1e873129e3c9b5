"""``multipart/form-data`` (RFC 7578), parsed as it is read.

The `multipart` library finds the parts.  What it lets through and a form has no use for is refused
here: a preamble, control characters in part headers, parts without a name, repeated fields.  An
error says what was wrong and nothing is logged, however many bad parts there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
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
from .parameters import parse_parameters

if TYPE_CHECKING:
    from multipart import MultipartSegment

__all__ = ["boundary_of", "parse_multipart", "parse_multipart_form_data"]

Arguments = dict[str, list[bytes]]
Files = dict[str, list[HTTPFile]]

# RFC 2046 section 5.1.1.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# What browsers send, as long as nothing in it is escaped.
_USUAL_DISPOSITION = re.compile(r'form-data; name="([^"\\]++)"(?:; filename="([^"\\]*+)")?')
_READ_SIZE = 65536
_MAX_HEADERS = 16


def boundary_of(content_type: str) -> bytes:
    """Return the boundary in a Content-Type of ``multipart/form-data``.

    Raises:
        HTTPInputError: it is missing or malformed, or this is another type.
    """
    media_type, parameters = parse_parameters(content_type)
    if media_type.lower() != "multipart/form-data":
        raise HTTPInputError("Invalid multipart/form-data: Invalid content type")
    return _checked_boundary(parameters.get("boundary", ""))


def _checked_boundary(boundary: str) -> bytes:
    if not boundary:
        raise HTTPInputError("Invalid multipart/form-data: multipart boundary not found")
    if not _BOUNDARY.fullmatch(boundary):
        raise HTTPInputError("Invalid multipart/form-data: Invalid boundary")
    return boundary.encode("ascii")


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
    name = _checked_boundary(boundary.decode("latin-1"))
    form = _Form(name, config or get_parse_body_config().multipart, None)
    form.read(iter((data,)))
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
    form = _Form(boundary_of(content_type), config or get_parse_body_config().multipart, spool_size)
    try:
        form.read(iter(lambda: stream.read(_READ_SIZE), b""))
    except BaseException:
        form.close()
        raise
    return form.arguments, form.files


class _Form:
    """A form that is being parsed."""

    def __init__(
        self, boundary: bytes, config: ParseMultipartConfig, spool_size: int | None
    ) -> None:
        if not config.enabled:
            raise HTTPInputError("multipart/form-data parsing is disabled")
        self.arguments: Arguments = {}
        self.files: Files = {}
        self._boundary = boundary
        self._config = config
        self._spool_size = spool_size
        self._memory_left = None if spool_size is None else 4 * spool_size
        self._fields_left = config.max_fields_size
        self._parts = 0
        self._content = BodyBuffer(None)
        self._complete: Callable[[BodyBuffer], None] = self._add_field
        self._name = self._filename = self._type = ""

    def read(self, chunks: Iterator[bytes]) -> None:
        """Parse the whole body."""
        parser = PushMultipartParser(
            self._boundary,
            max_header_size=self._config.max_part_header_size,
            max_header_count=_MAX_HEADERS,
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
            raise HTTPInputError("Invalid multipart/form-data: the body begins with no boundary")
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
                parts = self._parts
                yield b"\r\n"
                if self._parts > parts:  # that was the end of a header section
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
            self._complete(self._content)

    def _begin_part(self, headers: Iterable[tuple[str, str]]) -> None:
        self._parts += 1
        if self._parts > self._config.max_parts:
            raise HTTPInputError("multipart/form-data has too many parts")
        fields = self._checked_headers(headers)
        self._name, self._filename = _disposition(fields.get("Content-Disposition", ""))
        if self._filename:
            self._type = fields.get("Content-Type", "application/unknown")
            self._complete = self._add_file
            self._content = BodyBuffer(self._spool_limit())
        else:
            self._complete = self._add_field
            self._content = BodyBuffer(None)

    def _checked_headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        fields: dict[str, str] = {}
        size = 0
        for name, value in headers:
            size += len(name) + len(value) + 4
            _refuse_control(value)
            if name in fields:
                raise HTTPInputError("multipart/form-data part header has a field twice")
            fields[name] = value.rstrip(" \t")
        if size > self._config.max_part_header_size:
            raise HTTPInputError("multipart/form-data part header too large")
        return fields

    def _spool_limit(self) -> int | None:
        if self._spool_size is None or self._memory_left is None:
            return None
        return min(self._spool_size, self._memory_left)

    def _take_content(self, data: bytes) -> None:
        if not self._filename:
            self._fields_left -= len(data)
            if self._fields_left < 0:
                raise HTTPInputError("multipart/form-data fields are too large")
        self._content.append(data)

    def _add_field(self, content: BodyBuffer) -> None:
        self.arguments.setdefault(self._name, []).append(content.getvalue())

    def _add_file(self, content: BodyBuffer) -> None:
        if content.spooled:
            file = HTTPFile(filename=self._filename, content_type=self._type, file=content.open())
        else:
            file = HTTPFile(
                filename=self._filename, body=content.getvalue(), content_type=self._type
            )
            if self._memory_left is not None:
                self._memory_left -= content.size
        self.files.setdefault(self._name, []).append(file)

    def close(self) -> None:
        """Give all temporary files back."""
        self._content.close()
        for uploads in self.files.values():
            for file in uploads:
                file.close()


def _disposition(value: str) -> tuple[str, str]:
    """Name and file name, which may be "", in a Content-Disposition."""
    usual = _USUAL_DISPOSITION.fullmatch(value)
    if usual is not None:
        return usual[1], usual[2] or ""
    disposition, parameters = parse_parameters(value)
    if disposition.lower() != "form-data":
        raise HTTPInputError("Invalid multipart/form-data: no form-data in a part")
    name, filename = parameters.get("name", ""), parameters.get("filename", "")
    if not name:
        raise HTTPInputError("multipart/form-data missing name")
    # Extended parameters were encoded when the header was checked.
    _refuse_control(name)
    _refuse_control(filename)
    return name, filename


def _refuse_control(text: str) -> None:
    if not text.isprintable() and _CONTROL.search(text):
        raise HTTPInputError("Invalid header value in multipart/form-data")


def _input_error(error: MultipartError) -> HTTPInputError:
    if isinstance(error, ParserLimitReached):
        # Parts are counted here, so the limit was one for part headers.
        return HTTPInputError("multipart/form-data part header too large")
    # The first argument is the library's text, another one could hold what was received.
    return HTTPInputError(f"Invalid multipart/form-data: {error.args[0]}")
