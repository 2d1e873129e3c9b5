"""`OAuthMixin`: OAuth 1.0 and 1.0a (RFC 5849), and Twitter with it."""

from __future__ import annotations

import binascii
import secrets
import time
from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin

from twisted.internet.defer import Deferred

from cyclone._async import settle
from cyclone.escape import json_decode, to_unicode, utf8

from .base import AuthError, HandlerMixin, check_equal, either_style, with_query
from .signing import signature

__all__ = ["OAuthMixin", "TwitterMixin"]

_COOKIE = "_oauth_request_token"


class OAuthMixin(HandlerMixin):
    """Log users in with a service that speaks OAuth 1.0 or 1.0a.

    The handler that users come back to calls `get_authenticated_user` when there is an
    ``oauth_token`` argument, else `authorize_redirect`.

    Subclasses set ``_OAUTH_REQUEST_TOKEN_URL``, ``_OAUTH_AUTHORIZE_URL``,
    ``_OAUTH_ACCESS_TOKEN_URL``, perhaps ``_OAUTH_VERSION`` ("1.0a" or "1.0") and
    ``_OAUTH_NO_CALLBACKS`` (the service wants callback URLs to be registered), and override
    `_oauth_consumer_token` and `_oauth_get_user_future`.
    """

    _OAUTH_REQUEST_TOKEN_URL: str
    _OAUTH_AUTHORIZE_URL: str
    _OAUTH_ACCESS_TOKEN_URL: str
    _OAUTH_VERSION = "1.0a"
    _OAUTH_NO_CALLBACKS = False

    @either_style
    async def authorize_redirect(
        self,
        callback_uri: str | None = None,
        extra_params: dict[str, Any] | None = None,
        http_client: Any = None,
    ) -> None:
        """Send the user to the service.  Has to be awaited, and finishes the response.

        Args:
            callback_uri: where the user comes back to; "oob" to have the URL written out; None if
                it is registered with the service.
            extra_params: more arguments for the request for a token (1.0a).
            http_client: the client to use.

        Raises:
            ValueError: the service does not let the callback be chosen.
            AuthError: its answer cannot be understood.
            HTTPClientError: there was none, or it was an error.
        """
        await self._authorize(self._OAUTH_AUTHORIZE_URL, callback_uri, extra_params, http_client)

    async def _authorize(
        self,
        authorize_url: str,
        callback_uri: str | None,
        extra_params: dict[str, Any] | None,
        http_client: Any,
    ) -> None:
        if callback_uri and self._OAUTH_NO_CALLBACKS:
            raise ValueError("this service does not support oauth_callback")
        client = http_client or self.get_auth_http_client()
        url = self._oauth_request_token_url(callback_uri, extra_params)
        response = await client.fetch(url)
        self._on_request_token(authorize_url, callback_uri, response)

    @either_style
    async def get_authenticated_user(self, http_client: Any = None) -> dict[str, Any]:
        """The user that has come back from the service.

        Returns:
            what `_oauth_get_user_future` says, and ``access_token``.

        Raises:
            AuthError: this browser was not sent to the service by us, or there is no such user.
            HTTPClientError: the service did not answer, or refused.
        """
        key = self.get_argument("oauth_token")
        verifier = self.get_argument("oauth_verifier", None)
        cookie = self.get_cookie(_COOKIE)
        if not cookie:
            raise AuthError("Missing OAuth request token cookie")
        self.clear_cookie(_COOKIE)
        try:
            cookie_key, secret = (b64decode(part, validate=True) for part in cookie.split("|"))
        except (ValueError, binascii.Error):
            raise AuthError("Malformed OAuth request token cookie") from None
        check_equal(cookie_key, key, "Request token does not match cookie")
        token: dict[str, Any] = {"key": cookie_key, "secret": secret}
        if verifier:
            token["verifier"] = verifier
        client = http_client or self.get_auth_http_client()
        response = await client.fetch(self._oauth_access_token_url(token))
        access_token = _parse_token(response.body)
        user = await self._user(access_token)
        if not user:
            raise AuthError("Error getting user")
        user["access_token"] = access_token
        return user

    async def _user(self, access_token: dict[str, Any]) -> dict[str, Any] | None:
        older = getattr(self, "_oauth_get_user", None)
        if older is None:
            user: dict[str, Any] | None = await settle(self._oauth_get_user_future(access_token))
            return user
        # cyclone 1.x: a method that is given a callback.
        called: Deferred[Any] = Deferred()
        older(access_token, called.callback)
        found: dict[str, Any] | None = await called
        return found

    # -- for subclasses

    def _oauth_consumer_token(self) -> dict[str, Any]:
        """To be overridden: ``key`` and ``secret`` of this application."""
        raise NotImplementedError

    def _oauth_get_user_future(self, access_token: dict[str, Any]) -> Any:
        """To be overridden: what is known of the user, as a dict; may be a coroutine.

        cyclone 1.x's ``_oauth_get_user(access_token, callback)`` will do, too.
        """
        raise NotImplementedError

    def _oauth_request_parameters(
        self,
        url: str,
        access_token: dict[str, Any],
        parameters: dict[str, Any] | None = None,
        method: str = "GET",
    ) -> dict[str, Any]:
        """The OAuth parameters for a request to the service.

        Args:
            url: of the request.
            access_token: ``key`` and ``secret`` of the user's token.
            parameters: all others that are sent, in the query or the body.
            method: of the request.
        """
        base = self._base_parameters()
        base["oauth_token"] = to_unicode(access_token["key"])
        signed = {**base, **(parameters or {})}
        base["oauth_signature"] = self._sign(method, url, signed, access_token)
        return base

    # -- requests

    def _base_parameters(self) -> dict[str, Any]:
        return {
            "oauth_consumer_key": to_unicode(self._oauth_consumer_token()["key"]),
            "oauth_signature_method": "HMAC-SHA1",
            "oauth_timestamp": str(int(time.time())),
            "oauth_nonce": secrets.token_hex(16),
            "oauth_version": "1.0",
        }

    def _sign(
        self, method: str, url: str, parameters: dict[str, Any], token: dict[str, Any] | None
    ) -> str:
        return signature(
            self._oauth_consumer_token()["secret"],
            token["secret"] if token else "",
            method,
            url,
            parameters,
            encode_secrets=self._OAUTH_VERSION == "1.0a",
        )

    def _oauth_request_token_url(
        self, callback_uri: str | None = None, extra_params: dict[str, Any] | None = None
    ) -> str:
        args = self._base_parameters()
        if self._OAUTH_VERSION == "1.0a":
            if callback_uri == "oob":
                args["oauth_callback"] = "oob"
            elif callback_uri:
                args["oauth_callback"] = urljoin(self.request.full_url(), callback_uri)
            args.update(extra_params or {})
        url = self._OAUTH_REQUEST_TOKEN_URL
        args["oauth_signature"] = self._sign("GET", url, args, None)
        return with_query(url, args)

    def _on_request_token(
        self, authorize_url: str, callback_uri: str | None, response: Any
    ) -> None:
        token = _parse_token(response.body)
        cookie = b"|".join([b64encode(utf8(token["key"])), b64encode(utf8(token["secret"]))])
        self.set_auth_cookie(_COOKIE, cookie)
        args = {"oauth_token": token["key"]}
        if callback_uri == "oob":
            self.finish(f"{authorize_url}?{urlencode(args)}")
            return
        if callback_uri:
            args["oauth_callback"] = urljoin(self.request.full_url(), callback_uri)
        self.redirect(with_query(authorize_url, args))

    def _oauth_access_token_url(self, request_token: dict[str, Any]) -> str:
        args = self._base_parameters()
        args["oauth_token"] = to_unicode(request_token["key"])
        if "verifier" in request_token:
            args["oauth_verifier"] = request_token["verifier"]
        url = self._OAUTH_ACCESS_TOKEN_URL
        args["oauth_signature"] = self._sign("GET", url, args, request_token)
        return with_query(url, args)


def _parse_token(body: bytes) -> dict[str, Any]:
    """The token in an answer; other fields are kept under their names.

    Raises:
        AuthError: there is none.
    """
    try:
        fields = {name: values[0] for name, values in parse_qs(to_unicode(body)).items()}
        return {
            "key": fields.pop("oauth_token"),
            "secret": fields.pop("oauth_token_secret"),
            **fields,
        }
    except (KeyError, ValueError):
        raise AuthError("the service's answer holds no token") from None


class TwitterMixin(OAuthMixin):
    """Log users in with Twitter's API 1.1, which Tornado deprecates and Twitter restricts.

    The settings ``twitter_consumer_key`` and ``twitter_consumer_secret`` are needed.
    """

    _OAUTH_REQUEST_TOKEN_URL = "https://api.twitter.com/oauth/request_token"
    _OAUTH_ACCESS_TOKEN_URL = "https://api.twitter.com/oauth/access_token"
    _OAUTH_AUTHORIZE_URL = "https://api.twitter.com/oauth/authorize"
    _OAUTH_AUTHENTICATE_URL = "https://api.twitter.com/oauth/authenticate"
    _TWITTER_BASE_URL = "https://api.twitter.com/1.1"

    @either_style
    async def authenticate_redirect(self, callback_uri: str | None = None) -> None:
        """As `authorize_redirect`, without asking those who have agreed before."""
        await self._authorize(self._OAUTH_AUTHENTICATE_URL, callback_uri, None, None)

    @either_style
    async def twitter_request(
        self,
        path: str,
        access_token: dict[str, Any] | None = None,
        post_args: dict[str, Any] | None = None,
        **args: Any,
    ) -> Any:
        """Call a method of the API.

        Args:
            path: such as ``/users/show/twitter``, or a whole URL.
            access_token: of the user.
            post_args: arguments of a POST.
            args: arguments in the query.

        Returns:
            the answer, decoded from JSON.
        """
        url = (
            path
            if path.startswith(("http:", "https:"))
            else self._TWITTER_BASE_URL + path + ".json"
        )
        if access_token:
            sent = {**args, **(post_args or {})}
            method = "GET" if post_args is None else "POST"
            args.update(self._oauth_request_parameters(url, access_token, sent, method=method))
        url = with_query(url, args)
        client = self.get_auth_http_client()
        if post_args is None:
            response = await client.fetch(url)
        else:
            response = await client.fetch(url, method="POST", body=urlencode(post_args))
        return json_decode(response.body)

    def _oauth_consumer_token(self) -> dict[str, Any]:
        return {
            "key": self.settings["twitter_consumer_key"],
            "secret": self.settings["twitter_consumer_secret"],
        }

    async def _oauth_get_user_future(self, access_token: dict[str, Any]) -> dict[str, Any] | None:
        user: dict[str, Any] | None = await self.twitter_request(
            "/account/verify_credentials", access_token=access_token
        )
        if user:
            user["username"] = user["screen_name"]
        return user
