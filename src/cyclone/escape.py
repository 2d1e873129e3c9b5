"""Escaping and unescaping for HTML, JSON and URLs, and conversions between str and bytes.

Names and results are those of Tornado's ``tornado.escape``.  Every function takes time and memory
linear in the size of its input.
"""

from __future__ import annotations

import html
import json
import re
import urllib.parse
from collections.abc import Callable, Collection, Iterator
from typing import Any, overload

__all__ = [
    "json_decode",
    "json_encode",
    "linkify",
    "native_str",
    "parse_qs_bytes",
    "recursive_unicode",
    "squeeze",
    "to_basestring",
    "to_unicode",
    "unquote_to_bytes",
    "url_escape",
    "url_unescape",
    "utf8",
    "xhtml_escape",
    "xhtml_unescape",
]


# -- str and bytes


@overload
def utf8(value: str | bytes) -> bytes: ...


@overload
def utf8(value: None) -> None: ...


def utf8(value: str | bytes | None) -> bytes | None:
    """Return `value` as UTF-8; bytes and None are returned as they are.

    Raises:
        TypeError: `value` is something else.
    """
    if isinstance(value, str):
        return value.encode()
    if value is None or isinstance(value, bytes):
        return value
    raise TypeError(f"expected str, bytes or None, not {type(value).__name__}")


@overload
def to_unicode(value: str | bytes) -> str: ...


@overload
def to_unicode(value: None) -> None: ...


def to_unicode(value: str | bytes | None) -> str | None:
    """Return `value` decoded from UTF-8; str and None are returned as they are.

    Raises:
        TypeError: `value` is something else.
        UnicodeDecodeError: the bytes are not UTF-8.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"expected str, bytes or None, not {type(value).__name__}")


#: Names from the days of Python 2 for `to_unicode`.
native_str = to_unicode
to_basestring = to_unicode


def recursive_unicode(obj: Any) -> Any:
    """Return `obj` with all bytes inside dicts, lists and tuples decoded from UTF-8."""
    if isinstance(obj, bytes):
        return obj.decode()
    if isinstance(obj, dict):
        return {recursive_unicode(key): recursive_unicode(value) for key, value in obj.items()}
    if isinstance(obj, list):
        return [recursive_unicode(item) for item in obj]
    if isinstance(obj, tuple):
        return tuple([recursive_unicode(item) for item in obj])
    return obj


# -- HTML


def xhtml_escape(value: str | bytes) -> str:
    """Escape ``& < > " '`` so that `value` is plain text inside HTML, quoted attributes included.

    Bytes are taken for UTF-8.
    """
    text = value if isinstance(value, str) else to_unicode(value)
    return (
        text.replace("&", "&amp;")  # first, for the others bring ampersands in
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("'", "&#x27;")
    )


def xhtml_unescape(value: str | bytes) -> str:
    """Undo `xhtml_escape`, and resolve every other HTML character reference as HTML 5 says."""
    return html.unescape(to_unicode(value))


_WHITE_SPACE = re.compile(r"[\x00-\x20]+")


def squeeze(value: str) -> str:
    """Return `value` with each run of white space and control characters as one space, none at
    the ends."""
    return _WHITE_SPACE.sub(" ", value).strip()


# -- JSON


def _json_default(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


_encode = json.JSONEncoder(default=_json_default).encode


def _fast_encoder() -> Callable[[Any], str]:
    """The encoder that `json` makes for each text, made once: a third of the time for small ones.

    It is not documented, so anything unexpected about it falls back to what is.
    """
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    escape = json.encoder.encode_basestring_ascii
    try:
        # markers (nothing is remembered between texts), default, escape, indent, separators,
        # sort_keys, skipkeys, allow_nan
        pieces = make(None, _json_default, escape, None, ": ", ", ", False, False, True)
        "".join(pieces({}, 0))
    except (TypeError, ValueError):
        return _encode
    return lambda value: "".join(pieces(value, 0))


_encode_fast = _fast_encoder()


def json_encode(value: Any) -> str:
    """Return `value` as JSON.

    The result never holds ``</``, so it may stand inside an HTML ``<script>`` element.  Bytes are
    written as the UTF-8 text they are (cyclone 1.x).

    Raises:
        TypeError: `value` holds an object that has no JSON form.
        ValueError: `value` contains itself, or bytes that are not UTF-8.
    """
    try:
        text = _encode_fast(value)
    except RecursionError:
        text = _encode(value)  # tells what contains itself from what is merely deep
    except TypeError:
        text = _encode(recursive_unicode(value))  # `default` is not asked about keys
    return text.replace("</", "<\\/")


def json_decode(value: str | bytes) -> Any:
    """Return the object that a JSON text stands for.

    Raises:
        ValueError: `value` is not JSON, or nested too deeply to be read.
    """
    try:
        return json.loads(value)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None


# -- URLs


def url_escape(value: str | bytes, plus: bool = True) -> str:
    """Percent-encode `value`, str as UTF-8.

    Args:
        value: what goes into the URL.
        plus: for query strings, write a space as ``+`` and a slash as ``%2F``; else, for paths,
            a space as ``%20`` and a slash as it is.
    """
    return urllib.parse.quote_plus(value) if plus else urllib.parse.quote(value)


@overload
def url_unescape(value: str | bytes, encoding: None, plus: bool = True) -> bytes: ...


@overload
def url_unescape(value: str | bytes, encoding: str = "utf-8", plus: bool = True) -> str: ...


def url_unescape(
    value: str | bytes, encoding: str | None = "utf-8", plus: bool = True
) -> str | bytes:
    """Undo `url_escape`.

    Args:
        value: part of a URL.
        encoding: of the result; None to have it as bytes.
        plus: read ``+`` as a space.

    Percent signs that begin no escape stay, and bytes that `encoding` cannot decode become U+FFFD.

    Raises:
        LookupError: there is no such encoding.
        UnicodeDecodeError: `value` is bytes, not UTF-8, and `encoding` is not None.
    """
    if encoding is None:
        data = utf8(value)
        return unquote_to_bytes(data.replace(b"+", b" ") if plus else data)
    text = to_unicode(value)
    if plus:
        text = text.replace("+", " ")
    if "%" not in text:
        return text
    if text.isascii():
        return unquote_to_bytes(text.encode("ascii")).decode(encoding, "replace")
    # What is not ASCII has been decoded already; only the escapes are in `encoding`.
    return urllib.parse.unquote(text, encoding)


_STRAY_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_BLOCK = 8192


def unquote_to_bytes(data: bytes) -> bytes:
    """Percent-decode `data`.  Percent signs that begin no escape stay.

    The same as `urllib.parse.unquote_to_bytes`, which costs an object for each escape.
    """
    if b"%" not in data:
        return data
    if len(data) <= _BLOCK:
        return _unquote_block(data)
    return b"".join(map(_unquote_block, _blocks(data)))


def _unquote_block(data: bytes) -> bytes:
    # A percent escape is what a Python string literal writes with \x, and that codec is in C.
    literal = data.replace(b"\\", b"\\\\").replace(b"%", b"\\x")
    try:
        return literal.decode("unicode_escape").encode("latin-1")
    except UnicodeDecodeError:
        return _unquote_block(_STRAY_PERCENT.sub(b"%25", data))


def _blocks(data: bytes) -> Iterator[bytes]:
    """Cut `data` into blocks, never through an escape."""
    start, size = 0, len(data)
    while start < size:
        end = start + _BLOCK
        # An escape that the cut goes through has its percent sign in the last two bytes.  Cutting
        # in front of that sign cuts no other, for it is no hexadecimal digit.
        escape = data.find(b"%", end - 2, end) if end < size else -1
        if escape != -1:
            end = escape
        yield data[start:end]
        start = end


def parse_qs_bytes(
    qs: str | bytes,
    keep_blank_values: bool = False,
    strict_parsing: bool = False,
    *,
    max_num_fields: int | None = None,
) -> dict[str, list[bytes]]:
    """Split a query string or urlencoded form into names and their values.

    Args:
        qs: ``name=value`` fields joined by ``&``; str is taken for Latin-1.
        keep_blank_values: whether fields without a value are kept, with an empty one.
        strict_parsing: whether a field without ``=`` is an error.
        max_num_fields: how many fields there may be, empty ones counted; None for any number.
            Checked before anything is split.

    Returns:
        for each name, decoded as Latin-1, the undecoded values in order.

    Raises:
        ValueError: a field is malformed, there are too many, or text is not Latin-1.
    """
    if not isinstance(qs, str):
        text = qs.decode("latin-1")
    else:
        text = qs
        if not text.isascii():
            text.encode("latin-1")  # checks the names too
    result: dict[str, list[bytes]] = {}
    if not text:
        return result
    if max_num_fields is not None and text.count("&") >= max_num_fields:
        raise ValueError("Max number of fields exceeded")
    escaped = "%" in text
    if not (escaped or "&" in text or "+" in text):  # one plain field, as most queries have
        name, _, value = text.partition("=")
        if value:
            return {name: [value.encode("latin-1")]}
    for field in text.replace("+", " ").split("&"):
        name, equals, value = field.partition("=")
        if not value:
            if not equals and strict_parsing:
                raise ValueError("a field of the query string has no '='")
            if not (keep_blank_values and field):
                continue
        data = value.encode("latin-1")
        if escaped:
            data = unquote_to_bytes(data)
            if "%" in name:
                name = unquote_to_bytes(name.encode("latin-1")).decode("latin-1")
        if name in result:
            result[name].append(data)
        else:
            result[name] = [data]
    return result


# -- links

# The text is escaped before links are looked for, so "&" occurs in character references only, and
# of those just &amp; and &quot; may be part of a URL.  The alternatives of each repetition begin
# with different characters and give nothing back (possessive), and the scheme begins where a run
# of its characters begins: linear time.
_REFERENCE = r"&amp;|&quot;"
_PUNCTUATION = r"""!"#$%'*+,.:;<=>?@\[\]^`{|}~"""
_LINK = re.compile(
    rf"""
    ( (?: (?<![\w-]) -*+ (\w[\w-]*+) : (/{{1,3}}) | \b www\. )    # scheme or www
      (?:
          (?: [{_PUNCTUATION}] | {_REFERENCE} )*+ [^\s&(){_PUNCTUATION}]++  # no such end
        | \( (?: [^\s&()] | {_REFERENCE} )*+ \)                          # balanced parentheses
      )++
    )
    """,
    re.VERBOSE,
)
_SHORT = 30


def linkify(
    text: str | bytes,
    shorten: bool = False,
    extra_params: str | Callable[[str], str] = "",
    require_protocol: bool = False,
    permitted_protocols: Collection[str] = ("http", "https"),
) -> str:
    """Return `text` as HTML in which URLs are links.

    Args:
        text: plain text; everything in it is escaped.
        shorten: whether long URLs are displayed shortened, with the whole one as title.
        extra_params: more attributes of the ``a`` elements, as HTML: text, or a function that is
            given the URL (escaped) and returns them.
        require_protocol: whether ``www.example.com`` without a scheme is left alone.
        permitted_protocols: schemes to link.  ``javascript`` among them would be unsafe.
    """

    def link(match: re.Match[str]) -> str:
        # The first group may begin with hyphens that stand before the scheme.
        url, scheme, slashes = match[1], match[2], match[3]
        before = ""
        if scheme:
            start = match.start(2) - match.start(1)
            before, url = url[:start], url[start:]
        if (scheme or require_protocol) and scheme not in permitted_protocols:
            return match[0]
        href = url if scheme else f"http://{url}"
        given = extra_params(href) if callable(extra_params) else extra_params
        attributes = f" {given.strip()}" if given else ""
        shown = _shortened(url, len(scheme) + 1 + len(slashes) if scheme else 0) if shorten else url
        if shown != url:
            attributes += f' title="{href}"'
        return f'{before}<a href="{href}"{attributes}>{shown}</a>'

    return _LINK.sub(link, xhtml_escape(text))


def _shortened(url: str, start: int) -> str:
    """An escaped URL cut to about `_SHORT` characters; `start` is where its host begins."""
    if len(url) <= _SHORT:
        return url
    shown = url
    host, slash, rest = url[start:].partition("/")
    if slash:
        # The host and the beginning of the path tell most.
        first = rest.partition("/")[0][:8].partition("?")[0].partition(".")[0]
        shown = f"{url[:start]}{host}/{first}"
    if len(shown) > _SHORT * 1.5:
        shown = shown[:_SHORT]
    if shown == url:
        return url
    reference = shown.rfind("&")
    if reference > _SHORT - 5:  # do not cut a character reference in two
        shown = shown[:reference]
    shown += "..."
    return shown if len(shown) < len(url) else url
