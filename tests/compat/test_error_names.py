"""What applications written for cyclone 1.x rely on: error pages."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest
from twisted.internet import defer
from twisted.python.failure import Failure

from cyclone.web import (
    HTTPAuthenticationRequired,
    HTTPError,
    RequestHandler,
)
from tests.web.support import client_of, problems, recorded_log


def test_prepare_returns_a_failure() -> None:
    class Handler(RequestHandler):
        def prepare(self) -> Failure:
            return Failure(HTTPError(503))

        def get(self) -> None:
            raise AssertionError("prepare has failed")

    assert client_of(Handler).get("/").status == 503


def page_with_keywords(self: Any, status_code: int, **kwargs: Any) -> str:
    exception = kwargs.get("exception")
    text = exception.getTraceback() if exception is not None else "none"
    return f"{status_code} {text}"


def page_with_exception(self: Any, status_code: int, exception: Any = None) -> str:
    return page_with_keywords(self, status_code, exception=exception)


def page_in_time(self: Any, status_code: int, **kwargs: Any) -> defer.Deferred[str]:
    return defer.succeed(page_with_keywords(self, status_code, **kwargs))


async def page_of_a_coroutine(self: Any, status_code: int, **kwargs: Any) -> str:
    await defer.succeed(None)
    return page_with_keywords(self, status_code, **kwargs)


def page_written(self: Any, status_code: int, **kwargs: Any) -> None:
    self.write(page_with_keywords(self, status_code, **kwargs))


PAGES = [
    page_with_keywords,
    page_with_exception,
    page_in_time,
    page_of_a_coroutine,
    page_written,
]


@pytest.mark.parametrize("page", PAGES)
def test_get_error_html(page: Callable[..., Any]) -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            raise ZeroDivisionError("why")

        def post(self) -> None:
            self.send_error(404)

        def put(self) -> None:
            raise HTTPError(409)

    Handler.get_error_html = page  # type: ignore[attr-defined]
    client = client_of(Handler)
    with recorded_log():
        response = client.get("/")
    assert response.status == 500
    assert response.text.startswith("500 Traceback")
    assert "ZeroDivisionError: why" in response.text
    assert client.post("/").text == "404 none"
    assert client.put("/").text.startswith("409 ")


def test_get_error_html_that_comes_late() -> None:
    gate: defer.Deferred[str] = defer.Deferred()

    class Handler(RequestHandler):
        def get(self) -> None:
            raise HTTPError(403)

        def get_error_html(self, status_code: int, **kwargs: Any) -> defer.Deferred[str]:
            return gate

    pending = client_of(Handler).open("GET", "/")
    assert pending.connection.received == b""
    gate.callback("late page")
    assert (pending.response.status, pending.response.body) == (403, b"late page")


def test_get_error_html_that_fails() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            raise HTTPError(403)

        def get_error_html(self, status_code: int, **kwargs: Any) -> str:
            raise KeyError("no template")

    with recorded_log() as lines:
        assert client_of(Handler).get("/").status == 403
    assert "no template" in problems(lines)[0]


def test_send_error_and_write_error_overridden() -> None:
    """With a reason that may be given by position, and details of their own."""

    class Handler(RequestHandler):
        def send_error(  # type: ignore[override]
            self, status_code: int = 500, reason: str = "unknown", detail: Any = (), **kwargs: Any
        ) -> None:
            error = kwargs.get("exception")
            error = error.value if isinstance(error, Failure) else error
            if reason == "unknown" and isinstance(error, HTTPError):
                reason = error.log_message or "unknown"
            RequestHandler.send_error(
                self, status_code=status_code, reason=reason, detail=detail, **kwargs
            )

        def write_error(  # type: ignore[override]
            self, status_code: int, reason: str = "unknown", detail: Any = (), **kwargs: Any
        ) -> None:
            self.finish({"error": status_code, "reason": reason, "detail": detail})

        def get(self) -> None:
            self.send_error(400, "positional", detail={"field": 1})

        def post(self) -> None:
            raise HTTPError(409, "from the log message")

        def put(self) -> None:
            raise ZeroDivisionError

    client = client_of(Handler)
    with recorded_log():
        assert client.get("/").json() == {
            "error": 400,
            "reason": "positional",
            "detail": {"field": 1},
        }
        assert client.post("/").json()["reason"] == "from the log message"
        assert client.put("/").json()["error"] == 500


@pytest.mark.parametrize("wrap", [Failure, lambda error: error])
def test_send_error_with_an_exception(wrap: Callable[[BaseException], Any]) -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.send_error(401, exception=wrap(HTTPAuthenticationRequired(realm="here")))

        def post(self) -> None:
            self.send_error(409, exception=wrap(HTTPError(409, reason="Own Reason")))

        def put(self) -> None:
            self.send_error(500, exception=wrap(ZeroDivisionError()))

    client = client_of(Handler)
    assert client.get("/").headers["WWW-Authenticate"] == 'Basic realm="here"'
    assert client.post("/").reason == "Own Reason"
    assert client.put("/").status == 500


@pytest.mark.parametrize("as_failure", [False, True])
def test_handle_request_exception(as_failure: bool) -> None:
    seen: list[Any] = []

    class Handler(RequestHandler):
        def _handle_request_exception(self, e: Any) -> None:
            seen.append(e)
            error = e.value if isinstance(e, Failure) else e
            if isinstance(error, KeyError):
                self.set_status(404)
                self.finish("handled")
            else:
                super()._handle_request_exception(Failure(error) if as_failure else error)

        def get(self) -> None:
            raise KeyError("x")

        @defer.inlineCallbacks
        def post(self) -> Generator[Any, Any, None]:
            yield defer.succeed(None)
            raise HTTPError(409)

        async def prepare(self) -> None:
            if self.get_argument("fail", None):
                raise HTTPError(402)

    client = client_of(Handler)
    response = client.get("/")
    assert (response.status, response.body) == (404, b"handled")
    assert client.post("/").status == 409
    assert client.post("/?fail=1").status == 402
    assert len(seen) == 3
