"""The command ``cyclone``, also ``python -m cyclone``.

``cyclone run TARGET`` serves an application in the foreground, ``cyclone app`` makes a new project,
``cyclone secret`` a secret for cookies. Further commands are added to the table at the end.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cyclone import __version__, app
from cyclone.deploy import (
    Access,
    DeployError,
    RunOptions,
    port_number,
    request_count,
    run,
    run_worker,
    socket_mode,
    socket_owner,
    worker_count,
)

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Args:
        arguments: what follows the name of the program; None for those of the process.
    """
    words = sys.argv[1:] if arguments is None else arguments
    try:
        if list(words[:1]) == ["worker"]:
            # Started by `cyclone run --workers` and `twistd cyclone --workers`: no command for
            # people. What follows is for those who read a list of processes.
            return run_worker()
        options = _options(words)
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except DeployError as error:
        if error.detail:
            print(error.detail, file=sys.stderr)
        print(f"cyclone: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # while the application was imported
        return 130


def _options(words: Sequence[str]) -> argparse.Namespace:
    options, unknown = _parser().parse_known_args(words)
    if unknown:  # argparse would show how `cyclone` is used, and not the command
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cyclone", description="The cyclone web framework.")
    parser.add_argument("--version", action="version", version=f"cyclone {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (summary, add_arguments, command) in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary)
        subparser.set_defaults(command=command, parser=subparser)
        add_arguments(subparser)
    return parser


# -- cyclone run -----------------------------------------------------------------------------------


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("target", metavar="TARGET", help="hello.py, hello:Application or hello.Application")
    add("-p", "--port", type=_checked(port_number), help="TCP port [default: $PORT, or else 8888]")
    add("--host", default="127.0.0.1", help="address to listen on [default: %(default)s]")
    add("-u", "--unix", metavar="PATH", help="listen on a unix socket instead of the TCP port")
    add(
        "--unix-mode",
        metavar="MODE",
        type=_checked(socket_mode),
        help="permissions of the unix socket, such as 660",
    )
    add(
        "--unix-owner",
        metavar="USER:GROUP",
        type=_checked(socket_owner),
        help="owner of the unix socket",
    )
    add(
        "--listen-endpoint",
        metavar="ENDPOINT",
        action="append",
        default=[],
        help="listen on a Twisted endpoint instead of the TCP port, can be repeated",
    )
    add(
        "--systemd",
        action="store_true",
        help="listen on the sockets that systemd has opened (LISTEN_FDS)",
    )
    add("-c", "--appopts", metavar="STRING", help="argument for the application's maker")
    add("--reload", action="store_true", help="restart when a Python or template file changes")
    add(
        "--reactor",
        metavar="NAME",
        help="Twisted reactor to use; see twistd --help-reactors [default: uvloop if installed]",
    )
    add(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="json: one object per line [default: %(default)s]",
    )
    add(
        "--workers",
        metavar="N",
        type=_checked(worker_count),
        default=0,
        help="serve by N processes, auto for one per processor; SIGHUP replaces them one by one",
    )
    add(
        "--max-requests",
        metavar="N",
        type=_checked(request_count),
        default=0,
        help="replace a worker after about N requests",
    )
    add("--supervised", type=_supervisor, help=argparse.SUPPRESS)


def _checked(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """`read`, with what it finds wrong as argparse shows it."""

    def checked(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


def _supervisor(text: str) -> tuple[int, int]:
    family, process = text.split(":")
    return int(family), int(process)


def _run(arguments: argparse.Namespace) -> int:
    port = _port_of_environment() if arguments.port is None else arguments.port
    access = Access()
    if arguments.unix_mode is not None:
        access = Access(arguments.unix_mode)
    if arguments.unix_owner is not None:
        access = Access(access.mode, *arguments.unix_owner)
    if access != Access() and not arguments.unix:
        raise DeployError("--unix-mode and --unix-owner are for --unix")
    if arguments.max_requests and not arguments.workers:
        raise DeployError("--max-requests is for --workers")
    options = RunOptions(
        target=arguments.target,
        port=port,
        host=arguments.host,
        appopts=arguments.appopts,
        reload=arguments.reload,
        log_format=arguments.log_format,
        reactor=arguments.reactor,
        supervisor=arguments.supervised,
        unix=arguments.unix,
        access=access,
        endpoints=tuple(arguments.listen_endpoint),
        systemd=arguments.systemd,
        workers=arguments.workers,
        max_requests=arguments.max_requests,
    )
    return run(options)


def _port_of_environment() -> int:
    try:
        return port_number(os.environ.get("PORT") or "8888")
    except ValueError as error:
        raise DeployError(f"$PORT: {error}") from None


# -- cyclone secret --------------------------------------------------------------------------------


def _no_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def _secret(arguments: argparse.Namespace) -> int:
    print(app.cookie_secret())
    return 0


COMMANDS: Mapping[
    str,
    tuple[
        str,
        Callable[[argparse.ArgumentParser], None],
        Callable[[argparse.Namespace], int],
    ],
] = {
    "run": ("Serve an application in the foreground.", _run_arguments, _run),
    "app": ("Create a new project.", app.add_arguments, app.run),
    "secret": ("Print a new secret for the setting cookie_secret.", _no_arguments, _secret),
}
