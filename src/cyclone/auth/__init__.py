"""Log users in by other services: mixins for `RequestHandler`.

>>> class Login(RequestHandler, OIDCMixin):  # doctest: +SKIP
...     async def get(self):
...         if self.get_argument("code", None):
...             user = await self.get_authenticated_user()
...             self.set_signed_cookie("user", user["sub"])
...             self.redirect("/")
...         else:
...             await self.authorize_redirect()

`OIDCMixin` is for every provider of OpenID Connect and checks what there is to check.  The others
have Tornado's names (`OAuthMixin`, `OAuth2Mixin`, `GoogleOAuth2Mixin`, `FacebookGraphMixin`,
`TwitterMixin`, `OpenIdMixin`) and cyclone 1.x's (`GithubMixin`).  What Tornado's names leave out
can be switched on: see `OAuth2Mixin`.

Methods that ask a service return Deferreds, which coroutines may await, and take a callback as in
cyclone 1.x.  `get_auth_http_client` can be overridden.
"""

from __future__ import annotations

from .base import AuthError
from .dead import FacebookMixin, FriendFeedMixin, GoogleMixin
from .oauth1 import OAuthMixin, TwitterMixin
from .oauth2 import FacebookGraphMixin, GithubMixin, GoogleOAuth2Mixin, OAuth2Mixin
from .oidc import OIDCMixin
from .openid import OpenIdMixin

__all__ = [
    "AuthError",
    "FacebookGraphMixin",
    "FacebookMixin",
    "FriendFeedMixin",
    "GithubMixin",
    "GoogleMixin",
    "GoogleOAuth2Mixin",
    "OAuth2Mixin",
    "OAuthMixin",
    "OIDCMixin",
    "OpenIdMixin",
    "TwitterMixin",
]
