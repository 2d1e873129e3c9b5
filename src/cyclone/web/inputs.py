"""What a request carries, as methods of handlers: arguments of query and form, and cookies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from .arguments import clean
from .errors import HTTPError, MissingArgumentError

if TYPE_CHECKING:
    from cyclone.httputil import HTTPServerRequest, RequestCookie

__all__ = ["InputMethods"]

_T = TypeVar("_T")


class _Missing:
    """The default of ``get_argument``: an argument that must be there."""


_MISSING = _Missing()


class InputMethods:
    """Methods of `RequestHandler`."""

    if TYPE_CHECKING:  # what they need of the class
        request: HTTPServerRequest

    # -- arguments

    @overload
    def get_argument(self, name: str, *, strip: bool = True) -> str: ...
    @overload
    def get_argument(self, name: str, default: _T, strip: bool = True) -> str | _T: ...
    def get_argument(self, name: str, default: Any = _MISSING, strip: bool = True) -> Any:
        """The last value of an argument of the query or the body.

        Raises:
            MissingArgumentError: there is none, and no default; answered with 400.
        """
        return self._last(name, default, self.request.arguments, strip)

    def get_arguments(self, name: str, strip: bool = True) -> list[str]:
        """All values of an argument of the query or the body, in order."""
        return self._values(name, self.request.arguments, strip)

    @overload
    def get_query_argument(self, name: str, *, strip: bool = True) -> str: ...
    @overload
    def get_query_argument(self, name: str, default: _T, strip: bool = True) -> str | _T: ...
    def get_query_argument(self, name: str, default: Any = _MISSING, strip: bool = True) -> Any:
        """As `get_argument`, of the query alone."""
        return self._last(name, default, self.request.query_arguments, strip)

    def get_query_arguments(self, name: str, strip: bool = True) -> list[str]:
        """As `get_arguments`, of the query alone."""
        return self._values(name, self.request.query_arguments, strip)

    @overload
    def get_body_argument(self, name: str, *, strip: bool = True) -> str: ...
    @overload
    def get_body_argument(self, name: str, default: _T, strip: bool = True) -> str | _T: ...
    def get_body_argument(self, name: str, default: Any = _MISSING, strip: bool = True) -> Any:
        """As `get_argument`, of the body alone."""
        return self._last(name, default, self.request.body_arguments, strip)

    def get_body_arguments(self, name: str, strip: bool = True) -> list[str]:
        """As `get_arguments`, of the body alone."""
        return self._values(name, self.request.body_arguments, strip)

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """Turn the bytes of an argument into text; UTF-8 unless overridden.

        `name` is None for groups of the path.

        Raises:
            HTTPError: 400, they are not UTF-8.
        """
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise HTTPError(400, "Invalid unicode in %s: %r", name or "url", value[:40]) from None

    def _last(self, name: str, default: Any, source: dict[str, list[bytes]], strip: bool) -> Any:
        values = source.get(name)
        if not values:
            if default is _MISSING:
                raise MissingArgumentError(name)
            return default
        return self._text_of(values[-1], name, strip)

    def _values(self, name: str, source: dict[str, list[bytes]], strip: bool) -> list[str]:
        return [self._text_of(value, name, strip) for value in source.get(name, ())]

    def _text_of(self, value: bytes, name: str, strip: bool) -> str:
        return clean(self.decode_argument(value, name=name), strip)

    # -- cookies

    @property
    def cookies(self) -> dict[str, RequestCookie]:
        """The request's cookies."""
        return self.request.cookies

    @overload
    def get_cookie(self, name: str) -> str | None: ...
    @overload
    def get_cookie(self, name: str, default: _T) -> str | _T: ...
    def get_cookie(self, name: str, default: Any = None) -> Any:
        """The value of a cookie of the request, else `default`."""
        morsel = self.request.cookies.get(name)
        return default if morsel is None else morsel.value
