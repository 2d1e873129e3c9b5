"""Servers that hang, die, lie and leave: which phase failed, and what is tried again."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from cyclone.mail import Mailer, MailError, Message, sendmail
from cyclone.testing import ExpectLog

from .servers import DIE, HANG, Patient, ScriptFactory, fall_silent, scripted, start_tls


def make(to: Any = "bob@example.com", text: str = "Hello there!") -> Message:
    return Message("ann@example.com", to, "Hello", text)


def conf(factory: ScriptFactory | int, **more: Any) -> dict[str, Any]:
    port = factory if isinstance(factory, int) else factory.port
    return {"host": "127.0.0.1", "port": port, "retries": 0, "timeout": 30, **more}


async def failure(awaitable: Any) -> MailError:
    with pytest.raises(MailError) as caught:
        await awaitable
    return caught.value


def large() -> Message:
    """More than what fits into the buffers of a connection."""
    message = make()
    message.attach("zeros", content=bytes(12_000_000))
    return message


LOGIN = {"username": "ann", "password": "s3cret"}


def offering(*ways: bytes) -> dict[bytes, Any]:
    return {b"EHLO": b"250-here\r\n250 auth " + b" ".join(ways)}


#: What the server does; settings; phase, whether it may be tried again, whether it may have arrived
FAULTS: list[tuple[dict[bytes, Any], dict[str, Any], tuple[str, bool, bool], str]] = [
    ({b"": DIE}, {}, ("greeting", True, False), "connection ended"),
    ({b"": HANG}, {}, ("greeting", True, False), "no answer within 30 seconds"),
    ({b"": b"554 go away"}, {}, ("greeting", False, False), "554 go away"),
    ({b"": b"421 too busy"}, {}, ("greeting", True, False), "421 too busy"),
    ({b"": b"HTTP/1.1 400 Bad Request"}, {}, ("greeting", False, False), "no answer of SMTP"),
    ({b"": b"\xff\x00\x1b[31m"}, {}, ("greeting", False, False), "no answer of SMTP"),
    ({b"": b"220-" + b"x\r\n220-" * 300 + b"x"}, {}, ("greeting", False, False), "does not end"),
    ({b"": b"220 " + b"x" * 70000}, {}, ("greeting", False, False), "too long"),
    ({b"EHLO": DIE}, {}, ("greeting", True, False), "connection ended"),
    ({b"EHLO": b"502 no"}, LOGIN, ("greeting", False, False), "does not know EHLO"),
    ({b"EHLO": b"250-x\r\n250 STARTTLS", b"STARTTLS": b"454 not now"}, {"tls": True},
     ("tls", True, False), "454"),
    ({b"EHLO": b"250-x\r\n250 STARTTLS", b"STARTTLS": DIE}, {"tls": True},
     ("tls", True, False), "connection ended"),
    ({b"EHLO": b"250-x\r\n250 STARTTLS", b"STARTTLS": b"220 go on\r\n250 AUTH PLAIN"},
     {"tls": True, **LOGIN}, ("tls", False, False), "went on in clear"),
    ({b"EHLO": b"250-x\r\n250 STARTTLS", b"STARTTLS": fall_silent}, {"tls": True},
     ("tls", True, False), "no answer within"),
    ({**offering(b"PLAIN"), b"AUTH": HANG}, LOGIN, ("auth", True, False),
     "no answer within"),
    ({**offering(b"PLAIN"), b"AUTH": DIE}, LOGIN, ("auth", True, False), "connection ended"),
    ({**offering(b"PLAIN"), b"AUTH": b"454 later"}, LOGIN, ("auth", True, False), "454 later"),
    ({**offering(b"LOGIN"), b"AUTH": b"535 no"}, LOGIN, ("auth", False, False), "535 no"),
    ({**offering(b"CRAM-MD5"), b"AUTH": b"535 no"}, LOGIN, ("auth", False, False), "535 no"),
    ({**offering(b"CRAM-MD5"), b"AUTH": b"334 *"}, LOGIN, ("auth", False, False), "malformed"),
    ({**offering(b"GSSAPI"), b"AUTH": b"535 no"}, LOGIN, ("auth", False, False), "offers GSSAPI"),
    ({b"MAIL": HANG}, {}, ("sender", True, False), "no answer within"),
    ({b"MAIL": DIE}, {}, ("sender", True, False), "connection ended"),
    ({b"MAIL": b"550 who?"}, {}, ("sender", False, False), "550 who?"),
    ({b"MAIL": b"250 ok\r\n250 ok"}, {}, ("recipients", False, False), "not asked"),
    ({b"RCPT": b"421 bye"}, {}, ("recipients", True, False), "421 bye"),
    ({b"RCPT": DIE}, {}, ("recipients", True, False), "connection ended"),
    ({b"DATA": b"250 ok"}, {}, ("data", False, False), "250 ok"),
    ({b"DATA": b"451 no room"}, {}, ("data", True, False), "451 no room"),
    ({b"DATA": DIE}, {}, ("data", True, False), "connection ended"),
    ({b".": b"451 no room"}, {}, ("data", True, False), "451 no room"),
    ({b".": b"552 too much"}, {}, ("data", False, False), "552 too much"),
    # It may have been taken: never again.
    ({b".": DIE}, {}, ("data", False, True), "may have taken the message"),
    ({b".": HANG}, {}, ("data", False, True), "may have taken the message"),
    ({b".": b"what?"}, {}, ("data", False, True), "may have taken the message"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "settings", "expected", "said"), FAULTS)
async def test_faults(
    reactor: Any, table: Any, settings: Any, expected: Any, said: str, logged_failures: Any
) -> None:
    patient = Patient(reactor)
    async with scripted(patient, table) as server:
        error = await failure(sendmail(conf(server, **settings), make(), patient))
        assert (error.phase, error.temporary, error.uncertain) == expected, str(error)
        assert said in str(error)
        assert error.server == f"127.0.0.1:{server.port}"
        assert "s3cret" not in str(error) + repr(error)
        assert "czNjcmV0" not in str(error)
    gc.collect()


async def test_nobody_listens(new_port: Any) -> None:
    error = await failure(sendmail(conf(new_port()), make()))
    assert (error.phase, error.temporary) == ("connect", True)


async def test_it_is_tried_again_where_that_is_safe(reactor: Any) -> None:
    answers: list[Any] = [DIE, b"421 busy", b"220 here"]
    async with scripted(reactor, {b"": answers}) as server:
        settings = conf(server, retries=2, retry_delay=0.001)
        with ExpectLog("cyclone.general", "mail: greeting .*; 2 retries left"):
            assert (await sendmail(settings, make())).accepted == 1
    async with scripted(reactor, {b".": [b"451 no room", b"250 taken"]}) as server:
        settings = conf(server, retries=1, retry_delay=0.001)
        with ExpectLog("cyclone.general", "mail: data .*451 no room; 1 retries left"):
            await sendmail(settings, make())
        ids = {line for line in server.content if line.startswith(b"Message-ID")}
        assert len(ids) == 1 and server.said().count(b"MAIL") == 2


@pytest.mark.parametrize("answer", [DIE, b"550 no"])
async def test_it_is_not_tried_again_where_it_is_not(reactor: Any, answer: Any) -> None:
    async with scripted(reactor, {b".": answer}) as server:
        await failure(sendmail(conf(server, retries=3, retry_delay=0.001), make()))
        assert server.said().count(b"DATA") == 1
    async with scripted(reactor, {b".": answer}) as first, scripted(reactor, {}) as second:
        await failure(sendmail([conf(first), conf(second)], make()))
        assert second.log == []


async def test_the_next_server_takes_over(reactor: Any, new_port: Any) -> None:
    async with scripted(reactor, {b"MAIL": b"451 later"}) as second, scripted(reactor, {}) as third:
        servers = [conf(new_port()), conf(second), conf(third)]
        with ExpectLog("cyclone.general", "mail: .*the next server is tried"):
            delivery = await sendmail(servers, make())
        assert delivery.server.endswith(str(third.port))
        third.table[b"MAIL"] = b"550 never"
        with ExpectLog("cyclone.general", "mail: .*the next server is tried"):
            error = await failure(sendmail(servers, make()))
        assert error.code == 550


async def test_without_ehlo(reactor: Any) -> None:
    async with scripted(reactor, {b"EHLO": b"502 what?"}) as server:
        await sendmail(conf(server, identity="here.example.com"), make())
        assert server.log[:3] == [
            b"EHLO here.example.com",
            b"HELO here.example.com",
            b"MAIL FROM:<ann@example.com>",
        ]


async def test_cram_md5_and_names_in_small_letters(reactor: Any) -> None:
    # The example of RFC 2195.
    challenge = b"334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"
    digest = b"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"
    table = {**offering(b"plain", b"cram-md5"), b"AUTH": challenge, digest: b"235 welcome"}
    async with scripted(reactor, table) as server:
        login = {"username": "tim", "password": "tanstaaftanstaaf"}
        await sendmail(conf(server, **login), make())
        assert b"AUTH CRAM-MD5" in server.log and digest in server.log


async def test_passwords_in_clear_are_warned_about(reactor: Any) -> None:
    table = {**offering(b"PLAIN"), b"AUTH": b"235 welcome"}
    async with scripted(reactor, table) as server:
        settings = {**conf(server), "host": "0.0.0.0", **LOGIN}  # this host, by another name
        with ExpectLog("cyclone.general", "mail: the password for .* goes over the net in clear"):
            await sendmail(settings, make())


async def test_starttls_and_a_certificate_of_nobody(reactor: Any, certificates: Any) -> None:
    table = {b"EHLO": b"250-x\r\n250 starttls", b"STARTTLS": start_tls(certificates.twisted)}
    async with scripted(reactor, table) as server:
        error = await failure(sendmail(conf(server, tls=True), make()))
        assert error.phase == "tls" and "verify failed" in str(error)
        await sendmail(conf(server, tls=True, ca_certs=certificates.ca), make())


async def test_an_answer_in_the_middle_of_the_data(reactor: Any) -> None:
    def impatient(script: Any) -> None:
        script.sendLine(b"354 go on")
        script.sendLine(b"452 no more room")
        script.transport.pauseProducing()

    async with scripted(reactor, {b"EHLO": b"250 x", b"DATA": impatient}) as server:
        error = await failure(sendmail(conf(server), large()))
        assert (error.phase, error.code, error.uncertain) == ("data", 452, False)
        assert error.temporary


async def test_a_reader_that_stops_in_the_middle_of_the_data(reactor: Any) -> None:
    patient = Patient(reactor)

    def stopped(script: Any) -> None:
        script.sendLine(b"354 go on")
        script.transport.pauseProducing()
        reactor.callLater(0.1, patient.wait)  # by then the buffers are full, or being filled

    async with scripted(reactor, {b"EHLO": b"250 x", b"DATA": stopped}) as server:
        error = await failure(sendmail(conf(server), large(), patient))
        assert (error.phase, error.uncertain) == ("data", False)
        assert error.temporary


async def test_kept_connections_that_have_gone(reactor: Any) -> None:
    async with scripted(reactor, {}) as server:
        mailer = Mailer(conf(server))
        await mailer.send(make())
        server.connections[0].table[b"RSET"] = DIE
        await mailer.send(make())  # over another
        assert server.said().count(b"EHLO") == 2
        server.connections[0].table[b"RSET"] = b"500 what?"
        await mailer.send(make())
        assert server.said().count(b"EHLO") == 3
        server.connections[-1].sendLine(b"421 I leave")
        while server.connections:
            await deferLater(reactor, 0.001)
        await mailer.send(make())
        assert server.said().count(b"EHLO") == 4
        await mailer.close()
        assert server.log[-1] == b"QUIT"


async def test_idle_connections_are_ended(reactor: Any) -> None:
    async with scripted(reactor, {}) as server:
        mailer = Mailer(conf(server), idle_timeout=0.01)
        await mailer.send(make())
        while server.connections:
            await deferLater(reactor, 0.005)
        assert server.log[-1] == b"QUIT"
        await mailer.close()


async def test_a_server_that_does_not_answer_quit(reactor: Any) -> None:
    patient = Patient(reactor)
    async with scripted(patient, {b"QUIT": HANG}) as server:
        mailer = Mailer(conf(server), reactor=patient)
        await mailer.send(make())
        await mailer.close()
    async with scripted(reactor, {b"QUIT": DIE}) as server:
        await sendmail(conf(server), make())


async def test_too_many_wait(reactor: Any) -> None:
    async with scripted(reactor, {b"": HANG}) as server:
        mailer = Mailer(conf(server), max_waiting=1)
        first, second = mailer.send(make()), mailer.send(make())
        error = await failure(mailer.send(make()))
        assert error.phase == "queue" and "1 messages are waiting" in str(error)
        second.cancel()
        with pytest.raises(CancelledError):
            await second
        first.cancel()
        with pytest.raises(CancelledError):
            await first
        await mailer.close()


async def test_closing_while_messages_wait(reactor: Any, new_port: Any) -> None:
    asked: Deferred[None] = Deferred()

    def hold(script: Any) -> None:
        asked.callback(None)

    async with scripted(reactor, {b".": hold}) as server:
        mailer = Mailer(conf(server))
        first, second = mailer.send(make()), mailer.send(make())
        await asked
        closed = mailer.close()
        server.connections[0].sendLine(b"250 taken")
        assert (await first).accepted == 1
        assert (await failure(second)).phase == "queue"
        await closed
    mailer = Mailer(conf(new_port(), retries=5, retry_delay=30))
    with ExpectLog("cyclone.general", "mail: connect .*5 retries left"):
        sending = mailer.send(make())
        while not mailer._sleeping:
            await deferLater(reactor, 0.001)
    await mailer.close()
    assert (await failure(sending)).phase == "queue"


@pytest.mark.parametrize("where", [b"", b"AUTH", b"MAIL", b"DATA", b".", b"QUIT"])
async def test_cancelling(reactor: Any, where: bytes) -> None:
    reached: Deferred[None] = Deferred()

    def hold(script: Any) -> None:
        reached.callback(None)

    table = {**(offering(b"PLAIN") if where == b"AUTH" else {}), where: hold}
    async with scripted(reactor, table) as server:
        mailer = Mailer(conf(server, **(LOGIN if where == b"AUTH" else {})), idle_timeout=0)
        sending = mailer.send(make())
        await reached
        while not mailer._open and where != b"QUIT":
            await deferLater(reactor, 0.001)
        sending.cancel()
        if where == b"QUIT":
            assert (await sending).accepted == 1
            return
        with pytest.raises(CancelledError):
            await sending
        while server.connections:
            await deferLater(reactor, 0.001)


async def test_a_message_that_cannot_be_made(plain: Any) -> None:
    message = make()
    message.subject = "a\nb"
    with pytest.raises(ValueError, match="subject"):
        await sendmail(conf(plain.port), message)
    message.attach("large", content=bytes(300_000))
    with pytest.raises(ValueError, match="subject"):
        await sendmail(conf(plain.port), message)
