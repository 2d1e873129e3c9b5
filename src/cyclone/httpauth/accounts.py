"""Who may log in: users in memory, and what `twisted.cred` has."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from unicodedata import normalize

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import (
    IUsernameDigestHash,
    IUsernameHashedPassword,
    IUsernamePassword,
    UsernamePassword,
)
from twisted.cred.error import LoginFailed, Unauthorized
from twisted.cred.portal import Portal
from zope.interface import Interface, implementer

from cyclone._async import settle

from .algorithms import user_hash

__all__ = ["CredAccounts", "DigestedPassword", "Login", "Users", "cred_accounts", "is_same"]


def is_same(left: str, right: str) -> bool:
    """Compare two secrets in a time that tells nothing about them, their lengths included."""
    key = os.urandom(16)
    one, other = (
        hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256") for text in (left, right)
    )
    return hmac.compare_digest(one, other)


@dataclass
class Login:
    """Somebody who has logged in.

    Attributes:
        user: what becomes ``current_user``.
        username: the name that was given.
        scheme: ``Basic`` or ``Digest``.
        fields: header fields for the response.
        logout: to be called when the request has ended, None for nothing.
        logged_in_with: the nonce of Digest.
    """

    user: Any
    username: str
    scheme: str
    fields: dict[str, str] = field(default_factory=dict)
    logout: Callable[[], Any] | None = None
    logged_in_with: str = ""


class Users:
    """Users with their passwords, in memory, for Basic and Digest.

    Args:
        passwords: by user name.  The mapping is copied.
    """

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = {
            normalize("NFC", name): normalize("NFC", password)
            for name, password in passwords.items()
        }
        self._nobodys = os.urandom(16).hex()
        self._hashed: dict[tuple[str, str], dict[str, str]] = {}

    def check(self, username: str, password: str) -> str | None:
        """The user's name when the password is right, else None; takes the same time for all."""
        stored = self._passwords.get(username)
        right = is_same(self._nobodys if stored is None else stored, password)
        return username if right and stored is not None else None

    def find(self, username: str) -> str | None:
        """The password of a user, None if there is no such user."""
        return self._passwords.get(username)

    def find_hashed(self, hashed: str, realm: str, algorithm: str) -> str | None:
        """The name whose `user_hash` is `hashed`, None if there is none."""
        known = self._hashed.get((realm, algorithm))
        if known is None:
            known = {user_hash(name, realm, algorithm): name for name in self._passwords}
            self._hashed[realm, algorithm] = known
        return known.get(hashed)


@implementer(IUsernameDigestHash, IUsernameHashedPassword)
class DigestedPassword:
    """Digest credentials for the checkers of `twisted.cred`.

    Args:
        username: in UTF-8.
        hash_password: makes what is stored for Digest of a password.
        matches: whether credentials are right that are stored so.

    Attributes:
        stored: what the right password is stored as, once it is known.
    """

    def __init__(
        self,
        username: bytes,
        hash_password: Callable[[str], str],
        matches: Callable[[str], bool],
    ) -> None:
        self.username = username
        self.stored: str | None = None
        self._hash = hash_password
        self._matches = matches

    def checkPassword(self, password: str | bytes) -> bool:
        """Whether this is the password."""
        text = password.decode("utf-8", "replace") if isinstance(password, bytes) else password
        return self.checkHash(self._hash(text))

    def checkHash(self, digestHash: str | bytes) -> bool:
        """Whether this is what is stored in place of it (H(username:realm:password))."""
        stored = digestHash.decode("latin-1") if isinstance(digestHash, bytes) else digestHash
        if not self._matches(stored.lower()):
            return False
        self.stored = stored.lower()
        return True


class _Password(UsernamePassword):
    """Twisted's own compares in a time that tells where the passwords differ."""

    def checkPassword(self, password: bytes) -> bool:
        return is_same(self.password.decode("latin-1"), password.decode("latin-1"))


class CredAccounts:
    """A checker or portal of `twisted.cred`.

    Args:
        source: the checker, or the portal.
        interfaces: what the avatar of a portal is asked to be; any (`Interface`) by default.
    """

    def __init__(self, source: Any, interfaces: tuple[Any, ...] = ()) -> None:
        self._source = source
        self._interfaces = interfaces or (Interface,)

    def takes(self, *kinds: Any) -> bool:
        """Whether there is a checker for credentials of one of these interfaces."""
        source = self._source
        offered = (
            source.listCredentialsInterfaces()
            if isinstance(source, Portal)
            else source.credentialInterfaces
        )
        return any(wanted.isOrExtends(kind) for wanted in kinds for kind in offered)

    async def log_in(self, credentials: Any, username: str, scheme: str) -> Login | None:
        """Log in; None when the credentials are wrong.

        The user of a checker is its avatar id, as text where it is UTF-8; that of a portal is the
        avatar.
        """
        source = self._source
        try:
            if isinstance(source, Portal):
                result = await settle(source.login(credentials, None, *self._interfaces))
                _, avatar, logout = result
                return Login(avatar, username, scheme, logout=logout)
            avatar_id = await settle(source.requestAvatarId(credentials))
        except (LoginFailed, Unauthorized):
            return None
        if isinstance(avatar_id, bytes):
            avatar_id = _text(avatar_id)
        return Login(avatar_id, username, scheme) if avatar_id else None

    async def check(self, username: str, password: str) -> Login | None:
        """Log in with a password."""
        credentials = _Password(username.encode(), password.encode())
        return await self.log_in(credentials, username, "Basic")


def cred_accounts(source: Any, interfaces: tuple[Any, ...], scheme: str) -> CredAccounts | None:
    """`source` as `CredAccounts`, None if it is not of `twisted.cred`.

    Raises:
        ValueError: it cannot check the credentials of `scheme`.
    """
    if not (isinstance(source, Portal) or ICredentialsChecker.providedBy(source)):
        return None
    accounts = CredAccounts(source, interfaces)
    kinds = (
        (IUsernamePassword,)
        if scheme == "Basic"
        else (IUsernameDigestHash, IUsernameHashedPassword)
    )
    if not accounts.takes(*kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise ValueError(f"{source!r} has no checker for {names}, which {scheme} needs")
    return accounts


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value
