"""`Session`: one connection to a mail server, from the greeting to QUIT.

Greeting, EHLO and STARTTLS are Twisted's (`twisted.mail.smtp.ESMTPClient`, the protocol below
`ESMTPSenderFactory`). What comes after is ours: that factory sends one message and leaves, keeps
the password in the log of its errors, knows no SMTPUTF8, and cannot say whether a message that
failed may have arrived.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IHandshakeListener
from twisted.mail.smtp import (
    DNSNAME,
    CramMD5ClientAuthenticator,
    EHLORequiredError,
    ESMTPClient,
    TLSError,
    TLSRequiredError,
)
from twisted.protocols.basic import FileSender
from twisted.python.failure import Failure
from zope.interface import implementer

from cyclone._async import Waiter, spawn
from cyclone.log import gen_log

from .errors import MailError, Phase, Refusal
from .message import Envelope
from .settings import Server
from .tls import tls_trouble

__all__ = ["Delivery", "Session"]

#: Lines of one answer; EHLO's has about twenty.
_MAX_LINES = 200
#: Seconds for QUIT, which nobody waits for.
_QUIT_TIMEOUT = 5
_REPLY = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?")
_LOOPBACK = re.compile(r"localhost|127\..*|::1")


class Reply(NamedTuple):
    """An answer of a server."""

    code: int
    text: str

    @property
    def good(self) -> bool:
        return 200 <= self.code < 300

    @property
    def temporary(self) -> bool:
        return 400 <= self.code < 500


class _Counts(NamedTuple):
    accepted: int
    addresses: list[Refusal]


class Delivery(_Counts):
    """What became of a message that a server has taken.

    It is a tuple of the number of recipients that were accepted, and a list of all recipients with
    the code and the text that the server answered, as in cyclone 1.x.

    Attributes:
        accepted: the number.
        addresses: the list, of tuples.
        server: ``host:port`` of the server that took it.
        response: what it said when it did; often the message's name in its queue.
    """

    server: str = ""
    response: str = ""

    @property
    def refused(self) -> list[Refusal]:
        """The recipients that will not get it, with code and text."""
        return [entry for entry in self.addresses if not 200 <= entry[1] < 300]


@implementer(IHandshakeListener)
class Session(ESMTPClient):
    """A connection to a mail server.

    Args:
        server: the server.
        creator: what makes TLS connections to it, for STARTTLS.
        clock: what measures time.
        gone: called when the connection has ended.

    Attributes:
        opened: fires when mail can be sent, or fails with a `MailError`.
        usable: whether mail can be sent.
        served: how many messages it has sent.
        ended: fires when the connection has ended.
    """

    debug = False  # what is said is kept nowhere: it holds passwords and mail

    def __init__(
        self, server: Server, creator: Any, clock: Any, gone: Callable[[Session], None]
    ) -> None:
        identity = server.identity.encode("ascii") if server.identity else DNSNAME
        super().__init__(None, creator if server.tls else None, identity)
        self.requireTransportSecurity = server.tls
        self.heloFallback = server.username is None
        self.server = server
        self.opened: Deferred[Session] = Deferred(lambda _: self._give_up_opening())
        self.ended = Waiter()
        self.usable = False
        self.served = 0
        self._phase: Phase = "tls" if server.ssl else "greeting"
        self._clock = clock
        self._gone = gone
        self._timer: Any = None
        self._extensions: dict[bytes, bytes | None] = {}
        self._opening = True
        self._given_up = False
        self._waiting: Deferred[Any] | None = None
        self._error: MailError | None = None
        self._end_sent = False  # the server may have taken the message
        self._lines: list[bytes] = []

    # -- the connection ---------------------------------------------------------------------------

    def connectionMade(self) -> None:
        super().connectionMade()
        self._arm()

    def handshakeCompleted(self) -> None:
        if self._phase == "tls":
            self._phase = "greeting"

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        super().connectionLost(reason)
        if self._phase == "tls" and not reason.check(ConnectionClosed):
            self._fail(MailError("tls", tls_trouble(reason.value), self.server.name))
        else:
            text = f"the connection ended: {reason.getErrorMessage()}"
            self._fail(self._trouble(text, temporary=True))
        self._disarm()
        self._gone(self)
        self.ended.callback(None)

    def _trouble(self, text: str, *, temporary: bool, code: int | None = None) -> MailError:
        return MailError(
            self._phase,
            text,
            self.server.name,
            code=code,
            temporary=temporary and not self._end_sent,
            uncertain=self._end_sent,
        )

    def _fail(self, error: MailError) -> None:
        """This was it: tell who waits, and end the connection."""
        self.usable = False
        self._error = self._error or error
        self.clearLineBuffer()
        waiting, self._waiting = self._waiting, None
        opening, self._opening = self._opening, False
        self._abort()
        if waiting is not None:
            waiting.errback(self._error)
        elif opening:
            self.opened.errback(self._error)

    def _abort(self) -> None:
        self.usable = False
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def _arm(self, seconds: float | None = None) -> None:
        self._disarm()
        self._timer = self._clock.callLater(seconds or self.server.timeout, self._timed_out)

    def _disarm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _timed_out(self) -> None:
        self._fail(self._trouble(f"no answer within {self.server.timeout} seconds", temporary=True))

    # -- what the server says ---------------------------------------------------------------------

    def lineReceived(self, line: bytes) -> None:
        self._lines.append(line[:2000])
        if len(self._lines) > _MAX_LINES:
            self._fail(self._trouble("the server's answer does not end", temporary=False))
            return
        reply = _REPLY.fullmatch(line)
        if reply is None:
            said = line[:100].decode("utf-8", "replace")
            self._fail(self._trouble(f"this is no answer of SMTP: {said!r}", temporary=False))
            return
        if reply[2] != b"-":
            lines, self._lines = self._lines, []
            text = b" ".join(each[4:] for each in lines).decode("utf-8", "replace").strip()
            self._answered(Reply(int(reply[1]), text))
        if self._opening and self._waiting is None:
            super().lineReceived(line)

    def _answered(self, reply: Reply) -> None:
        self._disarm()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(reply)
        elif not self._opening:
            # Nobody asked: it is about to leave (421), or it is out of step.
            self._fail(self._trouble(reply.text, temporary=True, code=reply.code))

    def lineLengthExceeded(self, line: bytes) -> None:
        self._fail(self._trouble("a line of the server's is too long", temporary=False))

    def sendLine(self, line: bytes) -> None:
        if line == b"STARTTLS":
            self._phase = "tls"
        super().sendLine(line)
        self._arm()

    def _ask(self, line: bytes) -> Deferred[Reply]:
        """Send a command; the answer."""
        if self._error is None and self.clearLineBuffer():
            # It would be taken for the answer to what comes now.
            text = "the server answers what it was not asked"
            self._fail(self._trouble(text, temporary=False))
        return self._wait(lambda: self.sendLine(line))

    def _wait(self, start: Callable[[], None]) -> Deferred[Any]:
        if self._error is not None:
            raise self._error
        waiting: Deferred[Any] = Deferred(lambda _: self._give_up())
        self._waiting = waiting
        start()
        return waiting

    def _give_up(self) -> None:
        """Who waits has cancelled, and hears of it from the Deferred."""
        self._waiting = None
        self._fail(self._trouble("cancelled", temporary=False))

    def _give_up_opening(self) -> None:
        self._opening, self._given_up = False, True
        self._fail(self._trouble("cancelled", temporary=False))  # ends logging in

    # -- opening: Twisted's part ------------------------------------------------------------------

    def sendError(self, exc: Any) -> None:
        code = exc.code if 400 <= exc.code < 600 else None
        text = exc.resp.decode("utf-8", "replace") if isinstance(exc.resp, bytes) else exc.resp
        if isinstance(exc, TLSRequiredError | TLSError):
            self._phase = "tls"
            text = "the server does not offer STARTTLS" if code == 502 else text
        elif isinstance(exc, EHLORequiredError):
            text = "the server does not know EHLO, which logging in needs"
        self._fail(self._trouble(text, temporary=(code or 500) < 500, code=code))

    def tryTLS(self, code: int, resp: bytes, items: dict[bytes, bytes | None]) -> None:
        # Twisted compares the names as they were sent.
        items = {name.upper(): value for name, value in items.items()}
        super().tryTLS(code, resp, items)

    def esmtpState_starttls(self, code: int, resp: bytes) -> None:
        if self.clearLineBuffer():
            # It was sent in clear, by whomever, and would be taken for the encrypted answer.
            text = "the server went on in clear after its answer to STARTTLS"
            self._fail(self._trouble(text, temporary=False))
            return
        super().esmtpState_starttls(code, resp)

    def authenticate(self, code: int, resp: bytes, items: dict[bytes, bytes | None]) -> None:
        self._extensions = items
        if self.server.username is None:
            self._ready()
        else:
            spawn(self._log_in(self.server.username, self.server.password or ""))

    def smtpState_from(self, code: int, resp: bytes) -> None:
        self._ready()  # there is no EHLO, HELO was answered

    def _ready(self) -> None:
        self._opening = False
        self.usable = True
        self._disarm()
        self.opened.callback(self)

    # -- logging in -------------------------------------------------------------------------------

    async def _log_in(self, username: str, password: str) -> None:
        self._phase = "auth"
        encrypted = self.server.tls or self.server.ssl
        offered = (self._extensions.get(b"AUTH") or b"").upper().split()
        ways = {
            b"PLAIN": self._log_in_plain,
            b"LOGIN": self._log_in_login,
            b"CRAM-MD5": self._log_in_cram,
        }
        order = list(ways) if encrypted else [b"CRAM-MD5", b"PLAIN", b"LOGIN"]
        way = next((name for name in order if name in offered), None)
        try:
            if way is None:
                names = b" ".join(offered).decode("utf-8", "replace") or "nothing"
                text = f"the server offers {names}, we know PLAIN, LOGIN and CRAM-MD5"
                raise self._trouble(text, temporary=False)
            if not encrypted and way != b"CRAM-MD5" and not _LOOPBACK.fullmatch(self.server.host):
                gen_log.warning(
                    "mail: the password for %s goes over the net in clear: set tls or ssl",
                    self.server.name,
                )
            reply = await ways[way](username.encode(), password.encode())
            if reply.code != 235:
                raise self._trouble(reply.text, temporary=reply.temporary, code=reply.code)
        except MailError as exc:
            if self._opening:
                self._fail(exc)
            elif not self._given_up:
                self.opened.errback(exc)
            return
        self._ready()

    async def _log_in_plain(self, username: bytes, password: bytes) -> Reply:
        # RFC 4616: nobody to act for, a name, a password.
        secret = base64.b64encode(b"\0" + username + b"\0" + password)
        return await self._ask(b"AUTH PLAIN " + secret)

    async def _log_in_login(self, username: bytes, password: bytes) -> Reply:
        reply = await self._ask(b"AUTH LOGIN")
        for answer in (username, password):
            if reply.code == 334:
                reply = await self._ask(base64.b64encode(answer))
        return reply

    async def _log_in_cram(self, username: bytes, password: bytes) -> Reply:
        reply = await self._ask(b"AUTH CRAM-MD5")
        if reply.code != 334:
            return reply
        try:
            challenge = base64.b64decode(reply.text, validate=True)
        except ValueError:
            raise self._trouble("the server's challenge is malformed", temporary=False) from None
        answer = CramMD5ClientAuthenticator(username).challengeResponse(password, challenge)
        return await self._ask(base64.b64encode(answer))

    # -- sending ----------------------------------------------------------------------------------

    async def deliver(self, envelope: Envelope) -> Delivery:
        """Send a message.

        Raises:
            MailError: the server has not taken it. If `usable` is still true, others can be sent.
        """
        self._end_sent = False
        await self._name_sender(envelope)
        answers = await self._name_recipients(envelope.recipients)
        self._phase = "data"
        reply = await self._ask(b"DATA")
        if reply.code != 354:
            raise self._refused(reply)
        early = await self._wait(lambda: self._send(envelope.content))
        if early is not None:  # it does not want the rest
            self._fail(self._trouble(early.text, temporary=early.temporary, code=early.code))
            raise self._error or self._refused(early)
        self._end_sent = True
        reply = await self._ask(b".")
        self._end_sent = False
        if not reply.good:
            raise self._refused(reply)
        self.served += 1
        accepted = sum(200 <= code < 300 for _, code, _ in answers)
        delivery = Delivery(accepted, answers)
        delivery.server, delivery.response = self.server.name, reply.text
        return delivery

    async def reset(self) -> None:
        """Begin anew; also shows whether the server is still there.

        Raises:
            MailError: it is not.
        """
        self._end_sent = False
        self._phase = "sender"
        reply = await self._ask(b"RSET")
        if not reply.good:
            raise self._refused(reply)

    async def _name_sender(self, envelope: Envelope) -> None:
        self._phase = "sender"
        parameters = b""
        if envelope.international:
            if b"SMTPUTF8" not in self._extensions:
                text = "an address is not ASCII, and the server does not offer SMTPUTF8 (RFC 6531)"
                raise self._trouble(text, temporary=False)
            parameters += b" SMTPUTF8 BODY=8BITMIME"
        if b"SIZE" in self._extensions:
            size, limit = len(envelope.content), self._extensions[b"SIZE"] or b""
            if limit.isdigit() and 0 < int(limit[:18]) < size:
                text = f"the message has {size} bytes, the server takes {int(limit)}"
                raise self._trouble(text, temporary=False)
            parameters += b" SIZE=%d" % size
        reply = await self._ask(b"MAIL FROM:<%s>" % envelope.sender.encode() + parameters)
        if not reply.good:
            raise self._refused(reply)

    async def _name_recipients(self, recipients: list[str]) -> list[Refusal]:
        self._phase = "recipients"
        answers = []
        for address in recipients:
            reply = await self._ask(b"RCPT TO:<%s>" % address.encode())
            if reply.code == 421:
                raise self._refused(reply)
            answers.append((address, reply.code, reply.text))
        refused = tuple(entry for entry in answers if not 200 <= entry[1] < 300)
        if len(refused) == len(answers) or (refused and self.server.require_all):
            _, code, text = refused[0]
            raise MailError(
                "recipients",
                f"{text} ({len(refused)} of {len(answers)} recipients refused)",
                self.server.name,
                code=code,
                temporary=all(400 <= code < 500 for _, code, _ in refused),
                refused=refused,
            )
        return answers

    def _refused(self, reply: Reply) -> MailError:
        error = self._trouble(reply.text, temporary=reply.temporary, code=reply.code)
        if reply.code == 421:  # it leaves
            self._error = error
            self._abort()
        return error

    def _send(self, content: bytes) -> None:
        """Send the data up to the line that ends it, as fast as the server takes them."""
        if content.count(b"\n") != content.count(b"\r\n") or content.count(b"\r\n") != (
            content.count(b"\r")
        ):
            content = re.sub(rb"\r\n|\r|\n", b"\r\n", content)  # or mail could be smuggled in
        if not content.endswith(b"\r\n"):
            content += b"\r\n"
        stuffed = io.BytesIO(re.sub(rb"(?m)^\.", b"..", content))
        sending = FileSender().beginFileTransfer(stuffed, self.transport, self._progress)
        sending.addCallbacks(self._sent, lambda _: None)  # connectionLost tells of errors

    def _progress(self, chunk: bytes) -> bytes:
        self._arm()
        return chunk

    def _sent(self, _: object) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    # -- leaving ----------------------------------------------------------------------------------

    def quit(self) -> Waiter:
        """Say good-bye. The result fires when the connection has ended; it never fails."""
        if self.usable:
            self.usable = False
            spawn(self._quit())
        else:
            self._abort()
        return self.ended

    async def _quit(self) -> None:
        try:
            answer = self._ask(b"QUIT")
            self._arm(min(_QUIT_TIMEOUT, self.server.timeout))
            await answer
        except MailError:
            return
        if self.transport is not None:
            self.transport.loseConnection()
            self._arm(min(_QUIT_TIMEOUT, self.server.timeout))
