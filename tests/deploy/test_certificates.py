"""Certificates of several hosts, with TLS of both kinds, joined to a client in memory."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from trustme import KeyType
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory

from cyclone.deploy import CertificateStore, DeployError, TLSFiles, certificates
from cyclone.deploy.tls import Certificates
from cyclone.testing import ExpectLog
from cyclone.web import Application

CA = trustme.CA()
OTHER_CA = trustme.CA()
CERTIFICATES = {
    "one": CA.issue_cert("one.example", "www.one.example"),
    "two": CA.issue_cert("two.example"),
    "wild": CA.issue_cert("*.wild.example"),
    "default": CA.issue_cert("default.example"),
    "client": CA.issue_cert("client@example.org"),
    "stranger": OTHER_CA.issue_cert("stranger@example.org"),
}


class Wire:
    """Bytes from a client to a server and back, until neither has more to say."""

    def __init__(
        self, context: ssl.SSLContext, name: str | None, session: ssl.SSLSession | None = None
    ) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = context.wrap_bio(
            self.incoming, self.outgoing, server_hostname=name, session=session
        )

    def shake(self, answer: Callable[[bytes], bytes]) -> Wire:
        for _ in range(10):
            try:
                self.client.do_handshake()
                self.incoming.write(answer(self.outgoing.read()))
                self.client.read(1)  # TLS 1.3 says here that a certificate is missing
            except ssl.SSLWantReadError:
                self.incoming.write(answer(self.outgoing.read()))
        return self


def native(
    store: CertificateStore | Certificates,
) -> tuple[Callable[[bytes], bytes], Callable[[], Any]]:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = store.context.wrap_bio(incoming, outgoing, server_side=True)

    def answer(data: bytes) -> bytes:
        incoming.write(data)
        with contextlib.suppress(ssl.SSLError):
            server.do_handshake()
        return outgoing.read()

    return answer, lambda: server.getpeercert()


def twisted(
    store: CertificateStore | Certificates,
) -> tuple[Callable[[bytes], bytes], Callable[[], Any]]:
    factory = TLSMemoryBIOFactory(store, False, Factory.forProtocol(Protocol), Clock())
    server: Any = factory.buildProtocol(None)
    transport = StringTransport()
    transport.abortConnection = lambda: None  # type: ignore[method-assign]
    server.makeConnection(transport)

    def answer(data: bytes) -> bytes:
        if data:
            server.dataReceived(data)
        said = transport.value()
        transport.clear()
        return said

    return answer, server.getPeerCertificate


KINDS = pytest.mark.parametrize("kind", [native, twisted], ids=["native", "twisted"])


def client_context(certificate: str = "") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    CA.configure_trust(context)
    context.check_hostname = False
    context.set_alpn_protocols(["h2", "http/1.1"])
    if certificate:
        CERTIFICATES[certificate].configure_cert(context)
    return context


def names_of(wire: Wire) -> list[str]:
    certificate: Any = wire.client.getpeercert()
    return [name for _, name in certificate["subjectAltName"]]


def put(name: str, chain: Path, key: Path, *, issued: Any = None) -> None:
    leaf = CERTIFICATES[name] if issued is None else issued
    chain.parent.mkdir(parents=True, exist_ok=True)
    if key == chain:
        leaf.private_key_and_cert_chain_pem.write_to_path(str(chain))
        return
    chain.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    leaf.private_key_pem.write_to_path(str(key))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Each of the layouts, and things that are none."""
    path = tmp_path / "certs"
    put("one", path / "one.example.pem", path / "one.example.pem")
    put("two", path / "two.example" / "fullchain.pem", path / "two.example" / "privkey.pem")
    put("wild", path / "wild.crt", path / "wild.key")
    (path / "README").write_text("of certbot")
    (path / ".hidden.pem").write_text("being written")
    (path / "accounts").mkdir()
    return path


@KINDS
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("one.example", ["one.example", "www.one.example"]),
        ("WWW.one.example", ["one.example", "www.one.example"]),
        ("two.example", ["two.example"]),
        ("any.wild.example", ["*.wild.example"]),
        ("deep.any.wild.example", ["default.example"]),
        ("wild.example", ["default.example"]),
        ("unknown.example", ["default.example"]),
        (None, ["default.example"]),
    ],
)
def test_the_name_decides(directory: Path, kind: Any, asked: str | None, found: list[str]) -> None:
    put("default", directory / "default.pem", directory / "default.pem")
    store = CertificateStore(TLSFiles(directory=str(directory)))
    store.speak(Application([]))
    wire = Wire(client_context(), asked).shake(kind(store)[0])
    assert names_of(wire) == found
    assert wire.client.selected_alpn_protocol() == "http/1.1"
    assert wire.client.version() == "TLSv1.3"


@KINDS
@pytest.mark.parametrize("asked", ["unknown.example", "xn--caf-dma.example", None])
def test_without_a_default_others_are_refused(
    directory: Path, kind: Any, asked: str | None
) -> None:
    store = CertificateStore(TLSFiles(directory=str(directory)))
    assert store.names == ["*.wild.example", "one.example", "two.example", "www.one.example"]
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized|handshake failure|alert"):
        Wire(client_context(), asked).shake(kind(store)[0])
    assert Wire(client_context(), "two.example").shake(kind(store)[0]).client.version()


@KINDS
def test_a_default_by_its_files(directory: Path, tmp_path: Path, kind: Any) -> None:
    put("default", tmp_path / "server.crt", tmp_path / "server.key")
    files = TLSFiles(
        str(tmp_path / "server.crt"), str(tmp_path / "server.key"), directory=str(directory)
    )
    wire = Wire(client_context(), "unknown.example").shake(kind(CertificateStore(files))[0])
    assert names_of(wire) == ["default.example"]


@KINDS
def test_reading_anew(directory: Path, kind: Any) -> None:
    store = CertificateStore(TLSFiles(directory=str(directory)))
    before, _ = kind(store)  # a connection that is being made
    context = store.context
    new = CA.issue_cert("one.example", "new.one.example")
    put("", directory / "one.example.pem", directory / "one.example.pem", issued=new)
    put("default", directory / "default.pem", directory / "default.pem")
    store.reload()
    assert store.context is context
    wire = Wire(client_context(), "one.example").shake(kind(store)[0])
    assert "new.one.example" in names_of(wire)
    assert names_of(Wire(client_context(), None).shake(kind(store)[0])) == ["default.example"]
    assert Wire(client_context(), "two.example").shake(before).client.version()
    # What cannot be read leaves everything as it was.
    (directory / "wild.key").write_text("half of a k")
    with pytest.raises(DeployError, match="wild"):
        store.reload()
    assert "new.one.example" in names_of(
        Wire(client_context(), "one.example").shake(kind(store)[0])
    )


@KINDS
def test_clients_may_show_certificates(directory: Path, tmp_path: Path, kind: Any) -> None:
    authority = tmp_path / "clients.pem"
    CA.cert_pem.write_to_path(str(authority))

    def meet(how: str, certificate: str = "") -> Any:
        files = TLSFiles(
            directory=str(directory), client_ca=str(authority), client_certificates=how
        )
        answer, shown = kind(CertificateStore(files))
        Wire(client_context(certificate), "two.example").shake(answer)
        return shown()

    assert meet("required", "client")
    assert meet("optional", "client")
    assert not meet("optional")
    assert not meet("none", "client")
    with pytest.raises(ssl.SSLError, match=r"(?i)alert|required"):
        meet("required")
    for how in ("required", "optional"):
        with pytest.raises(ssl.SSLError, match=r"(?i)unknown.ca|alert"):
            meet(how, "stranger")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@KINDS
def test_an_authority_that_was_taken_away(
    directory: Path, tmp_path: Path, kind: Any, version: ssl.TLSVersion
) -> None:
    authority = tmp_path / "clients.pem"
    CA.cert_pem.write_to_path(str(authority))
    files = TLSFiles(
        directory=str(directory), client_ca=str(authority), client_certificates="required"
    )
    store = CertificateStore(files)
    context = client_context("client")
    context.maximum_version = version

    def meet(session: ssl.SSLSession | None = None) -> tuple[ssl.SSLObject, Any]:
        answer, shown = kind(store)
        wire = Wire(context, "two.example", session)
        with contextlib.suppress(ssl.SSLError):
            wire.shake(answer)
        try:
            return wire.client, shown()
        except ValueError:  # there has been no handshake
            return wire.client, None

    client, certificate = meet()
    assert certificate
    authority.write_bytes(OTHER_CA.cert_pem.bytes())
    store.reload()
    assert not meet()[1]
    # Nor is a session from before of any use, in which the certificate is not looked at again.
    assert not meet(client.session)[1]


def test_what_has_not_changed_is_not_set_up_again(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = tmp_path / "clients.pem"
    CA.cert_pem.write_to_path(str(authority))
    files = TLSFiles(
        directory=str(directory), client_ca=str(authority), client_certificates="optional"
    )
    read: list[str] = []
    for name in ("tls_options", "tls_context"):
        original = getattr(certificates, name)

        def noting(file: str, key: str, original: Any = original) -> Any:
            read.append(Path(file).name)
            return original(file, key)

        monkeypatch.setattr(certificates, name, noting)

    def reload() -> list[str]:
        read.clear()
        store.reload()
        return sorted(read)

    store = CertificateStore(files)
    assert store.context
    assert reload() == []
    new = CA.issue_cert("one.example", "new.one.example")
    put("", directory / "one.example.pem", directory / "one.example.pem", issued=new)
    assert reload() == ["one.example.pem"] * 2
    assert "new.one.example" in store.names
    authority.write_bytes(OTHER_CA.cert_pem.bytes())
    assert reload() == sorted(["one.example.pem", "fullchain.pem", "wild.crt"] * 2)


@KINDS
def test_another_kind_of_key(tmp_path: Path, kind: Any) -> None:
    both = str(tmp_path / "both.pem")
    both_kinds: Any = None
    for host, key_type in (("rsa.example", KeyType.RSA), ("ec.example", KeyType.ECDSA)) * 2:
        leaf = CA.issue_cert(host, key_type=key_type)
        leaf.private_key_and_cert_chain_pem.write_to_path(both)
        if both_kinds is None:
            both_kinds = Certificates(both, both)
        both_kinds.reload()
        assert names_of(Wire(client_context(), host).shake(kind(both_kinds)[0])) == [host]


def test_one_that_is_not_valid_yet(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    for name, begins, ends in (("a", -1, 3), ("b", 1, 9)):
        leaf = CA.issue_cert(
            *("same.example", f"{name}.example"),
            not_before=now + timedelta(days=begins),
            not_after=now + timedelta(days=ends),
        )
        put("", tmp_path / f"{name}.pem", tmp_path / f"{name}.pem", issued=leaf)
    store = CertificateStore(TLSFiles(directory=str(tmp_path)))
    wire = Wire(client_context(), "same.example").shake(native(store)[0])
    assert names_of(wire) == ["same.example", "a.example"]


def test_of_two_the_one_that_lasts_longer(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    for name, days in (("a", 3), ("b", 9), ("c", 6)):
        leaf = CA.issue_cert("same.example", not_after=now + timedelta(days=days))
        put("", tmp_path / f"{name}.pem", tmp_path / f"{name}.pem", issued=leaf)
    store = CertificateStore(TLSFiles(directory=str(tmp_path)))
    wire = Wire(client_context(), "same.example").shake(native(store)[0])
    certificate: Any = wire.client.getpeercert()
    ends = ssl.cert_time_to_seconds(certificate["notAfter"])
    assert abs(ends - (now + timedelta(days=9)).timestamp()) < 2


def test_files_that_are_called_the_same(tmp_path: Path) -> None:
    put("one", tmp_path / "same" / "fullchain.pem", tmp_path / "same" / "privkey.pem")
    put("two", tmp_path / "same.pem", tmp_path / "same.pem")
    names = CertificateStore(TLSFiles(directory=str(tmp_path))).names
    assert names == ["one.example", "two.example", "www.one.example"]


def test_names_of_old_certificates(tmp_path: Path) -> None:
    leaf = CA.issue_cert(
        common_name="Old.Example",
        not_before=datetime(2020, 1, 1, tzinfo=UTC),
        not_after=datetime(2021, 1, 1, tzinfo=UTC),
    )
    put("", tmp_path / "old.pem", tmp_path / "old.pem", issued=leaf)
    with ExpectLog("cyclone.general", "the certificate in .* has expired"):
        assert CertificateStore(TLSFiles(directory=str(tmp_path))).names == ["old.example"]


def test_one_for_no_host(tmp_path: Path) -> None:
    put("", tmp_path / "ip.pem", tmp_path / "ip.pem", issued=CA.issue_cert("127.0.0.1"))
    with ExpectLog("cyclone.general", r"no host is named in .*ip\.pem: nobody will get it"):
        assert CertificateStore(TLSFiles(directory=str(tmp_path))).names == []
    (tmp_path / "ip.pem").rename(tmp_path / "default.pem")
    wire = Wire(client_context(), None).shake(
        native(CertificateStore(TLSFiles(directory=str(tmp_path))))[0]
    )
    assert wire.client.version()


def _empty(path: Path) -> TLSFiles:
    return TLSFiles(directory=str(path))


def _no_key(path: Path) -> TLSFiles:
    put("one", path / "one.pem", path / "one.key")
    (path / "one.key").unlink()
    return TLSFiles(directory=str(path))


def _half(path: Path) -> TLSFiles:
    put("one", path / "one" / "fullchain.pem", path / "one" / "privkey.pem")
    (path / "one" / "fullchain.pem").unlink()
    return TLSFiles(directory=str(path))


def _links(path: Path) -> TLSFiles:
    (path / "one").mkdir()
    for name in ("fullchain.pem", "privkey.pem"):
        (path / "one" / name).symlink_to("/no/such/archive/" + name)
    return TLSFiles(directory=str(path))


def _issue(path: Path, key: Any, names: x509.ExtensionType) -> TLSFiles:
    """A certificate that signs itself."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "one.example")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (path / "one.pem").write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
    return TLSFiles(directory=str(path))


def _weak(path: Path) -> TLSFiles:
    key = rsa.generate_private_key(65537, 1024)
    return _issue(path, key, x509.SubjectAlternativeName([x509.DNSName("one.example")]))


def _bad_names(path: Path) -> TLSFiles:
    names = x509.UnrecognizedExtension(x509.oid.ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"no DER")
    return _issue(path, ec.generate_private_key(ec.SECP256R1()), names)


def _ca(content: str) -> Callable[[Path], TLSFiles]:
    def make(path: Path) -> TLSFiles:
        put("one", path / "one.pem", path / "one.pem")
        if content:
            (path / "ca").write_text(content)
        return TLSFiles(
            directory=str(path), client_ca=str(path / "ca"), client_certificates="required"
        )

    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_empty, "there is no certificate in"),
        (_no_key, "there is no PEM private key in"),
        (_half, "cannot read the certificate"),
        (_links, "cannot read the certificate .*one/fullchain.pem: No such file"),
        (_weak, "TLS cannot use the certificate .*one.pem: ee key too small"),
        (_bad_names, "the certificate in .*one.pem is malformed"),
        (lambda path: TLSFiles(directory=str(path / "no")), "cannot read the directory"),
        (lambda path: TLSFiles("a", "b", client_certificates="maybe"), "not 'maybe'"),
        (lambda path: TLSFiles("a", "b", client_certificates="required"), "file of their CA"),
        (_ca(""), "cannot read the certificate"),
        (_ca("nothing"), "there is no PEM certificate in"),
    ],
)
def test_what_is_wrong(tmp_path: Path, make: Any, message: str) -> None:
    with pytest.raises(DeployError, match=message):
        CertificateStore(make(tmp_path))
