"""`OAuth2Mixin` (RFC 6749), and Google, Facebook and GitHub with it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import warnings
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from cyclone.escape import json_decode, utf8

from .base import AuthError, HandlerMixin, check_equal, code_challenge, either_style, with_query

__all__ = ["FacebookGraphMixin", "GithubMixin", "GoogleOAuth2Mixin", "OAuth2Mixin"]

_STATE = "_oauth_state"
_VERIFIER = "_oauth_verifier"


class OAuth2Mixin(HandlerMixin):
    """Send users to a service that speaks OAuth 2.0, and talk to it.

    Subclasses set ``_OAUTH_AUTHORIZE_URL`` and ``_OAUTH_ACCESS_TOKEN_URL``.  With
    ``_OAUTH_USE_STATE = True`` the answer of the service has to come through the browser that was
    sent there (RFC 6749 section 10.12): `authorize_redirect` sets a cookie, and `check_state` wants
    it back.  Tornado has no such thing; it is off where Tornado's names are used, and worth
    switching on.
    """

    _OAUTH_AUTHORIZE_URL: str
    _OAUTH_ACCESS_TOKEN_URL: str
    _OAUTH_USE_STATE = False
    _OAUTH_USE_PKCE = False

    def authorize_redirect(
        self,
        redirect_uri: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        extra_params: dict[str, Any] | None = None,
        scope: Iterable[str] | None = None,
        response_type: str = "code",
    ) -> None:
        """Send the user to the service, and finish the response.

        Args:
            redirect_uri: where the user comes back to.
            client_id: of this application.
            client_secret: without effect, deprecated.
            extra_params: more arguments for the service.
            scope: what is asked for.
            response_type: what the user comes back with.
        """
        if client_secret is not None:
            warnings.warn(
                "client_secret has no effect on authorize_redirect",
                DeprecationWarning,
                stacklevel=2,
            )
        args: dict[str, Any] = {"response_type": response_type}
        if redirect_uri is not None:
            args["redirect_uri"] = redirect_uri
        if client_id is not None:
            args["client_id"] = client_id
        args.update(extra_params or {})
        if scope:
            args["scope"] = " ".join(scope)
        if self._OAUTH_USE_STATE:
            args["state"] = state = secrets.token_urlsafe(32)
            self.set_auth_cookie(_STATE, state)
        if self._OAUTH_USE_PKCE:
            verifier = secrets.token_urlsafe(32)
            self.set_auth_cookie(_VERIFIER, verifier)
            args["code_challenge"] = code_challenge(verifier)
            args["code_challenge_method"] = "S256"
        self.redirect(with_query(self._OAUTH_AUTHORIZE_URL, args))

    def check_state(self) -> None:
        """Check that this browser was sent to the service by us; a state holds once.

        Raises:
            AuthError: it was not.
        """
        cookie = self.get_cookie(_STATE)
        if not cookie:
            raise AuthError("Missing OAuth state cookie")
        self.clear_cookie(_STATE)
        check_equal(cookie, self.get_argument("state", ""), "OAuth state does not match cookie")

    def _code_verifier(self) -> dict[str, str]:
        """The secret that belongs to the challenge, as an argument for the service; once."""
        if not self._OAUTH_USE_PKCE:
            return {}
        verifier = self.get_cookie(_VERIFIER)
        if not verifier:
            raise AuthError("Missing OAuth verifier cookie")
        self.clear_cookie(_VERIFIER)
        return {"code_verifier": verifier}

    def _oauth_request_token_url(
        self,
        redirect_uri: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        code: str | None = None,
        extra_params: dict[str, Any] | None = None,
    ) -> str:
        args = {
            "redirect_uri": redirect_uri,
            "code": code,
            "client_id": client_id,
            "client_secret": client_secret,
        }
        given = {name: value for name, value in args.items() if value is not None}
        return with_query(self._OAUTH_ACCESS_TOKEN_URL, {**given, **(extra_params or {})})

    @either_style
    async def exchange_code(
        self,
        redirect_uri: str,
        client_id: str,
        client_secret: str | None,
        code: str,
        extra_params: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The token for a user that has come back with a code (RFC 6749 section 4.1.3).

        Args:
            redirect_uri: the same that the user was sent there with.
            client_id: of this application.
            client_secret: of this application; None for a public client.
            code: the argument ``code``.
            extra_params: more arguments for the service.

        Returns:
            ``access_token`` and what else the service says.

        Raises:
            AuthError: there is no token, or the state is wrong.
            HTTPClientError: the service did not answer, or refused.
        """
        fields = {"redirect_uri": redirect_uri, "client_id": client_id, "code": code}
        if client_secret is not None:
            fields["client_secret"] = client_secret
        headers = {"Accept": "application/json"}
        return await self._exchange_code(
            headers, **fields, grant_type="authorization_code", **(extra_params or {})
        )

    @either_style
    async def oauth2_request(
        self,
        url: str,
        access_token: str | None = None,
        post_args: dict[str, Any] | None = None,
        **args: Any,
    ) -> Any:
        """Ask the service for something in the name of the user.

        Args:
            url: of the request.
            access_token: of the user.
            post_args: arguments of a POST.
            args: arguments in the query, sent if there is an access token.

        Returns:
            the answer, decoded from JSON.

        Raises:
            HTTPClientError: the service did not answer, or refused.
            ValueError: the answer is not JSON.
        """
        return await self._oauth2_request(url, access_token, post_args, args)

    async def _oauth2_request(
        self,
        url: str,
        access_token: str | None,
        post_args: dict[str, Any] | None,
        args: dict[str, Any],
    ) -> Any:
        if access_token:
            url = with_query(url, {"access_token": access_token, **args})
        client = self.get_auth_http_client()
        if post_args is None:
            response = await client.fetch(url)
        else:
            response = await client.fetch(url, method="POST", body=urlencode(post_args))
        return json_decode(response.body)

    async def _exchange_code(self, headers: dict[str, str], **fields: Any) -> dict[str, Any]:
        """Ask for the token that a code stands for (RFC 6749 section 4.1.3)."""
        if self._OAUTH_USE_STATE:
            self.check_state()
        body = urlencode({**fields, **self._code_verifier()})
        response = await self.get_auth_http_client().fetch(
            self._OAUTH_ACCESS_TOKEN_URL, method="POST", headers=headers, body=body
        )
        answer = json_decode(response.body)
        if not isinstance(answer, dict) or not answer.get("access_token"):
            raise AuthError("the service's answer holds no access token")
        return answer


class GoogleOAuth2Mixin(OAuth2Mixin):
    """Google accounts by OAuth 2.  `OIDCMixin` checks more, and works with Google as well.

    The setting ``google_oauth`` holds ``key`` and ``secret``.
    """

    _OAUTH_AUTHORIZE_URL = "https://accounts.google.com/o/oauth2/v2/auth"
    _OAUTH_ACCESS_TOKEN_URL = "https://www.googleapis.com/oauth2/v4/token"
    _OAUTH_USERINFO_URL = "https://www.googleapis.com/oauth2/v1/userinfo"
    _OAUTH_NO_CALLBACKS = False
    _OAUTH_SETTINGS_KEY = "google_oauth"

    def get_google_oauth_settings(self) -> dict[str, str]:
        """``key`` and ``secret`` of this application; may be overridden."""
        settings: dict[str, str] = self.settings[self._OAUTH_SETTINGS_KEY]
        return settings

    @either_style
    async def get_authenticated_user(
        self,
        redirect_uri: str,
        code: str,
        client_id: str | None = None,
        client_secret: str | None = None,
    ) -> dict[str, Any]:
        """The token for a user that has come back from Google with a code.

        Args:
            redirect_uri: the same that the user was sent there with.
            code: the argument ``code``.
            client_id: of this application; default that of the settings.
            client_secret: of this application; default that of the settings.

        Returns:
            ``access_token`` and what else Google says.  Who the user is tells `oauth2_request` of
            ``_OAUTH_USERINFO_URL``.

        Raises:
            AuthError: there is no token, or the state is wrong.
            HTTPClientError: Google did not answer, or refused.
        """
        if client_id is None or client_secret is None:
            settings = self.get_google_oauth_settings()
            client_id = settings["key"] if client_id is None else client_id
            client_secret = settings["secret"] if client_secret is None else client_secret
        return await self._exchange_code(
            {"Content-Type": "application/x-www-form-urlencoded"},
            redirect_uri=redirect_uri,
            code=code,
            client_id=client_id,
            client_secret=client_secret,
            grant_type="authorization_code",
        )


class FacebookGraphMixin(OAuth2Mixin):
    """Facebook accounts, by its Graph API."""

    _OAUTH_ACCESS_TOKEN_URL = "https://graph.facebook.com/oauth/access_token?"
    _OAUTH_AUTHORIZE_URL = "https://www.facebook.com/dialog/oauth?"
    _OAUTH_NO_CALLBACKS = False
    _FACEBOOK_BASE_URL = "https://graph.facebook.com"

    @either_style
    async def get_authenticated_user(
        self,
        redirect_uri: str,
        client_id: str,
        client_secret: str,
        code: str,
        extra_fields: Iterable[str] | None = None,
    ) -> dict[str, Any] | None:
        """The user that has come back from Facebook with a code.

        Args:
            redirect_uri: the same that the user was sent there with.
            client_id: of this application.
            client_secret: of this application.
            code: the argument ``code``.
            extra_fields: names of more fields of the user to ask for.

        Returns:
            ``access_token``, ``session_expires`` (seconds, as text) and the fields of the user,
            or None if there is no such user.

        Raises:
            AuthError: there is no token, or the state is wrong.
            HTTPClientError: Facebook did not answer, or refused.
        """
        if self._OAUTH_USE_STATE:
            self.check_state()
        fields = {"id", "name", "first_name", "last_name", "locale", "picture", "link"}
        fields.update(extra_fields or ())
        url = self._oauth_request_token_url(
            redirect_uri, client_id, client_secret, code, self._code_verifier()
        )
        response = await self.get_auth_http_client().fetch(url)
        session = json_decode(response.body)
        token = session.get("access_token")
        if not token:
            raise AuthError("the service's answer holds no access token")
        proof = hmac.new(utf8(client_secret), utf8(token), hashlib.sha256).hexdigest()
        user = await self.facebook_request(
            "/me", access_token=token, appsecret_proof=proof, fields=",".join(sorted(fields))
        )
        if user is None:
            return None
        found = {name: user.get(name) for name in fields}
        found.update(access_token=token, session_expires=str(session.get("expires_in")))
        return found

    @either_style
    async def facebook_request(
        self,
        path: str,
        access_token: str | None = None,
        post_args: dict[str, Any] | None = None,
        **args: Any,
    ) -> Any:
        """`oauth2_request` of a path below the Graph API, such as ``/me``."""
        return await self._oauth2_request(
            self._FACEBOOK_BASE_URL + path, access_token, post_args, args
        )


class GithubMixin(OAuth2Mixin):
    """GitHub accounts (cyclone 1.x).  The state is checked."""

    _OAUTH_ACCESS_TOKEN_URL = "https://github.com/login/oauth/access_token"
    _OAUTH_AUTHORIZE_URL = "https://github.com/login/oauth/authorize"
    _OAUTH_USE_STATE = True
    _GITHUB_BASE_URL = "https://api.github.com"

    @either_style
    async def get_authenticated_user(
        self,
        redirect_uri: str,
        client_id: str,
        client_secret: str,
        code: str,
        extra_fields: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        """The user that has come back from GitHub with a code.

        Args:
            redirect_uri: the same that the user was sent there with.
            client_id: of this application.
            client_secret: of this application.
            code: the argument ``code``.
            extra_fields: names of more fields of the user to keep.

        Returns:
            ``access_token``, ``id``, ``login``, ``name``, ``email``, ``avatar_url`` and
            ``html_url``, and the extra fields.

        Raises:
            AuthError: there is no token, or the state is wrong.
            HTTPClientError: GitHub did not answer, or refused.
        """
        answer = await self._exchange_code(
            {"Accept": "application/json"},
            redirect_uri=redirect_uri,
            client_id=client_id,
            client_secret=client_secret,
            code=code,
        )
        token = answer["access_token"]
        user = await self.github_request("/user", access_token=token)
        names = {"id", "login", "name", "email", "avatar_url", "html_url", *(extra_fields or ())}
        return {**{name: user.get(name) for name in names}, "access_token": token}

    @either_style
    async def github_request(
        self,
        path: str,
        access_token: str | None = None,
        method: str = "GET",
        body: str | bytes | None = None,
        **args: Any,
    ) -> Any:
        """Ask GitHub's API.

        Args:
            path: such as ``/user/repos``.
            access_token: of the user; goes into a header field.
            method: of the request.
            body: its body, JSON.
            args: arguments in the query.

        Returns:
            the answer, decoded from JSON; None if it is empty.
        """
        headers = {"Accept": "application/vnd.github+json"}
        if access_token:
            headers["Authorization"] = f"Bearer {access_token}"
        response = await self.get_auth_http_client().fetch(
            with_query(self._GITHUB_BASE_URL + path, args),
            method=method,
            headers=headers,
            body=body,
        )
        return json_decode(response.body) if response.body else None
