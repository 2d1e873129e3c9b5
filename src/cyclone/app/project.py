"""From names to a directory with a project in it."""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cyclone import __version__

from .layers import SKELETONS, files_of
from .licenses import clean, default_license, header
from .naming import ProjectError, check_project_name, check_version, module_name
from .rendering import render
from .secret import cookie_secret

__all__ = ["Project", "create_project"]

#: What nobody but the owner and the group may read.
_PRIVATE = frozenset(("local.conf", ".env"))
_LONGEST_LICENSE = 1024 * 1024
#: What names another repository to git, in a hook of that one.
_OTHER_REPOSITORY = frozenset(
    (
        "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX",
        "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE",
    )
)  # fmt: skip
#: Seconds that git may take.
_PATIENCE = 60


@dataclass(frozen=True)
class Project:
    """What to make.

    Attributes:
        name: of the project, and of its directory.
        skeleton: a key of `SKELETONS`.
        module: name of its Python package; None: the project's.
        version: of the project.
        version_in_name: the directory is called ``name-version``.
        target: directory that the project's is made in.
        license: path of a file to append in place of the Apache License's notice.
        git: make it a git repository.
    """

    name: str
    skeleton: str = "default"
    module: str | None = None
    version: str = "0.1"
    version_in_name: bool = False
    target: str = "."
    license: str | None = None
    git: bool = False


def create_project(project: Project) -> Path:
    """Make a project, and return the path of its directory, which was not there before.

    If that fails nothing is left of it.

    Raises:
        ProjectError: it cannot be made; the message says why.
    """
    name = check_project_name(project.name)
    if project.skeleton not in SKELETONS:
        known = ", ".join(SKELETONS)
        raise ProjectError(f"there is no skeleton {project.skeleton!r}; there are: {known}")
    module = module_name(name, project.module)
    version = check_version(project.version)
    if project.git and shutil.which("git") is None:
        raise ProjectError("--git needs the program git, which is not installed")
    values = _values(project, name, module, version)
    directory = _make_directory(Path(project.target), values["directory"])
    try:
        _fill(directory, project.skeleton, values)
        if project.git:
            _make_repository(directory)
    except OSError as error:
        shutil.rmtree(directory, ignore_errors=True)
        raise ProjectError(f"the project cannot be written: {error}") from error
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return directory


def _values(project: Project, name: str, module: str, version: str) -> Mapping[str, str]:
    year = datetime.date.today().year
    author, email = _author() if project.git else ("", "")
    holder = author or f"The authors of {name}"
    text = _license_text(project.license) or default_license(year, holder)
    return {
        "project": name,
        "directory": f"{name}-{version}" if project.version_in_name else name,
        "modname": module,
        "version": version,
        "author": f"{author} <{email}>" if author and email else holder,
        "license": header(text, year, holder),
        "license_text": text.strip("\n"),
        "cookie_secret": cookie_secret(),
        "cyclone_version": __version__,
        "underline": "=" * len(name),
    }


def _license_text(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            data = file.read(_LONGEST_LICENSE + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ProjectError(f"the license {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ProjectError(f"the license {path} is no text in UTF-8") from None
    if len(data) > _LONGEST_LICENSE:
        raise ProjectError(f"the license {path} has more than {_LONGEST_LICENSE} bytes")
    if not text.strip():
        raise ProjectError(f"the license {path} is empty")
    if any(unicodedata.category(c) == "Cc" and c not in "\t\n\r\f" for c in text):
        raise ProjectError(f"the license {path} holds control characters")
    return "\n".join(text.splitlines()) + "\n"


def _author() -> tuple[str, str]:
    """Whose project it is by what git knows."""
    return clean(_git("config", "user.name").stdout), clean(_git("config", "user.email").stdout)


def _git(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {n: value for n, value in os.environ.items() if n not in _OTHER_REPOSITORY}
    try:
        return subprocess.run(
            ["git", *words],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ProjectError(f"git {words[0]} takes more than {_PATIENCE} seconds") from None


def _make_directory(target: Path, name: str) -> Path:
    directory = target / name
    try:
        directory.mkdir()
    except FileExistsError:
        raise ProjectError(
            f"{directory} exists already: remove it, or choose another name or --target"
        ) from None
    except FileNotFoundError as error:
        if target.is_dir():  # where nobody makes directories, such as /proc
            raise ProjectError(f"{directory} cannot be made: {error.strerror}") from error
        raise ProjectError(f"the target {target} does not exist") from None
    except NotADirectoryError:
        raise ProjectError(f"the target {target} is no directory") from None
    except OSError as error:
        raise ProjectError(f"{directory} cannot be made: {error.strerror}") from error
    return directory


def _fill(directory: Path, skeleton: str, values: Mapping[str, str]) -> None:
    for file in files_of(skeleton):
        path = directory / render(file.path, values)
        path.parent.mkdir(parents=True, exist_ok=True)
        data = file.source.read_bytes()
        if file.rendered:
            data = render(data.decode(), values).encode()
        mode = 0o755 if file.executable else 0o640 if path.name in _PRIVATE else 0o644
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as target:
            target.write(data)


def _make_repository(directory: Path) -> None:
    for command in (["init", "--quiet"], ["add", "--all"]):
        done = _git(*command, cwd=directory)
        if done.returncode:
            raise ProjectError(f"git {command[0]} failed: {clean(done.stderr)}")
