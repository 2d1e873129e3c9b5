"""Rules for what people write, and where links may lead.  Pure."""

from __future__ import annotations

import re
import unicodedata

__all__ = [
    "BODY_LENGTH",
    "NAME_LENGTH",
    "PASSWORD_LENGTH",
    "TITLE_LENGTH",
    "is_name",
    "local_url",
    "name_key",
    "paragraphs",
    "printable",
    "slug_of",
]

NAME_LENGTH = (2, 30)
PASSWORD_LENGTH = (10, 200)
TITLE_LENGTH = 120
BODY_LENGTH = 50_000

_SLUG_LENGTH = 60
_URL_LENGTH = 2000

_NAME = re.compile(r"\w(?:[\w.-]*\w)?")
#: What XML 1.0 (section 2.2), and with it the feed, has no place for.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")


def printable(text: str) -> str:
    """`text` with lines that end in one newline, without control characters."""
    return _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def is_name(name: str) -> bool:
    """Whether users may be called so: letters, digits, and ``. - _`` between them."""
    least, most = NAME_LENGTH
    return least <= len(name) <= most and _NAME.fullmatch(name) is not None


def name_key(name: str) -> str:
    """What has to be different between the names of two users."""
    return unicodedata.normalize("NFKC", name).casefold()


def slug_of(title: str) -> str:
    """A name for URLs: ``Grüße, World!`` becomes ``grusse-world``; never empty."""
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    return _NOT_IN_SLUG.sub("-", plain)[:_SLUG_LENGTH].strip("-") or "entry"


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text: what stands between empty lines."""
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            found[-1].append(line.strip())
        elif found[-1]:
            found.append([])
    return ["\n".join(lines) for lines in found if lines]


def local_url(url: str | None, otherwise: str = "/") -> str:
    """`url` if it is a path of this site, else `otherwise`: for redirects to where one came from.

    Browsers take ``//host``, ``/\\host`` and ``/<tab>/host`` to another site.
    """
    if not url or len(url) > _URL_LENGTH or _NOT_IN_URL.search(url):
        return otherwise
    return url if url[0] == "/" and url[:2] != "//" else otherwise
