"""demos/multiprotocol, served: a notice by each protocol, and what each of them refuses."""

from __future__ import annotations

import json
import smtplib
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from twisted.conch.ssh import channel, connection, session, transport, userauth
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone, ConnectionLost

from cyclone.testing import Client
from tests.demos.loading import DEMOS, load
from tests.plugins.processes import Process, script, unused_port
from tests.sse.support import EventParser


class Served:
    """The demo under twistd, and what its log says."""

    def __init__(self) -> None:
        port = unused_port()
        self.base = f"http://127.0.0.1:{port}"
        self.process = Process(
            [script("twistd"), "--nodaemon", "--pidfile=", "cyclone", "-p", str(port),
             "-r", "app.Application"],
            cwd=DEMOS / "multiprotocol",
        )  # fmt: skip
        self.process.wait_for_port(port)
        self.smtp = int(self.process.wait_for_line(r"SMTP at port (\d+)")[1])
        found = self.process.wait_for_line(r"ssh -p (\d+) admin@127.0.0.1 \(password: (\S+)\)")
        self.ssh, self.password = int(found[1]), found[2]

    def board(self) -> list[dict[str, Any]]:
        with requests.get(self.base + "/live", stream=True, timeout=20) as stream:
            data = b""
            for piece in stream.iter_content(None):
                data += piece
                if data.endswith(b"\n\n"):
                    break

        notices: list[dict[str, Any]] = json.loads(EventParser().feed(data)[0].data)["notices"]
        return notices

    def post(self, **fields: str) -> requests.Response:
        return requests.post(self.base + "/post", data=fields, timeout=20)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    demo = Served()
    try:
        yield demo
        demo.process.stop()
        output = demo.process.output
        assert "Traceback" not in output and "Unhandled" not in output, output
    finally:
        demo.process.kill()


def mail(served: Served, source: bytes, recipients: Any = ("board@localhost",)) -> Any:
    with smtplib.SMTP("127.0.0.1", served.smtp, timeout=20) as client:
        return client.sendmail("ada@example.org", list(recipients), source.replace(b"\n", b"\r\n"))


# --- an SSH client -------------------------------------------------------------------------------


class Shell(channel.SSHChannel):
    """A session with a terminal; `until` waits for what it shows."""

    name = b"session"

    def channelOpen(self, data: bytes) -> None:
        self.shown = b""
        self.wanted: tuple[bytes, Deferred[bytes]] | None = None
        size = session.packRequest_pty_req(b"dumb", (24, 80, 0, 0), b"")
        self.conn.sendRequest(self, b"pty-req", size)
        self.conn.sendRequest(self, b"shell", b"", wantReply=True)
        self.conn.opened.callback(self)

    def until(self, text: bytes) -> Deferred[bytes]:
        found: Deferred[bytes] = Deferred()
        self.wanted = (text, found)
        self.dataReceived(b"")
        return found

    def dataReceived(self, data: bytes) -> None:
        self.shown += data
        if self.wanted and self.wanted[0] in self.shown:
            (_, found), self.wanted = self.wanted, None
            shown, self.shown = self.shown, b""
            found.callback(shown)


class Sessions(connection.SSHConnection):
    def __init__(self, opened: Deferred[Shell]) -> None:
        super().__init__()
        self.opened = opened

    def serviceStarted(self) -> None:
        self.openChannel(Shell(conn=self))


class Password(userauth.SSHUserAuthClient):
    def __init__(self, password: bytes, instance: Any) -> None:
        super().__init__(b"admin", instance)
        self.password = password

    def getPassword(self, prompt: bytes | None = None) -> Any:
        password, self.password = self.password, b""
        return succeed(password) if password else None

    def getPublicKey(self) -> None:
        return None

    def getGenericAnswers(self, *_: Any) -> None:
        return None


class Secure(transport.SSHClientTransport):
    def __init__(self, password: str) -> None:
        self.password = password.encode()
        self.opened: Deferred[Shell] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def verifyHostKey(self, key: bytes, fingerprint: bytes) -> Any:
        return succeed(1)  # it was made just now

    def connectionSecure(self) -> None:
        self.requestService(Password(self.password, Sessions(self.opened)))

    def connectionLost(self, reason: Any) -> None:
        super().connectionLost(reason)
        if not self.opened.called:
            self.opened.errback(ConnectionLost())
        self.ended.callback(None)


async def enter(port: int, password: str) -> tuple[Secure, Shell]:
    from twisted.internet import reactor

    client = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Secure(password))
    return client, await client.opened


async def test_by_ssh(served: Served) -> None:
    client, shell = await enter(served.ssh, served.password)
    await shell.until(b">>> ")
    shell.write(b"say('From ' + 'inside', 'Grace')\r")
    await shell.until(b"Grace: From inside")
    shell.write(b"say('x' * 501)\r")
    await shell.until(b"a notice has 1 to 500 characters")
    shell.write(b"len(app.readers) + 41\r")
    await shell.until(b"41")
    client.loseConnection()
    await client.ended


async def test_ssh_wants_the_password(served: Served) -> None:
    with pytest.raises((ConnectionLost, ConnectionDone)):
        await enter(served.ssh, "guess")


def test_by_http_and_smtp(served: Served) -> None:
    assert served.post(text="By form <b>", name=" Ada  L. ").status_code == 204
    assert mail(served, "Subject: Grüße\n\nBy mail\n".encode()) == {}
    found = [(each["text"], each["name"], each["by"]) for each in served.board()]
    assert ("By form <b>", "Ada L.", "HTTP") in found
    assert ("Grüße\nBy mail", "ada", "SMTP") in found
    page = requests.get(served.base + "/", timeout=20)
    assert f"smtp://127.0.0.1:{served.smtp}" in page.text
    assert f"ssh -p {served.ssh} admin@" in page.text
    assert served.password not in page.text
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"\n\n", "…"),
        (b"\n" + b"x" * 600, "x" * 498 + " …"),
        (b"Content-Type: text/plain; charset=klingon\n\nx", "(in characters that nobody knows)"),
        (b"Subject: =?utf-8?q?a=00=1b[2Jb?=\n\n", "a[2Jb"),
        (b"Subject: only html\nContent-Type: text/html\n\n<p>x", "only html"),
        (b"\xff\xfe no header at all", None),
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: x/y\n", None),
    ],
)
def test_mails_of_any_kind(served: Served, source: bytes, said: str | None) -> None:
    before = len(served.board())
    assert mail(served, source) == {}
    board = served.board()
    assert len(board) == before + 1 and said in (None, board[-1]["text"])


def test_what_is_refused(served: Served) -> None:
    for text in ("", " \n ", "x" * 501):
        answer = served.post(text=text)
        assert answer.status_code == 400 and "1 to 500 characters" in answer.json()["error"]
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    forged = requests.post(served.base + "/post", data={"text": "x"}, headers=foreign, timeout=20)
    assert forged.status_code == 403
    refused = mail(served, b"Subject: one\n\n", ["a@b.c", "d@e.f"])
    assert refused == {"d@e.f": (452, b"One recipient is enough: there is one board")}
    with pytest.raises(smtplib.SMTPDataError) as caught:
        mail(served, b"\n".join([b"z" * 900] * 100))
    assert caught.value.smtp_code == 552


def test_without_conch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(DEMOS / "multiprotocol")])
    app = load("multiprotocol").Application()
    page = Client(app).get("/")
    assert "pip install" in page.text and page.status == 200
    for _ in range(60):
        app.say("Hello")
    assert len(list(app.notices)) == 50
