"""From an exception to a response: HTTPError, Finish, send_error, the log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from cyclone.httputil import HTTPInputError
from cyclone.web import (
    Finish,
    HTTPAuthenticationRequired,
    HTTPError,
    MissingArgumentError,
    RequestHandler,
    asynchronous,
)

from .support import GET, Noting, Stage, client_of, connection_to, problems, recorded_log


def raising(error: Any) -> type[RequestHandler]:
    """A handler class that raises `error`, at once or, for POST, after waiting."""

    class Handler(Noting):
        def get(self) -> None:
            self.write("forgotten")
            raise error

        async def post(self) -> None:
            self.write("forgotten")
            await self.gate
            raise error

        head = get

    return Handler


class Custom(HTTPError):
    """An error of an application's own."""

    def __init__(self) -> None:
        super().__init__(409, "for the log", reason="Own Reason")


# --- what exceptions become ----------------------------------------------------------------------

ERRORS = [
    # exception, status, reason, fields
    (HTTPError(), 500, "Internal Server Error", {}),
    (HTTPError(404), 404, "Not Found", {}),
    (HTTPError(599), 599, "Unknown", {}),
    (HTTPError(403, reason="Go Away"), 403, "Go Away", {}),
    (HTTPError(403, reason="Go\r\nX-Evil: 1"), 403, "Unknown", {}),
    (
        HTTPError(503, headers={"Retry-After": "5"}),
        503,
        "Service Unavailable",
        {"Retry-After": "5"},
    ),
    (HTTPError(405, headers={"Allow": "FOO"}), 405, "Method Not Allowed", {"Allow": "FOO"}),
    (HTTPError(405), 405, "Method Not Allowed", {"Allow": "GET, HEAD, POST"}),
    (Custom(), 409, "Own Reason", {}),
    (MissingArgumentError("x"), 400, "Bad Request", {}),
    (
        HTTPAuthenticationRequired(),
        401,
        "Unauthorized",
        {"WWW-Authenticate": 'Basic realm="Restricted Access"'},
    ),
    (HTTPInputError("malformed"), 400, "Bad Request", {}),
    (ZeroDivisionError("secret"), 500, "Internal Server Error", {}),
    (StopIteration(), 500, "Internal Server Error", {}),
    (asyncio.CancelledError(), 500, "Internal Server Error", {}),
    (SystemExit(1), 500, "Internal Server Error", {}),
    (HTTPError(99), 500, "Internal Server Error", {}),
    (HTTPError(1000), 500, "Internal Server Error", {}),
    (HTTPError(0, reason="Zero"), 500, "Zero", {}),
    (HTTPError("404"), 500, "Internal Server Error", {}),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("error", "status", "reason", "fields"), ERRORS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_exceptions(
    error: BaseException, status: int, reason: str, fields: dict[str, str], method: str
) -> None:
    stage = Stage(raising(error))
    stage.open_gate()
    response = stage.client.request(method, "/")
    assert (response.status, response.reason, response.closed) == (status, reason, False)
    assert response.headers["Content-Type"] == "text/html; charset=UTF-8"
    for name, value in fields.items():
        assert response.headers.get_list(name) == [value]
    for secret in (b"secret", b"forgotten", b"for the log", b"malformed", b"X-Evil"):
        assert secret not in response.body
    if method != "HEAD":
        assert f"{status}".encode() in response.body
    assert stage.notes == ["initialize", "prepare", "on_finish"]


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("debug", [False, True])
def test_an_error_without_a_body(status: int, debug: bool) -> None:
    """Not much of an error, but seen in applications."""
    response = Stage(raising(HTTPError(status)), debug=debug).client.get("/")
    assert (response.status, response.body, response.closed) == (status, b"", False)


@pytest.mark.parametrize("error", [ZeroDivisionError("<b>&secret"), HTTPError(400, "<b>&secret")])
def test_in_debug_mode_the_page_shows_the_traceback(error: Exception) -> None:
    stage = Stage(raising(error), debug=True)
    response = stage.client.get("/?<script>", headers={"Cookie": "session=topsecret"})
    assert b"&lt;b&gt;&amp;secret" in response.body
    assert b"test_failing.py" in response.body
    assert b"<script>" not in response.body
    assert b"topsecret" not in response.body


def test_serve_traceback_may_be_turned_off_in_debug_mode() -> None:
    stage = Stage(raising(ZeroDivisionError("secret")), debug=True, serve_traceback=False)
    assert b"secret" not in stage.client.get("/").body
    stage = Stage(raising(ZeroDivisionError("secret")), serve_traceback=True)
    assert b"secret" in stage.client.get("/").body


def test_finish_is_no_error() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.set_status(299)
            self.set_header("X-Kept", "1")
            self.write("kept ")
            raise Finish("and more")

        async def post(self) -> None:
            self.write("kept")
            self.flush()
            raise Finish

        @asynchronous
        def put(self) -> None:
            raise Finish({"json": 1})

    client = client_of(Handler)
    with recorded_log() as lines:
        response = client.get("/")
        assert (response.status, response.body) == (299, b"kept and more")
        assert response.headers["X-Kept"] == "1"
        assert client.post("/").body == b"kept"
        assert client.put("/").json() == {"json": 1}
    assert problems(lines) == []


def test_finish_after_finish() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.finish("once")
            raise Finish

    assert client_of(Handler).get("/").body == b"once"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_finish_that_cannot_finish(method: str) -> None:
    class Handler(Noting):
        def get(self) -> None:
            self.set_status(204)
            raise Finish("body")

        async def post(self) -> None:
            await self.gate
            self.get()

    stage = Stage(Handler)
    pending = stage.client.open(method, "/")
    with recorded_log() as lines:
        stage.open_gate()
    assert pending.response.status == 500
    assert stage.notes == ["initialize", "prepare", "on_finish"]
    assert len(problems(lines)) == (method == "POST")


# --- the log -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_logged(method: str) -> None:
    table = [
        (ZeroDivisionError("why"), "error", "cyclone.application", "Uncaught exception"),
        (
            HTTPError(400, "why %s", 5),
            "warn",
            "cyclone.general",
            f"400 {method} /?q (127.0.0.1): why 5",
        ),
        (MissingArgumentError("x"), "warn", "cyclone.general", "Missing argument x"),
    ]
    for error, level, log, text in table:
        stage = Stage(raising(error))
        stage.open_gate()
        with recorded_log() as lines:
            stage.client.request(method, "/?q")
        (line,) = [line for line in lines if line.log != "cyclone.access"]
        assert line.log == log
        assert line.level in (level, "critical")
        assert text in line.text
        assert f"{method} /?q (127.0.0.1)" in line.text


@pytest.mark.parametrize("error", [HTTPError(404), Finish()])
def test_what_is_not_logged(error: Exception) -> None:
    with recorded_log() as lines:
        Stage(raising(error)).client.get("/")
    assert [line for line in lines if line.log != "cyclone.access"] == []


def test_log_exception_may_be_overridden() -> None:
    seen: list[Any] = []
    error = ZeroDivisionError()

    class Handler(RequestHandler):
        def get(self) -> None:
            raise error

        def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
            seen.append((typ, value, tb.tb_frame.f_code.co_name))
            raise KeyError("in the logger")

    with recorded_log() as lines:
        assert client_of(Handler).get("/").status == 500
    assert [each[:2] for each in seen] == [(ZeroDivisionError, error)]
    assert "KeyError" in "\n".join(problems(lines))


# --- send_error ----------------------------------------------------------------------------------

SENT = [
    # arguments, keywords, status, reason
    ((), {}, 500, "Internal Server Error"),
    ((404,), {}, 404, "Not Found"),
    ((404,), {"reason": "Gone Fishing"}, 404, "Gone Fishing"),
    ((404,), {"reason": "a\r\nb"}, 404, "Unknown"),
    ((599,), {}, 599, "Unknown"),
    ((), {"status_code": 403}, 403, "Forbidden"),
    ((99,), {}, 500, "Internal Server Error"),
    (("404",), {}, 500, "Internal Server Error"),
    ((None,), {}, 500, "Internal Server Error"),
]


@pytest.mark.parametrize(("arguments", "keywords", "status", "reason"), SENT)
def test_send_error(
    arguments: tuple[Any, ...], keywords: dict[str, Any], status: int, reason: str
) -> None:
    class Handler(Noting):
        def get(self) -> None:
            self.write("forgotten")
            self.set_header("X-Forgotten", "1")
            self.send_error(*arguments, **keywords)
            self.notes.append("goes on")

    stage = Stage(Handler)
    response = stage.client.get("/")
    assert (response.status, response.reason) == (status, reason)
    assert b"forgotten" not in response.body
    assert "X-Forgotten" not in response.headers
    assert stage.notes == ["initialize", "prepare", "on_finish", "goes on"]


def test_send_error_after_the_head_cuts_the_connection() -> None:
    class Handler(Noting):
        def get(self) -> None:
            self.write("half")
            self.flush()
            self.send_error(500)
            self.notes.append("goes on")

    stage = Stage(Handler)
    connection = stage.client.connect()
    with recorded_log() as lines:
        connection.send(GET)
    assert connection.transport.aborted
    assert b"0\r\n\r\n" not in connection.received
    assert "Cannot send error response after headers written" in problems(lines)
    assert stage.notes == ["initialize", "prepare", "on_finish", "goes on"]


def test_send_error_after_the_end_is_logged() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.finish("fine")
            self.send_error(500)

    with recorded_log() as lines:
        response = client_of(Handler).get("/")
    assert (response.status, response.body, response.closed) == (200, b"fine", False)
    assert "Cannot send error response after headers written" in problems(lines)


@pytest.mark.parametrize("late", [False, True])
def test_an_exception_after_the_head_cuts_the_connection(late: bool) -> None:
    """An end in good order would make the peer take half an answer for the whole."""

    class Handler(Noting):
        async def get(self) -> None:
            self.write("half")
            self.flush()
            if late:
                await self.gate
            raise ZeroDivisionError

    stage = Stage(Handler)
    connection = stage.client.connect()
    connection.send(GET + GET)
    if late:
        stage.open_gate()
        connection.advance(0)
    assert connection.transport.aborted
    assert connection.received.count(b"HTTP/1.1") <= 1
    assert b"0\r\n\r\n" not in connection.received
    assert stage.notes == ["initialize", "prepare", "on_finish"]


# --- overridden parts ----------------------------------------------------------------------------


def test_an_execute_that_fails_is_answered() -> None:
    class Handler(RequestHandler):
        def _execute(self, transforms: Any, *args: Any, **kwargs: Any) -> None:
            raise ZeroDivisionError("in _execute")

    with recorded_log() as lines:
        response = client_of(Handler).get("/")
    assert response.status == 500
    assert "in _execute" in problems(lines)[0]


def test_an_execute_that_fails_after_the_head_cuts_the_connection() -> None:
    class Handler(RequestHandler):
        def _execute(self, transforms: Any, *args: Any, **kwargs: Any) -> None:
            self.flush()
            raise ZeroDivisionError

    connection = connection_to(Handler)
    with recorded_log():
        connection.send(GET)
    assert connection.transport.aborted


def test_default_headers_that_fail() -> None:
    class Handler(RequestHandler):
        def set_default_headers(self) -> None:
            raise ZeroDivisionError

    with recorded_log() as lines:
        assert client_of(Handler).get("/").status == 500
    assert "ZeroDivisionError" in problems(lines)[0]


def test_default_headers_that_fail_in_the_error_response() -> None:
    class Handler(Noting):
        def set_default_headers(self) -> None:
            if hasattr(self, "notes"):
                raise KeyError

        def get(self) -> None:
            raise ZeroDivisionError

    stage = Stage(Handler)
    connection = stage.client.connect()
    with recorded_log() as lines:
        connection.send(GET)
    assert connection.transport.aborted
    assert "KeyError" in "\n".join(problems(lines))
    assert stage.notes == ["initialize", "prepare", "on_finish"]


def test_a_deferred_that_fails_with_nobody_there(logged_failures: Any) -> None:
    failing: Deferred[None] = Deferred()

    class Handler(RequestHandler):
        def get(self) -> Deferred[None]:
            return failing

    pending = client_of(Handler).open("GET", "/")
    pending.disconnect()
    with recorded_log() as lines:
        failing.errback(ZeroDivisionError())
    assert "ZeroDivisionError" in problems(lines)[0]
    assert logged_failures.flush() == []
