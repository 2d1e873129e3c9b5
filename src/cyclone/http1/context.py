"""What handlers may know of a connection's surroundings."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IAddress

__all__ = ["Context"]


class Context:
    """What handlers may know of a connection's surroundings.

    Attributes:
        peer_ip: the peer's address as text; ``unix:`` and the path for unix sockets (cyclone
            1.x), "" when it is not known.
        protocol: "http" or "https".
        forwarded: the server's policy for X-Real-Ip and its like, None when they are ignored.
    """

    __slots__ = ("forwarded", "peer_ip", "protocol")

    def __init__(self, address: IAddress | None, secure: bool, forwarded: Any) -> None:
        self.peer_ip = _address_text(address)
        self.protocol = "https" if secure else "http"
        self.forwarded = forwarded


def _address_text(address: IAddress | None) -> str:
    if isinstance(address, UNIXAddress):
        return f"unix:{os.fsdecode(address.name or b'')}"
    return getattr(address, "host", None) or ""
