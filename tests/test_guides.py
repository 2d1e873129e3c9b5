"""The documentation as a whole: its table of contents, reference, links, tutorial and checklist."""

from __future__ import annotations

import importlib.util
import pkgutil
import re
import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import cyclone
from tests.compat.test_porting_documents import missing_tests
from tests.documents import without_blocks

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
#: Modules that programs do not import.
NOT_PUBLIC = {"__main__", "cli"}


# --- the table of contents and the reference ------------------------------------------------------


def entries_of(page: Path) -> set[Path]:
    """The pages in the tables of contents of a page."""
    found: set[Path] = set()
    for block in re.findall(
        r"^```\{toctree\}\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    ):
        for line in block.splitlines():
            name = re.sub(r".*<(.*)>", r"\1", line).strip()
            if name and not name.startswith(":"):
                found |= set(page.parent.glob(f"{name}.md")) - {page}
    return found


def test_every_page_is_in_the_table_of_contents() -> None:
    found = {DOCS / "index.md"}
    new = set(found)
    while new:
        new = {entry for page in new for entry in entries_of(page)} - found
        found |= new
    assert set(PAGES) - found == set()


def test_every_demo_with_a_readme_has_a_page() -> None:
    pages = {"index": "demos/README.md"}
    for path in (ROOT / "demos").rglob("README.md"):
        name = "-".join(path.parent.relative_to(ROOT / "demos").parts)
        pages[name or "index"] = path.relative_to(ROOT).as_posix()
    assert {path.stem for path in (DOCS / "demos").glob("*.md")} == set(pages)
    for name, readme in pages.items():
        text = (DOCS / "demos" / f"{name}.md").read_text("utf-8")
        assert text.startswith(f"```{{include}} ../../{readme}\n```\n")


def public_modules() -> list[str]:
    names = [module.name for module in pkgutil.iter_modules(cyclone.__path__)]
    return [name for name in names if not name.startswith("_") and name not in NOT_PUBLIC]


@pytest.mark.parametrize("module", public_modules())
def test_every_public_module_is_in_the_reference(module: str) -> None:
    directive = re.compile(rf"^\.\. automodule:: cyclone\.{module}$", re.MULTILINE)
    pages = [page for page in PAGES if directive.search(page.read_text("utf-8"))]
    assert len(pages) == 1
    if pages[0].parent.name == "reference":
        assert f"(reference/{pages[0].name})" in (DOCS / "api.md").read_text("utf-8")


# --- links ----------------------------------------------------------------------------------------


@cache
def places_of(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub and MyST make them."""
    text = page.read_text("utf-8")
    for included in re.findall(r"^```\{include\} (\S+)$", text, re.MULTILINE):
        text += (page.parent / included).read_text("utf-8")
    headings = re.findall(r"^#{1,3} (.+)$", without_blocks(text), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in headings)


def broken_places(page: Path, text: str) -> list[str]:
    """The links of a page to places that are not there."""
    broken = []
    for target, place in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", without_blocks(text)):
        if "://" in target:
            continue
        other = (page.parent / target).resolve() if target else page
        if other.suffix == ".md" and (not other.is_file() or place not in places_of(other)):
            broken.append(f"{target}#{place}")
    return broken


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("*.md")), *PAGES], ids=str)
def test_links_lead_to_places(page: Path) -> None:
    assert broken_places(page, page.read_text("utf-8")) == []


def test_files_that_pages_include_are_there() -> None:
    missing = [
        f"{page.name}: {name}"
        for page in PAGES
        for name in re.findall(
            r"^```\{(?:literal)?include\} (\S+)$", page.read_text("utf-8"), re.MULTILINE
        )
        if not (page.parent / name).is_file()
    ]
    assert missing == []


# --- the built pages ------------------------------------------------------------------------------


def check() -> ModuleType:
    """docs/check.py, which `make docs` runs on what it has built."""
    spec = importlib.util.spec_from_file_location("docs_check", DOCS / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_built_pages_are_checked(tmp_path: Path) -> None:
    wrong = check().wrong
    assert wrong(tmp_path) == ["there are no pages", "there is no index to search in"]
    (tmp_path / "searchindex.js").touch()
    (tmp_path / "site.css").write_text("a { background: url(data:image/png;base64,AA==) }")
    (tmp_path / "a.html").write_text(
        '<link rel="stylesheet" href="site.css?v=1"><h1 id="top">a</h1><a href="#top"></a>'
        '<a href="b.html#part"></a><a href="https://example.org/"></a><a href="mailto:a@b.c"></a>'
    )
    (tmp_path / "b.html").write_text('<p id="part"><img src="data:image/png;base64,AA=="></p>')
    assert wrong(tmp_path) == []
    (tmp_path / "b.html").write_text(
        '<script src="//cdn.example.org/x.js"></script><a href="c.html"></a><a href="#x"></a>'
    )
    (tmp_path / "site.css").write_text('@font-face { src: url("https://fonts.example.org/f") }')
    (tmp_path / "c.htm.html").write_text(f"<p>--- {ROOT}/docs/tutorial/hello.py</p>")
    assert wrong(tmp_path) == [
        "b.html loads //cdn.example.org/x.js",
        "c.htm.html says where it was built",
        "site.css loads something from elsewhere",
        "a.html: b.html#part has no such place",
        "b.html: c.html is not there",
        "b.html: #x has no such place",
    ]


def test_names_without_a_place_are_found() -> None:
    checks = check()
    names = {f"cyclone.{module}.{name}" for module, name, _ in checks.public_names()}
    lines = "".join(f"{name} py:function 1 x.html -\n" for name in names)
    inventory = b"# one\n# two\n# three\n# compressed using zlib.\n" + zlib.compress(lines.encode())
    assert checks.names_in(inventory) == names
    assert list(checks.names_without_a_place(names)) == []
    # An exception of `cyclone.outages` may be described there alone, a constant has one place.
    left = names - {"cyclone.mail.Message", "cyclone.jsonrpc.PARSE_ERROR"}
    assert list(checks.names_without_a_place(left)) == [
        "cyclone.jsonrpc.PARSE_ERROR is described nowhere",
        "cyclone.mail.Message is described nowhere",
    ]
    assert "cyclone.sql.PoolTimeout" in names
    assert list(checks.names_without_a_place(names - {"cyclone.sql.PoolTimeout"})) == []


# --- commands that are shown ----------------------------------------------------------------------


def test_the_command_that_makes_secrets() -> None:
    commands = {
        match
        for page in ("auth.md", "settings.md")
        for match in re.findall(r'python -c "([^"]+)"', (DOCS / page).read_text("utf-8"))
    }
    (command,) = commands
    secrets = {
        subprocess.run([sys.executable, "-c", command], capture_output=True, text=True).stdout
        for _ in range(2)
    }
    assert len(secrets) == 2
    assert all(len(secret.strip()) >= 32 for secret in secrets)


# --- the checklist --------------------------------------------------------------------------------

CHECKLIST = (DOCS / "readme-checklist.md").read_text("utf-8")
ROW = re.compile(r"^\| ([0-9]+\.[0-9]+) \| (.*) \| (.*) \| (.*) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+::test_\w+)`")


def test_the_checklist_counts_the_sentences() -> None:
    sections = re.split(r"^## ", CHECKLIST, flags=re.MULTILINE)[1:]
    assert [section.partition(".")[0] for section in sections] == [
        str(number) for number in range(1, len(sections) + 1)
    ]
    for section in sections:
        number = section.partition(".")[0]
        rows = [match[0] for match in ROW.findall(section)]
        assert rows == [f"{number}.{place}" for place in range(1, len(rows) + 1)]
    lines = [line for line in CHECKLIST.splitlines() if re.match(r"\| [0-9]", line)]
    assert len(lines) == len(ROW.findall(CHECKLIST)) > 80


@pytest.mark.parametrize("row", ROW.findall(CHECKLIST), ids=lambda row: row[0])
def test_every_sentence_has_its_tests(row: tuple[str, str, str, str]) -> None:
    shown = row[3]
    tests = TEST.findall(shown)
    assert tests or shown.startswith("open: ")
    assert missing_tests(" ".join(f"<!-- test: {name} -->" for name in tests), "") == []
    assert shown.count("`") // 2 >= len(tests)
    assert len(re.findall(r"::", shown)) == len(tests), "a test is named in another way"


def test_what_is_open_is_missing() -> None:
    """A row must not stay open when what it waits for has come."""
    waiting = [(row[0], row[3]) for row in ROW.findall(CHECKLIST) if row[3].startswith("open: ")]
    missing = {number: re.match(r"open: `([\w/]+)`", text) for number, text in waiting}
    assert {number for number, match in missing.items() if match is None} <= {"4.3"}
    there = {n: match[1] for n, match in missing.items() if match and (ROOT / match[1]).exists()}
    assert there == {}


def test_the_checks_can_fail(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `title` here\n\n[x](#a-title-here) [y](#else) [z](gone.md#x)\n")
    assert broken_places(page, page.read_text()) == ["#else", "gone.md#x"]
    page.write_text("```{toctree}\n:hidden:\n\nName <other>\n```\n")
    (tmp_path / "other.md").touch()
    assert entries_of(page) == {tmp_path / "other.md"}
