"""Which files a skeleton has.

A skeleton is a list of layers, directories of files; where two have the same file, that of the
later one counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

__all__ = ["SKELETONS", "SkeletonFile", "files_of"]


class Skeleton(NamedTuple):
    """A kind of project: what it is for, and its layers from the bottom up."""

    summary: str
    layers: tuple[str, ...]


SKELETONS: Mapping[str, Skeleton] = {
    "default": Skeleton("pages in four languages, databases", ("common", "hello", "server")),
    "foreman": Skeleton(
        "the same for Procfiles: foreman, honcho, Heroku and the like",
        ("common", "hello", "foreman"),
    ),
    "signup": Skeleton(
        "accounts: sign up by e-mail, log in, reset of passwords",
        ("common", "server", "signup"),
    ),
}


class SkeletonFile(NamedTuple):
    """A file of a skeleton."""

    path: str  # with / and, perhaps, @@names@@
    source: Traversable
    rendered: bool  # whether its @@names@@ are replaced

    @property
    def executable(self) -> bool:
        """Whether it is a program."""
        return self.source.read_bytes().startswith(b"#!")


def files_of(skeleton: str) -> list[SkeletonFile]:
    """The files of a skeleton, by their paths.

    Raises:
        KeyError: there is no such skeleton.
    """
    root = files("cyclone.app") / "skeletons"
    found: dict[str, SkeletonFile] = {}
    for layer in SKELETONS[skeleton].layers:
        for file in _walk(root / layer, ""):
            found[file.path] = file
    return [found[path] for path in sorted(found)]


def _walk(directory: Traversable, prefix: str) -> Iterator[SkeletonFile]:
    for entry in directory.iterdir():
        path = prefix + entry.name
        if entry.is_dir():
            yield from _walk(entry, f"{path}/")
        elif not entry.name.startswith(".#") and not entry.name.endswith("~"):
            yield SkeletonFile(path.removesuffix(".in"), entry, path.endswith(".in"))
