"""Which handler a path belongs to: URL specs, route tables, host tables.

Pure: paths and host names come in as text, a match goes out; no request, no handler instance.

The rule is Tornado's and cyclone 1.x's: specs are tried in the order given and the first whose
regular expression matches the path wins. The tables keep that answer and compute it faster:

1. A pattern that can match one path only (``/``, ``/about``, ``/robots\\.txt``) is a *literal*. The
   answer for that path is known when the table is built, including an earlier pattern that wins
   it, so a dictionary holds it.
2. Neighbouring patterns are joined into one alternation. A regular expression engine tries the
   branches of an alternation in order and nothing follows them that could make it return to a
   later branch, so the first branch that matches is the first spec that matches.
3. A pattern that would mean something else inside an alternation (backreferences, flags,
   conditionals) stands alone between two alternations, in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from cyclone.escape import unquote_to_bytes
from cyclone.util import import_object

from .matchers import PathMatches, Rule, check_groups
from .patterns import Pattern, anchored, joinable_source, literal_path, reversible_pieces

PathValue = str | bytes | None
"""What one capturing group gives a handler: text, ``None`` for a group that took no part in the
match, and ``bytes`` when the decoded octets are not UTF-8 (for the caller to refuse)."""


class URLReverseError(ValueError):
    """A URL cannot be made from a pattern and the given arguments (name from cyclone 1.x)."""


class URLSpec(Rule):
    """One route: a pattern, the handler it leads to, and the handler's arguments.

    ``pattern`` is a regular expression, as text or compiled. Text is matched as a whole: a ``$``
    is added where there is none. Groups become arguments of the handler's method, by position
    or, when all of them are named, by keyword.

    ``handler`` is a RequestHandler subclass or the dotted name of one, imported here.
    ``kwargs`` is passed to the handler's ``initialize``. ``name`` is for ``reverse_url``.

    Raises ValueError when named and unnamed groups are mixed, TypeError for a bytes pattern,
    ImportError for a dotted name that leads nowhere.
    """

    __slots__ = (
        "_match", "_matcher", "_names", "_one_group", "_pieces", "handler_class", "kwargs", "regex",
    )  # fmt: skip

    def __init__(
        self,
        pattern: str | Pattern,
        handler: Any,
        kwargs: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> None:
        self.regex = _compiled(pattern)
        check_groups(self.regex)
        self.target: Any = import_object(handler) if isinstance(handler, str) else handler
        self.handler_class: Any = self.target
        self.kwargs: dict[str, Any] = dict(kwargs or {})
        self.name = name
        self._match = self.regex.match
        self._matcher: PathMatches | None = None
        self._names: tuple[str, ...] = tuple(self.regex.groupindex)
        self._one_group = self.regex.groups == 1 and not self._names  # as most routes have it
        self._pieces = reversible_pieces(self.regex)

    @property
    def target_kwargs(self) -> dict[str, Any]:
        """The same as `kwargs`, under the name Tornado's rules use."""
        return self.kwargs

    @property
    def matcher(self) -> PathMatches:
        """The matcher of this rule, for routers that are no tables."""
        if self._matcher is None:
            self._matcher = PathMatches(self.regex)
        return self._matcher

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.regex.pattern!r}, {self.handler_class}, "
            f"kwargs={self.kwargs!r}, name={self.name!r})"
        )

    def match(self, path: str) -> RouteMatch | None:
        """Match one path, undecoded, against this spec alone."""
        found = self._match(path)
        if found is None:
            return None
        if self._one_group:
            group = found[1]
            if group is not None and "%" not in group:
                return _new_tuple(RouteMatch, (self, (group,), _NO_KWARGS))
        return self.matched(found.groups())

    def matched(self, groups: Sequence[str | None]) -> RouteMatch:
        """Make the match from the undecoded texts of the groups, in the pattern's order."""
        names = self._names
        values = [g if g is None or "%" not in g else _decoded(g) for g in groups]
        if names:
            return _new_tuple(RouteMatch, (self, (), dict(zip(names, values, strict=True))))
        return _new_tuple(RouteMatch, (self, tuple(values), _NO_KWARGS))

    def reverse(self, *args: Any, **query: Any) -> str:
        """Make the path that leads here: ``args`` fill the groups, ``query`` makes a query string.

        Arguments that are neither text nor bytes go through ``str``; all are percent-encoded as
        UTF-8. The query string, sorted by name, is cyclone 1.x's addition. Raises
        `URLReverseError` for the wrong number of arguments and for patterns whose text outside
        the groups is not constant.
        """
        if self._pieces is None:
            raise URLReverseError(f"cannot reverse the URL pattern {self.regex.pattern!r}")
        if len(args) != self.regex.groups:
            raise URLReverseError(
                f"{self.regex.pattern!r} needs {self.regex.groups} arguments, got {len(args)}"
            )
        parts = [self._pieces[0]]
        for value, piece in zip(args, self._pieces[1:], strict=True):
            parts.append(quote(value if isinstance(value, (str, bytes)) else str(value)))
            parts.append(piece)
        if query:
            parts.append("?" + urlencode(sorted(query.items())))
        return "".join(parts)


class RouteMatch(NamedTuple):
    """A spec that matched, and the decoded values of its groups.

    ``args`` and ``kwargs`` are shared between requests for a literal path: copy before changing.
    """

    spec: URLSpec
    args: tuple[PathValue, ...]
    kwargs: Mapping[str, PathValue]


def _compiled(pattern: str | Pattern) -> Pattern:
    return re.compile(anchored(pattern)) if isinstance(pattern, str) else pattern


_NO_KWARGS: Mapping[str, PathValue] = {}


# The constructor of a NamedTuple is Python code around this call.
_new_tuple = tuple.__new__


def _decoded(group: str) -> str | bytes:
    octets = unquote_to_bytes(group.encode())
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets


def as_spec(route: URLSpec | Sequence[Any]) -> URLSpec:
    """Make a `URLSpec` of what an application lists: a spec, or its arguments as a tuple or list.

    Raises TypeError for anything else and for tuples that are not of two to four items.
    """
    if isinstance(route, URLSpec):
        return route
    if isinstance(route, (tuple, list)) and 2 <= len(route) <= 4:
        return URLSpec(*route)
    raise TypeError(f"a route is (pattern, handler[, kwargs[, name]]) or a URLSpec, not {route!r}")


class RouteTable:
    """An ordered list of specs, and the answer to "which one matches this path?".

    ``specs`` and ``named`` (the specs that have a name; the last of one name wins, as in
    Tornado and cyclone 1.x) are for reading.
    """

    __slots__ = ("_literals", "_runs", "named", "specs")

    def __init__(self, routes: Iterable[URLSpec | Sequence[Any]] = ()) -> None:
        self.specs: tuple[URLSpec, ...] = tuple(as_spec(route) for route in routes)
        self.named: dict[str, URLSpec] = {spec.name: spec for spec in self.specs if spec.name}
        self._literals: dict[str, RouteMatch | None] = {}  # never None: its own spec matches
        others: list[URLSpec] = []
        for spec in self.specs:
            path = literal_path(spec.regex)
            if path is None:
                others.append(spec)
            elif path not in self._literals:
                self._literals[path] = _first_match(self.specs, path)
        self._runs = tuple(run.match for run in _runs_of(others))

    def match(self, path: str) -> RouteMatch | None:
        """Return the first spec that matches ``path`` (undecoded, without the query), or None."""
        found = self._literals.get(path)
        if found is not None:
            return found
        if path[-1:] == "\n":
            # "$" also matches before a final newline, so a literal's pattern does match this
            # path, which is not in the dictionary.
            return _first_match(self.specs, path)
        for match in self._runs:
            found = match(path)
            if found is not None:
                return found
        return None


def _first_match(specs: Iterable[URLSpec], path: str) -> RouteMatch | None:
    for spec in specs:
        found = spec.match(path)
        if found is not None:
            return found
    return None


class _Alternation:
    """Several specs as one regular expression.

    Each branch ends in an empty group of its own. It is the last group that closes in a match,
    hence ``lastindex`` names the branch. The marker stands behind the branch, not around it, so
    that the compiler sees what the branches begin with and can skip most of them by one
    character.
    """

    __slots__ = ("_branches", "_match")

    def __init__(self, specs: Sequence[URLSpec], sources: Sequence[str]) -> None:
        self._branches: dict[int | None, tuple[URLSpec, tuple[int, ...]]] = {}
        marker = 0
        for spec in specs:
            groups = tuple(range(marker + 1, marker + 1 + spec.regex.groups))
            marker += spec.regex.groups + 1
            self._branches[marker] = (spec, groups)
        self._match = re.compile("|".join(f"(?:{source})()" for source in sources)).match

    def match(self, path: str) -> RouteMatch | None:
        found = self._match(path)
        if found is None:
            return None
        spec, groups = self._branches[found.lastindex]
        if len(groups) == 1:
            return spec.matched((found[groups[0]],))
        return spec.matched(found.group(*groups) if groups else ())


def _runs_of(specs: Iterable[URLSpec]) -> tuple[_Alternation | URLSpec, ...]:
    """Join neighbours that can be joined, keeping the order."""
    runs: list[_Alternation | URLSpec] = []
    together: list[URLSpec] = []
    sources: list[str] = []

    def close_run() -> None:
        if len(together) > 1:
            runs.append(_Alternation(together, sources))
        else:
            runs.extend(together)
        together.clear()
        sources.clear()

    for spec in specs:
        source = joinable_source(spec.regex)
        if source is None:
            close_run()
            runs.append(spec)
        else:
            together.append(spec)
            sources.append(source)
    close_run()
    return tuple(runs)


_EVERY_HOST = -1
"""Where the routes for every host stand among the indices of host patterns."""


class HostTable:
    """Route tables by host name, in Tornado's order.

    For a host name: the routes of every host pattern that matches it, in the order they were
    added; then the routes for every host (`routes`); then, only for a client that comes without
    a proxy (no ``X-Real-Ip``), the routes of every host pattern that matches `default_host`.

    Without host patterns the answer is `routes`, whatever the host.
    """

    # Each set of matching patterns has a table of its own, made when first met. Hosts are what
    # clients say, so the sets could be made many by many patterns: keep the cache small.
    MAX_TABLES = 256

    def __init__(
        self,
        routes: Iterable[URLSpec | Sequence[Any]] = (),
        default_host: str | None = None,
    ) -> None:
        self.routes = RouteTable(routes)
        self.default_host = default_host
        self._hosts: list[tuple[Pattern, RouteTable]] = []
        self._tables: dict[tuple[int, ...], RouteTable] = {}

    def add(self, host_pattern: str | Pattern, routes: Iterable[URLSpec | Sequence[Any]]) -> None:
        """Add routes for the hosts whose whole name matches a regular expression.

        Host names are compared in lower case, without port.
        """
        self._hosts.append((_compiled(host_pattern), RouteTable(routes)))
        self._tables.clear()

    def find(self, host: str, *, proxied: bool = False) -> RouteTable:
        """Return the routes for a host name (lower case, no port).

        ``proxied`` tells that the request carried ``X-Real-Ip``, which switches the default
        host off.
        """
        if not self._hosts:
            return self.routes
        own = self._matching(host)
        default = [] if proxied or self.default_host is None else self._matching(self.default_host)
        if not own and not default:
            return self.routes
        return self._joined((*own, _EVERY_HOST, *default))

    def _matching(self, host: str) -> list[int]:
        return [index for index, (regex, _) in enumerate(self._hosts) if regex.match(host)]

    def _joined(self, key: tuple[int, ...]) -> RouteTable:
        table = self._tables.get(key)
        if table is None:
            specs: list[URLSpec] = []
            for index in key:
                table_of = self.routes if index == _EVERY_HOST else self._hosts[index][1]
                specs.extend(table_of.specs)
            if len(self._tables) >= self.MAX_TABLES:
                self._tables.clear()
            table = self._tables[key] = RouteTable(specs)
        return table

    def named(self, name: str) -> URLSpec | None:
        """Find a spec by name: host patterns in order, then the routes for every host."""
        for table in (*(table for _, table in self._hosts), self.routes):
            if name in table.named:
                return table.named[name]
        return None

    def reverse(self, name: str, *args: Any, **query: Any) -> str:
        """Make the URL of a named spec, see `URLSpec.reverse`. Raises KeyError for no such name."""
        spec = self.named(name)
        if spec is None:
            raise KeyError(f"{name} not found in named urls")
        return spec.reverse(*args, **query)
