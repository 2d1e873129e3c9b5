"""Places to listen at, and what is said when that does not work."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import HostnameAddress, IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory, IProtocolNegotiationFactory
from twisted.internet.protocol import Factory, ServerFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface.verify import verifyObject

import cyclone.web
from cyclone.deploy import listeners
from cyclone.deploy.errors import DeployError


def test_tcp() -> None:
    reactor, factory = MemoryReactorClock(), Factory()
    listener = listeners.tcp_listener(reactor, 8888, "127.0.0.1", factory)
    listener.listen()
    assert reactor.tcpServers == [(8888, factory, listeners.BACKLOG, "127.0.0.1")]
    assert (listener.place, listener.scheme) == ("port 8888 of 127.0.0.1", "http")
    assert listeners.tcp_listener(reactor, 8888, "", factory).place == "port 8888"


def test_tls() -> None:
    reactor, factory, options = MemoryReactorClock(), Factory(), object()
    listener = listeners.tls_listener(reactor, 8443, "::1", options, factory)  # type: ignore[arg-type]
    listener.listen()
    assert reactor.sslServers == [(8443, factory, options, listeners.BACKLOG, "::1")]
    assert (listener.place, listener.scheme) == ("port 8443 of ::1", "https")


def test_unix() -> None:
    reactor, factory = MemoryReactorClock(), Factory()
    listener = listeners.unix_listener(reactor, "/run/x.sock", factory)
    listener.listen()
    assert reactor.unixServers == [("/run/x.sock", factory, listeners.BACKLOG, 0o666, True)]
    assert listener.place == "unix socket /run/x.sock"


@pytest.mark.parametrize(
    ("description", "scheme"),
    [
        ("tcp:8080", "http"),
        ("tcp6:8080:interface=\\:\\:1", "http"),
        ("unix:/run/x.sock", "http"),
    ],
)
def test_endpoints(description: str, scheme: str) -> None:
    listener = listeners.endpoint_listener(MemoryReactorClock(), description, Factory())
    listener.listen()
    assert (listener.place, listener.scheme) == (description, scheme)


def test_endpoints_say_what_is_spoken() -> None:
    reactor, silent = MemoryReactorClock(), Factory()
    listeners.endpoint_listener(reactor, "tcp:1", silent).listen()
    served = reactor.tcpServers[0][1]
    assert IProtocolNegotiationFactory(served).acceptableProtocols() == [b"http/1.1", b"http/1.0"]
    assert served.logPrefix() == "Factory"
    assert verifyObject(IProtocolFactory, served)
    served.doStart()
    assert silent.numPorts == 1
    served.doStop()
    assert silent.numPorts == 0
    assert served.buildProtocol == silent.buildProtocol


def test_endpoints_leave_a_factory_that_speaks_for_itself() -> None:
    reactor, site = MemoryReactorClock(), Site(Resource())
    listeners.endpoint_listener(reactor, "tcp:1", site).listen()
    assert reactor.tcpServers[0][1] is site


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("nothing:1", "Unknown endpoint type: 'nothing'"),
        ("tcp:http", "invalid literal"),
        ("tcp", "missing 1 required positional argument"),
        ("tcp:80:colour=red", "unexpected keyword argument"),
        ("ssl:443:privateKey=/nowhere.pem", "No such file"),
        ("", "Unknown endpoint type: ''"),
    ],
)
def test_bad_endpoints(description: str, reason: str) -> None:
    with pytest.raises(DeployError) as caught:
        listeners.endpoint_listener(MemoryReactorClock(), description, Factory())
    assert str(caught.value).startswith(f"bad endpoint {description!r}: ")
    assert reason in str(caught.value)


def test_bad_endpoint_whose_error_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr(listeners, "serverFromString", fail)
    with pytest.raises(DeployError, match="bad endpoint 'x': KeyError"):
        listeners.endpoint_listener(MemoryReactorClock(), "x", Factory())


# --- sockets for other processes -----------------------------------------------------------------


def test_bound_socket_lets_connections_wait() -> None:
    with listeners.bound_socket("127.0.0.1", 0) as bound:
        with socket.create_connection(bound.getsockname()) as client:
            accepted, _ = bound.accept()
            with accepted:
                assert accepted.getpeername() == client.getsockname()
        assert bound.family is socket.AF_INET


def test_bound_socket_of_ipv6() -> None:
    with listeners.bound_socket("::1", 0) as bound:
        assert bound.family is socket.AF_INET6


def test_bound_socket_in_use() -> None:
    with listeners.bound_socket("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        with pytest.raises(DeployError) as caught:
            listeners.bound_socket("127.0.0.1", port)
    assert str(caught.value) == f"cannot listen on port {port} of 127.0.0.1: already in use"


def test_bound_socket_of_no_host() -> None:
    with pytest.raises(DeployError, match=r"cannot listen on port 0 of é\.\.invalid: "):
        listeners.bound_socket("é..invalid", 0)


def test_adopted(reactor: Any, reactor_run: Any) -> None:
    async def check() -> None:
        with listeners.bound_socket("127.0.0.1", 0) as bound:
            descriptor = os.dup(bound.fileno())
            listener = listeners.adopted_listener(
                reactor, descriptor, bound.family, ServerFactory.forProtocol(Factory)
            )
            port: Any = await listener.listen()
            assert port.getHost().port == bound.getsockname()[1]
            assert listener.place == f"file descriptor {descriptor}"
            await port.stopListening()

    reactor_run(check)


# --- what is said --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "error", "reason"),
    [
        ("port 80", OSError(errno.EADDRINUSE, "?"), "already in use"),
        (
            "port 80",
            OSError(errno.EACCES, "?"),
            "ports below 1024 are for root (start as root with --uid), use a higher one",
        ),
        ("unix socket /x", OSError(errno.EACCES, "?"), "Permission denied"),
        (
            "port 80 of 192.0.2.1",
            OSError(errno.EADDRNOTAVAIL, "?"),
            "this machine has no such address",
        ),
        ("port 80 of nowhere", socket.gaierror(-2, "Name or service not known"), "Name or service"),
        ("unix socket /x", "Cannot acquire lock", "already in use"),
        ("unix socket /x", "other", "other"),
        ("file descriptor 3", OSError(errno.EBADF, "?"), "Bad file descriptor"),
    ],
)
@pytest.mark.parametrize("wrapped", [True, False])
def test_reasons(place: str, error: Any, reason: str, wrapped: bool) -> None:
    if wrapped:
        error = CannotListenError("127.0.0.1", 80, error)
    elif isinstance(error, str):
        error = RuntimeError(error)
    assert str(listeners.cannot_listen(place, error)).startswith(
        f"cannot listen on {place}: {reason}"
    )


class FakePort:
    def __init__(self, host: Any) -> None:
        self._host = host

    def getHost(self) -> Any:
        return self._host


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (IPv4Address("TCP", "127.0.0.1", 80), "https://127.0.0.1:80/"),
        (IPv6Address("TCP", "::1", 8888), "https://[::1]:8888/"),
        (UNIXAddress(b"/run/x.sock"), "unix:/run/x.sock"),
        (UNIXAddress(None), "unix:"),
        (HostnameAddress(b"x", 1), str(HostnameAddress(b"x", 1))),
    ],
)
def test_url_of(host: Any, url: str) -> None:
    assert listeners.url_of(FakePort(host), "https") == url  # type: ignore[arg-type]


class Own(cyclone.web.Application):
    pass


def test_factory_names() -> None:
    assert listeners.factory_name(cyclone.web.Application()) == "cyclone.web.Application"
    assert listeners.factory_name(Own()) == f"{__name__}.Own"
    assert listeners.factory_name(Factory()) == "twisted.internet.protocol.Factory"


def test_unix_socket_that_was_left_behind(tmp_path: Path, reactor: Any, reactor_run: Any) -> None:
    path = str(tmp_path / "x.sock")
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(path)

    async def check() -> None:
        # Who left it is gone: its number is that of a process that does not exist.
        os.symlink(str(2**22 + 1), path + ".lock")
        factory = ServerFactory.forProtocol(Factory)
        port: Any = await listeners.unix_listener(reactor, path, factory).listen()
        await port.stopListening()

    reactor_run(check)
    assert not os.path.exists(path)
