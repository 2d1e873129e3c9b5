"""Files below a directory: which ones may be served, and which version of one is there.

The checks of `static`, as functions of paths. Every refusal is an HTTPError whose message, meant
for the log, does not tell in which way a path left the directory.
"""

from __future__ import annotations

import ntpath
import os
import stat
from collections.abc import Iterable, Iterator
from typing import Any

from .errors import HTTPError

#: Identifies the content of a file without reading it: time of change, size, inode.
Fingerprint = tuple[int, int, int]

_OUTSIDE = "%s is not in root static directory"
_NO_FILE = "%s is not a file"
# O_NONBLOCK: opening a FIFO that took the place of a file must not wait for a writer.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_READ |= getattr(os, "O_BINARY", 0)


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
