"""demos/upload: files that are larger than the memory that the server may take."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.demos.loading import DEMOS, load
from tests.plugins.processes import Process, unused_port

MIB = 1024 * 1024
LARGE = pytest.param(1024 * MIB, marks=[pytest.mark.long, pytest.mark.timeout(300)])
linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


class Served:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = unused_port()
        self.base = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "cyclone", "run", "app.py", "--port", str(self.port)]
        self.process = Process([*command, "--appopts", str(directory)], cwd=DEMOS / "upload")
        self.process.wait_for_port(self.port)

    def highest(self) -> int:
        """The most memory that the server has had, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def kept(self) -> list[Path]:
        return [path for path in self.directory.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    demo = Served(tmp_path_factory.mktemp("uploads"))
    try:
        yield demo
        demo.process.stop()
        assert list(demo.directory.iterdir()) == []  # it leaves nothing behind
        for bad in ("Traceback", "Unhandled"):
            assert bad not in demo.process.output, demo.process.output
    finally:
        demo.process.kill()


@pytest.fixture
def client(served: Served) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session
        for each in session.get(served.base + "/files", timeout=20).json()["files"]:
            session.delete(f"{served.base}/files/{each['key']}", timeout=20)


def send(connection: socket.socket, size: int, name: str = "zeros") -> Any:
    """A file of zeros, and the answer."""
    head = f"PUT /upload/{name} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
    connection.sendall(head.encode())
    block = bytes(MIB)
    for _ in range(size // MIB):
        connection.sendall(block)
    connection.sendall(block[: size % MIB])
    head, _, body = connection.recv(65536).decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 201"), head
    return json.loads(body)


@linux
@pytest.mark.parametrize("size", [256 * MIB + 12345, LARGE])
def test_a_large_file_in_little_memory(served: Served, client: requests.Session, size: int) -> None:
    with served.connect() as connection:
        send(connection, 3 * MIB)  # threads are started, and buffers grown
        before = served.highest()
        answer = send(connection, size)
    assert answer["size"] == size
    assert served.highest() - before < 32 * MIB
    (kept,) = (path for path in served.kept() if path.name == answer["key"])
    assert kept.stat().st_size == answer["size"]


@pytest.mark.parametrize("size", [0, 1, MIB, 3 * MIB + 7])
def test_what_comes_back(served: Served, client: requests.Session, size: int) -> None:
    data = (b"0123456789abcde" * (size // 15 + 1))[:size]
    name = "Grüße & <b>.html"
    sent = client.put(f"{served.base}/upload/{requests.utils.quote(name)}", data=data, timeout=20)
    assert sent.status_code == 201
    answer = sent.json()
    digest = hashlib.sha256(data).hexdigest()
    assert (answer["name"], answer["size"], answer["sha256"]) == (name, size, digest)
    back = client.get(served.base + sent.headers["Location"], timeout=20)
    assert back.content == data
    assert back.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''Gr%C3%BC")
    assert back.headers["Content-Type"] == "application/octet-stream"
    listed = client.get(served.base + "/files", timeout=20).json()
    assert [each["name"] for each in listed["files"]] == [name] and listed["memory"] >= 0
    assert client.delete(served.base + sent.headers["Location"], timeout=20).status_code == 204
    assert client.get(served.base + sent.headers["Location"], timeout=20).status_code == 404
    assert served.kept() == []


def test_in_chunks(served: Served, client: requests.Session) -> None:
    pieces = (bytes(700_000) for _ in range(3))
    answer = client.put(served.base + "/upload/x", data=pieces, timeout=20)
    assert answer.json()["size"] == 2_100_000


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [
        ("/upload/x", 2048 * MIB + 1, 413),
        ("/upload/x", 10**15, 413),
        ("/upload/%2e%2e%2fetc", 5, 400),
        ("/upload/a%00b", 5, 400),
        ("/upload/" + "x" * 201, 5, 400),
        ("/upload/%20", 5, 400),
        ("/upload/", 5, 405),
    ],
)
def test_what_is_refused_before_it_is_sent(
    served: Served, path: str, length: int, status: int
) -> None:
    with served.connect() as connection:
        head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
        connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(12) == f"HTTP/1.1 {status}".encode()


def test_room_for_two_large_ones_and_no_more(served: Served, client: requests.Session) -> None:
    connections = [served.connect() for _ in range(3)]
    size = 2048 * MIB
    for connection, status in zip(connections, (100, 100, 507), strict=True):
        head = f"PUT /upload/x HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n"
        connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(12) == f"HTTP/1.1 {status}".encode()
    assert client.get(served.base + "/files", timeout=20).json()["largest"] == 0
    connections[0].sendall(bytes(2 * MIB))
    for connection in connections:
        connection.close()
    # What was not whole is forgotten, and so is the room that it was given.
    for _ in range(1000):
        if client.get(served.base + "/files", timeout=20).json()["largest"] == size:
            break
    else:
        pytest.fail("the room is not free again")
    for _ in range(1000):
        if not served.kept():
            break
        client.get(served.base + "/files", timeout=20)
    assert served.kept() == []


def test_what_is_refused_is_explained(served: Served, client: requests.Session) -> None:
    answer = client.put(served.base + "/upload/%ff", data=b"x", timeout=20)
    assert answer.status_code == 400 and "unicode in" in answer.json()["error"]
    assert "%" not in answer.json()["error"]


@linux
def test_a_disk_that_does_not_take_it(served: Served, client: requests.Session) -> None:
    def largest() -> int:
        return int(client.get(served.base + "/files", timeout=20).json()["largest"])

    (files,) = served.directory.iterdir()
    away = files.rename(served.directory / "away")
    try:
        for _ in range(10):  # more than may be under way: none is counted when it is over
            answer = client.put(served.base + "/upload/x", data=bytes(2 * MIB), timeout=20)
            assert answer.status_code == 507
            assert answer.json()["error"] == "the disk does not take it: No such file or directory"
        assert largest() == 2048 * MIB
    finally:
        away.rename(files)
    assert client.put(served.base + "/upload/x", data=b"x", timeout=20).status_code == 201


def test_who_stops_waits_for_no_upload(tmp_path: Path) -> None:
    demo = Served(tmp_path)
    with demo.connect() as connection:
        connection.sendall(b"PUT /upload/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n")
        connection.sendall(bytes(2 * MIB))
        while not demo.kept():
            pass
        os.kill(demo.process.pid, signal.SIGTERM)
        connection.settimeout(25)  # less than requests are given to finish
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    demo.process.stop()
    assert "Traceback" not in demo.process.output
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_put(tmp_path: Path) -> None:
    demo = load("upload")
    for parent in ("/nonexistent", str(DEMOS / "upload" / "app.py")):
        with pytest.raises(ValueError, match="no directory that can be written to"):
            demo.Application(parent)


def test_what_is_discarded_is_gone(tmp_path: Path) -> None:
    demo = load("upload")
    spool = demo.Spool(tmp_path / "x")
    spool.write(b"abc")
    spool.discard()
    spool.write(b"def")  # a thread that was late
    assert list(tmp_path.iterdir()) == [] and len(spool.end()) == 64
    nothing = demo.Spool(tmp_path / "gone" / "y")
    nothing.discard()
    whole = demo.Spool(tmp_path / "z")
    whole.write(b"abc")
    assert whole.end() == hashlib.sha256(b"abc").hexdigest()
    assert (tmp_path / "z").read_bytes() == b"abc"
    with pytest.raises(FileExistsError):
        demo.Spool(tmp_path / "z").write(b"")


def test_other_sites_and_other_methods(served: Served, client: requests.Session) -> None:
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    refused = client.put(served.base + "/upload/x", data=b"x", headers=foreign, timeout=20)
    assert refused.status_code == 403 and "cross-site" in refused.json()["error"]
    assert client.delete(served.base + "/files/nothing", timeout=20).status_code == 404
    assert client.post(served.base + "/upload/x", data=b"x", timeout=20).status_code == 405
    page = client.get(served.base + "/", timeout=20)
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
