"""Output transforms: what happens to a response between its handler and the connection.

Compression is the one that comes with the framework. Whether a response may be compressed is a
question of secrets, too: who can have a browser request a page with text of his in it, and sees
how long the answer is, can guess what else stands there (BREACH).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cyclone.escape import utf8
from cyclone.httputil import HTTPHeaders, HTTPServerRequest

from . import codings
from .codings import Compressor
from .negotiation import negotiate

if TYPE_CHECKING:
    from .handler import RequestHandler

__all__ = [
    "ChunkedTransferEncoding",
    "GZipContentEncoding",
    "OutputTransform",
    "begin",
    "compression",
]


class OutputTransform:
    """Base class of transforms (Tornado, cyclone 1.x); changes nothing.

    One is made for each request. Attributes:
        secret: the response bears secrets, see `begin`; set before the first chunk.
    """

    secret: bool = False

    def __init__(self, request: HTTPServerRequest) -> None:
        """Begin with the request the response is for."""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """Change status, fields and the first piece of the body.

        `finishing`: it is the whole body. Called again when what came out cannot be sent and an
        error is sent instead.
        """
        return status_code, headers, chunk

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
        """Change a further piece of the body; `finishing`: it is the last."""
        return chunk

    @property
    def changes_chunks(self) -> bool:
        """Whether `transform_chunk` does something; asked when the first piece has been sent."""
        return True


class ChunkedTransferEncoding(OutputTransform):
    """Does nothing (cyclone 1.x): the connection itself sees to chunks."""


#: Coded, the content would no longer be what these say of it.
_SAY_WHAT_IS_SENT = frozenset(
    {"Content-Digest", "Content-Encoding", "Content-Md5", "Content-Range", "Digest", "Repr-Digest"}
)


class GZipContentEncoding(OutputTransform):
    """Compresses responses, with the coding the client likes best (RFC 9110, section 12.5.3).

    The name is Tornado's and cyclone 1.x's; setting ``compress_response`` (or ``gzip``) uses it.
    Attributes, for subclasses to change:

        CODINGS: names of codings in the order of preference, () for all that are installed.
        CONTENT_TYPES: types that are compressed besides ``text/*`` and ``*+json``, ``*+xml``.
        GZIP_LEVEL, BROTLI_LEVEL, ZSTD_LEVEL: effort.
        MIN_LENGTH: bytes below which it is not worth it; pieces of unknown length always are.

    Left as they are: responses that bear secrets (`begin`), that have a Content-Encoding, are
    parts (206) or carry a digest, those with ``Cache-Control: no-transform``, those that do not
    get smaller, and streams of events: each would keep some hundred kilobytes for as long as it
    is open (override `is_compressible`). A client that refuses what is not coded
    (``identity;q=0``) gets every length and type coded if it takes a coding of ours.

    A strong entity tag becomes a weak one, since the same tag stands for other bytes now.
    """

    CODINGS: ClassVar[tuple[str, ...]] = ()
    CONTENT_TYPES: ClassVar[set[str]] = {
        "application/atom+xml",
        "application/javascript",
        "application/json",
        "application/manifest+json",
        "application/wasm",
        "application/x-javascript",
        "application/xhtml+xml",
        "application/xml",
        "image/svg+xml",
    }
    GZIP_LEVEL: ClassVar[int] = 6
    BROTLI_LEVEL: ClassVar[int] = 4
    ZSTD_LEVEL: ClassVar[int] = 3
    MIN_LENGTH: ClassVar[int] = 1024

    def __init__(self, request: HTTPServerRequest) -> None:
        self._accepted = negotiate(
            request.headers.get("Accept-Encoding"), self.CODINGS or codings.available()
        )
        self._bodiless = request.method == "HEAD"
        self._compressor: Compressor | None = None

    @property
    def changes_chunks(self) -> bool:
        """See `OutputTransform`: only if the response is one that is compressed."""
        return self._compressor is not None

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        self._compressor = None
        if status_code < 200 or status_code == 204:
            return status_code, headers, chunk
        _add_vary(headers)
        coding = self._accepted.coding
        if coding is None:
            return status_code, headers, chunk
        if status_code == 304:
            # The fields that a 200 would have (RFC 9110, section 15.4.5), coded or not.
            _weaken_etag(headers)
        elif self._is_worth_it(status_code, headers, chunk, finishing):
            chunk = self._begin(coding, headers, chunk, finishing)
        return status_code, headers, chunk

    def _is_worth_it(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> bool:
        if self.secret or status_code == 206 or headers.has_any(_SAY_WHAT_IS_SENT):
            return False
        if "no-transform" in headers.get("Cache-Control", "").lower():
            return False
        length: int | None = len(chunk)
        if not finishing or (self._bodiless and not chunk):
            declared = headers.get("Content-Length", "")
            length = int(declared) if declared.isdecimal() else None
        if not self._accepted.identity:
            return length != 0
        content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return self.is_compressible(content_type) and (length is None or length >= self.MIN_LENGTH)

    def is_compressible(self, content_type: str) -> bool:
        """Whether a type (lower case, without parameters) usually gets smaller."""
        if content_type == "text/event-stream":
            return False
        return (
            content_type.startswith("text/")
            or content_type.endswith(("+json", "+xml"))
            or content_type in self.CONTENT_TYPES
        )

    def _begin(self, coding: str, headers: HTTPHeaders, chunk: bytes, finishing: bool) -> bytes:
        if not self._bodiless or (chunk and finishing):
            level = {"gzip": self.GZIP_LEVEL, "br": self.BROTLI_LEVEL, "zstd": self.ZSTD_LEVEL}
            compressor = codings.compressor(coding, level[coding])
            coded = compressor.feed(chunk, finishing)
            if finishing and len(coded) >= len(chunk) and self._accepted.identity:
                return chunk
            self._compressor, chunk = compressor, coded
        headers["Content-Encoding"] = coding
        _weaken_etag(headers)
        # Ranges count the bytes that are sent, and those of the next time may be others.
        for name in ("Accept-Ranges", "Content-Length"):
            if name in headers:
                del headers[name]
        if finishing and self._compressor is not None:
            headers["Content-Length"] = str(len(chunk))
        return chunk

    def transform_chunk(self, chunk: bytes, finishing: bool) -> bytes:
        return chunk if self._compressor is None else self._compressor.feed(chunk, finishing)


def _add_vary(headers: HTTPHeaders) -> None:
    present = headers.get("Vary")
    names = [name.strip().lower() for name in (present or "").split(",")]
    if "*" not in names and "accept-encoding" not in names:
        headers["Vary"] = f"{present}, Accept-Encoding" if present else "Accept-Encoding"


def _weaken_etag(headers: HTTPHeaders) -> None:
    etag = headers.get("Etag")
    if etag and not etag.startswith("W/"):
        headers["Etag"] = f"W/{etag}"


def compression(names: object = None) -> type[GZipContentEncoding]:
    """Return the transform of setting ``compress_response``.

    ``names`` is setting ``compress_codings``: names of codings, None for all that are installed.

    Raises TypeError for anything else, ValueError for a name that is not known, and ImportError
    for a coding whose library is not installed.
    """
    if names is None:
        return GZipContentEncoding
    if not isinstance(names, list | tuple) or not names:
        raise TypeError(f"compress_codings is a list of names, not {names!r}")
    chosen = codings.require(names)
    return type("GZipContentEncoding", (GZipContentEncoding,), {"CODINGS": chosen})


def begin(handler: RequestHandler, chunk: bytes, finishing: bool) -> bytes:
    """Have the transforms of a response change its status, fields and first piece.

    A response is taken to bear secrets when it sets a cookie, has ``Cache-Control: no-store``, or
    holds an XSRF token that is not masked; unless the handler has ``compress_secrets``, or setting
    ``compress_secrets`` is on.
    """
    secret = _bears_secrets(handler)
    for transform in handler._transforms:
        if isinstance(transform, OutputTransform):
            transform.secret = secret
        handler._status_code, handler._headers, chunk = transform.transform_first_chunk(
            handler._status_code, handler._headers, chunk, finishing
        )
    return chunk


def _bears_secrets(handler: RequestHandler) -> bool:
    if handler.compress_secrets or handler.settings.get("compress_secrets"):
        return False
    headers = handler._headers
    token = getattr(handler, "_xsrf_token", None)
    return (
        bool(handler._new_cookies)
        or "Set-Cookie" in headers
        or "no-store" in headers.get("Cache-Control", "").lower()
        or (token is not None and b"|" not in utf8(token))  # version 1
    )
