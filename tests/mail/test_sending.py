"""Sending to aiosmtpd: encryption, logging in, refusals, kept connections."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, DeferredList

from cyclone.mail import Delivery, Mailer, MailError, Message, Server, sendmail
from cyclone.testing import ExpectLog

from .servers import PASSWORD, USER, Inbox, aiosmtpd

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


def make(to: Any = "bob@example.com", text: str = "Hello there!", **more: Any) -> Message:
    return Message("Ann <ann@example.com>", to, "Hello", text, **more)


def conf(port: int, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "retries": 0, "timeout": 30, **more}


async def failure(awaitable: Any) -> MailError:
    with pytest.raises(MailError) as caught:
        await awaitable
    return caught.value


# -- what arrives


async def test_a_message_arrives(plain: Any) -> None:
    message = make(["bob@example.com", "eve@example.com"], ".\n..\nÜnï\n", bcc="sue@example.com")
    delivery = await sendmail(conf(plain.port), message)
    assert isinstance(delivery, Delivery)
    count, addresses = delivery  # as in cyclone 1.x
    assert count == 3 and [address for address, _, _ in addresses][2] == "sue@example.com"
    assert delivery.refused == [] and delivery.response.startswith("queued as")
    assert delivery.server == f"127.0.0.1:{plain.port}"
    envelope = plain.inbox.mail[-1]
    assert envelope.mail_from == "ann@example.com"
    assert envelope.rcpt_tos == ["bob@example.com", "eve@example.com", "sue@example.com"]
    assert plain.inbox.text() == ".\n..\nÜnï\n"


async def test_large_files_arrive(plain: Any) -> None:
    data = bytes(range(256)) * 4096
    message = make()
    message.attach("data.bin", content=data)
    await sendmail(conf(plain.port), message)
    *_, part = plain.inbox.last().iter_parts()
    assert part.get_payload(decode=True) == data


async def test_dots_at_every_place(plain: Any) -> None:
    # Pieces of 16384 bytes are sent: a dot may begin any of them.
    text = "".join("." * (n % 7) + "x" * (n % 60) + "\n" for n in range(1200))
    await sendmail(conf(plain.port), make(text=text))
    assert plain.inbox.text() == text


async def test_international_addresses(plain: Any, starttls: Any, certificates: Any) -> None:
    message = Message("jörg@bücher.example", "Ünï <ünï@bücher.example>", "Grüße", "Ünï")
    await sendmail(conf(plain.port), message)
    envelope = plain.inbox.mail[-1]
    assert envelope.smtp_utf8
    assert envelope.mail_from == "jörg@xn--bcher-kva.example"
    assert envelope.rcpt_tos == ["ünï@xn--bcher-kva.example"]
    login = {"tls": True, "ca_certs": certificates.ca, "username": USER, "password": PASSWORD}
    error = await failure(sendmail(conf(starttls.port, **login), message))
    assert error.phase == "sender" and "SMTPUTF8" in str(error) and not error.temporary


async def test_in_a_task_of_asyncio_too(plain: Any, reactor: Any) -> None:
    loop = getattr(reactor, "_asyncioEventloop", None) or getattr(reactor, "loop", None)
    if loop is None:
        pytest.skip("this reactor has no asyncio loop")

    async def task() -> Any:
        return await sendmail(conf(plain.port), make())

    delivery = await Deferred.fromFuture(asyncio.ensure_future(task(), loop=loop))
    assert delivery.accepted == 1


# -- encryption and logging in


@pytest.mark.parametrize("kind", ["starttls", "implicit"])
async def test_encryption_and_login(
    kind: str, request: pytest.FixtureRequest, certificates: Any
) -> None:
    server = request.getfixturevalue(kind)
    how = {"tls": True} if kind == "starttls" else {"ssl": True}
    login = {"username": USER, "password": PASSWORD}
    ca = {"ca_certs": certificates.ca}
    await sendmail(conf(server.port, **how, **login, **ca), make())
    assert server.inbox.sessions[-1].auth_data.login == USER.encode()
    arrived = len(server.inbox.mail)

    error = await failure(sendmail(conf(server.port, **how, **login), make()))
    assert error.phase == "tls" and "verify failed" in str(error) and not error.temporary

    wrong = {"username": USER, "password": "wr0ng-pass"}
    error = await failure(sendmail(conf(server.port, **how, **wrong, **ca), make()))
    assert (error.phase, error.code, error.temporary) == ("auth", 535, False)
    assert "wr0ng" not in repr(error) + str(error)

    error = await failure(sendmail(conf(server.port, **how, **ca), make()))
    assert (error.phase, error.code) == ("sender", 530)
    assert len(server.inbox.mail) == arrived

    with ExpectLog("cyclone.general", ".*is not verified .verify=False.*"):
        await sendmail(conf(server.port, **how, **login, verify=False), make())
    assert len(server.inbox.mail) == arrived + 1


async def test_the_name_in_the_certificate_counts(stranger: int, certificates: Any) -> None:
    error = await failure(
        sendmail(conf(stranger, ssl=True, ca_certs=certificates.ca, retries=2), make())
    )
    assert error.phase == "tls" and "not for this host" in str(error)


async def test_tls_that_is_not_there(plain: Any, certificates: Any, starttls: Any) -> None:
    error = await failure(sendmail(conf(plain.port, tls=True, retries=2), make()))
    assert (error.phase, error.temporary) == ("tls", False)
    assert "does not offer STARTTLS" in str(error)
    error = await failure(sendmail(conf(plain.port, ssl=True), make()))
    assert error.phase == "tls"
    login = {"username": USER, "password": PASSWORD}
    error = await failure(sendmail(conf(plain.port, **login), make()))
    assert error.phase == "auth" and "offers nothing" in str(error)
    error = await failure(sendmail(conf(starttls.port), make()))
    assert (error.phase, error.code) == ("sender", 530)


@pytest.mark.parametrize("excluded", [["LOGIN"], ["PLAIN"]])
async def test_each_way_to_log_in(excluded: list[str], certificates: Any) -> None:
    from .servers import authenticator

    inbox = Inbox()
    options = {"auth_required": True, "auth_require_tls": False, "authenticator": authenticator}
    with aiosmtpd(inbox, auth_exclude_mechanism=excluded, **options) as port:
        await sendmail(conf(port, username=USER, password=PASSWORD), make())
        error = await failure(sendmail(conf(port, username=USER, password="no"), make()))
        assert (error.phase, error.code) == ("auth", 535)
    assert len(inbox.mail) == 1


async def test_files_of_authorities_that_are_none(plain: Any, tmp_path: Any) -> None:
    (tmp_path / "empty.pem").write_text("")
    for name, said in (("empty.pem", "holds no PEM certificate"), ("none.pem", "No such file")):
        for how in ("tls", "ssl"):
            broken = conf(plain.port, ca_certs=tmp_path / name, retries=3, **{how: True})
            error = await failure(sendmail(broken, make()))
            assert error.phase == "tls" and said in str(error)


# -- refusals


async def test_some_recipients_are_refused(plain: Any) -> None:
    to = ["no@example.com", "bob@example.com", "later@example.com"]
    with ExpectLog("cyclone.general", ".*refused 2 of 3 recipients"):
        delivery = await sendmail(conf(plain.port), make(to))
    assert delivery.accepted == 1
    assert [(address, code) for address, code, _ in delivery.refused] == [
        ("no@example.com", 550),
        ("later@example.com", 451),
    ]
    arrived = len(plain.inbox.mail)
    error = await failure(sendmail(conf(plain.port, require_all=True), make(to)))
    assert error.phase == "recipients" and not error.temporary
    assert [code for _, code, _ in error.refused] == [550, 451]
    assert len(plain.inbox.mail) == arrived


async def test_all_recipients_or_the_message_are_refused(plain: Any) -> None:
    error = await failure(sendmail(conf(plain.port), make("no@example.com")))
    assert (error.phase, error.code, error.temporary) == ("recipients", 550, False)
    assert "no such user (1 of 1 recipients refused)" in str(error)
    error = await failure(sendmail(conf(plain.port), make("later@example.com")))
    assert (error.code, error.temporary) == (451, True)
    spam = make()
    spam.add_header("X-Spam", "yes")
    error = await failure(sendmail(conf(plain.port), spam))
    assert (error.phase, error.code, error.uncertain) == ("data", 554, False)
    large = make()
    large.attach("large", content=bytes(2_500_000))
    error = await failure(sendmail(conf(plain.port), large))
    assert error.phase == "sender" and "the server takes 3000000" in str(error)


# -- kept connections


async def test_bursts_use_one_connection(plain: Any) -> None:
    first = len(plain.inbox.sessions)
    mailer = Mailer(conf(plain.port))
    await DeferredList([mailer.send(make()) for _ in range(5)], fireOnOneErrback=True)
    error = await failure(mailer.send(make("no@example.com")))
    assert error.code == 550
    await mailer.send(make())  # the refusal has not ended the connection
    sessions = plain.inbox.sessions[first:]
    assert len(sessions) == 6 and len({id(session) for session in sessions}) == 1
    await mailer.close()
    error = await failure(mailer.send(make()))
    assert error.phase == "queue" and "was closed" in str(error)
    mailer.startService()
    await mailer.send(make())
    await mailer.close()


async def test_several_connections_at_once_and_to_several_servers(plain: Any) -> None:
    first = len(plain.inbox.sessions)
    mailer = Mailer(conf(plain.port), connections=3, max_messages=2)
    inbox = Inbox()
    with aiosmtpd(inbox) as port:
        other = Mailer(conf(port))
        sent = [each.send(make()) for each in (mailer, other) for _ in range(6)]
        await DeferredList(sent, fireOnOneErrback=True)
        await other.close()
    await mailer.close()
    sessions = [id(session) for session in plain.inbox.sessions[first:]]
    assert len(sessions) == 6 and len(set(sessions)) >= 3
    assert max(map(sessions.count, sessions)) <= 2
    assert len(inbox.mail) == 6


async def test_it_is_a_service(plain: Any) -> None:
    service = MultiService()
    mailer = Mailer(conf(plain.port))
    mailer.setServiceParent(service)
    service.startService()
    sending = mailer.send(make())
    await service.stopService()  # waits for what is being sent
    assert (await sending).accepted == 1


# -- what it is told


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "requires a 'host'"),
        ({"host": "a\nb"}, "line breaks"),
        ({"host": "a", "port": "25"}, "proper 'port'"),
        ({"host": "a", "port": 70000}, "proper 'port'"),
        ({"host": "a", "tls": True, "ssl": True}, "give one"),
        ({"host": "a", "username": "u"}, "come together"),
        ({"host": "a", "username": "u", "password": "p\0"}, "must not hold NUL"),
        ({"host": "a", "retries": -1}, "'retries' must be"),
        ({"host": "a", "timeout": 0}, "'timeout' must be seconds"),
        ({"host": "a", "identity": "ü"}, "must be ASCII"),
        ({"host": "a", "verfy": False}, "unknown keys .'verfy'."),
        ([], "at least one server"),
    ],
)
def test_wrong_settings(wrong: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sendmail(wrong, make())


def test_settings_of_cyclone_1() -> None:
    old = {"host": "h", "port": None, "tls": True, "username": "u", "password": "p"}
    server = Mailer(old).servers[0]
    assert server == Server("h", 587, tls=True, username="u", password="p")
    assert "password" not in repr(server) and server.verify
    assert [Server("h", ssl=ssl).port for ssl in (True, False)] == [465, 25]
    assert Server("::1").name == "[::1]:25"
    wrong: Any = "smtp.example.com"
    with pytest.raises(TypeError, match="must be a dict or a Server"):
        sendmail(wrong, make())
    with pytest.raises(TypeError, match="instance of cyclone"):
        sendmail(old, wrong)
    with pytest.raises(TypeError, match="'password' must be a str"):
        Server("h", username="u", password=b"x")  # type: ignore[arg-type]
    for name in ("connections", "idle_timeout", "max_messages", "max_waiting"):
        with pytest.raises(ValueError, match=f"{name} must be a number"):
            Mailer(old, **{name: -1})
    assert functools.partial(Mailer, Server("h"))().servers == [Server("h")]
