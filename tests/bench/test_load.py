"""The cases and the load generator: right answers are counted, wrong ones end the turn."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from bench.cases import CASES, WrongAnswer
from bench.load import Answers, LoadError, measure
from bench.responses import ResponseReader

PLAIN = CASES["plaintext"]


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
    ],
)
def test_wrong_answers(name: str, data: bytes) -> None:
    with pytest.raises(WrongAnswer, match=name):
        check(name, data)


def test_a_bare_request_and_a_browser_s() -> None:
    assert PLAIN.request(80) == b"GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n"
    lines = CASES["browser"].request(80).split(b"\r\n")
    assert lines[:2] == [b"GET / HTTP/1.1", b"Host: 127.0.0.1:80"]
    assert len(lines) == 1 + 10 + 2  # request line, ten header lines, the empty line


def test_known_answers_are_counted_like_new_ones() -> None:
    known: set[bytes] = set()
    answers = Answers(PLAIN, known)
    assert [answers.count(answer()) for _ in range(3)] == [1, 1, 1]
    assert known == {answer()}


def test_an_answer_in_pieces_is_one_answer() -> None:
    known = {answer()}
    answers = Answers(PLAIN, known)
    data = answer()
    assert [answers.count(data[:30]), answers.count(data[30:])] == [0, 1]
    assert answers.count(data) == 1
    assert known == {data}


def test_known_bytes_inside_another_answer_are_not_an_answer() -> None:
    answers = Answers(PLAIN, {answer()})
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
    assert answers.count(head % len(answer())) == 0
    with pytest.raises(LoadError, match="body"):
        answers.count(answer())


def test_a_wrong_answer_is_loud() -> None:
    with pytest.raises(LoadError, match="status 500"):
        Answers(PLAIN, set()).count(answer(status="500 Internal Server Error"))
    with pytest.raises(LoadError, match="status line"):
        Answers(PLAIN, set()).count(b"oops\r\n\r\n")


@contextmanager
def serving(reply: Callable[[], bytes]) -> Iterator[int]:
    """A server that answers every read on one connection with ``reply()``; b"" closes."""

    def serve() -> None:
        sock, _ = listener.accept()
        with sock, suppress(ConnectionError):  # the client leaves without reading the last answer
            while sock.recv(65536):
                data = reply()
                if not data:
                    return
                sock.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def one_turn(port: int) -> int:
    sample = measure(PLAIN, port, os.getpid(), connections=1, warmup=0.01, seconds=0.05)
    return sample.responses


def test_a_turn_counts_what_the_server_answered() -> None:
    sent: list[int] = []

    def reply() -> bytes:
        sent.append(1)
        return answer()

    with serving(reply) as port:
        measured = one_turn(port)
    assert 0 < measured <= len(sent)


@pytest.mark.parametrize(
    ("reply", "message"),
    [(b"", "closed a keep-alive connection"), (answer(b"bye"), "plaintext: body")],
)
def test_a_turn_fails_loudly(reply: bytes, message: str) -> None:
    with serving(lambda: reply) as port, pytest.raises(LoadError, match=message):
        one_turn(port)
