"""Which requests a rule is for: matchers, and rules made of them (Tornado's names).

Pure: a request comes in, what its URL says goes out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from cyclone.escape import unquote_to_bytes
from cyclone.httputil import HTTPServerRequest

from .patterns import Pattern, anchored, reversible_pieces

__all__ = [
    "AnyMatches",
    "DefaultHostMatches",
    "HostMatches",
    "Matcher",
    "PathMatches",
    "Rule",
]


class _HasDefaultHost(Protocol):
    @property
    def default_host(self) -> str | None: ...


class Matcher:
    """Says whether a rule is for a request, and what the request's URL has for its target."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """None if the rule is not for `request`, else arguments for its target.

        Those that targets know are ``path_args`` (list of bytes) and ``path_kwargs``.
        """
        raise NotImplementedError

    def reverse(self, *args: Any) -> str | None:
        """The URL that this matches with these arguments; None if that cannot be said."""
        return None


class AnyMatches(Matcher):
    """For every request."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Always."""
        return {}


class HostMatches(Matcher):
    """For requests whose host (lower case, no port) matches a regular expression as a whole."""

    def __init__(self, host_pattern: str | Pattern) -> None:
        self.host_pattern: Pattern = _compiled(host_pattern)

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Look at ``request.host_name``."""
        return {} if self.host_pattern.match(request.host_name) else None


class DefaultHostMatches(Matcher):
    """For every request that came without a proxy, if the application's default host matches."""

    def __init__(self, application: _HasDefaultHost, host_pattern: Pattern) -> None:
        self.application = application
        self.host_pattern = host_pattern

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Look at the application's ``default_host``, and for X-Real-Ip."""
        host = self.application.default_host
        if host is None or "X-Real-Ip" in request.headers:
            return None
        return {} if self.host_pattern.match(host) else None


class PathMatches(Matcher):
    """For requests whose path matches a regular expression as a whole.

    Groups become arguments: by name if all are named, else by position.

    Raises:
        ValueError: named and unnamed groups are mixed.
        TypeError: the pattern is bytes.
    """

    def __init__(self, path_pattern: str | Pattern) -> None:
        self.regex: Pattern = _compiled(path_pattern)
        check_groups(self.regex)
        self._pieces = reversible_pieces(self.regex)

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Look at ``request.path``."""
        found = self.regex.match(request.path)
        if found is None:
            return None
        if not self.regex.groups:
            return {}
        if self.regex.groupindex:
            named = {name: _octets(text) for name, text in found.groupdict().items()}
            return {"path_args": [], "path_kwargs": named}
        return {"path_args": [_octets(text) for text in found.groups()], "path_kwargs": {}}

    def reverse(self, *args: Any) -> str | None:
        """The path with `args` in the places of the groups.

        Raises:
            ValueError: their number is wrong, or the pattern cannot be reversed.
        """
        if self._pieces is None:
            raise ValueError(f"cannot reverse the URL pattern {self.regex.pattern!r}")
        if len(args) != self.regex.groups:
            raise ValueError(
                f"{self.regex.pattern!r} needs {self.regex.groups} arguments, got {len(args)}"
            )
        parts = [self._pieces[0]]
        for value, piece in zip(args, self._pieces[1:], strict=True):
            parts.append(quote(value if isinstance(value, (str, bytes)) else str(value)))
            parts.append(piece)
        return "".join(parts)


def check_groups(regex: Pattern) -> None:
    """Refuse what cannot be the pattern of a path.

    Raises:
        ValueError: named and unnamed groups are mixed.
        TypeError: the pattern is bytes.
    """
    if not isinstance(regex.pattern, str):
        raise TypeError(f"URL patterns are text, not bytes: {regex.pattern!r}")
    if len(regex.groupindex) not in (0, regex.groups):
        raise ValueError(
            f"groups in URL patterns must be all named or all positional: {regex.pattern!r}"
        )


def _compiled(pattern: str | Pattern) -> Pattern:
    return re.compile(anchored(pattern)) if isinstance(pattern, str) else pattern


def _octets(text: str | None) -> bytes | None:
    return None if text is None else unquote_to_bytes(text.encode())


class Rule:
    """A matcher, and where the requests that it is for go.

    Args:
        target: a handler class (in an `Application`), a `Router`, an application, a
            `HTTPServerConnectionDelegate`, a callable that takes requests, or a list of rules;
            or the dotted name of one of them.
        target_kwargs: for the ``initialize`` of a handler class.
        name: for ``reverse_url``.
    """

    __slots__ = ("matcher", "name", "target", "target_kwargs")

    # Declared, and set in the initializers of the classes.
    matcher: Any
    target: Any
    target_kwargs: Any
    name: str | None

    def __init__(
        self,
        matcher: Matcher,
        target: Any,
        target_kwargs: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        self.matcher = matcher
        self.target = target
        self.target_kwargs = dict(target_kwargs or {})
        self.name = name

    def reverse(self, *args: Any) -> str | None:
        """The URL that the matcher is for, with these arguments."""
        url: str | None = self.matcher.reverse(*args)
        return url

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.matcher!r}, {self.target}, "
            f"kwargs={self.target_kwargs!r}, name={self.name!r})"
        )


#: What a list of rules holds: rules, or their arguments, the first of them perhaps a path pattern.
RuleLike = Rule | Sequence[Any]
