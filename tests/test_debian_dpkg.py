"""The Debian package as dpkg sees it: installed, upgraded, removed and purged, below a directory.

`make deb-test` does that with the package that is built, in a Debian of its own. Here the package
is put together without debhelper: of the maintainer scripts, the units and the configuration as
they are, and of a part of Twisted in place of all libraries. It takes seconds, and neither root nor
the network; only dpkg has to be there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path

import pytest

from .test_debian import DEBIAN, ROOT, load, read

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dpkg")]

#: What `twistd --help` and the list of plugins need, and the parts of Twisted that they do not.
LIBRARIES = (
    "twisted", "zope.interface", "attrs", "automat", "constantly", "hyperlink", "idna",
    "incremental", "packaging", "typing_extensions",
)  # fmt: skip
LEFT_OUT = {"test", "tests", "conch", "mail", "names", "web", "words"}
TREE = Path("usr/lib/cyclone")


def run(*command: object, status: int = 0, **environment: str) -> str:
    """Run a program; what it writes."""
    unwanted = ("PYTHON", "COV", "DPKG_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    done = subprocess.run(
        [str(word) for word in command],
        env={**kept, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, f"{command}: status {done.returncode}\n{done.stdout}"
    return done.stdout


def make_environment(tree: Path) -> None:
    """What `make deb` puts in /usr/lib/cyclone, with fewer libraries."""
    venv.create(tree, symlinks=True)
    (packages,) = tree.glob("lib/python*/site-packages")
    for name in LIBRARIES:
        for path in files(name) or ():
            if ".." in path.parts or LEFT_OUT & set(path.parts) or path.suffix == ".pyc":
                continue
            (packages / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path.locate(), packages / path)
    for source in ("cyclone/__init__.py", "twisted/plugins/cyclone_plugin.py"):
        (packages / source).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / "src" / source, packages / source)
    twistd = tree / "bin" / "twistd"
    twistd.write_text("#!python\nfrom twisted.scripts.twistd import run\nrun()\n")
    twistd.chmod(0o755)
    interpreter = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    load("relocate").main(str(tree), f"/{TREE}", str(interpreter), "twistd")


def control(version: str) -> str:
    """What debian/control says of the package, without what is known at the end of a build only."""
    fields = read("control").partition("\n\n")[2].splitlines()
    kept = [line for line in fields if not line.startswith(("Architecture:", "Depends:"))]
    more = ["Architecture: all", f"Version: {version}", "Maintainer: nobody <a@b.invalid>"]
    return "\n".join([kept[0], *more, *kept[1:], ""])


def lay_out(tree: Path, root: Path, version: str) -> None:
    """A directory that dpkg-deb makes a package of, with the environment `tree` in it."""
    shutil.copytree(tree, root / TREE, symlinks=True)
    units = root / "lib/systemd/system"
    for directory in (root / "etc/default", root / "DEBIAN", units):
        directory.mkdir(parents=True)
    shutil.copy(DEBIAN / "cyclone.default", root / "etc/default/cyclone")
    for kind in ("service", "socket"):
        shutil.copy(DEBIAN / f"cyclone@.{kind}", units)
    for script in ("postinst", "prerm", "postrm"):
        shutil.copy(DEBIAN / f"cyclone.{script}", root / "DEBIAN" / script)
        (root / "DEBIAN" / script).chmod(0o755)
    (root / "DEBIAN/conffiles").write_text("/etc/default/cyclone\n")
    (root / "DEBIAN/control").write_text(control(version))


@dataclass
class System:
    """A directory that dpkg takes for the root."""

    root: Path
    packages: dict[str, Path]

    def dpkg(self, *arguments: object, status: int = 0) -> str:
        force = "not-root,script-chrootless,bad-path,unsafe-io"
        options = [f"--root={self.root}", f"--force-{force}", "--log=/dev/null"]
        return run("dpkg", *options, *arguments, status=status)

    def install(self, version: str, status: int = 0) -> str:
        return self.dpkg("--install", self.packages[version], status=status)

    @property
    def tree(self) -> Path:
        return self.root / TREE

    def state(self) -> str:
        """The version that is installed, and how far."""
        query = ["dpkg-query", f"--root={self.root}", "--showformat=${Version} ${db:Status-Status}"]
        return run(*query, "--show", "cyclone")

    def commands(self) -> list[str]:
        """What the package's twistd knows."""
        # The script names the interpreter at its place in a real system.
        usage = run(self.tree / "bin/python3", self.tree / "bin/twistd", "--help", TZ="UTC")
        return usage.partition("Commands:")[2].split()

    def prepared(self) -> bool:
        """Whether modules are compiled, and the list of plugins is written."""
        (plugins,) = self.tree.glob("lib/python*/site-packages/twisted/plugins")
        return (plugins / "dropin.cache").exists() and any(plugins.glob("__pycache__/cyclone_*"))

    def inventory(self) -> dict[str, str]:
        """All that is there, but what dpkg keeps for itself."""
        return {
            path.relative_to(self.root).as_posix(): (
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "directory"
            )
            for path in self.root.rglob("*")
            if not path.is_relative_to(self.root / "var/lib/dpkg")
        }


@pytest.fixture(scope="module")
def packages(
    tmp_path_factory: pytest.TempPathFactory, program: Callable[..., str]
) -> dict[str, Path]:
    """Three versions: the first has a module more, the last one cannot be installed."""
    program("dpkg")
    where = tmp_path_factory.mktemp("packages")
    make_environment(where / "tree")
    made = {}
    for version in ("1", "2", "3"):
        root = where / version
        lay_out(where / "tree", root, version)
        if version == "1":
            (module,) = root.glob(f"{TREE}/lib/python*/site-packages/cyclone")
            (module / "left").mkdir()
            (module / "left/__init__.py").write_text("here = True\n")
        if version == "3":
            (root / "DEBIAN/preinst").write_text("#!/bin/sh\nexit 1\n")
            (root / "DEBIAN/preinst").chmod(0o755)
        made[version] = where / f"{version}.deb"
        run("dpkg-deb", "--root-owner-group", "-Znone", "--build", root, made[version])
    return made


@pytest.fixture
def system(tmp_path: Path, packages: dict[str, Path]) -> System:
    """A root with a Twisted of its own, and with an instance that was enabled."""
    root = tmp_path / "root"
    for name in ("updates", "info"):
        (root / "var/lib/dpkg" / name).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    twisted = root / "usr/lib/python3/dist-packages/twisted/plugins"
    twisted.mkdir(parents=True)
    (twisted / "twisted_web.py").write_text("# Debian's")
    (twisted / "dropin.cache").write_bytes(b"Debian's, too")
    return System(root, packages)


def test_upgraded_and_removed(system: System) -> None:
    before = system.inventory()
    system.install("1")
    assert system.state() == "1 installed"
    assert system.prepared()
    assert list(system.tree.glob("lib/python*/site-packages/cyclone/left/__pycache__/*"))

    defaults = system.root / "etc/default/cyclone"
    defaults.write_text("CYCLONE_OPTIONS=--workers=2\n")
    output = system.install("2")
    assert "not empty" not in output
    assert system.state() == "2 installed"
    assert system.prepared()
    assert not list(system.tree.glob("lib/python*/site-packages/cyclone/left"))
    assert defaults.read_text() == "CYCLONE_OPTIONS=--workers=2\n"
    assert "cyclone" in system.commands()

    output = system.dpkg("--remove", "cyclone")
    assert "not empty" not in output
    assert not system.tree.exists()
    changed = system.inventory().items() - before.items()
    assert {name for name, _ in changed} == {"etc", "etc/default", "etc/default/cyclone"}
    system.dpkg("--purge", "cyclone")
    assert system.inventory() == before


def test_an_upgrade_that_fails_leaves_what_was_there(system: System) -> None:
    system.install("2")
    system.install("3", status=1)
    assert system.state() == "2 installed"
    assert system.prepared()
    assert "cyclone" in system.commands()


def test_what_others_have_made_outlives_the_purge(system: System) -> None:
    system.install("2")
    wants = system.root / "etc/systemd/system/multi-user.target.wants"
    state = system.root / "var/lib/cyclone/shop"
    for directory in (wants, state):
        directory.mkdir(parents=True)
    (system.root / "etc/default/cyclone-shop").touch()
    # The new place of units, and the old one.
    for number, place in enumerate(("/usr/lib", "/lib")):
        (wants / f"cyclone@{number}.service").symlink_to(f"{place}/systemd/system/cyclone@.service")
    (wants / "other.service").symlink_to("/lib/systemd/system/other.service")
    system.dpkg("--purge", "cyclone")
    assert os.listdir(wants) == ["other.service"]
    assert state.is_dir()
    assert os.listdir(system.root / "etc/default") == ["cyclone-shop"]
