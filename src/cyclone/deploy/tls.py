"""The TLS side of a server: from two PEM files to what a reactor listens with.

Any reactor listens with the options of `tls_options`; one that leaves TLS to its event loop, which
costs half as much, listens with the context of `tls_context`. `Certificates` are both, and can be
read anew.
"""

from __future__ import annotations

import ssl
from typing import Any, Protocol, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from OpenSSL import SSL
from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import (
    IListeningPort,
    ILoggingContext,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IProtocolNegotiationFactory,
    IStreamServerEndpoint,
)
from twisted.internet.ssl import CertificateOptions, TLSVersion
from zope.interface import implementer

from .errors import DeployError

__all__ = [
    "PROTOCOLS",
    "CertificateSource",
    "Certificates",
    "FileTLSEndpoint",
    "ListeningContext",
    "NegotiatingEndpoint",
    "certificates_in",
    "has_native_tls",
    "read_file",
    "tls_context",
    "tls_options",
]

#: What the server speaks inside TLS (ALPN, RFC 7301). A `CertificateOptions` that names nothing
#: makes Twisted abort the handshake of every client that names something, as browsers and curl do.
PROTOCOLS = (b"http/1.1", b"http/1.0")

_PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey
    | dsa.DSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)


def tls_options(certificate_file: str, key_file: str) -> CertificateOptions:
    """The TLS options of a server, from TLS 1.2 up.

    Args:
        certificate_file: PEM, the server's certificate first, then those of its chain.
        key_file: PEM, the private key, not encrypted; the same file will do.

    Raises:
        DeployError: if a file cannot be read, is not what it should be, or the two do not
            belong together.
    """
    chain, key = _chain_and_key(certificate_file, key_file)
    # Objects of `cryptography`: pyOpenSSL is giving up its own, and Twisted passes on what it gets,
    # whatever its annotations say.
    options = CertificateOptions(
        privateKey=key,  # type: ignore[arg-type]
        certificate=chain[0],  # type: ignore[arg-type]
        extraCertChain=chain[1:],  # type: ignore[arg-type]
        raiseMinimumTo=TLSVersion.TLSv1_2,
        acceptableProtocols=list(PROTOCOLS),
    )
    try:
        options.getContext()  # now, and not when the first client comes
    except SSL.Error as error:
        reasons = ", ".join(reason for *_, reason in error.args[0])
        raise _unusable(certificate_file, reasons) from error
    return options


def _chain_and_key(
    certificate_file: str, key_file: str
) -> tuple[list[x509.Certificate], _PrivateKey]:
    chain = certificates_in(certificate_file)
    key = _private_key(key_file)
    if _public_bytes(chain[0].public_key()) != _public_bytes(key.public_key()):
        raise DeployError(
            f"the key in {key_file} is not that of the certificate {certificate_file}"
        )
    return chain, key


def _unusable(certificate_file: str, reason: str) -> DeployError:
    return DeployError(f"TLS cannot use the certificate {certificate_file}: {reason}")


def tls_context(certificate_file: str, key_file: str) -> ssl.SSLContext:
    """The same for TLS of an event loop.

    Raises:
        DeployError: as `tls_options` does.
    """
    _chain_and_key(certificate_file, key_file)  # it says best what may be wrong
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate_file, key_file)
    except ssl.SSLError as error:
        raise _unusable(certificate_file, error.reason or str(error)) from error
    return context


class ListeningContext(ssl.SSLContext):
    """What an event loop listens with: each connection begins with the context of that moment.

    A context that has been listened with cannot be made to forget: it keeps a certificate of
    another kind of key beside the new one, authorities that have been taken from a file, and
    sessions of clients whose authority they were.

    Attributes:
        present: what connections that are made from now on begin with.
    """

    present: ssl.SSLContext

    def __new__(cls, present: ssl.SSLContext) -> ListeningContext:
        """Begin with `present`."""
        context = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        context.present = present
        return context

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """As the present context does it; event loops call this for each connection."""
        return self.present.wrap_bio(*args, **kwargs)


class CertificateSource(Protocol):
    """Certificates that can be read anew: `Certificates`, `CertificateStore`."""

    def reload(self) -> None:
        """Read the files anew."""

    @property
    def context(self) -> ssl.SSLContext:
        """What an event loop listens with."""

    def speak(self, factory: object) -> None:
        """Have `context` negotiate what `factory` speaks."""


@implementer(IOpenSSLServerConnectionCreator)
class Certificates:
    """A certificate and its key in files, which can be read anew while a server listens with them.

    Args:
        certificate_file: PEM, as for `tls_options`.
        key_file: PEM.

    Raises:
        DeployError: as `tls_options` does.
    """

    def __init__(self, certificate_file: str, key_file: str) -> None:
        self._files = certificate_file, key_file
        self._options = tls_options(certificate_file, key_file)
        self._protocols = list(PROTOCOLS)
        self._context: ListeningContext | None = None

    def reload(self) -> None:
        """Read the files anew; connections that are made from now on get what is in them.

        Raises:
            DeployError: as `tls_options` does; then everything is as before.
        """
        options = tls_options(*self._files)
        if self._context is not None:
            self._context.present = self._present()
        self._options = options

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        """The next connection of Twisted's TLS; see `IOpenSSLServerConnectionCreator`."""
        return SSL.Connection(self._options.getContext(), None)

    @property
    def context(self) -> ssl.SSLContext:
        """The context for TLS of an event loop: always the same, with the latest certificate."""
        if self._context is None:
            self._context = ListeningContext(self._present())
        return self._context

    def _present(self) -> ssl.SSLContext:
        context = tls_context(*self._files)
        context.set_alpn_protocols([protocol.decode("ascii") for protocol in self._protocols])
        return context

    def speak(self, factory: object) -> None:
        """Negotiate what `factory` says that it speaks (ALPN); call it before `context`."""
        if IProtocolNegotiationFactory.providedBy(factory):
            self._protocols = IProtocolNegotiationFactory(factory).acceptableProtocols()


def has_native_tls(reactor: Any) -> bool:
    """Whether `reactor` can leave TLS to its event loop, as that of `cyclone.uvloopreactor` can."""
    return callable(getattr(reactor, "listenTLS", None))


@implementer(IStreamServerEndpoint)
class FileTLSEndpoint:
    """TLS over TCP with certificates that can be read anew, by the cheapest means there are."""

    def __init__(
        self,
        reactor: Any,
        port: int,
        certificates: CertificateSource,
        backlog: int,
        interface: str,
    ) -> None:
        self._reactor = reactor
        self._port = port
        self._certificates = certificates
        self._backlog = backlog
        self._interface = interface

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen at the endpoint."""
        return execute(self._listen, protocolFactory)

    def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        certificates: Any = self._certificates
        listen = self._reactor.listenSSL
        if has_native_tls(self._reactor):
            certificates.speak(factory)
            listen, certificates = self._reactor.listenTLS, certificates.context
        port: IListeningPort = listen(
            self._port, factory, certificates, self._backlog, self._interface
        )
        return port


@implementer(IProtocolFactory, IProtocolNegotiationFactory, ILoggingContext)
class _Negotiating:
    """A factory that says over TLS what another one speaks, and leaves the rest to it."""

    def __init__(self, factory: Any) -> None:
        self.buildProtocol = factory.buildProtocol
        self.doStart = factory.doStart
        self.doStop = factory.doStop
        self._factory = factory

    def acceptableProtocols(self) -> list[bytes]:
        return list(PROTOCOLS)

    def logPrefix(self) -> str:
        return type(self._factory).__name__


@implementer(IStreamServerEndpoint)
class NegotiatingEndpoint:
    """An endpoint of which nobody said what is spoken over it, should it be one of TLS.

    The endpoints that Twisted makes of ``ssl:`` and ``tls:`` descriptions name no protocols, see
    `PROTOCOLS`; factories that name theirs are not touched.
    """

    def __init__(self, endpoint: IStreamServerEndpoint) -> None:
        self.endpoint = endpoint

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen at the endpoint."""
        if not IProtocolNegotiationFactory.providedBy(protocolFactory):
            protocolFactory = _Negotiating(protocolFactory)
        return self.endpoint.listen(protocolFactory)


def read_file(path: str, what: str) -> bytes:
    """The content of a file.

    Raises:
        DeployError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise DeployError(f"cannot read the {what} {path}: {error.strerror}") from error


def certificates_in(path: str) -> list[x509.Certificate]:
    """The certificates in a PEM file, at least one.

    Raises:
        DeployError: there is none.
    """
    data = read_file(path, "certificate")
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise DeployError(f"there is no PEM certificate in {path}") from error


def _private_key(path: str) -> _PrivateKey:
    data = read_file(path, "private key")
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError as error:
        raise DeployError(f"the private key in {path} is encrypted") from error
    except ValueError as error:
        raise DeployError(f"there is no PEM private key in {path}") from error
    if not isinstance(key, _PrivateKey):
        raise DeployError(f"the private key in {path} is of a kind that TLS does not use")
    return key


def _public_bytes(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined,no-any-return]
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
