"""What responses begin with: security headers, and the ids of requests."""

from __future__ import annotations

import inspect
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import globalLogPublisher

from cyclone.log import (
    app_log,
    assume_listening,
    current_request_id,
    is_request_id,
    json_observer,
)
from cyclone.testing import Client
from cyclone.web import (
    SECURITY_HEADERS,
    Application,
    HTTPError,
    RequestHandler,
    asynchronous,
    security_headers,
)

HSTS = "Strict-Transport-Security"


class Page(RequestHandler):
    def get(self, what: str) -> None:
        if what == "error":
            raise HTTPError(403)
        if what == "broken":
            raise ZeroDivisionError
        if what == "own":
            self.set_header("Content-Security-Policy", "default-src 'none'")
            self.clear_header("X-Frame-Options")
        if what == "streamed":
            self.write("a")
            self.flush()
        if what == "cleared":
            self.set_header("X-Gone", "1")
            self.clear()
        if what == "empty":
            self.set_status(204)
            return
        self.write(what)


def client(https: bool = True, **settings: Any) -> Client:
    return Client(Application([("/(.*)", Page)], **settings), https=https)


WHAT = ["plain", "error", "broken", "streamed", "cleared", "empty"]


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("https", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_every_response_has_them(what: str, https: bool) -> None:
    asked = client(https, security_headers=True, log_function=lambda handler: None)
    for _ in range(3):  # prepared fields come into being on the way
        headers = asked.get(f"/{what}").headers
        found = {name: headers.get(name) for name in SECURITY_HEADERS}
        expected = {**SECURITY_HEADERS, **({} if https else {HSTS: None})}
        assert found == expected
        assert "X-Gone" not in headers
        assert len(headers.get_list("Server")) == 1


def test_without_the_setting_there_are_none() -> None:
    headers = client().get("/plain").headers
    assert not [name for name in SECURITY_HEADERS if name in headers]


def test_https_as_a_proxy_says() -> None:
    asked = client(False, security_headers=True, xheaders=True)
    assert HSTS in asked.get("/", headers={"X-Forwarded-Proto": "https"}).headers
    assert HSTS not in asked.get("/", headers={"X-Forwarded-Proto": "http"}).headers


def test_a_handler_has_the_last_word() -> None:
    headers = client(security_headers=True).get("/own").headers
    assert headers.get_list("Content-Security-Policy") == ["default-src 'none'"]
    assert "X-Frame-Options" not in headers
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_setting_changes_some() -> None:
    setting = {
        "x-frame-options": None,
        "Strict-transport-security": "max-age=60",
        "Referrer-Policy": "no-referrer",
        "X-More": "1",
    }
    headers = client(security_headers=setting).get("/plain").headers
    assert "X-Frame-Options" not in headers
    assert headers.get_list("Referrer-Policy") == ["no-referrer"]
    assert headers.get_list(HSTS) == ["max-age=60"]
    assert headers["X-More"] == "1"
    assert HSTS not in client(False, security_headers=setting).get("/").headers


CSP = "Content-Security-Policy"


@security_headers({"x-frame-options": None, CSP: "sandbox"})
class Widget(Page):
    def set_default_headers(self) -> None:
        self.set_header("Referrer-Policy", "no-referrer")


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("https", [True, False])
@pytest.mark.parametrize("setting", [None, {"X-Content-Type-Options": None, CSP: "none"}])
@pytest.mark.filterwarnings("ignore")
def test_of_one_handler(what: str, https: bool, setting: Any) -> None:
    application = Application(
        [("/page/(.*)", Page), ("/(.*)", Widget)],
        security_headers=setting,
        log_function=lambda handler: None,
    )
    asked = Client(application, https=https)
    for _ in range(3):
        headers = asked.get(f"/{what}").headers
        assert "X-Frame-Options" not in headers
        assert headers.get_list(CSP) == ["sandbox"]
        assert headers.get_list("Referrer-Policy") == ["no-referrer"]  # the handler's own
        assert headers.get("X-Content-Type-Options") == (None if setting else "nosniff")
        assert (HSTS in headers) is https
        others = asked.get("/page/plain").headers
        assert ("X-Frame-Options" in others) is bool(setting)
        assert others.get(CSP) == ("none" if setting else None)


def test_malformed_ones_of_a_handler() -> None:
    with pytest.raises(ValueError, match="X-Frame-Options must be text or None"):
        security_headers({"X-Frame-Options": 1})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "settings",
    [
        {"security_headers": "yes"},
        {"security_headers": {"X-Frame-Options": 1}},
        {"security_headers": {"X-Frame-Options": "a\r\nb"}},
        {"security_headers": {"bad name": "a"}},
        {"request_id": 7},
        {"request_id": "bad name"},
    ],
)
def test_wrong_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Application([], **settings)


def test_files_in_memory_have_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cyclone.web.staticcache._SETTLED", 0)
    (tmp_path / "a.txt").write_text("content")
    application = Application(static_path=str(tmp_path), security_headers=True)
    asked = {https: Client(application, https=https) for https in (True, False)}
    for https in (True, False) * 3:
        response = asked[https].get("/static/a.txt")
        assert response.text == "content"
        assert (HSTS in response.headers) is https
        assert response.headers["Content-Type"].startswith("text/plain")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert len(response.headers.get_list("Etag")) == 1
    etag = response.headers["Etag"]
    again = asked[True].get("/static/a.txt", headers={"If-None-Match": etag})
    assert again.status == 304
    assert HSTS in again.headers


# -- ids


@pytest.fixture
def lines() -> Any:
    """The log as lines of JSON."""
    out = StringIO()
    observer: Any = json_observer(out)
    globalLogPublisher.addObserver(observer)
    assume_listening()
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    globalLogPublisher.removeObserver(observer)
    assume_listening(None)


class Waiting(RequestHandler):
    waiting: list[Deferred[None]] = []

    async def get(self) -> None:
        app_log.info("before")
        deferred: Deferred[None] = Deferred()
        self.waiting.append(deferred)
        await deferred
        app_log.warning("after %s", current_request_id())
        self.finish(current_request_id())

    @asynchronous
    def post(self) -> None:
        self.waiting.append(Deferred())
        self.waiting[-1].addCallback(lambda _: self.finish("posted"))


def test_ids_in_each_line(lines: Any) -> None:
    application = Application([("/", Waiting)], request_id=True)
    one, two = Client(application), Client(application)
    first = one.open("GET", "/", headers={"X-Request-Id": "first"})
    second = two.open("GET", "/")
    third = Client(application).open("POST", "/", headers={"X-Request-Id": "third"})
    for deferred in reversed(Waiting.waiting):
        deferred.callback(None)
    Waiting.waiting.clear()
    assert first.response.text == first.response.headers["X-Request-Id"] == "first"
    made = second.response.headers["X-Request-Id"]
    assert len(made) == 32
    assert second.response.text == made
    assert third.response.headers["X-Request-Id"] == "third"
    assert current_request_id() == ""
    of = {
        one: [line for line in lines() if line.get("request_id") == one] for one in ("first", made)
    }
    assert [line["message"].split(" ")[0] for line in of["first"]] == ["before", "after", "200"]
    assert len(of[made]) == 3
    (access,) = [line for line in lines() if line.get("request_id") == "third"]
    assert (access["logger"], access["status"], access["method"]) == ("cyclone.access", 200, "POST")


class Failing(RequestHandler):
    """Waits in each of the three ways, and fails."""

    waiting: list[Deferred[None]] = []

    def wait(self) -> Deferred[None]:
        self.waiting.append(Deferred())
        return self.waiting[-1]

    async def get(self) -> None:
        await self.wait()
        raise LookupError

    @inlineCallbacks
    def post(self) -> Any:
        yield self.wait()
        raise LookupError

    def put(self) -> Deferred[None]:
        return self.wait().addCallback(self.fail)

    def fail(self, result: None) -> None:
        raise LookupError


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.filterwarnings("ignore")
def test_ids_in_the_lines_about_an_error(lines: Any, method: str) -> None:
    asked = Client(Application([("/", Failing)], request_id=True))
    pending = asked.open(method, "/", headers={"X-Request-Id": "mine"})
    Failing.waiting.pop().callback(None)  # outside of the request
    assert pending.response.status == 500
    error, access = lines()
    assert error["request_id"] == access["request_id"] == "mine"
    assert "exception" in error


@pytest.mark.parametrize(
    "given", ["", "a b", "-a", "ä", 'a"b', "a" * 129, "a\tb", "{log_text}", "a,b c"]
)
def test_ids_that_are_not_believed(given: str) -> None:
    headers = {"X-Request-Id": given} if given else {}
    response = client(request_id=True).get("/plain", headers=headers)
    made = response.headers["X-Request-Id"]
    assert made != given
    assert is_request_id(made)


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.filterwarnings("ignore")
def test_ids_on_every_response(what: str) -> None:
    asked = client(request_id="X-Trace", security_headers=True, log_function=lambda handler: None)
    for number in range(3):
        headers = asked.get(f"/{what}", headers={"X-Trace": f"id-{number}"}).headers
        assert headers.get_list("X-Trace") == [f"id-{number}"]
        assert HSTS in headers


def test_ids_where_nobody_reads_them() -> None:
    class Stream(RequestHandler):
        async def get(self) -> None:
            self.write(self.request.request_id)

    assert inspect.iscoroutinefunction(Stream.get)
    assert Client(Application([("/", Stream)])).get("/").text == ""
