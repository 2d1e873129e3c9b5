"""A huge file: read slice by slice, as fast as the client takes it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SERVER = """
import sys
from twisted.internet import reactor
from cyclone.web import Application, StaticFileHandler

application = Application(
    [(r"/(.*)", StaticFileHandler, {"path": sys.argv[2]})], log_function=lambda handler: None
)
port = application.listen(int(sys.argv[1]), "127.0.0.1")
print("listening", flush=True)
reactor.run()
"""
GIGABYTE = 1 << 30
MARK = b"the end"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc"),
]


def peak(pid: int) -> int:
    """The most memory, in bytes, that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def download(port: int, field: str = "") -> tuple[int, bytes]:
    """Size and last bytes of the body."""
    buffer = bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        request = f"GET /huge.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{field}\r\n"
        client.sendall(request.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        last = head.partition(b"\r\n\r\n")[2]
        size = len(last)
        while count := client.recv_into(buffer):
            size += count
            last = (last + buffer[max(count - 10, 0) : count])[-10:]
    return size, last


@pytest.mark.timeout(120)
def test_class_4_a_file_of_two_gigabytes_takes_no_memory(
    tmp_path: Path, spawn: Callable[..., Any], free_port: int
) -> None:
    with (tmp_path / "huge.bin").open("wb") as file:  # sparse: it takes no room on the disk
        file.seek(2 * GIGABYTE - len(MARK))
        file.write(MARK)
    arguments = [sys.executable, "-c", SERVER, str(free_port), str(tmp_path)]
    server = spawn(arguments, line="listening")
    assert download(free_port, "Range: bytes=-10\r\n") == (10, bytes(3) + MARK)
    before = peak(server.pid)
    size, last = download(free_port)
    assert size == 2 * GIGABYTE
    assert last.endswith(MARK)
    assert peak(server.pid) - before < 8 << 20


@pytest.mark.timeout(120)
def test_class_4_a_client_that_does_not_read_has_little_read_for_it(
    tmp_path: Path, spawn: Callable[..., Any], free_port: int
) -> None:
    with (tmp_path / "huge.bin").open("wb") as file:
        file.truncate(2 * GIGABYTE)
    arguments = [sys.executable, "-c", SERVER, str(free_port), str(tmp_path)]
    server = spawn(arguments, line="listening")
    download(free_port, "Range: bytes=-10\r\n")
    before = peak(server.pid)
    clients = [socket.create_connection(("127.0.0.1", free_port), 30) for _ in range(10)]
    try:
        for client in clients:
            client.sendall(b"GET /huge.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
        assert download(free_port, "Range: bytes=0-99999999\r\n")[0] == 100_000_000
        assert peak(server.pid) - before < 16 << 20
    finally:
        for client in clients:
            client.close()
