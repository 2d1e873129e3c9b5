"""The web framework: Tornado's API on a Twisted protocol.

import cyclone.web

class MainHandler(cyclone.web.RequestHandler):
    async def get(self):
        self.write("hello, world")

Application = lambda: cyclone.web.Application([(r"/", MainHandler)])

application   routes and settings; an IProtocolFactory
handler       RequestHandler, the life of a request
dispatch      request bodies on their way to handlers
routing       paths and hosts to routes; pure
decorators    asynchronous, authenticated, addslash, removeslash, stream_request_body
builtin       ErrorHandler, RedirectHandler, FallbackHandler
static        StaticFileHandler
conditional   preconditions and ranges (RFC 9110 sections 13 and 14); pure
cookies       Set-Cookie; pure
errors        HTTPError and its kin
pages         error pages; pure
"""

from .application import Application
from .builtin import ErrorHandler, FallbackHandler, RedirectHandler
from .decorators import (
    addslash,
    asynchronous,
    authenticated,
    removeslash,
    stream_request_body,
)
from .errors import Finish, HTTPAuthenticationRequired, HTTPError, MissingArgumentError
from .handler import RequestHandler
from .routing import URLSpec

#: Tornado's and cyclone 1.x's short name.
url = URLSpec

__all__ = [
    "Application",
    "ErrorHandler",
    "FallbackHandler",
    "Finish",
    "HTTPAuthenticationRequired",
    "HTTPError",
    "MissingArgumentError",
    "RedirectHandler",
    "RequestHandler",
    "URLSpec",
    "addslash",
    "asynchronous",
    "authenticated",
    "removeslash",
    "stream_request_body",
    "url",
]
