"""Codes of faults, of the specification for fault code interoperability (Dan Libby, 2001).

A fault with one of these means that no method was called.  What methods themselves fail with has
the codes of cyclone 1.x: ``XmlrpcRequestHandler.FAILURE`` and ``NOT_FOUND``.
"""

from __future__ import annotations

__all__ = [
    "APPLICATION_ERROR",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "PARSE_ERROR",
    "UNSUPPORTED_ENCODING",
]

#: Not well-formed XML.
PARSE_ERROR = -32700
#: An encoding that is not known.
UNSUPPORTED_ENCODING = -32701
#: XML, but no call.
INVALID_REQUEST = -32600
#: The arguments do not fit the method.
INVALID_PARAMS = -32602
#: For applications.
INTERNAL_ERROR = -32603
#: For applications.
APPLICATION_ERROR = -32500
