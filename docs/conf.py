"""How Sphinx builds these pages: ``make docs``."""

from __future__ import annotations

import contextlib
import typing
from pathlib import Path
from typing import Any

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
        function.__annotations__ = typing.get_type_hints(function)


#: Pages that index.md has a place for, and that need not be there yet.
COMING = ["projects", "deployment", "workers", "tls", "monitoring", "debian"]


def leave_out_what_is_coming(app: Any, page: str, source: list[str]) -> None:
    """Take pages that are not there yet out of the table of contents."""
    for name in COMING if page == "index" else []:
        if not (Path(app.srcdir) / f"{name}.md").exists():
            source[0] = source[0].replace(f"\n{name}\n", "\n")


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", leave_out_what_is_coming)
    app.connect("autodoc-before-process-signature", resolve_annotations)
    return {"parallel_read_safe": True}
