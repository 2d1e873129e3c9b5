"""Addresses of mail: ``a@b``, ``Name <a@b>``, with international names and domains.

They are read strictly (RFC 5321 section 4.1.2, RFC 6531 for what is not ASCII): one text is one
address, so that what a user typed into a form cannot become two recipients.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import NamedTuple

__all__ = ["Mailbox", "clean", "parse_mailbox"]

_QUOTED_NAME = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ATOM = r"[-A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a0-\U0010ffff]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)+)"')
_LABEL = re.compile(r"[A-Za-z0-9_](?:[-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?")
# RFC 5321 section 4.5.3.1, in octets.
_MAX_LOCAL, _MAX_DOMAIN, _MAX_ADDRESS = 64, 255, 254
#: Characters of an address with its name.
_LONGEST = 4096


def clean(what: str, text: str) -> str:
    """`text`, which is to stand in a header field.

    Args:
        what: what it is, for the message.

    Raises:
        TypeError: it is no text.
        ValueError: it holds a line break or another control character, with which more header
            fields, or more mail, could be smuggled in.
    """
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, not {type(text).__name__}")
    for char in text:
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp"):
            raise ValueError(
                f"{what} holds {char!a}: line breaks and control characters are refused, "
                f"they could add header fields: {text[:80]!a}"
            )
    return text


class Mailbox(NamedTuple):
    """An address as it is used.

    Attributes:
        name: the name of its owner, may be empty.
        local: what stands before the ``@``, without quotes.
        domain: ASCII (IDNA), an address literal in brackets, or empty.
    """

    name: str
    local: str
    domain: str

    @property
    def international(self) -> bool:
        """Whether servers need SMTPUTF8 (RFC 6531) for it."""
        return not self.local.isascii()

    @property
    def spec(self) -> str:
        """It, for the envelope: ``local@domain``, quoted where it must be."""
        local = self.local
        if not _DOT_ATOM.fullmatch(local):
            local = '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
        return f"{local}@{self.domain}" if self.domain else local


def _split(text: str) -> tuple[str, str] | None:
    """Name and address; in steps, since a pattern for both tries things twice."""
    name, spec = "", text
    if text.endswith(">"):
        name, bracket, spec = text[:-1].rpartition("<")
        if not bracket:
            return None
        name = name.rstrip()
        quoted = _QUOTED_NAME.fullmatch(name)
        if quoted is not None:
            name = re.sub(r"\\(.)", r"\1", quoted[1])
        elif re.search('[<>"]', name):
            return None
    return None if not spec or "<" in spec or ">" in spec else (name, spec)


def _domain(domain: str, text: str) -> str:
    """The ASCII form of a domain."""
    if domain.startswith("[") and domain.endswith("]"):
        literal = domain[1:-1]
        kind = ipaddress.IPv6Address if literal[:5].upper() == "IPV6:" else ipaddress.IPv4Address
        try:
            kind(literal[5:] if kind is ipaddress.IPv6Address else literal)
        except ValueError as exc:
            raise ValueError(f"address {text!r}: {exc}") from None
        return domain
    if len(domain) > _MAX_DOMAIN:  # encoded it is no shorter, and encoding takes quadratic time
        raise ValueError(f"address {text[:80]!r}: this is no domain, it is too long")
    try:
        encoded = domain.encode("idna").decode("ascii")
    except UnicodeError as exc:
        raise ValueError(f"address {text!r}: {domain!r} is no domain: {exc}") from None
    labels = encoded.split(".")
    if len(encoded) > _MAX_DOMAIN or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError(f"address {text!r}: {domain!r} is no domain")
    return encoded


def parse_mailbox(text: str, what: str = "address") -> Mailbox:
    """Read an address.

    Args:
        text: ``a@example.com``, ``Ann <a@example.com>`` or ``"Doe, Ann" <a@example.com>``. The
            domain may be international; an address without one is for the server's own users.
        what: what it is, for messages.

    Raises:
        TypeError: it is no text.
        ValueError: it is no address, or it is several.
    """
    clean(what, text)
    if len(text) > _LONGEST:
        raise ValueError(f"{what} {text[:80]!r}... has more than {_LONGEST} characters")
    form = _split(text.strip())
    if form is None:
        raise ValueError(f"{what} {text!r} is no address: expected a@b.c or Name <a@b.c>")
    name, spec = form
    local, at, domain = spec.rpartition("@")
    if not at:
        local, domain = spec, ""
    quoted = _QUOTED.fullmatch(local)
    if quoted:
        local = re.sub(r"\\(.)", r"\1", quoted[1])
    elif not _DOT_ATOM.fullmatch(local):
        more = "; several addresses are given as a list" if re.search("[,;]", spec) else ""
        raise ValueError(f"{what} {text!r}: {local!r} is no mailbox name{more}")
    if at:
        domain = _domain(domain, text)
    mailbox = Mailbox(name.strip(), local, domain)
    if len(local.encode()) > _MAX_LOCAL or len(mailbox.spec.encode()) > _MAX_ADDRESS:
        raise ValueError(f"{what} {text[:80]!r} is too long: {_MAX_LOCAL} bytes before the @, "
                         f"{_MAX_ADDRESS} in all (RFC 5321)")  # fmt: skip
    return mailbox
