"""Versions of static files: URLs that name one, and what remembers them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from cyclone.log import gen_log

from . import staticfiles

__all__ = ["StaticVersions"]


class StaticVersions:
    """The part of `StaticFileHandler` that works without a request: its class methods."""

    MAX_VERSION_CONTENT_SIZE = 64 * 1024 * 1024
    """Bytes of content that `get_content_version` reads; what is longer has no version."""

    MAX_CACHED_VERSIONS = 10000
    """Versions remembered; the one that was not used for the longest time is forgotten first."""

    # Path -> fingerprint and version, least recently used first. Each class has its own.
    _static_hashes: ClassVar[dict[str, tuple[staticfiles.Fingerprint | None, str | None]]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._static_hashes = {}

    if TYPE_CHECKING:  # of the handler

        @classmethod
        def get_absolute_path(cls, root: str, path: str) -> str: ...

        @classmethod
        def get_content(
            cls, abspath: str, start: int | None = None, end: int | None = None
        ) -> bytes | Iterable[bytes]: ...

    @classmethod
    def reset(cls) -> None:
        """Forget the versions of this class's files."""
        with cls._lock:
            cls._static_hashes = {}

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
