"""Messages: what they look like, and what they refuse."""

from __future__ import annotations

import email
import io
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.mail import Mailbox, Message, parse_mailbox


def make(**changes: Any) -> Message:
    arguments: Any = {
        "from_addr": "Ann <ann@example.com>",
        "to_addrs": ["bob@example.com"],
        "subject": "Hello",
        "message": "Hello there!",
    }
    return Message(**{**arguments, **changes})


def read(message: Message) -> EmailMessage:
    content = message.envelope().content.decode()
    return email.message_from_string(content, policy=policy.SMTPUTF8)  # type: ignore[return-value]


# -- addresses


@pytest.mark.parametrize(
    ("text", "expected", "spec"),
    [
        ("a@b.c", ("", "a", "b.c"), "a@b.c"),
        (" Ann  <a@b.c> ", ("Ann", "a", "b.c"), "a@b.c"),
        ("<a@b.c>", ("", "a", "b.c"), "a@b.c"),
        ('"Doe, \\"Ann\\"" <a@b.c>', ('Doe, "Ann"', "a", "b.c"), "a@b.c"),
        (
            "Ünï <a@bücher.example>",
            ("Ünï", "a", "xn--bcher-kva.example"),
            "a@xn--bcher-kva.example",
        ),
        ("ü@b.c", ("", "ü", "b.c"), "ü@b.c"),
        ('"a b\\"c"@d.e', ("", 'a b"c', "d.e"), '"a b\\"c"@d.e'),
        ('"a@b"@d.e', ("", "a@b", "d.e"), '"a@b"@d.e'),
        ("a@[192.0.2.1]", ("", "a", "[192.0.2.1]"), "a@[192.0.2.1]"),
        ("a@[IPv6:2001:db8::1]", ("", "a", "[IPv6:2001:db8::1]"), "a@[IPv6:2001:db8::1]"),
        ("root", ("", "root", ""), "root"),
        ("O'Neil, x <o'neil+tag@b.c>", ("O'Neil, x", "o'neil+tag", "b.c"), "o'neil+tag@b.c"),
    ],
)
def test_addresses(text: str, expected: Any, spec: str) -> None:
    box = parse_mailbox(text)
    assert box == Mailbox(*expected)
    assert box.spec == spec


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no address"),
        ("a@b.c, d@e.f", "several addresses are given as a list"),
        ("a@b.c; d@e.f", "several addresses are given as a list"),
        ("a@b.c\nBcc: x@y.z", r"'\\n'"),
        ("a@b.c\r", r"'\\r'"),
        ("A\u2028B <a@b.c>", "u2028"),
        ("A\0 <a@b.c>", r"x00"),
        ("a b@c.d", "no mailbox name"),
        (".a@b.c", "no mailbox name"),
        ("a..b@c.d", "no mailbox name"),
        ("a@", "no domain"),
        ("@b.c", "no mailbox name"),
        ("a@b..c", "no domain"),
        ("a@-b.c", "no domain"),
        ("a@b c", "no domain"),
        ("a@b.c> SIZE=1", "no address"),
        ("<a@b.c> <d@e.f>", "no address"),
        ("a@[1.2.3]", "Expected 4 octets"),
        ("a@" + "b." * 130 + "c", "no domain"),
        ("a" * 65 + "@b.c", "too long"),
        (f"Ann <{'ü' * 33}@b.c>", "too long"),
    ],
)
def test_what_is_no_address(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_mailbox(text)
    with pytest.raises(ValueError, match=said):
        make(to_addrs=text).envelope()


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        spec = parse_mailbox(text).spec
    except ValueError:
        return
    assert not set(spec) & set("\r\n\0")
    assert parse_mailbox(spec).spec == spec


# -- header fields

NAMES = st.text(alphabet=st.sampled_from('ab ü,ö;"\\<>@().:=?_漢😀'), max_size=60).map(str.strip)
TEXTS = st.text(alphabet=st.sampled_from('ab ü漢=?_😀"<>,'), max_size=200)


def quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def squeezed(text: str) -> str:
    """Without spaces, of which the standard library keeps some and drops others."""
    return "".join(text.split())


@given(st.lists(NAMES, min_size=1, max_size=6), st.booleans(), TEXTS, TEXTS)
def test_names_and_subjects_arrive(
    names: list[str], international: bool, subject: str, other: str
) -> None:
    users = [f"u{i}{'ü' * international}@x.de" for i in range(len(names))]
    to = [f"{quoted(name)} <{user}>" for name, user in zip(names, users, strict=True)]
    message = make(to_addrs=to, subject=subject)
    message.add_header("X-Other", other)
    back = read(message)
    addresses = back["To"].addresses
    assert [address.addr_spec for address in addresses] == users
    assert [squeezed(a.display_name) for a in addresses] == [squeezed(name) for name in names]
    assert squeezed(back["Subject"]) == squeezed(subject)
    assert squeezed(back["X-Other"]) == squeezed(other)
    head = message.envelope().content.partition(b"\r\n\r\n")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 998
    assert international or head.isascii()


def test_long_words_are_encoded() -> None:
    head = make(subject="x" * 3000).envelope().content.partition(b"\r\n\r\n")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 78
    assert read(make(subject="x" * 3000))["Subject"] == "x" * 3000


def test_fields() -> None:
    message = make(
        to_addrs=["b@x.y", "C <c@x.y>"], cc="d@x.y", bcc=["e@x.y", "b@x.y"], reply_to="r@x.y"
    )
    message.add_header("X-MailTag", "foobar")
    message.add_header("X-With", "a", some_thing="b c", other="ü")
    message.add_header("Date", "Thu, 01 Jan 1970 00:00:00 +0000")
    envelope = message.envelope()
    assert envelope.sender == "ann@example.com"
    assert envelope.recipients == ["b@x.y", "c@x.y", "d@x.y", "e@x.y"]
    assert b"e@x.y" not in envelope.content
    back = read(message)
    assert back["From"] == "Ann <ann@example.com>"
    assert back["To"] == "b@x.y, C <c@x.y>"
    assert (back["Cc"], back["Reply-To"], back["Bcc"]) == ("d@x.y", "r@x.y", None)
    assert back["X-MailTag"] == "foobar"
    assert back["X-With"] == "a; some-thing=\"b c\"; other*=utf-8''%C3%BC"
    assert back.get_all("Date") == ["Thu, 01 Jan 1970 00:00:00 +0000"]
    assert back["Message-ID"] == message.message_id


def test_it_stays_the_same_message() -> None:
    message = make()
    first = read(message)
    message.subject = "Another"
    second = read(message)
    assert first["Message-ID"] == second["Message-ID"] and first["Date"] == second["Date"]
    assert second["Subject"] == "Another"


def test_render_and_str() -> None:
    message = make(subject="Grüße", message="Ünï\n.\n..\n")
    file = message.render()
    assert isinstance(file, io.BytesIO)
    assert file.getvalue() == message.envelope().content
    assert str(message).startswith("Subject: =?utf-8?") and "\r" not in str(message)


# -- what is in it


def test_nul_does_not_go_over_the_wire() -> None:
    message = make(message="a\0b", html="<p>a\0b")
    assert b"\0" not in message.envelope().content
    plain, html = read(message).iter_parts()
    assert (plain.get_content(), html.get_content()) == ("a\0b\r\n", "<p>a\0b\r\n")


def test_text_of_any_type_and_charset() -> None:
    back = read(make(message="Grüße", mime="text/html", charset="iso-8859-1"))
    assert back.get_content_type() == "text/html"
    assert back.get_content_charset() == "iso-8859-1"
    assert back.get_content().strip() == "Grüße"


def test_alternatives_images_and_files(tmp_path: Path) -> None:
    message = make(html="")
    cid = message.embed("logo.png", content=b"\x89PNG")
    assert message.embed("b.gif", content=b"GIF", mime="image/gif", cid="b") == "b"
    message.html = f'<img src="cid:{cid}"> and <img src="cid:b">'
    (tmp_path / "data.bin").write_bytes(b"\0\1\r\n.\n")
    message.attach(tmp_path / "data.bin")
    message.attach("notes.txt", content="Grüße", charset="iso-8859-1")
    message.attach('/etc/secret/Ünï".pdf', content=b"%PDF")
    message.attach("mail.eml", content=b"From: x")
    message.attach("page", mime="text/html", content="<p>")
    back = read(message)
    assert back.get_content_type() == "multipart/mixed"
    alternative, *files = back.iter_parts()
    assert alternative.get_content_type() == "multipart/alternative"
    plain, related = alternative.iter_parts()  # type: ignore[attr-defined]
    assert plain.get_content().strip() == "Hello there!"
    assert related.get_content_type() == "multipart/related"
    page, logo, gif = related.iter_parts()
    assert cid in page.get_content()
    assert logo["Content-ID"] == f"<{cid}>" and logo.get_content_disposition() == "inline"
    assert (logo.get_content_type(), gif.get_content_type()) == ("image/png", "image/gif")
    assert [(f.get_filename(), f.get_content_type()) for f in files] == [
        ("data.bin", "application/octet-stream"),
        ("notes.txt", "text/plain"),
        ('Ünï".pdf', "application/pdf"),
        ("mail.eml", "application/octet-stream"),
        ("page", "text/html"),
    ]
    assert files[0].get_payload(decode=True) == b"\0\1\r\n.\n"
    assert files[1].get_content() == "Grüße"  # type: ignore[attr-defined]
    assert message.weight > 20


def test_images_without_an_alternative() -> None:
    message = make(mime="text/html", message='<img src="cid:a">')
    message.embed("a.png", content=b"x", cid="a")
    assert read(message).get_content_type() == "multipart/related"


@given(st.text(), st.binary(), st.text())
def test_no_content_breaks_a_line(text: str, data: bytes, name: str) -> None:
    try:
        message = make(message=text, html=text)
        message.attach("a" + name, content=data)
    except ValueError:
        return
    content = message.envelope().content
    assert content.count(b"\r") == content.count(b"\n") == content.count(b"\r\n")
    assert content.isascii()
    *_, attached = read(message).iter_parts()
    assert attached.get_payload(decode=True) == data


# -- what is refused

BREAKS = ["\r\nBcc: x@y.z", "\nX: y", "\r", "\0", "\x0b", "\x85", "\u2028", "\x1b"]


@pytest.mark.parametrize("text", BREAKS)
@pytest.mark.parametrize(
    "field", ["from_addr", "to_addrs", "cc", "bcc", "reply_to", "subject", "mime", "charset"]
)
def test_injection_into_fields(field: str, text: str) -> None:
    value = f"a@b.c{text}"
    with pytest.raises(ValueError, match="line breaks and control characters are refused"):
        make(**{field: value})
    message = make()
    setattr(message, field, [value] if field in ("to_addrs", "cc", "bcc", "reply_to") else value)
    with pytest.raises(ValueError, match="line breaks and control characters are refused"):
        message.envelope()
    with pytest.raises(ValueError, match="line breaks and control characters are refused"):
        make(to_addrs=f"Bob{text} <a@b.c>")


@pytest.mark.parametrize("text", BREAKS)
def test_injection_into_what_is_added(text: str) -> None:
    message = make()
    bad = "x" + text
    for call in (
        lambda: message.attach(bad, content="x"),
        lambda: message.attach("x", content="x", mime="text/plain" + text),
        lambda: message.attach("x", content="x", charset="utf-8" + text),
        lambda: message.embed(bad, content=b"x"),
        lambda: message.embed("x", content=b"x", cid=bad),
        lambda: message.add_header(bad, "x"),
        lambda: message.add_header("X-A", bad),
        lambda: message.add_header("X-A", "x", **{bad: "x"}),
        lambda: message.add_header("X-A", "x", a=bad),
    ):
        with pytest.raises(ValueError, match="line breaks and control characters are refused"):
            call()
    assert read(message).keys() == read(make()).keys()


@pytest.mark.parametrize(
    "text",
    [
        " " * 4000 + "a@example.com>",
        "a" + " " * 4000 + ">",
        '"' + "\\" * 4000 + "<a@example.com>",
        "a " * 2000 + "<a@example.com",
        "a@" + "." * 4000,
        "x" * 5000 + " <a@example.com>",
    ],
)
def test_class_3_addresses_take_linear_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no |has more than 4096 characters"):
        parse_mailbox(text)


def test_what_is_refused_besides() -> None:
    message = make()
    for call, said in (
        (lambda: make(mime="image/png"), "a type of text/"),
        (lambda: make(mime="text"), "must look like text/plain"),
        (lambda: make(charset="utf-99"), "not known to Python"),
        (lambda: make(charset="ascii", message="ü"), "cannot be encoded in ascii"),
        (lambda: make(charset="utf-16"), "none for texts in mail"),
        (lambda: make(charset="cp037"), "none for texts in mail"),
        (lambda: make(to_addrs=[]).envelope(), "needs a recipient"),
        (lambda: message.attach("x", mime="message/rfc822", content=b""), "cannot be attached"),
        (lambda: message.attach("/", content=b""), "has no name"),
        (lambda: message.embed("x", content=b"", cid="a b"), "cid must look like"),
        (lambda: message.add_header("Bcc", "x@y.z"), "set the attribute"),
        (lambda: message.add_header("content-type", "x/y"), "the structure"),
        (lambda: message.add_header("X Y", "z"), "no name of a header field"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
    wrong: Any = 7
    for call in (
        lambda: make(subject=wrong),
        lambda: make(message=b"x"),
        lambda: make(to_addrs=[wrong]),
        lambda: message.attach("x", content=wrong),
    ):
        with pytest.raises(TypeError, match="must be"):
            call()
    with pytest.raises(FileNotFoundError):
        message.attach("/nowhere/at/all")
