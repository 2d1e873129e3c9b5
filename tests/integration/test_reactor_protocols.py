"""Other people's protocols serve and connect on the uvloop reactor."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

BEGIN = """
import warnings
warnings.simplefilter("ignore")  # what these libraries import, and how, is theirs to say
from cyclone import uvloopreactor
uvloopreactor.install()
from twisted.internet import defer, endpoints, protocol, reactor, task

def address(port):
    return endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
"""

END = """
task.react(lambda reactor: defer.ensureDeferred(main()))
"""

AMP = """
from twisted.protocols import amp

class Sum(amp.Command):
    arguments = [(b"a", amp.Integer()), (b"b", amp.Integer())]
    response = [(b"total", amp.Integer())]

class Math(amp.AMP):
    @Sum.responder
    def sum(self, a, b):
        return {"total": a + b}

async def main():
    port = reactor.listenTCP(0, protocol.Factory.forProtocol(Math), interface="127.0.0.1")
    client = await endpoints.connectProtocol(address(port), amp.AMP())
    print(await client.callRemote(Sum, a=20, b=22))
"""

MAIL = """
from io import BytesIO
from twisted.mail import smtp
from zope.interface import implementer

@implementer(smtp.IMessage)
class Message:
    def __init__(self):
        self.lines = []
    def lineReceived(self, line):
        self.lines.append(line)
    def eomReceived(self):
        print("mail", self.lines[-1].decode())
        return defer.succeed(None)
    def connectionLost(self):
        pass

@implementer(smtp.IMessageDelivery)
class Delivery:
    def receivedHeader(self, helo, origin, recipients):
        return b"Received: here"
    def validateFrom(self, helo, origin):
        return origin
    def validateTo(self, user):
        return Message

class Factory(smtp.SMTPFactory):
    protocol = smtp.ESMTP
    def buildProtocol(self, addr):
        made = super().buildProtocol(addr)
        made.delivery = Delivery()
        return made

async def main():
    port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
    sent = await smtp.sendmail(
        "127.0.0.1", b"a@example.org", [b"b@example.org"], b"Subject: x\\n\\nhello",
        port=port.getHost().port,
    )
    print(sent[0])
"""

KLEIN = """
import klein
from twisted.web import client, server

app = klein.Klein()

@app.route("/sum/<int:a>/<int:b>")
async def total(request, a, b):
    await task.deferLater(reactor, 0.001)
    return str(a + b)

async def main():
    port = reactor.listenTCP(0, server.Site(app.resource()), interface="127.0.0.1")
    pool = client.HTTPConnectionPool(reactor)
    agent = client.Agent(reactor, pool=pool)
    for _ in range(3):
        url = b"http://127.0.0.1:%d/sum/20/22" % port.getHost().port
        response = await agent.request(b"GET", url)
        print(response.code, (await client.readBody(response)).decode())
    await pool.closeCachedConnections()
"""

CONCH = """
from twisted.conch import avatar, interfaces
from twisted.conch.endpoints import SSHCommandClientEndpoint
from twisted.conch.ssh import factory, keys, session
from twisted.cred import checkers, portal
from cryptography.hazmat.primitives.asymmetric import ed25519
from zope.interface import implementer

@implementer(interfaces.ISession)
class User(avatar.ConchUser):
    def __init__(self):
        super().__init__()
        self.channelLookup[b"session"] = session.SSHSession
    def execCommand(self, process, command):
        # Not before the client has heard that its command runs.
        reactor.callLater(0, self.answer, process, command)
    def answer(self, process, command):
        process.write(b"you said " + command)
        process.processEnded(Done())
    def eofReceived(self):
        pass
    def closed(self):
        pass

class Done:
    class value:
        exitCode = 0
        signal = None

class Realm:
    def requestAvatar(self, name, mind, *wanted):
        return wanted[0], User(), lambda: None

class Client(protocol.Protocol):
    def __init__(self):
        self.received = b""
        self.done = defer.Deferred()
    def dataReceived(self, data):
        self.received += data
    def connectionLost(self, reason):
        self.done.callback(self.received)

async def main():
    key = keys.Key(ed25519.Ed25519PrivateKey.generate())
    served = factory.SSHFactory()
    served.publicKeys = {b"ssh-ed25519": key.public()}
    served.privateKeys = {b"ssh-ed25519": key}
    served.portal = portal.Portal(
        Realm(), [checkers.InMemoryUsernamePasswordDatabaseDontUse(me=b"secret")]
    )
    port = reactor.listenTCP(0, served, interface="127.0.0.1")
    with open("known_hosts", "wb") as known:
        known.write(b"127.0.0.1 " + key.public().toString("openssh") + b"\\n")
    endpoint = SSHCommandClientEndpoint.newConnection(
        reactor, b"hello", b"me", "127.0.0.1", port.getHost().port,
        password=b"secret", agentEndpoint=None, knownHosts="known_hosts", keys=[],
    )
    client = await endpoints.connectProtocol(endpoint, Client())
    print((await client.done).decode())
"""


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (AMP, ["{'total': 42}"]),
        (MAIL, ["mail hello", "1"]),
        (KLEIN, ["200 42"] * 3),
        (CONCH, ["you said hello"]),
    ],
    ids=["amp", "mail", "klein", "conch"],
)
def test_protocols(
    program: str, expected: list[str], spawn: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "program.py"
    file.write_text(BEGIN + program + END)
    process = spawn([sys.executable, file], cwd=tmp_path)
    assert process.wait() == 0, process.output
    assert process.output.splitlines() == expected
