"""What Basic and Digest credentials say (RFC 7617, RFC 7616 section 3.4).  Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from unicodedata import normalize
from urllib.parse import urlsplit

from .algorithms import ALGORITHMS
from .syntax import Credentials, MalformedCredentials, decode_text, extended_value

__all__ = ["BasicMessage", "DigestMessage", "read_basic", "read_digest", "same_resource"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_COUNT = re.compile(r"[0-9a-fA-F]{8}")
_HEX = re.compile(r"[0-9a-fA-F]+")
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_CANONICAL_NAMES = {name.lower(): name for name in ALGORITHMS}
#: Longest value of a parameter, the URI excepted.
_LONGEST = 1024


@dataclass(frozen=True)
class BasicMessage:
    """User name and password, in normalization form C."""

    username: str
    password: str


def read_basic(credentials: Credentials) -> BasicMessage:
    """Read the credentials of Basic (RFC 7617 section 2).

    Raises:
        MalformedCredentials: they are not user name, colon and password in base64, or hold
            control characters.
    """
    if credentials.token is None:
        raise MalformedCredentials("Basic credentials are one word in base64")
    try:
        decoded = base64.b64decode(credentials.token, validate=True)
    except binascii.Error:
        raise MalformedCredentials("Basic credentials are not in base64") from None
    name, colon, password = decode_text(decoded.decode("latin-1")).partition(":")
    if not colon:
        raise MalformedCredentials("there is no colon between user name and password")
    if _CONTROL.search(name) or _CONTROL.search(password):
        raise MalformedCredentials("user name or password have control characters")
    return BasicMessage(_normalized(name), _normalized(password))


def _normalized(text: str) -> str:
    """`text` in normalization form C, which takes quadratic time.

    Raises:
        MalformedCredentials: it is too long for that; ASCII may have any length.
    """
    if text.isascii():
        return text
    if len(text) > _LONGEST:
        raise MalformedCredentials("user name or password is too long")
    return normalize("NFC", text)


@dataclass(frozen=True)
class DigestMessage:
    """The credentials of Digest; text whose characters stand for bytes, except `username`.

    Attributes:
        username: in normalization form C, or with `hashed` the hash that stands for it.
        count: of ``nc``.
        written_count: the same as it was written.
        algorithm: as in `ALGORITHMS`, ``MD5`` when the client does not name one.
        response: in lower case.
    """

    username: str
    hashed: bool
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str
    cnonce: str
    qop: str
    count: int
    written_count: str
    opaque: str | None


def read_digest(credentials: Credentials) -> DigestMessage:
    """Read the credentials of Digest.

    Raises:
        MalformedCredentials: a parameter is missing, or cannot be.
    """
    given = credentials.parameters
    for name in ("realm", "nonce", "uri", "response", "qop", "cnonce", "nc"):
        if name not in given:
            raise MalformedCredentials(f"Digest credentials lack {name!r}")
    if any(len(value) > _LONGEST for name, value in given.items() if name != "uri"):
        raise MalformedCredentials("a parameter of the Digest credentials is too long")
    algorithm = _CANONICAL_NAMES.get(given.get("algorithm", "MD5").lower())
    if algorithm is None:
        raise MalformedCredentials("the Digest algorithm is none that was offered")
    if not _COUNT.fullmatch(given["nc"]) or not int(given["nc"], 16):
        raise MalformedCredentials("nc is not eight hexadecimal digits, from 00000001 on")
    if not _HEX.fullmatch(given["response"]):
        raise MalformedCredentials("response is not a hexadecimal number")
    username, hashed = _username(given)
    return DigestMessage(
        username=username,
        hashed=hashed,
        realm=decode_text(given["realm"]),
        nonce=given["nonce"],
        uri=given["uri"],
        response=given["response"].lower(),
        algorithm=algorithm,
        cnonce=given["cnonce"],
        qop=given["qop"].lower(),
        count=int(given["nc"], 16),
        written_count=given["nc"],
        opaque=given.get("opaque"),
    )


def _username(given: Mapping[str, str]) -> tuple[str, bool]:
    """The user's name, and whether it is a hash."""
    hashed = given.get("userhash", "false").lower()
    if hashed not in ("true", "false"):
        raise MalformedCredentials("userhash is neither true nor false")
    extended = given.get("username*")
    if ("username" in given) == (extended is not None):
        raise MalformedCredentials("Digest credentials have either username or username*")
    if extended is None:
        username = decode_text(given["username"])
    elif hashed == "true":
        raise MalformedCredentials("a hashed user name does not come as username*")
    else:
        username = extended_value(extended)
    if _CONTROL.search(username):
        raise MalformedCredentials("the user name has control characters")
    if hashed == "true" and not _HEX.fullmatch(username):
        raise MalformedCredentials("the hashed user name is not a hexadecimal number")
    return (username.lower(), True) if hashed == "true" else (_normalized(username), False)


def same_resource(claimed: str, target: str, host: str) -> bool:
    """Whether the ``uri`` of Digest credentials is what is asked for (RFC 7616 section 3.4.6).

    A whole URL may stand for its path and query if it names this host.  Escapes of what needs
    none, and the case of hexadecimal digits, make no difference (RFC 3986 section 6.2.2).

    Args:
        target: path and query of the request, or ``*``.
        host: the host it is for, with its port if it has one.
    """
    if claimed[:1] not in ("/", "*"):
        try:
            parts = urlsplit(claimed)
        except ValueError:
            return False
        if parts.scheme.lower() not in ("http", "https") or "@" in parts.netloc:
            return False
        if _plain_host(parts.netloc, parts.scheme) != _plain_host(host, parts.scheme):
            return False
        path = parts.path or ("*" if target == "*" else "/")
        claimed = f"{path}?{parts.query}" if "?" in claimed else path
    return _normal(claimed) == _normal(target)


def _plain_host(host: str, scheme: str) -> str:
    return host.lower().removesuffix(":443" if scheme.lower() == "https" else ":80")


def _normal(text: str) -> str:
    return _ENCODED.sub(_normal_escape, text)


def _normal_escape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()
