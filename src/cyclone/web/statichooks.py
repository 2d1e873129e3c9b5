"""Which methods of `StaticFileHandler` stand between a path and what is sent.

What is kept in memory, and what lies precompressed beside a file, takes the place of their results.
An application may replace them in a subclass, in an instance or, as old ones do, in the very class;
then its own have the say.  So the question is asked with each request.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

__all__ = ["HOOKS", "hooks_of"]

_CLASS_METHODS = {"_get_cached_version", "get_absolute_path", "get_content", "get_content_version"}

HOOKS = frozenset(
    {
        *_CLASS_METHODS,
        "_stat",
        "compute_etag",
        "flush",
        "get",
        "get_content_size",
        "get_content_type",
        "get_modified_time",
        "head",
        "set_etag_header",
        "set_header",
        "set_headers",
        "set_status",
        "should_return_304",
        "validate_absolute_path",
        "write",
    }
)

# The function of a class method: the method itself is made anew for each class that is asked.
_hooks_of = attrgetter(
    *(f"{name}.__func__" if name in _CLASS_METHODS else name for name in sorted(HOOKS))
)


def hooks_of(cls: type) -> tuple[Any, ...] | None:
    """Return what a class has for `HOOKS`, None if a class method has become something else."""
    try:
        found: tuple[Any, ...] = _hooks_of(cls)
    except AttributeError:
        return None
    return found
