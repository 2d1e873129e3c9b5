"""Makes new projects: ``python -m cyclone.app -p NAME``, or ``cyclone app -p NAME`` (cyclone 1.x).

A project is put together from directories below ``skeletons``, which `layers` lists; what is in
them are plain files.  One whose name ends in ``.in`` loses that, and its ``@@names@@`` are
replaced; the others are copied byte for byte.

    arguments   the command line, of both commands
    naming      which names projects, modules and versions may have (pure)
    licenses    what stands at the head of each file (pure)
    rendering   ``@@name@@`` (pure)
    layers      which files a skeleton has
    project     `create_project`: a directory that was not there before
    secret      `cookie_secret`
    sample      the program of ``--new``
"""

from __future__ import annotations

from .arguments import add_arguments, main, run
from .layers import SKELETONS
from .naming import ProjectError
from .project import Project, create_project
from .secret import cookie_secret

__all__ = [
    "SKELETONS",
    "Project",
    "ProjectError",
    "add_arguments",
    "cookie_secret",
    "create_project",
    "main",
    "run",
]
