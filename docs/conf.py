"""How Sphinx builds these pages: ``make docs``."""

from __future__ import annotations

import cyclone

project = "cyclone"
author = "The cyclone authors"
project_copyright = author
version = release = cyclone.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_parser"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}

myst_heading_anchors = 3
# Links to files of the project that are not pages (the licence, CONTRIBUTING.md) stay links.
suppress_warnings = ["myst.xref_missing"]

# An attribute described in the docstring of its class is not described once more by itself.
napoleon_use_ivar = True

autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "furo"
html_title = f"cyclone {release}"
