"""The documents of the project, and the blocks of code in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
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


def commands_of(block: Block) -> list[list[str]]:
    """The commands that a block shows, taken apart as a shell does."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "console":
        wrong = [line for line in lines if line and not line.startswith("$ ")]
        assert not wrong, f"{block.where}: output that nobody compares: {wrong}"
        lines = [line[2:] for line in lines]
    pipelines = [shlex.split(line, comments=True) for line in lines]
    return [command for words in pipelines for command in simple_commands(words)]


def simple_commands(words: list[str]) -> Iterator[list[str]]:
    """The commands of a pipeline, without variables and ``sudo`` before them."""
    while words:
        end = words.index("|") if "|" in words else len(words)
        command, words = words[:end], words[end + 1 :]
        while command and (command[0] == "sudo" or re.match(r"[A-Z_]+=", command[0])):
            command = command[1:]
        if command:
            yield command


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
