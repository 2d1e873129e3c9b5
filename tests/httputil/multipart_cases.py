"""Forms for tests, and both ways to parse them."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from cyclone.httputil import (
    HTTPFile,
    ParseMultipartConfig,
    parse_multipart,
    parse_multipart_form_data,
)

Arguments = dict[str, list[bytes]]
Files = dict[str, list[HTTPFile]]

FIELD = b'Content-Disposition: form-data; name="a"\r\n\r\nvalue'
FILE = (
    b'Content-Disposition: form-data; name="f"; filename="%b"\r\nContent-Type: text/plain\r\n\r\n%b'
)


def form(*parts: bytes, boundary: bytes = b"1234") -> bytes:
    body = b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts)
    return b"%b--%b--\r\n" % (body, boundary)


def parse(body: bytes, boundary: bytes = b"1234", **limits: Any) -> tuple[Arguments, Files]:
    arguments: Arguments = {}
    files: Files = {}
    parse_multipart_form_data(
        boundary, body, arguments, files, config=ParseMultipartConfig(**limits)
    )
    return arguments, files


def stream_parse(
    stream: BinaryIO,
    content_type: str = "multipart/form-data; boundary=1234",
    spool_size: int | None = 100,
    **limits: Any,
) -> tuple[Arguments, dict[str, list[tuple[str, bytes, str, bool]]]]:
    """The same from a stream; what each file is made of, and whether it is in a file."""
    arguments, files = parse_multipart(
        stream, content_type, ParseMultipartConfig(**limits), spool_size=spool_size
    )
    described = {}
    for name, uploads in files.items():
        described[name] = [
            (file.filename, file.body, file.content_type, not isinstance(file.file, io.BytesIO))
            for file in uploads
        ]
        for file in uploads:
            file.close()
    return arguments, described


class Dripping(io.BytesIO):
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self.chunk_size = size

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self.chunk_size)
