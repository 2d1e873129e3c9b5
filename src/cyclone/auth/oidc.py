"""`OIDCMixin`: OpenID Connect with discovery, state, nonce, PKCE and a checked ID token."""

from __future__ import annotations

import secrets
import time
from typing import Any
from urllib.parse import quote_plus, urlencode, urljoin

from cyclone.escape import json_decode

from .base import AuthError, HandlerMixin, check_equal, code_challenge, either_style, with_query
from .idtoken import UnknownKey, verify

__all__ = ["OIDCMixin"]

_COOKIE = "_oidc"
#: Seconds that what a provider says of itself, and its keys, are kept.
_KEEP = 3600
#: Seconds between two looks for keys that are not known.
_LOOK_AGAIN = 60
_documents: dict[str, tuple[float, dict[str, Any]]] = {}


class OIDCMixin(HandlerMixin):
    """Log users in with any provider of OpenID Connect.

    The setting ``oidc`` is a dict:

    * ``issuer``: the provider, such as ``https://accounts.google.com``.
    * ``client_id`` and ``client_secret`` of this application; without a secret it is a public
      client.
    * ``redirect_uri``: where users come back to; default the page they are sent from.
    * ``scope``: names separated by spaces; default ``openid profile email``.
    * ``algorithms``: of signatures that are accepted; default RS256, ES256, PS256, EdDSA.

    The handler that users come back to::

        class Login(RequestHandler, OIDCMixin):
            async def get(self):
                if self.get_argument("code", None) or self.get_argument("error", None):
                    user = await self.get_authenticated_user()
                    ...
                else:
                    await self.authorize_redirect()
    """

    def get_oidc_settings(self) -> dict[str, Any]:
        """The dict described above; may be overridden."""
        settings: dict[str, Any] = self.settings["oidc"]
        return settings

    @either_style
    async def authorize_redirect(self, extra_params: dict[str, Any] | None = None) -> None:
        """Send the user to the provider.  Has to be awaited, and finishes the response.

        Args:
            extra_params: more arguments for the provider, such as ``prompt``.

        Raises:
            AuthError: what the provider says of itself cannot be trusted.
            HTTPClientError: it did not answer.
        """
        settings = self.get_oidc_settings()
        provider = await self._provider(settings)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        self.set_auth_cookie(_COOKIE, ".".join((state, nonce, verifier)))
        args = {
            "response_type": "code",
            "client_id": settings["client_id"],
            "redirect_uri": self._redirect_uri(settings),
            "scope": settings.get("scope", "openid profile email"),
            **(extra_params or {}),
            "state": state,
            "nonce": nonce,
            "code_challenge": code_challenge(verifier),  # RFC 7636
            "code_challenge_method": "S256",
        }
        self.redirect(with_query(provider["authorization_endpoint"], args))

    @either_style
    async def get_authenticated_user(self) -> dict[str, Any]:
        """The user that has come back from the provider.

        Returns:
            the claims of the ID token (``sub`` identifies the user, together with ``iss``), and
            the provider's answer as ``token_response``.

        Raises:
            AuthError: the provider says no, or something does not fit together.
            HTTPClientError: it did not answer, or refused.
        """
        settings = self.get_oidc_settings()
        cookie = self.get_cookie(_COOKIE) or ""
        self.clear_cookie(_COOKIE)
        parts = cookie.split(".")
        if len(parts) != 3:
            raise AuthError("Missing OpenID Connect cookie")
        state, nonce, verifier = parts
        check_equal(state, self.get_argument("state", ""), "state does not match cookie")
        error = self.get_argument("error", None)
        if error is not None:
            raise AuthError(f"the provider answered with an error: {error[:100]!r}")
        # RFC 9207: whose answer it is, where the provider says so.
        issuer = self.get_argument("iss", settings["issuer"])
        check_equal(settings["issuer"], issuer, "the answer is of another provider")
        provider = await self._provider(settings)
        answer = await self._token(settings, provider, self.get_argument("code"), verifier)
        claims = await self._claims(settings, provider, answer["id_token"], nonce)
        return {**claims, "token_response": answer}

    @either_style
    async def get_userinfo(self, user: dict[str, Any]) -> dict[str, Any]:
        """What the provider's userinfo endpoint says of a user.

        Args:
            user: what `get_authenticated_user` returned.

        Raises:
            AuthError: it is about somebody else, or there is no such endpoint.
            HTTPClientError: it did not answer, or refused.
        """
        provider = await self._provider(self.get_oidc_settings())
        if "userinfo_endpoint" not in provider:
            raise AuthError("the provider has no userinfo endpoint")
        token = user["token_response"]["access_token"]
        response = await self.get_auth_http_client().fetch(
            provider["userinfo_endpoint"], headers={"Authorization": f"Bearer {token}"}
        )
        info: dict[str, Any] = json_decode(response.body)
        # OpenID Connect Core section 5.3.2.
        check_equal(user["sub"], str(info.get("sub")), "userinfo is about somebody else")
        return info

    # -- steps

    def _redirect_uri(self, settings: dict[str, Any]) -> str:
        here: str = self.request.full_url().partition("?")[0]
        chosen: str = settings.get("redirect_uri") or here
        return urljoin(here, chosen)

    async def _token(
        self, settings: dict[str, Any], provider: dict[str, Any], code: str, verifier: str
    ) -> dict[str, Any]:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri(settings),
            "code_verifier": verifier,
        }
        kwargs: dict[str, Any] = {}
        secret = settings.get("client_secret")
        methods = provider.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret is not None and "client_secret_basic" in methods:
            # RFC 6749 section 2.3.1: encoded as in a form first.
            kwargs["auth_username"] = quote_plus(settings["client_id"])
            kwargs["auth_password"] = quote_plus(secret)
        else:
            fields["client_id"] = settings["client_id"]
            if secret is not None:
                fields["client_secret"] = secret
        response = await self.get_auth_http_client().fetch(
            provider["token_endpoint"],
            method="POST",
            body=urlencode(fields),
            follow_redirects=False,
            **kwargs,
        )
        answer = json_decode(response.body)
        if not isinstance(answer, dict) or not isinstance(answer.get("id_token"), str):
            raise AuthError("the provider's answer holds no ID token")
        return answer

    async def _claims(
        self, settings: dict[str, Any], provider: dict[str, Any], token: str, nonce: str
    ) -> dict[str, Any]:
        expected: dict[str, Any] = {
            "issuer": settings["issuer"],
            "client_id": settings["client_id"],
            "nonce": nonce,
            "algorithms": settings.get("algorithms", ("RS256", "ES256", "PS256", "EdDSA")),
        }
        try:
            return verify(token, await self._document(provider["jwks_uri"], _KEEP), **expected)
        except UnknownKey:
            # Providers change their keys.
            keys = await self._document(provider["jwks_uri"], _LOOK_AGAIN)
            return verify(token, keys, **expected)

    async def _provider(self, settings: dict[str, Any]) -> dict[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery section 4)."""
        issuer = settings["issuer"]
        url = issuer.rstrip("/") + "/.well-known/openid-configuration"
        provider = await self._document(url, _KEEP)
        check_equal(issuer, str(provider.get("issuer")), "the issuer names itself differently")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
            endpoint = provider.get(name)
            if endpoint is None and name != "userinfo_endpoint":
                raise AuthError(f"the provider has no {name}")
            if issuer.startswith("https:") and endpoint and not endpoint.startswith("https:"):
                raise AuthError(f"the provider's {name} is not https")
        return provider

    async def _document(self, url: str, keep: float) -> dict[str, Any]:
        """A JSON document, that of up to `keep` seconds ago if there is one.

        Only URLs of configured issuers, and those that they name, get here.
        """
        fetched, document = _documents.get(url, (float("-inf"), {}))
        now = time.monotonic()
        if now - fetched > keep:
            response = await self.get_auth_http_client().fetch(url)
            document = json_decode(response.body)
            if not isinstance(document, dict):
                raise AuthError("the provider's document is not a JSON object")
            _documents[url] = (now, document)
        return document
