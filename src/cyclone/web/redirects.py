"""Where would a browser go? Checks for redirect targets that contain text from a request.

Browsers read URLs by the WHATWG standard, not by RFC 3986, and what counts here is what they do:
``/\\example.com``, ``/<tab>/example.com`` and ``///example.com`` all lead to another host. Pure.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# https://url.spec.whatwg.org/#concept-basic-url-parser, steps 1 to 3: control characters and
# spaces at the ends and tabs and newlines anywhere are taken out. For http and https a backslash
# is a slash; treating it so for every scheme errs on the safe side.
_AT_THE_ENDS = "".join(map(chr, range(0x21)))
_ANYWHERE = str.maketrans({"\t": None, "\n": None, "\r": None, "\\": "/"})
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*(?=:)", re.IGNORECASE)
_HOST_END = re.compile(r"[/?#]")

# The schemes whose URLs have a host behind any number of slashes, even behind none.
_SPECIAL = frozenset({"ftp", "http", "https", "ws", "wss"})


class Destination(NamedTuple):
    """Which site a URL leads to; both are empty for "this one". Lower case."""

    scheme: str
    authority: str


def destination(url: str) -> Destination:
    """Return the scheme and authority (user, host and port) a browser sees in a URL."""
    url = url.strip(_AT_THE_ENDS).translate(_ANYWHERE)
    found = _SCHEME.match(url)
    scheme = found[0].lower() if found else ""
    rest = url[len(scheme) + 1 :] if found else url
    if rest.startswith("//") or scheme in _SPECIAL:
        authority = _HOST_END.split(rest.lstrip("/"), maxsplit=1)[0]
        return Destination(scheme, authority.lower())
    return Destination(scheme, "")


def is_protocol_relative(url: str) -> bool:
    """Tell whether a URL without scheme leads to another host, as ``//example.com`` does."""
    return url.strip(_AT_THE_ENDS).translate(_ANYWHERE).startswith("//")


def local_reference(path: str, query: str = "") -> str:
    """Return path and query as a URL that stays on this host.

    Leading slashes and backslashes beyond the first are taken off, since they would name a host.
    """
    if is_protocol_relative(path):
        path = "/" + path.strip(_AT_THE_ENDS).translate(_ANYWHERE).lstrip("/")
    return f"{path}?{query}" if query else path
