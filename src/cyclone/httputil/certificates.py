"""Client certificates, as `ssl.SSLSocket.getpeercert` returns them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["peer_certificate"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: OpenSSL's names of the attributes that names in certificates are made of.
_ATTRIBUTES = {
    "2.5.4.3": "commonName",
    "2.5.4.4": "surname",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "countryName",
    "2.5.4.7": "localityName",
    "2.5.4.8": "stateOrProvinceName",
    "2.5.4.9": "streetAddress",
    "2.5.4.10": "organizationName",
    "2.5.4.11": "organizationalUnitName",
    "2.5.4.12": "title",
    "2.5.4.17": "postalCode",
    "2.5.4.42": "givenName",
    "1.2.840.113549.1.9.1": "emailAddress",
    "0.9.2342.19200300.100.1.1": "userId",
    "0.9.2342.19200300.100.1.25": "domainComponent",
}


def peer_certificate(transport: Any, binary_form: bool = False) -> dict[str, Any] | bytes | None:
    """Return the certificate that the peer of a connection has shown.

    Args:
        transport: of the connection.
        binary_form: whether to return it DER-encoded.

    Returns:
        its subject, issuer, version, serialNumber, notBefore, notAfter and subjectAltName.  None
        if the connection has no TLS or the peer showed none.
    """
    get_peer_certificate = getattr(transport, "getPeerCertificate", None)
    shown = get_peer_certificate() if get_peer_certificate is not None else None
    if shown is None:
        return None
    certificate: x509.Certificate = shown.to_cryptography()
    if not binary_form:
        return _described(certificate)
    # Imported where it is needed: servers without TLS have no use for it.
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def _described(certificate: x509.Certificate) -> dict[str, Any]:
    serial = f"{certificate.serial_number:X}"
    described: dict[str, Any] = {
        "subject": _name(certificate.subject),
        "issuer": _name(certificate.issuer),
        "version": certificate.version.value + 1,
        "serialNumber": serial.zfill(len(serial) + len(serial) % 2),
        "notBefore": _date(certificate.not_valid_before_utc),
        "notAfter": _date(certificate.not_valid_after_utc),
    }
    alternatives = _alternative_names(certificate)
    if alternatives:
        described["subjectAltName"] = alternatives
    return described


def _name(name: x509.Name) -> tuple[tuple[tuple[str, str], ...], ...]:
    return tuple(
        tuple(
            (_ATTRIBUTES.get(part.oid.dotted_string, part.oid.dotted_string), str(part.value))
            for part in group
        )
        for group in name.rdns
    )


def _date(date: datetime) -> str:
    return f"{_MONTHS[date.month - 1]} {date.day:2d} {date:%H:%M:%S} {date.year} GMT"


def _alternative_names(certificate: x509.Certificate) -> tuple[tuple[str, str], ...]:
    from cryptography import x509

    kinds: tuple[tuple[type[x509.GeneralName], str], ...] = (
        (x509.DNSName, "DNS"),
        (x509.IPAddress, "IP Address"),
        (x509.UniformResourceIdentifier, "URI"),
        (x509.RFC822Name, "email"),
    )
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(
        (label, str(name.value))
        for name in names
        for kind, label in kinds
        if isinstance(name, kind)
    )
