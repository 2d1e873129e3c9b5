"""Which files have changed: those of a project, and modules loaded from elsewhere."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator

__all__ = ["Watcher", "is_installed", "loaded_sources"]

#: Of these files a running program notices nothing: it has to be started anew.
PYTHON_SUFFIXES = (".py",)
TEMPLATE_SUFFIXES = (".html", ".htm", ".tmpl", ".tpl")
#: Any file in a directory of one of these names is a template too.
TEMPLATE_DIRECTORIES = ("template", "templates")
#: These hold no source of a project's own; hidden directories and environments are left out too.
FOREIGN_DIRECTORIES = ("__pycache__", "node_modules", "site-packages", "dist-packages")

_Stamp = tuple[int, int, int]


def _stamp(path: str) -> _Stamp | None:
    """What changes when a file is written or replaced; None while there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)


class Watcher:
    """The Python and template files below a directory, and files named one by one.

    It polls: every call of `changes` looks at all of them. Directories that are symbolic links are
    not followed.

    Args:
        root: the directory, None for no more than the files that are added.
    """

    def __init__(self, root: str | None = None) -> None:
        self.root = root
        self._extra: set[str] = set()
        self._stamps = self._look()

    def add(self, paths: Iterable[str]) -> None:
        """Watch these files too, from their present state on."""
        for path in paths:
            if path not in self._stamps:
                self._extra.add(path)
                self._stamps[path] = _stamp(path)

    def changes(self) -> list[str]:
        """The files that were written, made or removed since the last call, sorted."""
        now = self._look()
        before, self._stamps = self._stamps, now
        return sorted(
            path for path in before.keys() | now.keys() if before.get(path) != now.get(path)
        )

    def _look(self) -> dict[str, _Stamp | None]:
        below = () if self.root is None else self._below(self.root)
        return {path: _stamp(path) for path in (*below, *self._extra)}

    def _below(self, root: str) -> Iterator[str]:
        for directory, names, files in os.walk(root):
            names[:] = [name for name in names if _is_projects(directory, name)]
            wanted = _wanted_suffixes(os.path.relpath(directory, root))
            for name in files:
                if name.lower().endswith(wanted) and not name.startswith("."):
                    yield os.path.join(directory, name)


def _is_projects(directory: str, name: str) -> bool:
    return (
        not name.startswith(".")
        and name not in FOREIGN_DIRECTORIES
        and not os.path.exists(os.path.join(directory, name, "pyvenv.cfg"))
    )


def _wanted_suffixes(directory: str) -> tuple[str, ...]:
    if any(part in TEMPLATE_DIRECTORIES for part in directory.split(os.sep)):
        return ("",)
    return PYTHON_SUFFIXES + TEMPLATE_SUFFIXES


def loaded_sources() -> set[str]:
    """The files of the modules this process has loaded, but for Python's own and installed ones."""
    found = set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py") and not is_installed(file):
            found.add(os.path.abspath(file))
    return found


def is_installed(file: str) -> bool:
    """Whether a source file is Python's own or was installed, rather than being worked on."""
    parts = file.split(os.sep)
    return "site-packages" in parts or "dist-packages" in parts or file.startswith(_STDLIB)


_STDLIB = tuple({sysconfig.get_path("stdlib") + os.sep, sysconfig.get_path("platstdlib") + os.sep})
