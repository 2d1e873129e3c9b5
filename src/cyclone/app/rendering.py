"""``@@name@@`` in the files of skeletons.

Templates, shells, systemd, nginx and Python have other signs of their own, so that nothing has to
be quoted.  Values are put in once: what looks like a name in one of them stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["RenderingError", "render"]

_NAME = re.compile(r"@@(\w*)@@")


class RenderingError(Exception):
    """A skeleton asks for a value that there is not."""


def render(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with the values of its ``@@names@@``.

    Raises:
        RenderingError: there is no value of a name.
    """

    def value(match: re.Match[str]) -> str:
        try:
            return values[match[1]]
        except KeyError:
            raise RenderingError(f"{match[0]} has no value") from None

    return _NAME.sub(value, text)
