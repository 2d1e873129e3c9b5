"""Contents of small static files, kept in memory as long as the file system shows the same file.

An entry holds what was found out when it was made: that the path may be served, the content, and
the header fields that describe it.  It is good for as long as ``stat`` shows, for each path that it
depends on, the very file of then; one such call replaces resolving, opening, reading and hashing.

Two things that ``stat`` of a file cannot show are dealt with apart.  A file that is written twice
within the granularity of its times looks the same both times: what has changed a moment ago is not
kept yet.  A directory on the way that is exchanged for a link leads to the same file still: every
few seconds the path is resolved anew.

Python's memory is not what a peer may fill: there is a limit for all entries together, and
only files that exist, by one spelling of their path, make entries.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Hashable, Mapping
from typing import Any

from cyclone.httputil import format_timestamp

from . import staticfiles
from .prepared import PLAIN, Prepared
from .staticfiles import Found

__all__ = ["Entry", "StaticCache"]

_SIZE, _DEFAULT_SIZE = "static_cache_size", 16 * 1024 * 1024
_FILE_SIZE, _DEFAULT_FILE_SIZE = "static_cache_max_file_size", 256 * 1024
#: Nanoseconds after which a change of a file shows in its times: two seconds on FAT.
_SETTLED = 2_000_000_000
#: Seconds until a path is resolved anew.
_TRUSTED = 5.0
#: What an entry takes besides content and path, roughly.
_OVERHEAD = 2048


class Entry:
    """A file in memory.

    Attributes:
        found: what the path has led to.
        content: the bytes of the file.
        etag, modified, content_type: what describes them.
        prepared: the header fields of a response with all of it.
        expires: when (monotonic) the path is to be resolved anew.
        size: the bytes it is counted with.
    """

    __slots__ = (
        "_on", "_varies", "content", "content_type", "etag", "expires", "found", "modified",
        "prepared", "size",
    )  # fmt: skip

    def __init__(
        self,
        found: Found,
        content: bytes,
        etag: str | None,
        modified: datetime.datetime | None,
        content_type: str,
        varies: bool = False,
    ) -> None:
        """`varies`: other requests may be answered with a file in another coding."""
        self.found = found
        self.content = content
        self.etag = etag
        self.modified = modified
        self.content_type = content_type
        self.prepared = self._fields(PLAIN, varies)
        self._varies = varies
        self._on: dict[Prepared, Prepared] = {}
        self.expires = time.monotonic() + _TRUSTED
        self.size = len(content) + len(found.path) + _OVERHEAD

    def on(self, first: Prepared) -> Prepared:
        """As `prepared`, where responses begin with other fields; of those there are two."""
        prepared = self._on.get(first)
        if prepared is None:
            prepared = self._on[first] = self._fields(first, self._varies)
        return prepared

    def _fields(self, first: Prepared, varies: bool) -> Prepared:
        fields = first.headers()
        del fields["Date"]
        fields["Accept-Ranges"] = "bytes"
        if self.etag is not None:
            fields["Etag"] = self.etag
        if self.modified is not None:
            fields["Last-Modified"] = format_timestamp(self.modified)
        fields["Content-Type"] = self.content_type
        if self.found.coding:
            fields["Content-Encoding"] = self.found.coding
        if varies:
            fields["Vary"] = "Accept-Encoding"
        return Prepared(fields)


class StaticCache:
    """The entries of an application, as many as fit."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Take the limits from the settings.

        Raises:
            ValueError: a limit is no whole number of bytes.
        """
        self.limit = _bytes_of(settings, _SIZE, _DEFAULT_SIZE)
        largest = _bytes_of(settings, _FILE_SIZE, _DEFAULT_FILE_SIZE)
        self.largest = min(largest, self.limit)  # 0: nothing is kept
        self._entries: dict[Hashable, Entry] = {}  # the one used last stands last
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Entry | None:
        """The entry for `key`, if it shows what is there now."""
        entries = self._entries
        entry = entries.get(key)
        if entry is None or entry.expires < time.monotonic():
            return None
        for path, identity in entry.found.watched:
            if staticfiles.identity(path) != identity:
                self._remove(key)
                return None
        del entries[key]
        entries[key] = entry
        return entry

    def renewed(self, key: Hashable, found: Found) -> Entry | None:
        """The entry for `key` after its path has been resolved again, if it led to the same."""
        entry = self._entries.get(key)
        if entry is None or entry.found._replace(stat=found.stat) != found:
            return None
        entry.expires = time.monotonic() + _TRUSTED
        return entry

    def read(self, found: Found) -> bytes | None:
        """The content of a file that may be kept, None for others."""
        if not 0 <= found.stat.st_size <= self.largest or not self.largest:
            return None
        settled = time.time_ns() - _SETTLED
        # A time that lies ahead (another machine's clock) is never settled.
        if any(identity and max(identity[:2]) > settled for _, identity in found.watched):
            return None
        return staticfiles.read_unchanged(found.sent, staticfiles.identity_of(found.stat))

    def put(self, key: Hashable, entry: Entry) -> None:
        """Keep `entry`; those that were not used for the longest time make room."""
        self._remove(key)
        if entry.size > self.limit:
            return
        self._entries[key] = entry
        self.size += entry.size
        while self.size > self.limit:
            self._remove(next(iter(self._entries)))

    def _remove(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size -= entry.size


def _bytes_of(settings: Mapping[str, Any], name: str, default: int) -> int:
    value = settings.get(name, default)
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} must be a whole number of bytes, not {value!r}")
    return value
