"""Where the certificates of a server are: files, directories of them, and which hosts they name."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterator

from cryptography import x509

from .errors import DeployError
from .tls import read_file

__all__ = ["TLSFiles", "hosts_of", "marks_of", "pairs_in"]


@dataclasses.dataclass(frozen=True, slots=True)
class TLSFiles:
    """Where the certificates of a server are.

    Attributes:
        certificate, key: PEM files of the certificate for clients that name no host, or an unknown
            one; None for the directory's ``default``, and without that such clients are refused.
        directory: of certificates with their keys: ``NAME.pem`` with both, ``NAME.crt`` or
            ``NAME.pem`` beside ``NAME.key``, or ``NAME/fullchain.pem`` beside
            ``NAME/privkey.pem``, as certbot has them.  Which hosts one is for stands in itself;
            ``NAME`` is only for people, but for ``default``.
        client_ca: PEM file with those who may sign certificates of clients.
        client_certificates: ``none``, ``optional`` or ``required``.
    """

    certificate: str | None = None
    key: str | None = None
    directory: str | None = None
    client_ca: str | None = None
    client_certificates: str = "none"

    def absolute(self) -> TLSFiles:
        """The same from the root of the file system on."""
        names = ("certificate", "key", "directory", "client_ca")
        paths = {name: path for name in names if (path := getattr(self, name)) is not None}
        return dataclasses.replace(
            self, **{name: os.path.abspath(path) for name, path in paths.items()}
        )


def marks_of(certificate_file: str, key_file: str) -> list[bytes]:
    """What tells whether files have changed, without the key itself."""
    contents = read_file(certificate_file, "certificate"), read_file(key_file, "private key")
    return [hashlib.sha256(content).digest() for content in contents]


def pairs_in(directory: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Names, and the files of certificate and key."""
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        raise DeployError(
            f"cannot read the directory of certificates {directory}: {error.strerror}"
        ) from error
    for name in names:
        path = os.path.join(directory, name)
        if name.startswith("."):
            continue
        stem, suffix = os.path.splitext(name)
        # Links to files that may not be read, as certbot's, are an error and not nothing.
        if os.path.isdir(path):
            chain, key = os.path.join(path, "fullchain.pem"), os.path.join(path, "privkey.pem")
            if os.path.lexists(chain) or os.path.lexists(key):
                yield name, (chain, key)
        elif suffix in (".pem", ".crt"):
            key = os.path.join(directory, f"{stem}.key")
            yield stem, (path, key if os.path.lexists(key) else path)


def hosts_of(certificate: x509.Certificate, file: str) -> frozenset[str]:
    """The hosts that a certificate is for; old ones have their name elsewhere (RFC 9525 1.2)."""
    names: list[str] = []
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        pass
    except (ValueError, x509.DuplicateExtension) as error:
        raise DeployError(f"the certificate in {file} is malformed: {error}") from error
    if not names:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        names = [str(attribute.value) for attribute in common]
    return frozenset(name.lower() for name in names)
