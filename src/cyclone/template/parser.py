"""From the text of a template to its parts.  Pure, and linear in the size of the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NoReturn

from .errors import ParseError, TemplateError
from .nodes import (
    Apply,
    Block,
    Comment,
    Control,
    Expression,
    Extends,
    Include,
    Middle,
    Node,
    Source,
    Statement,
    Super,
    Text,
)
from .whitespace import check_mode, filter_whitespace

__all__ = ["parse"]

#: A tag begins here.  Of more than two braces in a row the innermost count, so that ``{{{x}}}``
#: puts braces around a value, as texts in LaTeX need it.
_OPENING = re.compile(r"\{(?:\{(?!\{)|[%#])")
_CLOSING = {"{{": "}}", "{%": "%}", "{#": "#}"}
_UNCLOSED = {
    "{{": "Missing end expression }}",
    "{%": "Missing end block %}",
    "{#": "Missing end comment #}",
}

#: Tags in the middle of others, and of which.
_MIDDLE = {
    "else": ("if", "for", "while", "try"),
    "elif": ("if",),
    "except": ("try",),
    "finally": ("try",),
}
#: Python does not indent deeper than 100 levels.
_MAX_DEPTH = 95
_OPENS = frozenset(("apply", "block", "try", "if", "for", "while"))


def parse(source: Source, whitespace: str) -> None:
    """Parse `source.text` into `source.body`.

    Args:
        source: its `autoescape` is replaced by what a tag in the template says.
        whitespace: the mode to begin with.

    Raises:
        ParseError: it is no template; says where.
    """
    _Parser(source, whitespace).parse()


class _Open:
    """A tag that waits for its ``{% end %}``."""

    __slots__ = ("body", "in_loop", "line", "operator")

    def __init__(self, operator: str, line: int, body: list[Node], in_loop: bool) -> None:
        self.operator = operator
        self.line = line
        self.body = body
        self.in_loop = in_loop


class _Parser:
    def __init__(self, source: Source, whitespace: str) -> None:
        self._source = source
        self._whitespace = whitespace
        self._line = 1
        self._open: list[_Open] = []
        self._body = source.body

    def parse(self) -> None:
        for opening, content, line in self._tags():
            self._line = line
            if opening == "":
                self._text(content)
            elif opening == "{#":
                self._body.append(Comment(content, line))
            elif opening == "{{":
                if not content:
                    self._fail("Empty expression")
                self._body.append(Expression(content, line))
            else:
                self._tag(content)
        if self._open:
            tag = self._open[-1]
            self._line = tag.line
            self._fail(f"Missing {{% end %}} block for {tag.operator}")

    def _fail(self, message: str) -> NoReturn:
        raise ParseError(message, self._source.name, self._line)

    def _tags(self) -> Iterator[tuple[str, str, int]]:
        """Yield the tags, and the text between them, as (opening, content, line)."""
        text, position, line = self._source.text, 0, 1
        while (match := _OPENING.search(text, position)) is not None:
            start, inside = match.span()
            if start > position:
                yield "", text[position:start], line
            line += text.count("\n", position, start)
            opening = match[0]
            if text.startswith("!", inside):  # {{! stands for {{
                yield "", opening, line
                position = inside + 1
                continue
            end = text.find(_CLOSING[opening], inside)
            if end == -1:
                self._line = line
                self._fail(_UNCLOSED[opening])
            # Python reads every kind of line break as "\n"; lines are counted by that.
            content = text[inside:end].replace("\r\n", "\n").replace("\r", "\n")
            if "\0" in content:
                self._line = line
                self._fail("a tag holds a NUL character")
            yield opening, content.strip(), line
            position = end + 2
            line += text.count("\n", start, position)
        if position < len(text):
            yield "", text[position:], line

    def _text(self, value: str) -> None:
        if "<pre>" not in value:
            value = filter_whitespace(self._whitespace, value)
        self._body.append(Text(value, self._line))

    # -- {% ... %}

    def _tag(self, content: str) -> None:
        if not content:
            self._fail("Empty block tag ({% %})")
        operator, *rest = content.split(None, 1)
        argument = rest[0] if rest else ""
        if operator in _OPENS:
            self._begin(operator, content, argument)
        elif operator in _MIDDLE:
            self._middle(operator, content)
        elif operator == "end":
            self._end()
        elif (tag := _TAGS.get(operator)) is not None:
            tag(self, operator, content, argument)
        else:
            self._fail(f"unknown operator: {operator!r}")

    def _begin(self, operator: str, content: str, argument: str) -> None:
        if len(self._open) >= _MAX_DEPTH:
            self._fail("tags are nested too deeply")
        node: Apply | Block | Control
        if operator == "apply":
            node = Apply(argument or self._fail("apply missing method name"), self._line)
        elif operator == "block":
            name = argument or self._fail("block missing name")
            node = Block(name, self._line, self._source)
        else:
            node = Control(content, self._line, operator)
        self._body.append(node)
        # The body of apply becomes a function of its own, which is in no loop.
        in_loop = operator in ("for", "while") or (operator != "apply" and self._in_loop)
        self._open.append(_Open(operator, self._line, self._body, in_loop))
        self._body = node.body

    @property
    def _in_loop(self) -> bool:
        return bool(self._open) and self._open[-1].in_loop

    def _middle(self, operator: str, content: str) -> None:
        parents = _MIDDLE[operator]
        if not self._open:
            self._fail(f"{operator} outside {' or '.join(parents)} block")
        if self._open[-1].operator not in parents:
            self._fail(f"{operator} block cannot be attached to {self._open[-1].operator} block")
        self._body.append(Middle(content, self._line))

    def _end(self) -> None:
        if not self._open:
            self._fail("Extra {% end %} block")
        self._body = self._open.pop().body

    def _comment(self, operator: str, content: str, argument: str) -> None:
        self._body.append(Comment(argument, self._line))

    def _extends(self, operator: str, content: str, argument: str) -> None:
        if self._open:
            self._fail(f"extends inside {self._open[-1].operator} block")
        self._body.append(Extends(self._name(operator, argument), self._line))

    def _include(self, operator: str, content: str, argument: str) -> None:
        self._body.append(Include(self._name(operator, argument), self._line))

    def _name(self, operator: str, argument: str) -> str:
        return argument.strip('"').strip("'") or self._fail(f"{operator} missing file path")

    def _import(self, operator: str, content: str, argument: str) -> None:
        if not argument:
            self._fail("import missing statement")
        self._body.append(Statement(content, self._line))

    def _set(self, operator: str, content: str, argument: str) -> None:
        if not argument:
            self._fail("set missing statement")
        self._body.append(Statement(argument, self._line))

    def _autoescape(self, operator: str, content: str, argument: str) -> None:
        # Without an argument Tornado turns escaping off, which nobody means.
        if not all(map(str.isidentifier, argument.split("."))):
            self._fail(f"autoescape takes the name of a function or None, not {argument!r}")
        self._source.autoescape = None if argument == "None" else argument

    def _set_whitespace(self, operator: str, content: str, argument: str) -> None:
        try:
            check_mode(argument)
        except TemplateError as error:
            self._fail(str(error))
        self._whitespace = argument

    def _raw(self, operator: str, content: str, argument: str) -> None:
        code = argument or self._fail(f"{operator} missing expression")
        module = operator == "module"
        self._body.append(Expression(code, self._line, raw=True, module=module))

    def _super(self, operator: str, content: str, argument: str) -> None:
        if all(tag.operator != "block" for tag in self._open):
            self._fail("super outside block")
        self._body.append(Super(self._line))

    def _jump(self, operator: str, content: str, argument: str) -> None:
        if not self._in_loop:
            self._fail(f"{operator} outside for or while block")
        self._body.append(Statement(content, self._line))


_TAGS: dict[str, Callable[[_Parser, str, str, str], None]] = {
    "comment": _Parser._comment,
    "extends": _Parser._extends,
    "include": _Parser._include,
    "import": _Parser._import,
    "from": _Parser._import,
    "set": _Parser._set,
    "autoescape": _Parser._autoescape,
    "whitespace": _Parser._set_whitespace,
    "raw": _Parser._raw,
    "module": _Parser._raw,
    "super": _Parser._super,
    "break": _Parser._jump,
    "continue": _Parser._jump,
}
