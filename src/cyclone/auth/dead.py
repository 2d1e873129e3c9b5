"""Names of cyclone 1.x for services that have been shut down."""

from __future__ import annotations

from typing import Any, NoReturn

from .base import AuthError, HandlerMixin

__all__ = ["FacebookMixin", "FriendFeedMixin", "GoogleMixin"]


class _Gone(HandlerMixin):
    """Every method says what to use instead."""

    _INSTEAD: str

    def _gone(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AuthError(f"{self._INSTEAD}")

    authorize_redirect = authenticate_redirect = get_authenticated_user = _gone


class GoogleMixin(_Gone):
    """Google's OpenID 2.0 login, shut down in 2015: every call raises `AuthError`."""

    _INSTEAD = "Google has ended OpenID 2.0: use OIDCMixin or GoogleOAuth2Mixin"


class FriendFeedMixin(_Gone):
    """FriendFeed, shut down in 2015: every call raises `AuthError`."""

    _INSTEAD = "FriendFeed has been shut down"

    friendfeed_request = _Gone._gone


class FacebookMixin(_Gone):
    """Facebook's login before the Graph API: every call raises `AuthError`."""

    _INSTEAD = "Facebook has ended its old API: use FacebookGraphMixin"

    facebook_request = _Gone._gone
