"""Client certificates."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL.crypto import X509

from cyclone.httputil import HTTPServerRequest


class Transport:
    def __init__(self, certificate: X509 | None) -> None:
        self.certificate = certificate

    def getPeerCertificate(self) -> X509 | None:
        return self.certificate


class Connection:
    def __init__(self, transport: Any) -> None:
        self.transport = transport


def request_of(transport: Any) -> HTTPServerRequest:
    return HTTPServerRequest("GET", "/", connection=Connection(transport))


def as_openssl(pem: bytes) -> X509:
    return X509.from_cryptography(x509.load_pem_x509_certificate(pem))


def test_certificate_is_described_as_ssl_does(tmp_path: Path) -> None:
    authority = trustme.CA()
    pem = (
        authority.issue_cert(
            "user@example.com",
            "client.example.com",
            "127.0.0.1",
            "::1",
            common_name="Client",
            organization_name="Example",
            organization_unit_name="Tests",
        )
        .cert_chain_pems[0]
        .bytes()
    )
    path = tmp_path / "cert.pem"
    path.write_bytes(pem)
    expected = ssl._ssl._test_decode_cert(path)  # type: ignore[attr-defined]
    described = request_of(Transport(as_openssl(pem))).get_ssl_certificate()
    assert isinstance(described, dict)
    for key in "subject", "issuer", "version", "serialNumber", "notBefore", "notAfter":
        assert described[key] == expected[key], key
    # OpenSSL writes IPv6 addresses at full length.
    names = [(kind, name) for kind, name in expected["subjectAltName"] if ":" not in name]
    assert [item for item in described["subjectAltName"] if ":" not in item[1]] == names
    assert ("IP Address", "::1") in described["subjectAltName"]


def test_binary_form_is_der() -> None:
    pem = trustme.CA().cert_pem.bytes()
    der = request_of(Transport(as_openssl(pem))).get_ssl_certificate(binary_form=True)
    assert der == ssl.PEM_cert_to_DER_cert(pem.decode())


def test_unusual_names_and_none() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@example.com"),
            x509.NameAttribute(NameOID.GENERATION_QUALIFIER, "II"),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(0xABC)
        .not_valid_before(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        .not_valid_after(datetime(2027, 11, 22, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    described = request_of(Transport(X509.from_cryptography(certificate))).get_ssl_certificate()
    assert described == {
        "subject": ((("emailAddress", "a@example.com"),), (("2.5.4.44", "II"),)),
        "issuer": ((("emailAddress", "a@example.com"),), (("2.5.4.44", "II"),)),
        "version": 3,
        "serialNumber": "0ABC",
        "notBefore": "Jan  2 03:04:05 2026 GMT",
        "notAfter": "Nov 22 00:00:00 2027 GMT",
    }


@pytest.mark.parametrize("transport", [None, object(), Transport(None)])
def test_none_without_a_certificate(transport: Any) -> None:
    assert request_of(transport).get_ssl_certificate() is None
    assert request_of(transport).get_ssl_certificate(binary_form=True) is None


def test_none_without_a_connection() -> None:
    assert HTTPServerRequest("GET", "/").get_ssl_certificate() is None
