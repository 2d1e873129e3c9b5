"""Header fields in the form in which they are sent: encoded (RFC 2047) and folded (RFC 5322).

The standard library's folding of addresses loses recipients (quotes and commas of names beside
encoded words), so addresses are folded here, between them and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.header import Header
from email.message import Message as _Plain
from email.utils import quote

from .addresses import Mailbox

__all__ = ["address_field", "text_field"]

_WIDTH = 76
#: A line may not be longer (RFC 5322 section 2.1.1).
_LIMIT = 998
#: A name that may stand without quotes.
_PHRASE = re.compile(r"[-A-Za-z0-9!#$%&'*+/=?^_`{|}~]+(?: [-A-Za-z0-9!#$%&'*+/=?^_`{|}~]+)*")


def _plain(text: str) -> bool:
    """Whether a text may stand in a field as it is."""
    words = text.split(" ")
    return text.isascii() and "=?" not in text and all(words) and max(map(len, words)) < _LIMIT - 80


def _encoded(text: str, used: int) -> str:
    """A text as encoded words, folded; `used` columns of its first line are taken."""
    return Header(text, "utf-8", maxlinelen=_WIDTH, header_name="x" * used).encode(linesep="\r\n")


def _folded(name: str, words: Iterable[str]) -> str:
    """A field whose words are separated by spaces, with line breaks where they are needed."""
    lines = [f"{name}:"]
    for word in words:
        first, _, rest = word.partition("\r\n")
        if len(lines[-1]) + 1 + len(first) > _WIDTH and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += " " + first
        lines += rest.split("\r\n") if rest else []
    return "\r\n".join(lines) + "\r\n"


def text_field(name: str, value: str, params: dict[str, str | None] | None = None) -> str:
    """A field that holds text.

    Args:
        name, value: without control characters, see `clean`.
        params: parameters; those that are not ASCII are encoded (RFC 2231).
    """
    if params:
        scratch = _Plain()
        scratch.add_header("x", value if value.isascii() else _encoded(value, len(name)), **params)
        return _folded(name, scratch["x"].split(" "))
    if not value or _plain(value):
        return _folded(name, value.split(" ") if value else [])
    return _folded(name, [_encoded(value, len(name))])


def _address(box: Mailbox) -> str:
    if not box.name:
        return box.spec
    if box.name.isascii() and "=?" not in box.name and len(box.name) < _LIMIT // 2:
        name = box.name if _PHRASE.fullmatch(box.name) else f'"{quote(box.name)}"'
        return f"{name} <{box.spec}>"
    return f"{_encoded(box.name, 0)} <{box.spec}>"


def address_field(name: str, boxes: list[Mailbox]) -> str:
    """A field that holds addresses."""
    addresses = [_address(box) for box in boxes]
    return _folded(name, [f"{address}," for address in addresses[:-1]] + addresses[-1:])
