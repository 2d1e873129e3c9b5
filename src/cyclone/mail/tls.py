"""TLS to mail servers: certificates are verified, with the host name, unless told otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    optionsForClientTLS,
    trustRootFromCertificates,
)

from cyclone.log import gen_log

from .settings import Server

__all__ = ["connection_creator", "tls_trouble"]

_END = b"-----END CERTIFICATE-----"


def connection_creator(server: Server) -> Any:
    """What makes the TLS connections to a server.

    Raises:
        OSError: the file of authorities cannot be read.
        ValueError: it holds no certificate.
    """
    if not server.verify:
        gen_log.warning(
            "mail: the certificate of %s is not verified (verify=False): anybody on the way can "
            "read the mail and the password",
            server.name,
        )
        return CertificateOptions()
    roots = None
    if server.ca_certs is not None:
        pieces = Path(server.ca_certs).read_bytes().split(_END)[:-1]
        if not pieces:
            raise ValueError(f"{server.ca_certs} holds no PEM certificate")
        certificates = [Certificate.loadPEM(piece + _END + b"\n") for piece in pieces]
        roots = trustRootFromCertificates(certificates)  # type: ignore[no-untyped-call]
    return optionsForClientTLS(server.host, trustRoot=roots)


def tls_trouble(error: BaseException | None) -> str:
    """What went wrong with TLS, in words."""
    reasons = error.args[0] if error is not None and error.args else None
    if isinstance(reasons, list) and reasons and isinstance(reasons[0], tuple):
        return "; ".join(str(reason[-1]) for reason in reasons)  # OpenSSL.SSL.Error
    if type(error).__name__ == "VerificationError":
        return f"the certificate is not for this host: {error}"
    return str(error) or type(error).__name__
