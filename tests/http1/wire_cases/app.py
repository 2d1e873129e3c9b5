"""The application that the wire cases are sent to. It is small and does not change."""

from __future__ import annotations

from functools import cache
from typing import Any

from twisted.internet.defer import Deferred

from cyclone import web


class Base(web.RequestHandler):
    """No ETag, so that responses can be told to the byte."""

    def compute_etag(self) -> None:
        return None

    def echo(self, body: bytes) -> None:
        """Write what arrived: method, path, query, host, body."""
        request = self.request
        self.set_header("Content-Type", "text/plain")
        self.write(f"{request.method} {request.path} ?{request.query} @{request.host} [")
        self.write(body)
        self.write("]")


class Echo(Base):
    """Answers every standard method with what it got."""

    def get(self) -> None:
        self.echo(self.request.body)

    head = post = put = delete = patch = options = get


class Small(Echo):
    """Bodies up to ten bytes."""

    max_body_size = 10


class Fields(Base):
    """Answers with the values of the X-Test fields it got."""

    def get(self) -> None:
        self.write("|".join(self.request.headers.get_list("X-Test")))


@web.stream_request_body
class Stream(Base):
    """Takes the body as it comes."""

    def prepare(self) -> None:
        self.pieces: list[bytes] = []

    def data_received(self, chunk: bytes) -> None:
        self.pieces.append(chunk)

    def post(self) -> None:
        self.echo(b"".join(self.pieces))

    put = get = post


@web.stream_request_body
class Early(Base):
    """Answers at the head, and does not read the body."""

    def prepare(self) -> None:
        self.set_status(403)
        self.finish("no")

    def data_received(self, chunk: bytes) -> None:
        raise AssertionError("the body was not asked for")

    def post(self) -> None:
        raise AssertionError("prepare has answered")


@web.stream_request_body
class Patient(Stream):
    """Wants the body only when `Patient.gate` fires."""

    gate: Deferred[None] = Deferred()

    async def prepare(self) -> None:  # type: ignore[override]
        super().prepare()
        await Patient.gate


@web.stream_request_body
class Limited(Stream):
    """Sets its own limit when it has seen the head."""

    def prepare(self) -> None:
        super().prepare()
        self.request.connection.set_max_body_size(int(self.get_query_argument("n")))


class Custom(Base):
    """Methods beyond the standard ones."""

    SUPPORTED_METHODS = (*web.RequestHandler.SUPPORTED_METHODS, "PROPFIND", "FOO")

    def propfind(self) -> None:
        self.echo(self.request.body)

    foo = get = propfind


class OnlyGet(Base):
    """Knows GET."""

    def get(self) -> None:
        self.write("got")


class Once(Base):
    """Its connections end with the response."""

    no_keep_alive = True

    def get(self) -> None:
        self.write("once")


class Chunked(Base):
    """Two pieces, flushed."""

    def get(self) -> None:
        self.write("one,")
        self.flush()
        self.write("two")

    head = get


class Declared(Base):
    """Announces the size of what it flushes."""

    def get(self) -> None:
        self.set_header("Content-Length", "7")
        self.write("one,")
        self.flush()
        self.write("two")

    head = get


class Empty(Base):
    """Writes nothing."""

    def get(self) -> None:
        pass

    head = get


class Status(Base):
    """Answers with the status that the path names, without a body."""

    def get(self, status: str) -> None:
        self.set_status(int(status))

    head = post = get


class Fails(Base):
    """Raises."""

    def get(self) -> None:
        raise ZeroDivisionError("secret")

    post = get


class Teapot(Base):
    """Raises an HTTPError."""

    def get(self) -> None:
        raise web.HTTPError(418)

    post = get


class FailsLate(Base):
    """Raises when half of the response has left."""

    def get(self) -> None:
        self.write("half")
        self.flush()
        raise ZeroDivisionError("secret")


class Closes(Base):
    """Says itself that the connection ends."""

    def get(self) -> None:
        self.set_header("Connection", "close")
        self.write("bye")


class Redirects(Base):
    """Sends elsewhere."""

    def get(self) -> None:
        self.redirect("/echo?redirected")


class Slow(Base):
    """Answers when `Slow.gate` fires."""

    gate: Deferred[None] = Deferred()

    async def get(self) -> None:
        await Slow.gate
        self.write("slow")


@cache
def application(**settings: Any) -> web.Application:
    """The application with `settings`; one for each set of them."""
    return web.Application(
        [
            (r"/echo(?:/.*)?", Echo),
            (r"/", Echo),
            (r"/small", Small),
            (r"/fields", Fields),
            (r"/stream", Stream),
            (r"/early", Early),
            (r"/patient", Patient),
            (r"/limited", Limited),
            (r"/custom", Custom),
            (r"/only-get", OnlyGet),
            (r"/once", Once),
            (r"/chunked", Chunked),
            (r"/declared", Declared),
            (r"/empty", Empty),
            (r"/status/([1-5]\d\d)", Status),
            (r"/fails", Fails),
            (r"/teapot", Teapot),
            (r"/fails-late", FailsLate),
            (r"/closes", Closes),
            (r"/redirects", Redirects),
            (r"/slow", Slow),
        ],
        **settings,
    )
