"""`StaticFileHandler`: files of a directory, with everything HTTP has for them.

The methods to override are Tornado's. What may be served is decided in `staticfiles`, which part
of it and whether at all in `conditional` and `ranges`; this handler joins them.
"""

from __future__ import annotations

import datetime
import hashlib
import mimetypes
import os
import threading
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from cyclone.log import gen_log

from . import staticfiles
from .conditional import evaluate, if_range_holds
from .errors import HTTPError
from .handler import RequestHandler
from .ranges import MAX_RANGES, ByteRange, MultipartRanges, content_range, select_ranges
from .redirects import is_protocol_relative


class ContentChanged(Exception):
    """The content ended before the length that was announced for it: it was cut while it was sent.

    The response cannot be completed. Raised, so that the connection is closed and the client
    does not take what it got for the whole.
    """


class StaticFileHandler(RequestHandler):
    """Serves the files of a directory::

        (r"/static/(.*)", StaticFileHandler, {"path": "/var/www"})

    The route needs one group, the path below the directory. Arguments of the route:

    ``path``: the directory.
    ``default_filename``: the file to serve for a directory, such as ``index.html``. A directory
    without slash at the end is then redirected to the one with it; without a default filename
    directories are 403.
    ``allowed_symlink_directory``: where symbolic links may lead, one directory or a list;
    ``path`` when it is not given. Links anywhere else are 403.

    GET and HEAD; conditional requests with entity tags and dates, ``Range`` with one range or
    several, ``If-Range``. Pieces of 64 KiB are read and sent as fast as the client takes them.

    URLs made by `make_static_url` (``handler.static_url`` calls it) carry the version of the file
    as ``?v=``; with it, clients may keep the file for ever.

    To change URLs, override `make_static_url`, `parse_url_path`, `get_cache_time`, `get_version`.
    To serve something else than files, override `get_absolute_path`, `validate_absolute_path`,
    `get_content`, `get_content_size` and `get_modified_time`. Inside instance methods ``path``,
    ``absolute_path`` and ``modified`` are set.
    """

    CACHE_MAX_AGE = 86400 * 365 * 10
    """Seconds a versioned URL may be cached: ten years."""

    CHUNK_SIZE = 64 * 1024
    """Bytes read at a time."""

    MAX_RANGES = MAX_RANGES
    """Ranges one request is answered with; for more, everything is sent."""

    RANGE_METHODS: ClassVar[Sequence[str]] = ("GET", "HEAD")
    """Methods whose ``Range`` is looked at. RFC 9110, section 14.2, has ranges for GET alone; HEAD
    shows what GET would send, as in Tornado, nginx and httpd, and clients probe servers by it."""

    MAX_VERSION_CONTENT_SIZE = 64 * 1024 * 1024
    """Bytes of content that `get_content_version` reads; what is longer has no version."""

    MAX_ETAG_CONTENT_SIZE = 1024 * 1024
    """Bytes of a file that are read for its entity tag; longer files are tagged by size and time
    of change, so that a first request does not stop all others."""

    MAX_CACHED_VERSIONS = 10000
    """Versions remembered; the one that was not used for the longest time is forgotten first."""

    # Path -> fingerprint and version, least recently used first. Each class has its own.
    _static_hashes: ClassVar[dict[str, tuple[staticfiles.Fingerprint | None, str | None]]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    # On the class, since subclasses replace initialize without calling it.
    allowed_symlink_directory: str | Sequence[str] | None = None
    default_filename: str | None = None

    root: str
    path: str
    absolute_path: str | None
    modified: datetime.datetime | None
    _stat_result: os.stat_result | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._static_hashes = {}

    def initialize(
        self,
        path: str,
        default_filename: str | None = None,
        allowed_symlink_directory: str | Sequence[str] | None = None,
    ) -> None:
        """Take the arguments of the route, see the class."""
        self.root = path
        self.default_filename = default_filename
        self.allowed_symlink_directory = allowed_symlink_directory

    @classmethod
    def reset(cls) -> None:
        """Forget the versions of this class's files."""
        with cls._lock:
            cls._static_hashes = {}

    # --- the request ---------------------------------------------------------------------------

    def head(self, path: str) -> Any:
        """Answer with the header of what GET would send."""
        return self.get(path, include_body=False)

    async def get(self, path: str, include_body: bool = True) -> None:
        """Send the file, a part of it, or why not.

        Raises HTTPError 403, 404 and 412, and `ContentChanged`.
        """
        self.path = self.parse_url_path(path)
        absolute = self.get_absolute_path(self.root, self.path)
        self.absolute_path = self.validate_absolute_path(self.root, absolute)
        if self.absolute_path is None:
            return  # answered there
        self.modified = self.get_modified_time()
        self.set_headers()
        if self._preconditions() == 412:
            raise HTTPError(412)
        if self.should_return_304():
            self.set_status(304)
            return
        size = self.get_content_size()
        ranges = self._requested_ranges(size)
        if ranges is None:
            await self._send_all(size, include_body)
        elif len(ranges) > 1:
            multipart = MultipartRanges(ranges, size, self.get_content_type())
            await self._send_parts(multipart, size, include_body)
        elif ranges:
            await self._send_part(ranges[0], size, include_body)
        else:
            self._refuse_ranges(size)

    def _preconditions(self) -> int | None:
        header = self.request.headers.get
        return evaluate(self.request.method or "", header, self._etag(), self.modified)

    def _etag(self) -> str | None:
        etag: str | None = self._headers.get("Etag")
        return etag

    def _requested_ranges(self, size: int) -> tuple[ByteRange, ...] | None:
        headers = self.request.headers
        wanted = headers.get("Range")
        if wanted is None or self.request.method not in self.RANGE_METHODS:
            return None
        if not if_range_holds(headers.get("If-Range"), self._etag(), self.modified):
            return None
        return select_ranges(wanted, size, self.MAX_RANGES)

    async def _send_all(self, size: int, include_body: bool) -> None:
        self.set_header("Content-Length", size)
        if include_body:
            await self._send(ByteRange(0, size), size)

    async def _send_part(self, part: ByteRange, size: int, include_body: bool) -> None:
        self.set_status(206)
        self.set_header("Content-Range", content_range(part, size))
        self.set_header("Content-Length", part.size)
        if include_body:
            await self._send(part, size)

    async def _send_parts(self, multipart: MultipartRanges, size: int, include_body: bool) -> None:
        self.set_status(206)
        self.set_header("Content-Type", multipart.content_type)
        self.set_header("Content-Length", multipart.length)
        if not include_body:
            return
        for part in multipart.parts:
            self.write(multipart.head(part))
            await self._send(part, size)
        self.write(multipart.tail)

    def _refuse_ranges(self, size: int) -> None:
        self.set_status(416)
        self.set_header("Content-Range", content_range(None, size))
        self.set_header("Content-Type", "text/plain")
        # They describe the file, and a refusal must not be kept for ten years.
        for name in ("Cache-Control", "Etag", "Expires", "Last-Modified"):
            self.clear_header(name)

    async def _send(self, part: ByteRange, size: int) -> None:
        """Write one range of the content, at the client's pace.

        Raises `cyclone.http1.PeerGone` when the client has gone, and `ContentChanged`.
        """
        whole = part == (0, size)
        content = self.get_content(
            self._absolute(), None if whole else part.start, None if whole else part.stop
        )
        left = part.size
        chunks = iter((content,) if isinstance(content, bytes) else content)
        try:
            for chunk in chunks:
                # What grew while it was sent is cut: the length has been announced.
                chunk = chunk[:left]
                left -= len(chunk)
                self.write(chunk)
                if not left:
                    break  # it goes out with what follows, or with the end
                await self.flush()
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        if left:
            raise ContentChanged(f"{left} bytes of {self.absolute_path} are missing")

    def _absolute(self) -> str:
        if self.absolute_path is None:
            raise RuntimeError("there is no path to serve")
        return self.absolute_path

    # --- header fields -------------------------------------------------------------------------

    def compute_etag(self) -> str | None:
        """Return the entity tag: the version of the content, or size and time for long files."""
        found = self._stat_result
        if found is not None and found.st_size > self.MAX_ETAG_CONTENT_SIZE:
            changed, size, inode = staticfiles.fingerprint_of(found)
            return f'"{changed:x}-{size:x}-{inode:x}"'
        version = self._get_cached_version(self._absolute())
        return f'"{version}"' if version else None

    def set_headers(self) -> None:
        """Set the header fields that describe the content and how long it may be kept."""
        self.set_header("Accept-Ranges", "bytes")
        self.set_etag_header()
        if self.modified is not None:
            self.set_header("Last-Modified", self.modified)
        content_type = self.get_content_type()
        if content_type:
            self.set_header("Content-Type", content_type)
        cache_time = self.get_cache_time(self.path, self.modified, content_type)
        if cache_time > 0:
            expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=cache_time)
            self.set_header("Expires", expires)
            self.set_header("Cache-Control", f"max-age={cache_time}")
        self.set_extra_headers(self.path)

    def set_extra_headers(self, path: str) -> None:
        """Set further header fields; for subclasses."""

    def should_return_304(self) -> bool:
        """Tell whether the client has this version already."""
        return self._preconditions() == 304

    def get_cache_time(
        self, path: str, modified: datetime.datetime | None, mime_type: str | None
    ) -> int:
        """Return for how many seconds the response may be cached; 0 leaves it to the client."""
        return self.CACHE_MAX_AGE if "v" in self.request.arguments else 0

    def get_content_type(self) -> str:
        """Return the media type, by the name of the file."""
        media_type, encoding = mimetypes.guess_type(self._absolute())
        if encoding == "gzip":
            return "application/gzip"  # RFC 6713
        if encoding is not None or media_type is None:
            return "application/octet-stream"
        return media_type

    # --- the content ---------------------------------------------------------------------------

    def parse_url_path(self, url_path: str) -> str:
        """Turn the path of a URL into one of the file system; the inverse of `make_static_url`."""
        return url_path if os.sep == "/" else url_path.replace("/", os.sep)

    @classmethod
    def get_absolute_path(cls, root: str, path: str) -> str:
        """Return where ``path`` is, relative to ``root``.

        Any unique text, if `get_content` understands it. Raises HTTPError 403 for paths that lead
        outside, see `staticfiles.below`. `make_static_url` relies on that as well.
        """
        return staticfiles.below(root, path)

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """Return the path to serve, after `default_filename` and symbolic links.

        None when the request has been answered here, by a redirect. Raises HTTPError 403 and 404.
        """
        top = staticfiles.inside(root, absolute_path, self.path)
        allowed = self.allowed_symlink_directory or top
        directories = [allowed] if isinstance(allowed, str) else allowed
        # Before anything is asked about the file: answers that depend on what is outside would
        # tell what there is.
        absolute_path = staticfiles.resolved(absolute_path, directories, self.path)
        if self.default_filename is not None and os.path.isdir(absolute_path):
            if self._redirected_to_directory():
                return None
            absolute_path = os.path.join(absolute_path, self.default_filename)
            absolute_path = staticfiles.resolved(absolute_path, directories, self.path)
        self._stat_result = staticfiles.stat_file(absolute_path, self.path)
        return absolute_path

    def _redirected_to_directory(self) -> bool:
        """Relative links in an index work only below a URL that ends in a slash."""
        path = self.request.path
        if path.endswith("/"):
            return False
        if is_protocol_relative(path):
            raise HTTPError(403, "cannot redirect path with two initial slashes")
        query = self.request.query
        self.redirect(f"{path}/?{query}" if query else f"{path}/", permanent=True)
        return True

    @classmethod
    def get_content(
        cls, abspath: str, start: int | None = None, end: int | None = None
    ) -> bytes | Iterable[bytes]:
        """Return the content, or the bytes ``start:end`` of it, as bytes or in pieces.

        Raises HTTPError 403 and 404, now or with the first piece.
        """
        return staticfiles.slices(abspath, start, end, cls.CHUNK_SIZE)

    def get_content_size(self) -> int:
        """Return the number of bytes of the whole content."""
        return self._stat().st_size

    def get_modified_time(self) -> datetime.datetime | None:
        """Return when the content was changed, to the second and in UTC, or None."""
        return datetime.datetime.fromtimestamp(int(self._stat().st_mtime), datetime.UTC)

    def _stat(self) -> os.stat_result:
        if self._stat_result is None:  # validate_absolute_path was overridden
            self._stat_result = os.stat(self._absolute())
        return self._stat_result

    # --- versions ------------------------------------------------------------------------------

    @classmethod
    def make_static_url(
        cls, settings: dict[str, Any], path: str, include_version: bool = True
    ) -> str:
        """Return the URL of a file below the setting ``static_path``, with its version.

        The prefix is the setting ``static_url_prefix``, by default ``/static/``. Raises HTTPError
        403 for paths that lead outside. ``path`` should name a file the application knows, not
        come from a request: making the version reads the file.
        """
        url: str = settings.get("static_url_prefix", "/static/") + path
        version = cls.get_version(settings, path) if include_version else None
        return f"{url}?v={version}" if version else url

    @classmethod
    def get_version(cls, settings: dict[str, Any], path: str) -> str | None:
        """Return the version of a file below the setting ``static_path``; None when it has none."""
        return cls._get_cached_version(cls.get_absolute_path(settings["static_path"], path))

    @classmethod
    def get_content_version(cls, abspath: str) -> str:
        """Compute the version of a content: its SHA-512.

        Raises ValueError for more than `MAX_VERSION_CONTENT_SIZE` bytes, and what `get_content`
        raises.
        """
        digest = hashlib.sha512(usedforsecurity=False)
        size = 0
        content = cls.get_content(abspath)
        for chunk in (content,) if isinstance(content, bytes) else content:
            size += len(chunk)
            if size > cls.MAX_VERSION_CONTENT_SIZE:
                raise ValueError(f"larger than {cls.MAX_VERSION_CONTENT_SIZE} bytes")
            digest.update(chunk)
        return digest.hexdigest()

    @classmethod
    def _get_cached_version(cls, abs_path: str) -> str | None:
        """Return the version, computed anew only when the file has changed."""
        now = staticfiles.fingerprint(abs_path)
        with cls._lock:
            known = cls._static_hashes.pop(abs_path, None)
            if known is not None and known[0] == now:
                cls._static_hashes[abs_path] = known  # used last
                return known[1]
        version: str | None = None
        try:
            version = cls.get_content_version(abs_path)
        except Exception as error:
            gen_log.error("Could not open static file %r: %s", abs_path, error)
        with cls._lock:
            hashes = cls._static_hashes
            while hashes and len(hashes) >= cls.MAX_CACHED_VERSIONS:
                del hashes[next(iter(hashes))]
            hashes[abs_path] = (now, version)
        return version
