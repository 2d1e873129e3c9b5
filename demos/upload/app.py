"""Uploads of any size in little memory: bodies go to the disk while they come.

::

    cyclone run app.py                              (in this directory)
    cyclone run app.py --appopts /srv/uploads       below another directory than the system's
    twistd -n cyclone -r app.Application

What was uploaded is deleted when the server stops.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import secrets
import tempfile
import threading
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from twisted.internet.threads import deferToThread

import cyclone.web
from cyclone.web import HTTPError, RequestHandler, StaticFileHandler, stream_request_body

STATIC = Path(__file__).parent / "static"
MIB = 1024 * 1024
#: Bytes of one file and of all of them, files, and uploads at a time.
LARGEST = 2048 * MIB
QUOTA = 4096 * MIB
MOST_FILES = 50
AT_ONCE = 8
#: Bytes that are collected before a thread writes them.
BLOCK = MIB
LONGEST_NAME = 200

POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Stored(NamedTuple):
    """A file that has arrived whole."""

    key: str
    name: str
    size: int
    digest: str


class Spool:
    """A file that is arriving.  `write`, `end` and `discard` block: they are for threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._digest = hashlib.sha256()
        self._file: Any = None
        self._over = False

    def write(self, data: bytes) -> None:
        """Add to it; without effect when it was discarded meanwhile."""
        with self._lock:
            if self._over:
                return
            if self._file is None:
                # Not seen before: nobody can have put a link there.
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                self._file = os.fdopen(os.open(self.path, flags, 0o600), "wb")
            self._file.write(data)
            self._digest.update(data)

    def end(self) -> str:
        """It is whole; returns its SHA-256 in hexadecimal digits."""
        self.write(b"")
        with self._lock:
            if not self._over:
                self._over = True
                self._file.close()
            return self._digest.hexdigest()

    def discard(self) -> None:
        """Forget it; `write` may be at work, and is waited for."""
        with self._lock:
            self._over = True
            if self._file is not None:
                with contextlib.suppress(OSError):  # the disk may be full
                    self._file.close()
            self.path.unlink(missing_ok=True)


class Store:
    """The files.

    Args:
        parent: they are in a new directory in there.

    Attributes:
        directory: where they are.
        files: those that have arrived, by their keys.
        taken: bytes of those, and of those that are arriving.
        arriving: uploads under way.

    Raises:
        ValueError: nothing can be put into the parent.
    """

    def __init__(self, parent: str) -> None:
        if not os.path.isdir(parent) or not os.access(parent, os.W_OK | os.X_OK):
            raise ValueError(f"{parent!r} is no directory that can be written to")
        self._parent = parent
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.directory = Path(parent)
        self.files: dict[str, Stored] = {}
        self.taken = 0
        self.arriving: set[Upload] = set()

    def open(self) -> None:
        """Make the directory; it is deleted also if the process ends before `close`."""
        self._temporary = tempfile.TemporaryDirectory(
            prefix="cyclone-upload-", dir=self._parent, ignore_cleanup_errors=True
        )
        self.directory = Path(self._temporary.name)

    def close(self) -> None:
        """Delete everything; what is arriving would be deleted, too, and need not be waited for."""
        for upload in list(self.arriving):
            upload.cut()
        if self._temporary is not None:
            self._temporary.cleanup()
        self.files.clear()


def clean_name(name: str) -> str:
    """A name for people to read; files are never called so on the disk.

    Raises:
        HTTPError: 400, it is none.
    """
    shown = unicodedata.normalize("NFC", name).strip()
    if not shown or len(shown) > LONGEST_NAME or not shown.isprintable() or set(shown) & set("/\\"):
        raise HTTPError(400, f"a name has 1 to {LONGEST_NAME} visible characters, and no slashes")
    return shown


class Page(RequestHandler):
    """What answers have in common."""

    application: Application

    def set_default_headers(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")

    @property
    def store(self) -> Store:
        return self.application.store

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Programs read this: what is wrong, as JSON."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        message = error.get_message() if isinstance(error, HTTPError) else None
        self.finish({"error": message or "this did not work"})


@stream_request_body
class Upload(Page):
    """Takes a file as the body of a PUT, piece by piece."""

    max_body_size = LARGEST

    _spool: Spool | None = None
    _reserved = 0
    _size = 0

    def prepare(self) -> None:
        if self.request.method != "PUT":
            raise HTTPError(405)
        self.name = clean_name(self.path_args[0])
        store = self.store
        if len(store.arriving) >= AT_ONCE:
            raise HTTPError(503, f"{AT_ONCE} uploads at a time are enough")
        if len(store.files) + len(store.arriving) >= MOST_FILES:
            raise HTTPError(507, f"{MOST_FILES} files are enough: delete some")
        self._block = bytearray()
        # What was announced is refused before it is sent; what was not, when it is too much.
        self._reserve(int(self.request.headers.get("Content-Length", "0")))
        store.arriving.add(self)
        self.key = secrets.token_urlsafe(9)
        self._spool = Spool(store.directory / self.key)
        # However long it takes: who sends nearly nothing is still cut off (body_min_rate).
        self.request.connection.set_body_timeout(None)

    def _reserve(self, size: int) -> None:
        if size > LARGEST:
            raise HTTPError(413, f"a file has at most {LARGEST // MIB} MiB")
        if size > self._reserved:
            if self.store.taken + size - self._reserved > QUOTA:
                raise HTTPError(507, "there is no room for it: delete some files")
            self.store.taken += size - self._reserved
            self._reserved = size

    async def data_received(self, chunk: bytes) -> None:
        """Take a piece.  The next one waits until this has returned: so does the sender."""
        self._size += len(chunk)
        self._reserve(self._size)
        self._block += chunk
        if len(self._block) >= BLOCK:
            await self._write()

    async def _write(self) -> None:
        block, self._block = bytes(self._block), bytearray()
        if self._spool is not None:
            await self._on_disk(self._spool.write, block)

    async def _on_disk(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call it in a thread.

        Raises:
            HTTPError: 507, the disk is full or broken.
        """
        try:
            return await deferToThread(function, *arguments)
        except OSError as error:
            raise HTTPError(507, f"the disk does not take it: {error.strerror}") from None

    async def put(self, name: str) -> None:
        await self._write()
        spool = self._spool
        if spool is None:
            return  # whoever sent it has gone
        digest = await self._on_disk(spool.end)
        if self._spool is None:
            return
        stored = Stored(self.key, self.name, self._size, digest)
        self._spool = None
        self.store.arriving.discard(self)
        self.store.files[self.key] = stored
        self.set_status(201)
        self.set_header("Location", self.reverse_url("file", self.key))
        self.write({"key": stored.key, "name": stored.name, "size": stored.size, "sha256": digest})

    def _give_up(self) -> None:
        """What is not whole is forgotten."""
        if self._spool is not None:
            spool, self._spool = self._spool, None
            self.store.arriving.discard(self)
            deferToThread(spool.discard)
            self.store.taken -= self._reserved

    def cut(self) -> None:
        """End it at once: the server stops."""
        self._give_up()
        self.request.connection.abort()

    def on_connection_close(self) -> None:
        self._give_up()

    def on_finish(self) -> None:
        self._give_up()


class Files(Page):
    """What there is, and how much there may be."""

    def get(self) -> None:
        files = [
            {"key": each.key, "name": each.name, "size": each.size, "sha256": each.digest}
            for each in self.store.files.values()
        ]
        free = QUOTA - self.store.taken
        self.write({"files": files, "largest": min(LARGEST, free), "memory": memory()})


class File(StaticFileHandler):
    """Gives a file back, with ranges, or deletes it."""

    application: Application

    def initialize(self) -> None:  # type: ignore[override]
        super().initialize(str(self.application.store.directory))

    def prepare(self) -> None:
        if self.path_args[0] not in self.application.store.files:
            raise HTTPError(404)

    def set_extra_headers(self, path: str) -> None:
        # Whatever it is, it is saved and not shown: it might be a page with scripts.
        name = quote(self.application.store.files[path].name, safe="")
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{name}")
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Content-Security-Policy", "sandbox; default-src 'none'")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    async def delete(self, path: str) -> None:
        store = self.application.store
        stored = store.files.pop(path)
        store.taken -= stored.size
        await deferToThread((store.directory / path).unlink, missing_ok=True)
        self.set_status(204)


class Start(StaticFileHandler):
    """The page and what belongs to it."""

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")


_measured = (0.0, 0)


def memory() -> int:
    """Bytes of memory that this process holds (Linux; elsewhere 0), looked up now and then."""
    global _measured
    if time.monotonic() - _measured[0] > 0.2:
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            pages = 0
        _measured = (time.monotonic(), pages * mmap.PAGESIZE)
    return _measured[1]


class Application(cyclone.web.Application):
    """The demo.

    Args:
        parent: the files are in a new directory in there; empty for the system's place for such.
        settings: of cyclone, beyond those below.

    Attributes:
        store: the files.
    """

    def __init__(self, parent: str = "", **settings: Any) -> None:
        self.store = Store(parent or tempfile.gettempdir())
        handlers = [
            cyclone.web.url(r"/files", Files, name="files"),
            cyclone.web.url(r"/files/([\w-]+)", File, name="file"),
            cyclone.web.url(r"/upload/([^/]+)", Upload, name="upload"),
            (r"/(.*)", Start, {"path": STATIC, "default_filename": "index.html"}),
        ]
        super().__init__(handlers, cross_origin_protection=True, chunk_size=256 * 1024, **settings)

    def startFactory(self) -> None:
        """Called when the application begins to listen."""
        self.store.open()
        super().startFactory()

    def stopFactory(self) -> None:
        """Called when it no longer listens."""
        super().stopFactory()
        self.store.close()
