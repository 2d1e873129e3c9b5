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
    exchange    one request and its response; interfaces: what it is given
    connection  one connection: order, time, back-pressure
    gunzip      compressed request bodies
    intake      a request body on its way in
    outbox      a response on its way out, and back-pressure
    backlog     messages for a peer that does not read, and what becomes of them
    shared      the transport as handlers get it, detached: when the connection is theirs
    departures  when what goes out leaves
    progress    whether a peer takes what it is sent; farewell: one that does not say goodbye
    sweep       one timer for all connections
    factory     what the connections of a server share
"""

from .backlog import Backlog, SlowPeerPolicy, check_slow_peer_policy, hard_limit
from .chunked import ChunkedDecoder
from .connection import HTTP1Connection
from .context import Context
from .exchange import Exchange
from .factory import HTTPFactory
from .gone import GONE, PeerGone
from .gunzip import Gunzip
from .interfaces import BodyConsumer
from .limits import Limits
from .outbox import Outbox
from .parser import RequestHead, parse_head
from .progress import progress as progress_of
from .refusal import BadRequest
from .response import SERVER, FramingError, date_now, encode_fields
from .response import chunk as chunk_of
from .shared import SharedTransport
from .sweep import NEVER

__all__ = [
    "GONE",
    "NEVER",
    "SERVER",
    "Backlog",
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
    "SlowPeerPolicy",
    "check_slow_peer_policy",
    "chunk_of",
    "date_now",
    "encode_fields",
    "hard_limit",
    "parse_head",
    "progress_of",
]
