"""Entity tags and preconditions as handlers have them; the rules are tested in test_conditional."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

import pytest

from cyclone.web import RequestHandler

from .support import Noting, Stage, client_of

BODY = b"hello"
TAG = '"' + hashlib.sha1(BODY).hexdigest() + '"'
MODIFIED = datetime.datetime(2020, 5, 17, 12, 0, 0, tzinfo=datetime.UTC)
SAME, EARLIER, LATER = (
    "Sun, 17 May 2020 12:00:00 GMT",
    "Sun, 17 May 2020 11:59:59 GMT",
    "Sun, 17 May 2020 12:00:01 GMT",
)


class Hello(RequestHandler):
    """Has an entity tag of its own making."""

    def get(self) -> None:
        self.write("hel")
        self.write("lo")

    head = post = get


class Dated(Hello):
    """Has a date besides."""

    def prepare(self) -> None:
        self.set_header("Last-Modified", MODIFIED)


class OnlyDated(Dated):
    """Has a date and no tag."""

    def compute_etag(self) -> None:
        return None


CONDITIONS = [
    # handler, request fields, status of GET
    (Hello, {}, 200),
    (Hello, {"If-None-Match": TAG}, 304),
    (Hello, {"If-None-Match": f"W/{TAG}"}, 304),
    (Hello, {"If-None-Match": f'"other", {TAG}'}, 304),
    (Hello, {"If-None-Match": "*"}, 304),
    (Hello, {"If-None-Match": '"other"'}, 200),
    (Hello, {"If-None-Match": ""}, 200),
    (Hello, {"If-None-Match": "not a tag"}, 200),
    (Hello, {"If-Match": TAG}, 200),
    (Hello, {"If-Match": "*"}, 200),
    (Hello, {"If-Match": f"W/{TAG}"}, 412),
    (Hello, {"If-Match": '"other"'}, 412),
    (Hello, {"If-Match": TAG, "If-None-Match": TAG}, 304),
    (Hello, {"If-Match": '"other"', "If-None-Match": TAG}, 412),
    (Hello, {"If-Modified-Since": LATER}, 200),
    (Hello, {"If-Unmodified-Since": EARLIER}, 200),
    (Dated, {"If-Modified-Since": SAME}, 304),
    (Dated, {"If-Modified-Since": LATER}, 304),
    (Dated, {"If-Modified-Since": EARLIER}, 200),
    (Dated, {"If-Modified-Since": "nonsense"}, 200),
    (Dated, {"If-Modified-Since": LATER, "If-None-Match": '"other"'}, 200),
    (Dated, {"If-Unmodified-Since": SAME}, 200),
    (Dated, {"If-Unmodified-Since": EARLIER}, 412),
    (Dated, {"If-Unmodified-Since": EARLIER, "If-Match": TAG}, 200),
    (Dated, {"If-Unmodified-Since": "nonsense"}, 200),
    (OnlyDated, {"If-None-Match": TAG}, 200),
    (OnlyDated, {"If-None-Match": "*"}, 304),
    (OnlyDated, {"If-Match": TAG}, 412),
    (OnlyDated, {"If-Modified-Since": SAME}, 304),
    (OnlyDated, {"If-Unmodified-Since": EARLIER}, 412),
]


@pytest.mark.parametrize(("handler", "fields", "status"), CONDITIONS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_conditional_requests(
    handler: type[RequestHandler], fields: dict[str, str], status: int, method: str
) -> None:
    response = client_of(handler).request(method, "/", headers=fields)
    assert response.status == status
    assert response.body == (BODY if status == 200 and method == "GET" else b"")
    # RFC 9110 section 15.4.5: validators belong into a 304.
    assert response.headers.get("Etag") == (None if handler is OnlyDated else TAG)
    assert response.headers.get("Last-Modified") == (None if handler is Hello else SAME)
    if status == 304:
        assert "Content-Type" not in response.headers
        assert "Content-Length" not in response.headers


@pytest.mark.parametrize("fields", [{}, {"If-None-Match": TAG}, {"If-Match": '"other"'}])
def test_other_methods_have_no_tag(fields: dict[str, str]) -> None:
    """What a POST answers is no representation of its resource."""
    response = client_of(Hello).post("/", headers=fields)
    assert (response.status, response.body) == (200, BODY)
    assert "Etag" not in response.headers


@pytest.mark.parametrize("status", [201, 202, 206, 404, 500])
def test_other_statuses_have_no_tag(status: int) -> None:
    class Handler(Hello):
        def prepare(self) -> None:
            self.set_status(status)

    response = client_of(Handler).get("/", headers={"If-None-Match": "*"})
    assert (response.status, response.body) == (status, BODY)
    assert "Etag" not in response.headers


def test_a_tag_of_the_handler() -> None:
    class Handler(Hello):
        def prepare(self) -> None:
            self.set_header("Etag", 'W/"mine"')

        def compute_etag(self) -> str:
            raise AssertionError("the handler has set one")

    client = client_of(Handler)
    assert client.get("/").headers.get_list("Etag") == ['W/"mine"']
    assert client.get("/", headers={"If-None-Match": '"mine"'}).status == 304
    assert client.get("/", headers={"If-Match": 'W/"mine"'}).status == 412


def test_a_tag_computed_by_the_handler() -> None:
    class Handler(Hello):
        def compute_etag(self) -> str:
            return '"computed"'

    client = client_of(Handler)
    assert client.get("/").headers["Etag"] == '"computed"'
    assert client.get("/", headers={"If-None-Match": '"computed"'}).status == 304
    assert client.get("/", headers={"If-None-Match": TAG}).status == 200


def test_set_etag_header_overridden() -> None:
    class Handler(Hello):
        def set_etag_header(self) -> None:
            self.set_header("Etag", '"set"')

    client = client_of(Handler)
    assert client.get("/").headers["Etag"] == '"set"'
    assert client.get("/", headers={"If-None-Match": '"set"'}).status == 304


def test_the_tag_is_the_same_with_and_without_changed_fields() -> None:
    class Handler(Hello):
        def prepare(self) -> None:
            if self.get_argument("field", None):
                self.set_header("X-Test", "1")

    client = client_of(Handler)
    assert client.get("/").headers["Etag"] == client.get("/?field=1").headers["Etag"] == TAG


def test_check_etag_header() -> None:
    """A handler may ask early, to save itself the work (Tornado)."""

    class Handler(Noting):
        def get(self) -> None:
            self.set_header("Etag", '"known"')
            if self.check_etag_header():
                self.set_status(304)
                return
            self.notes.append("work")
            self.write("work")

    stage = Stage(Handler)
    fields = [{}, {"If-None-Match": '"other"'}, {"If-None-Match": '"a", W/"known"'}]
    fields += [{"If-None-Match": "*"}, {"If-None-Match": ""}, {"If-None-Match": "known"}]
    statuses = [stage.client.get("/", headers=each).status for each in fields]
    assert statuses == [200, 200, 304, 304, 200, 200]
    assert stage.notes.count("work") == 4


def test_check_etag_header_without_a_tag() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.write(str(self.check_etag_header()))

    assert client_of(Handler).get("/", headers={"If-None-Match": '"x"'}).body == b"False"


def test_no_tag_after_flush() -> None:
    class Handler(Hello):
        def get(self) -> None:
            self.flush()
            super().get()

        head = get

    response = client_of(Handler).get("/", headers={"If-None-Match": TAG, "If-Match": '"x"'})
    assert (response.status, response.body) == (200, BODY)


def test_a_failed_precondition_has_no_body() -> None:
    class Handler(Dated):
        def get(self) -> Any:
            self.write({"secret": 1})

    response = client_of(Handler).get("/", headers={"If-Match": '"x"'})
    assert (response.status, response.reason, response.body) == (412, "Precondition Failed", b"")
    assert response.headers["Content-Length"] == "0"
