"""The log file of ``twistd``: made by root, and written to by whom root is given up for."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Any

from cyclone.log import gen_log

__all__ = ["give_log_away"]

#: What ``twistd`` calls it where nobody says.
_DEFAULT = "twistd.log"


def give_log_away(options: Mapping[str, Any], directory: str) -> None:
    """Make the user of ``--uid`` the owner of the log file; call it while we are root.

    Else nothing could be rotated: who may not write to the file may not put another in its place.

    Args:
        options: those of ``twistd``.
        directory: where it was started.
    """
    user, group = options.get("uid"), options.get("gid")
    path = options.get("logfile") or ("-" if options.get("nodaemon") else _DEFAULT)
    elsewhere = options.get("syslog") or options.get("logger") or options.get("chroot")
    if os.getuid() or user is None or path == "-" or elsewhere:
        return
    try:
        _give(os.path.join(directory, path), user, -1 if group is None else group)
    except OSError as error:
        gen_log.warning("the log file %s stays root's: %s", path, error.strerror)


def _give(path: str, user: int, group: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        # A link to a file elsewhere would be a way to get that: in a directory of the user's own.
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid == 0:
            os.fchown(descriptor, user, group)
    finally:
        os.close(descriptor)
