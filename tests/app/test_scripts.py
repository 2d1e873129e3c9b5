"""start.sh, with programs in the place of Python that tell what they were given."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cyclone.app import Project, create_project

ENV = """\
# comments=are none
COOKIE_SECRET=x y
URL=mysql://a:$b@c/d?e=1&f=`2`#g
QUOTED="a 'b'"
export ONCE='c "d"'
EMPTY=
WITH-DASH=no
1ST=no
words
LAST=last\r"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A project whose path has spaces and a dash in front, in the directory that tests run in."""
    (tmp_path / "-o d d é").mkdir()
    return create_project(Project("foo", "foreman", target=str(tmp_path / "-o d d é")))


def start(directory: Path, python: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run start.sh from the directory above that of the project's, with a program for Python."""
    program = directory / "python"
    program.write_text(python)
    program.chmod(0o755)
    above = directory.parents[1]
    return subprocess.run(
        ["sh", "--", f"{directory.relative_to(above)}/start.sh", "--port=1"],
        cwd=above,
        env={"PATH": os.environ["PATH"], "PYTHON": str(program), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_start_sh_takes_from_env(directory: Path) -> None:
    (directory / ".env").write_text(ENV)
    # CDPATH has cd look elsewhere, too.
    (directory.parent / "elsewhere" / "-o d d é" / "foo").mkdir(parents=True)
    elsewhere = str(directory.parent / "elsewhere")
    done = start(
        directory, '#!/bin/sh\n[ "$1" = -c ] || { env; pwd; echo "$@"; }', CDPATH=elsewhere
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    for line in (
        "COOKIE_SECRET=x y",
        "URL=mysql://a:$b@c/d?e=1&f=`2`#g",
        "QUOTED=a 'b'",
        'ONCE=c "d"',
        "EMPTY=",
        "LAST=last",
        "DEBUG=yes",
    ):
        assert line in lines
    assert not any("no" in line.partition("=")[2:] for line in lines)
    assert lines[-2] == str(directory)
    assert lines[-1].startswith("-m cyclone run foo.web.Application ")
    assert lines[-1].endswith(" --reload --port=1")


def test_a_missing_cyclone_is_said(directory: Path) -> None:
    done = start(directory, "#!/bin/sh\nexit 1")
    assert done.returncode == 1
    assert "has no cyclone; README.rst says how to install it" in done.stderr


@pytest.mark.parametrize("skeleton", ["default", "foreman"])
def test_shells_understand_the_scripts(tmp_path: Path, skeleton: str) -> None:
    directory = create_project(Project("foo", skeleton, target=str(tmp_path)))
    scripts = [*directory.glob("*.sh"), *directory.glob("scripts/*")]
    assert scripts
    for script in scripts:
        assert script.read_text().startswith("#!/bin/sh\n")
        for shell in filter(shutil.which, ("sh", "dash", "bash", "busybox")):
            words = [shell, "sh"] if shell == "busybox" else [shell]
            subprocess.run([*words, "-n", script], check=True)


def test_shellcheck_finds_nothing(tmp_path: Path, program: Callable[..., str]) -> None:
    shellcheck = program("shellcheck")
    directory = create_project(Project("foo", target=str(tmp_path)))
    scripts = [*directory.glob("*.sh"), *directory.glob("scripts/*")]
    done = subprocess.run(
        [shellcheck, "--shell=sh", *scripts], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
