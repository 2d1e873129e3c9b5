"""What the tests with real processes and real sockets share."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

README = Path(__file__).parents[2] / "demos" / "readme"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Answer(NamedTuple):
    """A response: status, fields (names in lower case) and body."""

    status: int
    fields: dict[str, str]
    text: str


def copied(name: str, directory: Path, *changes: tuple[str, str]) -> Path:
    """Copy an example of the readme; each change replaces what stands in it exactly once."""
    text = (README / name).read_text()
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        text = text.replace(old, new)
    path = directory / name
    if changes:
        path.write_text(text)
    else:
        shutil.copyfile(README / name, path)
    return path


@contextlib.contextmanager
def connect(port: int, *options: tuple[int, int, Any]) -> Iterator[socket.socket]:
    """A connection to the loopback interface; socket options are set before it is made."""
    with socket.socket() as client:
        client.settimeout(15)
        for option in options:
            client.setsockopt(*option)
        client.connect(("127.0.0.1", port))
        yield client


def receive(client: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    return b"".join(iter(lambda: client.recv(65536), b""))


def receive_until(client: socket.socket, end: bytes, received: bytes = b"") -> bytes:
    """What comes up to `end`, and what came along with it."""
    while end not in received:
        data = client.recv(65536)
        assert data, f"the connection ended with {received[-200:]!r}"
        received += data
    return received


def answer_of(data: bytes) -> Answer:
    """The first response in `data`; its body must be whole."""
    head, separator, body = data.partition(b"\r\n\r\n")
    assert separator, f"no response: {data[:200]!r}"
    lines = head.decode("latin-1").split("\r\n")
    start = re.fullmatch(r"HTTP/1\.1 (\d{3}) .+", lines[0])
    assert start, f"no response: {lines[0]!r}"
    pairs = (line.partition(": ") for line in lines[1:])
    fields = {name.lower(): value for name, _, value in pairs}
    length = int(fields.get("content-length", 0))
    assert len(body) >= length, f"{len(body)} of {length} bytes came"
    return Answer(int(start[1]), fields, body[:length].decode())


def read_answer(client: socket.socket) -> Answer:
    """The next response of a connection that stays."""
    data = receive_until(client, b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: (\d+)\r\n", data)
    size = data.index(b"\r\n\r\n") + 4 + (int(length[1]) if length else 0)
    while len(data) < size:
        more = client.recv(65536)
        assert more, "the connection ended in the middle of a body"
        data += more
    return answer_of(data)


def ask(
    port: int,
    path: str = "/",
    method: str = "GET",
    *,
    fields: str = "",
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Ask on a connection of its own, which the server is to close."""
    length = "" if method == "GET" else "Content-Length: 0\r\n"
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{length}{fields}\r\n"
    with connect(port) as plain:
        client = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        with client:
            client.sendall(head.encode())
            return answer_of(receive(client))


def silent(client: socket.socket) -> bool:
    """Whether nothing has come from the server so far, not even its end."""
    client.setblocking(False)
    try:
        client.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    finally:
        client.settimeout(15)
    return False


def reset(client: socket.socket) -> None:
    """Drop a connection with an RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def wait_until(ready: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Wait for something in another process and return it; fail when it takes too long."""
    deadline = time.monotonic() + seconds
    while not (result := ready()):
        if time.monotonic() > deadline:
            pytest.fail(f"it did not happen in {seconds} s: {what}")
        time.sleep(0.02)
    return result


def resident(pid: int) -> int:
    """The physical memory of a process in bytes."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        pytest.skip("this system does not say how much memory a process has")
    match = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    assert match, status
    return int(match[1]) * 1024
