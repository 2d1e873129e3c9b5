"""Listening sockets by host name, port and family, as Tornado's ``bind_sockets`` makes them."""

from __future__ import annotations

import errno
import socket

__all__ = ["bind_sockets"]

#: What a kernel says that does without IPv6.
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def bind_sockets(
    port: int,
    address: str | None = None,
    family: int = socket.AF_UNSPEC,
    backlog: int = 128,
    reuse_port: bool = False,
) -> list[socket.socket]:
    """Listen at a port of all addresses that `address` means.

    Args:
        port: 0 for one that the system chooses, the same for all of them.
        address: an address or a name of this machine; None or "" for all its interfaces, IPv4 and
            IPv6.
        family: AF_INET or AF_INET6 to have the one alone.
        backlog: connections that may wait.
        reuse_port: other processes may listen at the port as well.

    Returns:
        sockets that do not block.

    Raises:
        OSError: the port cannot be had, or the name means nothing (`socket.gaierror`).
    """
    found = socket.getaddrinfo(
        address or None, port, family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    try:
        for kind, place in sorted({(info[0], info[4]) for info in found}):
            host = str(place[0])
            try:
                made = socket.create_server(
                    (host, port, *place[2:]),
                    family=kind,
                    backlog=backlog,
                    reuse_port=reuse_port,
                )
            except OSError as error:
                if kind == socket.AF_INET6 and not address and error.errno in _NO_IPV6:
                    continue
                raise
            sockets.append(made)
            made.setblocking(False)
            port = made.getsockname()[1]
    except BaseException:
        for made in sockets:
            made.close()
        raise
    return sockets
