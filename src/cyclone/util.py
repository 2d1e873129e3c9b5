"""Small helpers that the rest of cyclone and applications share.

Names as in cyclone 1.x and Tornado: `ObjectDict`, `import_object` and the type aliases that code
written for Python 2 and 3 refers to.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from typing import Self

__all__ = [
    "WORKER_VARIABLE",
    "ObjectDict",
    "basestring_type",
    "bytes_type",
    "import_object",
    "lazy_property",
    "unicode_type",
    "warn_of_overrides",
    "worker_id",
]

T = TypeVar("T")

#: Names of the string types in code that once ran on Python 2.
bytes_type = bytes
unicode_type = str
basestring_type = str


#: The environment variable that tells a worker its number.
WORKER_VARIABLE = "CYCLONE_WORKER_ID"


def worker_id() -> int:
    """The number of this process among the workers of a server, from 1; 0 if it is none of them.

    See ``--workers``. A worker that takes another's place takes its number, too.
    """
    text = os.environ.get(WORKER_VARIABLE, "")
    return int(text) if text.isascii() and text.isdigit() else 0


class ObjectDict(dict[str, Any]):
    """A dictionary whose items are attributes too.

    Reading an attribute that is no item raises AttributeError; setting or deleting one sets or
    deletes the item.  Names of dict methods are reachable as items only.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no item or attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"no item or attribute {name!r}") from None


def import_object(name: str) -> Any:
    """Return the module or module attribute with a dotted name.

    ``import_object("cyclone.web.Application")`` is what ``from cyclone.web import Application``
    binds; a name without dots is a module.

    Raises:
        ImportError: there is no such module or attribute.  What the import itself raises passes
            through.
    """
    parent, _, attribute = name.rpartition(".")
    if not parent:
        return import_module(name)
    module = import_module(parent)
    try:
        return getattr(module, attribute)
    except AttributeError:
        pass
    try:
        return import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name != name:
            raise
    raise ImportError(f"module {parent!r} has no attribute {attribute!r}", name=name)


def warn_of_overrides(cls: type, base: type, not_called: Mapping[str, str]) -> None:
    """Warn if a new subclass of `base` brings methods of cyclone 1.x that nobody calls any more.

    What was checked or changed there would silently not happen.  A class that overrides
    ``_execute`` may call them itself.

    Args:
        not_called: names, and what to do instead.
    """
    known = {old for parent in cls.__bases__ if issubclass(parent, base) for old in parent.__mro__}
    brought = [new for new in cls.__mro__ if new not in known]
    if any("_execute" in vars(new) for new in brought):
        return
    for name, instead in not_called.items():
        if any(name in vars(new) for new in brought):
            message = f"{cls.__qualname__}.{name} is not called any more: {instead}"
            warnings.warn(message, RuntimeWarning, stacklevel=3)


class lazy_property(Generic[T]):  # used like a function, and named like functools.cached_property
    """A method whose result becomes a plain attribute when it is first read.

    Unlike `functools.cached_property` there is no lock, and the attribute is stored by `setattr`,
    so the instance keeps its compact attribute storage.  Assigning and deleting work as on any
    attribute; after a deletion the method runs again.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        value = self._compute(instance)
        setattr(instance, self._name, value)
        return value

    if TYPE_CHECKING:
        # Not there at run time: a descriptor with __set__ would hide the stored attribute.
        def __set__(self, instance: object, value: T) -> None: ...
