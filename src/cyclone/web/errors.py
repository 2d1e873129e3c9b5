"""The exceptions a handler raises to answer with an error, or to stop early.

Pure: they say what the answer is; the dispatcher makes it.

    HTTPError                        any status, 500 by default
      MissingArgumentError           400, get_argument found nothing
      HTTPAuthenticationRequired     401 with a challenge
    Finish                           not an error: the answer is ready
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from cyclone.httputil import responses

_T = TypeVar("_T", bound=BaseException)

# RFC 9112, section 4: reason-phrase = 1*( HTAB / SP / VCHAR / obs-text ). "<" is left out because
# reasons end up in error pages, which applications write themselves and may forget to escape.
_REASON = re.compile(r"[\t\x20-\x3b\x3d-\x7e\x80-\xff]+")
# RFC 9110, section 5.6.2
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110, section 5.6.4: qdtext and what quoted-pair may quote, before quoting
_QUOTABLE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def is_status(status: object) -> bool:
    """Whether a response can have this status: a number of three digits (RFC 9110, 15)."""
    return isinstance(status, int) and 100 <= status <= 999


def reason_phrase(status: int, reason: str | None = None) -> str:
    """Return the reason phrase to send: ``reason``, or the standard one when it is None.

    A reason that may not stand in a status line (control characters, text outside Latin-1) or
    that could become markup in an error page turns into "Unknown", as do status codes without a
    standard reason: this runs while an error is being answered and must not raise another.
    """
    if reason is None:
        return responses.get(status, "Unknown")
    return reason if _REASON.fullmatch(reason) else "Unknown"


class HTTPError(Exception):
    """An error that becomes an HTTP response.

    ``status_code``: the response's status, 500 by default.
    ``log_message``: for the log, and for the traceback page of debug mode; never for the client.
    May hold ``%`` placeholders for the further positional arguments.
    ``reason`` (keyword): the phrase of the status line instead of the standard one. Phrases that
    cannot be sent are replaced when the response is made, see `reason_phrase`.
    ``headers`` (keyword): header fields that belong to the response, such as ``Allow``; a list
    stands for several fields of one name.
    Other keywords are accepted and ignored, as in Tornado and cyclone 1.x.
    """

    # Defaults for subclasses that do not call this class's initializer.
    status_code: int = 500
    reason: str | None = None
    headers: Mapping[str, str | list[str]] = {}
    _log_message: str | None = None

    def __init__(
        self,
        status_code: int = 500,
        log_message: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args)
        self.status_code = status_code
        self._log_message = log_message
        self.reason = kwargs.get("reason")
        self.headers = kwargs.get("headers") or {}

    @property
    def log_message(self) -> str | None:
        """The message as a format for ``args``: without any, its percent signs are doubled."""
        if self._log_message and not self.args:
            return self._log_message.replace("%", "%%")
        return self._log_message

    @log_message.setter
    def log_message(self, message: str | None) -> None:
        self._log_message = message

    def get_message(self) -> str | None:
        """Return the log message with its arguments filled in (name from Tornado).

        Arguments that do not fit the message are put behind it: a mistake in a log message must
        not hide the error it describes.
        """
        if not self._log_message or not self.args:
            return self._log_message
        try:
            return self._log_message % self.args
        except (TypeError, ValueError):
            return f"{self._log_message} {self.args!r}"

    def __str__(self) -> str:
        status = f"HTTP {self.status_code}: {self.reason or reason_phrase(self.status_code)}"
        message = self.get_message()
        return f"{status} ({message})" if message else status

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are copied by calling the class with `args`, which here are the message's.
        return _restored, (type(self), self.args, self.__dict__.copy())


def _restored(kind: type[_T], args: tuple[Any, ...], state: dict[str, Any]) -> _T:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class MissingArgumentError(HTTPError):
    """A required argument is not in the request: 400. ``arg_name`` says which."""

    def __init__(self, arg_name: str) -> None:
        super().__init__(400, f"Missing argument {arg_name}")
        self.arg_name = arg_name


class HTTPAuthenticationRequired(HTTPError):
    """The request needs credentials: 401 with a ``WWW-Authenticate`` challenge (cyclone 1.x).

    ``auth_type`` is the scheme ("Basic", "Digest"); ``realm`` is what browsers show; further
    keywords (``qop``, ``nonce``, ``algorithm``) are parameters of the challenge, in order.

    Raises ValueError for a scheme or name that is not a token and for a value with control
    characters or text outside Latin-1: none of them can be quoted.
    """

    # RFC 7616, section 3.3: these two are sent without quotes.
    _BARE = frozenset({"algorithm", "stale"})

    def __init__(
        self,
        log_message: str | None = None,
        auth_type: str = "Basic",
        realm: str = "Restricted Access",
        **kwargs: Any,
    ) -> None:
        reason, headers = kwargs.pop("reason", None), kwargs.pop("headers", None)
        super().__init__(401, log_message, reason=reason, headers=headers)
        self.auth_type = auth_type
        self.kwargs: dict[str, Any] = {"realm": realm, **kwargs}
        self.headers = {**self.headers, "WWW-Authenticate": self._make_challenge()}

    def _make_challenge(self) -> str:
        """Write the challenge of RFC 9110, section 11.6.1: scheme, then name=value pairs."""
        if not _TOKEN.fullmatch(self.auth_type):
            raise ValueError(f"not an authentication scheme: {self.auth_type!r}")
        parameters = ", ".join(self._parameter(name, value) for name, value in self.kwargs.items())
        return f"{self.auth_type} {parameters}"

    def _parameter(self, name: str, value: Any) -> str:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if not _TOKEN.fullmatch(name) or not _QUOTABLE.fullmatch(text):
            raise ValueError(f"cannot stand in a challenge: {name!r}={text!r}")
        if name in self._BARE and _TOKEN.fullmatch(text):
            return f"{name}={text}"
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'{name}="{escaped}"'


class Finish(Exception):
    """End the request here, without an error.

    The response is sent as it stands, or with the arguments given here passed to ``finish()``.
    Error handling (``write_error``, logging) is left out.
    """
