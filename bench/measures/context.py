"""What every measurement is given, and how it goes through the servers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.cases import WrongAnswer
from bench.fixtures import Fixtures
from bench.generator import LoadError
from bench.servers import SERVERS, Server, ServerError, Unavailable

#: What keeps a server out of a table.
Absent = (Unavailable, ServerError, LoadError, WrongAnswer)


@dataclass(frozen=True)
class Context:
    """The files, the names of servers to look at, and whether there is much time."""

    fixtures: Fixtures
    servers: Sequence[str]
    full: bool = False

    def start(self, name: str) -> Server:
        """Start a server; see :class:`bench.servers.Server`."""
        return Server(SERVERS[name], self.fixtures)

    def rows(self, row: Callable[[str], Sequence[str]]) -> list[list[str]]:
        """Return ``row(name)`` of each server with its title before it; who cannot is left out."""
        found: list[list[str]] = []
        for name in self.servers:
            try:
                found.append([SERVERS[name].title, *row(name)])
            except Absent as error:
                reason = " ".join(str(error).split())[-200:]
                print(f"n/a: {name}: {reason}", file=sys.stderr, flush=True)
        return found
