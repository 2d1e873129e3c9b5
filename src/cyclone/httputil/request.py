"""`HTTPServerRequest`: what a handler knows about the request it serves.

Nothing is parsed before it is asked for.  Every attribute can be assigned, and an assigned one is
not computed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ISSLTransport

from cyclone.util import lazy_property

from .body import BodyBuffer
from .certificates import peer_certificate
from .cookies import RequestCookie, parse_request_cookies
from .errors import HTTPInputError
from .files import HTTPFile
from .formconfig import ParseBodyConfig
from .forms import form_type, parse_body_arguments, parse_query, parse_stream_arguments
from .forwarded import TrustedProxies
from .headers import HTTPHeaders
from .startline import RequestStartLine
from .urls import is_valid_host, split_host_and_port, split_target

if TYPE_CHECKING:
    from typing import Self

__all__ = ["HTTPRequest", "HTTPServerRequest"]

Arguments = dict[str, list[bytes]]
Files = dict[str, list[HTTPFile]]

#: The host of HTTP/1.0 requests that name none.
_NO_HOST = "127.0.0.1"
_BELIEVE_ALL = TrustedProxies()


class _Head(Protocol):
    """The parsed head of a request, as `HTTPServerRequest.from_head` takes it.

    Attributes:
        method: a token.
        target: the request target, not empty.
        version: ``HTTP/1.0`` or ``HTTP/1.1``.
        host: authority of the target, else the Host field, else "".
        fields: names and values of header fields, checked.
    """

    method: str
    target: str
    version: str
    host: str

    @property
    def fields(self) -> Sequence[tuple[bytes, bytes]]: ...


class _PackedHead:
    """A head whose fields are one piece of bytes, which takes a quarter of the memory."""

    __slots__ = ("_packed", "host", "method", "target", "version")

    def __init__(self, head: _Head) -> None:
        self.method, self.target, self.version = head.method, head.target, head.version
        self.host = head.host
        # Neither a name nor a value has a line feed in it.
        self._packed = b"\n".join([part for field in head.fields for part in field])

    @property
    def fields(self) -> Sequence[tuple[bytes, bytes]]:
        if not self._packed:
            return ()
        parts = self._packed.split(b"\n")
        return list(zip(parts[::2], parts[1::2], strict=True))


class HTTPServerRequest:
    """A request.  Applications get one as `handler.request`; tests may make their own.

    Attributes:
        method (str): such as ``GET``.
        path (str): `uri` up to the first ``?``, still percent-encoded.
        query (str): what follows, still percent-encoded.
        connection: what the response is written through, None in a request that is not served.
        server_connection: what stands for the whole connection (Tornado), or None.
        body_buffer: where the body is while it is not `body`, or None.
        parse_config: limits for arguments and forms; None for those of `set_parse_body_config`.
        request_id: what the log calls the request; "" without the setting ``request_id``.
    """

    method: str
    path: str
    query: str
    connection: Any
    server_connection: Any = None
    body_buffer: BodyBuffer | None = None
    parse_config: ParseBodyConfig | None = None
    request_id: str = ""

    _start_time: float
    _finish_time: float | None = None
    _head: _Head | None = None
    _body: bytes | None = None
    _given_ip = ""
    _given_protocol = ""

    def __init__(
        self,
        method: str | None = None,
        uri: str | None = None,
        version: str = "HTTP/1.0",
        headers: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        host: str | None = None,
        files: Files | None = None,
        connection: Any = None,
        start_line: RequestStartLine | None = None,
        server_connection: Any = None,
        *,
        remote_ip: str | None = None,
        protocol: str | None = None,
    ) -> None:
        """Make a request by hand (the arguments of Tornado and of cyclone 1.x).

        Raises:
            HTTPInputError: the host is malformed, or the query has too many arguments.
        """
        if start_line is not None:
            method, uri, version = start_line
        self.method = method or "GET"
        self.version = version
        self.uri, self.path, self.query, target_host = split_target(uri or "/", self.method)
        self.headers = headers if isinstance(headers, HTTPHeaders) else HTTPHeaders(headers or {})
        self.host = host or target_host or self.headers.get("Host") or _NO_HOST
        if not is_valid_host(self.host):
            raise HTTPInputError("Invalid Host header")
        if body:
            self._body = body
        if files is not None:
            self.files = files
        self.connection = connection
        self.server_connection = server_connection
        self._given_ip = remote_ip or ""
        self._given_protocol = protocol or ""
        self._start_time = time.time()
        if self.query:
            self.query_arguments  # noqa: B018 - the limit applies from the start, as in Tornado

    @classmethod
    def from_head(cls, head: _Head, connection: Any) -> Self:
        """Return the request that a parsed head begins.

        Args:
            head: checked by the parser.
            connection: what the response is written through.  Its ``context`` has ``peer_ip``,
                ``protocol`` and ``forwarded``, a `TrustedProxies` or None.
        """
        self = cls.__new__(cls)
        self.method = head.method
        self.connection = connection
        self._head = head
        self._start_time = time.time()
        target = head.target
        if target[0] == "/":
            self.path, _, self.query = target.partition("?")
        else:
            self.uri, self.path, self.query, _ = split_target(target, head.method)
        return self

    # -- head

    @lazy_property
    def uri(self) -> str:
        """Path and query as they were sent.  If the target was a whole URL, its path and query."""
        return self._head.target if self._head is not None else "/"

    @lazy_property
    def version(self) -> str:
        """``HTTP/1.0`` or ``HTTP/1.1``."""
        return self._head.version if self._head is not None else "HTTP/1.0"

    @lazy_property
    def headers(self) -> HTTPHeaders:
        """Header fields (`HTTPHeaders`)."""
        return HTTPHeaders.from_fields(self._head.fields if self._head is not None else ())

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """Names and values of header fields in order, the case of names as it was sent."""
        if self._head is not None:
            return list(self._head.fields)
        return [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in self.headers.get_all()
        ]

    @lazy_property
    def host(self) -> str:
        """Host and port as the client named them, ``127.0.0.1`` if an HTTP/1.0 client did not."""
        return (self._head.host if self._head is not None else "") or _NO_HOST

    @lazy_property
    def host_name(self) -> str:
        """`host` in lower case and without port; IPv6 addresses keep their brackets."""
        return split_host_and_port(self.host.lower())[0]

    @lazy_property
    def cookies(self) -> dict[str, RequestCookie]:
        """The cookies by name; each has a ``value``."""
        fields = self.headers.get_list("Cookie")
        return parse_request_cookies(fields) if fields else {}

    @property
    def start_line(self) -> RequestStartLine:
        """Method, URI and version."""
        return RequestStartLine(self.method, self.uri, self.version)

    def supports_http_1_1(self) -> bool:
        """Whether the request is of HTTP/1.1."""
        return self.version == "HTTP/1.1"

    def full_url(self) -> str:
        """Return the URL that the client asked for."""
        uri = "" if self.uri == "*" else self.uri
        return f"{self.protocol}://{self.host}{uri}"

    def pack(self) -> None:
        """Take little memory: the request is going to live long, and be asked little.

        `headers` are made anew when they are asked for, unless they have been changed.
        """
        head = self._head
        if head is None:
            return
        if self.headers == HTTPHeaders.from_fields(head.fields):
            del self.headers
        self._head = packed = _PackedHead(head)
        if getattr(self.connection, "head", None) is head:
            self.connection.head = packed

    # -- arguments, body

    @property
    def body(self) -> bytes:
        """The whole body.  One that is in a file is read when this is asked for, each time."""
        if self._body is not None:
            return self._body
        return self.body_buffer.getvalue() if self.body_buffer is not None else b""

    @body.setter
    def body(self, body: bytes) -> None:
        self._body = body

    @lazy_property
    def query_arguments(self) -> Arguments:
        """Undecoded values of the arguments in the query, by name.

        Raises:
            HTTPInputError: there are too many.
        """
        return parse_query(self.query, self.parse_config)

    @lazy_property
    def arguments(self) -> Arguments:
        """Undecoded values of the arguments in the query and the form in the body, by name.

        Raises:
            HTTPInputError: there are too many, or the form is malformed.
        """
        arguments = parse_query(self.query, self.parse_config)
        if self._body is not None or self.body_buffer is not None:
            for name, values in self.body_arguments.items():
                arguments.setdefault(name, []).extend(values)
        return arguments

    @lazy_property
    def body_arguments(self) -> Arguments:
        """Undecoded values of the fields of the form in the body, by name.

        Raises:
            HTTPInputError: the form is malformed or exceeds a limit.
        """
        return self._form[0]

    @lazy_property
    def files(self) -> Files:
        """The files of the form in the body, by the name of their field.

        Raises:
            HTTPInputError: the form is malformed or exceeds a limit.
        """
        return self._form[1]

    @lazy_property
    def _form(self) -> tuple[Arguments, Files]:
        buffer = self.body_buffer
        if self._body is None and buffer is None:
            return {}, {}
        headers = self.headers
        content_type = headers.get("Content-Type", "")
        if not form_type(content_type):
            return {}, {}
        if self._body is None and buffer is not None and buffer.spooled:
            return parse_stream_arguments(
                content_type,
                buffer.open(),
                buffer.size,
                headers,
                config=self.parse_config,
                spool_size=buffer.spool_size,
            )
        arguments: Arguments = {}
        files: Files = {}
        body = self.body
        if body:
            parse_body_arguments(
                content_type, body, arguments, files, headers, config=self.parse_config
            )
        return arguments, files

    def close(self) -> None:
        """Give the temporary files of body and uploads back.  The server calls this at the end."""
        buffer = self.body_buffer
        if buffer is None or not buffer.spooled:
            return
        if "_form" in self.__dict__:
            for files in self._form[1].values():
                for file in files:
                    file.close()
        buffer.close()

    # -- connection

    @lazy_property
    def remote_ip(self) -> str:
        """Address of the client; of what the `xheaders` setting says if that is set.

        ``unix:`` and the path of the socket for clients on Unix sockets (cyclone 1.x; Tornado has
        ``0.0.0.0``), "" in a request that is not served.
        """
        return self._peer[0]

    @lazy_property
    def protocol(self) -> str:
        """``http`` or ``https``: what the client used, as far as `xheaders` can tell."""
        return self._peer[1]

    @lazy_property
    def _peer(self) -> tuple[str, str]:
        context: Any = getattr(self.connection, "context", None)
        try:
            forwarded = context.forwarded
            ip, protocol = context.peer_ip, context.protocol
        except AttributeError:
            return self._peer_of_other_connection(context)
        if not ip:
            ip = _unix_address(self.connection)
        if forwarded is None:
            return ip, protocol
        if isinstance(forwarded, TrustedProxies):
            return forwarded.resolve(ip, protocol, self.headers)
        return self._peer_of_other_connection(context)

    def _peer_of_other_connection(self, context: Any) -> tuple[str, str]:
        """The same for the connections of other servers and of tests."""
        connection = self.connection
        ip = getattr(context, "remote_ip", None)
        protocol = getattr(context, "protocol", None)
        if not isinstance(ip, str):
            ip = self._given_ip
        if protocol not in ("http", "https"):
            protocol = self._given_protocol
        if protocol not in ("http", "https"):
            secure = ISSLTransport.providedBy(getattr(connection, "transport", None))
            protocol = "https" if secure else "http"
        if getattr(connection, "xheaders", False) is True:
            return _BELIEVE_ALL.resolve(ip, protocol, self.headers)
        return ip, protocol

    def get_ssl_certificate(self, binary_form: bool = False) -> dict[str, Any] | bytes | None:
        """Return the certificate that the client has shown, None if it did not.

        Args:
            binary_form: whether to return it DER-encoded, instead of as a dictionary like that of
                `ssl.SSLSocket.getpeercert`.
        """
        return peer_certificate(getattr(self.connection, "transport", None), binary_form)

    def write(self, chunk: bytes) -> Any:
        """Write `chunk` to the connection as it is (cyclone 1.x)."""
        return self.connection.write(chunk)

    def finish(self) -> Any:
        """End the response (cyclone 1.x)."""
        self._finish_time = time.time()
        return self.connection.finish()

    def notifyFinish(self) -> Deferred[Any]:
        """Return a Deferred that fires when the request is over, or the connection lost."""
        deferred: Deferred[Any] = self.connection.notifyFinish()
        return deferred

    def request_time(self) -> float:
        """Return how many seconds the request has taken until now, or until it was finished."""
        end = self._finish_time if self._finish_time is not None else time.time()
        return end - self._start_time

    def __repr__(self) -> str:
        # Header fields and the query may hold what belongs into no log.
        uri = f"{self.path}?..." if self.query else self.path
        return (
            f"{type(self).__name__}(protocol={self.protocol!r}, host={self.host!r}, "
            f"method={self.method!r}, uri={uri!r}, version={self.version!r}, "
            f"remote_ip={self.remote_ip!r})"
        )


def _unix_address(connection: Any) -> str:
    """``unix:`` and the path of the Unix socket that a connection came in by, "" if it did not."""
    get_host = getattr(getattr(connection, "transport", None), "getHost", None)
    host = get_host() if get_host is not None else None
    if not isinstance(host, UNIXAddress):
        return ""
    path = os.fsdecode(host.name or "")
    return "unix:" + path.replace("\0", "@")  # names in the abstract namespace begin with NUL


#: Name in cyclone 1.x.
HTTPRequest = HTTPServerRequest
