"""A provider of OpenID Connect."""

from __future__ import annotations

from typing import Any

from cyclone.web import RequestHandler, url

from .grants import TOKEN_LIFETIME
from .people import Person
from .service import CLIENT_ID, CLIENT_SECRET, Api, Service

__all__ = ["OpenIDProvider"]


def claims_of(person: Person, base: str, scope: str = "profile email") -> dict[str, Any]:
    """What the scopes let an application know of somebody (Core section 5.4)."""
    found: dict[str, Any] = {"sub": f"u-{person.number}"}
    if "profile" in scope.split():
        found["name"] = person.name
        found["given_name"], found["family_name"] = person.first, person.last
        found["picture"] = f"{base}/portrait/{person.key}"
    if "email" in scope.split():
        found["email"], found["email_verified"] = person.email, True
    return found


class Configuration(RequestHandler):
    """Discovery section 4."""

    application: OpenIDProvider

    def get(self) -> None:
        base = self.application.base
        self.finish(
            {
                "issuer": base,
                "authorization_endpoint": f"{base}/authorize",
                "token_endpoint": f"{base}/token",
                "userinfo_endpoint": f"{base}/userinfo",
                "jwks_uri": f"{base}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )


class Keys(RequestHandler):
    """The public half of the key that signs."""

    application: OpenIDProvider

    def get(self) -> None:
        key = self.application.key.as_dict(private=False)
        self.finish({"keys": [{**key, "use": "sig", "alg": "ES256"}]})


class UserInfo(Api):
    """Core section 5.3."""

    application: OpenIDProvider

    def get(self) -> None:
        self.finish(claims_of(self.person, self.application.base))


class OpenIDProvider(Service):
    """A provider; its key is made anew each time.

    Raises:
        ImportError: joserfc is not installed.
    """

    title = "Example ID"

    def __init__(self, **settings: Any) -> None:
        try:
            from joserfc import jwk
        except ImportError:
            raise ImportError("the provider needs joserfc: pip install 'cyclone[auth]'") from None
        self.key = jwk.ECKey.generate_key("P-256", {"kid": "demo"}, auto_kid=False)
        routes = [
            url(r"/\.well-known/openid-configuration", Configuration),
            url(r"/keys", Keys),
            url(r"/userinfo", UserInfo),
        ]
        super().__init__(routes, **settings)

    def client_settings(self) -> dict[str, str]:
        """The setting ``oidc`` of the application that it knows."""
        return {"issuer": self.base, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

    def said_of_itself(self) -> dict[str, str]:
        return {"iss": self.base}  # RFC 9207

    def token_extras(self, grant: Any) -> dict[str, Any]:
        from joserfc import jwt

        now = int(self.grants.now())
        claims = {
            "iss": self.base,
            "aud": grant.asked.client_id,
            "iat": now,
            "exp": now + TOKEN_LIFETIME,
            **({"nonce": grant.asked.nonce} if grant.asked.nonce else {}),
            **claims_of(grant.person, self.base, grant.asked.scope),
        }
        token = jwt.encode({"alg": "ES256", "kid": "demo"}, claims, self.key)
        return {"id_token": token}
