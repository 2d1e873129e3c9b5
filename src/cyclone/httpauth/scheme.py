"""What the schemes have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from cyclone.httputil import HTTPServerRequest

from .accounts import Login
from .syntax import Credentials

__all__ = ["Challenge", "Refused", "Scheme"]


class Refused(Exception):
    """Credentials are not accepted: answered with 401.

    Attributes:
        stale: they are right, but for a nonce that is not good any more.
        right: they are right, and refused all the same.
    """

    def __init__(self, message: str, *, stale: bool = False, right: bool = False) -> None:
        super().__init__(message)
        self.stale = stale
        self.right = right or stale


@dataclass(frozen=True, order=True)
class Challenge:
    """A challenge, as it is sent.

    Attributes:
        rank: clients are shown the lowest first: the strongest.
        text: of the WWW-Authenticate field.
    """

    rank: int
    text: str


class Scheme(Protocol):
    """A scheme of HTTP authentication, as `HTTPAuth` uses it.

    Attributes:
        name: in lower case.
    """

    name: str

    def challenges(
        self, realm: str, *, stale: bool = False, body: bool = True
    ) -> list[Challenge]: ...

    def read(self, credentials: Credentials) -> Any: ...

    async def verify(self, message: Any, request: HTTPServerRequest, realm: str) -> Login: ...

    def log_out(self, login: Login) -> None: ...
