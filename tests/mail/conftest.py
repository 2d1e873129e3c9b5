"""Certificates, and aiosmtpd with each kind of encryption."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from .servers import Inbox, aiosmtpd, authenticator, options_of


class Certificates(NamedTuple):
    """Files and contexts of one authority."""

    ca: str  # a file
    context: ssl.SSLContext  # of a server on 127.0.0.1
    elsewhere: ssl.SSLContext  # of a server with another name
    twisted: Any  # of a server on 127.0.0.1


class Server(NamedTuple):
    port: int
    inbox: Inbox


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    authority = trustme.CA()
    file = tmp_path_factory.mktemp("mail") / "ca.pem"
    Path(file).write_bytes(authority.cert_pem.bytes())
    contexts = []
    for name in ("127.0.0.1", "mail.example.org"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        contexts.append(context)
    pem = authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.bytes()
    return Certificates(str(file), contexts[0], contexts[1], options_of(pem))


@pytest.fixture(scope="module")
def plain() -> Iterator[Server]:
    """aiosmtpd without encryption, which takes international addresses."""
    inbox = Inbox()
    with aiosmtpd(inbox, enable_SMTPUTF8=True, data_size_limit=3_000_000) as port:
        yield Server(port, inbox)


@pytest.fixture(scope="module")
def starttls(certificates: Certificates) -> Iterator[Server]:
    """aiosmtpd that wants STARTTLS and a login."""
    inbox = Inbox()
    with aiosmtpd(
        inbox,
        enable_SMTPUTF8=False,
        tls_context=certificates.context,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticator,
    ) as port:
        yield Server(port, inbox)


@pytest.fixture(scope="module")
def implicit(certificates: Certificates) -> Iterator[Server]:
    """aiosmtpd that is encrypted from the start, and wants a login."""
    inbox = Inbox()
    with aiosmtpd(
        inbox,
        certificates.context,
        auth_required=True,
        auth_require_tls=False,
        authenticator=authenticator,
    ) as port:
        yield Server(port, inbox)


@pytest.fixture(scope="module")
def stranger(certificates: Certificates) -> Iterator[int]:
    """The port of an encrypted server whose certificate is for another name."""
    with aiosmtpd(Inbox(), certificates.elsewhere) as port:
        yield port
