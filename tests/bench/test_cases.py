"""The cases: their requests are whole, and right answers are told from wrong ones."""

from __future__ import annotations

import pytest

from bench.cases import BROWSER_FIELDS, CASES, FILE_SIZE, WrongAnswer, file_content
from bench.responses import ResponseReader

ROW = b"<tr><td>%d</td><td>&lt;%d&gt;</td><td>text</td></tr>"
PAGE = b"".join(ROW % (number, number) for number in range(50))


def answer(
    body: bytes = b"hello, world", status: str = "200 OK", content_type: str = "text/plain"
) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def check(name: str, data: bytes) -> None:
    (response,) = ResponseReader().feed(data)
    CASES[name].check(response)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("plaintext", answer()),
        ("plaintext", answer(content_type="text/plain; charset=utf-8")),
        ("browser", answer()),
        ("json", answer(b'{"message":"hello, world"}', content_type="application/json")),
        ("parameters", answer(b"42 x")),
        ("template", answer(PAGE, content_type="text/html")),
        ("form", answer(b"alice 195")),
        ("upload", answer(b"102400")),
        ("static", answer(file_content(), content_type="application/octet-stream")),
        ("events", answer(b"data: x\n\n" * 1000, content_type="text/event-stream")),
    ],
)
def test_right_answers(name: str, data: bytes) -> None:
    check(name, data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("plaintext", answer(b"hello, world\n")),
        ("plaintext", answer(status="404 Not Found")),
        ("plaintext", answer(content_type="text/html")),
        ("json", answer(b'{"message":"hello"}', content_type="application/json")),
        ("json", answer(b"hello, world", content_type="application/json")),
        ("parameters", answer(b"42")),
        ("template", answer(PAGE.replace(b"&lt;", b"<"), content_type="text/html")),
        ("template", answer(PAGE + ROW % (50, 50), content_type="text/html")),
        ("static", answer(file_content()[:-1])),
        ("events", answer(b"data: x\n\n" * 999, content_type="text/event-stream")),
    ],
)
def test_wrong_answers(name: str, data: bytes) -> None:
    with pytest.raises(WrongAnswer, match=name):
        check(name, data)


def test_a_bare_request_and_a_browser_s() -> None:
    assert CASES["plaintext"].request(80) == b"GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n"
    lines = CASES["browser"].request(80).split(b"\r\n")
    assert lines[:2] == [b"GET / HTTP/1.1", b"Host: 127.0.0.1:80"]
    assert len(lines) == 1 + 1 + len(BROWSER_FIELDS) + 2  # request, Host, ..., the empty line
    assert len(lines) == 1 + 10 + 2


@pytest.mark.parametrize("name", ["form", "upload"])
def test_a_request_s_content_is_as_long_as_it_says(name: str) -> None:
    head, _, content = CASES[name].request(80).partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: %d" % len(content) in head
    assert content == CASES[name].content


def test_the_file_has_its_size() -> None:
    assert len(file_content()) == FILE_SIZE
    assert file_content() in CASES["upload"].content


def test_cases_are_known_by_their_names() -> None:
    assert all(case.name == name for name, case in CASES.items())


def test_what_the_load_generator_is_told() -> None:
    assert "--depth=16" in CASES["pipelined"].arguments()
    assert [name for name, case in CASES.items() if "--tls" in case.arguments()] == ["tls"]
