"""TLS: the loop's, and Twisted's over our connections."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from OpenSSL import SSL
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import INegotiated, IOpenSSLContextFactory, ISSLTransport
from twisted.internet.ssl import CertificateOptions
from zope.interface import implementer
from zope.interface.verify import verifyObject

from cyclone.deploy import tls_options
from cyclone.httputil.certificates import peer_certificate
from cyclone.uvloopreactor import IReactorNativeTLS, UvloopReactor

from .support import Clients, Echo, Half, Pair, Recorder, Servers, finished

CA = trustme.CA()
SERVER = CA.issue_cert("localhost")
CLIENT = CA.issue_cert("client@example.org")


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    SERVER.configure_cert(context)
    context.set_alpn_protocols(["http/1.1"])
    return context


def client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    CA.configure_trust(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


class Native:
    """A server behind `listenTLS`, and a client of asyncio's."""

    def __init__(self, reactor: UvloopReactor, make: Any = Recorder) -> None:
        self.reactor = reactor
        self.servers = Servers(make)
        self.server_context = server_context()
        self.client_context = client_context()

    async def __aenter__(self) -> tuple[Any, Any, Any]:
        self.port: Any = self.reactor.listenTLS(
            0, self.servers, self.server_context, interface="127.0.0.1"
        )
        reader, self.writer = await asyncio.open_connection(
            *self.port.socket.getsockname(), ssl=self.client_context, server_hostname="localhost"
        )
        server = await self.servers.one()
        await server.until(lambda: server.events)
        return server, reader, self.writer

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()
        for server in self.servers.made:
            await server.lost()
        await finished(self.port.stopListening())


def test_native(ours: UvloopReactor, run: Any) -> None:
    assert verifyObject(IReactorNativeTLS, ours)

    async def check() -> None:
        native = Native(ours, Echo)
        async with native as (server, reader, writer):
            assert verifyObject(ISSLTransport, server.transport)
            assert INegotiated.providedBy(server.transport)
            assert server.transport.negotiatedProtocol == b"http/1.1"
            assert server.transport.getPeerCertificate() is None
            assert native.port.kind == "TLS"
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            server.transport.write(b"x" * 1_000_000)
            assert len(await reader.readexactly(1_000_000)) == 1_000_000
            server.transport.write(b"bye")
            server.transport.loseWriteConnection()  # there is no half
            assert await reader.read() == b"bye"
            writer.close()
            assert await server.lost() is ConnectionDone

    run(check)


def test_native_client_certificates(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        native = Native(ours)
        native.server_context.verify_mode = ssl.CERT_REQUIRED
        CA.configure_trust(native.server_context)
        CLIENT.configure_cert(native.client_context)
        native.client_context.set_alpn_protocols(["other"])
        async with native as (server, _, _writer):
            shown = server.transport.getPeerCertificate()
            assert shown.has_expired() is False
            described = peer_certificate(server.transport)
            assert isinstance(described, dict)
            assert ("email", "client@example.org") in described["subjectAltName"]
            assert server.transport.negotiatedProtocol is None

    run(check)


def test_native_endings(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        async with Native(ours, Half) as (server, _, writer):
            writer.close()  # says that it is done
            assert await server.lost() is ConnectionDone
            assert server.events == ["made", "lost"]
        async with Native(ours) as (server, _, writer):
            writer.transport.abort()  # says nothing
            assert await server.lost() is ConnectionLost
        async with Native(ours) as (server, reader, _):
            server.transport.abortConnection()
            assert await server.lost() is ConnectionAborted
            with pytest.raises(ConnectionError):
                await reader.read()

    run(check)


def test_native_closed_in_the_beginning(
    ours: UvloopReactor, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Leaving(Recorder):
        def connectionMade(self) -> None:
            super().connectionMade()
            self.transport.write(b"bye")
            self.transport.loseConnection()

    async def check() -> None:
        async with Native(ours, Leaving) as (_, reader, _writer):
            assert await reader.read() == b"bye"

    run(check)
    assert caplog.messages == []


def test_native_producers(ours: UvloopReactor, run: Any) -> None:
    class Pull:
        left = 3

        def __init__(self, transport: Any) -> None:
            self.transport = transport

        def resumeProducing(self) -> None:
            self.left -= 1
            self.transport.write(b"piece ")
            if not self.left:
                self.transport.unregisterProducer()

        def stopProducing(self) -> None:
            raise AssertionError

    async def check() -> None:
        async with Native(ours) as (server, reader, _):
            server.transport.registerProducer(Pull(server.transport), False)
            assert await reader.readexactly(18) == b"piece piece piece "

    run(check)


def test_native_handshakes_that_fail(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        servers = Servers()
        port: Any = ours.listenTLS(0, servers, server_context(), interface="127.0.0.1")
        reader, writer = await asyncio.open_connection(*port.socket.getsockname())
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with_alert = await reader.read()
        assert with_alert == b"" or with_alert[0] == 21
        writer.close()
        await writer.wait_closed()
        assert servers.made == []
        await finished(port.stopListening())

    run(check)


# -- Twisted's -------------------------------------------------------------------------------------


@pytest.fixture
def options(tmp_path: Path) -> CertificateOptions:
    file = tmp_path / "server.pem"
    file.write_bytes(SERVER.private_key_and_cert_chain_pem.bytes())
    return tls_options(str(file), str(file))


def test_ssl_both_ways(ours: UvloopReactor, run: Any, options: Any) -> None:
    async def check() -> None:
        servers, clients = Servers(Echo), Clients()
        port: Any = ours.listenSSL(0, servers, options, interface="127.0.0.1")
        ours.connectSSL("127.0.0.1", port.getHost().port, clients, CertificateOptions())
        client, server = await clients.one(), await servers.one()
        await client.until(lambda: client.events)
        client.transport.write(b"x" * 100_000)
        await client.until(lambda: len(client.received) == 100_000)
        client.transport.loseConnection()
        assert await client.lost() is ConnectionDone
        assert await server.lost() is ConnectionDone
        await finished(port.stopListening())

    run(check)


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_start_tls(kind: str, ours: UvloopReactor, run: Any, tmp_path: Path, options: Any) -> None:
    class Producer:
        calls = 0

        def resumeProducing(self) -> None:
            self.calls += 1

        def stopProducing(self) -> None:
            pass

    async def check() -> None:
        pair = Pair(ours, Echo)
        both = pair.tcp() if kind == "tcp" else pair.unix(tmp_path / "socket")
        server, client = await both
        producer = Producer()
        client.transport.registerProducer(producer, False)
        server.transport.startTLS(options)
        client.transport.startTLS(CertificateOptions())
        client.transport.unregisterProducer()
        assert producer.calls
        assert ISSLTransport.providedBy(client.transport)
        assert isinstance(client.transport.getHandle(), SSL.Connection)
        if kind == "tcp":  # the options are the socket's
            for enabled in (False, True):
                client.transport.setTcpNoDelay(enabled)
                client.transport.setTcpKeepAlive(enabled)
                assert client.transport.getTcpNoDelay() is enabled
                assert client.transport.getTcpKeepAlive() is enabled
        client.transport.write(b"hello")
        client.transport.writeSequence([b", ", b"world"])
        await client.gets(b"hello, world")
        shown = client.transport.getPeerCertificate()
        assert shown.to_cryptography().serial_number
        client.transport.loseConnection()
        client.transport.loseConnection()
        assert await client.lost() is ConnectionDone
        client.transport.write(b"nobody")
        client.transport.writeSequence([b"nobody"])
        client.transport.loseConnection()
        await pair.close()

    run(check)


def test_start_tls_with_a_context_that_fails(ours: UvloopReactor, run: Any) -> None:
    @implementer(IOpenSSLContextFactory)
    class Broken:
        def getContext(self) -> None:
            raise ZeroDivisionError

    async def check() -> None:
        async with Pair(ours, Echo) as (_, client):
            with pytest.raises(ZeroDivisionError):
                client.transport.startTLS(Broken())
            client.transport.write(b"still in the clear")
            await client.gets(b"still in the clear")

    run(check)


# --- the end of a port ---------------------------------------------------------------------------


async def begun(reactor: UvloopReactor, port: Any) -> tuple[Any, ssl.SSLObject, ssl.MemoryBIO, Any]:
    """A connection whose client has said nothing of TLS yet, and its two sides of TLS."""
    reader, writer = await asyncio.open_connection(*port.socket.getsockname())
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    while not port._greeting:  # accepted
        await asyncio.sleep(0)
    return (reader, writer), client, incoming, outgoing


def test_a_port_that_is_closed_waits_for_handshakes(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        servers = Servers()
        port: Any = ours.listenTLS(0, servers, server_context(), interface="127.0.0.1")
        (reader, writer), client, incoming, outgoing = await begun(ours, port)
        stopping = port.stopListening()
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(65536))
        writer.write(outgoing.read())
        await finished(stopping)
        server = await servers.one()
        assert port.disconnected
        writer.transport.abort()
        await server.lost()

    run(check)


def test_a_port_that_is_closed_does_not_wait_for_ever(
    ours: UvloopReactor, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cyclone.uvloopreactor.tls._PAUSE", 0.001)

    async def check() -> None:
        port: Any = ours.listenTLS(0, Servers(), server_context(), interface="127.0.0.1")
        (_, writer), *_ = await begun(ours, port)
        await finished(port.stopListening())
        assert port.disconnected
        writer.transport.abort()

    run(check)


def test_a_port_of_tls_that_somebody_else_has_opened(ours: UvloopReactor, run: Any) -> None:
    async def check() -> None:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            port: Any = ours.adoptTLSPort(
                listening.fileno(), socket.AF_INET, Servers(Echo), server_context()
            )
            assert port.getHost().port == listening.getsockname()[1]
            reader, writer = await asyncio.open_connection(
                *listening.getsockname(), ssl=client_context(), server_hostname="localhost"
            )
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.close()
            await writer.wait_closed()
            await finished(port.stopListening())
            for server in port.factory.made:
                await server.lost()

    run(check)
