"""SMTP: what is mailed to anybody is put on the board."""

from __future__ import annotations

import email
from email import policy
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.mail.smtp import (
    ESMTP,
    IMessage,
    IMessageDelivery,
    IMessageDeliveryFactory,
    SMTPFactory,
    SMTPServerError,
)
from zope.interface import implementer

from .notices import LONGEST, Notices

__all__ = ["MailServer"]

MAX_SIZE = 64 * 1024


def words_of(source: bytes) -> str:
    """What a mail says, in as many words as a notice may have: its subject, and its text."""
    message: Any = email.message_from_bytes(source, policy=policy.default)
    body = message.get_body(("plain",))
    try:
        text = body.get_content() if body is not None else ""
    except LookupError:
        text = "(in characters that nobody knows)"
    whole = f"{message.get('Subject', '')}\n{text}".strip()
    shown = "".join(each for each in whole if each.isprintable() or each == "\n")
    return shown if 0 < len(shown) <= LONGEST else shown[: LONGEST - 2] + " …"


@implementer(IMessage)
class _Incoming:
    """A mail on its way in."""

    def __init__(self, notices: Notices, sender: str) -> None:
        self._notices, self._sender = notices, sender
        self._lines: list[bytes] = []
        self._size = 0

    def lineReceived(self, line: bytes) -> None:
        self._size += len(line) + 2
        if self._size > MAX_SIZE:  # Twisted drops the rest of it
            raise SMTPServerError(552, b"At most %d bytes, please" % MAX_SIZE)
        self._lines.append(line)

    def eomReceived(self) -> Deferred[Any]:
        source, self._lines = b"\r\n".join(self._lines) + b"\r\n", []
        self._notices.post(words_of(source), self._sender.partition("@")[0], "SMTP")
        return succeed(None)

    def connectionLost(self) -> None:
        self._lines.clear()


@implementer(IMessageDelivery)
class _Delivery:
    """One connection."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._sender = ""
        self._taken = False

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        return b"Received: for the board"

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        self._sender, self._taken = str(origin), False
        return origin

    def validateTo(self, user: Any) -> Any:
        if self._taken:
            # Twisted wants text here, and bytes of those who take the mail.
            raise SMTPServerError(452, "One recipient is enough: there is one board")
        self._taken = True
        return lambda: _Incoming(self._notices, self._sender)


@implementer(IMessageDeliveryFactory)
class _Deliveries:
    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    def getMessageDelivery(self) -> _Delivery:
        return _Delivery(self._notices)


class MailServer(SMTPFactory):
    """The mail server, a factory for ``reactor.listenTCP``."""

    noisy = False
    domain = b"localhost"
    protocol = ESMTP

    def __init__(self, notices: Notices) -> None:
        super().__init__()
        self._notices = notices

    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.deliveryFactory = _Deliveries(self._notices)
        return protocol
