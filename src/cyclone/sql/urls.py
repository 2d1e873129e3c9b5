"""Where a database is: its URL, taken apart.

    postgresql://user:password@host:5432/database?sslmode=require
    mysql://user:password@host:3306/database?charset=utf8mb4         also mariadb://
    sqlite:///data/file.db        relative to the working directory
    sqlite:////var/lib/file.db    absolute
    sqlite://                     in memory

User, password, database and values are percent-decoded.  No message of this module repeats a
password, and neither does the ``repr`` of what it makes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["Target", "URLError", "parse_url"]

#: Schemes, and the kind of database that they stand for.
KINDS = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
}
_FORM = {
    "postgresql": "postgresql://user:password@host:5432/database",
    "mysql": "mysql://user:password@host:3306/database",
    "sqlite": "sqlite:///relative/path or sqlite:////absolute/path",
}


class URLError(ValueError):
    """The URL of a database makes no sense; the message says what of it, and what was expected."""


@dataclass(frozen=True)
class Target:
    """A database: what of it stands in its URL.

    `kind` is ``postgresql``, ``mysql`` or ``sqlite``; `database` the name, or the path of a file;
    `options` what comes after the question mark.
    """

    kind: str
    host: str = ""
    port: int | None = None
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    options: dict[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        """The place alone, fit for a log: no user, no password, no options."""
        if self.kind == "sqlite":
            return f"sqlite:///{self.database}"
        place = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.kind}://{place}{port}/{self.database}"


def parse_url(url: str) -> Target:
    """Take the URL of a database apart.

    Raises:
        URLError: it is none, or a part of it makes no sense.
    """
    scheme, separator, _ = url.partition("://")
    kind = KINDS.get(scheme.lower())
    if not separator:
        raise URLError(f"no scheme in the URL of a database: expected {_FORM['postgresql']}")
    if kind is None:
        known = ", ".join(f"{name}://" for name in KINDS)
        raise URLError(f"no databases are known by {scheme[:40]!r}: expected one of {known}")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise URLError(f"white space in the URL of a database: expected {_FORM[kind]}")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise URLError(f"host: {error}; expected {_FORM[kind]}") from None
    if parts.fragment:
        raise URLError("'#' in the URL of a database: write %23 where it belongs to a name")
    options = _options(parts.query)
    if kind == "sqlite":
        return Target(kind, database=_file(parts.netloc, parts.path), options=options)
    host, port = _place(parts.netloc.rpartition("@")[2], kind)
    user, colon, password = parts.netloc.rpartition("@")[0].partition(":")
    if colon and not user:
        raise URLError(f"a password without a user: expected {_FORM[kind]}")
    database = unquote(parts.path.removeprefix("/"))
    if "/" in database:
        raise URLError(f"database: {database!r} has a slash in it; expected {_FORM[kind]}")
    return Target(kind, host, port, unquote(user), unquote(password), database, options)


def _place(place: str, kind: str) -> tuple[str, int | None]:
    """Host and port.  Looked at by hand: a port that is none may be a part of a password."""
    if place.startswith("["):
        host, bracket, rest = place[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise URLError(f"host: expected [address]:port, as in {_FORM[kind]}")
        port = rest.removeprefix(":")
    else:
        host, _, port = place.partition(":")
    if not port:
        return unquote(host), None
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536):
        raise URLError(
            f"port: expected a number from 1 to 65535, as in {_FORM[kind]} "
            "(a password with '@', ':' or '/' in it has to be percent-encoded)"
        )
    return unquote(host), int(port)


def _file(netloc: str, path: str) -> str:
    if netloc:
        raise URLError(f"a host in the URL of a file: expected {_FORM['sqlite']}")
    name = unquote(path.removeprefix("/"))
    if "\0" in name:
        raise URLError("path: a zero byte in the name of a file")
    return name or ":memory:"


def _options(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise URLError("options: expected name=value&name=value after the '?'") from None
    options: dict[str, str] = {}
    for name, value in pairs:
        if name in options:
            raise URLError(f"options: {name!r} is there twice")
        options[name] = value
    return options
