"""Mail servers for tests: aiosmtpd in threads, and ones that follow a script, in the reactor."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import Clock
from twisted.protocols.basic import LineReceiver

from tests.plugins.processes import unused_port

USER, PASSWORD = "ann", "s3cret-pässword"


class Inbox:
    """What arrived; the handler of aiosmtpd. Names of recipients say how they are answered."""

    def __init__(self) -> None:
        self.mail: list[Any] = []
        self.resets = 0
        self.sessions: list[Any] = []

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.startswith("no"):
            return "550 no such user"
        if address.startswith("later"):
            return "451 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(self, server: Any, session: Any, envelope: Any) -> str:
        self.resets += 1
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if b"X-Spam: yes" in envelope.content:
            return "554 no spam here"
        self.mail.append(envelope)
        self.sessions.append(session)
        return f"250 queued as {len(self.mail)}"

    def last(self) -> EmailMessage:
        """The last message that arrived."""
        return BytesParser(policy=policy.SMTP).parsebytes(self.mail[-1].content)

    def text(self) -> str:
        """Its text."""
        return str(self.last().get_content()).replace("\r\n", "\n")


def authenticator(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
    good = isinstance(data, LoginPassword) and data.login == USER.encode()
    return AuthResult(
        success=good and data.password == PASSWORD.encode(), handled=False, auth_data=data
    )


@contextlib.contextmanager
def aiosmtpd(
    inbox: Inbox, ssl_context: ssl.SSLContext | None = None, **options: Any
) -> Iterator[int]:
    """An SMTP server in a thread; its port."""
    port = unused_port()
    if ssl_context is not None:
        options["ssl_context"] = ssl_context
    controller = Controller(inbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


#: What a script says where it says nothing else.
POLITE: dict[bytes, Any] = {
    b"": b"220 here",
    b"EHLO": b"250-here\r\n250 SIZE 1000000",
    b"HELO": b"250 here",
    b"MAIL": b"250 ok",
    b"RCPT": b"250 ok",
    b"DATA": b"354 go on",
    b".": b"250 taken",
    b"RSET": b"250 ok",
    b"QUIT": b"221 bye",
}
HANG, DIE = None, "die"


class Patient:
    """The reactor with a clock of its own, which is moved on when a server hangs."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.clock = Clock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def callLater(self, seconds: float, function: Any, *args: Any, **kwargs: Any) -> Any:
        return self.clock.callLater(seconds, function, *args, **kwargs)

    def seconds(self) -> float:
        return self.clock.seconds()

    def wait(self) -> None:
        """Let the time pass that a session waits for an answer, once one does."""
        names = [getattr(call.func, "__name__", "") for call in self.clock.getDelayedCalls()]
        if "_timed_out" in names:
            self.clock.advance(60)
        else:
            self._reactor.callLater(0.001, self.wait)


class Script(LineReceiver):
    """A server that answers by a table: bytes, None for nothing, or DIE."""

    def __init__(self, factory: ScriptFactory) -> None:
        self.table = {**POLITE, **factory.table}
        self.log = factory.log
        self.content = factory.content
        self.factory = factory
        self._data = False

    def connectionMade(self) -> None:
        self.factory.connections.append(self)
        self._say(b"")

    def connectionLost(self, reason: Any) -> None:
        self.factory.connections.remove(self)

    def _say(self, key: bytes) -> None:
        answer = self.table.get(key, b"502 what?")
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            answer(self)
        elif answer == DIE:
            self.transport.abortConnection()
        elif answer is not None:
            self.sendLine(answer)
        else:
            self.factory.hangs()

    def lineReceived(self, line: bytes) -> None:
        if self._data:
            if line == b".":
                self._data = False
                self.log.append(b".")
                self._say(b".")
            else:
                self.content.append(line)
            return
        self.log.append(line)
        word = line.split(b" ")[0].split(b":")[0].upper()
        self._data = word == b"DATA" and self.table[b"DATA"] == POLITE[b"DATA"]
        self._say(word if word in self.table else line)


class ScriptFactory(Factory):
    noisy = False

    def __init__(self, table: dict[bytes, Any], hangs: Callable[[], None]) -> None:
        self.table = table
        self.hangs = hangs
        self.log: list[bytes] = []
        self.content: list[bytes] = []
        self.connections: list[Script] = []
        self.port = 0

    def buildProtocol(self, addr: Any) -> Script:
        return Script(self)

    def said(self) -> list[bytes]:
        """The first words of the commands that came."""
        return [line.split(b" ")[0].split(b":")[0] for line in self.log]


@contextlib.asynccontextmanager
async def scripted(reactor: Any, table: dict[bytes, Any]) -> AsyncIterator[ScriptFactory]:
    """A server in the reactor that follows a script."""
    hangs = reactor.wait if isinstance(reactor, Patient) else lambda: None
    factory = ScriptFactory(table, hangs)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    factory.port = port.getHost().port
    try:
        yield factory
    finally:
        for connection in list(factory.connections):
            connection.transport.abortConnection()
        await port.stopListening()


def start_tls(certificate: Any) -> Callable[[Script], None]:
    """An answer to STARTTLS that does it."""

    def answer(script: Script) -> None:
        script.sendLine(b"220 go on")
        script.transport.startTLS(certificate)

    return answer


def fall_silent(script: Script) -> None:
    """An answer that says 220, and nothing after that."""
    script.sendLine(b"220 go on")
    script.factory.hangs()


def options_of(pem: bytes) -> Any:
    """Twisted's server options of a key and a certificate."""
    key = load_pem_private_key(pem, None)
    return CertificateOptions(privateKey=key, certificate=load_pem_x509_certificate(pem))
