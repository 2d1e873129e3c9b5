"""Reads ``exclusions.toml``: tests that are not run, and tests that are known to fail."""

from __future__ import annotations

import fnmatch
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Exclusion", "Exclusions", "load"]

FILE = Path(__file__).with_name("exclusions.toml")


@dataclass(frozen=True)
class Exclusion:
    """One entry of the file.

    Attributes:
        test: id below ``tornado.test``; with ``*`` for several where they are not run.
        kind: ``differs`` (it is run and fails, and must not pass unnoticed) or ``unrun``.
        reason: why.
        instead: what cyclone does, or where it is tested.
    """

    test: str
    kind: Literal["differs", "unrun"]
    reason: str
    instead: str


class Exclusions:
    """All entries, and the questions about them."""

    def __init__(self, entries: list[Exclusion]) -> None:
        self.entries = entries
        self._differing = {entry.test: entry for entry in entries if entry.kind == "differs"}
        self._unrun = [entry for entry in entries if entry.kind == "unrun"]

    def differs(self, test: str) -> Exclusion | None:
        """The entry of a test that is known to fail."""
        return self._differing.get(test)

    def unrun(self, test: str) -> Exclusion | None:
        """The entry of a test that is not to be run."""
        for entry in self._unrun:
            if fnmatch.fnmatchcase(test, entry.test):
                return entry
        return None


def load(path: Path = FILE) -> Exclusions:
    """Read the file.

    Raises:
        ValueError: an entry lacks something or has too much, or a test is listed twice.
    """
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    entries: list[Exclusion] = []
    for kind in ("differs", "unrun"):
        for raw in data.get(kind, []):
            wanted = {"tests", "reason", "instead"}
            if set(raw) != wanted or not all(raw.values()):
                raise ValueError(f"an entry of {path.name} has {sorted(wanted)}: {raw}")
            if kind == "differs" and any("*" in test for test in raw["tests"]):
                raise ValueError(f"tests that differ are named one by one: {raw['tests']}")
            entries += [
                Exclusion(test, kind, raw["reason"], raw["instead"]) for test in raw["tests"]
            ]
    names = [entry.test for entry in entries]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"listed twice: {sorted(twice)}")
    return Exclusions(entries)
