"""Finds the texts to be translated in templates, for Babel's ``pybabel extract``.

Installed with cyclone as the extraction method ``cyclone``; a mapping file names it::

    [cyclone: templates/**.html]
    encoding = utf-8

Found are the calls that Babel looks for in Python (``_``, ``gettext``, ``ngettext``, ``pgettext``
and so on) in expressions and in statements, and ``locale.translate``.  ``_("a", "b", n)`` with a
plural, as `cyclone.locale` has it, goes into the catalogue as ``ngettext``.  A comment directly
before, ``{# NOTE: ... #}``, that begins with a tag given by ``--add-comments`` goes there too.
"""

from __future__ import annotations

import io
import tokenize
from collections.abc import Collection, Iterator, Mapping
from typing import Any, BinaryIO

from .errors import ParseError
from .nodes import Comment, Node, Source, Text
from .parser import parse

try:
    from babel.messages.extract import extract_python
except ImportError as error:  # pragma: no cover
    raise ImportError(
        "extracting messages needs Babel: pip install 'cyclone[locale]'", name="babel"
    ) from error

__all__ = ["extract"]

#: lineno, name of the function, its arguments (None for those that are no literals), comments
Message = tuple[int, str, Any, list[str]]

#: What `cyclone.locale` calls with a plural, and what Babel calls that: the first argument that
#: is the plural.
_WITH_PLURAL = {"_": ("ngettext", 1), "gettext": ("ngettext", 1), "pgettext": ("npgettext", 2)}


def extract(
    fileobj: BinaryIO,
    keywords: Collection[str],
    comment_tags: Collection[str],
    options: Mapping[str, Any],
) -> Iterator[Message]:
    """Yield the messages in a template; the interface is Babel's.

    Args:
        fileobj: the template.
        keywords: names of the functions whose arguments are messages.
        comment_tags: how comments for translators begin.
        options: of the mapping file: ``encoding``, by default UTF-8.

    Raises:
        ParseError: it is no template.
    """
    name = str(getattr(fileobj, "name", "<template>"))
    text = fileobj.read().decode(options.get("encoding", "utf-8"))
    source = Source(name, name, text, None)
    parse(source, "all")
    comment: Comment | None = None
    for node in _nodes(source.body):
        if isinstance(node, Comment):
            comment = node
        elif isinstance(code := getattr(node, "code", None), str):
            said = _said(comment, node.line, comment_tags)
            for line, function, messages, comments in _messages(code, keywords, source, node.line):
                yield line, function, messages, said + comments
            comment = None


def _nodes(body: list[Node]) -> Iterator[Node]:
    for node in body:
        if not isinstance(node, Text):
            yield node
        yield from _nodes(getattr(node, "body", []))


def _said(comment: Comment | None, line: int, tags: Collection[str]) -> list[str]:
    """What a comment tells translators of a message on `line`."""
    if comment is None or not comment.text.startswith(tuple(tags)):
        return []
    lines = comment.text.splitlines()
    if comment.line + len(lines) < line:
        return []  # something stands between
    return [stripped for stripped in map(str.strip, lines) if stripped]


def _messages(code: str, keywords: Collection[str], source: Source, line: int) -> Iterator[Message]:
    # In parentheses line breaks mean nothing, and the statement need not be complete.
    python = io.BytesIO(f"({code}\n)".encode())
    names: Any = {*keywords, "translate"}
    try:
        for number, function, messages, _ in extract_python(python, names, (), {}):
            known = _as_babel_has_it(function, messages, keywords)
            if known in keywords:
                yield line + number - 1, known, messages, []
    except (tokenize.TokenError, SyntaxError) as error:
        raise ParseError(f"{code!r:.80} is no Python ({error})", source.name, line) from error


def _as_babel_has_it(function: Any, messages: Any, keywords: Collection[str]) -> str:
    """The name under which Babel knows a call."""
    if function == "translate" and function not in keywords:
        function = "_"
    plural, index = _WITH_PLURAL.get(function, ("", 0))
    several = messages if isinstance(messages, (tuple, list)) else ()
    if plural in keywords and len(several) > index and isinstance(several[index], str):
        return plural
    return str(function)
