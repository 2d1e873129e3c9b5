"""`StaticFileHandler`: files of a directory, with everything HTTP has for them.

The methods to override are Tornado's. What may be served is decided in `staticfiles`, which part
of it and whether at all in `conditional` and `ranges`, in which coding in `precompressed`; this
handler joins them. Small files that are asked for again come out of a `staticcache`, by the short
way: `StaticFileHandler.get`. The long way, `_serve`, is for all others, and for classes that
override one of the methods (`statichooks`) whose results would be taken from the cache.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from cyclone._async import DONE
from cyclone.httputil import format_timestamp

from . import staticfiles
from .conditional import evaluate, if_range_holds
from .errors import HTTPError
from .handler import RequestHandler
from .precompressed import SUFFIXES, acceptable
from .prepared import PLAIN
from .ranges import MAX_RANGES, ByteRange, MultipartRanges, content_range, select_ranges
from .redirects import is_protocol_relative
from .staticcache import Entry, StaticCache
from .staticfiles import Found
from .statichooks import HOOKS, hooks_of
from .staticversions import StaticVersions


class ContentChanged(Exception):
    """The content ended before the length that was announced for it: it was cut while it was sent.

    The response cannot be completed. Raised, so that the connection is closed and the client
    does not take what it got for the whole.
    """


class StaticFileHandler(StaticVersions, RequestHandler):
    """Serves the files of a directory::

        (r"/static/(.*)", StaticFileHandler, {"path": "/var/www"})

    The route needs one group, the path below the directory. Arguments of the route:

    ``path``: the directory.
    ``default_filename``: the file to serve for a directory, such as ``index.html``. A directory
    without slash at the end is then redirected to the one with it; without a default filename
    directories are 403.
    ``allowed_symlink_directory``: where symbolic links may lead, one directory or a list;
    ``path`` when it is not given. Links anywhere else are 403.

    ``precompressed``: serve ``a.css.br``, ``a.css.zst`` or ``a.css.gz`` in place of ``a.css`` to
    clients that take that coding, if there is such a file and it is not older than ``a.css``.

    GET and HEAD; conditional requests with entity tags and dates, ``Range`` with one range or
    several, ``If-Range``. Pieces of 64 KiB are read and sent as fast as the client takes them.
    Small files are kept in memory, within the settings ``static_cache_size`` and
    ``static_cache_max_file_size``; what has changed is noticed with the next request.

    URLs made by `make_static_url` (``handler.static_url`` calls it) carry the version of the file
    as ``?v=``; with it, clients may keep the file for ever.

    Neither that nor siblings are for subclasses that override a method which has a say in what is
    sent (`statichooks`): there the methods are called, for each request.

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

    MAX_ETAG_CONTENT_SIZE = 1024 * 1024
    """Bytes of a file that are read for its entity tag; longer files are tagged by size and time
    of change, so that a first request does not stop all others."""

    # Stands for the class in the cache; another one makes all its entries unknown.
    _era: ClassVar[object] = object()

    # On the class, since subclasses replace initialize without calling it.
    allowed_symlink_directory: str | Sequence[str] | None = None
    default_filename: str | None = None
    precompressed: bool = False

    root: str
    path: str
    absolute_path: str | None
    modified: datetime.datetime | None
    _stat_result: os.stat_result | None = None
    _found: Found | None = None  # what is served is a file, and a class's own methods have no say
    _entry: Entry | None = None  # it, in memory

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._era = object()

    def initialize(
        self,
        path: str,
        default_filename: str | None = None,
        allowed_symlink_directory: str | Sequence[str] | None = None,
        precompressed: bool = False,
    ) -> None:
        """Take the arguments of the route, see the class."""
        self.root = path
        if precompressed:
            self.precompressed = True
        self.default_filename = default_filename
        self.allowed_symlink_directory = allowed_symlink_directory

    @classmethod
    def reset(cls) -> None:
        """Forget the versions and contents of this class's files."""
        super().reset()
        cls._era = object()

    # --- the request ---------------------------------------------------------------------------

    def head(self, path: str) -> Any:
        """Answer with the header of what GET would send."""
        return self.get(path, include_body=False)

    def get(self, path: str, include_body: bool = True) -> Any:
        """Send the file, a part of it, or why not.

        Returns an awaitable. Raises HTTPError 403, 404 and 412, and `ContentChanged`.
        """
        self.path = self.parse_url_path(path)
        if not self._serves_files():
            return self._serve(None, include_body)
        key = self._cache_key()
        entry = self.application.static_cache.get(key)
        if entry is None:
            return self._serve(key, include_body)
        self._entry, self._found = entry, entry.found
        self.absolute_path, self.modified = entry.found.path, entry.modified
        self._stat_result = entry.found.stat
        if not self._is_plain_request(include_body):
            self.set_headers()
            return self._answer(include_body)
        # All of what set_headers() does is in there, but for what depends on the request.
        self._prepared = entry.prepared if self._prepared is PLAIN else entry.on(self._prepared)
        self._set_cache_time(entry.content_type)
        self.set_extra_headers(self.path)
        self._set_coding()
        self.write(entry.content)  # respond() leaves it out for HEAD
        return DONE

    def _serves_files(self) -> bool:
        """Whether what is served is files, the way this class has it, and no subclass another."""
        return hooks_of(type(self)) == _OWN_HOOKS and HOOKS.isdisjoint(self.__dict__)

    def _cache_key(self) -> tuple[Any, ...]:
        """All that decides what the path leads to."""
        allowed = self.allowed_symlink_directory
        return (
            type(self)._era,
            self.root,
            self.path,
            self.default_filename,
            allowed if allowed is None or isinstance(allowed, str) else tuple(allowed),
            self.default_filename is None or self.request.path.endswith("/"),
            self._codings(),
        )

    def _codings(self) -> tuple[str, ...] | None:
        if not self.precompressed:
            return None
        return acceptable(self.request.headers.get("Accept-Encoding"))

    def _is_plain_request(self, include_body: bool) -> bool:
        """Whether the answer is the whole content with 200, and nothing has been said so far."""
        head = getattr(self.request.connection, "head", None)
        return (
            head is not None
            and not head.conditional
            and self._prepared.first
            and self._header_map is None
            and not self._transforms
            and self._status_code == 200
            and (include_body or head.method == "HEAD")
            and not self._headers_written
        )

    async def _serve(self, key: tuple[Any, ...] | None, include_body: bool) -> None:
        """Answer without knowing the file. `key`: what it is to be known by."""
        absolute = self.get_absolute_path(self.root, self.path)
        self.absolute_path = self.validate_absolute_path(self.root, absolute)
        if self.absolute_path is None:
            return  # answered there
        if key is not None:
            self._found = self._find(absolute)
            if staticfiles.is_plain(self.root, self.path, absolute):
                self._entry = self._remember(key, self._found)
        self.modified = self.get_modified_time()
        self.set_headers()
        await self._answer(include_body)

    def _find(self, absolute: str) -> Found:
        """Choose the file to send. `absolute`: the path as it was asked for."""
        if self.default_filename is not None and os.path.isdir(absolute):
            absolute = os.path.join(absolute, self.default_filename)
        found = staticfiles.choose(
            absolute,
            self._absolute(),
            self._stat(),
            [(coding, SUFFIXES[coding]) for coding in self._codings() or ()],
            self._allowed(os.path.abspath(self.root)),
        )
        self._stat_result = found.stat
        return found

    def _remember(self, key: tuple[Any, ...], found: Found) -> Entry | None:
        """Have the file kept in memory, if it is small and has not just been changed."""
        cache: StaticCache = self.application.static_cache
        entry = cache.renewed(key, found)
        if entry is not None:
            return entry
        content = cache.read(found)
        if content is None:
            return None
        if len(content) > min(self.MAX_ETAG_CONTENT_SIZE, self.MAX_VERSION_CONTENT_SIZE):
            etag = self.compute_etag()
        else:  # the version that is known for this path may be that of another moment
            etag = self._tag(hashlib.sha512(content, usedforsecurity=False).hexdigest())
        modified, content_type = self.get_modified_time(), self.get_content_type()
        entry = Entry(found, content, etag, modified, content_type, varies=self.precompressed)
        cache.put(key, entry)
        return entry

    async def _answer(self, include_body: bool) -> None:
        """Send what the header fields announce, or what the request's conditions make of it."""
        if self._preconditions() == 412:
            raise HTTPError(412)
        if self.should_return_304():
            self.set_status(304)
            return
        size = self.get_content_size()
        ranges = self._requested_ranges(size)
        if ranges is not None and len(ranges) > 1 and self._coding:
            ranges = None  # a multipart body is not in that coding, its parts are
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
        for name in ("Cache-Control", "Content-Encoding", "Etag", "Expires", "Last-Modified"):
            self.clear_header(name)

    async def _send(self, part: ByteRange, size: int) -> None:
        """Write one range of the content, at the client's pace.

        Raises `cyclone.http1.PeerGone` when the client has gone, and `ContentChanged`.
        """
        content = self._content(part, whole=part == (0, size))
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

    def _content(self, part: ByteRange, whole: bool) -> bytes | Iterable[bytes]:
        if self._entry is not None:
            return self._entry.content if whole else self._entry.content[part.start : part.stop]
        return self.get_content(
            self._sent(), None if whole else part.start, None if whole else part.stop
        )

    def _sent(self) -> str:
        """The file whose content is sent."""
        return self._absolute() if self._found is None else self._found.sent

    @property
    def _coding(self) -> str:
        return "" if self._found is None else self._found.coding

    def _absolute(self) -> str:
        if self.absolute_path is None:
            raise RuntimeError("there is no path to serve")
        return self.absolute_path

    # --- header fields -------------------------------------------------------------------------

    def compute_etag(self) -> str | None:
        """Return the entity tag: the version of the content, or size and time for long files."""
        if self._entry is not None:
            return self._entry.etag
        found = self._stat_result
        if found is not None and found.st_size > self.MAX_ETAG_CONTENT_SIZE:
            changed, size, inode = staticfiles.fingerprint_of(found)
            return self._tag(f"{changed:x}-{size:x}-{inode:x}")
        return self._tag(self._get_cached_version(self._sent()))

    def _tag(self, version: str | None) -> str | None:
        if not version:
            return None
        # Two representations never share a tag, not even if their bytes happen to be the same.
        return f'"{version}-{self._coding}"' if self._coding else f'"{version}"'

    def set_headers(self) -> None:
        """Set the header fields that describe the content and how long it may be kept."""
        self.set_header("Accept-Ranges", "bytes")
        self.set_etag_header()
        if self.modified is not None:
            self.set_header("Last-Modified", self.modified)
        content_type = self.get_content_type()
        if content_type:
            self.set_header("Content-Type", content_type)
        self._set_cache_time(content_type)
        self.set_extra_headers(self.path)
        self._set_coding()

    def _set_cache_time(self, content_type: str) -> None:
        cache_time = self.get_cache_time(self.path, self.modified, content_type)
        if cache_time > 0:
            self.set_header("Expires", format_timestamp(int(time.time()) + cache_time))
            self.set_header("Cache-Control", f"max-age={cache_time}")

    def _set_coding(self) -> None:
        """Say which representation this is, and that there may be others."""
        if not self.precompressed or self._found is None:
            return
        fields = self._prepared if self._header_map is None else self._header_map
        if self._coding and fields.get("Content-Encoding") != self._coding:
            self.set_header("Content-Encoding", self._coding)
        varying = (fields.get("Vary") or "").lower()
        if varying != "*" and "accept-encoding" not in varying:
            self.add_header("Vary", "Accept-Encoding")

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
        return staticfiles.media_type(self._absolute())

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
        directories = self._allowed(staticfiles.inside(root, absolute_path, self.path))
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

    def _allowed(self, top: str) -> Sequence[str]:
        """Where symbolic links may lead; ``top`` is the directory that is served."""
        allowed = self.allowed_symlink_directory or top
        return [allowed] if isinstance(allowed, str) else allowed

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


_OWN_HOOKS = hooks_of(StaticFileHandler)
