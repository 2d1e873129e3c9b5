"""The web framework: Tornado's API on a Twisted protocol::

    import cyclone.web

    class MainHandler(cyclone.web.RequestHandler):
        async def get(self):
            self.write("hello, world")

    Application = lambda: cyclone.web.Application([(r"/", MainHandler)])

The rooms behind this face::

    application   routes and settings; an IProtocolFactory
    handler       RequestHandler, the life of a request
    execution     the part of that life that waits
    streaming     request bodies for handlers that take them piece by piece
    failing       from an exception to a response
    routing       paths and hosts to routes; pure (patterns: what a regular expression matches)
    matchers      which requests a rule is for; pure
    routers       routers of rules, for targets of all kinds
    decorators    asynchronous, authenticated, addslash, removeslash, stream_request_body
    builtin       ErrorHandler, RedirectHandler, FallbackHandler (redirects: where they may lead)
    static        StaticFileHandler (ranges: what it sends; precompressed: in which coding; pure)
    staticfiles   which files may be served; staticversions: what their URLs say
    staticcache   small ones in memory; statichooks: who may not be served from there
    signing       signed cookies, xsrf: tokens and origins; pure (forgery: the handler's methods)
    transforms    OutputTransform, compression (codings: the codecs; negotiation: which one; pure)
    classic       names of cyclone 1.x in handlers
    conditional   preconditions (RFC 9110 section 13); pure
    observing     what measures, traces and names requests; requestids
    beginnings    the fields that responses begin with: security headers
    https         redirects from HTTP
    localized     the language of a request
    arguments     text of arguments; pure
    fields        header fields of responses; pure
    cookies       Set-Cookie; pure
    errors        HTTPError and its kin
    pages         error pages; pure
    rendering     pages from templates
    uimodules     UIModule, TemplateModule, the settings ui_modules and ui_methods
"""

from .application import Application
from .beginnings import SECURITY_HEADERS
from .builtin import ErrorHandler, FallbackHandler, RedirectHandler
from .decorators import (
    addslash,
    asynchronous,
    authenticated,
    preceded,
    removeslash,
    security_headers,
    stream_request_body,
)
from .errors import Finish, HTTPAuthenticationRequired, HTTPError, MissingArgumentError
from .handler import RequestHandler
from .https import HTTPSRedirectHandler, https_redirect
from .matchers import (
    AnyMatches,
    DefaultHostMatches,
    HostMatches,
    Matcher,
    PathMatches,
    Rule,
)
from .observing import RequestObserver
from .routers import ReversibleRouter, ReversibleRuleRouter, Router, RuleRouter
from .routing import URLReverseError, URLSpec
from .signing import (
    DEFAULT_SIGNED_VALUE_MIN_VERSION,
    DEFAULT_SIGNED_VALUE_VERSION,
    MAX_SUPPORTED_SIGNED_VALUE_VERSION,
    MIN_SUPPORTED_SIGNED_VALUE_VERSION,
    create_signed_value,
    decode_signed_value,
    get_signature_key_version,
)
from .static import StaticFileHandler
from .transforms import ChunkedTransferEncoding, GZipContentEncoding, OutputTransform
from .uimodules import TemplateModule, UIModule

#: Tornado's and cyclone 1.x's short name.
url = URLSpec

__all__ = [
    "DEFAULT_SIGNED_VALUE_MIN_VERSION",
    "DEFAULT_SIGNED_VALUE_VERSION",
    "MAX_SUPPORTED_SIGNED_VALUE_VERSION",
    "MIN_SUPPORTED_SIGNED_VALUE_VERSION",
    "SECURITY_HEADERS",
    "AnyMatches",
    "Application",
    "ChunkedTransferEncoding",
    "DefaultHostMatches",
    "ErrorHandler",
    "FallbackHandler",
    "Finish",
    "GZipContentEncoding",
    "HTTPAuthenticationRequired",
    "HTTPError",
    "HTTPSRedirectHandler",
    "HostMatches",
    "Matcher",
    "MissingArgumentError",
    "OutputTransform",
    "PathMatches",
    "RedirectHandler",
    "RequestHandler",
    "RequestObserver",
    "ReversibleRouter",
    "ReversibleRuleRouter",
    "Router",
    "Rule",
    "RuleRouter",
    "StaticFileHandler",
    "TemplateModule",
    "UIModule",
    "URLReverseError",
    "URLSpec",
    "addslash",
    "asynchronous",
    "authenticated",
    "create_signed_value",
    "decode_signed_value",
    "get_signature_key_version",
    "https_redirect",
    "preceded",
    "removeslash",
    "security_headers",
    "stream_request_body",
    "url",
]
