"""Header fields that many responses have in common."""

from __future__ import annotations

import pytest

from cyclone import http1
from cyclone.httputil import HTTPHeaders, HTTPInputError
from cyclone.web import prepared
from cyclone.web.prepared import PLAIN, Prepared, date_field


@pytest.fixture
def root() -> Prepared:
    return Prepared(HTTPHeaders({"Server": "x"}))


def test_what_a_response_has_before_its_handler_sets_anything() -> None:
    assert PLAIN.encoded == b"Server: cyclone\r\nContent-Type: text/html; charset=UTF-8\r\n"
    headers = PLAIN.headers()
    assert list(headers) == ["Server", "Content-Type", "Date"]
    assert headers.encode() == PLAIN.encoded + date_field()


def test_the_date_is_that_of_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    for second, date in enumerate(
        ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT"), 784111777
    ):
        monkeypatch.setattr(prepared, "time", lambda second=second: second + 0.5)
        monkeypatch.setattr(prepared, "date_now", lambda date=date: date)
        assert date_field() == f"Date: {date}\r\n".encode()
        assert date_field() is date_field()
        assert PLAIN.headers()["Date"] == date


def test_mappings_are_copies() -> None:
    one, two = PLAIN.headers(), PLAIN.headers()
    one["Server"] = "other"
    assert two["Server"] == http1.SERVER


def test_a_step_is_remembered_when_it_comes_again(root: Prepared) -> None:
    assert root.after("content-type", "text/plain") is None
    assert not root.following
    following = root.after("content-type", "text/plain")
    assert following is not None
    assert root.following == {("content-type", "text/plain"): following}
    assert following.encoded == b"Server: x\r\nContent-Type: text/plain\r\n"
    assert following.headers().get_list("Content-Type") == ["text/plain"]
    assert root.encoded == b"Server: x\r\n"


def test_steps_lead_on(root: Prepared) -> None:
    for _ in range(2):
        first = root.after("A", "1")
    assert first is not None
    for _ in range(2):
        second = first.after("A", "2")
    assert second is not None
    assert second.encoded == b"Server: x\r\nA: 2\r\n"


@pytest.mark.parametrize(
    "name", ["Connection", "content-length", "Date", "ETag", "Set-Cookie", "transfer-encoding"]
)
def test_fields_that_are_never_prepared(root: Prepared, name: str) -> None:
    for _ in range(3):
        assert root.after(name, "1") is None


@pytest.mark.parametrize(("name", "value"), [("A" * 129, "1"), ("A", "1" * 129)])
def test_long_ones_are_not_remembered(root: Prepared, name: str, value: str) -> None:
    for _ in range(3):
        assert root.after(name, value) is None


@pytest.mark.parametrize(("name", "value"), [("A\r\nB", "1"), ("A", "1\r\nB: 2"), ("", "1")])
def test_class_2_what_would_end_the_field_is_refused(root: Prepared, name: str, value: str) -> None:
    for _ in range(2):
        with pytest.raises(HTTPInputError):
            root.after(name, value)
    assert not root.following


def test_class_4_what_is_kept_is_bounded(root: Prepared) -> None:
    for number in range(5000):
        for _ in range(2):
            root.after("X-Request-Id", str(number))
        assert len(root.following) <= 256
    for number in range(5000):
        root.after("X-Request-Id", f"once {number}")
    assert len(root.following) <= 256


def test_fields_with_a_tag_have_followers(root: Prepared) -> None:
    tagged = Prepared(HTTPHeaders({"Server": "x", "Etag": '"1"'}))
    assert tagged.tagged
    assert (tagged.get("etag"), tagged.get("Vary")) == ('"1"', None)
    assert not root.tagged
    assert tagged.after("X-Path", "a") is None
    following = tagged.after("X-Path", "a")
    assert following is not None
    assert following.tagged
    for name, value in (("ETag", '"2"'), ("Content-Length", "1"), ("Set-Cookie", "a=b")):
        assert tagged.after(name, value) is tagged.after(name, value) is None
