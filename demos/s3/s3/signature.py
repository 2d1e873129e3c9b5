"""Signatures of requests, version 4 (SigV4): pure functions, no clock, no network.

A client takes the request apart in a fixed order (the canonical request), and signs its hash with
a key that was derived from its secret, the day, the region and the service. We do the same, with
the secret that we know, and compare. What is signed is what arrives: method, path, query, the
header fields that it names, and the hash of the body.

The steps are those of Amazon's "Authenticating Requests (AWS Signature Version 4)".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from .errors import S3Error

__all__ = ["ALGORITHM", "ChunkSigner", "Claim", "Signed", "read_claim", "verify"]

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW = timedelta(minutes=15)
MAX_LIFETIME = 7 * 24 * 3600
EMPTY_HASH = hashlib.sha256().hexdigest()
_HEX = re.compile(r"[0-9a-f]{64}")
_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")


class Signed(NamedTuple):
    """What of a request is signed.

    Attributes:
        method: as sent.
        path: as sent, percent-encoded.
        query: as sent, without the ``?``.
        headers: names in small letters, with all their values.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, list[str]]

    def first(self, name: str) -> str:
        """The value of a header field, empty if there is none."""
        return ", ".join(self.headers.get(name, []))


class Claim(NamedTuple):
    """What a request says of its signature.

    Attributes:
        access_key: whose it is.
        scope: ``date/region/service/aws4_request``.
        names: the signed header fields.
        signature: in hexadecimal.
        timestamp: when it was signed, as written.
        payload: the hash of the body, or one of the words that stand for it.
        lifetime: seconds that it is good for, of a presigned URL; None for one in a header.
    """

    access_key: str
    scope: str
    names: list[str]
    signature: str
    timestamp: str
    payload: str
    lifetime: int | None


def pairs(query: str) -> list[tuple[str, str]]:
    """Names and values of a query, decoded. A plus is a plus, as in what is signed."""
    items = [item.partition("=") for item in query.split("&") if item]
    return [(_decoded(name), _decoded(value)) for name, _, value in items]


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode(
        "utf-8", "surrogateescape"
    )


def _encoded(text: str, safe: str = "") -> str:
    return quote(text.encode("utf-8", "surrogateescape"), safe=safe + "-._~")


# -- what a request says ---------------------------------------------------------------------------


def read_claim(request: Signed) -> Claim:
    """Find the signature of a request, in its header or in its query.

    Raises:
        S3Error: there is none, or it is malformed.
    """
    parameters = dict(pairs(request.query))
    if "X-Amz-Algorithm" in parameters:
        return _from_query(request, parameters)
    header = request.first("authorization")
    if not header:
        raise S3Error("AccessDenied", "The request is not signed.")
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise S3Error("AuthorizationHeaderMalformed", f"Only {ALGORITHM} is understood.")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    try:
        claim = Claim(
            *_credential(fields["Credential"]),
            fields["SignedHeaders"].split(";"),
            fields["Signature"],
            request.first("x-amz-date"),
            request.first("x-amz-content-sha256"),
            None,
        )
    except (KeyError, ValueError):
        raise S3Error("AuthorizationHeaderMalformed") from None
    if not claim.payload:
        raise S3Error("InvalidRequest", "The header field x-amz-content-sha256 is missing.")
    return _checked(claim, "AuthorizationHeaderMalformed")


def _from_query(request: Signed, parameters: dict[str, str]) -> Claim:
    wrong = "AuthorizationQueryParametersError"
    try:
        lifetime = (
            int(parameters["X-Amz-Expires"])
            if (re.fullmatch(r"[0-9]{1,7}", parameters["X-Amz-Expires"]))
            else 0
        )
        claim = Claim(
            *_credential(parameters["X-Amz-Credential"]),
            parameters["X-Amz-SignedHeaders"].split(";"),
            parameters["X-Amz-Signature"],
            parameters["X-Amz-Date"],
            request.first("x-amz-content-sha256") or "UNSIGNED-PAYLOAD",
            lifetime,
        )
    except (KeyError, ValueError):
        raise S3Error(wrong) from None
    if parameters["X-Amz-Algorithm"] != ALGORITHM:
        raise S3Error(wrong, f"Only {ALGORITHM} is understood.")
    if not 1 <= lifetime <= MAX_LIFETIME:
        raise S3Error(wrong, f"X-Amz-Expires must be from 1 to {MAX_LIFETIME} seconds.")
    return _checked(claim, wrong)


def _credential(text: str) -> tuple[str, str]:
    # A key may hold slashes, the scope has four parts.
    key, *scope = text.rsplit("/", 4)
    if len(scope) != 4:
        raise ValueError(text)
    return key, "/".join(scope)


def _checked(claim: Claim, wrong: str) -> Claim:
    date, _, service, end = claim.scope.split("/")
    if service != "s3" or end != "aws4_request":
        raise S3Error(wrong, "The scope must be date/region/s3/aws4_request.")
    if not _DATE.fullmatch(claim.timestamp) or not claim.timestamp.startswith(date):
        raise S3Error(wrong, "X-Amz-Date must look like 20260131T235959Z, of the scope's day.")
    if not _HEX.fullmatch(claim.signature):
        raise S3Error(wrong, "The signature must be 64 hexadecimal digits.")
    return claim


# -- what it should say ----------------------------------------------------------------------------


def canonical_request(request: Signed, claim: Claim) -> str:
    """The request in the form that is signed."""
    path = "/".join(_encoded(_decoded(part)) for part in request.path.split("/"))
    query = sorted(
        (_encoded(name), _encoded(value))
        for name, value in pairs(request.query)
        if name != "X-Amz-Signature"
    )
    headers = [
        f"{name}:{','.join(' '.join(value.split()) for value in request.headers.get(name, []))}\n"
        for name in claim.names
    ]
    return "\n".join(
        [
            request.method,
            path,
            "&".join(f"{name}={value}" for name, value in query),
            "".join(headers),
            ";".join(claim.names),
            claim.payload,
        ]
    )


def signing_key(secret: str, scope: str) -> bytes:
    """The key of a day, a region and a service."""
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def sign(key: bytes, *lines: str) -> str:
    """The signature of a string of lines."""
    return hmac.digest(key, "\n".join(lines).encode(), "sha256").hex()


def verify(request: Signed, claim: Claim, secret: str, now: datetime) -> bytes:
    """Check the signature of a request.

    Args:
        secret: that of the claim's access key.
        now: the time, with a time zone.

    Returns:
        The signing key, for what follows.

    Raises:
        S3Error: it is wrong, or not good at this time.
    """
    key = signing_key(secret, claim.scope)
    canonical = canonical_request(request, claim)
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    expected = sign(key, ALGORITHM, claim.timestamp, claim.scope, digest)
    # compare_digest takes the same time wherever they differ, so nobody finds it digit by digit.
    if not hmac.compare_digest(expected, claim.signature):
        raise S3Error("SignatureDoesNotMatch")
    _check_names(request, claim)
    _check_time(claim, now)
    return key


def _check_names(request: Signed, claim: Claim) -> None:
    """What means something must be signed, or it could be added or exchanged on the way."""
    needed = {name for name in request.headers if name.startswith("x-amz-")} | {"host"}
    if claim.lifetime is not None:
        needed.discard("x-amz-content-sha256")  # signed as the payload
    missing = sorted(needed - set(claim.names))
    if missing or claim.names != sorted(claim.names):
        raise S3Error("AccessDenied", f"These header fields must be signed: {', '.join(missing)}.")


def _check_time(claim: Claim, now: datetime) -> None:
    try:
        signed = datetime.strptime(claim.timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise S3Error("AccessDenied", "X-Amz-Date is no date.") from None
    if claim.lifetime is None:
        if abs(now - signed) > MAX_SKEW:
            raise S3Error("RequestTimeTooSkewed")
    elif signed - now > MAX_SKEW:
        raise S3Error("AccessDenied", "The request is not yet good.")
    elif now - signed > timedelta(seconds=claim.lifetime):
        raise S3Error("AccessDenied", "The request has expired.")


class ChunkSigner:
    """The signatures of a body that is signed chunk by chunk, each with the one before it."""

    def __init__(self, key: bytes, claim: Claim) -> None:
        self._key = key
        self._claim = claim
        self._previous = claim.signature

    def check_chunk(self, digest: str, signature: str) -> None:
        """Check a chunk by its SHA-256.

        Raises:
            S3Error: the signature is wrong.
        """
        self._check("AWS4-HMAC-SHA256-PAYLOAD", [EMPTY_HASH, digest], signature)

    def check_trailer(self, fields: Iterable[tuple[str, str]], signature: str) -> None:
        """Check what follows the last chunk.

        Raises:
            S3Error: the signature is wrong.
        """
        text = "".join(f"{name}:{value}\n" for name, value in fields)
        digest = hashlib.sha256(text.encode()).hexdigest()
        self._check("AWS4-HMAC-SHA256-TRAILER", [digest], signature)

    def _check(self, kind: str, digests: list[str], signature: str) -> None:
        claim = self._claim
        lines = [kind, claim.timestamp, claim.scope, self._previous, *digests]
        expected = sign(self._key, *lines)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise S3Error("SignatureDoesNotMatch", "A chunk has a wrong signature.")
        self._previous = expected
