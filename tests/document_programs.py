"""Run the programs in the documents: ``python -m tests.document_programs [DOCUMENT...]``.

The blocks of a document are run one after the other, in a process of its own and an empty
directory: programs with and without ``>>>`` know the names of those before them. What they define
is then asked, as `document_answers` says. What is wrong is printed.

``--types`` has mypy look inside their functions instead, for names that nobody has, attributes that
are not there and arguments that nobody takes.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.document_answers import ASKED, Names, client_of
from tests.documents import PYTHON, ROOT, Block

#: What a document speaks of and does not show.
GIVEN = {
    "docs/httpauth.md": """
from typing import Any
database: Any = None
async def verify_in_thread(password, hash): return True
""",
    "docs/sessions.md": """
from typing import Any
async def check_password(name, password) -> Any: return None
""",
}
#: Files that a document supposes.
FILES = {
    "docs/porting-from-tornado.md": {"templates/main.html": "hello, {{ name }}"},
    "docs/static.md": {"static/a.css": "", "site/index.html": "the site"},
    "docs/locale.md": {"locale/es_ES/LC_MESSAGES/shop.po": ""},
}
#: Where modules are found that a document imports.
PATHS = {"docs/tutorial/deployment.md": "docs/tutorial/board"}


# --- running them ---------------------------------------------------------------------------------


def run(document: str, blocks: Sequence[Block]) -> None:
    """Run the blocks of a document here, and ask what they define."""
    for name, text in FILES.get(document, {}).items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    names: Names = {"__name__": "program"}
    exec(GIVEN.get(document, ""), names)
    for number, block in enumerate(blocks, 1):
        if block.is_session:
            run_session(block, names)
        else:
            exec(compile(block.text, block.where, "exec"), names)
            if re.search(r"^(class )?[Aa]pplication\b", block.text, re.MULTILINE):
                client_of(names)  # it can be made
        if (document, number) in ASKED:
            ASKED[document, number](names)


def run_session(block: Block, names: Names) -> None:
    test = doctest.DocTestParser().get_doctest(block.text, {}, block.where, block.document, 0)
    test.globs = names
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=report.append, clear_globs=False)
    if report:
        raise AssertionError("".join(report))


def in_a_process(document: str, blocks: Sequence[Block]) -> bool:
    """Run the blocks of a document in a child, and return whether all was well."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    status = 1
    try:
        with tempfile.TemporaryDirectory() as directory:
            os.chdir(directory)
            # What they print is theirs.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.path.insert(0, str(ROOT / PATHS.get(document, ".")))
            run(document, blocks)
            os.chdir(ROOT)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


# --- looking inside -------------------------------------------------------------------------------

#: The kinds of errors that are mistakes in code without annotations, too.
KINDS = ("attr-defined", "call-arg", "import", "import-not-found", "name-defined", "syntax")
#: Modules that documents speak of.
SUPPOSED = '"app"'


def lines_of(document: str, blocks: Sequence[Block]) -> list[tuple[str, str]]:
    """All that a document shows as the lines of one module, and where each of them stands.

    What is run as a session stands nowhere: it is only there for the programs behind it.
    """
    lines = [(line, "") for line in GIVEN.get(document, "").splitlines()]
    for block in blocks:
        if block.is_session:
            examples = doctest.DocTestParser().get_examples(block.text)
            lines += [(line, "") for each in examples for line in each.source.splitlines()]
        else:
            # An application of another block is another one.
            text = re.sub("^Application =", f"Application_{block.line} =", block.text, flags=re.M)
            for number, line in enumerate(text.splitlines(), block.line + 1):
                lines.append((line, f"{document}:{number}"))
    return lines


def errors_of_types(documents: dict[str, list[Block]]) -> list[str]:
    """The mistakes that mypy finds."""
    modules = {re.sub(r"\W", "_", name): lines_of(name, documents[name]) for name in documents}
    with tempfile.TemporaryDirectory() as directory:
        for module, lines in modules.items():
            text = "".join(f"{line}\n" for line, _ in lines)
            options = "# mypy: allow-redefinition-new, local-partial-types\n"
            (Path(directory) / f"{module}.py").write_text(options + text)
        done = subprocess.run(
            [sys.executable, "-m", "mypy", directory],
            cwd=ROOT,
            env={**os.environ, "MYPYPATH": str(ROOT / "docs/tutorial/board")},
            capture_output=True,
            text=True,
        )
    if done.returncode > 1:
        return [done.stdout + done.stderr]
    # The directory may be that of another time: mypy remembers what it has said.
    errors = re.findall(r"(\w+)\.py:(\d+): (error: .* \[([\w-]+)\])$", done.stdout, re.M)
    found = [
        (modules[name][int(line) - 2][1], text, kind)
        for name, line, text, kind in errors
        if name in modules
    ]
    return [
        f"{place}: {text}"
        for place, text, kind in found
        if place and kind in KINDS and SUPPOSED not in text
    ]


def main(arguments: Sequence[str]) -> int:
    documents: dict[str, list[Block]] = {}
    for block in PYTHON:
        documents.setdefault(block.document, []).append(block)
    wanted = {name for name in arguments if not name.startswith("-")} or set(documents)
    documents = {name: blocks for name, blocks in documents.items() if name in wanted}
    if "--types" in arguments:
        errors = errors_of_types(documents)
        print("\n".join(errors))
        return bool(errors)
    failed = [name for name, blocks in documents.items() if not in_a_process(name, blocks)]
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
