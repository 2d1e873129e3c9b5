"""The command for production that the readme shows: user, group, reactor, log and pid file."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.support import README, ask, wait_until
from tests.plugins.processes import Process

pytestmark = pytest.mark.slow

NOBODY = 65534
#: What twistd lets a log file grow to before it begins another.
ROTATED_AT = 1_000_000


@pytest.fixture
def project() -> Iterator[Path]:
    """A directory that everybody may read, with the program of the readme."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        shutil.copy(README / "hello.py", directory)
        yield directory


def test_the_command_of_the_readme(project: Path, free_port: int) -> None:
    logs = project / "log"
    logs.mkdir()
    log, pid_file = logs / "hello.log", project / "hello.pid"
    log.write_text("x" * ROTATED_AT)
    user = ["--uid=65534", "--gid=65534"] if os.geteuid() == 0 else []
    if user:
        os.chown(logs, NOBODY, NOBODY)
    subprocess.run(
        [
            *(str(Path(sys.executable).with_name("twistd")), *user, "--reactor=epoll"),
            *(f"--logfile={log}", f"--pidfile={pid_file}"),
            *("cyclone", f"--port={free_port}", "--listen=0.0.0.0", "--app=hello.Application"),
        ],
        cwd=project,
        check=True,
        timeout=30,
    )
    pid = int(pid_file.read_text())
    try:
        assert ask(free_port).text == "hello, world"
        status = Path(f"/proc/{pid}/status").read_text()
        if user:
            assert re.search(r"^Uid:(\s65534){4}$", status, re.MULTILINE)
            assert re.search(r"^Gid:(\s65534){4}$", status, re.MULTILINE)
        wait_until(lambda: "200 GET / (127.0.0.1)" in log.read_text(), "the request is logged")
        assert "EPollReactor" in log.read_text()
        assert (logs / "hello.log.1").read_text().startswith("x")
        os.kill(pid, signal.SIGUSR1)
        wait_until((logs / "hello.log.2").exists, "the user can rotate what root has made")
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "it ends")


# Stands for the module of the standard library, and for the daemon behind it.  Like those of C its
# functions do not become methods of a class that has them.
SYSLOG = """
from functools import partial

LOG_USER, LOG_INFO, LOG_ALERT = 8, 6, 1


def note(first, second, *rest):
    with open("messages", "a") as file:
        print(first, second, file=file)


openlog = syslog = partial(note)
"""


def test_syslog(tmp_path: Path, free_port: int, twistd: Callable[..., Process]) -> None:
    shutil.copy(README / "hello.py", tmp_path)
    (tmp_path / "syslog.py").write_text(SYSLOG)
    twistd(
        *("--syslog", "--prefix=hello"),
        *("cyclone", f"--port={free_port}", "--app=hello.Application"),
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        port=free_port,
    )
    assert ask(free_port).text == "hello, world"
    messages = tmp_path / "messages"
    wait_until(lambda: "200 GET / (127.0.0.1)" in messages.read_text(), "the request is logged")
    assert messages.read_text().startswith("hello ")


def test_another_directory(tmp_path: Path, free_port: int, twistd: Callable[..., Process]) -> None:
    """Applications are found where ``twistd`` was started, whatever ``--rundir`` says."""
    shutil.copy(README / "hello.py", tmp_path)
    (tmp_path / "run").mkdir()
    process = twistd(
        *("--rundir=run", "cyclone", "--workers=1"),
        *("--app=hello.Application", "--unix=socket", f"--listen-endpoint=tcp:{free_port}"),
        cwd=tmp_path,
        line="worker 1 serves",
    )
    assert ask(free_port).text == "hello, world"
    assert (tmp_path / "run/socket").is_socket()
    process.stop()


def test_the_terminal_is_closed(tmp_path: Path, free_port: int) -> None:
    shutil.copy(README / "hello.py", tmp_path)
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(tmp_path)
        program = str(Path(sys.executable).with_name("twistd"))
        os.execv(program, [program, "-n", "--pidfile=", "cyclone", "hello.py", f"-p{free_port}"])
    try:
        shown = b""
        while b"starting on" not in shown:
            shown += os.read(terminal, 65536)
        wait_until(lambda: ask(free_port).text == "hello, world", "it serves")
    finally:
        os.close(terminal)
    try:
        wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, "it ends")
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
