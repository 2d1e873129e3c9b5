"""The options of ``twistd cyclone``."""

from __future__ import annotations

import getopt
import sys
from collections.abc import Sequence
from typing import Any

from twisted.python import usage

from cyclone import __version__

from .unixsockets import socket_mode, socket_owner
from .wanted import Secure, Wanted, access_of
from .workers import worker_count

__all__ = ["Options", "port_number", "request_count"]


def port_number(text: str) -> int:
    """`text` as a TCP port; 0 lets the system choose.

    Raises:
        ValueError: if it is none.
    """
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= 65535:
        raise ValueError(f"{text!r} is not a port number")
    return number


port_number.coerceDoc = ""  # type: ignore[attr-defined]


def request_count(text: str) -> int:
    """`text` as a number of requests.

    Raises:
        ValueError: if it is none.
    """
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} is not a number of requests")
    return int(text)


request_count.coerceDoc = ""  # type: ignore[attr-defined]


class Options(usage.Options):
    """Letters, defaults and meanings as in cyclone 1.x; ``--listen-endpoint`` is new.

    ``--app`` and ``--ssl-app`` are for different routing over HTTP and HTTPS, such as a login form
    that exists over HTTPS alone.
    """

    synopsis = "[options] [file.py]"
    longdesc = (
        "Serves a cyclone application, named by --app or found in the file. An application is "
        "hello.Application, hello:Application or hello.py: an application, or a function, lambda "
        "or class that makes one. SIGHUP has certificates read anew."
    )

    optParameters = [
        ["port", "p", 8888, "tcp port to listen on", port_number],
        ["listen", "l", "127.0.0.1", "interface to listen on"],
        ["unix", "u", None, "listen on a unix socket instead of the tcp port"],
        ["unix-mode", None, None, "permissions of the unix socket, such as 660", socket_mode],
        ["unix-owner", None, None, "owner of the unix socket, as user:group", socket_owner],
        ["app", "r", None, "cyclone application to run"],
        ["appopts", "c", None, "arguments to your application"],
        ["ssl-port", None, 8443, "port to listen on for ssl", port_number],
        ["ssl-listen", None, "127.0.0.1", "interface to listen on for ssl"],
        ["ssl-cert", None, "server.crt", "ssl certificate"],
        ["ssl-key", None, "server.key", "ssl server key"],
        [
            "ssl-certs",
            None,
            None,
            "directory of certificates, chosen by the host",
        ],
        ["ssl-client-ca", None, None, "who signs certificates of clients (implies required ones)"],
        ["ssl-client-certs", None, None, "certificates of clients: none, optional or required"],
        ["ssl-app", None, None, "ssl application (same as --app)"],
        ["ssl-appopts", None, None, "arguments to the ssl application"],
        [
            *("proxy-protocol", None, None),
            "addresses of proxies that speak the PROXY protocol",
        ],
        [
            *("workers", None, 0),
            "serve by so many processes, auto for one per processor; SIGHUP replaces them",
            worker_count,
        ],
        [
            *("max-requests", None, 0),
            "replace a worker after about so many requests, 0 for never",
            request_count,
        ],
    ]
    optFlags = [
        ["systemd", None, "listen on the sockets that systemd has opened (LISTEN_FDS)"],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self["endpoints"] = []
        self._given: frozenset[str] = frozenset()

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse a command line, whether its options stand before or after the file.

        Raises:
            usage.UsageError: if it is not understood.
        """
        arguments = list(sys.argv[1:] if options is None else options)
        try:
            found, files = getopt.gnu_getopt(arguments, self.shortOpt, self.longOpt)
        except getopt.error as error:
            raise usage.UsageError(str(error)) from None
        self._given = frozenset(name.lstrip("-") for name, _ in found)
        arguments = [*(part for pair in found for part in self._separate(*pair)), "--", *files]
        super().parseOptions(arguments)  # type: ignore[no-untyped-call]

    def _separate(self, name: str, value: str) -> list[str]:
        """One option as it may be parsed again; an empty value is a value."""
        takes_value = f"{name[2:]}=" in self.longOpt or f"{name[1:]}:" in self.shortOpt
        return [name, value] if takes_value else [name]

    def wanted(self) -> Wanted:
        """What they ask for.

        Raises:
            DeployError: if they do not go together.
        """
        return Wanted(
            target=self["app"] or "",
            port=self["port"],
            host=self["listen"],
            appopts=self["appopts"],
            unix=self["unix"],
            access=access_of(self["unix"], self["unix-mode"], self["unix-owner"]),
            endpoints=tuple(self["endpoints"]),
            systemd=bool(self["systemd"]),
            secure=Secure(
                app=self["ssl-app"],
                appopts=self["ssl-appopts"],
                port=self._if_given("ssl-port"),
                host=self._if_given("ssl-listen"),
                certificate=self._if_given("ssl-cert"),
                key=self._if_given("ssl-key"),
                directory=self["ssl-certs"],
                client_ca=self["ssl-client-ca"],
                client_certificates=self["ssl-client-certs"],
            ),
            proxies=self["proxy-protocol"],
        )

    def _if_given(self, name: str) -> Any:
        """The value of an option; None if it is only the default."""
        return self[name] if name in self._given else None

    def opt_listen_endpoint(self, description: str) -> None:
        """listen on a Twisted endpoint instead of the tcp port, can be repeated"""
        self["endpoints"].append(description)

    def opt_version(self) -> None:
        """Display the version of cyclone and exit."""
        print(f"cyclone {__version__}")
        sys.exit(0)

    def parseArgs(self, *args: str) -> None:
        """Take a file as the application, as ``--app`` would.

        Raises:
            usage.UsageError: for more than one file, or a file and an application.
        """
        if not args:
            return
        if len(args) > 1:
            raise usage.UsageError(f"one file is enough: {' '.join(args)}")
        if self["app"]:
            raise usage.UsageError(f"either --app={self['app']} or {args[0]}, not both")
        self["app"] = args[0]
