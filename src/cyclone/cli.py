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
    DeployError,
    RunOptions,
    Secure,
    access_of,
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
    add(
        "target",
        metavar="TARGET",
        nargs="?",
        default="",
        help="hello.py, hello:Application or hello.Application; may be left out with --ssl-app",
    )
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
    _secure_arguments(parser)
    _process_arguments(parser)


def _process_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
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


def _secure_arguments(parser: argparse.ArgumentParser) -> None:
    """As ``twistd cyclone`` has them."""
    add = parser.add_argument_group("TLS and balancers").add_argument
    add("--ssl-app", metavar="TARGET", help="application to serve over TLS, the same or another")
    add("--ssl-appopts", metavar="STRING", help="argument for its maker")
    add("--ssl-port", metavar="PORT", type=_checked(port_number), help="its port [default: 8443]")
    add("--ssl-listen", metavar="HOST", help="address to listen on [default: that of --host]")
    add("--ssl-cert", metavar="FILE", help="certificate and its chain [default: server.crt]")
    add("--ssl-key", metavar="FILE", help="key of that [default: server.key]")
    add("--ssl-certs", metavar="DIR", help="directory of certificates, chosen by the host")
    add("--ssl-client-ca", metavar="FILE", help="who signs certificates of clients")
    add(
        "--ssl-client-certs",
        choices=("none", "optional", "required"),
        help="whether clients have to have certificates [default: required, with --ssl-client-ca]",
    )
    add(
        "--proxy-protocol",
        metavar="ADDRESSES",
        help="of proxies that speak the PROXY protocol, such as 10.0.0.0/8,::1",
    )


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
    if arguments.max_requests and not arguments.workers:
        raise DeployError("--max-requests is for --workers")
    options = RunOptions(
        target=arguments.target,
        port=_port_of_environment() if arguments.port is None else arguments.port,
        host=arguments.host,
        appopts=arguments.appopts,
        reload=arguments.reload,
        log_format=arguments.log_format,
        reactor=arguments.reactor,
        supervisor=arguments.supervised,
        unix=arguments.unix,
        access=access_of(arguments.unix, arguments.unix_mode, arguments.unix_owner),
        endpoints=tuple(arguments.listen_endpoint),
        systemd=arguments.systemd,
        secure=_secure(arguments),
        proxies=arguments.proxy_protocol,
        workers=arguments.workers,
        max_requests=arguments.max_requests,
    )
    return run(options)


def _secure(arguments: argparse.Namespace) -> Secure:
    host = arguments.ssl_listen
    if host is None and arguments.ssl_app is not None:
        host = arguments.host
    return Secure(
        app=arguments.ssl_app,
        appopts=arguments.ssl_appopts,
        port=arguments.ssl_port,
        host=host,
        certificate=arguments.ssl_cert,
        key=arguments.ssl_key,
        directory=arguments.ssl_certs,
        client_ca=arguments.ssl_client_ca,
        client_certificates=arguments.ssl_client_certs,
    )


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
