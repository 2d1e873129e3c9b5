"""`HTTPAuth`: schemes, a realm and a limit together; decorators and mixins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from cyclone._async import as_deferred, resolve
from cyclone.log import app_log
from cyclone.web import HTTPAuthenticationRequired, HTTPError, RequestHandler, preceded

from .accounts import Login
from .digesting import Digest
from .limiting import FailureLimit, TooManyFailures
from .passwords import Basic
from .scheme import Refused, Scheme
from .syntax import Credentials, MalformedCredentials, parse_authorization

__all__ = ["HTTPAuth", "HTTPAuthMixin", "ProtectedMixin", "Unauthenticated", "basic", "digest"]

_Method = TypeVar("_Method", bound=Callable[..., Any])


class Unauthenticated(HTTPAuthenticationRequired):
    """The request needs other credentials: 401 with one or more challenges.

    Attributes:
        challenges: the values of the WWW-Authenticate fields.
    """

    def __init__(self, challenges: list[str], log_message: str | None = None) -> None:
        HTTPError.__init__(self, 401, log_message)
        self.challenges = challenges
        self.auth_type = challenges[0].partition(" ")[0]
        self.kwargs = {}
        self.headers = {"WWW-Authenticate": challenges}


class HTTPAuth:
    """Who may make a request, by what the Authorization field says.

    It decorates methods of handlers::

        auth = HTTPAuth(Digest(users), Basic(users), realm="Site")

        class Handler(RequestHandler):
            @auth
            def get(self):
                self.write(f"Hello, {self.current_user}")

    Without good credentials the method is not called: the response is 401 with a challenge for each
    scheme and algorithm, the strongest first; 400 for credentials that are malformed; 429 with
    Retry-After where `limit` says so.

    Args:
        schemes: `Digest`, `Basic` or both.
        realm: what browsers show; stored hashes of Digest belong to it.
        limit: of failures; None for none.

    Raises:
        ValueError: no scheme, one twice, or a realm that cannot be sent.
    """

    def __init__(
        self,
        *schemes: Scheme,
        realm: str = "Restricted Access",
        limit: FailureLimit | None = None,
    ) -> None:
        self._schemes = {scheme.name: scheme for scheme in schemes}
        if not schemes or len(self._schemes) != len(schemes):
            raise ValueError("HTTPAuth takes at least one scheme, each once")
        if not realm.isascii() or not realm.isprintable():
            raise ValueError(f"a realm is printable ASCII text, not {realm!r}")
        self.realm = realm
        self.limit = limit

    def __call__(self, method: _Method) -> _Method:
        """Decorate a method: it is called with good credentials only; sets ``current_user``."""
        return preceded(method, self._precede)

    def _precede(self, handler: Any) -> bool | Deferred[Any]:
        return as_deferred(self._admit(handler)) or False

    async def _admit(self, handler: Any) -> bool:
        login = await self.log_in(handler)
        handler.current_user = login.user
        return False

    async def log_in(self, handler: RequestHandler) -> Login:
        """Check the credentials of a request; once, however often it is called.

        Raises:
            HTTPError: 401 (`Unauthenticated`), 400 or 429.
        """
        known: dict[HTTPAuth, Login] | None = getattr(handler, "http_logins", None)
        if known is None:
            known = handler.http_logins = {}  # type: ignore[attr-defined]
        if self not in known:
            known[self] = login = await self._check(handler)
            for name, value in login.fields.items():
                handler.set_header(name, value)
            if login.logout is not None:
                _when_done(handler, login.logout)
        return known[self]

    async def log_out(self, handler: RequestHandler) -> None:
        """Have the browser ask for the password with its next request.

        With Digest the nonce of the request is refused from then on, by this process.  With Basic
        nothing can be done: browsers send the password for as long as they are open.

        Raises:
            HTTPError: the request has no good credentials; see `log_in`.
        """
        login = await self.log_in(handler)
        self._schemes[login.scheme.lower()].log_out(login)

    def has_credentials(self, handler: RequestHandler) -> bool:
        """Whether the request has an Authorization field."""
        return "Authorization" in handler.request.headers

    def challenge(
        self, handler: RequestHandler, log_message: str | None = None, *, stale: bool = False
    ) -> Unauthenticated:
        """The exception that asks for credentials.

        Args:
            stale: those that came were right, but for the nonce; browsers then do not ask anybody.
        """
        body = bool(getattr(handler.request.connection, "body_complete", True))
        challenges = [
            challenge
            for scheme in self._schemes.values()
            for challenge in scheme.challenges(self.realm, stale=stale, body=body)
        ]
        return Unauthenticated([each.text for each in sorted(challenges)], log_message)

    async def _check(self, handler: RequestHandler) -> Login:
        scheme, credentials = self._credentials(handler)
        try:
            message = scheme.read(credentials)
            if self.limit is None:
                return await scheme.verify(message, handler.request, self.realm)
            with self.limit.attempt(handler.request.remote_ip, message.username) as attempt:
                try:
                    return await scheme.verify(message, handler.request, self.realm)
                except Refused as refused:
                    if not refused.right:
                        attempt.fail()
                    raise
        except MalformedCredentials as error:
            raise HTTPError(400, str(error)) from None
        except TooManyFailures as error:
            raise _too_many(error) from None
        except Refused as refused:
            if self.limit is not None and self.limit.delay and not refused.right:
                await _delay(handler, self.limit)
            raise self.challenge(handler, str(refused), stale=refused.stale) from None

    def _credentials(self, handler: RequestHandler) -> tuple[Scheme, Credentials]:
        """The scheme that the client has chosen, and its credentials.

        Raises:
            HTTPError: 401 when there are none, 400 when they cannot be read.
        """
        fields = handler.request.headers.get_list("Authorization")
        if not fields:
            raise self.challenge(handler)
        if len(fields) > 1:
            raise HTTPError(400, "there is more than one Authorization field")
        scheme = self._schemes.get(fields[0].strip(" \t").partition(" ")[0].lower())
        if scheme is None:
            raise self.challenge(handler, "credentials of a scheme that was not offered")
        try:
            return scheme, parse_authorization(fields[0])
        except MalformedCredentials as error:
            raise HTTPError(400, str(error)) from None


class HTTPAuthMixin:
    """A mixin for handlers whose ``current_user`` is who has logged in by HTTP authentication.

    Put it before `RequestHandler`.  ``@authenticated`` then answers 401 in place of a redirect, and
    so does whatever else asks for ``current_user`` (``await self.current_user``).

    Attributes:
        http_auth: the `HTTPAuth`.
        http_auth_optional: requests without credentials are served, ``current_user`` None; those
            with wrong ones are answered with 401 all the same.
    """

    http_auth: HTTPAuth
    http_auth_optional: bool = False

    async def get_current_user(self) -> Any:
        """Who has logged in."""
        handler: Any = self
        if self.http_auth_optional and not self.http_auth.has_credentials(handler):
            return None
        return (await self.http_auth.log_in(handler)).user


class ProtectedMixin(HTTPAuthMixin):
    """A mixin for handlers all of whose requests need credentials.

    Put it before `RequestHandler`, or before `StaticFileHandler`.  They are checked in ``prepare``,
    before what the class itself does there if that calls ``await super().prepare()`` first.
    """

    async def prepare(self) -> None:
        """Let in who has good credentials."""
        handler: Any = self
        user = await self.get_current_user()
        handler.current_user = user
        inherited = as_deferred(super().prepare())  # type: ignore[misc]
        if inherited is not None:
            await inherited


def basic(
    check: Any, realm: str = "Restricted Access", *, limit: FailureLimit | None = None
) -> HTTPAuth:
    """A decorator that asks for Basic: ``@basic(check)``.  See `Basic` and `HTTPAuth`."""
    return HTTPAuth(Basic(check), realm=realm, limit=limit)


def digest(
    find: Any,
    realm: str = "Restricted Access",
    *,
    limit: FailureLimit | None = None,
    **options: Any,
) -> HTTPAuth:
    """A decorator that asks for Digest: ``@digest(find)``.

    Args:
        options: of `Digest`.
    """
    return HTTPAuth(Digest(find, **options), realm=realm, limit=limit)


def _too_many(error: TooManyFailures) -> HTTPError:
    headers = {"Retry-After": str(error.retry_after)}
    return HTTPError(429, "%s", str(error), headers=headers)


async def _delay(handler: RequestHandler, limit: FailureLimit) -> None:
    """Let whoever has failed wait for the answer."""
    if limit.delayed >= limit.max_delayed:
        raise _too_many(TooManyFailures(max(1, round(limit.delay))))
    limit.delayed += 1
    try:
        pause: Deferred[None] = Deferred(lambda _: call.cancel())
        call = handler.application.clock.callLater(limit.delay, pause.callback, None)
        await pause
    finally:
        limit.delayed -= 1


def _when_done(handler: RequestHandler, logout: Callable[[], Any]) -> None:
    """Call `logout` when the request has ended in any way."""

    def log_out() -> None:
        try:
            resolve(logout(), lambda _: None, _cannot_log_out)
        except Exception as error:
            _cannot_log_out(error)

    # Connections of others may know Tornado's interface only.
    when_done = getattr(handler.request.connection, "when_done", None)
    if when_done is None:
        log_out()
    else:
        when_done(log_out)


def _cannot_log_out(error: BaseException) -> None:
    app_log.error("Uncaught exception in the logout of an avatar", exc_info=error)
