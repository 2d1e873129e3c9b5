"""From the parts of a template to the source of a Python function.

The function, ``_tt_execute``, is a coroutine function that fills one list, ``_tt_out``, with pairs:
text that goes out as it is, and text to be escaped.  Escaping is done at the end, for all values at
once (see `runtime.finish`), which costs a fraction of a call for each.  Text and values between
which nothing is decided make one addition to the list.

A value that is no str is turned into one by ``_tt_text``; if that gives no str, the value is
pending, and is waited for on the spot.  As long as nothing is, the coroutine runs through at its
first step.

What extends and includes others is put together here, so a page is one function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .errors import ParseError
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

__all__ = ["BATCHED", "HELPERS", "Generated", "Position", "Resolve", "generate"]

#: What the generated function is given besides its list and its run, in this order.
HELPERS = ("_tt_text", "_tt_utf8", "_tt_type", "_tt_str", "_tt_int")
#: The escape function whose work is done for all values at once.
BATCHED = "xhtml_escape"

#: A place in a template, and the places that led there by include, extends or block.
Position = tuple[tuple[Source, int], ...]
#: Finds the template with a name; the second is the name of the template that asks.
Resolve = Callable[[str, str], Source]


class Generated:
    """Source of Python, and where each of its lines comes from.

    Attributes:
        says_await: whether the template itself does.
    """

    __slots__ = ("positions", "says_await", "text")

    def __init__(self, lines: list[str], positions: list[Position]) -> None:
        self.text = "\n".join(lines) + "\n"
        self.positions = positions
        self.says_await = False

    def position(self, lineno: int | None) -> Position:
        """Where line `lineno` (from 1) comes from."""
        index = min(max(lineno or 1, 1), len(self.positions)) - 1
        return self.positions[index]


def generate(source: Source, resolve: Resolve, *, batched: bool, eager: bool) -> Generated:
    """Generate the function that makes the page.

    Args:
        source: the template.
        resolve: finds the templates it names.
        batched: escape values at the end; else each by a call of its own.
        eager: put each value into the list as soon as it is there, so that the list can be sent
            while the next one is waited for.

    Raises:
        ParseError: templates or blocks contain themselves.
    """
    ancestors = list(_ancestors(source, resolve))[::-1]
    blocks: dict[str, list[Block]] = {}
    for ancestor in ancestors:
        _find_blocks(ancestor.body, ancestor, resolve, blocks)
    writer = _Writer(ancestors[0], resolve, blocks, batched=batched, eager=eager)
    return writer.function()


def _ancestors(source: Source, resolve: Resolve) -> Iterator[Source]:
    yield source
    for node in source.body:
        if isinstance(node, Extends):
            yield from _ancestors(resolve(node.name, source.name), resolve)


def _find_blocks(
    body: list[Node], source: Source, resolve: Resolve, blocks: dict[str, list[Block]]
) -> None:
    """Note the definitions of each block, those of the base first."""
    for node in body:
        if isinstance(node, Include):
            included = resolve(node.name, source.name)
            _find_blocks(included.body, included, resolve, blocks)
        elif isinstance(node, Control | Apply | Block):
            if isinstance(node, Block):
                known = blocks.setdefault(node.name, [])
                if known and known[-1].source is source:
                    known.pop()  # of two in one template the last counts, as in Tornado
                known.append(node)
            _find_blocks(node.body, source, resolve, blocks)


class _Writer:
    def __init__(
        self,
        source: Source,
        resolve: Resolve,
        blocks: dict[str, list[Block]],
        *,
        batched: bool,
        eager: bool,
    ) -> None:
        self._source = source
        self._resolve = resolve
        self._blocks = blocks
        self._batched = batched
        self._eager = eager
        self._lines: list[str] = []
        self._positions: list[Position] = []
        self._indent = 0
        self._via: list[tuple[Source, int]] = []
        self._inside: list[Block] = []
        self._applied = 0
        self._suite = 0  # the line at which the statements under the last colon begin
        # What will be added to the list next: texts, and the variables of values.
        self._parts: list[tuple[str, str]] = []
        self._values = 0
        self._escapes = False  # whether the function leaves values to be escaped at its end

    def function(self) -> Generated:
        self._line(f"async def _tt_execute(_tt_out, _tt_run, {', '.join(HELPERS)}):", 0)
        with self._indented():
            self._body(self._source.body)
            self._return(0)
        return Generated(self._lines, self._positions)

    # -- lines

    @contextmanager
    def _indented(self) -> Iterator[None]:
        self._indent += 1
        yield
        self._indent -= 1

    def _line(self, code: str, line: int, outdent: int = 0) -> None:
        """Write a statement, which may go over several lines, with its place as a comment."""
        places: Position = ((self._source, line), *reversed(self._via))
        names = [f"{_printable(source.name)}:{number}" for source, number in places]
        comment = f"  # {names[0]}" + (f" (via {', '.join(names[1:])})" if names[1:] else "")
        lines = code.split("\n")
        lines[0] = "    " * (self._indent - outdent) + lines[0]
        lines[-1] += comment
        self._lines += lines
        self._positions += [
            ((self._source, line + offset), *places[1:]) for offset in range(len(lines))
        ]

    def _flush(self, line: int = 0) -> None:
        """Add to the list what has been gathered."""
        items: list[str] = []
        text = ""
        for kind, part in self._parts:
            if kind == "text":
                text += part
            elif kind == "escape":
                items += [repr(text), part]
                text = ""
            else:
                if text:
                    items += [repr(text), "''"]
                    text = ""
                items += [part, "''"]
        if text:
            items += [repr(text), "''"]
        self._parts = []
        self._values = 0
        if items:
            self._line(f"_tt_out += ({', '.join(items)})", line)

    def _return(self, line: int) -> None:
        self._flush(line)
        self._line(f"return _tt_run.{'finish' if self._escapes else 'join'}(_tt_out)", line)

    # -- parts

    def _body(self, body: list[Node]) -> None:
        for node in body:
            _WRITERS[type(node)](self, node)

    def _text(self, node: Text) -> None:
        if node.value:
            self._parts.append(("text", node.value))

    def _nothing(self, node: Comment) -> None:
        pass

    def _misplaced(self, node: Extends) -> None:
        # What a page extends is found before; here one stands in an included template.
        name = self._source.name
        raise ParseError("an included template cannot extend another", name, node.line)

    def _statement(self, node: Statement) -> None:
        self._flush(node.line)
        self._line(node.code, node.line)

    def _expression(self, node: Expression) -> None:
        code = f"_tt_modules.{node.code}" if node.module else node.code
        self._value(code, node.line, None if node.raw else self._source.autoescape)

    def _value(self, code: str, line: int, escape: str | None) -> None:
        if self._eager:
            self._flush(line)
        name = f"_tt_{self._values}"
        self._values += 1
        self._line(f"{name} = ({code}\n)" if "\n" in code else f"{name} = {code}", line)
        self._make_text(name, line)
        if escape is not None and not (self._batched and escape == BATCHED):
            self._line(f"{name} = {escape}(_tt_utf8({name}))", line)
            self._make_text(name, line)
            escape = None
        self._escapes = self._escapes or escape is not None
        self._parts.append(("raw" if escape is None else "escape", name))
        if self._eager:
            self._flush(line)

    def _make_text(self, name: str, line: int) -> None:
        self._line(f"if _tt_type({name}) is not _tt_str:", line)
        with self._indented():
            self._line(
                f"{name} = _tt_str({name}) if _tt_type({name}) is _tt_int else _tt_text({name})",
                line,
            )
            self._line(f"if _tt_type({name}) is not _tt_str:", line)
            with self._indented():
                self._line(f"{name} = await _tt_run.text_of({name})", line)

    def _control(self, node: Control) -> None:
        self._flush(node.line)
        eager = self._eager
        if node.operator == "try":
            self._eager = True  # what has been put out before an error stays
        self._line(f"{node.code}:", node.line)
        with self._indented():
            self._suite = len(self._lines)
            self._body(node.body)
            self._end_suite(node.line)
        self._eager = eager

    def _middle(self, node: Middle) -> None:
        self._end_suite(node.line)
        self._line(f"{node.code}:", node.line, outdent=1)
        self._suite = len(self._lines)

    def _end_suite(self, line: int) -> None:
        self._flush(line)
        if len(self._lines) == self._suite:
            self._line("pass", line)

    def _apply(self, node: Apply) -> None:
        name = f"_tt_apply{self._applied}"
        self._applied += 1
        outside = self._parts, self._values, self._escapes
        self._parts, self._values, self._escapes = [], 0, False
        # Helpers are handed down as defaults: closures would make them slow for all.
        given = ", ".join(f"{helper}={helper}" for helper in ("_tt_run", *HELPERS))
        self._line(f"async def {name}({given}):", node.line)
        with self._indented():
            self._line("_tt_out = []", node.line)
            self._body(node.body)
            self._return(node.line)
        self._parts, self._values, self._escapes = outside
        self._value(f"{node.code}(await {name}())", node.line, None)

    # -- other templates

    @contextmanager
    def _within(self, source: Source, line: int) -> Iterator[None]:
        self._via.append((self._source, line))
        self._source = source
        yield
        self._source = self._via.pop()[0]

    def _include(self, node: Include) -> None:
        included = self._resolve(node.name, self._source.name)
        with self._within(included, node.line):
            self._body(included.body)

    def _block(self, node: Block) -> None:
        self._definition(self._blocks[node.name][-1], node.line)

    def _super(self, node: Super) -> None:
        block = self._inside[-1]
        chain = self._blocks[block.name]
        index = chain.index(block)
        if index:
            self._definition(chain[index - 1], node.line)

    def _definition(self, block: Block, line: int) -> None:
        if any(block is outer for outer in self._inside):
            raise ParseError(f"block {block.name} contains itself", self._source.name, line)
        self._inside.append(block)
        with self._within(block.source, line):
            self._body(block.body)
        self._inside.pop()


def _printable(name: str) -> str:
    """A name that ends no line."""
    return "".join(char if char.isprintable() else "?" for char in name)


_WRITERS: dict[type, Callable[..., None]] = {
    Text: _Writer._text,
    Comment: _Writer._nothing,
    Extends: _Writer._misplaced,
    Expression: _Writer._expression,
    Statement: _Writer._statement,
    Control: _Writer._control,
    Middle: _Writer._middle,
    Apply: _Writer._apply,
    Block: _Writer._block,
    Super: _Writer._super,
    Include: _Writer._include,
}
