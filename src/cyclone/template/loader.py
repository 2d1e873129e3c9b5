"""Loaders: they find templates by name, and keep them compiled."""

from __future__ import annotations

import os.path
import posixpath
import threading
from collections.abc import Mapping
from typing import Any

from .codegen import BATCHED
from .compiled import Template
from .errors import ParseError
from .whitespace import check_mode

__all__ = ["BaseLoader", "DictLoader", "Loader"]


class BaseLoader:
    """Base class of loaders (Tornado, cyclone 1.x).  Threads may share one.

    Args:
        autoescape: name of the function that escapes expressions, None for none.
        namespace: names that all templates know.
        whitespace: mode of all templates, see `filter_whitespace`; None for that of their names.

    Attributes:
        templates: the compiled templates by name.
    """

    def __init__(
        self,
        autoescape: str | None = BATCHED,
        namespace: dict[str, Any] | None = None,
        whitespace: str | None = None,
    ) -> None:
        if whitespace is not None:
            check_mode(whitespace)
        self.autoescape = autoescape
        self.namespace: dict[str, Any] = {} if namespace is None else namespace
        self.whitespace = whitespace
        self.templates: dict[str, Template] = {}
        self.lock = threading.RLock()
        self._loading: list[str] = []

    def reset(self) -> None:
        """Forget all compiled templates."""
        with self.lock:
            self.templates = {}

    def resolve_path(self, name: str, parent_path: str | None = None) -> str:
        """The full name of what template `parent_path` calls `name`."""
        raise NotImplementedError

    def path_of(self, name: str) -> str:
        """What tracebacks call the template `name`: its file if it has one."""
        return name

    def load(self, name: str, parent_path: str | None = None) -> Template:
        """Return a template, compiled when it is first asked for.

        Args:
            name: its name; relative to `parent_path` if that is given.
            parent_path: name of the template that extends or includes it.

        Raises:
            ParseError: the template is wrong, or extends or includes itself.
        """
        name = self.resolve_path(name, parent_path=parent_path)
        template = self.templates.get(name)
        if template is not None:
            return template
        with self.lock:
            template = self.templates.get(name)
            if template is None:
                if name in self._loading:
                    raise ParseError(f"{name} extends or includes itself", parent_path)
                self._loading.append(name)
                try:
                    template = self._create_template(name)
                finally:
                    self._loading.pop()
                self.templates[name] = template
            return template

    def _create_template(self, name: str) -> Template:
        raise NotImplementedError


def _is_relative(name: str, parent_path: str | None) -> bool:
    return bool(parent_path and not parent_path.startswith(("<", "/")) and not name.startswith("/"))


class Loader(BaseLoader):
    """Loads templates from files (Tornado, cyclone 1.x).

    Names may be absolute paths, and may lead out of the directory: they belong to the program, and
    must not come from a request.

    Args:
        root_directory: where relative names begin.
        kwargs: as for `BaseLoader`.
    """

    def __init__(self, root_directory: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = os.path.abspath(root_directory)

    def resolve_path(self, name: str, parent_path: str | None = None) -> str:
        """The path of a template below `root`: in templates, names are relative to their own."""
        if parent_path and _is_relative(name, parent_path):
            directory = os.path.dirname(os.path.abspath(os.path.join(self.root, parent_path)))
            path = os.path.abspath(os.path.join(directory, name))
            if path.startswith(os.path.join(self.root, "")):
                return path[len(os.path.join(self.root, "")) :]
        return name

    def path_of(self, name: str) -> str:
        """The file of a template."""
        return os.path.join(self.root, name)

    def _create_template(self, name: str) -> Template:
        with open(self.path_of(name), "rb") as file:
            return Template(file.read(), name=name, loader=self)


class DictLoader(BaseLoader):
    """Takes templates from a dictionary (Tornado, cyclone 1.x).

    Args:
        dict: the templates by name, with slashes as in paths.
        kwargs: as for `BaseLoader`.
    """

    def __init__(self, dict: Mapping[str, str | bytes], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dict = dict

    def resolve_path(self, name: str, parent_path: str | None = None) -> str:
        """The key of a template: in templates, names are relative to their own."""
        if parent_path and _is_relative(name, parent_path):
            return posixpath.normpath(posixpath.join(posixpath.dirname(parent_path), name))
        return name

    def _create_template(self, name: str) -> Template:
        return Template(self.dict[name], name=name, loader=self)
