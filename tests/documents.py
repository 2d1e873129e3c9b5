"""The documents of the project, and the blocks of code in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *(path for path in sorted(ROOT.glob("docs/**/*.md")) if "_build" not in path.parts),
]


class Block(NamedTuple):
    """A fenced block of a document."""

    document: str
    line: int
    language: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def is_session(self) -> bool:
        """Whether it shows what comes back."""
        return ">>> " in self.text


def blocks_of(document: str, text: str) -> list[Block]:
    """Return the fenced blocks of a Markdown text."""
    fences = re.finditer(r"^```(\S*)[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [
        Block(document, text.count("\n", 0, fence.start()) + 1, fence[1], fence[2])
        for fence in fences
    ]


def without_blocks(text: str) -> str:
    """A Markdown text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


BLOCKS = [
    block
    for path in DOCUMENTS
    for block in blocks_of(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
]
PYTHON = [block for block in BLOCKS if block.language in ("python", "pycon")]
SESSIONS = [block for block in PYTHON if block.is_session]
PROGRAMS = [block for block in PYTHON if not block.is_session]


def where(block: Block) -> str:
    """The name of a test of this block."""
    return block.where
