"""Compression of streams of events."""

from __future__ import annotations

import functools

from cyclone.httputil import HTTPServerRequest
from cyclone.web import GZipContentEncoding

from .accept import EVENT_STREAM

__all__ = ["EventCompression", "event_compression"]


class EventCompression(GZipContentEncoding):
    """Compresses events, so that a client can read each as soon as it comes."""

    def is_compressible(self, content_type: str) -> bool:
        """See `GZipContentEncoding`."""
        return content_type == EVENT_STREAM


def event_compression(request: HTTPServerRequest, names: object) -> EventCompression:
    """What compresses one stream.

    Args:
        names: setting ``compress_codings``: codings in the order of preference, None for all.
    """
    if not isinstance(names, (list, tuple)):
        return EventCompression(request)
    return _compression(tuple(names))(request)


@functools.cache
def _compression(names: tuple[str, ...]) -> type[EventCompression]:
    return type("EventCompression", (EventCompression,), {"CODINGS": names})
