"""Certificates of a server with several names: a directory of them, chosen by what clients ask for.

Clients name the host in the first message of TLS (Server Name Indication, RFC 6066 section 3).
A `CertificateStore` knows which certificate is for it, for the TLS of any reactor, and reads all
files anew when it is told to.
"""

from __future__ import annotations

import dataclasses
import os
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLContextFactory, IProtocolNegotiationFactory
from twisted.internet.ssl import CertificateOptions
from zope.interface import implementer

from cyclone.log import gen_log

from .errors import DeployError
from .tls import PROTOCOLS, ListeningContext, certificates_in, tls_context, tls_options

__all__ = ["CertificateStore", "TLSFiles"]

_DEFAULT_NAME = "default"
_VERIFY = {
    "none": (ssl.CERT_NONE, SSL.VERIFY_NONE),
    "optional": (ssl.CERT_OPTIONAL, SSL.VERIFY_PEER),
    "required": (ssl.CERT_REQUIRED, SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT),
}


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


class _Clients:
    """What clients are asked for, and by whom it has to be signed."""

    def __init__(self, files: TLSFiles) -> None:
        self._native, self._openssl = _VERIFY[files.client_certificates]
        self._file = files.client_ca
        self._authorities = [] if self._file is None else certificates_in(self._file)

    def ask_native(self, context: ssl.SSLContext) -> None:
        context.verify_mode = self._native
        if self._file is not None:
            data = b"".join(each.public_bytes(Encoding.PEM) for each in self._authorities)
            context.load_verify_locations(cadata=data.decode("ascii"))

    def ask_openssl(self, context: SSL.Context) -> None:
        context.set_verify(self._openssl, _as_openssl_says)
        store = context.get_cert_store()
        for each in self._authorities:
            if store is not None:
                store.add_cert(crypto.X509.from_cryptography(each))
            context.add_client_ca(each)  # clients with several certificates choose by these


def _as_openssl_says(
    connection: SSL.Connection, certificate: object, error: int, depth: int, good: int
) -> bool:
    return bool(good)


class _Entry:
    """A certificate with its key, as contexts of both kinds."""

    def __init__(self, certificate_file: str, key_file: str, clients: _Clients) -> None:
        self._files = certificate_file, key_file
        self._clients = clients
        self._options = tls_options(certificate_file, key_file)
        leaf: Any = self._options.certificate
        self.names = _names_of(leaf, certificate_file)
        self.expires: datetime = leaf.not_valid_after_utc
        #: Of two for a host the greater one is taken.
        self.rank = leaf.not_valid_before_utc <= datetime.now(UTC), self.expires
        self._native: ssl.SSLContext | None = None
        self._openssl: SSL.Context | None = None
        if self.expires < datetime.now(UTC):
            gen_log.warning("the certificate in %s has expired", certificate_file)

    def native(self, protocols: list[str]) -> ssl.SSLContext:
        if self._native is None:
            context = tls_context(*self._files)
            context.set_alpn_protocols(protocols)
            self._clients.ask_native(context)
            self._native = context
        return self._native

    def openssl(self, choose: Callable[[SSL.Connection], None]) -> SSL.Context:
        if self._openssl is None:
            self._openssl = _openssl_context(self._options, self._clients, choose)
        return self._openssl


def _openssl_context(
    options: CertificateOptions, clients: _Clients, choose: Callable[[SSL.Connection], None]
) -> SSL.Context:
    context: SSL.Context = options.getContext()
    clients.ask_openssl(context)
    context.set_tlsext_servername_callback(choose)
    return context


class _Choice:
    """What one reading of the files has found."""

    def __init__(self, entries: list[_Entry], default: _Entry | None, clients: _Clients) -> None:
        self.entries = entries
        self.default = default
        self.clients = clients
        self._by_name: dict[str, _Entry] = {}
        for entry in sorted(entries, key=lambda each: each.rank):
            self._by_name.update(dict.fromkeys(entry.names, entry))

    @property
    def names(self) -> list[str]:
        return sorted(self._by_name)

    def find(self, name: str | None) -> _Entry | None:
        """The entry for a host: its own, that of a wildcard, or the default."""
        if not name:
            return self.default
        name = name.lower().rstrip(".")
        found = self._by_name.get(name)
        if found is None:
            found = self._by_name.get(f"*.{name.partition('.')[2]}")  # RFC 9525 section 6.3
        return found or self.default


@implementer(IOpenSSLContextFactory)
class CertificateStore:
    """The certificates of a server, chosen by the host that a client names.

    It is what ``reactor.listenSSL`` takes, and has in `context` what TLS of an event loop takes.

    Raises:
        DeployError: a file is missing or is not what it should be, or there is no certificate.
    """

    def __init__(self, files: TLSFiles) -> None:
        if files.client_certificates not in _VERIFY:
            known = ", ".join(_VERIFY)
            raise DeployError(
                f"client certificates can be {known}, not {files.client_certificates!r}"
            )
        if files.client_certificates != "none" and not files.client_ca:
            raise DeployError("to ask clients for certificates, name the file of their CA")
        self._files = files
        self._protocols = [protocol.decode("ascii") for protocol in PROTOCOLS]
        self._choice = self._read()
        self._native: ListeningContext | None = None
        self._refusing: SSL.Context | None = None

    @property
    def names(self) -> list[str]:
        """The hosts that there are certificates for, sorted."""
        return self._choice.names

    def reload(self) -> None:
        """Read all files anew; connections that are made from now on get what is in them.

        Raises:
            DeployError: as when the store was made; then everything is as before.
        """
        choice = self._read()
        if self._native is not None:
            self._native.present = self._present(choice)
        self._choice = choice
        self._refusing = None

    # -- for event loops

    @property
    def context(self) -> ssl.SSLContext:
        """What a port listens with; always the same, with the certificates of the last reading."""
        if self._native is None:
            self._native = ListeningContext(self._present(self._choice))
        return self._native

    def _present(self, choice: _Choice) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.sni_callback = self._choose_native
        context.set_alpn_protocols(self._protocols)
        choice.clients.ask_native(context)
        for entry in choice.entries:  # now: the files may change before somebody asks for one
            entry.native(self._protocols)
        return context

    def speak(self, factory: object) -> None:
        """Negotiate what `factory` says that it speaks (ALPN); call it before `context`."""
        if IProtocolNegotiationFactory.providedBy(factory):
            spoken = IProtocolNegotiationFactory(factory).acceptableProtocols()
            self._protocols = [protocol.decode("ascii") for protocol in spoken]

    def _choose_native(
        self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext
    ) -> int | None:
        entry = self._choice.find(name)
        if entry is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = entry.native(self._protocols)
        return None

    # -- for pyOpenSSL

    def getContext(self) -> SSL.Context:
        """The context that a connection begins with, for Twisted's TLS."""
        return self._openssl(self._choice.default)

    def _choose_openssl(self, connection: SSL.Connection) -> None:
        name = connection.get_servername()
        # What is in there is still called when it is no longer the connection's.
        vars(connection)["cyclone_first_context"] = connection.get_context()
        text = None if name is None else name.decode("ascii", "replace")
        connection.set_context(self._openssl(self._choice.find(text)))

    def _openssl(self, entry: _Entry | None) -> SSL.Context:
        if entry is not None:
            return entry.openssl(self._choose_openssl)
        if self._refusing is None:
            # Without a certificate no handshake succeeds.
            options = CertificateOptions(acceptableProtocols=list(PROTOCOLS))
            clients = self._choice.clients
            self._refusing = _openssl_context(options, clients, self._choose_openssl)
        return self._refusing

    # -- the files

    def _read(self) -> _Choice:
        files = self._files
        clients = _Clients(files)
        found = {} if files.directory is None else dict(_pairs_in(files.directory))
        entries = {name: _Entry(*pair, clients) for name, pair in found.items()}
        for name, entry in entries.items():
            if not entry.names and name != _DEFAULT_NAME:
                gen_log.warning("no host is named in %s: nobody will get it", found[name][0])
        known = list(entries.values())
        default = entries.get(_DEFAULT_NAME)
        if files.certificate is not None:
            default = _Entry(files.certificate, files.key or files.certificate, clients)
            known.append(default)
        if not known:
            raise DeployError(f"there is no certificate in {files.directory}")
        return _Choice(known, default, clients)


def _pairs_in(directory: str) -> Iterator[tuple[str, tuple[str, str]]]:
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


def _names_of(certificate: x509.Certificate, file: str) -> frozenset[str]:
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
