"""What handlers may know of a connection's surroundings."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress

__all__ = ["Context"]


class Context:
    """What handlers may know of a connection's surroundings.

    Attributes:
        peer_ip: the peer's address as text; "" when it has none (unix sockets).
        protocol: "http" or "https".
        forwarded: the server's policy for X-Real-Ip and its like, None when they are ignored.
    """

    __slots__ = ("forwarded", "peer_ip", "protocol")

    def __init__(self, address: IAddress | None, secure: bool, forwarded: Any) -> None:
        self.peer_ip: str = getattr(address, "host", None) or ""
        self.protocol = "https" if secure else "http"
        self.forwarded = forwarded
