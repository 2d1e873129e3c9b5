"""The opening handshake (RFC 6455 section 4): both sides, without I/O."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence

__all__ = [
    "HandshakeError",
    "accept_key",
    "check_request",
    "check_response",
    "offered_subprotocols",
]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

#: The values of a header field, by its name.
Fields = Callable[[str], Sequence[str]]


class HandshakeError(Exception):
    """The request, or the response, opens no WebSocket.

    Attributes:
        status: what a server answers.
        message: why, for the peer and the log.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def accept_key(key: str) -> str:
    """The value of Sec-WebSocket-Accept for a Sec-WebSocket-Key (section 4.2.2)."""
    digest = hashlib.sha1(key.encode("latin-1") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")


def _lists(values: Sequence[str], option: str) -> bool:
    return any(option == item.strip().lower() for value in values for item in value.split(","))


def check_request(method: str, version: str, fields: Fields) -> str:
    """Check the request of a client (section 4.2.1); returns its key.

    Raises:
        HandshakeError: 405 for another method than GET, 426 for another version of the protocol,
            400 for the rest.
    """
    if method != "GET":
        raise HandshakeError(405, "a WebSocket is opened with GET")
    if version == "HTTP/1.0":
        raise HandshakeError(400, "a WebSocket needs HTTP/1.1")
    if not _lists(fields("Upgrade"), "websocket"):
        raise HandshakeError(400, 'Can "Upgrade" only to "WebSocket".')
    if not _lists(fields("Connection"), "upgrade"):
        raise HandshakeError(400, '"Connection" must be "Upgrade".')
    if list(fields("Sec-WebSocket-Version")) != ["13"]:
        raise HandshakeError(426, "only version 13 of the protocol is known")
    keys = fields("Sec-WebSocket-Key")
    if len(keys) != 1 or not _is_key(keys[0]):
        raise HandshakeError(400, "missing or invalid Sec-WebSocket-Key")
    return keys[0]


def _is_key(key: str) -> bool:
    """Section 4.1: 16 bytes in base64."""
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def offered_subprotocols(values: Sequence[str]) -> list[str]:
    """The subprotocols that a client offers, in its order.

    Raises:
        HandshakeError: 400, one of them is no token (section 4.1).
    """
    names = [name.strip(" \t") for value in values for name in value.split(",")]
    if not all(map(_TOKEN.fullmatch, names)):
        raise HandshakeError(400, "invalid Sec-WebSocket-Protocol")
    return names


def check_response(code: int, fields: Fields, key: str, subprotocols: Sequence[str]) -> str | None:
    """Check the response of a server (section 4.1); returns the subprotocol it has selected.

    Raises:
        HandshakeError: it has not opened a WebSocket.
    """
    if code != 101:
        raise HandshakeError(code, f"the server answered {code}, not 101")
    if not _lists(fields("Upgrade"), "websocket") or not _lists(fields("Connection"), "upgrade"):
        raise HandshakeError(code, "the server does not speak WebSocket")
    if list(fields("Sec-WebSocket-Accept")) != [accept_key(key)]:
        raise HandshakeError(code, "wrong Sec-WebSocket-Accept")
    selected = fields("Sec-WebSocket-Protocol")
    if not selected:
        return None
    if len(selected) > 1 or selected[0] not in subprotocols:
        raise HandshakeError(code, "the server selected a subprotocol that was not offered")
    return selected[0]
