"""What writing to a peer that has gone comes to."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost

from cyclone._async import Settled

__all__ = ["GONE", "PeerGone"]


class PeerGone(ConnectionLost):
    """The peer went away before the response, or the request, was complete."""


#: What awaiting a write to such a peer gives.  Nobody has to await it.
GONE = Settled(PeerGone)
