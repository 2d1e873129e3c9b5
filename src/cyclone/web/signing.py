"""Signed values: text that a client keeps for us and cannot change.

Two formats, both Tornado's (cyclone 1.x writes the first):

    1   base64(value) | timestamp | HMAC-SHA1(name + base64(value) + timestamp) in hex
    2   2 | key version | timestamp | name | base64(value) | HMAC-SHA256(all before it) in hex

In the second every field but the first and the last is ``length:text``. Timestamps are whole
seconds since the epoch. Signed is not encrypted: whoever holds a value can read it.

Format 1 signs its parts without saying where one ends, so that what ends one name may begin a
value; ask for ``min_version=2`` when no value of the old format is out any more. Pure.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from cyclone.log import gen_log

__all__ = [
    "DEFAULT_SIGNED_VALUE_MIN_VERSION",
    "DEFAULT_SIGNED_VALUE_VERSION",
    "MAX_SUPPORTED_SIGNED_VALUE_VERSION",
    "MIN_SUPPORTED_SIGNED_VALUE_VERSION",
    "CookieSecret",
    "create_signed_value",
    "decode_signed_value",
    "get_signature_key_version",
]

MIN_SUPPORTED_SIGNED_VALUE_VERSION = 1
"""The oldest format that can be read and written (name from Tornado)."""

MAX_SUPPORTED_SIGNED_VALUE_VERSION = 2
"""The newest one (name from Tornado)."""

DEFAULT_SIGNED_VALUE_VERSION = 2
"""The format written unless another is asked for (name from Tornado)."""

DEFAULT_SIGNED_VALUE_MIN_VERSION = 1
"""The oldest format read unless another is asked for (name from Tornado)."""

CookieSecret = str | bytes | Mapping[int, str | bytes]
"""A secret, or several by key version, so that a new one can come while the old is still read."""

_DAY = 86400.0
#: No value of format 1 is dated further ahead than clocks can differ: see `_decode_v1`.
_AHEAD = 31 * _DAY

# The number of a format. A value of format 1 has none, and begins with base64, whose length is a
# multiple of four: three digits and a bar are never its beginning.
_VERSION = re.compile(rb"([1-9][0-9]{0,2})\|")
# A field of format 2. No longer length can occur in a header field; int() would take signs too.
_LENGTH = re.compile(rb"([0-9]{1,7}):")
_DIGITS = re.compile(rb"[0-9]{1,18}")


class _Fields(NamedTuple):
    """A value of format 2, taken apart."""

    key_version: int
    timestamp: bytes
    name: bytes
    value: bytes
    signed: bytes
    signature: bytes


def create_signed_value(
    secret: CookieSecret,
    name: str,
    value: str | bytes,
    version: int | None = None,
    clock: Callable[[], float] | None = None,
    key_version: int | None = None,
) -> bytes:
    """Sign a value (Tornado).

    ``name`` says what the value is good for: signed as one cookie it is not accepted as another.
    ``version`` is the format, `DEFAULT_SIGNED_VALUE_VERSION` by default; ``clock`` gives seconds
    since the epoch, `time.time` by default; ``key_version`` says which of several secrets signs.

    Raises ValueError for a format that is not known, for an empty secret, and for several secrets
    with a ``key_version`` that names none of them or with format 1, which cannot say which it was.
    """
    version = DEFAULT_SIGNED_VALUE_VERSION if version is None else version
    timestamp = str(int((clock or time.time)())).encode("ascii")
    encoded = base64.b64encode(_bytes(value))
    if version == 1:
        if isinstance(secret, Mapping):
            raise ValueError("signed values of version 1 have no key version: give one secret")
        signature = _signature_v1(_checked(secret), name, encoded, timestamp)
        return b"|".join((encoded, timestamp, signature))
    if version != 2:
        raise ValueError(f"Unsupported version of signed values: {version!r}")
    if isinstance(secret, Mapping):
        if key_version is None or key_version not in secret:
            raise ValueError(f"there is no secret with key version {key_version!r}")
        secret = secret[key_version]
    if key_version is not None and key_version < 0:
        raise ValueError(f"a key version is not negative: {key_version!r}")
    number = str(int(key_version or 0)).encode("ascii")
    fields = (number, timestamp, _bytes(name), encoded)
    signed = b"|".join([b"2", *(b"%d:%b" % (len(field), field) for field in fields), b""])
    return signed + _signature_v2(_checked(secret), signed)


def decode_signed_value(
    secret: CookieSecret,
    name: str,
    value: str | bytes | None,
    max_age_days: float = 31,
    clock: Callable[[], float] | None = None,
    min_version: int | None = None,
) -> bytes | None:
    """Return what was signed, None for anything that we have not signed, or too long ago (Tornado).

    ``max_age_days`` is the age in days up to which a value is accepted. ``min_version`` is the
    oldest format that is, `DEFAULT_SIGNED_VALUE_MIN_VERSION` by default. For several secrets
    values of format 1 are not accepted, since they do not say which one signed them.

    Raises ValueError for a ``min_version`` that does not exist yet and for an empty secret; never
    for a value, whatever it is.
    """
    min_version = DEFAULT_SIGNED_VALUE_MIN_VERSION if min_version is None else min_version
    if min_version > MAX_SUPPORTED_SIGNED_VALUE_VERSION:
        raise ValueError(f"Unsupported min_version of signed values: {min_version!r}")
    if not value:
        return None
    value = _bytes(value)
    version = _version(value)
    if version < min_version:
        return None
    now = (clock or time.time)()
    if version == 1 and not isinstance(secret, Mapping):
        return _decode_v1(_checked(secret), name, value, now - max_age_days * _DAY, now)
    if version == 2:
        return _decode_v2(secret, name, value, now - max_age_days * _DAY)
    return None


def get_signature_key_version(value: str | bytes) -> int | None:
    """Return the key version a value names, without checking its signature (Tornado).

    None for values of format 1 and for what is no signed value.
    """
    value = _bytes(value)
    fields = _take_apart(value) if _version(value) == 2 else None
    return None if fields is None else fields.key_version


def _version(value: bytes) -> int:
    found = _VERSION.match(value)
    return int(found[1]) if found else 1


def _decode_v1(secret: bytes, name: str, value: bytes, oldest: float, now: float) -> bytes | None:
    parts = value.split(b"|")
    if len(parts) != 3:
        return None
    encoded, timestamp, signature = parts
    # Values are not logged: an expired one may still be good for another place.
    if not hmac.compare_digest(signature, _signature_v1(secret, name, encoded, timestamp)):
        gen_log.warning("Invalid cookie signature: %r", name)
        return None
    if not _DIGITS.fullmatch(timestamp):
        return None
    if int(timestamp) < oldest:
        gen_log.warning("Expired cookie: %r", name)
        return None
    # Digits at the end of the value could be moved to the front of the timestamp, or zeros the
    # other way, without changing what was signed.
    if int(timestamp) > now + _AHEAD:
        gen_log.warning("Cookie timestamp in future; possible tampering: %r", name)
        return None
    if timestamp.startswith(b"0"):
        gen_log.warning("Tampered cookie: %r", name)
        return None
    return _plain(encoded)


def _decode_v2(secret: CookieSecret, name: str, value: bytes, oldest: float) -> bytes | None:
    fields = _take_apart(value)
    if fields is None:
        return None
    if isinstance(secret, Mapping):
        if fields.key_version not in secret:
            return None
        secret = secret[fields.key_version]
    expected = _signature_v2(_checked(secret), fields.signed)
    if not hmac.compare_digest(fields.signature, expected):
        return None
    if fields.name != _bytes(name) or not _DIGITS.fullmatch(fields.timestamp):
        return None
    return _plain(fields.value) if int(fields.timestamp) >= oldest else None


def _take_apart(value: bytes) -> _Fields | None:
    """Split a value of format 2; None when it is malformed."""
    fields: list[bytes] = []
    position = 2  # behind "2|"
    for _ in range(4):
        found = _LENGTH.match(value, position)
        if found is None:
            return None
        end = found.end() + int(found[1])
        if value[end : end + 1] != b"|":
            return None
        fields.append(value[found.end() : end])
        position = end + 1
    key_version, timestamp, name, encoded = fields
    if not _DIGITS.fullmatch(key_version):
        return None
    return _Fields(int(key_version), timestamp, name, encoded, value[:position], value[position:])


def _plain(encoded: bytes) -> bytes | None:
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None


def _signature_v1(secret: bytes, name: str, encoded: bytes, timestamp: bytes) -> bytes:
    signed = _bytes(name) + encoded + timestamp
    return hmac.digest(secret, signed, "sha1").hex().encode("ascii")


def _signature_v2(secret: bytes, signed: bytes) -> bytes:
    return hmac.digest(secret, signed, "sha256").hex().encode("ascii")


def _checked(secret: str | bytes) -> bytes:
    """The secret as bytes. With an empty one anybody could sign."""
    if not secret:
        raise ValueError("a cookie secret must not be empty")
    return _bytes(secret)


def _bytes(value: str | bytes) -> bytes:
    # Cookies come as text of any kind; what cannot be encoded was not signed by us.
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
