"""Other frameworks' applications (WSGI, PEP 3333) beside handlers (Tornado's ``tornado.wsgi``).

::

    pool = concurrent.futures.ThreadPoolExecutor(20)
    site = WSGIContainer(get_wsgi_application(), executor=pool)
    application = Application([
        (r"/events", EventsHandler),
        (r".*", FallbackHandler, {"fallback": site}),
    ])

A WSGI application blocks the thread that it runs in; without an executor that is the thread of the
reactor, and nothing else is served meanwhile.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from io import BytesIO
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from cyclone._async import HandlerErrors, spawn
from cyclone.escape import unquote_to_bytes
from cyclone.http1 import SERVER, PeerGone, date_now
from cyclone.httputil import (
    HTTPHeaders,
    HTTPServerRequest,
    ResponseStartLine,
    split_host_and_port,
)
from cyclone.log import app_log

__all__ = ["WSGIContainer", "to_wsgi_str"]

WSGIApplication: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

#: Fields that have names of their own in an environment, and one that programs which the
#: application starts would take for their proxy ("httpoxy").
_NO_HTTP = ("content-type", "content-length", "proxy")
_NO_BODY = (204, 304)
#: Interim responses, and switching to another protocol, are not the application's to send.
_FINAL_STATUS = re.compile("[2-9][0-9]{2}")
#: Of the connection, not of the response: the server's to write (PEP 3333, "Other HTTP Features").
_HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)


def to_wsgi_str(data: bytes) -> str:
    """`data` as the text of WSGI: one character for each byte (Tornado)."""
    return data.decode("latin-1")


class WSGIContainer:
    """Answers requests by a WSGI application.

    It is a callable that takes requests: a target of rules, a ``fallback`` of `FallbackHandler`,
    and what an `HTTPServer` may serve.

    Args:
        wsgi_application: the application.
        executor: where it runs: an executor of `concurrent.futures`, a thread pool of Twisted's
            such as ``reactor.getThreadPool()``, or None for the reactor's own thread.
    """

    def __init__(
        self, wsgi_application: WSGIApplication, executor: Executor | ThreadPool | None = None
    ) -> None:
        self.wsgi_application = wsgi_application
        self.executor = executor

    def __call__(self, request: HTTPServerRequest) -> None:
        """Answer a request whose body is there."""
        spawn(self.handle_request(request))

    async def handle_request(self, request: HTTPServerRequest) -> None:
        """Run the application, and send what it yields piece by piece, as the peer takes it.

        What it raises is logged; the answer is then 500, or, if it has begun, the connection is
        dropped.
        """
        response = _Response(request)
        run = self._run
        connection = request.connection
        try:
            blocks = await run(connection, self._start, request, response)
            try:
                block = await run(connection, next, blocks, None)
                while block is not None:
                    await response.send(block)
                    block = await run(connection, next, blocks, None)
                await response.finish()
            finally:
                await run(connection, blocks.close)
        except PeerGone:
            return
        except HandlerErrors as error:
            summary = f"{request.method} {request.path}"
            app_log.error("Uncaught exception in a WSGI application, %s", summary, exc_info=error)
            response.fail()

    def _start(self, request: HTTPServerRequest, response: _Response) -> _Blocks:
        result = self.wsgi_application(self.environ(request), response.start)
        if isinstance(result, (list, tuple)) and not response.written:
            response.size = sum(map(len, result))
        return _Blocks(result, response)

    async def _run(self, connection: Any, function: Callable[..., Any], *args: Any) -> Any:
        """Call `function` where the application runs, and return its result."""
        if self.executor is None:
            return function(*args)
        reactor = connection.factory.clock
        if isinstance(self.executor, ThreadPool):
            pool = deferToThreadPool(reactor, self.executor, function, *args)
            return await pool
        return await _fired(self.executor.submit(function, *args), reactor)

    def environ(self, request: HTTPServerRequest) -> dict[str, Any]:
        """The environment of a request (PEP 3333).

        Header fields with an underscore in their name are left out: WSGI could not tell them from
        those with a dash, which a proxy may have checked.
        """
        host, port = split_host_and_port(request.host)
        buffer = request.body_buffer
        spooled = buffer is not None and buffer.spooled
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": to_wsgi_str(unquote_to_bytes(request.path.encode())),
            "QUERY_STRING": to_wsgi_str(request.query.encode()),
            "REMOTE_ADDR": request.remote_ip,
            "SERVER_NAME": host,
            "SERVER_PORT": str(port or (443 if request.protocol == "https" else 80)),
            "SERVER_PROTOCOL": request.version,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": request.protocol,
            "wsgi.input": buffer.open() if spooled and buffer else BytesIO(request.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": self.executor is not None,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        headers = request.headers
        if "Content-Type" in headers:
            environ["CONTENT_TYPE"] = headers["Content-Type"]
        size = buffer.size if spooled and buffer else len(request.body)
        if size or "Content-Length" in headers:
            environ["CONTENT_LENGTH"] = str(size)  # of the body as it is read here
        for name, value in headers.items():
            if "_" not in name and name.lower() not in _NO_HTTP:
                environ["HTTP_" + name.replace("-", "_").upper()] = value
        return environ


class _Blocks(Iterator[bytes]):
    """The blocks of a response: those of the application, and before them what it wrote."""

    def __init__(self, result: Iterable[bytes], response: _Response) -> None:
        self._result = result
        self._blocks = iter(result)
        self._written = response.written

    def __next__(self) -> bytes:
        if not self._written:
            block = next(self._blocks, None)
            if block is not None:
                self._written.append(block)
        if not self._written:
            raise StopIteration
        written = b"".join(self._written)
        self._written.clear()
        return written

    def close(self) -> None:
        close = getattr(self._result, "close", None)
        if close is not None:
            close()


class _Response:
    """The response of one request.

    Attributes:
        written: what the application wrote by the callable that `start` returns.
        size: bytes of the whole body, None if that is not known.
    """

    def __init__(self, request: HTTPServerRequest) -> None:
        self.written: list[bytes] = []
        self.size: int | None = None
        self._connection = request.connection
        self._bodiless = request.method == "HEAD"
        self._status: tuple[int, str] | None = None
        self._headers = HTTPHeaders()
        self._sent = False

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """``start_response`` of PEP 3333.

        Raises:
            ValueError: status or header fields are malformed.
            RuntimeError: it was called before, and there is no `exc_info`.
        """
        if exc_info:
            try:
                if self._sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # a frame that holds its own traceback is a cycle
        elif self._status is not None:
            raise RuntimeError("start_response() was called twice")
        code, _, reason = status.partition(" ")
        if not _FINAL_STATUS.fullmatch(code):
            raise ValueError(f"a status is like '200 OK', not {status!r}")
        fields = HTTPHeaders()
        for name, value in headers:
            if name.lower() not in _HOP_BY_HOP:
                fields.add(name, value)
        self._status, self._headers = (int(code), reason), fields
        return self.written.append

    async def send(self, block: bytes) -> None:
        """Send a block, after the head if it is the first; an empty one sends nothing.

        Raises:
            RuntimeError: the application has not called `start`.
        """
        if not block:
            return
        if not self._sent:
            await self._send_head()
        if not self._bodiless:
            await self._connection.write(block)

    async def finish(self) -> None:
        """End the response."""
        if not self._sent:
            self.size = self.size or 0
            await self._send_head()
        await self._connection.finish()

    async def _send_head(self) -> None:
        if self._status is None:
            raise RuntimeError("the application did not call start_response()")
        headers = self._headers
        code, reason = self._status
        if code in _NO_BODY:
            self._bodiless = True
        elif "Content-Type" not in headers:
            headers["Content-Type"] = "text/html; charset=UTF-8"
        known = self.size is not None and (self.size or not self._bodiless)
        if known and "Content-Length" not in headers:
            headers["Content-Length"] = str(self.size)
        if "Server" not in headers:
            headers["Server"] = SERVER
        if "Date" not in headers:
            headers["Date"] = date_now()
        start_line = ResponseStartLine("HTTP/1.1", code, reason)
        sent = self._connection.write_headers(start_line, headers)
        self._sent = True
        await sent

    def fail(self) -> None:
        """The application has failed."""
        connection = self._connection
        if self._sent:
            connection.abort()
            return
        headers = HTTPHeaders({"Content-Type": "text/plain", "Server": SERVER, "Date": date_now()})
        body = b"500 Internal Server Error\n"
        headers["Content-Length"] = str(len(body))
        start_line = ResponseStartLine("HTTP/1.1", 500, "Internal Server Error")
        connection.write_headers(start_line, headers, body)
        connection.finish()


def _fired(future: Future[Any], reactor: Any) -> Deferred[Any]:
    """A Deferred that fires in the reactor's thread with the result of a future."""
    deferred: Deferred[Any] = Deferred()

    def pass_on() -> None:
        error = future.exception()
        if error is not None:
            deferred.errback(error)
        else:
            deferred.callback(future.result())

    future.add_done_callback(lambda _: reactor.callFromThread(pass_on))
    return deferred
