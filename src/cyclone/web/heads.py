"""The head of a response, as methods of handlers: status, header fields, cookies, entity tag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cyclone.httputil import HTTPHeaders, HTTPInputError

from . import conditional
from .cookies import make_clear_cookie, make_set_cookie
from .errors import is_status, reason_phrase
from .fields import header_text, to_text

if TYPE_CHECKING:
    from cyclone.httputil import HTTPServerRequest

    from .prepared import Prepared

__all__ = ["HeadMethods"]


class HeadMethods:
    """Methods of `RequestHandler`."""

    _status_code: int
    _reason: str | None
    _prepared: Prepared  # the header fields while `_header_map` is None
    _header_map: HTTPHeaders | None
    _new_cookies: dict[str, str] | None

    if TYPE_CHECKING:  # what they need of the class
        request: HTTPServerRequest
        _write_buffer: list[bytes]

    # -- status and header

    def set_status(self, status_code: int, reason: str | None = None) -> None:
        """Set the status of the response.

        Args:
            reason: phrase of the status line, None for the standard one.  One that cannot stand
                there is replaced by ``Unknown``.

        Raises:
            ValueError: `status_code` is not of three digits (RFC 9110 section 15).
        """
        if not is_status(status_code):
            raise ValueError(f"a status code has three digits, not {status_code!r}")
        self._status_code = status_code
        if reason is not None:
            reason = reason_phrase(status_code, to_text(reason))
        self._reason = reason

    def get_status(self) -> int:
        """The status of the response as it stands."""
        return self._status_code

    @property
    def _headers(self) -> HTTPHeaders:
        headers = self._header_map
        if headers is None:
            headers = self._header_map = self._prepared.headers()
        return headers

    @_headers.setter
    def _headers(self, headers: HTTPHeaders) -> None:
        self._header_map = headers

    def set_header(self, name: str, value: Any) -> None:
        """Set a header field: text, bytes, a number or a datetime (as HTTP date).

        Raises:
            ValueError: the value holds what would end the field.
        """
        try:
            if self._header_map is None and type(value) is str:
                prepared = self._prepared
                following = prepared.following.get((name, value))
                if following is None and value.isascii():
                    following = prepared.after(name, value)
                if following is not None:
                    self._prepared = following
                    return
            self._headers[name] = header_text(value)
        except HTTPInputError as error:
            raise ValueError(f"Unsafe header value or name, {name!r}: {error}") from None

    def add_header(self, name: str, value: Any) -> None:
        """Add a header field beside those of the same name."""
        try:
            self._headers.add(name, header_text(value))
        except HTTPInputError as error:
            raise ValueError(f"Unsafe header value or name, {name!r}: {error}") from None

    def clear_header(self, name: str) -> None:
        """Remove a header field set before."""
        if name in self._headers:
            del self._headers[name]

    # -- cookies

    def set_cookie(
        self,
        name: str,
        value: str | bytes,
        domain: str | None = None,
        expires: Any = None,
        path: str = "/",
        expires_days: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Set a cookie with the response.  See `cookies.make_set_cookie` for the attributes.

        Raises:
            ValueError: name, value or an attribute holds what would end it.
        """
        field = make_set_cookie(name, value, domain, expires, path, expires_days, **kwargs)
        if self._new_cookies is None:
            self._new_cookies = {}
        self._new_cookies[to_text(name)] = field

    def clear_cookie(self, name: str, **kwargs: Any) -> None:
        """Delete a cookie; `path`, `domain` and the rest must be as when it was set."""
        if self._new_cookies is None:
            self._new_cookies = {}
        self._new_cookies[name] = make_clear_cookie(name, **kwargs)

    def clear_all_cookies(self, **kwargs: Any) -> None:
        """Delete all cookies that the request carries."""
        for name in self.request.cookies:
            self.clear_cookie(name, **kwargs)

    # -- the entity tag

    def compute_etag(self) -> str | None:
        """The entity tag of the response, quoted; None for none."""
        return conditional.compute_etag(self._write_buffer)

    def set_etag_header(self) -> None:
        """Set ``Etag`` from `compute_etag`, unless the handler has set it."""
        if self._header_map is not None and "Etag" in self._header_map:
            return
        etag = self.compute_etag()
        if etag is not None:
            self.set_header("Etag", etag)

    def check_etag_header(self) -> bool:
        """Whether ``If-None-Match`` names the response's ``Etag``."""
        known = self.request.headers.get("If-None-Match")
        etag = self._headers.get("Etag")
        if not known or not etag:
            return False
        tags = conditional.parse_entity_tags(known)
        return tags == ("*",) or any(conditional.weak_match(etag, tag) for tag in tags)
