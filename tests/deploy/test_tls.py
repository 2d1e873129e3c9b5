"""Certificates from files, and what a client sees of them."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory

from cyclone.deploy.errors import DeployError
from cyclone.deploy.tls import tls_options

CA = trustme.CA()
INTERMEDIATE = CA.create_child_ca()
LEAF = INTERMEDIATE.issue_cert("localhost")


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A certificate file with its chain, and the file of its key."""
    certificate, key = tmp_path / "server.crt", tmp_path / "server.key"
    for part in LEAF.cert_chain_pems:
        part.write_to_path(str(certificate), append=True)
    LEAF.private_key_pem.write_to_path(str(key))
    return str(certificate), str(key)


class Handshake:
    """A TLS client of the standard library and a server of ours, joined in memory."""

    def __init__(self, files: tuple[str, str], context: ssl.SSLContext) -> None:
        factory = TLSMemoryBIOFactory(
            tls_options(*files), False, Factory.forProtocol(Protocol), Clock()
        )
        self.server = factory.buildProtocol(None)
        self.transport = StringTransport()
        self.server.makeConnection(self.transport)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        for _ in range(10):
            try:
                self.client.do_handshake()
            except ssl.SSLWantReadError:
                self._exchange()

    def _exchange(self) -> None:
        self.server.dataReceived(self.outgoing.read())
        self.incoming.write(self.transport.value())
        self.transport.clear()


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


def test_a_client_that_knows_the_root_trusts_the_chain(files: tuple[str, str]) -> None:
    done = Handshake(files, client_context())
    assert done.client.version() == "TLSv1.3"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["http/1.1"], "http/1.1"),
        (["h2", "http/1.1"], "http/1.1"),
        (["http/1.1", "h2"], "http/1.1"),
        (["http/1.0"], "http/1.0"),
        ([], None),
    ],
)
def test_clients_that_name_their_protocols(
    files: tuple[str, str], offered: list[str], chosen: str | None
) -> None:
    context = client_context()
    if offered:
        context.set_alpn_protocols(offered)
    done = Handshake(files, context)
    assert done.client.selected_alpn_protocol() == chosen


def only(context: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")


def test_tls_1_2_is_spoken(files: tuple[str, str]) -> None:
    context = client_context()
    only(context, ssl.TLSVersion.TLSv1_2)
    assert Handshake(files, context).client.version() == "TLSv1.2"


def test_tls_1_1_is_refused(files: tuple[str, str]) -> None:
    context = client_context()
    with pytest.warns(DeprecationWarning):
        only(context, ssl.TLSVersion.TLSv1_1)
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        Handshake(files, context)


def test_one_file_with_both(tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    LEAF.private_key_and_cert_chain_pem.write_to_path(str(both))
    assert Handshake((str(both), str(both)), client_context()).client.version()


@pytest.mark.parametrize("kind", list(trustme.KeyType))
def test_kinds_of_keys(tmp_path: Path, kind: trustme.KeyType) -> None:
    both = tmp_path / "both.pem"
    CA.issue_cert("localhost", key_type=kind).private_key_and_cert_chain_pem.write_to_path(
        str(both)
    )
    assert Handshake((str(both), str(both)), client_context()).client.version()


def encrypted(key: bytes) -> bytes:
    private = load_pem_private_key(key, None)
    return private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )


def foreign() -> bytes:
    private = x25519.X25519PrivateKey.generate()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


CERTIFICATE = LEAF.cert_chain_pems[0].bytes()
KEY = LEAF.private_key_pem.bytes()
OTHER_KEY = CA.issue_cert("localhost").private_key_pem.bytes()


@pytest.mark.parametrize(
    ("certificate", "key", "message"),
    [
        (None, KEY, "cannot read the certificate {crt}: No such file or directory"),
        (CERTIFICATE, None, "cannot read the private key {key}: No such file or directory"),
        (b"", KEY, "there is no PEM certificate in {crt}"),
        (b"\xff\x00", KEY, "there is no PEM certificate in {crt}"),
        (KEY, KEY, "there is no PEM certificate in {crt}"),
        (CERTIFICATE, b"", "there is no PEM private key in {key}"),
        (CERTIFICATE, CERTIFICATE, "there is no PEM private key in {key}"),
        (CERTIFICATE, encrypted(KEY), "the private key in {key} is encrypted"),
        (CERTIFICATE, foreign(), "the private key in {key} is of a kind that TLS does not use"),
        (CERTIFICATE, OTHER_KEY, "the key in {key} is not that of the certificate {crt}"),
    ],
)
def test_what_can_be_wrong(
    tmp_path: Path, certificate: bytes | None, key: bytes | None, message: str
) -> None:
    crt_file, key_file = tmp_path / "a.crt", tmp_path / "a.key"
    for path, content in ((crt_file, certificate), (key_file, key)):
        if content is not None:
            path.write_bytes(content)
    with pytest.raises(DeployError) as caught:
        tls_options(str(crt_file), str(key_file))
    assert str(caught.value) == message.format(crt=crt_file, key=key_file)


def test_a_directory_is_no_certificate(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="Is a directory"):
        tls_options(str(tmp_path), str(tmp_path))
