"""ID tokens of OpenID Connect, checked by joserfc (the extra ``auth``)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .base import AuthError

__all__ = ["UnknownKey", "verify"]

#: Seconds that clocks may differ.
LEEWAY = 60


class UnknownKey(AuthError):
    """The token is signed by a key that is not among those that are known."""


def verify(
    token: str,
    keys: dict[str, Any],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    algorithms: Collection[str],
) -> dict[str, Any]:
    """The claims of an ID token (OpenID Connect Core section 3.1.3.7).

    Args:
        token: the token.
        keys: the key set of the issuer, a JWK set.
        issuer: who must have issued it.
        client_id: whom it must be for.
        nonce: what it must hold.
        algorithms: by which it may be signed.

    Raises:
        UnknownKey: the key set does not have its key: it may be old.
        AuthError: it is not valid.
        RuntimeError: joserfc is not installed.
    """
    try:
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError
        from joserfc.jwk import KeySet
    except ImportError as exc:
        raise RuntimeError("OIDCMixin needs joserfc: pip install 'cyclone[auth]'") from exc
    try:
        usable: Any = {"keys": [key for key in keys.get("keys", []) if key.get("use") != "enc"]}
        decoded = jwt.decode(token, KeySet.import_key_set(usable), algorithms=list(algorithms))
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": issuer},
            sub={"essential": True},
            aud={"essential": True, "value": client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        registry.validate(decoded.claims)
    except InvalidKeyIdError as exc:
        raise UnknownKey("the ID token is signed by an unknown key") from exc
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise AuthError(f"the ID token is not valid: {type(exc).__name__}") from exc
    claims: dict[str, Any] = dict(decoded.claims)
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", client_id) != client_id or (several and "azp" not in claims):
        raise AuthError("the ID token was issued to somebody else")
    return claims
