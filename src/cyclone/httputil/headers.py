"""Header fields: `HTTPHeaders`, a mapping that does not care about the case of names.

A name that was seen before, in the same spelling, is a dictionary lookup; it has been checked and
put into canonical form then.  What is remembered is bounded, since peers choose the spellings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from .errors import HTTPInputError

if TYPE_CHECKING:
    from typing import Self

__all__ = ["HTTP_WHITESPACE", "HTTPHeaders"]

#: What may stand around values of fields (RFC 9110 section 5.6.3); `str.strip` takes more off.
HTTP_WHITESPACE = " \t"

# RFC 9110 sections 5.1 and 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9110 section 5.5: control characters other than HTAB have no place in a value.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# The same, and nothing that is not a byte in the encoding of the wire, Latin-1.
_NOT_FIELD_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_OWS = " \t"

_COMMON_NAMES = """
    Accept Accept-Charset Accept-Encoding Accept-Language Accept-Ranges Access-Control-Allow-Headers
    Access-Control-Allow-Methods Access-Control-Allow-Origin Access-Control-Request-Headers
    Access-Control-Request-Method Age Allow Alt-Svc Authorization Cache-Control Connection
    Content-Disposition Content-Encoding Content-Language Content-Length Content-Location
    Content-Range Content-Security-Policy Content-Type Cookie DNT Date ETag Expect Expires Forwarded
    From Host If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since Keep-Alive
    Last-Event-ID Last-Modified Link Location Max-Forwards Origin Pragma Priority
    Proxy-Authenticate Proxy-Authorization Purpose Range Referer Referrer-Policy Retry-After
    Sec-CH-UA Sec-CH-UA-Mobile Sec-CH-UA-Platform Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site
    Sec-Fetch-User Sec-GPC Sec-WebSocket-Accept Sec-WebSocket-Extensions Sec-WebSocket-Key
    Sec-WebSocket-Protocol Sec-WebSocket-Version Server Set-Cookie Strict-Transport-Security TE
    Trailer Transfer-Encoding Upgrade Upgrade-Insecure-Requests User-Agent Vary Via WWW-Authenticate
    X-Content-Type-Options X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Frame-Options
    X-Real-IP X-Request-ID X-Requested-With X-Scheme X-XSRFToken
"""
#: Fields whose values `repr` does not show.
_SECRET = {"Authorization", "Cookie", "Proxy-Authorization", "Set-Cookie"}


def _capitalized(name: str) -> str:
    return "-".join([word.capitalize() for word in name.split("-")])


#: Common names, in every spelling that is usual, to their canonical form.
_COMMON = {
    spelling: _capitalized(name)
    for name in _COMMON_NAMES.split()
    for spelling in (name, name.lower(), _capitalized(name))
}
#: The common names and up to `_LEARNED` others that came along.
_known = dict(_COMMON)
_known_bytes = {spelling.encode(): name for spelling, name in _known.items()}
_LEARNED = 1024
_LONGEST_LEARNED = 64


def _learn(name: str) -> str:
    """The canonical form of a name that is not known yet, "" for what is no token."""
    if not _TOKEN.fullmatch(name):
        return ""
    canonical = _capitalized(name)
    if len(name) <= _LONGEST_LEARNED:
        if len(_known) >= len(_COMMON) + _LEARNED:
            _known.clear()
            _known.update(_COMMON)
            _known_bytes.clear()
        _known[name] = canonical
        _known_bytes[name.encode()] = canonical
    return canonical


def _learn_bytes(name: bytes) -> str:
    """The same for a checked name of a received field."""
    text = name.decode("latin-1")
    return _learn(text) or _capitalized(text)


def _canonical(name: str) -> str:
    """The canonical form of a name.

    Raises:
        HTTPInputError: it is not a token.
    """
    canonical = _known.get(name) or _learn(name)
    if not canonical:
        raise HTTPInputError("Invalid header name")
    return canonical


def _as_text(value: Any) -> str:
    """A value of a type that is not str as one."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, int):
        return str(int(value))
    raise TypeError(f"a header value is str, not {type(value).__name__}")


class HTTPHeaders(MutableMapping[str, str]):
    """Header fields by name; the case of names does not matter.

    As a mapping, each name has one value: those of repeated fields joined by commas.  `add`,
    `get_list` and `get_all` keep them apart, as Set-Cookie needs it.  Iteration is in the order in
    which names first came, in ``Canonical-Case``.

    Names and values are checked when they are set, so that no value can bring a field of its own
    into a message.

    >>> headers = HTTPHeaders({"content-type": "text/html"})
    >>> headers.add("Set-Cookie", "a=b")
    >>> headers.add("set-cookie", "c=d")
    >>> headers["SET-COOKIE"], headers.get_list("Set-Cookie")
    ('a=b,c=d', ['a=b', 'c=d'])
    >>> list(headers)
    ['Content-Type', 'Set-Cookie']
    """

    # Name to value, or to a list of at least two if the other is true.
    __slots__ = ("_repeated", "_values")

    _values: dict[str, str | list[str]]
    _repeated: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take another HTTPHeaders, or what `dict` takes; a value may be a list of values.

        Raises:
            HTTPInputError: a name or value is malformed.
        """
        self._values = {}
        self._repeated = False
        if len(args) == 1 and not kwargs and isinstance(args[0], HTTPHeaders):
            self._values = args[0].copy()._values
            self._repeated = args[0]._repeated
            return
        for name, value in dict(*args, **kwargs).items():
            if isinstance(value, list | tuple):
                for item in value:
                    self.add(name, item)
            else:
                self[name] = value

    @classmethod
    def from_fields(cls, fields: Iterable[tuple[bytes, bytes]]) -> Self:
        """Take the fields of a received message, which its parser has checked."""
        self = cls.__new__(cls)
        self._values = values = {}
        self._repeated = False
        known = _known_bytes.get
        for raw_name, raw_value in fields:
            name = known(raw_name) or _learn_bytes(raw_name)
            value = raw_value.decode("latin-1")
            if name in values:
                self._append(name, value)
            else:
                values[name] = value
        return self

    def _append(self, name: str, value: str) -> None:
        """Give a canonical name one more value."""
        values = self._values
        present = values.get(name)
        if present is None:
            values[name] = value
        elif isinstance(present, list):
            present.append(value)
        else:
            values[name] = [present, value]
            self._repeated = True

    # -- several values

    def add(self, name: str, value: str) -> None:
        """Add a field, whether there is one of that name or not.

        Raises:
            HTTPInputError: the name is not a token; the value has control characters, characters
                that are not Latin-1, or white space at its ends.
        """
        canonical = _canonical(name)
        if not isinstance(value, str):
            value = _as_text(value)
        if not (value.isascii() and value.isprintable()) and _NOT_FIELD_VALUE.search(value):
            raise HTTPInputError("Invalid header value")
        if value and (value[0] in _OWS or value[-1] in _OWS):
            raise HTTPInputError("Invalid header value")
        self._append(canonical, value)

    def get_list(self, name: str) -> list[str]:
        """Return all values of the fields of that name, none if there is no such field."""
        value = self._values.get(_known.get(name) or _learn(name))
        if value is None:
            return []
        return value.copy() if isinstance(value, list) else [value]

    def get_all(self) -> Iterator[tuple[str, str]]:
        """Iterate over name and value of every field."""
        for name, value in self._values.items():
            if isinstance(value, str):
                yield name, value
            else:
                for item in value:
                    yield name, item

    # -- text

    def encode(self) -> bytes:
        """Return the fields as they go over the wire, each with its CRLF, no empty line.

        Raises:
            UnicodeEncodeError: a value has characters outside Latin-1.
        """
        fields = self.get_all() if self._repeated else self._values.items()
        return "".join([f"{name}: {value}\r\n" for name, value in fields]).encode("latin-1")

    def has_any(self, names: frozenset[str]) -> bool:
        """Return whether there is a field of one of these names, which are in canonical form."""
        return not names.isdisjoint(self._values)

    def parse_line(self, line: str) -> None:
        """Add the field that a line of a header section holds.

        Args:
            line: with or without its line ending; an empty one is ignored.

        Raises:
            HTTPInputError: the line is malformed, or continues another (RFC 9112 section 5.2
                obsoletes that).
        """
        if line.endswith("\n"):
            line = line[:-2] if line.endswith("\r\n") else line[:-1]
        self._parse_line(line)

    def _parse_line(self, line: str) -> None:
        if not line:
            return
        if line[0] in _OWS:
            raise HTTPInputError("a header line begins with white space")
        name, colon, value = line.partition(":")
        if not colon:
            raise HTTPInputError("no colon in header line")
        self.add(name, value.strip(_OWS))

    @classmethod
    def parse(cls, headers: str) -> Self:
        """Return the fields of a header section.

        Lines end with CRLF; a single LF is accepted, a single CR is not.

        Raises:
            HTTPInputError: a line is malformed.
        """
        self = cls()
        *lines, last = headers.split("\n")
        for line in lines:
            self._parse_line(line.removesuffix("\r"))
        self._parse_line(last)
        return self

    def __str__(self) -> str:
        """The fields as lines that end with LF; `parse` reads them."""
        return "".join([f"{name}: {value}\n" for name, value in self.get_all()])

    def __repr__(self) -> str:
        shown = {name: "..." if name in _SECRET else value for name, value in self._values.items()}
        return f"{type(self).__name__}({shown})"

    # -- mapping

    def __getitem__(self, name: str) -> str:
        value = self._values[_known.get(name) or _learn(name)]
        return value if isinstance(value, str) else ",".join(value)

    def __setitem__(self, name: str, value: str) -> None:
        """Replace all fields of that name by one.

        Raises:
            HTTPInputError: the name is not a token, or the value has control characters.
        """
        canonical = _known.get(name) or _canonical(name)
        if not isinstance(value, str):
            value = _as_text(value)
        if not value.isprintable() and _CONTROL.search(value):
            raise HTTPInputError("Invalid header value")
        self._values[canonical] = value

    def __delitem__(self, name: str) -> None:
        del self._values[_known.get(name) or _learn(name)]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (_known.get(name) or _learn(name)) in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a name, or `default`."""
        value = self._values.get(_known.get(name) or _learn(name))
        if value is None:
            return default
        return value if isinstance(value, str) else ",".join(value)

    def copy(self) -> Self:
        """Return a mapping of its own with the same fields."""
        copied = type(self).__new__(type(self))
        copied._values = values = self._values.copy()
        copied._repeated = self._repeated
        if self._repeated:
            for name, value in values.items():
                if type(value) is list:
                    values[name] = value.copy()
        return copied

    __copy__ = copy
