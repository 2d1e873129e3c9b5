"""Answers in S3's XML, and what conditions and ranges of a request say."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from defusedxml.ElementTree import fromstring

from .errors import S3Error
from .store import Info

__all__ = ["check_conditions", "document", "http_date", "iso_date", "parse", "parse_range", "url"]

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
#: What no XML document can hold.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def document(name: str, content: dict[str, Any]) -> bytes:
    """An XML document: texts, numbers, dicts for elements with others in them, lists for several of
    the same name; None and empty lists are left out."""
    root = ElementTree.Element(name)
    if name != "Error":
        root.set("xmlns", _NAMESPACE)
    _fill(root, content)
    body: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return body


def _fill(parent: ElementTree.Element, content: dict[str, Any]) -> None:
    for name, value in content.items():
        for each in value if isinstance(value, list) else [value]:
            if each is None:
                continue
            element = ElementTree.SubElement(parent, name)
            if isinstance(each, dict):
                _fill(element, each)
            else:
                text = str(each).lower() if isinstance(each, bool) else str(each)
                element.text = _NOT_XML.sub("\ufffd", text)


def parse(body: bytes, name: str) -> ElementTree.Element:
    """The root of a document that was sent, without namespaces. Entities are refused.

    Raises:
        S3Error: it is none, or has another name.
    """
    try:
        root: ElementTree.Element = fromstring(body, forbid_dtd=True)
    except Exception:  # defusedxml's, expat's and the codecs'
        raise S3Error("MalformedXML") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if root.tag != name:
        raise S3Error("MalformedXML", f"Expected {name}.")
    return root


def iso_date(seconds: float) -> str:
    """``2026-01-31T23:59:59.000Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def http_date(seconds: float) -> str:
    """``Sat, 31 Jan 2026 23:59:59 GMT``."""
    return formatdate(seconds, usegmt=True)


def url(key: str) -> str:
    """A key as it is written with ``encoding-type=url``."""
    return quote(key, safe="/")


def parse_range(value: str, size: int) -> tuple[int, int] | None:
    """The bytes that a Range field asks for, first and behind the last; None for everything.

    As S3 does, several ranges and other units are ignored.

    Raises:
        S3Error: the range is not in the object.
    """
    match = _RANGE.fullmatch(value.strip())
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        if not length:
            raise S3Error("InvalidRange")
        return size - length, size
    start, stop = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None
    if start >= size:
        raise S3Error("InvalidRange")
    return start, stop


def _matches(value: str, info: Info) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in value.split(",")]
    return "*" in tags or info.etag in tags


def _since(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def check_conditions(headers: dict[str, str], info: Info, prefix: str = "") -> None:
    """Check If-Match, If-None-Match and the dates (RFC 9110 section 13.2.2).

    Args:
        headers: those of the request, names in small letters.
        prefix: ``x-amz-copy-source-`` for those that concern the source of a copy.

    Raises:
        S3Error: NotModified or PreconditionFailed.
    """
    wanted = headers.get(f"{prefix}if-match")
    unwanted = headers.get(f"{prefix}if-none-match")
    before = _since(headers.get(f"{prefix}if-unmodified-since", ""))
    after = _since(headers.get(f"{prefix}if-modified-since", ""))
    modified = int(info.modified)
    if wanted is not None:
        if not _matches(wanted, info):
            raise S3Error("PreconditionFailed")
    elif before is not None and modified > before:
        raise S3Error("PreconditionFailed")
    if unwanted is not None:
        met = not _matches(unwanted, info)
    else:
        met = after is None or modified > after
    if not met:
        raise S3Error("PreconditionFailed" if prefix else "NotModified")
