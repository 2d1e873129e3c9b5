"""Certificate files on a reactor that leaves TLS to its event loop."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.web.resource import Resource
from twisted.web.server import Site

from cyclone.deploy import DeployError, listeners
from cyclone.deploy.descriptions import tls_description
from cyclone.deploy.reactors import default_reactor
from cyclone.deploy.tls import PROTOCOLS, has_native_tls


class Native(MemoryReactorClock):
    """Notes what is listened at."""

    def __init__(self) -> None:
        super().__init__()
        self.tls: list[Any] = []

    def listenTLS(self, *arguments: Any) -> str:
        self.tls.append(arguments)
        return "the port"


@pytest.fixture
def pem(tmp_path: Path) -> str:
    """A file with certificate and key."""
    file = tmp_path / "server: 1.pem"
    issued = trustme.CA().issue_cert("localhost")
    file.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
    return str(file)


def quoted(path: str) -> str:
    return path.replace(":", "\\:")


def test_files_and_a_reactor_without_tls_of_its_own(pem: str) -> None:
    reactor, factory = MemoryReactorClock(), Factory()
    assert not has_native_tls(reactor)
    listeners.tls_file_listener(reactor, 8443, "::1", pem, pem, factory).listen()
    assert reactor.sslServers[0][0] == 8443


def test_files_and_native_tls(pem: str) -> None:
    reactor, factory = Native(), Factory()
    listener = listeners.tls_file_listener(reactor, 8443, "::1", pem, pem, factory)
    ports: list[Any] = []
    listener.listen().addCallback(ports.append)
    assert ports == ["the port"]
    assert (listener.place, listener.scheme) == ("port 8443 of ::1", "https")
    ((number, served, context, backlog, interface),) = reactor.tls
    assert (number, served, backlog, interface) == (8443, factory, listeners.BACKLOG, "::1")
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="cannot read the certificate"):
        listeners.tls_file_listener(Native(), 1, "", str(tmp_path / "no"), "no", Factory())


def test_descriptions(pem: str) -> None:
    reactor = Native()
    for description in (
        f"ssl:443:privateKey={quoted(pem)}",
        f"ssl:port=443:privateKey={quoted(pem)}:certKey={quoted(pem)}:backlog=7:interface=::1",
    ):
        if "::1" in description:
            description = description.replace("::1", "\\:\\:1")
        listener = listeners.endpoint_listener(reactor, description, Factory())
        assert listener.scheme == "https"
        listener.listen()
    assert [arguments[0] for arguments in reactor.tls] == [443, 443]
    assert [arguments[3:] for arguments in reactor.tls] == [(50, ""), (7, "::1")]


def test_what_factories_speak(pem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    monkeypatch.setattr(
        ssl.SSLContext, "set_alpn_protocols", lambda self, names: said.append(names)
    )
    for factory in (Factory(), Site(Resource())):
        description = f"ssl:443:privateKey={quoted(pem)}"
        listeners.endpoint_listener(Native(), description, factory).listen()
    assert said[0] == [name.decode() for name in PROTOCOLS]
    assert "http/1.1" in said[1]


def test_what_only_twisted_can_do(pem: str) -> None:
    key = f"privateKey={quoted(pem)}"
    for description in (
        "tcp:80",
        f"ssl:443:{key}:extraCertChain=chain.pem",
        f"ssl:443:{key}:dhParameters=dh.pem",
        f"ssl:443:443:{key}",
        f"ssl:{key}",
    ):
        assert tls_description(description) is None


def test_descriptions_on_a_reactor_without_tls_of_its_own(pem: str) -> None:
    reactor, factory = MemoryReactorClock(), Factory()
    description = f"ssl:443:privateKey={quoted(pem)}"
    listener = listeners.endpoint_listener(reactor, description, factory)
    listener.listen()
    assert reactor.sslServers == [(443, factory, listener.certificates, 50, "")]


@pytest.mark.parametrize("rest", ["none:privateKey=PEM", "443:privateKey=/no/such/file"])
def test_bad_descriptions(rest: str, pem: str) -> None:
    description = f"ssl:{rest}".replace("PEM", quoted(pem))
    with pytest.raises(DeployError, match=r"bad endpoint 'ssl:"):
        listeners.endpoint_listener(Native(), description, Factory())


def test_the_reactor_that_nobody_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_reactor() is None  # there is one already
    monkeypatch.delitem(__import__("sys").modules, "twisted.internet.reactor")
    assert default_reactor() == "uvloop"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert default_reactor() is None
