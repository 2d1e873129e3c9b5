"""TLS: certificates, client certificates, tunnels through proxies."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    trustRootFromCertificates,
)
from twisted.web.client import BrowserLikePolicyForHTTPS

from cyclone.httpclient import (
    HTTPConnectError,
    HTTPRequest,
    HTTPStreamClosedError,
    HTTPTimeoutError,
)
from cyclone.httpclient.messages import DEFAULTS, with_defaults
from cyclone.httpclient.tls import TLSSettings, tls_settings

from .support import OK, ScriptFactory, ending, failing, script, serving


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory: Path = tmp_path_factory.mktemp("tls")
    authority.cert_pem.write_to_path(directory / "ca.pem")
    client = authority.issue_cert("client@example.com")
    client.private_key_and_cert_chain_pem.write_to_path(directory / "both.pem")
    client.cert_chain_pems[0].write_to_path(directory / "cert.pem")
    client.private_key_pem.write_to_path(directory / "key.pem")
    (directory / "empty.pem").write_text("")
    return directory


def options(authority: trustme.CA, *names: str, client: bool = False) -> Any:
    leaf = authority.issue_cert(*(names or ("127.0.0.1", "localhost")))
    trust: Any = trustRootFromCertificates([Certificate.loadPEM(authority.cert_pem.bytes())])
    return CertificateOptions(
        privateKey=load_pem_private_key(leaf.private_key_pem.bytes(), None),
        certificate=load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()),
        trustRoot=trust if client else None,
        acceptableProtocols=[b"http/1.1"],
    )


async def test_certificates(authority: trustme.CA, files: Path) -> None:
    ca = str(files / "ca.pem")
    async with script(OK, tls=options(authority)) as served:
        assert (await served.fetch(ca_certs=ca)).body == b"ok"
        assert (await served.fetch(ca_certs=ca)).body == b"ok"
        assert len(served.factory.connections) == 1
        assert (await served.fetch(ssl_options={"ca_certs": ca})).body == b"ok"
        named = f"https://localhost:{served.port}/"
        assert (await served.client.fetch(named, ca_certs=ca)).body == b"ok"
        await failing(served.fetch(), HTTPConnectError)
        assert (await served.fetch(validate_cert=False)).body == b"ok"
        lax = {"cert_reqs": ssl.CERT_NONE}
        assert (await served.client.fetch(named, ssl_options=lax)).body == b"ok"


async def test_a_certificate_for_another_name(authority: trustme.CA, files: Path) -> None:
    ca = str(files / "ca.pem")
    async with script(OK, tls=options(authority, "elsewhere.example")) as served:
        await failing(served.fetch(ca_certs=ca), HTTPConnectError)
        assert served.factory.requests == []


async def test_policies(authority: trustme.CA) -> None:
    trust: Any = trustRootFromCertificates([Certificate.loadPEM(authority.cert_pem.bytes())])
    async with script(OK, tls=options(authority)) as served:
        policy = BrowserLikePolicyForHTTPS(trust)
        assert (await served.fetch(ssl_options=policy)).body == b"ok"
        assert (await served.fetch(ssl_options=CertificateOptions())).body == b"ok"


@pytest.mark.parametrize("names", [("both.pem", None), ("cert.pem", "key.pem")])
async def test_client_certificates(authority: trustme.CA, files: Path, names: Any) -> None:
    ca = str(files / "ca.pem")
    cert = str(files / names[0])
    key = names[1] and str(files / names[1])
    async with script(OK, tls=options(authority, client=True)) as served:
        response = await served.fetch(ca_certs=ca, client_cert=cert, client_key=key)
        assert response.body == b"ok"
        lax = await served.fetch(validate_cert=False, client_cert=cert, client_key=key)
        assert lax.body == b"ok"
        await failing(served.fetch(ca_certs=ca), HTTPStreamClosedError)


async def test_files_that_are_no_good(files: Path) -> None:
    async with script(OK) as served:
        url = served.url.replace("http:", "https:")
        await failing(served.client.fetch(url, ca_certs=str(files / "none.pem")), OSError)
        fetched = served.client.fetch(url, ca_certs=str(files / "empty.pem"))
        await failing(fetched, ValueError, "no PEM certificate")


def test_settings() -> None:
    def settings(value: Any) -> TLSSettings:
        return tls_settings(with_defaults(HTTPRequest("https://a/", ssl_options=value), DEFAULTS))

    assert settings(None) == TLSSettings()
    assert settings({"certfile": "c"}) == TLSSettings(certificate="c")
    with pytest.raises(ValueError, match="ciphers"):
        settings({"ciphers": "x"})
    with pytest.raises(TypeError, match=r"ssl\.SSLContext"):
        settings(ssl.create_default_context())
    with pytest.raises(TypeError, match="int"):
        settings(5)


async def test_a_handshake_that_never_ends() -> None:
    async with script(OK) as served:
        url = served.url.replace("http:", "https:")
        fetched = served.client.fetch(url, connect_timeout=0.1)
        await failing(fetched, HTTPTimeoutError, "while connecting")


async def test_a_body_that_ends_with_the_connection(authority: trustme.CA) -> None:
    answer = ending(b"HTTP/1.1 200 OK\r\n\r\nok")
    async with script(answer, tls=options(authority)) as served:
        assert (await served.fetch(validate_cert=False)).body == b"ok"


# -- proxies


class Relay(Protocol):
    """A proxy that opens every tunnel."""

    factory: Any
    peer: Any = None

    def connectionMade(self) -> None:
        self.waiting = b""

    def dataReceived(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.transport.write(data)
            return
        self.waiting += data
        if b"\r\n\r\n" not in self.waiting:
            return
        self.factory.requests.append(self.waiting)
        from twisted.internet import reactor
        from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

        port = int(self.waiting.split(b" ")[1].rpartition(b":")[2])
        relay = self

        class Far(Protocol):
            def dataReceived(self, data: bytes) -> None:
                relay.transport.write(data)

            def connectionLost(self, reason: Any = None) -> None:
                relay.transport.loseConnection()

        connected: Any = connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Far())
        connected.addCallback(self.open)

    def open(self, far: Any) -> None:
        self.peer = far
        for part in (b"HTTP/1.1 200 Op", b"en\r\n\r\n"):
            self.transport.write(part)  # type: ignore[union-attr]

    def connectionLost(self, reason: Any = None) -> None:
        if self.peer is not None:
            self.peer.transport.loseConnection()


async def test_https_through_a_proxy(authority: trustme.CA, files: Path) -> None:
    factory: Any = ScriptFactory()
    factory.protocol = Relay
    async with serving(factory) as proxy, script(OK, tls=options(authority)) as served:
        kwargs = {
            "proxy_host": "127.0.0.1",
            "proxy_port": proxy.port,
            "proxy_username": "u",
            "proxy_password": "p",
            "ca_certs": str(files / "ca.pem"),
        }
        assert (await served.fetch(**kwargs)).body == b"ok"
        assert (await served.fetch(**kwargs)).body == b"ok"
        assert len(factory.requests) == 1
        assert f"CONNECT 127.0.0.1:{served.port} HTTP/1.1".encode() in factory.requests[0]
        assert b"Proxy-Authorization: Basic dTpw" in factory.requests[0]
        assert b"Proxy-Authorization" not in served.factory.requests[0]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 407 No\r\n\r\n", "407"),
        (ending(b""), "ended"),
        (b"nonsense\r\n\r\n", "Malformed"),
        (b"HTTP/1.1 200 OK\r\n\r\nmore", "200"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000, "too large"),
    ],
    ids=["refused", "ended", "nonsense", "more", "large"],
)
async def test_proxies_that_do_not_open_a_tunnel(answer: Any, message: str) -> None:
    async with script(answer) as proxy:
        fetched = proxy.client.fetch(
            "https://a.example/", proxy_host="127.0.0.1", proxy_port=proxy.port
        )
        await failing(fetched, HTTPConnectError, message)


async def test_a_proxy_that_says_nothing() -> None:
    async with script(lambda *_: None) as proxy:
        fetched = proxy.client.fetch(
            "https://[::1]/", proxy_host="127.0.0.1", proxy_port=proxy.port, connect_timeout=0.1
        )
        await failing(fetched, HTTPTimeoutError)
        assert b"CONNECT [::1]:443 " in proxy.factory.requests[0]


async def test_http_through_a_proxy() -> None:
    async with script(OK) as proxy:
        await proxy.client.fetch(
            "http://a.example/x", proxy_host="127.0.0.1", proxy_port=proxy.port, proxy_username="u"
        )
        assert proxy.factory.requests[0].startswith(b"GET http://a.example/x HTTP/1.1\r\n")
        assert b"Host: a.example\r\n" in proxy.factory.requests[0]
