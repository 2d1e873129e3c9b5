"""What is known of a mail server: cyclone 1.x's ``mailconf``, with types."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .addresses import clean

__all__ = ["Server", "server_of"]


@dataclass(frozen=True)
class Server:
    """A mail server, and how it is spoken to.

    Attributes:
        host: its name or address.
        port: its port; by default 465 with `ssl`, 587 with `tls`, else 25.
        tls: whether the connection is encrypted by STARTTLS (RFC 3207); a server that does not
            offer it gets no mail.
        ssl: whether it is encrypted from the start (RFC 8314, "SMTPS").
        username: who logs in, None for nobody.
        password: with which password. It is in no representation and no log.
        timeout: seconds for the connection, and for each answer.
        retries: how often a delivery that failed is tried again where that is safe: the server
            was away, or asked to come back later (4xx), and certainly has not taken the message.
        retry_delay: seconds before the first of them; each further one waits twice as long, up to
            a minute.
        ca_certs: PEM file of the authorities that may have signed the server's certificate, None
            for those of the system.
        verify: False takes any certificate, so that anybody on the way can read the mail and the
            password; each connection is then warned about in the log.
        identity: the name that we give ourselves in EHLO, None for that of this machine.
        require_all: whether a message whose recipients are refused in part is sent to nobody.
    """

    host: str
    port: int = 0
    tls: bool = False
    ssl: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: float = 30
    retries: int = 2
    retry_delay: float = 1
    ca_certs: str | os.PathLike[str] | None = None
    verify: bool = True
    identity: str | None = None
    require_all: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.host, str) or not clean("host", self.host).strip():
            raise ValueError("mailconf requires a 'host': the name or address of a server")
        if self.tls and self.ssl:
            raise ValueError("mailconf: 'tls' is STARTTLS, 'ssl' is TLS from the start: give one")
        if (self.username is None) != (self.password is None):
            raise ValueError("mailconf: 'username' and 'password' come together")
        for name in ("username", "password", "identity"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise TypeError(f"mailconf: '{name}' must be a str")
            if value is not None and "\0" in value:  # it separates them (RFC 4616)
                raise ValueError(f"mailconf: '{name}' must not hold NUL")
        if self.identity is not None and not clean("identity", self.identity).isascii():
            raise ValueError("mailconf: 'identity' must be ASCII")
        if not self.port:
            object.__setattr__(self, "port", 465 if self.ssl else 587 if self.tls else 25)
        if not _is_whole(self.port) or not 0 < self.port < 65536:
            raise ValueError(f"mailconf requires a proper 'port', not {self.port!r}")
        if not _is_whole(self.retries) or self.retries < 0:
            raise ValueError(f"mailconf: 'retries' must be a whole number, not {self.retries!r}")
        for name, least in (("timeout", 0.001), ("retry_delay", 0)):
            number = getattr(self, name)
            if not isinstance(number, int | float) or not least <= number < 86400:
                raise ValueError(f"mailconf: '{name}' must be seconds, not {number!r}")

    @property
    def name(self) -> str:
        """``host:port``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_NAMES = frozenset(item.name for item in dataclasses.fields(Server))


def server_of(conf: Server | Mapping[str, Any]) -> Server:
    """The server that a ``mailconf`` describes.

    Args:
        conf: a mapping with the attributes of `Server` as keys; None stands for the default.

    Raises:
        TypeError: it is neither, or a value is of the wrong type.
        ValueError: a value is of no use, or a key is not known.
    """
    if isinstance(conf, Server):
        return conf
    if not isinstance(conf, Mapping):
        raise TypeError(f"mailconf must be a dict or a Server, not {type(conf).__name__}")
    unknown = sorted(set(conf) - _NAMES)
    if unknown:
        raise ValueError(f"mailconf: unknown keys {unknown}; known are {sorted(_NAMES)}")
    given = {key: value for key, value in conf.items() if value is not None}
    return Server(**{"host": "", **given})
