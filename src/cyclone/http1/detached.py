"""`Detached`: the transport of a connection that was taken out of HTTP."""

from __future__ import annotations

from typing import Any

from zope.interface import directlyProvides, providedBy

from cyclone._async import DONE, Settled

__all__ = ["Detached"]


class Detached:
    """A transport with what handlers for Tornado do to the stream that ``detach()`` gives them.

    All else is the transport's own.  To be told how fast the peer reads, register a producer.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        directlyProvides(self, providedBy(transport))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> Settled:
        """Send `data`.  The result may be awaited (Tornado) and is done at once."""
        self._transport.write(data)
        return DONE

    def close(self) -> None:
        """Close the connection when what was written is out (Tornado)."""
        self._transport.loseConnection()

    def closed(self) -> bool:
        """Whether the connection is closed, or about to be (Tornado)."""
        transport = self._transport
        return bool(transport.disconnecting) or not getattr(transport, "connected", True)
