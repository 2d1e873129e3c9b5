"""Buckets: made, listed, deleted."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from . import welcome
from .answers import iso_date, parse, url
from .base import S3Handler, answered, in_thread
from .errors import S3Error
from .store import Info, Listing

__all__ = ["BucketHandler", "ServiceHandler"]

OWNER = {"ID": "owner", "DisplayName": "owner"}
#: Subresources of buckets that are not there.
_UNKNOWN = {
    *("acl", "policy", "cors", "lifecycle", "tagging", "website", "encryption", "replication"),
    *("notification", "logging", "object-lock", "ownershipControls", "publicAccessBlock"),
    *("versions", "accelerate", "requestPayment", "inventory", "metrics", "analytics"),
}


class ServiceHandler(S3Handler):
    """``/``"""

    async def prepare(self) -> None:
        if self.request.method == "GET" and welcome.is_from_browser(self.request):
            self._welcome()
        else:
            await super().prepare()

    def _welcome(self) -> None:
        self.set_header("Content-Security-Policy", welcome.POLICY)
        self.set_header("Cache-Control", "no-store")
        site = f"{self.request.protocol}://{self.request.host}"
        keys = self.settings["keys_file"]
        shell = welcome.commands(site, keys)
        self.render("welcome.html", style=welcome.STYLE, site=site, keys=keys, commands=shell)

    async def get(self) -> None:
        buckets = await in_thread(self.store.buckets)
        listed = [{"Name": name, "CreationDate": iso_date(made)} for name, made in buckets]
        self.answer("ListAllMyBucketsResult", {"Owner": OWNER, "Buckets": {"Bucket": listed}})


class BucketHandler(S3Handler):
    """``/bucket``"""

    def _refuse_unknown(self) -> None:
        if _UNKNOWN & set(self.query):
            raise S3Error("NotImplemented")

    async def head(self, *_: str) -> None:
        with answered():
            await in_thread(self.store.check_bucket, self.bucket)

    async def put(self, *_: str) -> None:
        with answered():
            self.end_of_body()
            self._refuse_unknown()
            if "versioning" in self.query:
                raise S3Error("NotImplemented")
            await in_thread(self.store.create_bucket, self.bucket)
        self.set_header("Location", f"/{self.bucket}")

    async def delete(self, *_: str) -> None:
        with answered():
            self._refuse_unknown()
            await in_thread(self.store.delete_bucket, self.bucket)
        self.set_status(204)

    async def get(self, *_: str) -> None:
        with answered():
            self._refuse_unknown()
            await in_thread(self.store.check_bucket, self.bucket)
            if "location" in self.query:
                self.answer("LocationConstraint", {})
            elif "versioning" in self.query:
                self.answer("VersioningConfiguration", {})
            elif "uploads" in self.query:
                await self._list_uploads()
            else:
                await self._list()

    async def post(self, *_: str) -> None:
        """Delete several objects."""
        with answered():
            self.end_of_body()
            if "delete" not in self.query:
                raise S3Error("NotImplemented")
            root = parse(self.document, "Delete")
            keys = [element.findtext("Key") or "" for element in root.findall("Object")]
            if not 1 <= len(keys) <= 1000:
                raise S3Error("MalformedXML", "From 1 to 1000 objects can be named.")
            results = await in_thread(self._delete_all, keys)
        quiet = (root.findtext("Quiet") or "").strip() == "true"
        deleted = [] if quiet else [{"Key": key} for key, error in results if error is None]
        errors = [
            {"Key": key, "Code": error.code, "Message": error.message}
            for key, error in results
            if error is not None
        ]
        self.answer("DeleteResult", {"Deleted": deleted, "Error": errors})

    def _delete_all(self, keys: list[str]) -> list[tuple[str, S3Error | None]]:
        results: list[tuple[str, S3Error | None]] = []
        for key in keys:
            try:
                self.store.delete(self.bucket, key)
                results.append((key, None))
            except S3Error as error:
                results.append((key, error))
        return results

    # -- listings ---------------------------------------------------------------------------------

    def _shown(self, text: str) -> str:
        return url(text) if self.query.get("encoding-type") == "url" else text

    def _limit(self) -> int:
        text = self.query.get("max-keys", "1000")
        if not text.isascii() or not text.isdigit():
            raise S3Error("InvalidArgument", "max-keys must be a number.")
        return min(int(text[:9]), 1000)

    def _after(self, version: str) -> str:
        if version != "2":
            return self.query.get("marker", "")
        token = self.query.get("continuation-token")
        if token is None:
            return self.query.get("start-after", "")
        try:
            return base64.b64decode(token, b"-_", validate=True).decode()
        except (binascii.Error, ValueError):
            raise S3Error("InvalidArgument", "The continuation token is of no use.") from None

    async def _list(self) -> None:
        version = self.query.get("list-type", "1")
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter", "")
        limit, after = self._limit(), self._after(version)
        page = await in_thread(self.store.list, self.bucket, prefix, delimiter, after, limit)
        common = {
            "Name": self.bucket,
            "Prefix": self._shown(prefix),
            "Delimiter": self._shown(delimiter) if delimiter else None,
            "MaxKeys": limit,
            "EncodingType": "url" if self.query.get("encoding-type") == "url" else None,
            "IsTruncated": page.last is not None,
            "Contents": [self._entry(info) for info in page.objects],
            "CommonPrefixes": [{"Prefix": self._shown(each)} for each in page.prefixes],
        }
        self.answer("ListBucketResult", {**common, **self._place(version, page)})

    def _place(self, version: str, page: Listing) -> dict[str, Any]:
        """Where the page begins, and where the next one does."""
        last = page.last
        if version != "2":
            return {
                "Marker": self._shown(self.query.get("marker", "")),
                "NextMarker": None if last is None else self._shown(last),
            }
        following = None if last is None else base64.urlsafe_b64encode(last.encode()).decode()
        start = self.query.get("start-after")
        return {
            "ContinuationToken": self.query.get("continuation-token"),
            "NextContinuationToken": following,
            "StartAfter": None if start is None else self._shown(start),
            "KeyCount": len(page.objects) + len(page.prefixes),
        }

    def _entry(self, info: Info) -> dict[str, Any]:
        return {
            "Key": self._shown(info.key),
            "LastModified": iso_date(info.modified),
            "ETag": f'"{info.etag}"',
            "Size": info.size,
            "StorageClass": "STANDARD",
        }

    async def _list_uploads(self) -> None:
        prefix = self.query.get("prefix", "")
        uploads = await in_thread(self.store.uploads, self.bucket, prefix)
        listed = [
            {"Key": self._shown(key), "UploadId": name, "Initiated": iso_date(began)}
            for key, name, began in uploads
        ]
        self.answer(
            "ListMultipartUploadsResult",
            {
                "Bucket": self.bucket,
                "Prefix": self._shown(prefix),
                "EncodingType": "url" if self.query.get("encoding-type") == "url" else None,
                "IsTruncated": False,
                "Upload": listed,
            },
        )
