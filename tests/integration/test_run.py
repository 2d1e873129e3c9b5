"""``cyclone run`` as a developer starts it: real processes, signals, changes of files."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

pytestmark = pytest.mark.slow

APP = """
import os
import cyclone.web

TEXT = "first"


class Main(cyclone.web.RequestHandler):
    def get(self):
        self.write("%s %d" % (TEXT, os.getpid()))

    def post(self):
        self.write("got " + self.request.body.decode())


def make(text=None):
    global TEXT
    TEXT = text or TEXT
    return cyclone.web.Application([("/", Main)])


Application = make
"""

CYCLONE = str(Path(sys.executable).with_name("cyclone"))
MODULE = [sys.executable, "-m", "cyclone"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with one application in ``site.py``."""
    (tmp_path / "website.py").write_text(APP)
    return tmp_path


@pytest.fixture
def run(spawn: Callable[..., Any], project: Path) -> Callable[..., Any]:
    """Start ``cyclone run`` in the project and wait until it listens."""

    def start(*arguments: str, command: list[str] | None = None, **options: Any) -> Any:
        options = {"cwd": project, "line": "^Listening on ", **options}
        return spawn([*(command or [CYCLONE]), "run", *arguments], **options)

    return start


def get(port: int) -> tuple[str, int]:
    """The text and the process that answers a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", "/", headers={"Connection": "close"})
        text, pid = connection.getresponse().read().decode().rsplit(" ", 1)
    return text, int(pid)


def wait_until(ready: Callable[[], Any], seconds: float = 20) -> Any:
    """Wait for other processes and return what `ready` returned; fail when it takes too long."""
    deadline = time.monotonic() + seconds
    while not (result := ready()):
        if time.monotonic() > deadline:
            pytest.fail("it did not happen")
        time.sleep(0.02)
    return result


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def unfinished(port: int) -> socket.socket:
    """A connection with half a request on it, which the server has read."""
    client = socket.create_connection(("127.0.0.1", port), 20)
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo")
    get(port)
    return client


def test_over_tls_behind_a_proxy(run: Callable[..., Any], project: Path, free_port: int) -> None:
    authority = trustme.CA()
    (project / "certs").mkdir()
    issued = authority.issue_cert("site.example")
    issued.private_key_and_cert_chain_pem.write_to_path(str(project / "certs" / "site.pem"))
    process = run(
        *("--ssl-app=website:make", "--ssl-appopts=over TLS", f"--ssl-port={free_port}"),
        *("--ssl-certs=certs", "--proxy-protocol=127.0.0.1"),
    )
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with socket.create_connection(("127.0.0.1", free_port), 20) as plain:
        plain.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 443\r\n")
        with context.wrap_socket(plain, server_hostname="site.example") as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert b"over TLS" in answer
    process.wait_for_line(r"200 GET / \(192\.0\.2\.7\)")


def test_certificates_are_read_anew(run: Callable[..., Any], project: Path, free_port: int) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)

    def put(name: str, kind: trustme.KeyType) -> None:
        issued = authority.issue_cert(name, "localhost", key_type=kind)
        issued.private_key_pem.write_to_path(str(project / "server.key"))
        issued.cert_chain_pems[0].write_to_path(str(project / "server.crt"))

    def shown() -> str:
        with (
            socket.create_connection(("127.0.0.1", free_port), 20) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as client,
        ):
            certificate: Any = client.getpeercert()
        return str(certificate["subjectAltName"][0][1])

    put("old.example", trustme.KeyType.ECDSA)
    process = run("--ssl-app=website.py", f"--ssl-port={free_port}", "--reactor=uvloop")
    assert shown() == "old.example"
    put("new.example", trustme.KeyType.RSA)
    process.signal(signal.SIGHUP)
    process.wait_for_line("has been read anew")
    assert shown() == "new.example"


# --- serving -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["website.py"], "first"),
        (["website:Application"], "first"),
        (["website.make", "--appopts=other words"], "other words"),
        (["website.py", "--reactor=asyncio"], "first"),
    ],
)
@pytest.mark.parametrize("command", [[CYCLONE], MODULE], ids=["cyclone", "python -m cyclone"])
def test_it_serves_and_ctrl_c_ends_it(
    run: Callable[..., Any], free_port: int, command: list[str], arguments: list[str], text: str
) -> None:
    process = run(*arguments, f"--port={free_port}", command=command)
    process.wait_for_line(rf"^Listening on http://127\.0\.0\.1:{free_port}/ ")
    assert get(free_port)[0] == text
    process.wait_for_line(r"^\[I \d{6} [\d:]{8} access\] 200 GET / \(127\.0\.0\.1\) \d+\.\d\dms$")
    process.signal(signal.SIGINT)
    assert process.wait() == 0
    assert "Traceback" not in process.output
    assert "\x1b" not in process.output


def test_port_and_host(run: Callable[..., Any], free_port: int) -> None:
    process = run("website.py", "--host=::1", env={"PORT": str(free_port)})
    process.wait_for_line(rf"^Listening on http://\[::1\]:{free_port}/ ")
    with socket.create_connection(("::1", free_port), 10):
        pass


def test_a_port_of_the_systems_choice(run: Callable[..., Any]) -> None:
    process = run("website.py", "--port=0")
    port = int(process.wait_for_line(r"^Listening on http://127\.0\.0\.1:(\d+)/ ")[1])
    assert get(port)[0] == "first"


def test_sigterm_finishes_what_is_in_flight(run: Callable[..., Any], free_port: int) -> None:
    process = run("website.py", f"--port={free_port}")
    with unfinished(free_port) as client:
        process.signal(signal.SIGTERM)
        process.wait_for_line("finishing")
        client.sendall(b"dy")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.endswith(b"\r\n\r\ngot body")
    assert process.wait() == 0


def test_the_second_ctrl_c_does_not_wait(run: Callable[..., Any], free_port: int) -> None:
    process = run("website.py", f"--port={free_port}")
    with unfinished(free_port):
        process.signal(signal.SIGINT)
        process.wait_for_line("finishing")
        process.signal(signal.SIGINT)
        assert process.wait() == 128 + signal.SIGINT
    assert "Traceback" not in process.output


def test_sighup_reads_certificates_anew(
    run: Callable[..., Any], project: Path, free_port: int
) -> None:
    files = [str(project / name) for name in ("key.pem", "cert.pem")]
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_pem.write_to_path(files[0])
    certificate.cert_chain_pems[0].write_to_path(files[1])
    endpoint = f"ssl:{free_port}:privateKey={files[0]}:certKey={files[1]}:interface=127.0.0.1"
    process = run("website.py", "--listen-endpoint", endpoint)
    process.signal(signal.SIGHUP)
    process.wait_for_line("the certificate of ssl:.* has been read anew")
    assert process.stop() == 0


def test_colours_on_a_terminal(project: Path, free_port: int) -> None:
    ours, theirs = os.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        [CYCLONE, "run", "website.py", f"--port={free_port}"],
        cwd=project,
        env={**environment, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while b"Listening on" not in shown:
            shown += os.read(ours, 65536)
    finally:
        process.terminate()
        process.wait(20)
        os.close(ours)
    assert b"\x1b[32m[I " in shown


# --- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.py"], "cyclone: there is no file nowhere.py"),
        (["website:gone"], "cyclone: there is no 'gone' in website"),
        (["syntax.py"], "SyntaxError: "),
        (
            ["website.py", "--port={used}"],
            "cyclone: cannot listen on port {used} of 127.0.0.1: alr",
        ),
        (["website.py", "--port={used}", "--reload"], "cyclone: cannot listen on port {used} of"),
        (["website.py", "--reactor=steam"], "cyclone: there is no reactor 'steam'"),
        (["website.py", "--reload", "--unix=x"], "cyclone: --reload serves at a TCP port"),
    ],
)
def test_messages(project: Path, arguments: list[str], message: str) -> None:
    (project / "syntax.py").write_text("def f(:\n")
    with socket.create_server(("127.0.0.1", 0)) as other:
        used = other.getsockname()[1]
        done = subprocess.run(
            [CYCLONE, "run", *(argument.format(used=used) for argument in arguments)],
            cwd=project,
            env={**os.environ, "PORT": "0"},
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 1
    assert message.format(used=used) in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


# --- reload --------------------------------------------------------------------------------------


def write(path: Path, text: str) -> None:
    """Write a file as editors do: another file takes its place."""
    path.parent.mkdir(exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def says(port: int, text: str) -> bool:
    """Whether the server there answers so. That there is none is an error."""
    try:
        return get(port)[0] == text
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return False  # the old one had taken the connection and not yet seen a request on it


def test_reload_refuses_nobody(run: Callable[..., Any], project: Path, free_port: int) -> None:
    process = run("website.py", f"--port={free_port}", "--reload")
    text, first = get(free_port)
    assert text == "first"
    for text in ("second text", "the third text"):
        write(project / "website.py", APP.replace("first", text))
        wait_until(partial(says, free_port, text))
        process.wait_for_line(r"website\.py changed, restarting")
    assert get(free_port)[1] != first
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait() == 0
    assert gone(first)
    assert "Traceback" not in process.output


def test_reload_on_a_template(run: Callable[..., Any], project: Path, free_port: int) -> None:
    process = run("website.py", f"--port={free_port}", "--reload")
    write(project / "templates" / "page.html", "<p>")
    process.wait_for_line(r"templates/page\.html changed, restarting")


def test_reload_on_a_module_from_elsewhere(
    run: Callable[..., Any], project: Path, tmp_path_factory: Any, free_port: int
) -> None:
    library = tmp_path_factory.mktemp("library") / "outside.py"
    library.write_text("TEXT = 'one'")
    write(project / "website.py", APP.replace('TEXT = "first"', "from outside import TEXT"))
    process = run(
        *("website.py", f"--port={free_port}", "--reload"),
        env={"PYTHONPATH": str(library.parent)},
    )
    assert get(free_port)[0] == "one"
    write(library, "TEXT = 'another'")
    process.wait_for_line(r"outside\.py changed, restarting")
    wait_until(lambda: get(free_port)[0] == "another")


def test_reload_after_a_syntax_error(
    run: Callable[..., Any], project: Path, free_port: int
) -> None:
    process = run("website.py", f"--port={free_port}", "--reload")
    write(project / "website.py", APP + "\ndef broken(:\n")
    process.wait_for_line("SyntaxError")
    process.wait_for_line("ended with status 1, waiting for a change")
    # Who comes now waits and is answered when there is a server again.
    with socket.create_connection(("127.0.0.1", free_port), 20) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        write(project / "website.py", APP.replace("first", "repaired"))
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert b"repaired" in answer


def test_reload_of_what_is_broken_from_the_start(
    run: Callable[..., Any], project: Path, free_port: int
) -> None:
    (project / "website.py").write_text("import helper\n")
    (project / "helper.py").write_text("1 / 0\n")
    process = run("website.py", f"--port={free_port}", "--reload", line="waiting for a change")
    process.wait_for_line(r"ZeroDivisionError: division by zero \(.*helper\.py, line 1\)")
    process.signal(signal.SIGINT)
    assert process.wait() == 0


def test_reload_finishes_what_is_in_flight(
    run: Callable[..., Any], project: Path, free_port: int
) -> None:
    process = run("website.py", f"--port={free_port}", "--reload")
    with unfinished(free_port) as client:
        process.signal(signal.SIGTERM)
        process.wait_for_line("finishing")
        client.sendall(b"dy")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.endswith(b"\r\n\r\ngot body")
    assert process.wait() == 0


def test_reload_does_not_wait_for_ever(
    run: Callable[..., Any], project: Path, free_port: int
) -> None:
    run("website.py", f"--port={free_port}", "--reload")
    with unfinished(free_port):
        write(project / "website.py", APP.replace("first", "second text"))
        wait_until(lambda: get(free_port)[0] == "second text")


def test_a_server_without_its_supervisor_ends(run: Callable[..., Any], free_port: int) -> None:
    process = run("website.py", f"--port={free_port}", "--reload")
    server = get(free_port)[1]
    process.signal(signal.SIGKILL)
    wait_until(lambda: gone(server))


def test_lines_of_json_and_nothing_else(
    run: Callable[..., Any], project: Path, free_port: int
) -> None:
    with (project / "website.py").open("a") as program:
        program.write("print('printed by', 'the program')\n")
    process = run(
        "website.py", "--log-format=json", f"--port={free_port}", line='"message": ".*starting on'
    )
    get(free_port)
    process.wait_for_line('"status": 200')
    process.signal(signal.SIGTERM)
    process.wait()
    lines = [json.loads(line) for line in process.output.splitlines()]
    assert [line["uri"] for line in lines if line["logger"] == "cyclone.access"] == ["/"]
    assert [line["message"] for line in lines if line["logger"] == "stdout"] == [
        "printed by the program"
    ]
