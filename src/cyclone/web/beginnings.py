"""What responses begin with: the header fields that are there before a handler sets any.

Mostly that is `PLAIN`.  With the setting ``security_headers`` there are more, and they are kept
encoded as those are, so that they cost little more than their bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cyclone.http1 import date_now
from cyclone.httputil import HTTPHeaders, HTTPInputError, HTTPServerRequest

from .prepared import PLAIN, Prepared

__all__ = ["HSTS", "SECURITY_HEADERS", "Beginnings", "security_changes"]

#: Over HTTPS only (RFC 6797 section 7.2).
HSTS = "Strict-Transport-Security"

#: What the setting ``security_headers=True`` has responses begin with.
SECURITY_HEADERS: Mapping[str, str] = {
    HSTS: "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Frame-Options": "SAMEORIGIN",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Permissions-Policy": (
        "camera=(self), display-capture=(self), geolocation=(self), microphone=(self), usb=(self)"
    ),
}


class Beginnings:
    """The fields that responses of an application begin with.

    Args:
        settings: ``security_headers``: True for `SECURITY_HEADERS`, or a mapping of what is
            different from those, None for a field that is not to be sent.  ``request_id``: True for
            X-Request-Id, or the name of another field.

    Attributes:
        plain: the fields where they are the same for all responses, else None.

    Raises:
        ValueError: a setting is none of that, or a field is malformed.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        http, https = _secured(settings.get("security_headers"))
        self._http, self._https = http, https
        self._id_field = id_field_of(settings)
        self.plain = PLAIN if http is PLAIN and not self._id_field else None

    def of(self, request: HTTPServerRequest) -> Prepared:
        """The fields that the response to `request` begins with."""
        fields = self._http
        if self._https is not self._http and request.protocol == "https":
            fields = self._https
        if self._id_field and request.request_id:
            return _WithId(fields, self._id_field, request.request_id)
        return fields


def id_field_of(settings: Mapping[str, Any]) -> str:
    """The field that ids of requests come and go in, "" if they have none.

    Raises:
        ValueError: setting ``request_id`` is neither a bool nor the name of a field.
    """
    name = settings.get("request_id") or ""
    if name is True:
        return "X-Request-Id"
    if not isinstance(name, str):
        raise ValueError(f"request_id must be True or the name of a header field, not {name!r}")
    if name:
        _checked("request_id", {name: "x"})
    return name


def _checked(setting: str, fields: Mapping[str, str]) -> HTTPHeaders:
    try:
        return HTTPHeaders(fields)
    except HTTPInputError as error:
        raise ValueError(f"{setting}: {error}") from None


def _secured(setting: Any) -> tuple[Prepared, Prepared]:
    """What responses begin with over HTTP, and over HTTPS."""
    if not setting:
        return PLAIN, PLAIN
    https = PLAIN.fields.copy()
    wanted = {**SECURITY_HEADERS, **security_changes(setting)}
    for name, value in wanted.items():
        if value is not None:
            https[name] = value
    http = https.copy()
    http.pop(HSTS, None)
    return Prepared(http, first=True), Prepared(https, first=True)


def security_changes(setting: Any) -> dict[str, str | None]:
    """What a setting ``security_headers`` makes different from `SECURITY_HEADERS`.

    Raises:
        ValueError: it is neither True nor such a mapping.
    """
    if setting is True:
        return {}
    if not isinstance(setting, Mapping):
        raise ValueError(f"security_headers must be True or a mapping, not {setting!r}")
    known = {name.lower(): name for name in SECURITY_HEADERS}
    changes = {known.get(str(name).lower(), str(name)): value for name, value in setting.items()}
    for name, value in changes.items():
        if value is not None and not isinstance(value, str):
            raise ValueError(f"security_headers: {name} must be text or None, not {value!r}")
    _checked("security_headers", {name: value or "" for name, value in changes.items()})
    return changes


class _WithId(Prepared):
    """Fields and the id of a request: there are no two the same, so nothing is kept of them."""

    __slots__ = ("_field", "_value")

    def __init__(self, fields: Prepared, field: str, value: str) -> None:
        self._fields = fields.fields
        self._field, self._value = field, value
        self.encoded = fields.encoded + f"{field}: {value}\r\n".encode("ascii")
        self.following = {}
        self.tagged = self.first = False

    def headers(self) -> HTTPHeaders:
        headers = self._fields.copy()
        headers[self._field] = self._value
        headers["Date"] = date_now()
        return headers

    def after(self, name: str, value: str) -> Prepared | None:
        return None
