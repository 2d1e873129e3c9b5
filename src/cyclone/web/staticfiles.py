"""Files below a directory: which ones may be served, and which version of one is there.

The checks of `static`, as functions of paths. Every refusal is an HTTPError whose message, meant
for the log, does not tell in which way a path left the directory.
"""

from __future__ import annotations

import mimetypes
import ntpath
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from .errors import HTTPError

#: Identifies the content of a file without reading it: time of change, size, inode.
Fingerprint = tuple[int, int, int]

#: Tells a file, as it is, from all others and from itself at another time: times of change of
#: content and inode, device, inode, size, kind and rights.
Identity = tuple[int, int, int, int, int, int]

#: A path and what is to be there; None for nothing.
Watched = tuple[str, Identity | None]

_OUTSIDE = "%s is not in root static directory"
_NO_FILE = "%s is not a file"
# O_NONBLOCK: opening a FIFO that took the place of a file must not wait for a writer.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_READ |= getattr(os, "O_BINARY", 0)


class Found(NamedTuple):
    """What a path has led to.

    Attributes:
        path: the path that is served.
        sent: the file whose content is sent: that, or its precompressed sibling.
        coding: the content coding of what is sent, "" for none.
        stat: the status of it.
        watched: what all this depends on.
    """

    path: str
    sent: str
    coding: str
    stat: os.stat_result
    watched: tuple[Watched, ...]


def below(root: str, path: str, flavour: Any = os.path) -> str:
    """Return the absolute path of ``path`` taken relative to ``root``, as written.

    ``flavour`` is the path module of the system, for tests of the other one. Symbolic links are
    the business of `resolved`. Raises HTTPError 403 for a path that leads outside, that is
    absolute itself (it would tell where ``root`` is; a ``root`` that is the root of the file
    system has nothing to tell), or that names something else than a file.
    """
    absolute: str = flavour.abspath(flavour.join(root, path))
    top = inside(root, absolute, path, flavour)
    # An absolute path, or one with a drive, makes join() forget what comes before.
    rooted = not flavour.join("base", path).startswith("base")
    if rooted and flavour.dirname(top) != flavour.dirname(flavour.dirname(top)):
        raise HTTPError(403, _OUTSIDE, path)
    return absolute


def inside(root: str, absolute: str, shown: str, flavour: Any = os.path) -> str:
    """Check that an absolute path is ``root`` or below it; return ``root`` as it was compared.

    That is absolute and with a separator at the end, so that ``/static2`` is not below
    ``/static``. ``shown`` is the path for the log. Raises HTTPError 403.
    """
    top: str = flavour.abspath(root)
    if not top.endswith(flavour.sep):
        top += flavour.sep
    if not (absolute + flavour.sep).startswith(top):
        raise HTTPError(403, _OUTSIDE, shown)
    # NUL ends a path for the system. On Windows "a.txt:name" is a stream hidden in a.txt.
    if "\0" in absolute or (flavour is ntpath and ":" in absolute[len(top) :]):
        raise HTTPError(403, _NO_FILE, shown)
    return top


def resolved(absolute: str, allowed: Iterable[str], shown: str) -> str:
    """Follow the symbolic links in a path, as long as it ends up in an allowed directory.

    Raises HTTPError 403 otherwise, whether or not there is something at the other end. What is
    exchanged for a link after this check is not noticed: who may write into the directory is
    trusted.
    """
    target = os.path.realpath(absolute)
    for directory in allowed:
        # The directory may be reached through a link itself.
        top = os.path.realpath(directory)
        if (target + os.sep).startswith(top if top.endswith(os.sep) else top + os.sep):
            return target
    raise HTTPError(403, _OUTSIDE, shown)


def stat_file(absolute: str, shown: str) -> os.stat_result:
    """Return the status of a regular file.

    Raises HTTPError 404 when there is nothing (or nothing that may be looked at), 403 for
    directories, devices, FIFOs and sockets: reading some of those never ends.
    """
    try:
        found = os.stat(absolute)
    except (OSError, ValueError):
        raise HTTPError(404) from None
    if not stat.S_ISREG(found.st_mode):
        raise HTTPError(403, _NO_FILE, shown)
    return found


def media_type(path: str) -> str:
    """Return the media type of a file, by its name."""
    found, encoding = mimetypes.guess_type(path)
    if encoding == "gzip":
        return "application/gzip"  # RFC 6713
    return "application/octet-stream" if encoding is not None or found is None else found


def slices(absolute: str, start: int | None, stop: int | None, size: int) -> Iterator[bytes]:
    """Yield the bytes ``start:stop`` of a regular file in pieces of at most ``size`` bytes.

    They end early when the file does. Raises HTTPError as `stat_file` does, and 403 for missing
    rights.
    """
    descriptor = _opened(absolute)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise HTTPError(403, _NO_FILE, absolute)
        position = start or 0
        os.lseek(descriptor, position, os.SEEK_SET)
        while stop is None or position < stop:
            piece = os.read(descriptor, size if stop is None else min(size, stop - position))
            if not piece:
                return
            position += len(piece)
            yield piece
    finally:
        os.close(descriptor)


def _opened(absolute: str) -> int:
    stat_file(absolute, absolute)  # opening a device may do something
    try:
        return os.open(absolute, _READ)
    except PermissionError:
        raise HTTPError(403, "%s cannot be read", absolute) from None
    except OSError:
        raise HTTPError(404) from None


def fingerprint(absolute: str) -> Fingerprint | None:
    """Return what identifies the present content of a file; None when there is no such file."""
    try:
        found = os.stat(absolute)
    except (OSError, ValueError):
        return None
    return fingerprint_of(found)


def fingerprint_of(found: os.stat_result) -> Fingerprint:
    """Return what identifies the content of a file with this status."""
    return found.st_mtime_ns, found.st_size, found.st_ino


def identity_of(found: os.stat_result) -> Identity:
    """Return what tells a file with this status from others."""
    return (
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mode,
    )


def identity(path: str) -> Identity | None:
    """Return what tells the file that is there now from others; None when there is none."""
    try:
        return identity_of(os.stat(path))
    except (OSError, ValueError):
        return None


def read_unchanged(absolute: str, expected: Identity) -> bytes | None:
    """Return the whole content of a file, None if it is not the expected one before and after."""
    try:
        descriptor = os.open(absolute, _READ)
    except OSError:
        return None
    try:
        if identity_of(os.fstat(descriptor)) != expected:
            return None
        size = expected[4]
        content = os.read(descriptor, size + 1)
        # A read that was cut short is not worth a second one: the next request tries again.
        if len(content) != size or identity_of(os.fstat(descriptor)) != expected:
            return None
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return content


def is_plain(root: str, path: str, absolute: str) -> bool:
    """Tell whether ``path`` is the simplest spelling of what it names below ``root``."""
    written = os.path.join(os.path.abspath(root), path)
    return absolute == (written.removesuffix(os.sep) or os.sep)


def choose(
    asked: str,
    served: str,
    original: os.stat_result,
    codings: Iterable[tuple[str, str]],
    allowed: Sequence[str],
) -> Found:
    """Return which file is sent for ``served``: the best of its precompressed siblings, or itself.

    ``asked`` is its path before links were followed, which is what has to be watched. ``codings``
    are pairs of a content coding and what the name of a sibling ends with, the best first.

    A sibling is another file, so all that holds for the original holds for it: it must be a
    regular file in an allowed directory. One that is older than the original was made from what
    that was before, and would bring it back.
    """
    watched: list[Watched] = [(asked, identity_of(original))]
    for coding, suffix in codings:
        sibling = served + suffix
        there = identity(sibling)
        watched.append((sibling, there))
        if there is None:
            continue
        try:
            sent = resolved(sibling, allowed, sibling)
            found = stat_file(sent, sibling)
        except HTTPError:
            continue
        if found.st_mtime_ns >= original.st_mtime_ns:
            return Found(served, sent, coding, found, tuple(watched))
    return Found(served, served, "", original, tuple(watched))
