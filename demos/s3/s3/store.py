"""Buckets and objects on disk.

A bucket is a directory, an object one file: its content, then what is known of it as JSON, then
eight bytes that say how long the JSON is. So one rename puts an object in place, whole, and who
reads the old one goes on reading it.

Names of files are made from keys by an encoding without dots, slashes and capitals, in pieces of
at most 200 characters (`path_of`): whatever a key is, its file is inside its bucket.

Everything here blocks and is meant for threads. Nothing knows of HTTP.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .errors import S3Error

__all__ = ["Info", "Listing", "Part", "Store", "Writer"]

MAX_KEY = 1024
MIN_PART = 5 * 1024 * 1024
MAX_PARTS = 10_000
_BUCKET = re.compile(r"(?!.*(?:\.\.|\.-|-\.))[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"[0-9]+(\.[0-9]+){3}")
_UPLOAD = re.compile(r"[0-9a-f]{32}")
_PIECE = 200
_BLOCK = 1024 * 1024
_KEPT = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")


class Info(NamedTuple):
    """What is known of an object.

    Attributes:
        key: its name.
        size: bytes of its content.
        etag: without quotes.
        modified: seconds since 1970.
        headers: the header fields that are sent with it.
    """

    key: str
    size: int
    etag: str
    modified: float
    headers: dict[str, str]


class Part(NamedTuple):
    """A part of an upload."""

    number: int
    info: Info


class Listing(NamedTuple):
    """A page of a listing.

    Attributes:
        objects: of the page.
        prefixes: those up to the delimiter.
        last: the last name on the page, if there are more pages, else None.
    """

    objects: list[Info]
    prefixes: list[str]
    last: str | None


def file_name(key: str) -> str:
    """A key in small letters, digits, ``-``, ``_`` and ``%``; no two keys have the same."""
    return "".join(chr(byte) if byte in _KEPT else f"%{byte:02x}" for byte in key.encode())


def key_of(name: str) -> str:
    """The key of a `file_name`."""
    found = re.sub(rb"%([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), name.encode())
    return found.decode()


def path_of(root: Path, key: str) -> Path:
    """The file of a key: ``.../aaa+/aaa+/bb.o``; directories end in ``+``, objects in ``.o``.

    Raises:
        S3Error: the key is empty or too long.
    """
    if not key or len(key.encode()) > MAX_KEY:
        raise S3Error("KeyTooLongError" if key else "InvalidArgument")
    name = file_name(key)
    pieces = [name[at : at + _PIECE] for at in range(0, len(name), _PIECE)]
    return root.joinpath(*(f"{piece}+" for piece in pieces[:-1]), f"{pieces[-1]}.o")


class Writer:
    """A file that is being written, and appears in its place all at once.

    What is not committed is gone once it is closed, which may be while somebody still writes.
    """

    def __init__(self, path: Path, placing: threading.Lock) -> None:
        self._path = path
        self._placing = placing
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._closed = False
        self.size = 0

    def _open(self) -> BinaryIO:
        if self._closed:
            raise S3Error("IncompleteBody")
        if self._file is None:
            self._file = self._path.open("xb")
        return self._file

    def write(self, data: bytes) -> None:
        """Add some content."""
        with self._lock:
            self._open().write(data)
            self.size += len(data)

    def commit(self, target: Path, info: Info, check: Callable[[], None]) -> Info:
        """Put the object in its place.

        Args:
            check: called at the last moment; raises if it is not to be.
        """
        footer = json.dumps(info._asdict()).encode()
        with self._lock:
            with self._open() as file:
                file.write(footer + len(footer).to_bytes(8, "big"))
                file.flush()
                os.fsync(file.fileno())  # what is acknowledged survives a power cut
            with self._placing:  # nobody comes between the check and what was checked
                check()
                try:
                    _make_directories(target)
                    os.replace(self._path, target)
                except FileNotFoundError:  # deleted meanwhile
                    raise S3Error("NoSuchBucket") from None
            _sync_names(target)
        return info

    def close(self) -> None:
        """Forget what was not committed."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._path.unlink(missing_ok=True)


def _make_directories(target: Path) -> None:
    """The directories of a long key, below the bucket, which must be there."""
    missing = [parent for parent in target.parents if parent.name.endswith("+")]
    for directory in reversed(missing):
        with contextlib.suppress(FileExistsError):
            directory.mkdir()


def _sync_names(target: Path) -> None:
    """Have the directories written to the disk, too, in which the name of a file stands."""
    for directory in target.parents:
        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
            descriptor = os.open(directory, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        if not directory.name.endswith("+"):
            return


def read_info(file: BinaryIO) -> Info:
    """What the end of a file says of the object."""
    end = file.seek(-8, os.SEEK_END)
    length = int.from_bytes(file.read(8), "big")
    file.seek(end - length)
    return Info(**json.loads(file.read(length)))


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The next `size` bytes of a file, in pieces.

    Raises:
        OSError: there are fewer.
    """
    while size:
        block = file.read(min(size, _BLOCK))
        if not block:
            raise OSError("a file of the store is shorter than it says")
        size -= len(block)
        yield block


class Store:
    """All buckets below a directory.

    Args:
        root: the directory; it is made if need be.
        min_part: bytes that each part of an upload but the last must have.
    """

    def __init__(self, root: Path, min_part: int = MIN_PART) -> None:
        self._buckets = root / "buckets"
        self._temporary = root / "temporary"
        self._min_part = min_part
        self._lock = threading.Lock()
        self._buckets.mkdir(parents=True, exist_ok=True)
        # What was being written when the last process ended.
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir()

    def writer(self) -> Writer:
        """A new file."""
        return Writer(self._temporary / secrets.token_hex(16), self._lock)

    # -- buckets ----------------------------------------------------------------------------------

    def _bucket(self, name: str) -> Path:
        path = self._path_of_bucket(name)
        if not path.is_dir():
            raise S3Error("NoSuchBucket")
        return path

    def _path_of_bucket(self, name: str) -> Path:
        if not _BUCKET.fullmatch(name) or _ADDRESS.fullmatch(name):
            raise S3Error("InvalidBucketName")
        return self._buckets / name

    def check_bucket(self, name: str) -> None:
        """Raises `S3Error` if there is no such bucket."""
        self._bucket(name)

    def buckets(self) -> list[tuple[str, float]]:
        """All buckets: name, and when it was made."""
        with os.scandir(self._buckets) as entries:
            found = [(entry.name, entry.stat().st_ctime) for entry in entries if entry.is_dir()]
        return sorted(found)

    def create_bucket(self, name: str) -> None:
        path = self._path_of_bucket(name)
        # It appears with everything that is in it.
        fresh = self._temporary / secrets.token_hex(16)
        for part in ("objects", "uploads"):
            (fresh / part).mkdir(parents=True)
        try:
            os.rename(fresh, path)
        except OSError:
            shutil.rmtree(fresh)
            raise S3Error("BucketAlreadyOwnedByYou") from None

    def delete_bucket(self, name: str) -> None:
        path = self._bucket(name)
        try:
            (path / "objects").rmdir()
        except OSError:
            raise S3Error("BucketNotEmpty") from None
        # Out of sight first: who comes now finds no bucket, or a whole one.
        gone = self._temporary / secrets.token_hex(16)
        os.rename(path, gone)
        shutil.rmtree(gone)

    # -- objects ----------------------------------------------------------------------------------

    def object_path(self, bucket: str, key: str) -> Path:
        """The file of an object, which need not be there."""
        return path_of(self._bucket(bucket) / "objects", key)

    def open(self, bucket: str, key: str) -> tuple[BinaryIO, Info]:
        """An object's file, to be read up to the object's size."""
        try:
            file = self.object_path(bucket, key).open("rb")
        except FileNotFoundError:
            raise S3Error("NoSuchKey") from None
        try:
            return file, read_info(file)
        except BaseException:
            file.close()
            raise

    def info(self, bucket: str, key: str) -> Info | None:
        """What is known of an object, None if it is not there."""
        try:
            file, info = self.open(bucket, key)
        except S3Error as error:
            if error.code == "NoSuchKey":
                return None
            raise
        file.close()
        return info

    def put(
        self, bucket: str, key: str, writer: Writer, etag: str, headers: dict[str, str],
        allowed: Callable[[Info | None], None] = lambda info: None,
    ) -> Info:  # fmt: skip
        """Make what was written an object.

        Args:
            allowed: called with what is there; raises if it is not to be replaced.
        """
        path = self.object_path(bucket, key)
        info = Info(key, writer.size, etag, time.time(), headers)
        return writer.commit(path, info, lambda: allowed(self.info(bucket, key)))

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object. One that is not there is no error."""
        path = self.object_path(bucket, key)
        with self._lock, contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
            for parent in path.parents:
                if not parent.name.endswith("+"):
                    break
                parent.rmdir()  # of a long key, if it was the last there

    def copy(
        self, source: tuple[str, str], writer: Writer, span: tuple[int, int] | None = None
    ) -> tuple[Info, str]:
        """Write an object, or bytes of it, into a writer; its info, and the MD5 of what it was."""
        file, info = self.open(*source)
        digest = hashlib.md5()
        with file:
            first, stop = span or (0, info.size)
            if not 0 <= first < max(stop, 1) or stop > info.size:
                raise S3Error("InvalidRange")
            file.seek(first)
            for block in _blocks(file, stop - first):
                digest.update(block)
                writer.write(block)
        return info, digest.hexdigest()

    def list(
        self, bucket: str, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 1000
    ) -> Listing:
        """A page of the objects of a bucket, in the order of their keys."""
        root = self._bucket(bucket) / "objects"
        objects: list[Info] = []
        prefixes: list[str] = []
        last = ""
        for key in sorted(_keys(root, prefix)):
            if key <= after:
                continue
            rest = key[len(prefix) :]
            cut = rest.find(delimiter) if delimiter else -1
            name = key if cut < 0 else prefix + rest[: cut + len(delimiter)]
            if name in (last, after) and cut >= 0:
                continue  # one of those before it
            if len(objects) + len(prefixes) == limit:
                return Listing(objects, prefixes, last if limit else None)
            if cut >= 0:
                prefixes.append(name)
            elif (info := self.info(bucket, key)) is not None:
                objects.append(info)
            last = name
        return Listing(objects, prefixes, None)

    # -- uploads in parts -------------------------------------------------------------------------

    def _upload(self, bucket: str, key: str, upload: str) -> Path:
        path = self._bucket(bucket) / "uploads" / upload
        if not _UPLOAD.fullmatch(upload) or self._upload_info(path) != key:
            raise S3Error("NoSuchUpload")
        return path

    def _upload_info(self, path: Path) -> str | None:
        with contextlib.suppress(FileNotFoundError):
            return str(json.loads((path / "upload.json").read_bytes())["key"])
        return None

    def create_upload(self, bucket: str, key: str, headers: dict[str, str]) -> str:
        """Begin an upload; its name."""
        self.object_path(bucket, key)  # is it a key?
        upload = secrets.token_hex(16)
        fresh = self._temporary / upload
        fresh.mkdir()
        about = {"key": key, "headers": headers, "time": time.time()}
        (fresh / "upload.json").write_text(json.dumps(about))
        os.rename(fresh, self._bucket(bucket) / "uploads" / upload)
        return upload

    def part_path(self, bucket: str, key: str, upload: str, number: int) -> Path:
        """The file of a part."""
        if not 1 <= number <= MAX_PARTS:
            raise S3Error("InvalidArgument", f"Parts have numbers from 1 to {MAX_PARTS}.")
        return self._upload(bucket, key, upload) / f"part-{number:05}"

    def put_part(
        self, bucket: str, key: str, upload: str, number: int, writer: Writer, etag: str
    ) -> Info:
        """Make what was written a part."""
        path = self.part_path(bucket, key, upload, number)
        info = Info(key, writer.size, etag, time.time(), {})
        try:
            return writer.commit(path, info, lambda: None)
        except S3Error:
            raise S3Error("NoSuchUpload") from None

    def parts(self, bucket: str, key: str, upload: str) -> list[Part]:
        """The parts that have come so far."""
        found = []
        for path in sorted(self._upload(bucket, key, upload).glob("part-*")):
            with path.open("rb") as file:
                found.append(Part(int(path.name[5:]), read_info(file)))
        return found

    def uploads(self, bucket: str, prefix: str) -> list[tuple[str, str, float]]:
        """The uploads that have not ended: key, name, and when they began."""
        found = []
        for path in (self._bucket(bucket) / "uploads").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it has just ended
                about = json.loads((path / "upload.json").read_bytes())
                if about["key"].startswith(prefix):
                    found.append((about["key"], path.name, about["time"]))
        return sorted(found)

    def abort_upload(self, bucket: str, key: str, upload: str) -> None:
        """End an upload and forget its parts."""
        gone = self._temporary / secrets.token_hex(16)
        os.rename(self._upload(bucket, key, upload), gone)
        shutil.rmtree(gone)

    def complete_upload(
        self, bucket: str, key: str, upload: str, wanted: list[tuple[int, str]],
        allowed: Callable[[Info | None], None],
    ) -> Info:  # fmt: skip
        """Make the parts an object.

        Args:
            wanted: numbers and ETags of the parts.
        """
        try:
            return self._put_together(bucket, key, upload, wanted, allowed)
        except FileNotFoundError:  # somebody else has ended it
            raise S3Error("NoSuchUpload") from None

    def _put_together(
        self, bucket: str, key: str, upload: str, wanted: list[tuple[int, str]],
        allowed: Callable[[Info | None], None],
    ) -> Info:  # fmt: skip
        path = self._upload(bucket, key, upload)
        there = {part.number: part.info for part in self.parts(bucket, key, upload)}
        self._check_parts(wanted, there)
        digest = hashlib.md5()
        with contextlib.closing(self.writer()) as writer:
            for number, etag in wanted:
                digest.update(bytes.fromhex(etag))
                with (path / f"part-{number:05}").open("rb") as file:
                    part = read_info(file)
                    if part.etag != etag:  # it has just been replaced
                        raise S3Error("InvalidPart")
                    file.seek(0)
                    for block in _blocks(file, part.size):
                        writer.write(block)
            headers = json.loads((path / "upload.json").read_bytes())["headers"]
            etag = f"{digest.hexdigest()}-{len(wanted)}"
            info = self.put(bucket, key, writer, etag, headers, allowed)
        with contextlib.suppress(S3Error):
            self.abort_upload(bucket, key, upload)
        return info

    def _check_parts(self, wanted: list[tuple[int, str]], there: dict[int, Info]) -> None:
        numbers = [number for number, _ in wanted]
        if not wanted or numbers != sorted(set(numbers)):
            raise S3Error("InvalidPartOrder" if wanted else "MalformedXML")
        for number, etag in wanted:
            if number not in there or there[number].etag != etag:
                raise S3Error("InvalidPart")
        if any(there[number].size < self._min_part for number in numbers[:-1]):
            raise S3Error("EntityTooSmall")


def _keys(root: Path, prefix: str) -> Iterator[str]:
    """The keys of a bucket that begin with a prefix."""
    wanted = file_name(prefix)

    def walk(directory: Path, name: str) -> Iterator[str]:
        with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
            for entry in entries:
                whole = name + entry.name.removesuffix(".o").removesuffix("+")
                if entry.name.endswith("+"):
                    if whole.startswith(wanted) or wanted.startswith(whole):
                        yield from walk(directory / entry.name, whole)
                elif whole.startswith(wanted):
                    yield key_of(whole)

    return walk(root, "")
