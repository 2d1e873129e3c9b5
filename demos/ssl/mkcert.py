"""Makes a certificate authority, and a certificate for a server that it vouches for.

::

    python mkcert.py [NAME ...]                     names besides localhost, 127.0.0.1 and ::1

They go to the directory ``certificates``: ``ca.crt`` is for those who shall trust the server,
``server.crt`` and ``server.key`` for the server.  The authority's key is not kept: nobody can sign
anything else with it.
"""

from __future__ import annotations

import argparse
import datetime
import ipaddress
import os
import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

HERE = Path(__file__).parent
NAMES = ("localhost", "127.0.0.1", "::1")
DAYS = 90


def make(directory: Path, *more: str) -> None:
    """Make all three files; those that are there are replaced.

    Raises:
        ValueError: one of the names is none.
    """
    names = x509.SubjectAlternativeName([_general(name) for name in (*NAMES, *more)])
    directory.mkdir(parents=True, exist_ok=True)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _name("The authority of a demo")
    ca = (
        _builder(authority, authority, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = (
        _builder(_name("cyclone's ssl demo"), authority, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.OID_SERVER_AUTH]), critical=False)
        .add_extension(names, critical=False)
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(directory / "server.key", secret, 0o600)
    _write(directory / "server.crt", certificate.public_bytes(Encoding.PEM), 0o644)
    _write(directory / "ca.crt", ca.public_bytes(Encoding.PEM), 0o644)


def is_good(directory: Path) -> bool:
    """Whether the files are there and hold for another day."""
    try:
        data = (directory / "server.crt").read_bytes()
        certificate = x509.load_pem_x509_certificate(data)
    except (OSError, ValueError):
        return False
    tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    there = all((directory / name).is_file() for name in ("ca.crt", "server.key"))
    return there and certificate.not_valid_after_utc > tomorrow


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        ascii_name = name.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_name = ""
    if not re.fullmatch(r"(\*\.)?[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*", ascii_name):
        raise ValueError(f"not the name of a host, and no address: {name!r}")
    return x509.DNSName(ascii_name)


def _usage(**given: bool) -> x509.KeyUsage:
    names = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment"]
    names += ["key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: given.get(name, False) for name in names})


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey):
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a file that nobody else can read before its mode says so."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    draft.replace(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Makes certificates for a server.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="besides " + ", ".join(NAMES))
    try:
        make(HERE / "certificates", *parser.parse_args().names)
    except (OSError, ValueError) as error:
        parser.exit(1, f"mkcert.py: {error}\n")
    print(f"made {HERE / 'certificates'}, good for {DAYS} days")
