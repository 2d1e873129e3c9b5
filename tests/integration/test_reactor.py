"""Programs on the uvloop reactor, as users start them."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

pytestmark = pytest.mark.slow

GUEST = """
import asyncio
import sys

from cyclone import uvloopreactor

async def main():
    reactor = uvloopreactor.install()
    from cyclone.web import Application, RequestHandler

    class Both(RequestHandler):
        async def get(self):
            await asyncio.sleep(0.001)
            process = await asyncio.create_subprocess_exec("/bin/true")
            await process.wait()
            from twisted.internet.task import deferLater
            await deferLater(reactor, 0.001)
            self.write("both worlds")

    Application([("/", Both)]).listen(int(sys.argv[1]), "127.0.0.1")
    reactor.addSystemEventTrigger("before", "shutdown", print, "shutting down", flush=True)
    print("ready", flush=True)
    if len(sys.argv) > 2:
        reactor.callLater(0.01, reactor.stop)
        await reactor.stopped()
        print("the loop goes on", flush=True)
    else:
        await asyncio.Event().wait()

RUN
"""


def get(port: int, path: str = "/") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("how", ["asyncio.run(main())", "import uvloop; uvloop.run(main())"])
def test_in_a_loop_that_runs(
    how: str, spawn: Callable[..., Any], tmp_path: Path, free_port: int
) -> None:
    program = tmp_path / "program.py"
    program.write_text(GUEST.replace("RUN", how))
    process = spawn([sys.executable, program, str(free_port)], line="^ready")
    assert get(free_port) == (200, b"both worlds")
    process.signal(signal.SIGINT)
    process.wait()
    assert "shutting down" in process.output
    assert "KeyboardInterrupt" in process.output.splitlines()[-1]


def test_the_reactor_may_stop_first(
    spawn: Callable[..., Any], tmp_path: Path, free_port: int
) -> None:
    program = tmp_path / "program.py"
    program.write_text(GUEST.replace("RUN", "asyncio.run(main())"))
    process = spawn([sys.executable, program, str(free_port), "stop"])
    assert process.wait() == 0
    assert process.output.splitlines() == ["ready", "shutting down", "the loop goes on"]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory to serve."""
    (tmp_path / "page.txt").write_text("static")
    return tmp_path


def twistd_web(port: int, *options: str) -> list[str]:
    twistd = str(Path(sys.executable).with_name("twistd"))
    web = ["web", f"--listen=tcp:{port}:interface=127.0.0.1", "--path=."]
    return [twistd, "--reactor=uvloop", *options, *web]


def test_twistd_in_the_foreground(spawn: Callable[..., Any], site: Path, free_port: int) -> None:
    process = spawn(twistd_web(free_port, "-n", "--pidfile="), cwd=site, port=free_port)
    assert get(free_port, "/page.txt") == (200, b"static")
    assert process.stop() in (0, -signal.SIGTERM)  # Twisted's programs end by the signal they got
    assert "UvloopReactor" in process.output


def test_twistd_as_a_daemon(spawn: Callable[..., Any], site: Path, free_port: int) -> None:
    command = twistd_web(free_port, "--pidfile=twistd.pid", "--logfile=twistd.log")
    process = spawn(command, cwd=site)
    assert process.wait() == 0
    pid = int((site / "twistd.pid").read_text())
    try:
        process = spawn([sys.executable, "-c", "import time; time.sleep(30)"])
        process.wait_for_port(free_port)
        assert get(free_port, "/page.txt") == (200, b"static")
    finally:
        os.kill(pid, signal.SIGTERM)
    while (site / "twistd.pid").exists():  # twistd removes it at its end
        time.sleep(0.01)
    log = (site / "twistd.log").read_text()
    assert "UvloopReactor" in log
    assert "Server Shut Down." in log


IDLE = """
import resource
from cyclone import uvloopreactor
uvloopreactor.install()
from twisted.internet import protocol, reactor

def switches():
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw

def begin():
    reactor.callLater(0.5, end, switches())

def end(before):
    print("switches", switches() - before)
    reactor.stop()

reactor.listenTCP(0, protocol.Factory(), interface="127.0.0.1")
reactor.callWhenRunning(reactor.callLater, 0.1, begin)
reactor.run()
"""


def test_an_idle_reactor_sleeps(spawn: Callable[..., Any], tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(IDLE)
    process = spawn([sys.executable, program])
    assert process.wait() == 0
    # It goes to sleep once, and once more for good measure.
    assert int(process.wait_for_line(r"switches (\d+)")[1]) <= 2


SECURE = """
import cyclone.web


class Main(cyclone.web.RequestHandler):
    def get(self):
        self.write("%s %s" % (self.request.protocol, type(self.request.connection.transport)))


Application = lambda: cyclone.web.Application([("/", Main)])
"""


@pytest.mark.parametrize("how", ["options", "endpoint"])
def test_certificate_files_go_through_the_loops_tls(
    how: str, spawn: Callable[..., Any], tmp_path: Path, free_port: int
) -> None:
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "server.pem")
    )
    (tmp_path / "secure.py").write_text(SECURE)
    twistd = str(Path(sys.executable).with_name("twistd"))
    command = [twistd, "-n", "--pidfile=", "--reactor=uvloop", "cyclone"]
    if how == "options":
        files = ["--ssl-cert=server.pem", "--ssl-key=server.pem"]
        command += ["--ssl-app=secure.Application", f"--ssl-port={free_port}", *files]
    else:
        place = f"ssl:{free_port}:privateKey=server.pem:interface=127.0.0.1"
        command += ["--app=secure.Application", f"--listen-endpoint={place}"]
    spawn(command, cwd=tmp_path, env={"PYTHONPATH": "."}, port=free_port)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", free_port), 20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        assert secure.selected_alpn_protocol() == "http/1.1"
        secure.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: secure.recv(65536), b""))
    assert b"https " in answer
