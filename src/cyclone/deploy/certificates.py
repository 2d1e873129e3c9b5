"""Certificates of a server with several names: a directory of them, chosen by what clients ask for.

Clients name the host in the first message of TLS (Server Name Indication, RFC 6066 section 3).
A `CertificateStore` knows which certificate is for it, for the TLS of any reactor, and reads all
files anew when it is told to.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLContextFactory, IProtocolNegotiationFactory
from twisted.internet.ssl import CertificateOptions
from zope.interface import implementer

from cyclone.log import gen_log

from .errors import DeployError
from .tls import PROTOCOLS, ListeningContext, certificates_in, tls_context, tls_options
from .tlsfiles import TLSFiles, hosts_of, marks_of, pairs_in

__all__ = ["CertificateStore"]

_DEFAULT_NAME = "default"
_VERIFY = {
    "none": (ssl.CERT_NONE, SSL.VERIFY_NONE),
    "optional": (ssl.CERT_OPTIONAL, SSL.VERIFY_PEER),
    "required": (ssl.CERT_REQUIRED, SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT),
}


class _Clients:
    """What clients are asked for, and by whom it has to be signed."""

    def __init__(self, files: TLSFiles) -> None:
        self._native, self._openssl = _VERIFY[files.client_certificates]
        self._file = files.client_ca
        self._authorities = [] if self._file is None else certificates_in(self._file)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Clients) and self._authorities == other._authorities

    __hash__ = None  # type: ignore[assignment]

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
        self.files = certificate_file, key_file
        self._clients = clients
        self._marks = marks_of(*self.files)
        self._options = tls_options(certificate_file, key_file)
        leaf: Any = self._options.certificate
        self.names = hosts_of(leaf, certificate_file)
        self.expires: datetime = leaf.not_valid_after_utc
        self._begins: datetime = leaf.not_valid_before_utc
        self._native: ssl.SSLContext | None = None
        self._openssl: SSL.Context | None = None
        if self.expires < datetime.now(UTC):
            gen_log.warning("the certificate in %s has expired", certificate_file)

    @property
    def rank(self) -> tuple[bool, datetime]:
        """Of two for a host the greater one is taken."""
        return self._begins <= datetime.now(UTC), self.expires

    def holds(self, clients: _Clients) -> bool:
        """Whether another one, read now, would be the same."""
        return self._clients == clients and self._marks == marks_of(*self.files)

    def native(self, protocols: list[str]) -> ssl.SSLContext:
        if self._native is None:
            context = tls_context(*self.files)
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
        self._choice = self._read([])
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
        choice = self._read(self._choice.entries)
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

    def _read(self, known: list[_Entry]) -> _Choice:
        """What is in the files; `known` are the entries of the last reading."""
        files = self._files
        clients = _Clients(files)
        before = {entry.files: entry for entry in known}

        def entry_of(pair: tuple[str, str]) -> _Entry:
            entry = before.get(pair)
            return entry if entry and entry.holds(clients) else _Entry(*pair, clients)

        found = [] if files.directory is None else list(pairs_in(files.directory))
        named = [(name, entry_of(pair)) for name, pair in found]
        for name, entry in named:
            if not entry.names and name != _DEFAULT_NAME:
                gen_log.warning("no host is named in %s: nobody will get it", entry.files[0])
        known = [entry for _, entry in named]
        defaults = [entry for name, entry in named if name == _DEFAULT_NAME]
        if files.certificate is not None:
            defaults = [entry_of((files.certificate, files.key or files.certificate))]
            known += defaults
        default = max(defaults, key=lambda each: each.rank, default=None)
        if not known:
            raise DeployError(f"there is no certificate in {files.directory}")
        return _Choice(known, default, clients)
