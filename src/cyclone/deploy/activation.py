"""The sockets that systemd, or whoever speaks its protocol, has opened for this process.

They are announced in the environment, as ``sd_listen_fds(3)`` describes. Twisted takes that out of
``os.environ`` as soon as its endpoints are imported, and makes nothing of sockets without names, as
those of ``systemd-socket-activate``; so we look at what the process was started with.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Mapping, MutableMapping

__all__ = ["InheritedSocket", "chosen_socket", "inherited_sockets"]

#: The descriptor of the first; the others follow.
_FIRST = 3
#: The name of those without one.
_NAMELESS = "unknown"
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")

_DESCRIPTION = re.compile(
    r"systemd:(?:(?:domain=)?(?:INET|INET6|UNIX):)?(?:name=(?P<name>.+)|(?:index=)?(?P<index>\d+))"
)


@dataclasses.dataclass(frozen=True, slots=True)
class InheritedSocket:
    """A socket that systemd has opened for this process, and its ``FileDescriptorName=``."""

    descriptor: int
    name: str


def inherited_sockets(
    environ: MutableMapping[str, str] = os.environ, started_with: Mapping[str, str] | None = None
) -> list[InheritedSocket]:
    """The sockets that systemd has opened for this process, each with its name.

    No child inherits them any more, nor what is said of them in the environment.

    Args:
        started_with: the environment of the process when it was started; None to ask the system.
    """
    said = _environment_at_start() if started_with is None else started_with
    found = _announced(said or environ)
    for name in _VARIABLES:
        environ.pop(name, None)
    for one in found:
        with contextlib.suppress(OSError):  # there is none, as somebody will notice
            os.set_inheritable(one.descriptor, False)
    return found


def _environment_at_start() -> Mapping[str, str]:
    """Empty where the system does not tell."""
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = os.fsdecode(file.read()).split("\0")
    except OSError:
        return {}
    return dict(pair.partition("=")[::2] for pair in pairs)


def _announced(said: Mapping[str, str]) -> list[InheritedSocket]:
    names = [name for name in said.get("LISTEN_FDNAMES", "").split(":") if name]
    # Where only the names are left, Twisted has taken the rest, having seen that it is for us.
    count = said.get("LISTEN_FDS", str(len(names)))
    if said.get("LISTEN_PID", str(os.getpid())) != str(os.getpid()) or not count.isdecimal():
        return []
    names += [_NAMELESS] * (int(count) - len(names))
    return [InheritedSocket(number, name) for number, name in enumerate(names, _FIRST)]


def chosen_socket(description: str, sockets: list[InheritedSocket]) -> InheritedSocket | None:
    """The socket that an endpoint description ``systemd:domain=INET:index=0`` or
    ``systemd:domain=INET:name=web`` means; None if it is another description.

    Raises:
        ValueError: there is no such socket.
    """
    found = _DESCRIPTION.fullmatch(description)
    if found is None:
        return None
    if found["name"] is not None:
        named = [one for one in sockets if one.name == found["name"]]
        if named:
            return named[0]
    elif int(found["index"]) < len(sockets):
        return sockets[int(found["index"])]
    names = ", ".join(repr(one.name) for one in sockets)
    raise ValueError(f"systemd has handed over {names or 'no sockets ($LISTEN_FDS)'}")
