"""A mail server that keeps what it gets in memory: Twisted's SMTP, for the loopback interface."""

from __future__ import annotations

import email
import itertools
from collections import deque
from email import policy
from email.message import EmailMessage
from typing import Any, NamedTuple

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

__all__ = ["Arrived", "Inbox", "Server"]

MAX_SIZE = 8 * 1024 * 1024
MAX_MESSAGES = 20


class Arrived(NamedTuple):
    """A message that has arrived.

    Attributes:
        number: counts from 1.
        sender: of the envelope.
        recipients: of the envelope.
        source: as it was sent.
    """

    number: int
    sender: str
    recipients: list[str]
    source: bytes

    @property
    def message(self) -> EmailMessage:
        """What is in it."""
        return email.message_from_bytes(self.source, policy=policy.default)  # type: ignore[return-value]


class Inbox:
    """The last messages."""

    def __init__(self) -> None:
        self._messages: deque[Arrived] = deque(maxlen=MAX_MESSAGES)
        self._numbers = itertools.count(1)

    def add(self, sender: str, recipients: list[str], source: bytes) -> None:
        self._messages.append(Arrived(next(self._numbers), sender, recipients, source))

    def newest_first(self) -> list[Arrived]:
        return list(reversed(self._messages))

    def get(self, number: int) -> Arrived | None:
        """A message; None if it has made room for others."""
        return next((each for each in self._messages if each.number == number), None)


@implementer(IMessage)
class _Incoming:
    """A message on its way in. There is one for all recipients: the first does the work."""

    def __init__(self, inbox: Inbox, sender: str, recipients: list[str], first: bool) -> None:
        self._inbox, self._sender, self._recipients = inbox, sender, recipients
        self._first = first
        self._lines: list[bytes] = []
        self._size = 0

    def lineReceived(self, line: bytes) -> None:
        if not self._first:
            return
        self._size += len(line) + 2
        if self._size > MAX_SIZE:  # Twisted drops the rest of it
            raise SMTPServerError(552, b"At most %d bytes, please" % MAX_SIZE)
        self._lines.append(line)

    def eomReceived(self) -> Deferred[Any]:
        lines, self._lines = self._lines, []
        if self._first:
            self._inbox.add(self._sender, self._recipients, b"\r\n".join(lines) + b"\r\n")
        return succeed(None)

    def connectionLost(self) -> None:
        self._lines.clear()


@implementer(IMessageDelivery)
class _Delivery:
    """One connection."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._sender = ""
        self._recipients: list[str] = []

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        return b"Received: from the form"

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        self._sender, self._recipients = str(origin), []
        return origin

    def validateTo(self, user: Any) -> Any:
        # A list of its own for each message, shared by its recipients.
        recipients, first = self._recipients, not self._recipients
        recipients.append(str(user.dest))
        return lambda: _Incoming(self._inbox, self._sender, recipients, first)


@implementer(IMessageDeliveryFactory)
class _Deliveries:
    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def getMessageDelivery(self) -> _Delivery:
        return _Delivery(self._inbox)


class Server(SMTPFactory):
    """The mail server, a factory for ``reactor.listenTCP``."""

    noisy = False
    domain = b"localhost"
    protocol = ESMTP

    def __init__(self, inbox: Inbox) -> None:
        super().__init__()
        self._inbox = inbox

    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.deliveryFactory = _Deliveries(self._inbox)
        return protocol
