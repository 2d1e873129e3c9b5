"""Conditional requests: "only if it is still this version", "only if it has changed".

RFC 9110, sections 8.8 (validators) and 13 (preconditions). Pure: header values come in as text,
a status comes out. Ranges are in `ranges`.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence

from cyclone.httputil import parse_http_date

HeaderGetter = Callable[[str], str | None]
"""Gives the value of a request header field, lines joined by ", ", or None."""

# RFC 9110, section 8.8.3: entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE. Commas may stand inside.
_ENTITY_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_ONE_TAG = re.compile(_ENTITY_TAG)
# Section 5.6.1: a list may have empty elements. Every character is looked at once: the part
# before a tag, the tag, and the part behind it have no character in common where they meet.
_NEXT_TAG = re.compile(rf"[ \t,]*({_ENTITY_TAG})[ \t]*(?:,|\Z)")


def compute_etag(body: bytes | Iterable[bytes]) -> str:
    """Return a strong entity tag for a response body: its SHA-1 in quotes, as in Tornado."""
    digest = hashlib.sha1(usedforsecurity=False)
    for part in (body,) if isinstance(body, (bytes, bytearray, memoryview)) else body:
        digest.update(part)
    return f'"{digest.hexdigest()}"'


#: Small bodies that were seen lately, and their fields.  Hashing one costs as much as a route.
_fields: dict[bytes, bytes] = {}
_MOST_FIELDS = 512
_LONGEST_BODY = 256


def etag_field(parts: Sequence[bytes]) -> bytes:
    """Return the ``Etag`` field of a response with this body, encoded."""
    if len(parts) != 1 or len(parts[0]) > _LONGEST_BODY:
        return f"Etag: {compute_etag(parts)}\r\n".encode("ascii")
    body = parts[0]
    field = _fields.get(body)
    if field is None:
        if len(_fields) >= _MOST_FIELDS:
            _fields.clear()
        field = _fields[body] = f"Etag: {compute_etag(body)}\r\n".encode("ascii")
    return field


def parse_entity_tags(value: str) -> tuple[str, ...]:
    """Split a list of entity tags, each with its quotes and ``W/``.

    ``*`` gives ``("*",)``. A value that is not such a list gives ``()``: none of its tags can be
    trusted to be the one the client meant.
    """
    value = value.strip(" \t")
    if value == "*":
        return ("*",)
    tags: list[str] = []
    position = 0
    while position < len(value):
        found = _NEXT_TAG.match(value, position)
        if found is None:
            # What is left may be empty elements, and nothing else.
            return tuple(tags) if not value[position:].strip(" \t,") else ()
        tags.append(found[1])
        position = found.end()
    return tuple(tags)


def strong_match(one: str, other: str) -> bool:
    """Compare entity tags by the strong function of RFC 9110, section 8.8.3.2."""
    return one == other and not one.startswith("W/")


def weak_match(one: str, other: str) -> bool:
    """Compare entity tags by the weak function of RFC 9110, section 8.8.3.2."""
    return one.removeprefix("W/") == other.removeprefix("W/")


def evaluate(
    method: str,
    header: HeaderGetter,
    etag: str | None = None,
    last_modified: datetime.datetime | None = None,
) -> int | None:
    """Evaluate the preconditions of a request: None to go on, 304 or 412 to answer at once.

    ``etag`` and ``last_modified`` are the validators of the current representation, None when it
    has none; a representation must exist (otherwise the answer is 404 whatever the client says).
    Dates without a zone are UTC. The order is that of RFC 9110, section 13.2.2. `If-Range` is
    the fifth step, see `if_range_holds`.
    """
    # Section 13.2.1: these methods neither select nor change a representation.
    if method in ("CONNECT", "OPTIONS", "TRACE"):
        return None
    if not _may_change(header, etag, last_modified):
        return 412
    reading = method in ("GET", "HEAD")
    known = header("If-None-Match")
    if known is not None:
        if _none_matches(known, etag):
            return None
        return 304 if reading else 412
    if reading and last_modified is not None:
        since = _date(header("If-Modified-Since"))
        if since is not None and _whole_seconds(last_modified) <= since:
            return 304
    return None


def _may_change(
    header: HeaderGetter, etag: str | None, last_modified: datetime.datetime | None
) -> bool:
    """Steps 1 and 2: If-Match, and If-Unmodified-Since only without it."""
    expected = header("If-Match")
    if expected is not None:
        tags = parse_entity_tags(expected)
        return tags == ("*",) or (etag is not None and any(strong_match(etag, t) for t in tags))
    if last_modified is None:
        return True
    unmodified_since = _date(header("If-Unmodified-Since"))
    return unmodified_since is None or _whole_seconds(last_modified) <= unmodified_since


def _none_matches(known: str, etag: str | None) -> bool:
    """Step 3: ``*`` matches whatever there is, tags compare weakly."""
    tags = parse_entity_tags(known)
    if tags == ("*",):
        return False
    return etag is None or not any(weak_match(etag, tag) for tag in tags)


def if_range_holds(
    value: str | None,
    etag: str | None = None,
    last_modified: datetime.datetime | None = None,
) -> bool:
    """Tell whether a Range may be answered with a part (RFC 9110, section 13.1.5).

    True without an ``If-Range``; otherwise only for the same strong entity tag or for exactly
    the date that ``Last-Modified`` shows. A part of another version, glued to what the client
    has, would make a file that never existed.
    """
    if value is None:
        return True
    value = value.strip(" \t")
    if _ONE_TAG.fullmatch(value):
        return etag is not None and strong_match(etag, value)
    date = _date(value)
    return date is not None and last_modified is not None and date == _whole_seconds(last_modified)


def _date(value: str | None) -> datetime.datetime | None:
    """Read a date; None for no field and for one that is no date, which is to be ignored."""
    return None if value is None else parse_http_date(value)


def _whole_seconds(moment: datetime.datetime) -> datetime.datetime:
    """Bring a date to what a header can say: UTC, without fractions."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return moment.astimezone(datetime.UTC).replace(microsecond=0)
