"""The parts of a parsed template.

Each knows the line on which it begins, counted from 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "Apply",
    "Block",
    "Comment",
    "Control",
    "Expression",
    "Extends",
    "Include",
    "Middle",
    "Node",
    "Source",
    "Statement",
    "Super",
    "Text",
]


@dataclass(slots=True)
class Text:
    """Text that goes out as it is; its white space has been dealt with."""

    value: str
    line: int


@dataclass(slots=True)
class Comment:
    """A comment; only translators are told."""

    text: str
    line: int


@dataclass(slots=True)
class Expression:
    """``{{ code }}``, ``{% raw code %}`` or ``{% module code %}``."""

    code: str
    line: int
    raw: bool = False
    module: bool = False


@dataclass(slots=True)
class Statement:
    """A simple statement: an assignment, an import, break, continue."""

    code: str
    line: int


@dataclass(slots=True)
class Middle:
    """``else``, ``elif``, ``except`` or ``finally``: begins another part of a `Control`."""

    code: str
    line: int


@dataclass(slots=True)
class Control:
    """``if``, ``for``, ``while`` or ``try``: `code` is the statement without its colon."""

    code: str
    line: int
    operator: str
    body: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Apply:
    """``{% apply function %}``: a function is given the output of the body."""

    code: str
    line: int
    body: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Block:
    """``{% block name %}``: what templates that extend this one may replace."""

    name: str
    line: int
    source: Source
    body: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Super:
    """``{% super %}``: the block that the surrounding one replaces (cyclone 1.x)."""

    line: int


@dataclass(slots=True)
class Extends:
    """``{% extends name %}``."""

    name: str
    line: int


@dataclass(slots=True)
class Include:
    """``{% include name %}``."""

    name: str
    line: int


Node = (
    Text
    | Comment
    | Expression
    | Statement
    | Middle
    | Control
    | Apply
    | Block
    | Super
    | Extends
    | Include
)


@dataclass(slots=True, eq=False)
class Source:
    """One parsed template.

    Attributes:
        name: its name, as the loader knows it.
        path: its file if it has one, else its name; for tracebacks.
        text: what was parsed.
        autoescape: name of the function that escapes its expressions, None for none.
    """

    name: str
    path: str
    text: str
    autoescape: str | None
    body: list[Node] = field(default_factory=list)
