"""How Sphinx builds these pages: ``make docs``."""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import re
import typing
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.pycode import ModuleAnalyzer

import cyclone

project = "cyclone"
author = "The cyclone authors"
project_copyright = author
version = release = cyclone.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_parser"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}

myst_heading_anchors = 3
suppress_warnings = [
    # Links to files of the project that are not pages (the licence, demos) stay links. Whether
    # they lead somewhere is looked at by tests/test_documents.py.
    "myst.xref_missing",
]

# What stands in single backticks is a name, and leads to what it names if that is described.
default_role = "py:obj"

# An attribute described in the docstring of its class is not described once more by itself.
napoleon_use_ivar = True

autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "furo"
html_title = f"cyclone {release}"
# The words are found by the browser alone, and no page needs anything from another server.
html_copy_source = False
html_show_sourcelink = False


def resolve_annotations(app: Any, function: Any, bound_method: bool) -> None:
    """Give functions their annotations as types: those of constructors would stay text."""
    with contextlib.suppress(AttributeError, NameError, TypeError):
        hints = typing.get_type_hints(function)
        if hints.get("return") is type(None):  # goes without saying
            del hints["return"]
        function.__annotations__ = hints


def leave_out_rooms(
    app: Any, what: str, name: str, module: Any, options: Any, lines: list[str]
) -> None:
    """Take the lists of a package's modules out of its docstring: they are for who works on it."""
    if what != "module" or not hasattr(module, "__path__"):
        return
    rooms = {room.name for room in pkgutil.iter_modules(module.__path__)}
    kept = []
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines)):
        first = re.match(r"\s*(\w+) {2,}", paragraph)
        if (first and first[1] in rooms) or paragraph.startswith("Rooms:"):
            continue
        kept.append(re.sub(r"\s*\bThe rooms\b[^.]*:$", "", paragraph))
    lines[:] = "\n\n".join(kept).split("\n")


def explain_values(
    app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Give a value that a package has from one of its modules the comment that stands there.

    Otherwise it would have the docstring of its type.
    """
    package, _, attribute = name.rpartition(".")
    if what != "data" or not hasattr(importlib.import_module(package), "__path__"):
        return
    lines.clear()
    for room in pkgutil.iter_modules(importlib.import_module(package).__path__):
        analyzer = ModuleAnalyzer.for_module(f"{package}.{room.name}")
        lines += analyzer.find_attr_docs().get(("", attribute), [])


def shorten_differences(app: Any, doctree: nodes.document) -> None:
    """Begin what has changed in a file with that: the names say where the pages were built."""
    for block in doctree.findall(nodes.literal_block):
        text = block.astext()
        if text.startswith("--- "):
            block.rawsource = text.split("\n", 2)[2]
            block.children = [nodes.Text(block.rawsource)]


DOCS = Path(__file__).parent.resolve()
DEMOS = DOCS.parent / "demos"


def page_of(target: Path) -> Path | None:
    """The page that shows a file of the project, if one does."""
    if target.name == "README.md" and target.is_relative_to(DEMOS):
        name = "-".join(target.parent.relative_to(DEMOS).parts) or "index"
        target = DOCS / "demos" / f"{name}.md"
    return target if target.is_relative_to(DOCS) and target.suffix == ".md" else None


def show_demos(app: Any, page: str, source: list[str]) -> None:
    """Put the readme of a demo into its page, and have links to demos lead to their pages."""
    here = origin = (DOCS / page).parent
    text = source[0]
    if included := re.match(r"```\{include\} (\S*demos/\S*README\.md)\n```\n", text):
        readme = here / included[1]
        app.env.note_dependency(str(readme))
        origin = readme.parent.resolve()
        name = origin.relative_to(DEMOS.parent).as_posix()
        title, _, rest = readme.read_text("utf-8").partition("\n")
        text = f"{title}\n\nIn a checkout: `{name}`.\n{rest}{text[included.end() :]}"

    def lead(link: re.Match[str]) -> str:
        words, target, place = link[1], link[2], link[3] or ""
        if ":" in target:
            return link[0]
        file = (origin / target).resolve()
        found = page_of(file)
        if found is None:  # a file that no page shows
            return link[0] if origin == here else words
        return f"[{words}]({os.path.relpath(found, here)}{place})"

    if origin != here or "/demos/" in text:
        source[0] = re.sub(r"\[([^]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)", lead, text)


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", show_demos)
    app.connect("doctree-read", shorten_differences)
    app.connect("autodoc-process-docstring", leave_out_rooms)
    app.connect("autodoc-process-docstring", explain_values)
    app.connect("autodoc-before-process-signature", resolve_annotations, priority=400)
    return {"parallel_read_safe": True}
