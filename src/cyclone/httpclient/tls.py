"""The TLS settings of a request, as Twisted wants them."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates
from OpenSSL import SSL
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from .messages import HTTPRequest

__all__ = ["TLSSettings", "connection_creator", "tls_settings"]

#: What is spoken inside (ALPN, RFC 7301).
_PROTOCOLS = [b"http/1.1"]
_END_OF_CERTIFICATE = b"-----END CERTIFICATE-----"


class TLSSettings(NamedTuple):
    """What connections have in common that may be used for each other's requests.

    Attributes:
        verify: whether certificates are checked.
        ca_certs: file of the authorities, None for those of the system.
        certificate: file of the client's certificate, None for none.
        key: file of its key, None if it is in the same file.
        policy: an object of the application that decides instead of all that.
    """

    verify: bool = True
    ca_certs: str | None = None
    certificate: str | None = None
    key: str | None = None
    policy: Any = None


def tls_settings(request: HTTPRequest) -> TLSSettings:
    """The settings of a request.

    Raises:
        TypeError: its `ssl_options` are of a kind that cannot be used.
        ValueError: they have a key that is not known.
    """
    options = request.ssl_options
    if options is None:
        return TLSSettings(
            bool(request.validate_cert), request.ca_certs, request.client_cert, request.client_key
        )
    if isinstance(options, dict):
        return _from_dict(options)
    if isinstance(options, CertificateOptions) or IPolicyForHTTPS.providedBy(options):
        return TLSSettings(policy=options)
    if isinstance(options, ssl.SSLContext):
        raise TypeError(
            "ssl_options: Twisted's TLS has no use for an ssl.SSLContext; give a dict, a "
            "twisted.internet.ssl.CertificateOptions or an IPolicyForHTTPS"
        )
    raise TypeError(f"ssl_options cannot be a {type(options).__name__}")


def _from_dict(options: dict[str, Any]) -> TLSSettings:
    unknown = options.keys() - {"ca_certs", "cert_reqs", "certfile", "keyfile"}
    if unknown:
        raise ValueError(f"ssl_options: unknown keys {sorted(unknown)}")
    verify = options.get("cert_reqs", ssl.CERT_REQUIRED) != ssl.CERT_NONE
    return TLSSettings(
        verify, options.get("ca_certs"), options.get("certfile"), options.get("keyfile")
    )


def connection_creator(settings: TLSSettings, host: str, port: int) -> Any:
    """What makes the TLS connections to `host`.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file holds no certificate.
    """
    policy = settings.policy
    if IPolicyForHTTPS.providedBy(policy):
        return policy.creatorForNetloc(host.encode("ascii"), port)
    if policy is not None:
        return _WithContext(policy.getContext(), host)
    certificate = _client_certificate(settings)
    if settings.verify:
        return optionsForClientTLS(
            host,
            trustRoot=_trust_root(settings.ca_certs),
            acceptableProtocols=_PROTOCOLS,
            extraCertificateOptions=certificate,
        )
    options = CertificateOptions(acceptableProtocols=_PROTOCOLS, **certificate)
    context = options.getContext()
    context.set_verify(SSL.VERIFY_NONE, lambda *_: True)
    return _WithContext(context, host)


def _trust_root(path: str | None) -> Any:
    """The authorities of a PEM file, None for those of the system."""
    if path is None:
        return None
    pieces = Path(path).read_bytes().split(_END_OF_CERTIFICATE)[:-1]
    if not pieces:
        raise ValueError(f"{path} holds no PEM certificate")
    return trustRootFromCertificates(  # type: ignore[no-untyped-call]
        [Certificate.loadPEM(piece + _END_OF_CERTIFICATE + b"\n") for piece in pieces]
    )


def _client_certificate(settings: TLSSettings) -> dict[str, Any]:
    """The arguments of `CertificateOptions` that show a certificate, and those it depends on."""
    if settings.certificate is None:
        return {}
    pem = Path(settings.certificate).read_bytes()
    first, *chain = load_pem_x509_certificates(pem)
    if settings.key is not None:
        pem = Path(settings.key).read_bytes()
    key = load_pem_private_key(pem, None)
    return {"privateKey": key, "certificate": first, "extraCertChain": chain}


@implementer(IOpenSSLClientConnectionCreator)
class _WithContext:
    """Makes connections from a context that says itself what it checks."""

    def __init__(self, context: Any, host: str) -> None:
        self._context = context
        self._host = host

    def clientConnectionForTLS(self, tlsProtocol: Any) -> Any:
        connection = SSL.Connection(self._context, None)
        if not isIPAddress(self._host) and not isIPv6Address(self._host):
            connection.set_tlsext_host_name(self._host.encode("ascii"))
        return connection
