"""The option ``ssl_options`` of `HTTPServer`: Tornado's dictionary, for Twisted's TLS."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from twisted.internet.ssl import (
    AcceptableCiphers,
    Certificate,
    CertificateOptions,
    TLSVersion,
)

__all__ = ["tls_context"]

#: What the server speaks (ALPN, RFC 7301).
_PROTOCOLS = [b"http/1.1", b"http/1.0"]
_KNOWN = {"certfile", "keyfile", "cert_reqs", "ca_certs", "ciphers", "ssl_version"}


def tls_context(options: Any) -> Any:
    """What a Twisted server makes TLS connections with, from TLS 1.2 up.

    Args:
        options: a dictionary with ``certfile`` (PEM, with its chain) and perhaps ``keyfile`` (the
            same file by default), ``cert_reqs`` (one of the ``CERT_*`` of `ssl`) and ``ca_certs``
            (PEM) for certificates of clients, and ``ciphers`` (in OpenSSL's notation); or a
            context factory of Twisted's, such as `CertificateOptions`, which is used as it is.

    Raises:
        KeyError: there is no ``certfile``.
        OSError: a file cannot be read.
        ValueError: a file is not what it should be, or an option does not exist.
        TypeError: `options` is an `ssl.SSLContext`, which gives neither key nor certificate.
    """
    if hasattr(options, "getContext") or hasattr(options, "serverConnectionForTLS"):
        return options
    if not isinstance(options, Mapping):
        raise TypeError(
            "ssl_options is a dictionary with certfile and keyfile, or a context factory of "
            f"Twisted's such as CertificateOptions, not {type(options).__name__}"
        )
    if "certfile" not in options:
        raise KeyError("missing key 'certfile' in ssl_options")
    if unknown := set(options) - _KNOWN:
        raise ValueError(f"unknown ssl_options: {', '.join(sorted(unknown))}")
    certificate_file = options["certfile"]
    chain = x509.load_pem_x509_certificates(_read(certificate_file))
    key: Any = load_pem_private_key(_read(options.get("keyfile") or certificate_file), None)
    extra: dict[str, Any] = {}
    if options.get("ciphers"):
        ciphers: Any = AcceptableCiphers
        extra["acceptableCiphers"] = ciphers.fromOpenSSLCipherString(options["ciphers"])
    wanted = options.get("cert_reqs", ssl.CERT_NONE)
    if wanted != ssl.CERT_NONE:
        extra["verify"] = True
        extra["caCerts"] = _authorities(options)
        extra["requireCertificate"] = wanted == ssl.CERT_REQUIRED
    # Objects of `cryptography`: pyOpenSSL is giving up its own.
    return CertificateOptions(
        privateKey=key,
        certificate=chain[0],  # type: ignore[arg-type]
        extraCertChain=chain[1:],  # type: ignore[arg-type]
        raiseMinimumTo=TLSVersion.TLSv1_2,
        acceptableProtocols=_PROTOCOLS,
        **extra,
    )


def _authorities(options: Mapping[str, Any]) -> list[Any]:
    if not options.get("ca_certs"):
        raise ValueError("ssl_options with cert_reqs need ca_certs: whose certificates count?")
    found = x509.load_pem_x509_certificates(_read(options["ca_certs"]))
    pem = [certificate.public_bytes(Encoding.PEM) for certificate in found]
    load: Any = Certificate.loadPEM
    return [load(data).original for data in pem]


def _read(path: Any) -> bytes:
    with open(path, "rb") as file:
        return file.read()
