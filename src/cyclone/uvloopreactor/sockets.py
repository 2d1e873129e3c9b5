"""Sockets and addresses."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import tcp
from twisted.internet.abstract import isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError

__all__ = ["BorrowedSocket", "bound_tcp_socket", "client_tcp_socket", "internet_address", "numeric"]

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class BorrowedSocket(socket.socket):
    """A socket whose descriptor belongs to the loop, which ends the process if it is closed."""

    def close(self) -> None:
        """Let go of the descriptor."""
        self.detach()


def internet_address(name: tuple[Any, ...]) -> IPv4Address | IPv6Address:
    """Twisted's address for what the socket module says."""
    if len(name) == 2:
        return IPv4Address("TCP", *name)
    host, port, flow, scope = name
    if scope:  # a link-local address is one only together with its interface
        host = socket.getnameinfo(name, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]
    return IPv6Address("TCP", host, port, flow, scope)


def numeric(host: str, port: int) -> tuple[Any, ...]:
    """What `bind` and `connect` want for an address, with the scope that ``%eth0`` names."""
    if not isIPv6Address(host):
        return (host, port)
    # Resolved with a port that is surely one; whether the wanted one is, `bind` says.
    found = socket.getaddrinfo(host, 1, type=socket.SOCK_STREAM, flags=_NUMERIC)[0][4]
    return (found[0], port, *found[2:])


def bound_tcp_socket(port: Any, backlog: int, interface: str) -> socket.socket:
    """A socket that listens.

    Args:
        port: a number, or what ``twisted.internet.tcp.makeBinding`` makes.
        backlog: how many connections may wait to be accepted.
        interface: the address; "" is all of IPv4.

    Raises:
        CannotListenError: if it cannot listen there.
    """
    # Never listens itself: it reads what was asked for, and makes the socket accordingly.
    plan: Any = tcp.Port(port, None, backlog, interface)  # type: ignore[arg-type]
    if isIPv6Address(plan.interface):
        plan.addressFamily = socket.AF_INET6
    made: socket.socket | None = None
    try:
        made = plan.createInternetSocket()
        made.bind(numeric(plan.interface, plan.port or 0))
        made.listen(backlog)
    except BaseException as error:
        if made is not None:
            made.close()
        if isinstance(error, OSError):
            raise CannotListenError(plan.interface, plan.port, error) from error
        raise
    return made


def client_tcp_socket(family: int, bind: Any) -> socket.socket:
    """A socket to connect from.

    Args:
        family: AF_INET or AF_INET6.
        bind: None, an address and a port, or what ``twisted.internet.tcp.makeBinding`` makes.

    Raises:
        OSError: if there cannot be such a socket.
    """
    if bind is None:
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setblocking(False)
        return made
    if isinstance(bind, tuple):
        bind = tcp.makeBinding(*bind)
    plan: Any = tcp.Port(bind, None)  # type: ignore[arg-type]
    plan.addressFamily = socket.AddressFamily(family)
    bound: socket.socket = plan.createInternetSocket()
    try:
        bound.bind(numeric(plan.interface, plan.port or 0))
    except BaseException:
        bound.close()
        raise
    return bound
