"""What all handlers have in common: who asks, what body they send, how errors are answered."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from cyclone.web import HTTPError, RequestHandler, stream_request_body

from .answers import document
from .bodies import Body, ChunkedBody, Digests, PlainBody
from .errors import S3Error
from .signature import ChunkSigner, Claim, Signed, pairs, read_claim, verify
from .store import Store, Writer

__all__ = ["S3Handler", "answered", "in_thread"]

MAX_OBJECT = 5 * 1024**3
#: Of bodies that are documents.
MAX_DOCUMENT = 2 * 1024 * 1024
_CODES = {
    400: "InvalidURI",
    404: "NoSuchKey",
    405: "MethodNotAllowed",
    501: "NotImplemented",
    413: "EntityTooLarge",
}


class Refused(HTTPError):
    """An `S3Error` on its way through cyclone."""

    def __init__(self, error: S3Error) -> None:
        super().__init__(error.status, error.message.replace("%", "%%"))
        self.error = error


@contextlib.contextmanager
def answered() -> Iterator[None]:
    """Errors of S3 are answers, no crashes."""
    try:
        yield
    except S3Error as error:
        raise Refused(error) from error


def in_thread(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
    """Call something that blocks."""
    return deferToThread(function, *args)


@stream_request_body
class S3Handler(RequestHandler):
    """A request that is signed.

    Attributes:
        bucket, key: of the path, empty where it has none.
        query: the parameters, without those of the signature.
        fields: the header fields, names in small letters.
        document: the body, where it is no object.
        writer: where the body goes, where it is one.
    """

    max_body_size = MAX_OBJECT + 64 * 1024 * 1024  # signatures of chunks come on top

    @property
    def store(self) -> Store:
        store: Store = self.settings["store"]
        return store

    def is_upload(self) -> bool:
        """Whether the body is an object, or a part of one."""
        return False

    def compute_etag(self) -> None:
        """None: ETags are those of objects."""

    def set_default_headers(self) -> None:
        self.request_id = secrets.token_hex(8).upper()
        self.set_header("Server", "cyclone-s3")
        self.set_header("x-amz-request-id", self.request_id)
        self.set_header("X-Content-Type-Options", "nosniff")

    async def prepare(self) -> None:
        self.writer: Writer | None = None
        self.document = b""
        with answered():
            claim, key = self._authenticate()
            self._read_path()
            self._read_query()
            self._body, self._digests = self._prepare_body(claim, key)
            if self.is_upload():
                await in_thread(self.store.check_bucket, self.bucket)
                self.writer = self.store.writer()

    async def data_received(self, chunk: bytes) -> None:
        with answered():
            if self.writer is None:
                self._take(chunk)
            else:
                await in_thread(self._take, chunk)

    def _take(self, chunk: bytes) -> None:
        for piece in self._body.feed(chunk):
            self._digests.update(piece)
            if self.writer is not None:
                self.writer.write(piece)
            elif len(self.document) + len(piece) > MAX_DOCUMENT:
                raise S3Error("EntityTooLarge")
            else:
                self.document += piece

    def end_of_body(self) -> dict[str, str]:
        """Check hashes and checksums; the latter, to be kept."""
        self._body.finish()
        return self._digests.check(self._body.trailers)

    @property
    def md5(self) -> str:
        """That of the body, in hexadecimal."""
        return self._digests.md5.hexdigest()

    def on_finish(self) -> Any:
        if getattr(self, "writer", None) is not None:
            return in_thread(self.writer.close)  # what was not committed
        return None

    # -- reading the request ----------------------------------------------------------------------

    def _authenticate(self) -> tuple[Claim, bytes]:
        headers: dict[str, list[str]] = {}
        for name, value in self.request.headers.get_all():
            headers.setdefault(name.lower(), []).append(value)
        self.fields = {name: ", ".join(values) for name, values in headers.items()}
        request = self.request
        signed = Signed(request.method, request.path, request.query, headers)
        claim = read_claim(signed)
        secret = self.settings["keys"].get(claim.access_key)
        if secret is None:
            raise S3Error("InvalidAccessKeyId")
        return claim, verify(signed, claim, secret, datetime.now(UTC))

    def _read_path(self) -> None:
        bucket, _, key = self.request.path.removeprefix("/").partition("/")
        try:
            self.bucket = unquote_to_bytes(bucket).decode()
            self.key = unquote_to_bytes(key).decode()
        except UnicodeDecodeError:
            raise S3Error("InvalidURI") from None

    def _read_query(self) -> None:
        self.query = {
            name: value for name, value in pairs(self.request.query)
            if not name.lower().startswith("x-amz-")
        }  # fmt: skip
        try:
            "".join([*self.query, *self.query.values()]).encode()
        except UnicodeEncodeError:
            raise S3Error("InvalidArgument", "The query is not UTF-8.") from None

    def _prepare_body(self, claim: Claim, key: bytes) -> tuple[Body, Digests]:
        trailer = self.fields.get("x-amz-trailer", "")
        payload = claim.payload
        if payload.startswith("STREAMING-"):
            length = self.fields.get("x-amz-decoded-content-length", "")
            if not length.isascii() or not length.isdigit() or int(length[:18]) > MAX_OBJECT:
                raise S3Error("InvalidArgument", "x-amz-decoded-content-length is needed.")
            signer = ChunkSigner(key, claim)
            if payload.endswith("-TRAILER") != bool(trailer):
                raise S3Error("InvalidRequest", "x-amz-trailer and -TRAILER come together.")
            signed = payload.removesuffix("-TRAILER") == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
            if not signed and payload != "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
                raise S3Error("NotImplemented", f"{payload} is not understood.")
            body: Body = ChunkedBody(signer if signed else None, int(length[:18]))
        else:
            body = PlainBody(None if payload == "UNSIGNED-PAYLOAD" else payload)
            trailer = ""
        return body, Digests(self.fields, trailer)

    # -- answers ----------------------------------------------------------------------------------

    def answer(self, name: str, content: dict[str, Any]) -> None:
        """Answer with a document."""
        self.set_header("Content-Type", "application/xml")
        self.finish(document(name, content))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        raised = kwargs.get("exc_info", (None, None))[1]
        if isinstance(raised, Refused):
            code, message = raised.error.code, raised.error.message
            for name, value in raised.error.fields.items():
                self.set_header(name, value)
        else:
            code, message = _CODES.get(status_code, "InternalError"), "This did not work."
        if status_code == 304 or self.request.method == "HEAD":
            self.finish()
            return
        self.answer(
            "Error",
            {
                "Code": code,
                "Message": message,
                "Resource": self.request.path,
                "RequestId": self.request_id,
            },
        )
