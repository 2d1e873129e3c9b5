"""White space of templates: what is kept of it.  Linear in the size of the text."""

from __future__ import annotations

import re

from .errors import TemplateError

__all__ = ["MODES", "check_mode", "default_mode", "filter_whitespace"]

#: The modes, as in Tornado.
MODES = ("all", "single", "oneline")

_BLANKS = re.compile(r"[\t ]+")
_RUNS = re.compile(r"\s+")


def check_mode(mode: str) -> None:
    """Raise a TemplateError unless `mode` is one of `MODES`."""
    if mode not in MODES:
        raise TemplateError(f"invalid whitespace mode {mode}: there are {', '.join(MODES)}")


def default_mode(name: str) -> str:
    """The mode of a template that says none: single for .html and .js files, else all."""
    return "single" if name.endswith((".html", ".js")) else "all"


def filter_whitespace(mode: str, text: str) -> str:
    """Return `text` with its white space as `mode` wants it (Tornado).

    Args:
        mode: ``all`` keeps it; ``single`` makes each run one character, a line break if there is
            one in it; ``oneline`` makes each run one space.
        text: text of a template.

    Raises:
        TemplateError: there is no such mode.
    """
    check_mode(mode)
    if mode == "all":
        return text
    if mode == "oneline":
        return _RUNS.sub(" ", text)
    return _RUNS.sub(_one_break, _BLANKS.sub(" ", text))


def _one_break(run: re.Match[str]) -> str:
    # Of other white space (vertical tabs, foreign spaces) only what touches a line break goes.
    return "\n" if "\n" in run[0] else run[0]
