"""What the skeletons make, used: tests, servers, scripts, units, translations."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cyclone.app import SKELETONS
from tests.plugins.processes import Process, unused_port

from .conftest import MakeProject

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(120)]

RUFF = "E,F,W,I,UP,B,S,C4,SIM,RET,PIE"
LANGUAGES = {"es_ES", "pt_BR", "de_DE"}
LAYERS = sorted({layer for skeleton in SKELETONS.values() for layer in skeleton.layers})
SOURCE = Path(sys.modules["cyclone.app"].__path__[0]) / "skeletons"
CATALOGS = sorted(SOURCE.glob("*/frontend/locale/*/LC_MESSAGES/@@modname@@.po"))


def run(*command: str | Path, cwd: Path, status: int = 0, **environment: str) -> str:
    """Run a command to its end; all that it writes."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, f"{command}: status {done.returncode}\n{done.stdout}"
    return done.stdout


def get(place: int | str, path: str = "/", **headers: str) -> tuple[int, str]:
    """Ask a server on a port, or on a unix socket; status and text."""
    connection = http.client.HTTPConnection("127.0.0.1", place if isinstance(place, int) else 80)
    if isinstance(place, str):
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(20)
        connection.sock.connect(place)
    with contextlib.closing(connection):
        connection.request(
            "GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        response = connection.getresponse()
        return response.status, response.read().decode()


# --- the code -------------------------------------------------------------------------------------


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_the_tests_of_a_project_pass(
    project: MakeProject, skeleton: str, request: pytest.FixtureRequest
) -> None:
    directory = project(skeleton)
    # Accounts are tested in SQLite and in Redis.
    redis = f"redis://127.0.0.1:{request.getfixturevalue('valkey').port}/9"
    environment = {"TEST_REDIS_URL": redis} if skeleton == "signup" else {}
    out = run(
        directory / ".venv/bin/python", "-m", "twisted.trial", "tests", cwd=directory, **environment
    )
    assert re.search(r"^PASSED \(successes=\d\d\)$", out, re.MULTILINE), out
    assert not (directory / "var").exists(), "the tests leave the database alone"


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_the_code_is_tidy(project: MakeProject, skeleton: str) -> None:
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or pytest.skip("no ruff")
    directory = project(skeleton)
    run(ruff, "check", "--no-cache", f"--select={RUFF}", "--ignore=S105,S106", ".", cwd=directory)
    run(ruff, "format", "--no-cache", "--check", "--diff", ".", cwd=directory)


# --- translations ---------------------------------------------------------------------------------


def pybabel(*words: str) -> None:
    """Run ``pybabel``, in this process."""
    from babel.messages.frontend import CommandLineInterface

    status = CommandLineInterface().run(["pybabel", "-q", *words])
    assert not status


@pytest.mark.parametrize("po", CATALOGS, ids=lambda path: "-".join(path.parts[-6::2][:2]))
def test_catalogs_are_compiled(po: Path) -> None:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with po.open("rb") as file:
        catalog = read_po(file, locale=po.parts[-3])
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    assert po.with_suffix(".mo").read_bytes() == compiled.getvalue(), "make locales"
    for message in catalog:
        assert not message.fuzzy
        assert all(message.string) if message.pluralizable else message.string, message.id
        assert [*message.check(catalog)] == []


@pytest.mark.parametrize("skeleton", ["default", "signup"])
def test_messages_are_extracted_and_all_translated(
    project: MakeProject, skeleton: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from babel.messages.pofile import read_po

    directory = project(skeleton)
    (commands,) = re.findall(
        r"^    pybabel extract (.*) -o \S+ \.$",
        (directory / "TRANSLATING.rst").read_text("utf-8"),
        re.MULTILINE,
    )
    monkeypatch.chdir(directory)
    pybabel("extract", *commands.split(), "-o", str(tmp_path / "x.pot"), ".")
    with (tmp_path / "x.pot").open("rb") as file:
        wanted = {message.id for message in read_po(file)}
    assert len(wanted) > 20
    assert any(isinstance(message, tuple) for message in wanted), "plurals"
    found = {path.parts[-3] for path in directory.glob("frontend/locale/*/LC_MESSAGES/*.mo")}
    assert found == LANGUAGES
    for po in directory.glob("frontend/locale/*/LC_MESSAGES/*.po"):
        with po.open("rb") as file:
            assert {message.id for message in read_po(file)} == wanted, po


def test_a_new_language(
    project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As TRANSLATING.rst says; the pages offer it, and nothing has to be changed in the code."""
    directory = tmp_path / "copy"
    shutil.copytree(project("default"), directory, ignore=shutil.ignore_patterns(".venv"))
    monkeypatch.chdir(directory)
    Path("var").mkdir()
    pybabel("extract", "-F", "babel.cfg", "-o", "var/x.pot", ".")
    new = ["-D", "my_default", "-i", "var/x.pot", "-d", "frontend/locale", "-l", "fr_FR"]
    pybabel("init", *new)
    po = directory / "frontend/locale/fr_FR/LC_MESSAGES/my_default.po"
    source, translation = '"It works!"\nmsgstr "', "Ça marche !"
    po.write_text(po.read_text("utf-8").replace(source, source + translation), "utf-8")
    pybabel("compile", "-D", "my_default", "-d", "frontend/locale")
    code = (
        "from cyclone.testing import Client; from my_default.web import Application\n"
        "page = Client(Application()).get('/', headers={'Accept-Language': 'fr'})\n"
        "print(page.text)"
    )
    page = run(sys.executable, "-c", code, cwd=directory, SQLITE_DATABASE=":memory:")
    assert translation in page
    assert 'value="fr_FR"' in page


# --- servers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("skeleton", ["foreman", "signup"])
def test_it_serves_under_start_sh(
    project: MakeProject, skeleton: str, spawn: Callable[..., Process], free_port: int
) -> None:
    directory = project(skeleton)
    # From elsewhere, as people call scripts.
    command = [directory / "start.sh", f"--port={free_port}"]
    server = spawn(command, cwd="/", line="^Listening on")
    assert "¡Funciona!" in get(free_port, Accept_Language="es")[1]
    assert get(free_port, "/-/ready")[0] == 200
    assert [path.suffix for path in (directory / "var").iterdir()].count(".sqlite3") == 1
    assert (directory / "var").stat().st_mode & 0o007 == 0, "others may read the database"
    server.stop()
    assert "Traceback" not in server.output
    shutil.rmtree(directory / "var")


def test_databases_that_are_switched_on(
    project: MakeProject, spawn: Callable[..., Process], free_port: int, valkey: Any
) -> None:
    """One that is there answers; for those that are away the answer is 503, at once."""
    directory = project("default")
    local = directory / "local.conf"
    text = local.read_text()
    away = "127.0.0.1:1/shop"
    local.write_text(
        f"{text}[redis]\nenabled = yes\nport = {valkey.port}\ndbid = 8\n"
        f"[mysql]\nenabled = yes\nurl = mysql://a:b@{away}\n"
    )
    command = [directory / "start.sh", f"--port={free_port}"]
    environment = {"DATABASE_URL": f"postgres://a:b@{away}", "SQLITE_DATABASE": ":memory:"}
    try:
        server = spawn(command, cwd="/", env=environment, line="^Listening on")
    finally:
        local.write_text(text)
    assert get(free_port)[1].count("switched on") == 4
    assert get(free_port, "/sample/redis") == (200, '{"redis": 1}')
    assert "sqlite" in get(free_port, "/sample/sqlite")[1]
    for name in ("mysql", "postgresql"):
        status, page = get(free_port, f"/sample/{name}", Accept_Language="de")
        assert (status, "nicht erreichbar" in page) == (503, True), name
    status, state = get(free_port, "/-/ready")
    ready = {name: one["ready"] for name, one in json.loads(state)["stores"].items()}
    assert status == 503
    assert ready == {"sqlite": True, "redis": True, "mysql": False, "postgresql": False}
    server.stop()
    assert "Traceback" not in server.output


def test_it_serves_under_its_procfile(
    project: MakeProject, spawn: Callable[..., Process], new_port: Callable[[], int]
) -> None:
    pytest.importorskip("honcho")
    directory = project("foreman")
    # honcho gives the first process the port that it is told.
    port = new_port()
    path = f"{directory / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    server = spawn(
        [sys.executable, "-m", "honcho", "start", f"--port={port}"],
        cwd=directory,
        env={"PATH": path, "SQLITE_DATABASE": ":memory:"},
        line=rf"Listening on .*:{port}",
    )
    assert get(port)[0] == 200
    assert "Es läuft!" in get(port, Accept_Language="de-AT")[1]
    server.stop()
    assert "Traceback" not in server.output


def test_a_missing_secret_is_said(project: MakeProject, tmp_path: Path) -> None:
    """As in a clone, which has no local.conf."""
    directory = project("default")
    shutil.copy(directory / "my_default.conf", tmp_path)
    out = run(
        *[directory / ".venv/bin/cyclone", "run", "my_default.web.Application", "--port=0"],
        f"--appopts={tmp_path}/my_default.conf",
        cwd=directory,
        status=1,
        COOKIE_SECRET="",
    )
    assert "there is no cookie_secret" in out.splitlines()[-1]


# --- init scripts ---------------------------------------------------------------------------------


class Service:
    """An init script with what /etc/default would say."""

    def __init__(self, script: Path, directory: Path, port: int) -> None:
        user = run("id", "-un", cwd=directory).strip()
        group = run("id", "-gn", cwd=directory).strip()
        self.script = script
        self.run_dir = directory / "run"
        self.log_dir = directory / "log"
        self.run_dir.mkdir()
        self.defaults = directory / "defaults"
        self.defaults.write_text(
            f"set -a\nSERVICE_DIR={script.parents[1]}\nRUN_DIR={self.run_dir}\n"
            f"LOG_DIR={self.log_dir}\nRUN_AS={user}\nRUN_GROUP={group}\n"
            f"PORT={port}\nSTART_PORT={port}\nINSTANCES=2\nSQLITE_DATABASE=:memory:\n"
        )

    def __call__(self, word: str, status: int = 0) -> str:
        # The daemons inherit what the script has: a pipe would stay open.
        log = self.run_dir.parent / "output"
        with log.open("w") as file:
            done = subprocess.run(
                [self.script, word],
                env={**os.environ, "DEFAULTS": str(self.defaults)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                timeout=60,
                check=False,
            )
        assert done.returncode == status, log.read_text()
        return log.read_text()


@pytest.fixture
def service(
    project: MakeProject, tmp_path: Path, program: Callable[..., str]
) -> Iterator[Callable[..., Service]]:
    """Makes a service of an init script; it is stopped when the test ends."""
    program("start-stop-daemon")
    made: list[Service] = []

    def make(name: str, port: int) -> Service:
        made.append(Service(project("default") / "scripts" / name, tmp_path, port))
        return made[-1]

    yield make
    for one in made:
        one("stop")


def wait_for(port: int) -> None:
    """Until something listens there."""
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_instance_by_the_init_script(service: Callable[..., Service], free_port: int) -> None:
    script = service("debian-init.d", free_port)
    assert "Usage:" in script("frobnicate", status=2)
    assert "not running" in script("status", status=3)
    script("start")
    wait_for(free_port)
    assert get(free_port)[0] == 200
    assert "is running" in script("status")
    assert "running already" in script("start")
    (pidfile,) = script.run_dir.iterdir()
    assert pidfile.name == "my-default.pid"
    assert "started" in script("restart")
    script("stop")
    assert list(script.run_dir.iterdir()) == []
    script("stop")
    assert "not running" in script("status", status=3)
    assert "Traceback" not in "".join(log.read_text() for log in script.log_dir.iterdir())


def test_the_number_of_another_program_in_a_pid_file(
    service: Callable[..., Service], free_port: int
) -> None:
    """As after a kill -9: it is left alone, and does not keep the service from starting."""
    if os.geteuid() != 0:
        pytest.skip("only root can start programs of somebody else")
    script = service("debian-init.d", free_port)
    with subprocess.Popen(["sleep", "60"], user="nobody") as other:
        try:
            pidfile = script.run_dir / "my-default.pid"
            pidfile.write_text(f"{other.pid}\n")
            script("stop")
            pidfile.write_text(f"{other.pid}\n")
            script("start")
            wait_for(free_port)
            assert other.poll() is None
            assert pidfile.read_text().strip() != str(other.pid)
        finally:
            other.kill()


def two_ports() -> int:
    """A port that is free, and the next one, too."""
    while True:
        port = unused_port()
        with contextlib.suppress(OSError), socket.socket() as other:
            other.bind(("127.0.0.1", port + 1))
            return port


def test_one_instance_per_cpu_by_the_init_script(service: Callable[..., Service]) -> None:
    port = two_ports()
    script = service("debian-multicore-init.d", port)
    assert "Usage:" in script("", status=2)
    script("start")
    for one in (port, port + 1):
        wait_for(one)
        assert get(one)[0] == 200
    assert script("status").count("is running") == 2
    pids = [int(path.read_text()) for path in sorted(script.run_dir.iterdir())]
    assert len(set(pids)) == 2
    cpus = [os.sched_getaffinity(pid) for pid in pids]
    for number, used in enumerate(cpus):
        if number in os.sched_getaffinity(0):
            assert used == {number}
    script("stop")
    assert script("status", status=3).count("is not running") == 2
    assert list(script.run_dir.iterdir()) == []


def test_scripts_say_what_is_missing(service: Callable[..., Service], free_port: int) -> None:
    script = service("debian-init.d", free_port)
    with script.defaults.open("a") as file:
        file.write("TWISTD=/nowhere/twistd\n")
    assert "there is no /nowhere/twistd" in script("start", status=5)


# --- systemd and nginx ----------------------------------------------------------------------------


def test_systemd_verifies_the_units(
    project: MakeProject, tmp_path: Path, program: Callable[..., str]
) -> None:
    analyze = program("systemd-analyze")
    directory = project("signup")
    for unit in (directory / "deploy/systemd").iterdir():
        text = unit.read_text().replace("/srv/my-signup", str(directory))
        (tmp_path / unit.name).write_text(text)
        (tmp_path / unit.name.replace("@.", "@0.")).write_text(text)
    units = ["my-signup.socket", "my-signup.service", "my-signup@0.socket", "my-signup@0.service"]
    assert run(analyze, "verify", *(tmp_path / unit for unit in units), cwd=tmp_path) == ""
    broken = tmp_path / "my-signup@0.service"
    broken.write_text(broken.read_text().replace("CPUAffinity=%i", "CPUAffinity=x%i"))
    out = run(analyze, "verify", tmp_path / "my-signup@0.service", cwd=tmp_path)
    assert "CPU affinity" in out, "it does look at it"


#: What systemd does: listen, hand over as descriptor 3, and say so in the environment.
STARTER = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='x')
os.execv(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """What systemd is for a service: starts it, and hears of it.

    Attributes:
        path: of the socket that the service is handed.
        heard: what it has said.
    """

    def __init__(self, directory: Path, place: Path, spawn: Callable[..., Process]) -> None:
        self.path = str(place / "s")
        self.heard = ""
        self._directory = directory
        self._spawn = spawn
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(str(place / "n"))
        self._notified.settimeout(30)

    def start(self, unit: str, **environment: str) -> Process:
        """Run a unit's ExecStart."""
        text = (self._directory / "deploy/systemd" / unit).read_text()
        (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
        installed = f"/srv/{self._directory.name}"
        assert line.startswith(f"{installed}/.venv/bin/twistd ")
        for name, value in (("WORKERS", "0"), *environment.items()):
            line = line.replace(f"${{{name}}}", value)
        command = line.replace(installed, str(self._directory)).split()
        environment["NOTIFY_SOCKET"] = self._notified.getsockname()
        return self._spawn(
            [sys.executable, "-c", STARTER, self.path, *command],
            cwd=self._directory,
            env=environment,
            line="starting",
        )

    def wait(self, word: str) -> None:
        """Wait until it says something."""
        while word not in self.heard:
            self.heard += self._notified.recv(4096).decode()

    def close(self) -> None:
        """Listen no more."""
        self._notified.close()


@pytest.fixture
def manager(
    project: MakeProject, tmp_path: Path, spawn: Callable[..., Process]
) -> Iterator[Manager]:
    """A service manager of the default project."""
    with contextlib.closing(Manager(project("default"), tmp_path, spawn)) as made:
        yield made


@pytest.mark.parametrize(
    ("unit", "workers"),
    [("my-default.service", "0"), ("my-default.service", "2"), ("my-default@.service", "0")],
)
def test_services_take_the_socket_of_systemd_and_say_when_they_serve(
    manager: Manager, unit: str, workers: str
) -> None:
    server = manager.start(unit, WORKERS=workers, SQLITE_DATABASE=":memory:")
    manager.wait("READY=1")
    assert get(manager.path)[0] == 200
    assert "Funcionou!" in get(manager.path, Accept_Language="pt-PT")[1]
    assert server.stop() in (0, -signal.SIGTERM)
    manager.wait("STOPPING=1")


def nginx_configuration(project: Path) -> str:
    """That of a project, with the lines of further instances."""
    text = (project / f"deploy/nginx/{project.name}.conf").read_text()
    return re.sub(r"^    # (server 127)", r"    \1", text, flags=re.MULTILINE)


def test_nginx_takes_its_configuration(
    project: MakeProject, tmp_path: Path, program: Callable[..., str]
) -> None:
    nginx = program("nginx")
    for name in ("default", "signup"):
        text = nginx_configuration(project(name))
        assert "    server 127.0.0.1:9902;" in text
        (tmp_path / f"{name}.conf").write_text(text)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n"
        # Two projects do not get in each other's way.
        f"include {tmp_path}/default.conf;\ninclude {tmp_path}/signup.conf;\n}}\n"
    )
    out = run(nginx, "-t", "-p", tmp_path, "-e", "stderr", "-c", "nginx.conf", cwd=tmp_path)
    assert "test is successful" in out


def test_nginx_serves_with_its_configuration(
    project: MakeProject,
    tmp_path: Path,
    spawn: Callable[..., Process],
    manager: Manager,
    program: Callable[..., str],
    free_port: int,
) -> None:
    nginx = program("nginx")
    directory = project("default")
    text = (directory / "deploy/nginx/my-default.conf").read_text()
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{free_port};"),
        ("    listen [::]:80;\n", ""),
        ("unix:/run/my-default.sock", f"unix:{manager.path}"),
        ("/srv/my-default", str(directory)),
    ):
        assert old in text
        text = text.replace(old, new)
    user = "user root;\n" if os.geteuid() == 0 else ""
    places = "".join(
        f"{name}_temp_path {tmp_path}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"{user}daemon off;\npid {tmp_path}/pid;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}types {{ text/css css; }}\n{text}}}\n"
    )
    server = manager.start("my-default.service", SQLITE_DATABASE=":memory:")
    manager.wait("READY=1")
    spawn([nginx, "-p", str(tmp_path), "-e", "stderr", "-c", "nginx.conf"])
    wait_for(free_port)
    status, page = get(free_port, X_Real_Ip="192.0.2.1", X_Forwarded_For="192.0.2.1")
    assert (status, "It works!" in page) == (200, True)
    server.wait_for_line(r"200 GET / \(127\.0\.0\.1\)")
    (style,) = re.findall(r'href="(/static/style\.css[^"]*)"', page)
    assert get(free_port, style) == (200, (directory / "frontend/static/style.css").read_text())
    assert get(free_port, "/-/ready")[0] == 200
    assert get(free_port, "/hello/nobody")[0] == 404
    assert "/static/" not in server.output


def test_containers_have_no_secret(project: MakeProject) -> None:
    for skeleton in SKELETONS:
        directory = project(skeleton)
        for name in (".containerignore", ".dockerignore"):
            ignored = (directory / name).read_text().split()
            assert {"local.conf", ".env", "var", ".venv"} <= set(ignored)
        text = (directory / "Containerfile").read_text()
        (command,) = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
        assert "--host=0.0.0.0" in command
        assert f"my_{skeleton}.web.Application" in command
        assert "USER app" in text
        assert "chmod -R a+rX ." in text, "for those whose umask is 077"


def test_every_layer_is_used() -> None:
    assert {path.name for path in SOURCE.iterdir()} == set(LAYERS)


def test_no_python_in_the_package_that_is_none() -> None:
    """What compiles a package (py3compile) finds nothing to compile here."""
    names: list[Any] = [path.name for path in SOURCE.rglob("*.py")]
    assert names == []
