"""Objects: put, sent, copied, deleted, put together of parts."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes

from .answers import check_conditions, http_date, iso_date, parse, parse_range
from .base import S3Handler, answered, in_thread
from .errors import S3Error
from .store import Info

__all__ = ["ObjectHandler"]

_BLOCK = 256 * 1024
#: Fields of the request that are sent with the object.
_KEPT = ("cache-control", "content-disposition", "content-language", "expires")
#: Parameters that replace them (in signed requests, and all are).
_OVERRIDES = {
    f"response-{name}": name
    for name in (*_KEPT, "content-type", "content-encoding")
}  # fmt: skip
_UNKNOWN = {
    *("acl", "tagging", "torrent", "retention", "legal-hold", "attributes", "restore", "select"),
    *("versionId",),
}


def _number(text: str | None) -> int:
    if text is None or not re.fullmatch(r"[0-9]{1,9}", text):
        raise S3Error("InvalidArgument", "partNumber must be a number.")
    return int(text)


class ObjectHandler(S3Handler):
    """``/bucket/key``"""

    def is_upload(self) -> bool:
        return self.request.method == "PUT" and "x-amz-copy-source" not in self.fields

    async def prepare(self) -> None:
        await super().prepare()
        with answered():
            if _UNKNOWN & set(self.query):
                raise S3Error("NotImplemented")
            if self.is_upload() and "uploadId" in self.query:
                number = _number(self.query.get("partNumber"))
                await in_thread(
                    self.store.part_path, self.bucket, self.key, self.query["uploadId"], number
                )  # fmt: skip
            elif self.is_upload():
                await in_thread(self.store.object_path, self.bucket, self.key)

    def _about(self) -> dict[str, str]:
        """The header fields that are kept with the object."""
        fields = self.fields
        about = {name: fields[name] for name in _KEPT if name in fields}
        about["content-type"] = fields.get("content-type") or "binary/octet-stream"
        codings = [each.strip() for each in fields.get("content-encoding", "").split(",")]
        codings = [each for each in codings if each and each != "aws-chunked"]
        if codings:
            about["content-encoding"] = ", ".join(codings)
        about.update({k: v for k, v in fields.items() if k.startswith("x-amz-meta-")})
        return about

    def _replaceable(self, info: Info | None) -> None:
        """Whether what is there may be replaced."""
        wanted = self.fields.get("if-match")
        unwanted = self.fields.get("if-none-match")
        if wanted is not None:
            if info is None:
                raise S3Error("NoSuchKey")
            check_conditions({"if-match": wanted}, info)
        if unwanted is not None and info is not None:
            raise S3Error("PreconditionFailed")

    # -- putting ----------------------------------------------------------------------------------

    async def put(self, *_: str) -> None:
        with answered():
            if not self.is_upload():
                await self._copy()
                return
            info, checksums = await in_thread(self._store_body)
        self.set_header("ETag", f'"{info.etag}"')
        for name, value in checksums.items():
            self.set_header(name, value)

    def _store_body(self) -> tuple[Info, dict[str, str]]:
        checksums = self.end_of_body()
        if self.writer is None:
            raise S3Error("InvalidRequest")
        if "uploadId" in self.query:
            number = _number(self.query.get("partNumber"))
            info = self.store.put_part(
                *(self.bucket, self.key, self.query["uploadId"], number, self.writer, self.md5)
            )
        else:
            headers = {**self._about(), **checksums}
            info = self.store.put(
                self.bucket, self.key, self.writer, self.md5, headers, self._replaceable
            )
        return info, checksums

    async def _copy(self) -> None:
        source = self.fields["x-amz-copy-source"].partition("?")[0].removeprefix("/")
        try:
            bucket, _, key = unquote_to_bytes(source).decode().partition("/")
        except UnicodeDecodeError:
            raise S3Error("InvalidURI") from None
        part = "uploadId" in self.query
        replace = self.fields.get("x-amz-metadata-directive", "COPY").upper() == "REPLACE"
        if not part and not replace and (bucket, key) == (self.bucket, self.key):
            raise S3Error("InvalidRequest", "An object that is copied onto itself stays as it is.")
        info = await in_thread(self._copy_in_thread, bucket, key, replace)
        self.answer(
            "CopyPartResult" if part else "CopyObjectResult",
            {"ETag": f'"{info.etag}"', "LastModified": iso_date(info.modified)},
        )

    def _copy_in_thread(self, bucket: str, key: str, replace: bool) -> Info:
        self.end_of_body()
        found = self.store.info(bucket, key)
        if found is None:
            raise S3Error("NoSuchKey")
        check_conditions(self.fields, found, "x-amz-copy-source-")
        self.writer = self.store.writer()
        if "uploadId" in self.query:
            wanted = self.fields.get("x-amz-copy-source-range", "")
            span = parse_range(wanted, found.size) if wanted else None
            if wanted and span is None:
                raise S3Error(
                    "InvalidArgument", "x-amz-copy-source-range must be bytes=FIRST-LAST."
                )
            _, md5 = self.store.copy((bucket, key), self.writer, span)
            number = _number(self.query.get("partNumber"))
            return self.store.put_part(
                self.bucket, self.key, self.query["uploadId"], number, self.writer, md5
            )
        found, md5 = self.store.copy((bucket, key), self.writer)
        headers = self._about() if replace else found.headers
        return self.store.put(
            self.bucket, self.key, self.writer, md5, headers, self._replaceable
        )  # fmt: skip

    # -- sending ----------------------------------------------------------------------------------

    async def head(self, *_: str) -> None:
        await self._send(content=False)

    async def get(self, *_: str) -> None:
        if "uploadId" in self.query:
            await self._list_parts()
        else:
            await self._send(content=True)

    async def _send(self, *, content: bool) -> None:
        with answered():
            file, info = await in_thread(self.store.open, self.bucket, self.key)
        try:
            with answered():
                self._set_fields(info)
                self._check_conditions(info)
                start, stop = self._span(info)
            self.set_header("Content-Length", str(stop - start))
            if content:
                await self._send_file(file, start, stop)
        finally:
            file.close()

    def _check_conditions(self, info: Info) -> None:
        try:
            check_conditions(self.fields, info)
        except S3Error as error:
            error.fields["ETag"] = f'"{info.etag}"'
            error.fields["Last-Modified"] = http_date(info.modified)
            raise

    def _span(self, info: Info) -> tuple[int, int]:
        wanted = self.fields.get("range", "")
        condition = self.fields.get("if-range", "")
        if condition and condition.strip('"') != info.etag:
            wanted = ""
        try:
            span = parse_range(wanted, info.size) if wanted else None
        except S3Error as error:
            error.fields["Content-Range"] = f"bytes */{info.size}"
            raise
        if span is None:
            return 0, info.size
        self.set_status(206)
        self.set_header("Content-Range", f"bytes {span[0]}-{span[1] - 1}/{info.size}")
        return span

    def _set_fields(self, info: Info) -> None:
        self.set_header("ETag", f'"{info.etag}"')
        self.set_header("Last-Modified", http_date(info.modified))
        self.set_header("Accept-Ranges", "bytes")
        headers = dict(info.headers)
        if self.fields.get("x-amz-checksum-mode", "").upper() != "ENABLED" or "range" in (
            self.fields
        ):
            headers = {k: v for k, v in headers.items() if not k.startswith("x-amz-checksum-")}
        for parameter, name in _OVERRIDES.items():
            if parameter in self.query:
                headers[name] = self.query[parameter]
        for name, value in headers.items():
            if any(unicodedata.category(char) == "Cc" for char in value):
                raise S3Error("InvalidArgument", f"{name} holds control characters.")
            self.set_header(name, value)

    async def _send_file(self, file: BinaryIO, start: int, stop: int) -> None:
        file.seek(start)
        while start < stop:
            block = await in_thread(file.read, min(_BLOCK, stop - start))
            if not block:
                raise OSError("a file of the store is shorter than it says")
            start += len(block)
            self.write(block)
            await self.flush()  # waits for a slow reader

    async def delete(self, *_: str) -> None:
        with answered():
            if "uploadId" in self.query:
                upload = self.query["uploadId"]
                await in_thread(self.store.abort_upload, self.bucket, self.key, upload)
            else:
                await in_thread(self.store.delete, self.bucket, self.key)
        self.set_status(204)

    # -- uploads in parts -------------------------------------------------------------------------

    async def post(self, *_: str) -> None:
        with answered():
            self.end_of_body()
            place = {"Bucket": self.bucket, "Key": self.key}
            if "uploads" in self.query:
                about = self._about()
                upload = await in_thread(self.store.create_upload, self.bucket, self.key, about)
                self.answer("InitiateMultipartUploadResult", {**place, "UploadId": upload})
                return
            if "uploadId" not in self.query:
                raise S3Error("NotImplemented")
            wanted = self._wanted_parts()
            info = await in_thread(
                self.store.complete_upload,
                *(self.bucket, self.key, self.query["uploadId"], wanted, self._replaceable),
            )
        result = {"Location": self.request.path, **place, "ETag": f'"{info.etag}"'}
        self.answer("CompleteMultipartUploadResult", result)

    def _wanted_parts(self) -> list[tuple[int, str]]:
        root = parse(self.document, "CompleteMultipartUpload")
        return [
            (_number(part.findtext("PartNumber")), (part.findtext("ETag") or "").strip('" '))
            for part in root.findall("Part")
        ]

    async def _list_parts(self) -> None:
        with answered():
            upload = self.query["uploadId"]
            after = _number(self.query.get("part-number-marker", "0"))
            limit = min(_number(self.query.get("max-parts", "1000")), 1000)
            parts = await in_thread(self.store.parts, self.bucket, self.key, upload)
        following = [part for part in parts if part.number > after]
        page = following[:limit]
        listed: list[dict[str, Any]] = [
            {
                "PartNumber": part.number,
                "LastModified": iso_date(part.info.modified),
                "ETag": f'"{part.info.etag}"',
                "Size": part.info.size,
            }
            for part in page
        ]
        self.answer(
            "ListPartsResult",
            {
                "Bucket": self.bucket,
                "Key": self.key,
                "UploadId": upload,
                "PartNumberMarker": after,
                "NextPartNumberMarker": page[-1].number if page else after,
                "MaxParts": limit,
                "IsTruncated": len(following) > len(page),
                "Part": listed,
            },
        )
