"""Header fields of responses: the default ones, and the conversion of what handlers set."""

from __future__ import annotations

import re
from collections.abc import Iterable
from time import time
from typing import Any

from cyclone.escape import url_escape
from cyclone.http1 import SERVER, date_now
from cyclone.httputil import HTTPHeaders, format_timestamp

__all__ = [
    "FRAMING_FIELDS",
    "REPRESENTATION_FIELDS",
    "ascii_url",
    "default_headers",
    "encoded_cookies",
    "encoded_defaults",
    "header_text",
    "to_text",
]

#: RFC 9110 section 15.4.5: what describes a representation goes when there is none.
REPRESENTATION_FIELDS = ("Content-Encoding", "Content-Language", "Content-Type")
_DEFAULT_TYPE = "text/html; charset=UTF-8"


class _Defaults:
    """The fields of a response of which a handler has set none; made anew once a second."""

    def __init__(self) -> None:
        self._second = 0  # that they are of
        self._headers = HTTPHeaders()
        self._encoded = b""

    def headers(self) -> HTTPHeaders:
        """The fields, for a handler to change."""
        if int(time()) != self._second:
            self._renew()
        return self._headers.copy()

    def encoded(self) -> bytes:
        """The fields as they go out."""
        if int(time()) != self._second:
            self._renew()
        return self._encoded

    def _renew(self) -> None:
        self._second = int(time())
        self._headers = HTTPHeaders(
            {"Server": SERVER, "Content-Type": _DEFAULT_TYPE, "Date": date_now()}
        )
        self._encoded = self._headers.encode()


_defaults = _Defaults()
default_headers = _defaults.headers
#: The same as `default_headers`, encoded.
encoded_defaults = _defaults.encoded


#: Fields that decide about framing; responses that set them go the general way out.
FRAMING_FIELDS = frozenset({"Content-Length", "Connection", "Transfer-Encoding"})


def encoded_cookies(fields: Iterable[str]) -> bytes:
    """Set-Cookie fields with these values, encoded."""
    return "".join([f"Set-Cookie: {field}\r\n" for field in fields]).encode("latin-1")


def to_text(value: str | bytes) -> str:
    """`value` as text; bytes are UTF-8."""
    return value if isinstance(value, str) else value.decode("utf-8")


def header_text(value: Any) -> str:
    """The text of a header value (Tornado's conversions).

    Raises:
        TypeError: it is neither text, bytes, a whole number nor a datetime.
        ValueError: text that has no place in a header, which is Latin-1.
    """
    if isinstance(value, str):
        if not value.isascii():
            _check_latin(value)
        return value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, int):
        return str(value)
    if hasattr(value, "timetuple"):
        return format_timestamp(value)
    raise TypeError(f"Unsupported header value {value!r}")


def _check_latin(value: str) -> None:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(
            f"a header value is Latin-1 text; encode {value!r} (percent-encoding, RFC 8187) or "
            "give bytes"
        ) from None


#: What has no place in a URL and is no control character (RFC 3986 section 2).  Browsers take a
#: backslash for a slash, which a redirect to "/\\host" lives by.
_NOT_IN_URL = re.compile(r"""[ "<>\\^`{|}]|[^\x00-\x7f]""")


def ascii_url(url: str | bytes) -> str:
    """A URL for a Location field: what it cannot hold is percent-encoded as UTF-8."""
    return _NOT_IN_URL.sub(lambda found: url_escape(found[0], plus=False), to_text(url))
