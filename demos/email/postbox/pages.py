"""The pages: the form, and what arrived."""

from __future__ import annotations

import re
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

from cyclone.escape import xhtml_escape
from cyclone.mail import MailError, Message
from cyclone.web import HTTPError, RequestHandler

from .server import Arrived

__all__ = ["Form", "Part", "Show", "Source"]

ICON = Path(__file__).parents[1] / "static" / "icon.svg"
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; " \
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"  # fmt: skip
#: What a mail's own HTML may do: look nice.
_SANDBOX = "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
_FIELDS = ("sender", "recipients", "subject", "text")
_EXAMPLE = {
    "sender": "Ann Example <ann@example.com>",
    "recipients": "Ünï Cörn <uni@bücher.example>\nbob@example.com",
    "subject": "Grüße",
    "text": "Hello there!\n\nThis was sent by cyclone.mail.",
}


def as_html(text: str) -> str:
    """A text as paragraphs; empty lines are between them."""
    paragraphs = re.split(r"\n[^\S\n]*\n\s*", text)  # no white space can be matched by two parts
    return "".join(f"<p>{xhtml_escape(each.strip())}</p>" for each in paragraphs)


class Page(RequestHandler):
    """What all pages have in common."""

    application: Any

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")

    def write_error(self, status_code: int, **kwargs: Any) -> Any:
        return self.render("error.html", status=status_code, reason=self.get_reason())

    def get_reason(self) -> str:
        return {404: "Not found. The inbox keeps the last messages only."}.get(
            self.get_status(), "This did not work."
        )


class Form(Page):
    """The form, and the list of what arrived."""

    def get(self) -> Any:
        return self._show(_EXAMPLE, "")

    def _show(self, values: dict[str, str], error: str) -> Any:
        sent = re.fullmatch(r"[0-9]{1,3}", self.get_query_argument("sent", ""))
        return self.render(
            "form.html",
            values=values,
            error=error,
            sent=int(sent[0]) if sent and not error else 0,
            inbox=self.application.inbox.newest_first(),
        )

    async def post(self) -> None:
        values = {name: self.get_body_argument(name, "", strip=False) for name in _FIELDS}
        try:
            message = self._message(values)
            delivery = await self.application.mailer.send(message)
        except ValueError as error:  # something that was typed is of no use, and this says what
            self.set_status(400)
            await self._show(values, str(error))
        except MailError as error:
            self.set_status(502)
            await self._show(values, f"The mail was not sent. {error}")
        else:
            # A reload of the next page does not send again.
            self.redirect(f"/?sent={delivery.accepted}", status=303)

    def _message(self, values: dict[str, str]) -> Message:
        message = Message(
            values["sender"].strip(),
            [line.strip() for line in values["recipients"].splitlines() if line.strip()],
            values["subject"],
            values["text"],
        )
        if self.get_body_argument("html", ""):
            image = message.embed("icon.svg", content=ICON.read_bytes())
            message.html = f'<img src="cid:{image}" alt="" width="48">' + as_html(values["text"])
        for file in self.request.files.get("files", []):
            if file.filename:
                message.attach(file.filename, content=file.body)
        return message


class Leaf(NamedTuple):
    """A part of a message that holds something."""

    number: int
    kind: str
    name: str
    size: int
    inline: bool


def leaves(message: EmailMessage) -> list[tuple[Leaf, EmailMessage]]:
    """The parts of a message that hold something."""
    parts = [part for part in message.walk() if not part.is_multipart()]
    found = []
    for number, part in enumerate(parts):
        content = part.get_payload(decode=True) or b""
        inline = part.get_content_disposition() != "attachment"
        name = part.get_filename() or part.get_content_type()
        leaf = Leaf(number, part.get_content_type(), str(name), len(content), inline)
        found.append((leaf, part))
    return found  # type: ignore[return-value]


class OfOneMail(Page):
    """A page about one message."""

    def mail(self, number: str) -> Arrived:
        found: Arrived | None = self.application.inbox.get(int(number))
        if found is None:
            raise HTTPError(404)
        return found


class Show(OfOneMail):
    """A message: header fields, texts, files."""

    def get(self, number: str) -> Any:
        arrived = self.mail(number)
        parts = leaves(arrived.message)
        texts = [
            (leaf, part.get_content() if leaf.kind == "text/plain" else None)
            for leaf, part in parts
            if leaf.inline and leaf.kind.startswith("text/")
        ]
        return self.render(
            "mail.html",
            arrived=arrived,
            fields=[(name, str(value)) for name, value in arrived.message.items()],
            texts=texts,
            files=[leaf for leaf, _ in parts if not (leaf.inline and leaf.kind.startswith("text"))],
        )


class Source(OfOneMail):
    """A message as it was sent."""

    def get(self, number: str) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write(self.mail(number).source.decode("utf-8", "replace"))


class Part(OfOneMail):
    """A part of a message. HTML is shown in a box in which nothing runs."""

    def get(self, number: str, which: str) -> None:
        parts = leaves(self.mail(number).message)
        if int(which) >= len(parts):
            raise HTTPError(404)
        leaf, part = parts[int(which)]
        content: Any = part.get_payload(decode=True) or b""
        self.set_header("Content-Security-Policy", _SANDBOX)
        if leaf.kind == "text/html":
            for other, image in parts:
                cid = str(image["Content-ID"] or "").strip("<> ")
                if cid:
                    target = f"/mail/{number}/part/{other.number}"
                    content = content.replace(b"cid:" + cid.encode(), target.encode())
            charset = part.get_content_charset("utf-8")
            self.set_header("Content-Type", f"text/html; charset={charset}")
        elif leaf.kind.startswith("image/") and leaf.inline:
            self.set_header("Content-Type", leaf.kind)
        else:
            self.set_header("Content-Type", "application/octet-stream")
            self.set_header("Content-Disposition", "attachment")
        self.write(content)
