"""``--workers``: real processes, under load, while workers are killed and replaced."""

from __future__ import annotations

import contextlib
import grp
import http.client
import os
import pwd
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.integration.load import Load
from tests.plugins.processes import Process, script

# Workers are started dozens of times; what else the machine does may make that slow.
pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(300)]

APP = """
import os
import cyclone.web


class Main(cyclone.web.RequestHandler):
    def get(self):
        self.write(f"{self.settings.worker_id} {os.getpid()}")


class Application(cyclone.web.Application):
    def __init__(self, handlers=()):
        super().__init__(
            [("/", Main), *handlers],
            drain_timeout=10,
            log_function=lambda handler: None,
        )
        print("made by worker", self.settings.worker_id)
"""

STREAMS = """
import asyncio
import os
import cyclone.sse
import cyclone.web
import cyclone.websocket
import plain


class Echo(cyclone.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(f"{os.getpid()} {message}")


class Events(cyclone.sse.SSEHandler):
    def bind(self):
        self.sendEvent(str(os.getpid()))


class Slow(cyclone.web.RequestHandler):
    '''Answers when a file is there.'''

    async def get(self):
        while not os.path.exists("go on"):
            await asyncio.sleep(0.05)
        self.write(str(os.getpid()))


application = plain.Application([("/echo", Echo), ("/events", Events), ("/slow", Slow)])
"""


#: Where our packages are, for another interpreter.
PACKAGES = [path for path in sys.path if path.endswith(("site-packages", "src"))]


@pytest.fixture(scope="module")
def byte_code(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of servers: workers are started often, and compile nothing twice."""
    cache = tmp_path_factory.mktemp("bytecode")
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(cache)}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "plain.py").write_text(APP)
    return tmp_path


@pytest.fixture
def run(
    spawn: Callable[..., Process], app: Path, free_port: int, byte_code: dict[str, str]
) -> Callable[..., Process]:
    """Start ``cyclone run app.py --workers ...``."""

    def start(*arguments: str, line: str = "^Listening on ") -> Process:
        command = [script("cyclone"), "run", "app.py", f"--port={free_port}", *arguments]
        return spawn(command, cwd=app, env=byte_code, line=line, timeout=60)

    return start


def get(port: int, path: str = "/") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()


def wait_until(ready: Callable[[], Any], what: str = "it") -> Any:
    """Wait for another process; fail when it takes too long."""
    deadline = time.monotonic() + 40
    while not (found := ready()):
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def lines(process: Process, pattern: str) -> int:
    return len(re.findall(pattern, process.output, re.MULTILINE))


def wait_for_lines(process: Process, pattern: str, count: int) -> None:
    wait_until(lambda: lines(process, pattern) >= count, f"{pattern} {count} times")


def worker_pids(process: Process) -> dict[int, int]:
    """The number and the latest process of each worker."""
    found = re.findall(r"worker (\d+) serves \(process (\d+)\)", process.output)
    return {int(number): int(pid) for number, pid in found}


class Stream:
    """A connection that stays: a WebSocket, or a stream of events."""

    def __init__(self, port: int, path: str, *fields: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        head = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *fields]
        self.socket.sendall("\r\n".join([*head, "", ""]).encode())
        self.received = b""

    def until(self, wanted: bytes) -> bytes:
        while wanted not in self.received:
            data = self.socket.recv(65536)
            assert data, self.received
            self.received += data
        return self.received

    def rest(self) -> bytes:
        """What comes before the end; a connection that breaks fails the test."""
        while data := self.socket.recv(65536):
            self.received += data
        self.socket.close()
        return self.received


@contextlib.contextmanager
def streams(port: int) -> Iterator[tuple[Stream, Stream]]:
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    websocket = Stream(port, "/echo", *upgrade, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
    events = Stream(port, "/events", "Accept: text/event-stream")
    websocket.until(b"\r\n\r\n")
    events.until(b"data: ")
    with websocket.socket, events.socket:
        yield websocket, events


def check_ended(websocket: Stream, events: Stream) -> None:
    """Both were told that it is over."""
    websocket.until(b"\x03\xe9")  # 1001
    websocket.socket.sendall(b"\x88\x82" + bytes(4) + b"\x03\xe9")
    websocket.rest()
    assert events.rest().endswith(b"0\r\n\r\n")


# --- under load ----------------------------------------------------------------------------------


def test_rolled_twenty_times_without_a_failure(run: Callable[..., Process], free_port: int) -> None:
    process = run("--workers=1")
    descriptors = len(os.listdir(f"/proc/{process.pid}/fd"))
    load = Load(("127.0.0.1", free_port), clients=4)
    with load.running():
        load.more()
        for count in range(1, 21):
            process.signal(signal.SIGHUP)
            wait_for_lines(process, "all workers have been replaced", count)
        load.more()
        os.kill(worker_pids(process)[1], signal.SIGTERM)
        wait_for_lines(process, "has been asked to end and is replaced", 1)
        wait_for_lines(process, r"worker 1 serves", 22)
        load.more()
    assert load.failures == []
    assert len(load.answers) == 22
    wait_for_lines(process, "worker 1 has finished", 21)
    assert len(os.listdir(f"/proc/{process.pid}/fd")) == descriptors
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert [int(pid) for pid in children] == [worker_pids(process)[1]]
    assert process.stop() == 0
    assert "Traceback" not in process.output
    assert lines(process, r"worker 1 has finished") == 22


def test_a_killed_worker_takes_only_its_own_along(
    run: Callable[..., Process], app: Path, free_port: int
) -> None:
    (app / "app.py").write_text(STREAMS)
    process = run("--workers=2")
    before = worker_pids(process)
    address = ("127.0.0.1", free_port)
    mine, others = (Load(address, clients=3, life=100_000) for _ in range(2))
    # Which worker takes a connection is the system's choice, unless the other one is stopped.
    with (
        mine.running_on(before[1], instead_of=before[2]),
        others.running_on(before[2], instead_of=before[1]),
    ):
        os.kill(before[1], signal.SIGKILL)
        wait_until(lambda: worker_pids(process)[1] != before[1], "another one")
        others.more()
        mine.more()
    assert [last for _, last in mine.failures] == [f"1 {before[1]}"] * 3
    assert not any("refused" in error.lower() for error, _ in mine.failures)
    assert others.failures == []
    process.wait_for_line(rf"worker 1 \(process {before[1]}\) was ended by signal 9")
    assert worker_pids(process)[2] == before[2]

    # Those who stay for long are told that it is over.
    with streams(free_port) as (websocket, events):
        slow = Stream(free_port, "/slow")
        process.signal(signal.SIGHUP)
        check_ended(websocket, events)
    process.wait_for_line("all workers have been replaced")
    now = worker_pids(process)

    # A request that had begun gets its answer, from the worker that is about to end.
    (app / "go on").touch()
    answer = slow.rest()
    assert b"Connection: close" in answer
    assert int(answer.split()[-1]) not in now.values()

    # A roll that cannot begin leaves all as it is.
    (app / "app.py").write_text("import cyclone.web\nraise RuntimeError('no configuration')\n")
    process.signal(signal.SIGHUP)
    process.wait_for_line(
        r"worker 1 could not be started: .*RuntimeError: no configuration .*app\.py, line 2"
    )
    process.wait_for_line("the roll has stopped: 2 worker.s. have not been replaced")
    assert worker_pids(process) == now
    assert {get(free_port)[1] for _ in range(10)} <= {f"{n} {pid}" for n, pid in now.items()}

    # Workers without a supervisor finish.
    with streams(free_port) as (websocket, events):
        process.signal(signal.SIGKILL)
        check_ended(websocket, events)
    wait_until(lambda: not any(alive(pid) for pid in now.values()), "the end of the workers")


def test_requests_that_a_worker_serves_at_most(run: Callable[..., Process], free_port: int) -> None:
    process = run("--workers=1", "--max-requests=200", "--reactor=epoll")
    load = Load(("127.0.0.1", free_port), clients=6)
    with load.running():
        wait_for_lines(process, "has served its share and is replaced", 3)
        wait_for_lines(process, "has finished", 3)
    assert load.failures == []
    assert len(load.answers) >= 4

    # Stopping, with a connection that does not end by itself, twice: at once.
    with socket.create_connection(("127.0.0.1", free_port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        process.signal(signal.SIGTERM)
        wait_until(lambda: refused(free_port), "the port's end")
        process.signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM


def refused(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


# --- what goes wrong at the start ----------------------------------------------------------------


def test_no_worker_can_be_started(
    run: Callable[..., Process], twistd: Callable[..., Process], app: Path, free_port: int
) -> None:
    (app / "app.py").write_text("import nothing_of_the_kind\n")
    process = run("--workers=2", line="^cyclone: ")
    assert process.wait() == 1
    assert lines(process, "^cyclone: .*nothing_of_the_kind.*app.py, line 1") == 1
    assert "Traceback" not in process.output
    process = twistd("cyclone", "--workers=1", f"-p{free_port}", "app.py", cwd=app)
    assert process.wait() == 1
    process.wait_for_line("no worker could be started: .*nothing_of_the_kind")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers=2", "--reload"], "--reload and --workers do not go together"),
        (["--max-requests=5"], "--max-requests is for --workers"),
        (["--workers=2", "--listen-endpoint=stdio:"], "workers cannot share stdio:"),
        (["--workers=1", "--unix=/no/such/directory/x"], "cannot listen on unix socket"),
        (["--systemd", "--workers=2"], "systemd has handed over no sockets"),
        (["--unix-mode=660"], "--unix-mode is for --unix"),
    ],
)
def test_what_cannot_be(
    spawn: Callable[..., Process],
    app: Path,
    arguments: list[str],
    message: str,
) -> None:
    process = spawn([script("cyclone"), "run", "app.py", "-p0", *arguments], cwd=app)
    assert process.wait() == 1
    assert f"cyclone: {message}" in process.output


# --- twistd: one log, one pid file, TLS, another user --------------------------------------------


def certificate(ca: trustme.CA, directory: Path, name: str) -> None:
    issued = ca.issue_cert("localhost", common_name=name)
    issued.cert_chain_pems[0].write_to_path(str(directory / "server.crt"))
    issued.private_key_pem.write_to_path(str(directory / "server.key"))
    (directory / "server.key").chmod(0o644)


def shown_name(port: int, context: ssl.SSLContext) -> str:
    """The common name of the certificate that a server shows."""
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as client,
    ):
        shown: Any = client.getpeercert()
        return dict(pair for part in shown["subject"] for pair in part)["commonName"]


@pytest.fixture
def open_app() -> Iterator[Path]:
    """A directory that all users may come to."""
    with tempfile.TemporaryDirectory(prefix="cyclone-test-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "app.py").write_text(APP)
        (directory / "log").mkdir()
        (directory / "log").chmod(0o777)
        yield directory


@pytest.fixture
def trust() -> tuple[trustme.CA, ssl.SSLContext]:
    ca = trustme.CA()
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return ca, context


@pytest.mark.parametrize("reactor", ["epoll", "uvloop"])
def test_twistd(
    spawn: Callable[..., Process],
    open_app: Path,
    new_port: Callable[[], int],
    byte_code: dict[str, str],
    trust: tuple[trustme.CA, ssl.SSLContext],
    reactor: str,
) -> None:
    app = open_app
    ca, context = trust
    certificate(ca, app, "first")
    plain, secure, path = new_port(), new_port(), str(app / "socket")
    identity, access, python = [], [], sys.executable
    user = group = None
    if os.getuid() == 0:
        python = interpreter_of_others()
        user, group = pwd.getpwnam("nobody"), grp.getgrgid(pwd.getpwnam("nobody").pw_gid)
        identity = [f"--uid={user.pw_uid}", f"--gid={group.gr_gid}"]
        access = [f"--unix-owner=daemon:{group.gr_name}"]
    process = spawn(
        [
            *(python, "-c", "from twisted.scripts.twistd import run; run()"),
            *("-n", f"--reactor={reactor}", *identity),
            *("--logfile=log/x.log", "--pidfile=x.pid"),
            *("cyclone", "--workers=1", "--app=app.py", f"--listen-endpoint=tcp:{plain}"),
            *("--unix", path, "--unix-mode=660", *access),
            *("--ssl-app=app.py", f"--ssl-port={secure}"),
        ],
        cwd=app,
        env={
            **byte_code,
            # Who is not root has nowhere to write down what was covered.
            "COVERAGE_PROCESS_START": "",
            "COVERAGE_PROCESS_CONFIG": "",
            "PYTHONPYCACHEPREFIX": str(app / "log"),
            "PYTHONPATH": os.pathsep.join(PACKAGES),
        },
        port=secure,
    )
    log_file = app / "log/x.log"
    wait_until(lambda: "worker 1 serves" in log_file.read_text())
    assert int((app / "x.pid").read_text()) == process.pid

    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    _, _, worker = get(plain)[1].partition(" ")
    if user is not None and group is not None:
        owner = os.stat(path)
        assert (owner.st_uid, owner.st_gid) == (pwd.getpwnam("daemon").pw_uid, group.gr_gid)
        status = Path(f"/proc/{worker}/status").read_text()
        assert re.search(rf"^Uid:(\s+{user.pw_uid}){{4}}$", status, re.MULTILINE)
        assert re.search(rf"^Gid:(\s+{group.gr_gid}){{4}}$", status, re.MULTILINE)

    # What a worker logs and prints goes to the one log, which can be rotated.
    wait_until(lambda: "made by worker 1" in log_file.read_text())
    assert re.search(r"\[worker 1 .*\] made by worker 1$", log_file.read_text(), re.MULTILINE)
    log_file.chmod(0o666)  # root has made it, and who has given up root may not rotate that
    process.signal(signal.SIGUSR1)
    wait_until(lambda: log_file.with_name("x.log.1").exists(), "rotation")

    # Replaced under load, over TLS, with a new certificate.
    assert shown_name(secure, context) == "first"
    certificate(ca, app, "second")
    loads = [
        Load(("127.0.0.1", secure), clients=3, context=context, life=5),
        Load(path, clients=2, life=10),
    ]
    with loads[0].running(), loads[1].running():
        process.signal(signal.SIGHUP)
        wait_until(lambda: "all workers have been replaced" in log_file.read_text(), "a roll")
        loads[0].more()
        loads[1].more()
    assert [load.failures for load in loads] == [[], []]
    assert len(loads[0].answers) == 2
    assert shown_name(secure, context) == "second"
    assert process.stop() in (0, -signal.SIGTERM)
    assert not (app / "x.pid").exists() or identity
    assert not os.path.exists(path) or identity
    assert "Traceback" not in log_file.read_text()


def interpreter_of_others() -> str:
    """An interpreter like ours that users other than root may run, ours if they may."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        with contextlib.suppress(OSError):
            command = [path, "-c", "import encodings"]
            if subprocess.run(command, user="nobody", check=False).returncode == 0:
                return path
    pytest.skip(f"no user but root may run {version} here")


def test_certificates_without_workers(
    twistd: Callable[..., Process],
    app: Path,
    free_port: int,
    trust: tuple[trustme.CA, ssl.SSLContext],
) -> None:
    ca, context = trust
    certificate(ca, app, "first")
    process = twistd("cyclone", "--ssl-app=app.py", f"--ssl-port={free_port}", cwd=app)
    process.wait_for_port(free_port)
    assert shown_name(free_port, context) == "first"
    certificate(ca, app, "second")
    process.signal(signal.SIGHUP)
    process.wait_for_line("the certificate of port .* has been read anew")
    assert shown_name(free_port, context) == "second"
    (app / "server.crt").write_text("nothing")
    process.signal(signal.SIGHUP)
    process.wait_for_line("stays the old one: there is no PEM certificate in server.crt")
    assert shown_name(free_port, context) == "second"


# --- systemd -------------------------------------------------------------------------------------

ACTIVATE = """
import os, socket, sys
kept = []
for descriptor, place in enumerate(sys.argv[1].split(","), 3):
    if place.startswith("/"):
        one = socket.socket(socket.AF_UNIX)
        one.bind(place)
    else:
        one = socket.socket()
        one.bind(("127.0.0.1", int(place)))
    one.listen()
    kept.append(one)
copies = [os.dup(one.fileno()) for one in kept]
for one in kept:
    one.detach()
copies = [os.dup2(os.dup(copy), 40 + index) for index, copy in enumerate(copies)]
for index, copy in enumerate(copies):
    os.dup2(copy, 3 + index)
    os.close(copy)
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(kept))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """Takes what a service tells systemd."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(20)
        self.socket.bind(address)
        self.heard: list[dict[str, str]] = []

    def until(self, name: str, value: str = "1") -> dict[str, str]:
        """Wait for a field and return the datagram."""
        while True:
            text = self.socket.recv(65536).decode()
            fields = dict(line.split("=", 1) for line in text.splitlines())
            self.heard.append(fields)
            if fields.get(name) == value:
                return fields


@pytest.mark.parametrize("workers", [0, 1])
def test_systemd(
    spawn: Callable[..., Process],
    app: Path,
    free_port: int,
    byte_code: dict[str, str],
    workers: int,
) -> None:
    address, path = f"\0cyclone-test-{os.getpid()}-{workers}", str(app / "socket")
    manager = Manager(address)
    with manager.socket:
        process = spawn(
            [
                *(sys.executable, "-c", ACTIVATE, f"{free_port},{path}"),
                *(script("cyclone"), "run", "app.py", "--systemd", f"--workers={workers}"),
            ],
            cwd=app,
            env={
                **byte_code,
                "LISTEN_FDNAMES": "web:web",
                "NOTIFY_SOCKET": "@" + address[1:],
                "WATCHDOG_USEC": "600000",
            },
        )
        ready = manager.until("READY")
        assert int(ready["MAINPID"]) == process.pid
        assert ready["STATUS"] == ("1 of 1 workers serve" if workers else "serving")
        os.chmod(path, 0o600)
        loads = [Load(("127.0.0.1", free_port), clients=1), Load(path, clients=1)]
        with loads[0].running(), loads[1].running():
            for load in loads:
                load.more(5)
            pid = next(iter(load.answers)).split()[1]
            environment = Path(f"/proc/{pid}/environ").read_bytes() if workers else b""
            manager.until("WATCHDOG")
            manager.until("WATCHDOG")
            process.signal(signal.SIGHUP)
            reloading = manager.until("RELOADING")
            now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            assert 0 <= now - int(reloading["MONOTONIC_USEC"]) < 60_000_000
            manager.until("READY")
        assert [load.failures for load in loads] == [[], []]
        if workers:
            # A worker that is stuck does not go unnoticed.
            stuck = worker_pids(process)[1]
            os.kill(stuck, signal.SIGSTOP)
            process.wait_for_line(rf"worker 1 \(process {stuck}\) has not answered for")
            wait_until(lambda: worker_pids(process)[1] != stuck, "another one")
        process.signal(signal.SIGTERM)
        manager.until("STOPPING")
        assert process.wait() == 0
    assert b"NOTIFY_SOCKET" not in environment
    assert b"LISTEN_" not in environment
    # The socket is systemd's: its file stays, with the permissions it has been given.
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
