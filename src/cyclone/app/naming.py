"""Which names projects, modules and versions may have."""

from __future__ import annotations

import keyword
import re
import sys

__all__ = ["ProjectError", "check_project_name", "check_version", "module_name"]

#: Directories that stand beside the module.
_DIRECTORIES = ("frontend", "tools", "scripts", "deploy", "tests", "var")
#: Libraries of cyclone, which it would hide.
_LIBRARIES = (
    "cyclone", "twisted", "zope", "attr", "attrs", "automat", "constantly", "hyperlink", "idna",
    "incremental", "openssl", "cryptography", "service_identity", "typing_extensions", "httptools",
    "multipart", "defusedxml", "uvloop", "brotli", "zstandard", "babel", "joserfc", "txredisapi",
    "psycopg", "psycopg_binary", "psycopg_pool", "pymysql", "txmongo", "pymongo", "bson", "gridfs",
    "dns", "websockets", "prometheus_client", "opentelemetry", "cffi", "pycparser", "packaging",
    "six", "bcrypt", "pip", "setuptools", "honcho",
)  # fmt: skip

_PROJECT = re.compile(r"[0-9a-z][0-9a-z_-]*", re.IGNORECASE | re.ASCII)
_MODULE = re.compile(r"[a-z_][0-9a-z_]*", re.IGNORECASE | re.ASCII)
_VERSION = re.compile(
    r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?(\+[0-9a-z]+(\.[0-9a-z]+)*)?"
)
_LONGEST = 64


class ProjectError(Exception):
    """A project cannot be made; the message says why, and what would do."""


def check_project_name(name: str) -> str:
    """Return the name of a project if it may have it.

    Raises:
        ProjectError: it may not.
    """
    if not _PROJECT.fullmatch(name):
        raise ProjectError(
            f"{name!r} cannot be the name of a project: "
            "it has letters (a to z), digits, _ and -, and begins with a letter or a digit"
        )
    if len(name) > _LONGEST:
        raise ProjectError(f"the name of a project has at most {_LONGEST} letters")
    return name


def module_name(project: str, given: str | None) -> str:
    """The name of the project's Python package.

    Args:
        given: what was asked for; None for the project's name, with ``_`` in place of ``-``.

    Raises:
        ProjectError: a package cannot have that name.
    """
    name = project.replace("-", "_") if given is None else given
    problem = _problem(name)
    if problem is None:
        return name
    advice = "choose another with --modname=NAME" if given is None else "choose another"
    raise ProjectError(f"{name!r} cannot be the name of the module: {problem}; {advice}")


def _problem(name: str) -> str | None:
    if not _MODULE.fullmatch(name):
        return "it has letters (a to z), digits and _, and does not begin with a digit"
    if len(name) > _LONGEST:
        return f"it has at most {_LONGEST} letters"
    if keyword.iskeyword(name) or name in ("None", "True", "False"):
        return "it is a word of Python"
    if name.startswith("__") and name.endswith("__"):
        return "Python keeps such names for itself"
    if name.lower() in (*_DIRECTORIES, *_LIBRARIES):
        return "it would be in the way of another part of the project or of its libraries"
    if name in sys.stdlib_module_names or name.lower() in sys.stdlib_module_names:
        return "it would hide a module of Python's standard library"
    return None


def check_version(version: str) -> str:
    """Return a version if it is one (PEP 440, in its normal form).

    Raises:
        ProjectError: it is none.
    """
    if not _VERSION.fullmatch(version) or len(version) > _LONGEST:
        raise ProjectError(f"{version!r} is no version: 0.1, 1.0.2 and 2.0rc1 are")
    return version
