"""Where a server listens: an endpoint, what it serves there, and how to speak of the place."""

from __future__ import annotations

import dataclasses
import errno
import os
import socket
from typing import Any

from twisted.internet.abstract import isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    AdoptedStreamServerEndpoint,
    SSL4ServerEndpoint,
    TCP4ServerEndpoint,
    serverFromString,
)
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.ssl import CertificateOptions

from .descriptions import tls_description
from .errors import DeployError, one_line, where
from .tls import Certificates, CertificateSource, FileTLSEndpoint, NegotiatingEndpoint
from .unixsockets import Access, UNIXEndpoint

__all__ = [
    "Listener",
    "adopted_listener",
    "bound_socket",
    "cannot_listen",
    "endpoint_listener",
    "factory_name",
    "tcp_listener",
    "tls_file_listener",
    "tls_listener",
    "unix_listener",
    "url_of",
]

#: Connections that may wait to be accepted: as many as the system allows, and not Twisted's 50,
#: which a burst or a restart under load fills at once.
BACKLOG = 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Listener:
    """A place to listen at and what is served there.

    Attributes:
        factory: the application, or any `IProtocolFactory`.
        place: the place as a person says it: ``port 8888 of 127.0.0.1``.
        scheme: ``http`` or ``https``, for the address that is shown.
        certificates: those that can be read anew, None if there are none.
    """

    endpoint: IStreamServerEndpoint
    factory: Any
    place: str
    scheme: str = "http"
    certificates: CertificateSource | None = None

    def listen(self) -> Deferred[IListeningPort]:
        """Begin; the Deferred fires with the port, or fails as the endpoint does."""
        return self.endpoint.listen(self.factory)


def tcp_listener(reactor: Any, port: int, interface: str, factory: Any) -> Listener:
    """Plain TCP at a port of an address, IPv4 or IPv6; "" and 0.0.0.0 mean all of IPv4."""
    endpoint = TCP4ServerEndpoint(reactor, port, BACKLOG, interface)  # type: ignore[no-untyped-call]
    return Listener(endpoint, factory, _place(port, interface))


def tls_listener(
    reactor: Any, port: int, interface: str, options: CertificateOptions, factory: Any
) -> Listener:
    """TLS over TCP at a port of an address, IPv4 or IPv6."""
    endpoint = SSL4ServerEndpoint(reactor, port, options, BACKLOG, interface)  # type: ignore[no-untyped-call]
    return Listener(endpoint, factory, _place(port, interface), "https")


def tls_file_listener(
    reactor: Any,
    port: int,
    interface: str,
    certificate_file: str,
    key_file: str,
    factory: Any,
) -> Listener:
    """TLS over TCP with a certificate and key in PEM files, by the cheapest means there are.

    Raises:
        DeployError: if there is something wrong with the files.
    """
    certificates = Certificates(certificate_file, key_file)
    endpoint = FileTLSEndpoint(reactor, port, certificates, BACKLOG, interface)
    return Listener(endpoint, factory, _place(port, interface), "https", certificates)


def unix_listener(reactor: Any, path: str, factory: Any, access: Access | None = None) -> Listener:
    """A UNIX socket. A socket that a process which is gone left behind is replaced."""
    endpoint = UNIXEndpoint(reactor, path, access or Access(), BACKLOG)
    return Listener(endpoint, factory, f"unix socket {path}")


def endpoint_listener(reactor: Any, description: str, factory: Any) -> Listener:
    """Whatever Twisted makes of an endpoint description such as ``tcp:8080`` or ``systemd:...``.

    Raises:
        DeployError: if it can make nothing of it.
    """
    certificates = None
    endpoint: IStreamServerEndpoint
    try:
        said = tls_description(description)
        if said is not None:
            certificates = said.certificates
            endpoint = FileTLSEndpoint(
                reactor, said.port, certificates, said.backlog, said.interface
            )
        else:
            found = serverFromString(reactor, description)  # type: ignore[no-untyped-call]
            endpoint = NegotiatingEndpoint(found)
    except DeployError as error:
        raise DeployError(f"bad endpoint {description!r}: {error}") from error
    except Exception as error:  # every endpoint parser raises what it likes
        reason = str(error) or type(error).__name__
        raise DeployError(f"bad endpoint {description!r}: {reason}") from error
    scheme = "https" if description.partition(":")[0] in ("ssl", "tls") else "http"
    return Listener(endpoint, factory, description, scheme, certificates)


def adopted_listener(reactor: Any, descriptor: int, family: int, factory: Any) -> Listener:
    """A stream socket that another process bound and handed over; `family` is its `AF_...`."""
    endpoint = AdoptedStreamServerEndpoint(reactor, descriptor, family)  # type: ignore[no-untyped-call]
    return Listener(endpoint, factory, f"file descriptor {descriptor}")


def bound_socket(host: str, port: int, backlog: int = BACKLOG) -> socket.socket:
    """A TCP socket that is bound and lets connections wait, to be handed to other processes.

    Raises:
        DeployError: if the place cannot be listened at.
    """
    family = socket.AF_INET6 if isIPv6Address(host) else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(backlog)
    except (OSError, TypeError) as error:  # TypeError: the name of a host that can be none
        bound.close()
        raise cannot_listen(_place(port, host), error) from error
    return bound


def _place(port: int, interface: str) -> str:
    return f"port {port} of {interface}" if interface else f"port {port}"


# -- what is said about it -------------------------------------------------------------------------


def cannot_listen(place: str, error: BaseException) -> DeployError:
    """The line for a place that cannot be listened at."""
    if isinstance(error, DeployError):
        return error
    if where(error.__traceback__):  # it comes from a startFactory, not from the place
        return DeployError(f"the application cannot start: {one_line(error)}")
    cause = error.socketError if isinstance(error, CannotListenError) else error
    number = cause.errno if isinstance(cause, OSError) else None
    match number:
        case errno.EADDRINUSE:
            reason = "already in use"
        case errno.EACCES | errno.EPERM if place.startswith("port"):
            reason = "ports below 1024 are for root (start as root with --uid), use a higher one"
        case errno.EADDRNOTAVAIL:
            reason = "this machine has no such address"
        case None:
            reason = "already in use" if "lock" in str(cause) else str(cause)
        case _:
            reason = os.strerror(number) if number > 0 else str(getattr(cause, "strerror", cause))
    return DeployError(f"cannot listen on {place}: {reason}")


def url_of(port: IListeningPort, scheme: str) -> str:
    """The address of a port, as a browser wants it where it has one: ``http://[::1]:8888/``."""
    host = port.getHost()
    match host:
        case IPv6Address():
            return f"{scheme}://[{host.host}]:{host.port}/"
        case IPv4Address():
            return f"{scheme}://{host.host}:{host.port}/"
        case UNIXAddress():
            return f"unix:{os.fsdecode(host.name or b'')}"
        case _:
            return str(host)


def factory_name(factory: object) -> str:
    """The name of an application's class, ``cyclone.web.Application`` for one made of that."""
    kind = type(factory)
    package = kind.__module__
    if package.startswith("cyclone."):
        package = ".".join(package.split(".")[:2])  # the name it is imported by
    return f"{package}.{kind.__qualname__}"
