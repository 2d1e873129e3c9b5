"""The scheme Basic (RFC 7617)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cyclone._async import settle
from cyclone.httputil import HTTPServerRequest

from .accounts import Login, cred_accounts
from .messages import BasicMessage, read_basic
from .scheme import Challenge, Refused
from .syntax import Credentials, format_parameters, quoted

__all__ = ["Basic"]

#: The strength of the scheme: below that of every Digest.
_STRENGTH = 100


class Basic:
    """User name and password in clear (RFC 7617): for encrypted connections.

    Args:
        check: one of

            * a callable ``check(username, password)``, which may be asynchronous.  It returns what
              becomes ``current_user``, True for the name itself, and None or False when the
              password is wrong.  It should take the same time whether there is such a user or not.
            * `Users`, or anything else with such a method ``check``.
            * a checker or portal of `twisted.cred` that takes `IUsernamePassword`.
        interfaces: what the avatar of a portal is asked to be.

    Raises:
        TypeError: `check` is none of these.
        ValueError: a checker or portal that takes no passwords.
    """

    name = "basic"

    def __init__(self, check: Any, *interfaces: Any) -> None:
        accounts = cred_accounts(check, interfaces, "Basic")
        function = accounts.check if accounts else getattr(check, "check", check)
        if not callable(function):
            raise TypeError(f"Basic takes a function, Users or a checker, not {check!r}")
        self._check: Callable[[str, str], Any] = function

    def challenges(self, realm: str, *, stale: bool = False, body: bool = True) -> list[Challenge]:
        """What a 401 response says of this scheme."""
        parameters = format_parameters({"realm": quoted(realm), "charset": '"UTF-8"'})
        return [Challenge(_STRENGTH, f"Basic {parameters}")]

    def read(self, credentials: Credentials) -> BasicMessage:
        """Read credentials.

        Raises:
            MalformedCredentials: they are not of this scheme's form.
        """
        return read_basic(credentials)

    async def verify(self, message: BasicMessage, request: HTTPServerRequest, realm: str) -> Login:
        """Check credentials.

        Raises:
            Refused: they are wrong.
        """
        user = await settle(self._check(message.username, message.password))
        if isinstance(user, Login):
            return user
        if user is True:
            user = message.username
        if not user:
            raise Refused(f"wrong password for {message.username!r}")
        return Login(user, message.username, "Basic")

    def log_out(self, login: Login) -> None:
        """Do nothing: browsers send a password for as long as they are open."""
