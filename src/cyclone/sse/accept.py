"""Whether a client takes events (RFC 9110 section 12.5.1).  Pure."""

from __future__ import annotations

import re

__all__ = ["EVENT_STREAM", "accepts_events"]

EVENT_STREAM = "text/event-stream"

#: The media ranges that cover it, the most exact first: what that says counts.
_RANGES = (EVENT_STREAM, "text/*", "*/*")
_WEIGHT = re.compile(r";[ \t]*q=([01](?:\.[0-9]{0,3})?)[ \t]*(?:;|$)", re.IGNORECASE)


def accepts_events(accept: str | None) -> bool:
    """Whether a request with this Accept field may be answered with events.

    One without the field, or with an empty one, takes everything.
    """
    if not accept or not accept.strip():
        return True
    weights: dict[str, float] = {}
    for element in accept.split(","):
        media_range = element.partition(";")[0].strip().lower()
        weight = _WEIGHT.search(element)
        weights[media_range] = max(weights.get(media_range, 0), float(weight[1]) if weight else 1)
    for media_range in _RANGES:
        if media_range in weights:
            return weights[media_range] > 0
    return False
