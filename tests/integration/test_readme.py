"""The examples of the readme, served as it says and asked over sockets."""

from __future__ import annotations

import signal
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.integration.support import (
    GET,
    README,
    ask,
    connect,
    copied,
    read_answer,
    receive_until,
    reset,
    silent,
    wait_until,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def serve(twistd: Callable[..., Any], tmp_path: Path, free_port: int) -> Callable[..., Any]:
    """Serve ``NAME.Application`` from a directory of its own with ``twistd -n cyclone -r``."""

    def start(name: str) -> Any:
        arguments = ["cyclone", "-r", f"{name}.Application", "-p", str(free_port)]
        return twistd(*arguments, cwd=tmp_path, port=free_port)

    return start


def ends_well(process: Any) -> None:
    assert process.stop() in (0, -signal.SIGTERM)
    assert "Traceback" not in process.output
    assert "Unhandled" not in process.output


@pytest.mark.parametrize("path", sorted(README.glob("*.py")), ids=lambda path: path.name)
def test_each_example_says_how_to_run_it(path: Path) -> None:
    line = path.read_text().partition("\n")[0]
    if path.name == "ssl_server.py":
        assert line.startswith("# run: python ssl_server.py ")
    else:
        assert line == f"# run: twistd -n cyclone -r {path.stem}.Application"


def test_hello(serve: Callable[..., Any], tmp_path: Path, free_port: int) -> None:
    copied("hello.py", tmp_path)
    process = serve("hello")
    with connect(free_port) as client:
        for _ in range(2):  # on one connection
            client.sendall(GET)
            answer = read_answer(client)
            assert (answer.status, answer.text) == (200, "hello, world")
            assert answer.fields["content-type"] == "text/html; charset=UTF-8"
    assert ask(free_port, "/other").status == 404
    assert ask(free_port, "/", "POST").status == 405
    ends_well(process)


# --- delayed -------------------------------------------------------------------------------------


def test_others_are_answered_while_one_waits(
    serve: Callable[..., Any], tmp_path: Path, free_port: int
) -> None:
    copied("delayed.py", tmp_path)
    process = serve("delayed")
    with connect(free_port) as slow:
        slow.sendall(GET)
        assert ask(free_port, "/nothing/here").status == 404
        assert silent(slow)
        reset(slow)
    assert ask(free_port, "/nothing/here").status == 404
    process.wait_for_line(r" 404 GET /nothing/here ")
    assert process.stop() in (0, -signal.SIGTERM)
    assert "Unhandled" not in process.output


def test_a_delayed_answer_comes_after_its_wait(
    serve: Callable[..., Any], tmp_path: Path, free_port: int
) -> None:
    copied("delayed.py", tmp_path, ("sleep(5)", "sleep(0.5)"))
    process = serve("delayed")
    with connect(free_port) as first, connect(free_port) as second, connect(free_port) as gone:
        begun = time.monotonic()
        for client in (first, second, gone):
            client.sendall(GET)
        reset(gone)
        for client in (second, first):
            answer = read_answer(client)
            assert time.monotonic() - begun >= 0.5
            assert (answer.status, answer.text) == (200, "hello, world")
    assert ask(free_port).text == "hello, world"
    ends_well(process)


# --- decorators ----------------------------------------------------------------------------------


def test_decorators(serve: Callable[..., Any], tmp_path: Path, free_port: int) -> None:
    copied("decorators.py", tmp_path)
    process = serve("decorators")
    anonymous = ask(free_port, "/?a=b")
    assert anonymous.status == 302
    assert anonymous.fields["location"] == "/login?next=%2F%3Fa%3Db"
    assert ask(free_port, anonymous.fields["location"]).fields["location"] == "/"
    for method in ("POST", "PUT"):
        assert ask(free_port, "/", method).status == 403

    login = ask(free_port, "/login?user=bob")
    assert (login.status, login.fields["location"]) == (302, "/")
    cookie = f"Cookie: {login.fields['set-cookie'].partition(';')[0]}\r\n"
    for method, text in [("GET", "hello, bob"), ("POST", "posted by bob"), ("PUT", "put by bob")]:
        answer = ask(free_port, "/", method, fields=cookie)
        assert (answer.status, answer.text) == (200, f"{text}\n")
        assert answer.fields["content-type"].startswith("text/plain")  # a name is no HTML
    assert ask(free_port, fields="Cookie: user=alice\r\n").status == 302  # and cannot be made up
    ends_well(process)


# --- ssl_server ----------------------------------------------------------------------------------


def test_http_and_https(
    spawn: Callable[..., Any], tmp_path: Path, new_port: Callable[[], int]
) -> None:
    plain, secure = new_port(), new_port()
    copied("ssl_server.py", tmp_path, ("8888", str(plain)), ("8443", str(secure)))
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "server.crt"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "server.key"))
    context = ssl.create_default_context()
    authority.configure_trust(context)

    process = spawn([sys.executable, "ssl_server.py"], cwd=tmp_path, port=secure)
    assert ask(plain)[::2] == ask(secure, tls=context)[::2] == (200, "Hello, world")
    process.wait_for_line(r"200 GET / \(127\.0\.0\.1\)")
    ends_well(process)


# --- clock ---------------------------------------------------------------------------------------

# The example, and a page that tells how many it has.
COUNTED = """
import clock
import cyclone.web


class Count(cyclone.web.RequestHandler):
    def get(self):
        self.write(str(len(clock.MessagesMixin.clients)))


class Application(clock.Application):
    def __init__(self):
        super().__init__()
        self.add_handlers(".*", [("/clients", Count)])
"""


def test_clock(serve: Callable[..., Any], tmp_path: Path, free_port: int) -> None:
    copied("clock.py", tmp_path)
    (tmp_path / "counted.py").write_text(COUNTED)
    process = serve("counted")

    def clients() -> int:
        return int(ask(free_port, "/clients").text)

    with connect(free_port) as one, connect(free_port) as other:
        one.sendall(GET)
        other.sendall(GET)
        with one.makefile("rb") as stream:
            head = list(iter(stream.readline, b"\r\n"))
            assert head[0] == b"HTTP/1.1 200 OK\r\n"
            assert b"Content-Type: text/plain\r\n" in head
            assert b"Transfer-Encoding: chunked\r\n" in head
            for _ in range(2):
                assert stream.readline() == b"1a\r\n"
                time.strptime(stream.readline().decode().strip())
                assert stream.readline() == b"\r\n"
        assert clients() == 2
        reset(one)
        wait_until(lambda: clients() == 1, "the client that was reset is removed")
        other.close()
        wait_until(lambda: clients() == 0, "the client that closed is removed")
    ends_well(process)


def test_stopping_the_clock(serve: Callable[..., Any], tmp_path: Path, free_port: int) -> None:
    copied("clock.py", tmp_path)
    process = serve("clock")
    with connect(free_port) as client:
        client.sendall(GET)
        receive_until(client, b"\r\n1a\r\n")
        process.signal(signal.SIGTERM)
        process.wait_for_line("finishing 1 connection of clock.Application")
        receive_until(client, b"\r\n1a\r\n")  # a response that has begun goes on
    # Its last client has left, so there is nothing to wait for.
    assert process.wait() in (0, -signal.SIGTERM)
    assert "Traceback" not in process.output
