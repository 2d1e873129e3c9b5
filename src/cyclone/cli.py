"""The command ``cyclone``, also ``python -m cyclone``.

``cyclone run TARGET`` serves an application in the foreground. Further commands are added to the
table at the end.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from cyclone import __version__
from cyclone.deploy import DeployError, RunOptions, port_number, run

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Args:
        arguments: what follows the name of the program; None for those of the process.
    """
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except DeployError as error:
        if error.detail:
            print(error.detail, file=sys.stderr)
        print(f"cyclone: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # while the application was imported
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cyclone", description="The cyclone web framework.")
    parser.add_argument("--version", action="version", version=f"cyclone {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (summary, add_arguments, command) in COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=summary)
        subparser.set_defaults(command=command)
        add_arguments(subparser)
    return parser


# -- cyclone run -----------------------------------------------------------------------------------


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("target", metavar="TARGET", help="hello.py, hello:Application or hello.Application")
    add("-p", "--port", type=_port, help="TCP port [default: $PORT, or else 8888]")
    add("--host", default="127.0.0.1", help="address to listen on [default: %(default)s]")
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
    add("--supervised", type=_supervisor, help=argparse.SUPPRESS)


def _port(text: str) -> int:
    try:
        return port_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _supervisor(text: str) -> tuple[int, int]:
    family, process = text.split(":")
    return int(family), int(process)


def _run(arguments: argparse.Namespace) -> int:
    port = _port_of_environment() if arguments.port is None else arguments.port
    options = RunOptions(
        target=arguments.target,
        port=port,
        host=arguments.host,
        appopts=arguments.appopts,
        reload=arguments.reload,
        log_format=arguments.log_format,
        reactor=arguments.reactor,
        supervisor=arguments.supervised,
    )
    return run(options)


def _port_of_environment() -> int:
    try:
        return port_number(os.environ.get("PORT") or "8888")
    except ValueError as error:
        raise DeployError(f"$PORT: {error}") from None


COMMANDS: Mapping[
    str,
    tuple[
        str,
        Callable[[argparse.ArgumentParser], None],
        Callable[[argparse.Namespace], int],
    ],
] = {
    "run": ("Serve an application in the foreground.", _run_arguments, _run),
}
