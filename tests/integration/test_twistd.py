"""``twistd cyclone`` as a user starts it: real processes, real sockets."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme

pytestmark = pytest.mark.slow

HELLO = """
import cyclone.web


class MainHandler(cyclone.web.RequestHandler):
    def get(self):
        self.write("hello, world")


Application = lambda: cyclone.web.Application([(r"/", MainHandler)])
"""

APPS = """
import cyclone.web


class Say(cyclone.web.RequestHandler):
    def initialize(self, text):
        self.text = text

    def get(self):
        self.write("%s over %s" % (self.text, self.request.protocol))

    def post(self):
        self.write("got " + self.request.body.decode())


class Plain(cyclone.web.Application):
    def __init__(self, options="no options"):
        super().__init__([("/", Say, {"text": options})])


class Secure(Plain):
    pass


def failing():
    raise RuntimeError("no configuration")
"""

TWISTD = str(Path(sys.executable).with_name("twistd"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with two modules to serve from."""
    (tmp_path / "hello.py").write_text(HELLO)
    (tmp_path / "apps.py").write_text(APPS)
    return tmp_path


@pytest.fixture
def serve(twistd: Callable[..., Any], project: Path) -> Callable[..., Any]:
    """Start ``twistd -n cyclone`` with these arguments in the project."""

    def start(*arguments: str, **options: Any) -> Any:
        return twistd("cyclone", *arguments, cwd=project, **options)

    return start


def get(port: int, path: str = "/", context: ssl.SSLContext | None = None) -> tuple[int, str]:
    """The status and the text of a response."""
    if context is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    else:
        connection = http.client.HTTPSConnection("localhost", port, timeout=10, context=context)
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def gone(pid: int) -> bool:
    """Whether a process has ended; who has not been waited for has ended too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_until(ready: Callable[[], object], seconds: float = 20) -> None:
    """Wait for another process; fail when it takes too long."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail("it did not happen")
        time.sleep(0.02)


# --- the readme ----------------------------------------------------------------------------------


def test_hello_of_the_readme(serve: Callable[..., Any], free_port: int) -> None:
    process = serve("-r", "hello.Application", f"-p{free_port}", port=free_port)
    assert get(free_port) == (200, "hello, world")
    assert get(free_port, "/a{log_source}b")[0] == 404
    process.wait_for_line(rf"cyclone\.web\.Application starting on {free_port}\b")
    process.wait_for_line(rf"http://127\.0\.0\.1:{free_port}/")
    process.wait_for_line(r"\[cyclone\.access#info\] 200 GET / \(127\.0\.0\.1\) \d+\.\d\dms$")
    process.wait_for_line(r"\[cyclone\.access#warn\] 404 GET /a\{log_source\}b ")
    # twistd ends by the signal it was stopped with, which service managers take for a clean end.
    assert process.stop() in (0, -signal.SIGTERM)
    assert "Traceback" not in process.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-r", "apps.Plain"], "no options over http"),
        (["-r", "apps:Plain", "-c", "own words"], "own words over http"),
        (["-r", "apps.py:Plain", "--appopts=own words"], "own words over http"),
        (["hello.py"], "hello, world"),
        (["./hello.py"], "hello, world"),
        (["--app=hello.py"], "hello, world"),
        (["hello.py", "-l", "localhost"], "hello, world"),
    ],
)
def test_ways_to_name_an_application(
    serve: Callable[..., Any], free_port: int, arguments: list[str], text: str
) -> None:
    serve(*arguments, f"--port={free_port}", port=free_port)
    assert get(free_port) == (200, text)


# --- TLS -----------------------------------------------------------------------------------------


@pytest.fixture
def trust(project: Path) -> ssl.SSLContext:
    """Write server.crt and server.key, and return what a client needs to trust them."""
    ca = trustme.CA()
    certificate = ca.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(str(project / "server.crt"))
    certificate.private_key_pem.write_to_path(str(project / "server.key"))
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


def test_http_and_https_with_different_applications(
    serve: Callable[..., Any], new_port: Callable[[], int], trust: ssl.SSLContext
) -> None:
    plain, secure = new_port(), new_port()
    process = serve(
        *("-r", "apps.Plain", "-c", "first", f"-p{plain}"),
        *("--ssl-app=apps.Secure", "--ssl-appopts=second", f"--ssl-port={secure}"),
        port=secure,
    )
    assert get(plain) == (200, "first over http")
    assert get(secure, context=trust) == (200, "second over https")
    process.wait_for_line(rf"apps\.Plain starting on {plain}, http://127")
    process.wait_for_line(rf"apps\.Secure starting on {secure}, https://127")


def test_https_alone_and_clients_that_name_their_protocols(
    serve: Callable[..., Any], free_port: int, trust: ssl.SSLContext
) -> None:
    serve("--ssl-app=apps.Secure", f"--ssl-port={free_port}", port=free_port)
    trust.set_alpn_protocols(["h2", "http/1.1"])
    assert get(free_port, context=trust) == (200, "no options over https")
    trust.minimum_version = trust.maximum_version = ssl.TLSVersion.TLSv1_2
    assert get(free_port, context=trust) == (200, "no options over https")


def test_certificates_of_another_name(
    serve: Callable[..., Any], free_port: int, trust: ssl.SSLContext, project: Path
) -> None:
    (project / "server.crt").rename(project / "a.pem")
    (project / "server.key").rename(project / "b.pem")
    serve(
        *("--ssl-app=apps.Secure", f"--ssl-port={free_port}"),
        *("--ssl-cert=a.pem", "--ssl-key=b.pem", "--ssl-listen=127.0.0.1"),
        port=free_port,
    )
    assert get(free_port, context=trust)[0] == 200


# --- other places --------------------------------------------------------------------------------


def over_unix(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize("option", ["-u", "--unix="])
def test_unix_socket(serve: Callable[..., Any], project: Path, option: str) -> None:
    path = project / "web.sock"
    arguments = [option + str(path)] if option.endswith("=") else [option, str(path)]
    process = serve("-r", "hello.Application", *arguments, line="starting on unix:.*web.sock")
    assert over_unix(path).endswith(b"\r\n\r\nhello, world")
    process.stop()
    assert not path.exists()


def test_unix_socket_of_a_server_that_was_killed(serve: Callable[..., Any], project: Path) -> None:
    path = project / "web.sock"
    arguments = ["-r", "hello.Application", "-u", str(path)]
    first = serve(*arguments, line="starting on unix:")
    first.signal(signal.SIGKILL)
    first.wait()
    assert path.exists()
    serve(*arguments, line="starting on unix:")
    assert over_unix(path).endswith(b"hello, world")


def test_endpoints(serve: Callable[..., Any], project: Path, new_port: Callable[[], int]) -> None:
    first, second, path = new_port(), new_port(), project / "web.sock"
    serve(
        *("-r", "hello.Application", f"--listen-endpoint=tcp:{first}:interface=127.0.0.1"),
        *("--listen-endpoint", f"unix:{path}"),
        *("--listen-endpoint", f"tcp:{second}:interface=localhost"),
        port=second,
    )
    assert get(first) == get(second) == (200, "hello, world")
    assert over_unix(path).endswith(b"hello, world")


def test_endpoint_of_tls_and_clients_that_name_their_protocols(
    serve: Callable[..., Any], free_port: int, trust: ssl.SSLContext
) -> None:
    endpoint = f"ssl:{free_port}:privateKey=server.key:certKey=server.crt:interface=127.0.0.1"
    serve("-r", "apps.Plain", f"--listen-endpoint={endpoint}", port=free_port)
    trust.set_alpn_protocols(["h2", "http/1.1"])
    assert get(free_port, context=trust) == (200, "no options over https")


# --- what goes wrong -----------------------------------------------------------------------------


def fails(project: Path, *arguments: str, before: Sequence[str] = ()) -> str:
    """The one line that twistd says before it ends with status 1."""
    done = subprocess.run(
        [*before, TWISTD, "-n", "--pidfile=", "cyclone", *arguments],
        cwd=project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    lines = [line for line in text.splitlines() if "UnixAppLogger#info" not in line]
    assert len(lines) == 1, text
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to run: name an application"),
        (["-r", "nowhere.Application"], "there is no module 'nowhere'"),
        (["-r", "hello.Nothing"], "there is no 'Nothing' in hello"),
        (["nowhere.py"], "there is no file nowhere.py"),
        (["broken.py"], r"importing broken.py failed: ValueError: bad luck .*broken.py, line 2"),
        (["-r", "broken.x"], r"importing broken failed: ValueError: bad luck .*broken.py, line 2"),
        (["-r", "syntax.x"], r"importing syntax failed: SyntaxError: .*syntax.py, line 1"),
        (["-r", "os.sep"], "os.sep is no application but a str"),
        (["-r", "apps.Say"], r"apps.Say\(\) failed: TypeError: "),
        (["-r", "apps.failing"], r"failing\(\) failed: RuntimeError: no configuration .*line \d+"),
        (["--ssl-app=apps.Plain"], "cannot read the certificate server.crt: No such file"),
        (["hello.py", "--listen-endpoint=carrier-pigeon:1"], "bad endpoint 'carrier-pigeon:1'"),
        (["hello.py", "-l", "192.0.2.1"], "192.0.2.1: this machine has no such address"),
    ],
)
def test_messages(project: Path, arguments: list[str], message: str) -> None:
    (project / "broken.py").write_text("x = 1\nraise ValueError('bad luck')\n")
    (project / "syntax.py").write_text("def f(:\n")
    assert re.search(message, fails(project, *arguments))


@pytest.fixture
def occupied() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_port_in_use(project: Path, occupied: int) -> None:
    message = f"cannot listen on port {occupied} of 127.0.0.1: already in use"
    assert message in fails(project, "hello.py", f"-p{occupied}")


def test_port_in_use_when_daemonised(project: Path, occupied: int) -> None:
    arguments = ["--pidfile=web.pid", "--logfile=web.log", "cyclone", "hello.py", f"-p{occupied}"]
    done = subprocess.run(
        [TWISTD, *arguments], cwd=project, capture_output=True, text=True, timeout=30
    )
    message = f"cannot listen on port {occupied} of 127.0.0.1: already in use"
    assert done.returncode == 1
    assert message in done.stderr
    log = project / "web.log"
    wait_until(lambda: message in log.read_text())
    assert "Traceback" not in log.read_text()
    assert not (project / "web.pid").exists()


def test_privileged_port(project: Path, program: Callable[..., str]) -> None:
    lowest = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if not lowest.exists() or int(lowest.read_text()) < 1024:
        pytest.skip("this system lets everybody listen on low ports")
    # Root without the right to low ports is as anybody else.
    powerless = [program("setpriv"), "--bounding-set=-net_bind_service"]
    line = fails(project, "hello.py", "-p1", before=powerless if os.geteuid() == 0 else [])
    assert "cannot listen on port 1 of 127.0.0.1: ports below 1024 are for root" in line


# --- daemons and stopping ------------------------------------------------------------------------


def test_daemon_with_pid_and_log_file(project: Path, free_port: int) -> None:
    pid_file, log_file = project / "web.pid", project / "web.log"
    subprocess.run(
        [
            *(TWISTD, f"--pidfile={pid_file}", f"--logfile={log_file}"),
            *("cyclone", "-r", "hello.Application", "-p", str(free_port)),
        ],
        cwd=project,
        check=True,
        timeout=30,
    )
    pid = int(pid_file.read_text())
    try:
        # twistd came back when the port was open, so there is nothing to wait for.
        assert get(free_port) == (200, "hello, world")
        wait_until(lambda: "200 GET / (127.0.0.1)" in log_file.read_text())
        assert f"cyclone.web.Application starting on {free_port}" in log_file.read_text()
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: gone(pid))
    assert not pid_file.exists()
    assert "Server Shut Down." in log_file.read_text()


def receive(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_flight_is_answered(
    serve: Callable[..., Any], free_port: int, number: signal.Signals
) -> None:
    process = serve("-r", "apps.Plain", f"-p{free_port}", port=free_port)
    with (
        socket.create_connection(("127.0.0.1", free_port), 10) as idle,
        socket.create_connection(("127.0.0.1", free_port), 10) as busy,
    ):
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(65536).startswith(b"HTTP/1.1 200 ")
        busy.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo")
        # An answered request on a third connection shows that what came before it has been read.
        assert get(free_port)[0] == 200
        process.signal(number)
        process.wait_for_line("Port .* Closed")
        assert receive(idle) == b"", "idle connections are closed at once"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", free_port), 10)
        assert process.returncode is None
        busy.sendall(b"dy")
        answer = receive(busy)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"got body")
    assert process.wait() in (0, -number)
    process.wait_for_line(r"finishing \d connections? of apps.Plain")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_cuts_what_is_in_flight(
    serve: Callable[..., Any], free_port: int, number: signal.Signals
) -> None:
    process = serve("-r", "apps.Plain", f"-p{free_port}", port=free_port)
    with socket.create_connection(("127.0.0.1", free_port), 10) as busy:
        busy.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo")
        assert get(free_port)[0] == 200
        process.signal(number)
        process.wait_for_line("Port .* Closed")
        process.signal(number)
        assert process.wait() in (0, -number)
        with contextlib.suppress(ConnectionResetError):
            assert busy.recv(65536) == b""
    assert "Traceback" not in process.output


def test_the_drain_has_an_end(serve: Callable[..., Any], project: Path, free_port: int) -> None:
    (project / "short.py").write_text(
        "import apps, cyclone.web\n"
        "app = cyclone.web.Application([('/', apps.Say, {'text': ''})], drain_timeout=0.2)\n"
    )
    process = serve("short.py", f"-p{free_port}", port=free_port)
    with socket.create_connection(("127.0.0.1", free_port), 10) as busy:
        busy.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo")
        assert get(free_port)[0] == 200
        assert process.stop() in (0, -signal.SIGTERM)
        with contextlib.suppress(ConnectionResetError):
            assert busy.recv(65536) == b""
