"""HMAC-SHA1 signatures of OAuth 1.0 (RFC 5849 section 3.4): values only."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from cyclone.escape import to_unicode

__all__ = ["base_string", "signature"]

_DEFAULT_PORTS = {"http": 80, "https": 443}


def _encoded(value: Any) -> str:
    """Section 3.6: everything but unreserved characters."""
    return quote(value if isinstance(value, bytes) else str(value), safe="~")


def base_string(method: str, url: str, parameters: Mapping[str, Any]) -> str:
    """What is signed (section 3.4.1).

    Args:
        method: the request's method.
        url: its URL; the query is signed with the parameters.
        parameters: OAuth's and all others, without the signature.
    """
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    if parts.port is not None and parts.port != _DEFAULT_PORTS.get(scheme):
        host = f"{host}:{parts.port}"
    pairs = [(_encoded(name), _encoded(value)) for name, value in parameters.items()]
    pairs += [
        (_encoded(name), _encoded(value))
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    normalized = "&".join(f"{name}={value}" for name, value in sorted(pairs))
    uri = f"{scheme}://{host}{parts.path or '/'}"
    return "&".join([method.upper(), _encoded(uri), _encoded(normalized)])


def signature(
    consumer_secret: str | bytes,
    token_secret: str | bytes,
    method: str,
    url: str,
    parameters: Mapping[str, Any],
    *,
    encode_secrets: bool = True,
) -> str:
    """The signature of a request.

    Args:
        consumer_secret: of the application.
        token_secret: of the token, "" while there is none.
        method: the request's method.
        url: its URL.
        parameters: what is signed beside it.
        encode_secrets: as of 1.0a; 1.0 took them as they are.
    """
    secrets = [to_unicode(secret) for secret in (consumer_secret, token_secret)]
    if encode_secrets:
        secrets = [_encoded(secret) for secret in secrets]
    text = base_string(method, url, parameters)
    digest = hmac.new("&".join(secrets).encode(), text.encode("ascii"), hashlib.sha1).digest()
    return b64encode(digest).decode("ascii")
