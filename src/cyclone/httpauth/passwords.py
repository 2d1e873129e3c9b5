"""The scheme Basic (RFC 7617)."""

from __future__ import annotations

import hmac
import os
import time
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
        remember: seconds for which a right password is not checked again: browsers send it with
            every request, and a good check takes its time.  For so long a password that has been
            changed is still good.  Kept is a keyed hash.  Not for portals.
        max_remembered: passwords that are remembered.
        clock: tells the time in seconds, for `remember`.

    Raises:
        TypeError: `check` is none of these.
        ValueError: a checker or portal that takes no passwords.
    """

    name = "basic"

    def __init__(
        self,
        check: Any,
        *interfaces: Any,
        remember: float = 0,
        max_remembered: int = 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        accounts = cred_accounts(check, interfaces, "Basic")
        function = accounts.check if accounts else getattr(check, "check", check)
        if not callable(function):
            raise TypeError(f"Basic takes a function, Users or a checker, not {check!r}")
        self._check: Callable[[str, str], Any] = function
        self._remember = remember
        self._max = max_remembered
        self._clock = clock
        self._key = os.urandom(32)
        self._known: dict[bytes, tuple[float, Any]] = {}

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
        name = self._name_of(message)
        ends, user = self._known.get(name, (0.0, None))
        if self._clock() < ends:
            return Login(user, message.username, "Basic")
        user = await settle(self._check(message.username, message.password))
        if isinstance(user, Login):
            if user.logout is not None:
                return user
            user = user.user
        if user is True:
            user = message.username
        if not user:
            raise Refused(f"wrong password for {message.username!r}")
        if self._remember:
            self._known.pop(name, None)
            while len(self._known) >= self._max:
                del self._known[next(iter(self._known))]
            self._known[name] = (self._clock() + self._remember, user)
        return Login(user, message.username, "Basic")

    def _name_of(self, message: BasicMessage) -> bytes:
        """What name and password are remembered under."""
        if not self._remember:
            return b""
        text = f"{message.username}:{message.password}"
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")

    def log_out(self, login: Login) -> None:
        """Do nothing: browsers send a password for as long as they are open."""
