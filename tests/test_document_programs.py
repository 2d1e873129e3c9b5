"""The programs in the documents do what they show, see ``document_programs.py``."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests import document_programs
from tests.document_answers import ASKED, asks
from tests.document_programs import errors_of_types, run
from tests.documents import PYTHON, ROOT, Block

DOCUMENTS: dict[str, list[Block]] = {}
for _block in PYTHON:
    DOCUMENTS.setdefault(_block.document, []).append(_block)


def test_programs_run() -> None:
    """All documents in one process and its children: most of the time goes into imports."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.document_programs"],
        cwd=ROOT,
        env={**os.environ, "PYTHONOPTIMIZE": ""},  # they assert
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stderr == ""
    assert done.returncode == 0


BROKEN = """\
import cyclone.web
from cyclone.web import Application


class Page(cyclone.web.RequestHandler):
    async def get(self):
        self.wirte("x")
        self.redirect("/", premanent=True)
        cyclone.escape.json_encode(nobody)
"""


@pytest.mark.slow
def test_what_stands_in_functions_is_there() -> None:
    """Some seconds, for nothing else looks into the methods that nobody has called here."""
    broken = {"broken.md": [Block("broken.md", 10, "python", BROKEN)]}
    errors = errors_of_types(DOCUMENTS | broken)
    assert [error.partition(": error: ")[0] for error in errors] == [
        "broken.md:17",
        "broken.md:18",
        "broken.md:19",
    ], errors


def test_what_is_asked_is_there() -> None:
    there = {
        (name, place + 1) for name, blocks in DOCUMENTS.items() for place in range(len(blocks))
    }
    assert set(ASKED) <= there


# --- the checks can fail --------------------------------------------------------------------------


def test_a_program_that_fails_is_noticed() -> None:
    with pytest.raises(NameError):
        run("d", [Block("d", 1, "python", "x = nobody\n")])
    with pytest.raises(AssertionError, match="Expected"):
        run("d", [Block("d", 1, "python", "x = 1\n"), Block("d", 2, "pycon", ">>> x\n2\n")])
    program = "import cyclone.web\nApplication = lambda: cyclone.web.Application(nothing)\n"
    with pytest.raises(NameError):
        run("d", [Block("d", 1, "python", program)])


def test_an_answer_that_differs_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    block = DOCUMENTS["README.md"][0]
    monkeypatch.setitem(document_programs.ASKED, ("d", 1), asks("/", "hello"))
    with pytest.raises(AssertionError, match="not 'hello'"):
        run("d", [block])
