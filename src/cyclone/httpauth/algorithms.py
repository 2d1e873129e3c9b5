"""What Digest computes (RFC 7616 section 3.4).  Pure."""

from __future__ import annotations

import hashlib
from unicodedata import normalize

__all__ = ["ALGORITHMS", "digest_hash", "hash_of", "hex_length", "response_digest", "user_hash"]

#: The algorithms, the strongest first, as `hashlib` knows them.
ALGORITHMS = {
    "SHA-512-256": "sha512_256",
    "SHA-512-256-sess": "sha512_256",
    "SHA-256": "sha256",
    "SHA-256-sess": "sha256",
    "MD5": "md5",
    "MD5-sess": "md5",
}


def hash_of(algorithm: str, data: str | bytes) -> str:
    """The hash in hexadecimal digits; text is hashed as UTF-8.

    Raises:
        ValueError: the algorithm is unknown, or not there on this system.
    """
    if algorithm not in ALGORITHMS:
        names = ", ".join(ALGORITHMS)
        raise ValueError(f"there is no Digest algorithm {algorithm!r}, only {names}")
    value = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return hashlib.new(ALGORITHMS[algorithm], value, usedforsecurity=False).hexdigest()


def hex_length(algorithm: str) -> int:
    """How many hexadecimal digits its hashes have."""
    return len(hash_of(algorithm, b""))


def digest_hash(username: str, realm: str, password: str, algorithm: str = "SHA-256") -> str:
    """What may be stored in place of a password for Digest: H(username:realm:password).

    It is good for this realm alone, but there it is as good as the password.  That of
    ``SHA-256-sess`` is that of ``SHA-256``.

    Raises:
        ValueError: the algorithm is unknown.
    """
    name, secret = normalize("NFC", username), normalize("NFC", password)
    return hash_of(algorithm, f"{name}:{realm}:{secret}")


def user_hash(username: str, realm: str, algorithm: str = "SHA-256") -> str:
    """What a client with ``userhash`` sends in place of the user's name: H(username:realm).

    Raises:
        ValueError: the algorithm is unknown.
    """
    return hash_of(algorithm, f"{normalize('NFC', username)}:{realm}")


def response_digest(
    algorithm: str,
    stored: str,
    *,
    method: str,
    uri: str,
    nonce: str,
    count: str,
    cnonce: str,
    qop: str,
    session_cnonce: str | None = None,
    body_hash: str | None = None,
) -> str:
    """The ``response`` of a request; ``rspauth`` of a response with `method` "".

    Args:
        stored: H(username:realm:password), see `digest_hash`.
        uri, nonce, cnonce: as the client wrote them; characters stand for bytes.
        count: the eight digits of ``nc``.
        qop: ``auth`` or ``auth-int``.
        session_cnonce: for the algorithms with ``-sess``: the first cnonce of the session, by
            default `cnonce`.
        body_hash: for ``auth-int``: the hash of the body.

    Raises:
        ValueError: the algorithm is unknown.
    """
    first = stored
    if algorithm.endswith("-sess"):
        started_with = cnonce if session_cnonce is None else session_cnonce
        first = hash_of(algorithm, f"{stored}:{nonce}:{started_with}".encode("latin-1"))
    second = f"{method}:{uri}"
    if qop == "auth-int":
        second += f":{body_hash or hash_of(algorithm, b'')}"
    second = hash_of(algorithm, second.encode("latin-1"))
    whole = f"{first}:{nonce}:{count}:{cnonce}:{qop}:{second}"
    return hash_of(algorithm, whole.encode("latin-1"))
