"""What goes wrong with mail, and in which phase."""

from __future__ import annotations

from typing import Literal

from cyclone.log import printable

__all__ = ["MailError", "Phase", "Refusal"]

Phase = Literal["queue", "connect", "tls", "greeting", "auth", "sender", "recipients", "data"]
"""Where a delivery failed; see `MailError`."""

Refusal = tuple[str, int, str]
"""A recipient, the code and the text that the server answered."""

#: Characters of a server's answer that are shown.
_SHOWN = 500


class MailError(Exception):
    """A message was not sent, or it is not known whether it was.

    Args:
        phase: what was being done: ``queue`` (waiting for a connection of a `Mailer`),
            ``connect``, ``tls``, ``greeting`` (up to the answer to EHLO), ``auth``, ``sender``
            (MAIL FROM), ``recipients`` (RCPT TO) or ``data``.
        text: what went wrong.
        server: ``host:port``.
        code: the code of the server's answer (RFC 5321 section 4.2), None if there was none.
        temporary: whether the same may succeed later. An answer 4xx is, one with 5xx is not.
        uncertain: whether the server may have taken the message all the same: the connection
            ended after the end of the data had been sent, and before the answer. Such a message
            is never sent again.
        refused: the recipients that the server refused.

    All of these are attributes too.
    """

    def __init__(
        self,
        phase: Phase,
        text: str,
        server: str = "",
        *,
        code: int | None = None,
        temporary: bool = False,
        uncertain: bool = False,
        refused: tuple[Refusal, ...] = (),
    ) -> None:
        self.phase: Phase = phase
        self.text = printable(text)[:_SHOWN]
        self.server = server
        self.code = code
        self.temporary = temporary
        self.uncertain = uncertain
        self.refused = refused
        super().__init__(phase, self.text, server)

    def __str__(self) -> str:
        where = f" ({self.server})" if self.server else ""
        code = f"{self.code} " if self.code is not None else ""
        doubt = "; the server may have taken the message" if self.uncertain else ""
        return f"{self.phase}{where}: {code}{self.text}{doubt}"
