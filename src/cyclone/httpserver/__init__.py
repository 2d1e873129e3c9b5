"""Names of Tornado's and cyclone 1.x's ``httpserver``: the server for anything that takes requests.

An `Application` is a factory of its own and needs none of this; `HTTPServer` serves a router, a
delegate or a plain callable, or an application with other server settings than its own::

    server = HTTPServer(application, xheaders=True)
    server.listen(8888)

The rooms behind this face::

    server     HTTPServer
    delegates  requests to delegates and callables
    bodies     request bodies, whole and decompressed
    sockets    listening sockets of Tornado's `bind`
    tls        the option ssl_options
"""

from cyclone.http1 import HTTP1Connection
from cyclone.httputil import HTTPServerRequest

from .bodies import BufferedBody, body_consumer
from .delegates import serve_callable, serve_message
from .server import HTTPServer
from .tls import tls_context

__all__ = [
    "BufferedBody",
    "HTTPConnection",
    "HTTPRequest",
    "HTTPServer",
    "body_consumer",
    "serve_callable",
    "serve_message",
    "tls_context",
]

#: cyclone 1.x's names.
HTTPConnection = HTTP1Connection
HTTPRequest = HTTPServerRequest
