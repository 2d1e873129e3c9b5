"""The HTTP/1.1 engine: bytes in, exchanges out.

`HTTPFactory` makes an `HTTP1Connection` for each peer.  The connection cuts request heads off its
input, has `parse_head` check them, and hands each to ``HTTPFactory.start_request`` as an
`Exchange`, through which the request's body is read and its response written.

    limits      every limit, as settings
    parser      request heads; pure
    section     their header sections; pure, but for what it remembers
    fields      the lines of those, checked by llhttp; pure
    memory      what bytes mean that come again
    refusal     what is raised where a request cannot be served
    heads       heads that are not whole yet; pure
    chunked     chunked bodies; no I/O
    response    response heads and framing; pure
    exchange    one request and its response
    connection  one connection: order, time, back-pressure
    gunzip      compressed request bodies
    intake      a request body on its way in
    outbox      a response on its way out, and back-pressure
    shared      the transport as handlers get it, detached: when the connection is theirs
    departures  when what goes out leaves
    progress    whether a peer takes what it is sent
    sweep       one timer for all connections
    factory     what the connections of a server share
"""

from .chunked import ChunkedDecoder
from .connection import HTTP1Connection
from .context import Context
from .exchange import BodyConsumer, Exchange
from .factory import HTTPFactory
from .gone import PeerGone
from .gunzip import Gunzip
from .limits import Limits
from .outbox import Outbox
from .parser import RequestHead, parse_head
from .progress import progress as progress_of
from .refusal import BadRequest
from .response import SERVER, FramingError, date_now, encode_fields
from .shared import SharedTransport
from .sweep import NEVER

__all__ = [
    "NEVER",
    "SERVER",
    "BadRequest",
    "BodyConsumer",
    "ChunkedDecoder",
    "Context",
    "Exchange",
    "FramingError",
    "Gunzip",
    "HTTP1Connection",
    "HTTPFactory",
    "Limits",
    "Outbox",
    "PeerGone",
    "RequestHead",
    "SharedTransport",
    "date_now",
    "encode_fields",
    "parse_head",
    "progress_of",
]
