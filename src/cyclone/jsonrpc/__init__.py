"""JSON-RPC over HTTP: 2.0, and the 1.0 of cyclone 1.x::

    import cyclone.web
    from cyclone.jsonrpc import JSONRPCError, JsonrpcRequestHandler

    class Calculator(JsonrpcRequestHandler):
        def jsonrpc_add(self, a, b):
            return a + b

        async def jsonrpc_divide(self, a, b):
            if b == 0:
                raise JSONRPCError(1, "cannot divide by zero")
            return a / b

    Application = lambda: cyclone.web.Application([(r"/jsonrpc", Calculator)])

The rooms behind this face::

    handler    JsonrpcRequestHandler
    messages   requests and responses as text; pure
    errors     JSONRPCError and the standard codes
"""

from __future__ import annotations

from .errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    SERVER_ERROR,
    JSONRPCError,
)
from .handler import JsonrpcRequestHandler

__all__ = [
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "PARSE_ERROR",
    "SERVER_ERROR",
    "JSONRPCError",
    "JsonrpcRequestHandler",
]
