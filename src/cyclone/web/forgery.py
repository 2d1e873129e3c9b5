"""Signed cookies and protection against forged requests, as methods of handlers.

The rules are in `signing` and `xsrf`; here are the settings and the request they are applied to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cyclone._async import is_pending
from cyclone.escape import xhtml_escape

from . import signing, xsrf
from .errors import HTTPError

if TYPE_CHECKING:
    from cyclone.httputil import HTTPServerRequest
    from cyclone.util import ObjectDict

__all__ = ["ForgeryMethods", "check_request"]


class ForgeryMethods:
    """Methods of `RequestHandler`.

    Attributes:
        no_xsrf: changing requests are not checked for forgery (cyclone 1.x).
        xsrf_cookie_name: name of the field of a form that holds the token, and of the cookie
            (cyclone 1.x).  Setting ``xsrf_cookie_name`` names the cookie alone (Tornado).
    """

    no_xsrf: bool = False
    xsrf_cookie_name: str = "_xsrf"
    _xsrf_token: bytes  # not there at first: old handlers ask with hasattr()
    _raw_xsrf_token: xsrf.Token | None = None

    if TYPE_CHECKING:  # what they need of the class
        request: HTTPServerRequest

        @property
        def settings(self) -> ObjectDict: ...
        @property
        def current_user(self) -> Any: ...
        def require_setting(self, *args: Any, **kwargs: Any) -> None: ...
        def get_argument(self, *args: Any, **kwargs: Any) -> Any: ...
        def get_cookie(self, *args: Any, **kwargs: Any) -> Any: ...
        def set_cookie(self, *args: Any, **kwargs: Any) -> None: ...

    # -- signed cookies

    def create_signed_value(
        self, name: str, value: str | bytes, version: int | None = None
    ) -> bytes:
        """Sign a value that goes another way than by a cookie (Tornado, cyclone 1.x).

        Read it with ``get_signed_cookie(name, value)``.

        Args:
            version: the format, `signing.DEFAULT_SIGNED_VALUE_VERSION` by default.

        Raises:
            Exception: setting ``cookie_secret`` is missing, or ``key_version`` for several secrets.
            ValueError: see `signing.create_signed_value`.
        """
        secret = _secret(self)
        key_version = None
        if not isinstance(secret, str | bytes):
            key_version = self.settings.get("key_version")
            if key_version is None:
                raise Exception("The 'key_version' setting must say which cookie_secret signs")
        return signing.create_signed_value(
            secret, name, value, version=version, key_version=key_version
        )

    def set_signed_cookie(
        self,
        name: str,
        value: str | bytes,
        expires_days: float | None = 30,
        version: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Set a cookie that cannot be forged (Tornado; ``set_secure_cookie`` in cyclone 1.x).

        Its value can be read by whoever has it.  Setting ``cookie_secret`` signs.

        Args:
            value: any bytes, or text.
            expires_days: how long browsers keep it; None: until they are closed.
            version: see `create_signed_value`.
            kwargs: attributes as of `set_cookie`.  ``httponly=True`` and ``samesite="Lax"`` are
                wise for a cookie that stands for a user, and ``secure=True`` with https.

        Raises:
            Exception, ValueError: see `create_signed_value` and `set_cookie`.
        """
        signed = self.create_signed_value(name, value, version=version)
        self.set_cookie(name, signed, expires_days=expires_days, **kwargs)

    def get_signed_cookie(
        self,
        name: str,
        value: str | None = None,
        max_age_days: float = 31,
        min_version: int | None = None,
    ) -> bytes | None:
        """The value of a signed cookie of the request, None when it is not good.

        Tornado; ``get_secure_cookie`` in cyclone 1.x, whose cookies are read.

        Args:
            value: what to read instead of the cookie.
            max_age_days: the age in days up to which it is good.
            min_version: the oldest format that is; 2 refuses the weaker one of cyclone 1.x.

        Raises:
            Exception: setting ``cookie_secret`` is missing.
        """
        secret = _secret(self)
        if value is None:
            value = self.get_cookie(name)
        return signing.decode_signed_value(
            secret, name, value, max_age_days=max_age_days, min_version=min_version
        )

    def get_signed_cookie_key_version(self, name: str, value: str | None = None) -> int | None:
        """Which of several secrets a signed cookie names; None for none (Tornado).

        The signature is not checked here.

        Raises:
            Exception: setting ``cookie_secret`` is missing.
        """
        _secret(self)
        if value is None:
            value = self.get_cookie(name)
        return None if value is None else signing.get_signature_key_version(value)

    # The names of cyclone 1.x.
    set_secure_cookie = set_signed_cookie
    get_secure_cookie = get_signed_cookie
    get_secure_cookie_key_version = get_signed_cookie_key_version

    # -- forged requests

    @property
    def xsrf_token(self) -> bytes:
        """The token that forms carry back to us; the first use sets the cookie (Tornado).

        Setting ``xsrf_cookie_version`` is its format (2 by default, 1 is that of cyclone 1.x),
        ``xsrf_cookie_name`` the cookie's name (``_xsrf``), ``xsrf_cookie_kwargs`` its attributes.

        Raises:
            ValueError: there is no such format.
        """
        if not hasattr(self, "_xsrf_token"):
            secret = _expected(self)
            version = self.settings.get("xsrf_cookie_version", 2)
            self._xsrf_token = token = xsrf.encode_token(secret, version)
            if secret.version is None:
                attributes = dict(self.settings.get("xsrf_cookie_kwargs") or {})
                user = self.current_user
                if user and not is_pending(user):
                    attributes.setdefault("expires_days", 30)
                self.set_cookie(_cookie_name(self), token, **attributes)
        return self._xsrf_token

    def xsrf_form_html(self) -> str:
        """A hidden field with `xsrf_token`, for every form that is posted (Tornado, cyclone 1.x).

        In a template: ``{% module xsrf_form_html() %}``.
        """
        name, value = xhtml_escape(self.xsrf_cookie_name), xhtml_escape(self.xsrf_token)
        return f'<input type="hidden" name="{name}" value="{value}"/>'

    def check_xsrf_cookie(self) -> None:
        """Compare the token of the request with its cookie (Tornado, cyclone 1.x).

        The token comes as argument ``_xsrf``, or in field X-XSRFToken or X-CSRFToken.  When setting
        ``xsrf_cookies`` is on, this runs before ``prepare`` for methods other than GET, HEAD and
        OPTIONS, unless the handler has ``no_xsrf``.  A handler may override it to check nothing,
        or something else; not with a coroutine.

        Raises:
            HTTPError: 403, they do not match, or one is missing.
        """
        headers = self.request.headers
        given = (
            self.get_argument(self.xsrf_cookie_name, None)
            or headers.get("X-Xsrftoken")
            or headers.get("X-Csrftoken")
        )
        if not given:
            message = "%r argument missing from %s"
            raise HTTPError(403, message, self.xsrf_cookie_name, self.request.method)
        token = xsrf.parse_token(given)
        if token is None:
            raise HTTPError(403, "%r argument has invalid format", self.xsrf_cookie_name)
        if not xsrf.same_secret(token, _expected(self)):
            raise HTTPError(403, "XSRF cookie does not match %s argument", self.request.method)

    def check_trusted_origin(self, origin: str) -> bool:
        """Whether pages of another origin may make changing requests (Tornado 6.6).

        Asked before ``prepare``, with the field Origin (``"https://example.com"``), when setting
        ``cross_origin_protection`` is on and the request comes from elsewhere.  By default those of
        setting ``trusted_origins``, to the letter.  Not to be overridden with a coroutine.
        """
        trusted = self.settings.get("trusted_origins") or ()
        return origin == trusted if isinstance(trusted, str) else origin in trusted

    def cross_origin_problem(self) -> str | None:
        """Why the request comes from a page of an origin that is not trusted, None if it does not.

        Raises:
            RuntimeError: `check_trusted_origin` is asynchronous, so that it would check nothing.
        """
        request = self.request
        return xsrf.cross_origin_problem(
            request.headers.get, request.host, lambda origin: _trusts(self, origin)
        )


def check_request(handler: ForgeryMethods) -> None:
    """Refuse a changing request that a page of another site may have made, where that is asked for.

    Raises:
        HTTPError: 403.
        RuntimeError: a check of the application is asynchronous, so that it would check nothing.
    """
    settings = handler.settings
    if handler.no_xsrf:
        return
    if settings.get("xsrf_cookies"):
        check: Callable[[], Any] = handler.check_xsrf_cookie
        _refuse_pending(check(), "check_xsrf_cookie")
    if settings.get("cross_origin_protection"):
        problem = handler.cross_origin_problem()
        if problem is not None:
            raise HTTPError(403, problem)


def _trusts(handler: ForgeryMethods, origin: str) -> bool:
    verdict = handler.check_trusted_origin(origin)
    _refuse_pending(verdict, "check_trusted_origin")
    return bool(verdict)


def _refuse_pending(result: Any, name: str) -> None:
    """An awaitable is neither an exception nor false: unawaited it would let everybody in."""
    if is_pending(result):
        getattr(result, "close", lambda: None)()
        raise RuntimeError(f"{name}() must not be asynchronous")


def _expected(handler: ForgeryMethods) -> xsrf.Token:
    """The token of the request's cookie, or else a new one."""
    token = handler._raw_xsrf_token
    if token is None:
        cookie = handler.get_cookie(_cookie_name(handler))
        token = xsrf.parse_token(cookie) if cookie else None
        handler._raw_xsrf_token = token = token or xsrf.make_token()
    return token


def _cookie_name(handler: ForgeryMethods) -> str:
    own = handler.xsrf_cookie_name
    if own != ForgeryMethods.xsrf_cookie_name:
        return own
    return str(handler.settings.get("xsrf_cookie_name") or own)


def _secret(handler: ForgeryMethods) -> signing.CookieSecret:
    handler.require_setting("cookie_secret", "secure cookies")
    secret: signing.CookieSecret = handler.settings["cookie_secret"]
    return secret
