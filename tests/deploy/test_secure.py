"""Places with certificates of several hosts, and behind proxies, on a real reactor."""

from __future__ import annotations

import dataclasses
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.interfaces import ILoggingContext
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.internet.threads import deferToThread
from twisted.protocols.haproxy import proxyEndpoint

from cyclone.deploy import (
    CertificateStore,
    DeployError,
    ProxyProtocolFactory,
    TLSFiles,
    behind_proxies,
    endpoint_listener,
    store_listener,
    tcp_listener,
)
from cyclone.deploy.proxyprotocol import trusted_proxies
from cyclone.httputil import TrustedProxies
from cyclone.log import Log
from cyclone.testing import ExpectLog
from cyclone.web import Application, RequestHandler

CA = trustme.CA()
ONE, TWO, CLIENT = (
    CA.issue_cert(name) for name in ("one.example", "two.example", "client@example.org")
)
V1 = b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 443\r\n"
V2 = (
    b"\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24"
    + bytes.fromhex("20010db8000000000000000000000007") * 2
    + b"\x04\xd2\x01\xbb"
)


class Who(RequestHandler):
    def get(self) -> None:
        certificate: Any = self.request.get_ssl_certificate()
        names = certificate and [name for _, name in certificate["subjectAltName"]]
        request = self.request
        self.write({"ip": request.remote_ip, "scheme": request.protocol, "client": names})


@pytest.fixture
def files(tmp_path: Path) -> TLSFiles:
    certs = tmp_path / "certs"
    certs.mkdir()
    ONE.private_key_and_cert_chain_pem.write_to_path(str(certs / "one.pem"))
    TWO.private_key_and_cert_chain_pem.write_to_path(str(certs / "two.pem"))
    CA.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return TLSFiles(
        directory=str(certs), client_ca=str(tmp_path / "ca.pem"), client_certificates="optional"
    )


def ask(
    port: int, *, host: str = "", first: tuple[bytes, ...] = (), client: bool = False
) -> tuple[list[str], str]:
    """Names of the server's certificate, and its answer; over TLS if a host is named."""
    with socket.create_connection(("127.0.0.1", port), 5) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in first:
            plain.sendall(piece)
        stream: socket.socket = plain
        names: list[str] = []
        if host:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            CA.configure_trust(context)
            if client:
                CLIENT.configure_cert(context)
            stream = context.wrap_socket(plain, server_hostname=host)
            certificate: Any = stream.getpeercert()
            names = [name for _, name in certificate["subjectAltName"]]
        stream.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = b""
        while piece := stream.recv(65536):
            data += piece
        stream.close()
        return names, data.partition(b"\r\n\r\n")[2].decode()


def application() -> Application:
    return Application([("/", Who)], linger_timeout=0)


async def with_port(listener: Any, use: Callable[[int], Any]) -> Any:
    """What `use` returns in a thread, with the port that is listened at."""
    port = await listener.listen()
    try:
        return await deferToThread(use, port.getHost().port)
    finally:
        await port.stopListening()
        await listener.factory.drain(5)


async def test_hosts_and_clients(reactor: Any, files: TLSFiles) -> None:
    store = CertificateStore(files)

    def use(port: int) -> None:
        for host in ("one.example", "two.example"):
            assert ask(port, host=host)[0] == [host]
        assert '"client": null' in ask(port, host="one.example")[1]
        assert '"client": ["client@example.org"]' in ask(port, host="one.example", client=True)[1]
        with pytest.raises(ssl.SSLError):
            ask(port, host="three.example")
        directory = Path(str(files.directory))
        CA.issue_cert("three.example").private_key_and_cert_chain_pem.write_to_path(
            str(directory / "three.pem")
        )
        store.reload()
        assert ask(port, host="three.example")[0] == ["three.example"]

    listener = store_listener(reactor, 0, "127.0.0.1", store, application())
    await with_port(listener, use)


ADDRESSES = pytest.mark.parametrize(
    ("first", "ip"),
    [
        ((V1,), "192.0.2.7"),
        ((V2,), "2001:db8::7"),
        ((b"PROXY UNKNOWN\r\n",), "127.0.0.1"),
        ((V1[:1], V1[1:20], V1[20:]), "192.0.2.7"),
    ],
)


@ADDRESSES
async def test_behind_proxies(reactor: Any, first: tuple[bytes, ...], ip: str) -> None:
    plain = tcp_listener(reactor, 0, "127.0.0.1", application())
    listener = behind_proxies(reactor, plain, TrustedProxies(["127.0.0.0/8"]))
    _, answer = await with_port(listener, lambda port: ask(port, first=first))
    assert answer == f'{{"ip": "{ip}", "scheme": "http", "client": null}}'


@ADDRESSES
async def test_behind_proxies_that_pass_tls_on(
    reactor: Any, files: TLSFiles, first: tuple[bytes, ...], ip: str
) -> None:
    proxies = TrustedProxies(["127.0.0.1"])
    listener = store_listener(
        reactor, 0, "127.0.0.1", CertificateStore(files), application(), proxies
    )
    names, answer = await with_port(
        listener, lambda port: ask(port, host="two.example", first=first, client=True)
    )
    assert names == ["two.example"]
    assert answer == f'{{"ip": "{ip}", "scheme": "https", "client": ["client@example.org"]}}'


async def test_others_are_refused(reactor: Any) -> None:
    plain = tcp_listener(reactor, 0, "127.0.0.1", application())
    listener = behind_proxies(reactor, plain, TrustedProxies(["192.0.2.0/24"]))

    def use(port: int) -> str:
        try:
            return ask(port, first=(V1,))[1]
        except OSError:  # a reset
            return ""

    with ExpectLog("cyclone.general", "refused 127.0.0.1, which is no trusted proxy"):
        assert await with_port(listener, use) == ""


async def test_what_is_no_header(reactor: Any) -> None:
    plain = tcp_listener(reactor, 0, "127.0.0.1", application())
    listener = behind_proxies(reactor, plain, TrustedProxies(["127.0.0.1"]))

    def use(port: int) -> None:
        with pytest.raises(ConnectionError):
            raise ConnectionResetError if not ask(port)[1] else AssertionError

    with ExpectLog("cyclone.general", "no header of the PROXY protocol, from 127.0.0.1"):
        await with_port(listener, use)


@pytest.mark.parametrize("header", [V1, V2])
async def test_twisteds_endpoint(reactor: Any, header: bytes) -> None:
    # What ``haproxy:tcp:0`` makes; the plugins behind that word bring warnings of their own.
    plain = tcp_listener(reactor, 0, "127.0.0.1", application())
    listener = dataclasses.replace(plain, endpoint=proxyEndpoint(plain.endpoint))
    _, answer = await with_port(listener, lambda port: ask(port, first=(header,)))
    assert '"ip": "192.0.2.7"' in answer or '"ip": "2001:db8' in answer


# -- without a socket


class Connection:
    """A connection to a factory behind a proxy."""

    def __init__(self, addr: Any = None, **kwargs: Any) -> None:
        self.clock = Clock()
        self.got: list[bytes] = []
        got = self.got

        class Record(Protocol):
            def dataReceived(self, data: bytes) -> None:
                got.append(data)

        self.inner: Any = Factory.forProtocol(Record)
        self.factory = ProxyProtocolFactory(self.inner, ["192.0.2.1"], self.clock, **kwargs)
        self.transport: Any = StringTransportWithDisconnection()
        self.protocol: Any = self.factory.buildProtocol(addr)
        self.transport.protocol = self.protocol
        if self.protocol is not None:
            self.protocol.makeConnection(self.transport)


def test_a_header_that_does_not_come() -> None:
    connection = Connection(IPv4Address("TCP", "192.0.2.1", 1), timeout=3)
    connection.transport.dataReceived = connection.protocol.dataReceived
    connection.protocol.dataReceived(b"PROX")
    connection.clock.advance(2.9)
    assert connection.transport.connected
    connection.clock.advance(0.2)
    assert not connection.transport.connected


def test_a_peer_that_goes_meanwhile() -> None:
    connection = Connection(UNIXAddress("/run/proxy"))
    connection.transport.loseConnection()
    assert not connection.clock.getDelayedCalls()


def test_what_follows_the_header_belongs_to_the_server() -> None:
    connection = Connection(UNIXAddress(None))
    connection.protocol.dataReceived(V1 + b"one")
    connection.transport.protocol.dataReceived(b"two")
    assert connection.got == [b"one", b"two"]
    assert connection.transport.getPeer() == IPv4Address("TCP", "192.0.2.7", 1234)
    assert connection.transport.getHost() == IPv4Address("TCP", "192.0.2.8", 443)
    assert not connection.clock.getDelayedCalls()


def test_a_server_that_drains() -> None:
    connection = Connection(UNIXAddress(None))
    connection.inner.buildProtocol = lambda addr: None
    connection.protocol.dataReceived(V1)
    assert not connection.transport.connected


def test_refusals_are_not_logged_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[object] = []
    monkeypatch.setattr(Log, "warning", lambda *args: lines.append(args))
    connection = Connection()
    stranger = IPv4Address("TCP", "198.51.100.1", 1)
    for _ in range(100):
        assert connection.factory.buildProtocol(stranger) is None
    assert len(lines) == 7
    assert ILoggingContext(connection.factory).logPrefix() == "Factory (PROXY)"


@pytest.mark.parametrize("text", ["", " , ", "proxy.example", "10.0.0.0/99"])
def test_proxies_that_are_none(text: str) -> None:
    with pytest.raises(DeployError, match="--proxy-protocol"):
        trusted_proxies(text)


@pytest.mark.parametrize("place", ["ssl:443", "haproxy:tcp:80"])
def test_what_does_not_go_together(place: str, files: TLSFiles) -> None:
    reactor = MemoryReactorClock()
    description = f"ssl:443:privateKey={files.directory}/one.pem"
    listener = endpoint_listener(reactor, description, application())
    assert behind_proxies(reactor, listener, None) is listener
    scheme = "https" if place == "ssl:443" else "http"
    listener = dataclasses.replace(listener, place=place, scheme=scheme)
    with pytest.raises(DeployError, match="does not go with"):
        behind_proxies(reactor, listener, TrustedProxies(["10.0.0.1"]))
