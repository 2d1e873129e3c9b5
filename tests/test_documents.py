"""The examples in the documents are programs that run.

A block of Python in ``README.md`` or ``docs/`` has to compile; one with prompts (``>>>``) is run as
a doctest; a block of the README that defines ``Application`` is served by the command that the
README names, and asked.
"""

from __future__ import annotations

import doctest
import re
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.documents import DOCUMENTS, PROGRAMS, ROOT, SESSIONS, Block, blocks_of, where
from tests.plugins.processes import Process


@pytest.mark.parametrize("block", PROGRAMS, ids=where)
def test_programs_compile(block: Block) -> None:
    compile(block.text, block.where, "exec")


def wrong_answers(*blocks: Block) -> str:
    """Run the blocks of a document as doctests and return what went wrong, in doctest's words.

    A block knows the names of those before it.
    """
    report: list[str] = []
    names: dict[str, object] = {}
    for block in blocks:
        test = doctest.DocTestParser().get_doctest(block.text, {}, block.where, block.document, 0)
        test.globs = names
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        runner.run(test, out=report.append, clear_globs=False)
    return "".join(report)


@pytest.mark.parametrize("document", sorted({block.document for block in SESSIONS}))
def test_sessions_are_true(document: str) -> None:
    assert not wrong_answers(*(block for block in SESSIONS if block.document == document))


def links_of(text: str) -> list[str]:
    """Return the targets of the links in a Markdown text that lead to files of the project."""
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    return [target for target in targets if "://" not in target]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    missing = [
        link for link in links_of(path.read_text("utf-8")) if not (path.parent / link).exists()
    ]
    assert not missing


#: Each program of the README, by its place: where to ask it, and what it answers.
ANSWERS = [("/", "hello, world")]
SERVERS = [b for b in PROGRAMS if b.document == "README.md" and "Application = " in b.text]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_no_marks_of_a_merge_are_left(path: Path) -> None:
    assert not re.search(r"^(?:<{7}|>{7}) ", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_server_of_the_readme_has_an_answer() -> None:
    assert len(SERVERS) == len(ANSWERS)


def ask(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        return str(response.read().decode())


@pytest.mark.parametrize(("block", "answer"), list(zip(SERVERS, ANSWERS, strict=False)))
def test_servers_of_the_readme_run(
    block: Block,
    answer: tuple[str, str],
    tmp_path: Path,
    free_port: int,
    new_port: Callable[[], int],
    spawn: Callable[..., Process],
    twistd: Callable[..., Process],
) -> None:
    (tmp_path / "hello.py").write_text(block.text)
    path, expected = answer

    port = free_port
    twistd("cyclone", "-p", str(port), "-r", "hello.Application", cwd=tmp_path, port=port)
    assert ask(port, path) == expected

    port = new_port()
    command = [sys.executable, "-m", "cyclone", "run", "hello.py", "--port", str(port)]
    server = spawn(command, cwd=tmp_path, port=port)
    assert ask(port, path) == expected
    server.wait_for_line(f"http://[^ ]*:{port}")


# --- the checks can fail -------------------------------------------------------------------------


def test_blocks_and_links_are_found() -> None:
    text = "a\n```python\nx = 1\n```\nb\n```\nplain\n```\n[l](there.md#part) [w](https://example.org)\n"
    assert blocks_of("d", text) == [
        Block("d", 2, "python", "x = 1\n"),
        Block("d", 6, "", "plain\n"),
    ]
    assert links_of(text) == ["there.md"]


def test_a_wrong_session_is_noticed() -> None:
    assert "Expected" in wrong_answers(Block("d", 1, "python", ">>> 1 + 1\n3\n"))
    assert not wrong_answers(Block("d", 1, "python", ">>> 1 + 1\n2\n"))


def test_every_command_of_make_has_a_rule() -> None:
    """Make takes one that is said to be phony, and has none, for done."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    rules = re.findall(r"^([\w-]+):", makefile, re.MULTILINE)
    named = re.findall(
        r"^\| `make ([\w-]+)", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE
    )
    assert set(phony.split()) <= set(rules)
    assert set(named) <= set(rules)
