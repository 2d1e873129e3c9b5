"""What servers need for a run: a file to serve, a certificate and its key, a database."""

from __future__ import annotations

import datetime
import ipaddress
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.cases import HOST, file_content
from bench.database import VARIABLE, Database

_DAY = datetime.timedelta(days=1)


class Fixtures:
    """A temporary directory with the files; a context manager, which removes them.

    Args:
        database: whether there is one, too.
    """

    def __init__(self, *, database: bool = False) -> None:
        self._database = Database() if database else None
        self._directory = tempfile.TemporaryDirectory(prefix="bench-")
        self.path = Path(self._directory.name)
        (self.path / "static").mkdir()
        (self.path / "static" / "file.bin").write_bytes(file_content())
        _write_certificate(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._directory.cleanup()
        if self._database is not None:
            self._database.close()

    def environment(self, *, tls: bool) -> dict[str, str]:
        """Return the variables that tell an application where the files are."""
        # A fixed seed would make the order of sets and the layout of dictionaries the same in all
        # rounds, good luck or bad; nothing is fixed, and rounds differ.
        files = {"BENCH_STATIC": str(self.path / "static")}
        if self._database is not None:
            files[VARIABLE] = self._database.url
        return {**files, "BENCH_TLS": str(self.path)} if tls else files


def _write_certificate(directory: Path) -> None:
    """Write ``certificate.pem`` and ``key.pem``: self-signed, for the loopback address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (directory / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    plain, form = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    (directory / "key.pem").write_bytes(key.private_bytes(pem, form, plain))
