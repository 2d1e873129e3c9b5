"""XML-RPC over HTTP::

    import cyclone.web
    from cyclone.xmlrpc import Fault, XmlrpcRequestHandler

    class Calculator(XmlrpcRequestHandler):
        allowNone = True

        def xmlrpc_add(self, a: int, b: int) -> int:
            return a + b

        async def xmlrpc_divide(self, a, b):
            if b == 0:
                raise Fault(1, "cannot divide by zero")
            return a / b

    Application = lambda: cyclone.web.Application([(r"/RPC2", Calculator)])

The rooms behind this face::

    handler        XmlrpcRequestHandler
    procedures     names of methods, and where they lead
    introspection  system.listMethods and its kin
    reading        requests: defusedxml around the standard library's parser; pure
    writing        responses; pure
    codes          codes of faults
"""

from __future__ import annotations

from xmlrpc.client import Binary, DateTime, Fault

from .codes import (
    APPLICATION_ERROR,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    PARSE_ERROR,
    UNSUPPORTED_ENCODING,
)
from .handler import XmlrpcRequestHandler
from .procedures import XmlrpcMethods

#: The standard library's and Twisted's old name.
Boolean = bool

__all__ = [
    "APPLICATION_ERROR",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "PARSE_ERROR",
    "UNSUPPORTED_ENCODING",
    "Binary",
    "Boolean",
    "DateTime",
    "Fault",
    "XmlrpcMethods",
    "XmlrpcRequestHandler",
]
