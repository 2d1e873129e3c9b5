"""Messages: text, alternatives, inline images, attachments."""

from __future__ import annotations

import base64
import io
import mimetypes
import os
import re
import secrets
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any, NamedTuple

from .addresses import Mailbox, clean, parse_mailbox
from .fields import address_field, text_field

__all__ = ["Envelope", "Message"]

_POLICY: Any = SMTP.clone(cte_type="7bit")
_MIME = re.compile(r"([A-Za-z0-9][\w!#$&^.+-]*)/([A-Za-z0-9][\w!#$&^.+-]*)", re.ASCII)
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTENT_ID = re.compile(r"[-A-Za-z0-9!#$%&'*+/=?^_`{|}~.]+(?:@[-A-Za-z0-9.]+)?")
#: Header fields that are made of attributes or of the structure.
_OURS = {
    **dict.fromkeys(["from", "to", "cc", "bcc", "reply-to", "subject"], "set the attribute"),
    **dict.fromkeys(
        ["mime-version", "content-type", "content-transfer-encoding", "content-disposition",
         "content-id"], "the structure of the message decides",
    ),
}  # fmt: skip


class Envelope(NamedTuple):
    """What a server is told of a message.

    Attributes:
        sender: the address of the sender.
        recipients: those of To, Cc and Bcc, each once.
        content: the message, its lines end with CRLF.
        international: whether the server must offer SMTPUTF8 (RFC 6531).
    """

    sender: str
    recipients: list[str]
    content: bytes
    international: bool


class _Part(NamedTuple):
    """A file in a message."""

    filename: str
    maintype: str
    subtype: str
    charset: str | None
    content: bytes
    cid: str | None = None


def _mime(value: str) -> tuple[str, str]:
    match = _MIME.fullmatch(clean("mime", value))
    if match is None:
        raise ValueError(f"mime must look like text/plain, not {value!r}")
    return match[1].lower(), match[2].lower()


def _charset(value: str) -> str:
    try:
        "".encode(clean("charset", value))
    except LookupError:
        raise ValueError(f"charset {value!r} is not known to Python") from None
    return value


def _charset_of_text(value: str) -> str:
    """One that texts in mail can have: their lines end with the bytes CR LF (RFC 2046)."""
    charset = _charset(value)
    try:
        fits = "a\r\n".encode(charset) == b"a\r\n"
    except UnicodeError:
        fits = False
    if not fits:
        raise ValueError(f"charset {value!r} is none for texts in mail: use utf-8")
    return charset


def _addresses(value: str | Sequence[str] | None) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


class Message:
    """A message to be sent (cyclone 1.x's ``cyclone.mail.Message``).

    ::

        message = Message(
            from_addr="Ann <ann@example.com>",
            to_addrs=["bob@example.com", "Ünï <uni@bücher.example>"],
            subject="Tuesday",
            message="Hello there!",
        )

    Args:
        from_addr: the sender, ``a@b`` or ``Name <a@b>``.
        to_addrs: the recipients: one address, or a list of them.
        subject: the subject.
        message: the text.
        mime: its type, of ``text/``.
        charset: its encoding.
        reply_to: where answers go: nothing, an address, or a list.
        cc: recipients of copies that everybody sees: nothing, an address, or a list.
        bcc: recipients of copies that nobody sees.
        html: the same text as HTML, for readers that show it.

    All are attributes, and may be changed until the message is rendered. ``message_id`` and
    ``date`` are set when it is made, so that a message that is sent again stays the same one.

    Raises:
        TypeError, ValueError: an argument is of no use, or holds line breaks, with which header
            fields could be injected. Attributes that were changed are checked by `render`.
    """

    def __init__(
        self,
        from_addr: str,
        to_addrs: str | Sequence[str],
        subject: str,
        message: str,
        mime: str = "text/plain",
        charset: str = "utf-8",
        reply_to: str | Sequence[str] | None = None,
        cc: str | Sequence[str] | None = None,
        bcc: str | Sequence[str] | None = None,
        *,
        html: str | None = None,
    ) -> None:
        self.from_addr = from_addr
        self.to_addrs = _addresses(to_addrs)
        self.subject = subject
        self.message = message
        self.mime = mime
        self.charset = charset
        self.reply_to = _addresses(reply_to)
        self.cc = _addresses(cc)
        self.bcc = _addresses(bcc)
        self.html = html
        self.date = formatdate(localtime=True)
        sender = parse_mailbox(from_addr, "from_addr")
        domain = sender.domain if sender.domain[:1] not in ("", "[") else "localhost"
        self.message_id = make_msgid(domain=domain)
        self._headers: list[tuple[str, str, dict[str, str | None]]] = []
        self._attachments: list[_Part] = []
        self._images: list[_Part] = []
        self._check()

    # -- what can be added ------------------------------------------------------------------------

    def attach(
        self,
        filename: str | os.PathLike[str],
        mime: str | None = None,
        charset: str | None = None,
        content: str | bytes | None = None,
    ) -> None:
        """Attach a file.

        Args:
            filename: its name; directories are left out of what the recipient sees.
            mime: its type; by default what the name suggests, else application/octet-stream.
            charset: the encoding of a text; that of a str is UTF-8 by default.
            content: what it holds. None reads the file, here and now, which blocks: read large
                files in a thread (``deferToThread``) and give their content.

        Raises:
            OSError: the file cannot be read.
            TypeError, ValueError: an argument is of no use.
        """
        self._attachments.append(_part(filename, mime, charset, content, None))

    def embed(
        self,
        filename: str | os.PathLike[str],
        mime: str | None = None,
        content: bytes | None = None,
        cid: str | None = None,
    ) -> str:
        """Add an image (or another file) that the HTML shows: ``<img src="cid:...">``.

        Args:
            filename, mime, content: as for `attach`.
            cid: its Content-ID; by default one is made up.

        Returns:
            The Content-ID, for ``cid:`` URLs.

        Raises:
            OSError, TypeError, ValueError: as `attach`.
        """
        if cid is None:
            cid = make_msgid(domain=self.message_id[1:-1].rpartition("@")[2])[1:-1]
        elif not _CONTENT_ID.fullmatch(clean("cid", cid)):
            raise ValueError(f"cid must look like logo or logo@example.com, not {cid!r}")
        self._images.append(_part(filename, mime, None, content, cid))
        return cid

    def add_header(self, key: str, value: str, **params: str | None) -> None:
        """Add a header field: ``message.add_header("X-MailTag", "foobar")``.

        Args:
            key: its name. Date, Message-ID and Sender may be set; what attributes or the
                structure decide may not.
            value: its value.
            params: parameters; ``_`` in their names stands for ``-``.

        Raises:
            TypeError, ValueError: name or value are of no use, or would inject others.
        """
        if not _FIELD_NAME.fullmatch(clean("the name of a header field", key)):
            raise ValueError(f"{key!r} is no name of a header field")
        if key.lower() in _OURS:
            raise ValueError(f"{key} cannot be added: {_OURS[key.lower()]}")
        clean(f"header field {key}", value)
        for name, text in params.items():
            clean(f"parameter of {key}", name)
            if text is not None:
                clean(f"parameter {name} of {key}", text)
        self._headers.append((key, value, params))

    # -- what is made of it -----------------------------------------------------------------------

    def envelope(self) -> Envelope:
        """What is sent, and from and to whom.

        Raises:
            TypeError, ValueError: an attribute is of no use.
        """
        sender, fields = self._check()
        everybody = [box for boxes in fields.values() for box in boxes]
        international = any(box.international for box in [sender, *everybody])
        recipients = [box.spec for name in ("To", "Cc", "Bcc") for box in fields[name]]
        if not recipients:
            raise ValueError("a message needs a recipient: to_addrs, cc and bcc are empty")
        shown = {name: boxes for name, boxes in fields.items() if name != "Bcc"}
        content = self._head(sender, shown).encode() + self._body()
        return Envelope(sender.spec, list(dict.fromkeys(recipients)), content, international)

    @property
    def weight(self) -> int:
        """Bytes of text and files, before they are encoded."""
        parts = [*self._attachments, *self._images]
        return len(self.message) + len(self.html or "") + sum(len(part.content) for part in parts)

    def render(self) -> io.BytesIO:
        """The message as a file, as it is sent.

        Raises:
            TypeError, ValueError: an attribute is of no use.
        """
        return io.BytesIO(self.envelope().content)

    def __str__(self) -> str:
        return self.envelope().content.decode("utf-8", "replace").replace("\r\n", "\n")

    def _check(self) -> tuple[Mailbox, dict[str, list[Mailbox]]]:
        """The sender and the addresses of each field."""
        if _mime(self.mime)[0] != "text":
            raise ValueError(f"mime must be a type of text/, not {self.mime!r}: attach() the rest")
        charset = _charset_of_text(self.charset)
        clean("subject", self.subject)
        for what, text in (("message", self.message), ("html", self.html or "")):
            if not isinstance(text, str):
                raise TypeError(f"{what} must be a str, not {type(text).__name__}")
            try:
                text.encode(charset)
            except UnicodeEncodeError as exc:
                raise ValueError(f"{what} cannot be encoded in {charset}: {exc}") from None
        values = {"To": self.to_addrs, "Cc": self.cc, "Bcc": self.bcc, "Reply-To": self.reply_to}
        fields = {
            name: [parse_mailbox(address, name) for address in _addresses(value)]
            for name, value in values.items()
        }
        return parse_mailbox(self.from_addr, "from_addr"), fields

    def _head(self, sender: Mailbox, fields: dict[str, list[Mailbox]]) -> str:
        """The header section without what says how the content is made."""
        lines = [text_field("Subject", self.subject), address_field("From", [sender])]
        lines += [address_field(name, boxes) for name, boxes in fields.items() if boxes]
        given = {key.lower() for key, _, _ in self._headers}
        for key, value in (("Date", self.date), ("Message-ID", self.message_id)):
            if key.lower() not in given:
                lines.append(text_field(key, clean(key, value)))
        lines += [text_field(*header) for header in self._headers]
        return "".join(lines)

    def _body(self) -> bytes:
        """The content, and the fields that say how it is made."""
        made = EmailMessage(_POLICY)
        _set(made.set_content, self.message, _mime(self.mime)[1], self.charset)
        body: Any = made
        if self.html is not None:
            _set(made.add_alternative, self.html, "html", self.charset)
            *_, body = made.iter_parts()
        # EmailMessage takes a second for some megabytes: files come in afterwards.
        marks = [(secrets.token_hex(16), part) for part in [*self._images, *self._attachments]]
        for mark, part in marks:
            image = part.cid is not None
            _add(body.add_related if image else made.add_attachment, part)
            files: Any = (body if image else made).get_payload()
            files[-1].set_payload(mark)
        content = made.as_bytes()
        pieces = []
        for mark, part in marks:
            before, _, content = content.partition(mark.encode())
            code = base64.b64encode(part.content)
            lines = [code[at : at + 76] for at in range(0, len(code), 76)]
            pieces += [before, b"\r\n".join(lines)]
        return b"".join([*pieces, content])


def _part(
    filename: str | os.PathLike[str],
    mime: str | None,
    charset: str | None,
    content: str | bytes | None,
    cid: str | None,
) -> _Part:
    path = os.fspath(filename)
    name = os.path.basename(clean("filename", path))
    if not name:
        raise ValueError(f"filename {path!r} has no name")
    if charset is not None:
        _charset(charset)
    if content is None:
        content = Path(path).read_bytes()
    elif isinstance(content, str):
        charset = charset or "utf-8"
        content = content.encode(charset)
    elif not isinstance(content, bytes | bytearray | memoryview):
        raise TypeError(f"content must be str or bytes, not {type(content).__name__}")
    if mime is not None:
        maintype, subtype = _mime(mime)
        if maintype in ("multipart", "message"):
            raise ValueError(f"{mime} cannot be attached, use application/octet-stream")
    else:
        guess, coding = mimetypes.guess_type(name)
        known = guess and not coding and not guess.startswith(("multipart/", "message/"))
        maintype, subtype = _mime(guess if known and guess else "application/octet-stream")
    return _Part(name, maintype, subtype, charset, bytes(content), cid)


def _set(put: Any, text: str, subtype: str, charset: str) -> None:
    # Lines with NUL are none that every server takes (RFC 5322 section 4).
    coding = {"cte": "quoted-printable"} if "\0" in text else {}
    put(text, subtype=subtype, charset=charset, **coding)


def _add(add: Any, part: _Part) -> None:
    options: dict[str, Any] = {"filename": part.filename}
    if part.charset is not None:
        options["params"] = {"charset": part.charset}
    if part.cid is not None:
        options.update(cid=f"<{part.cid}>", disposition="inline")
    add(b"", part.maintype, part.subtype, **options)
