"""What holds for every ``multipart/form-data`` (RFC 7578), however its parts are found.

Boundaries, header sections, names of fields and files, limits.  An error says what was wrong and
shows nothing of what was received, and nothing is logged, however many bad parts there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from multipart import parse_content_disposition  # type: ignore[import-untyped]

from .errors import HTTPInputError
from .files import HTTPFile
from .formconfig import ParseMultipartConfig
from .parameters import parse_parameters

__all__ = [
    "MAX_HEADERS",
    "Arguments",
    "Files",
    "Form",
    "Part",
    "boundary_of",
    "checked_boundary",
    "headers_too_large",
    "malformed",
    "no_boundary_first",
]

Arguments = dict[str, list[bytes]]
Files = dict[str, list[HTTPFile]]

#: Fields in the header section of a part; RFC 7578 knows three.
MAX_HEADERS = 16

# RFC 2046 section 5.1.1.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# What browsers send, as long as nothing in it is escaped.
_USUAL_DISPOSITION = re.compile(r'form-data; name="([^"\\]+)"(?:; filename="([^"\\]*+)")?')


class Part(NamedTuple):
    """What the header section of a part says.  Without a file name it is a field."""

    name: str
    filename: str
    content_type: str


class Form:
    """A form that is being parsed: what was found so far, and what may still come.

    Attributes:
        arguments: the values of fields, by name.
        files: the files, by name.
        parts: how many have begun.
    """

    def __init__(self, config: ParseMultipartConfig) -> None:
        if not config.enabled:
            raise HTTPInputError("multipart/form-data parsing is disabled")
        self.arguments: Arguments = {}
        self.files: Files = {}
        self.parts = 0
        self._config = config
        self._fields_left = config.max_fields_size

    def begin_part(self, headers: Iterable[tuple[str, str]]) -> Part:
        """Check and count a part.

        Args:
            headers: names in title case and values, which may have white space behind them.
        """
        self.parts += 1
        if self.parts > self._config.max_parts:
            raise HTTPInputError("multipart/form-data has too many parts")
        fields = self._checked_headers(headers)
        name, filename = _disposition(fields.get("Content-Disposition"))
        return Part(name, filename, fields.get("Content-Type", "application/unknown"))

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
            raise headers_too_large()
        return fields

    def count_field(self, size: int) -> None:
        """Take note of some more content of a field."""
        self._fields_left -= size
        if self._fields_left < 0:
            raise HTTPInputError("multipart/form-data fields are too large")

    def add_field(self, part: Part, content: bytes) -> None:
        """Add a field that was counted."""
        self.arguments.setdefault(part.name, []).append(content)

    def add_file(self, part: Part, file: HTTPFile) -> None:
        """Add a file."""
        self.files.setdefault(part.name, []).append(file)


def boundary_of(content_type: str) -> bytes:
    """Return the boundary in a Content-Type of ``multipart/form-data``.

    Raises:
        HTTPInputError: it is missing or malformed, or this is another type.
    """
    media_type, parameters = parse_parameters(content_type)
    if media_type.lower() != "multipart/form-data":
        raise malformed("Invalid content type")
    return checked_boundary(parameters.get("boundary", ""))


def checked_boundary(boundary: str) -> bytes:
    """Return a boundary as bytes.

    Raises:
        HTTPInputError: it is empty or malformed.
    """
    if not boundary:
        raise malformed("multipart boundary not found")
    if not _BOUNDARY.fullmatch(boundary):
        raise malformed("Invalid boundary")
    return boundary.encode("ascii")


def _disposition(value: str | None) -> tuple[str, str]:
    """Name and file name, which may be "", in a Content-Disposition."""
    if value is None:
        raise malformed("Missing Content-Disposition segment header")
    usual = _USUAL_DISPOSITION.fullmatch(value)
    if usual is not None:
        return usual[1], usual[2] or ""
    # The streaming parser gets no further with what the library finds no name in, which is more
    # than what is refused below (a name that is not quoted and not ASCII, say).
    kind, found, _ = parse_content_disposition(value)
    if kind != "form-data":
        raise malformed("Invalid Content-Disposition segment header: Wrong type")
    if found is None:
        raise malformed("Invalid Content-Disposition segment header: Missing name option")
    disposition, parameters = parse_parameters(value)
    if disposition.lower() != "form-data":
        raise malformed("no form-data in a part")
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


def malformed(what: str) -> HTTPInputError:
    """Return the error for a form that is none."""
    return HTTPInputError(f"Invalid multipart/form-data: {what}")


def no_boundary_first() -> HTTPInputError:
    """Return the error for a form with a preamble, or for none at all."""
    return malformed("the body begins with no boundary")


def headers_too_large() -> HTTPInputError:
    """Return the error for a header section that exceeds a limit."""
    return HTTPInputError("multipart/form-data part header too large")
