"""Projects from each skeleton, with an environment in which their scripts find cyclone."""

from __future__ import annotations

import site
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from cyclone.app import Project, create_project

MakeProject = Callable[[str], Path]


def make_environment(directory: Path) -> None:
    """An environment in ``.venv`` that has what this one has, without a package being fetched."""
    venv.create(directory / ".venv", with_pip=False, symlinks=True)
    (packages,) = (directory / ".venv").glob("lib/python*/site-packages")
    ours = [path for path in site.getsitepackages() if Path(path).is_dir()]
    lines = [f"import site; site.addsitedir({path!r})" for path in ours]
    (packages / "ours.pth").write_text("\n".join(lines) + "\n")
    for name in ("cyclone", "twistd"):
        script = directory / ".venv" / "bin" / name
        script.write_text(
            f"#!{directory / '.venv' / 'bin' / 'python'}\n"
            + Path(sys.executable).with_name(name).read_text().partition("\n")[2]
        )
        script.chmod(0o755)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> MakeProject:
    """The directory of a project made from a skeleton; one for each, which all tests use."""
    made: dict[str, Path] = {}

    def make(skeleton: str) -> Path:
        if skeleton not in made:
            target = str(tmp_path_factory.mktemp("projects"))
            name = f"my-{skeleton}"
            made[skeleton] = create_project(Project(name, skeleton, target=target))
            make_environment(made[skeleton])
        return made[skeleton]

    return make
