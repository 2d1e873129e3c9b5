"""The distributions: what is in them, and what an installation does to Twisted's own files.

The wheel is built once, installed into an environment that has nothing else, used, and removed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.markers import Marker

import cyclone

ROOT = Path(__file__).parents[1]
PLUGINS = {"cyclone_plugin.py", "cyclone_reactors.py"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    # One worker does all of this file, so that the wheel is built and installed once.
    pytest.mark.xdist_group("packaging"),
]


def run(args: Sequence[str | Path], cwd: Path, status: int = 0) -> str:
    """Run a command without what leads Python to the source tree; return all it writes."""
    unwanted = ("PYTHON", "COV", "PIP_REQUIRE")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    result = subprocess.run(
        args,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == status, f"{args}: status {result.returncode}\n{result.stdout}"
    return result.stdout


# --- what is in them -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the source distribution, and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    # The source distribution first and the wheel from it, which shows that it is complete.
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT], out)
    return out


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    """The wheel."""
    (path,) = dist.glob("cyclone-*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """The names of the files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    """The wheel's METADATA."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_has_the_package_and_the_plugins_and_nothing_else(names: set[str]) -> None:
    info = f"cyclone-{cyclone.__version__}.dist-info/"
    rest = {name for name in names if not name.startswith(("cyclone/", info))}
    assert rest == {f"twisted/plugins/{name}" for name in PLUGINS}
    assert not [name for name in names if "__pycache__" in name or name.endswith("dropin.cache")]


def test_the_wheel_has_every_module(names: set[str]) -> None:
    source = ROOT / "src"
    modules = {path.relative_to(source).as_posix() for path in source.glob("cyclone/**/*.py")}
    assert modules | {"cyclone/py.typed"} <= names


def test_metadata(metadata: Message) -> None:
    assert metadata["Name"] == "cyclone"
    assert metadata["Version"] == cyclone.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_description_stands_by_itself(metadata: Message) -> None:
    """A package index has no files beside it: what the README links to and shows is not there."""
    text = metadata.get_payload()
    assert isinstance(text, str)
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "async def get(self):" in text and "- WebSockets, server-sent events, channels" in text
    assert re.findall(r"\]\((?!\w+:)", text) == []
    assert "How this was measured" not in text
    assert text.rstrip().endswith("see LICENSE.")


def test_little_is_needed(metadata: Message) -> None:
    needed = {
        re.match(r"[\w.-]+(\[[\w,]+\])?", r)[0]  # type: ignore[index]
        for r in metadata.get_all("Requires-Dist", [])
        if "extra ==" not in r
    }
    assert needed == {"twisted[tls]", "httptools", "multipart", "defusedxml", "uvloop"}


def test_requirements_have_no_upper_bounds(metadata: Message) -> None:
    requirements = [r.partition(";")[0] for r in metadata.get_all("Requires-Dist", [])]
    assert any(r.startswith("twisted[tls]>=") for r in requirements)
    assert not [r for r in requirements if any(sign in r for sign in ("<", "==", "~="))]


def test_the_source_distribution_can_be_worked_on(dist: Path) -> None:
    (path,) = dist.glob("cyclone-*.tar.gz")
    with tarfile.open(path) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "LICENSE",
        "Makefile",
        "README.md",
        "constraints.txt",
        "pyproject.toml",
        "src/twisted/plugins/cyclone_plugin.py",
        "tests/test_packaging.py",
    } <= inside
    assert not [name for name in inside if name.endswith(("dropin.cache", ".pyc"))]


def test_the_editable_installation_offers_the_plugin(tmp_path: Path) -> None:
    twistd = Path(sys.executable).with_name("twistd")
    assert "cyclone" in run([twistd, "--help"], tmp_path).partition("Commands:")[2].split()


# --- the installation ----------------------------------------------------------------------------


class Environment:
    """A virtual environment with cyclone in it, from the wheel."""

    def __init__(self, path: Path, wheel: Path) -> None:
        self.path = path
        venv.create(path, with_pip=True)
        self.python = path / "bin" / "python"
        # Twisted first and alone, so that what our wheel does to its files can be seen.
        self.pip("install", "twisted[tls]")
        (self.twisted,) = path.glob("lib/python*/site-packages/twisted")
        self.before = self.files()
        self.pip("install", str(wheel))

    def pip(self, command: str, *args: str) -> None:
        options = ["-q", "--disable-pip-version-check"]
        if command == "install":
            options += ["--no-compile", "-c", str(ROOT / "constraints.txt")]
        self.run(["-m", "pip", command, *options, *args])

    def run(self, args: Sequence[str], status: int = 0) -> str:
        return run([self.python, *args], self.path, status)

    def script(self, name: str, *args: str) -> str:
        return run([self.path / "bin" / name, *args], self.path)

    def files(self) -> dict[str, str]:
        """The files of Twisted with their digests, without those that it writes itself."""
        return {
            path.relative_to(self.twisted).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.twisted.rglob("*")
            if path.is_file() and path.suffix != ".pyc" and not path.name.startswith("dropin.cache")
        }


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """The environment that the tests below use in turn; the last one takes cyclone out of it."""
    return Environment(tmp_path_factory.mktemp("environment"), wheel)


def test_only_the_plugins_are_added_to_twisted(environment: Environment) -> None:
    now = environment.files()
    assert now.keys() - environment.before.keys() == {f"plugins/{name}" for name in PLUGINS}
    assert {name: now[name] for name in environment.before} == environment.before


def test_the_installed_package_is_the_one_that_runs(environment: Environment) -> None:
    where = environment.run(["-c", "import cyclone.web; print(cyclone.web.__file__)"])
    assert Path(where.strip()).is_relative_to(environment.path)


def test_importing_installs_no_reactor(environment: Environment) -> None:
    code = "import sys, cyclone.web; print('twisted.internet.reactor' in sys.modules)"
    assert environment.run(["-c", code]).strip() == "False"


def test_twistd_knows_cyclone(environment: Environment) -> None:
    assert "cyclone" in environment.script("twistd", "--help").partition("Commands:")[2].split()
    options = environment.script("twistd", "cyclone", "--help")
    for option in ("--port=", "--listen=", "--app=", "--appopts=", "--ssl-port=", "--ssl-cert="):
        assert option in options


IMPORT_ALL = """
import importlib, pkgutil, cyclone
for module in pkgutil.walk_packages(cyclone.__path__, "cyclone."):
    # Skeletons are files of projects, and what is called __main__ would run.
    if ".skeletons" not in module.name and not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            print(module.name, error)
"""


def test_a_module_without_its_library_names_the_extra(
    environment: Environment, metadata: Message
) -> None:
    lines = environment.run(["-W", "error", "-c", IMPORT_ALL]).splitlines()
    extras = [re.search(r" needs .*: pip install 'cyclone\[([a-z]+)\]'$", line) for line in lines]
    assert [line for line, extra in zip(lines, extras, strict=True) if extra is None] == []
    missing = {extra[1] for extra in extras if extra is not None}
    assert {"redis", "mysql", "postgresql", "mongo", "metrics", "otel", "locale"} <= missing
    assert missing <= set(metadata.get_all("Provides-Extra", []))


def test_pypy_is_not_asked_for_modules_in_c(metadata: Message) -> None:
    markers = dict(
        line.split("; ", 1) for line in metadata.get_all("Requires-Dist", []) if ";" in line
    )
    (httptools,) = (mark for name, mark in markers.items() if name.startswith("httptools"))
    (uvloop,) = (mark for name, mark in markers.items() if name.startswith("uvloop"))
    for name, wanted in (("PyPy", False), ("CPython", True)):
        system = {"platform_python_implementation": name, "sys_platform": "linux"}
        assert Marker(httptools).evaluate(system) is wanted
        assert Marker(uvloop).evaluate(system) is wanted


@pytest.mark.parametrize("command", [["-m", "cyclone", "--version"], ["bin/cyclone", "--version"]])
def test_the_command_tells_the_version(environment: Environment, command: list[str]) -> None:
    assert cyclone.__version__ in environment.run(command)


def test_new_projects(environment: Environment, names: set[str], tmp_path: Path) -> None:
    source = ROOT / "src" / "cyclone" / "app" / "skeletons"
    for path in source.rglob("*"):
        if path.is_file():
            assert path.relative_to(ROOT / "src").as_posix() in names
    environment.run(["bin/cyclone", "app", "-p", "shop", "-a", "signup", "-t", str(tmp_path)])
    assert (tmp_path / "shop" / ".gitignore").is_file()
    assert (tmp_path / "shop/frontend/locale/pt_BR/LC_MESSAGES/shop.mo").is_file()
    assert environment.run(["-m", "cyclone.app", "-n"]).startswith("# Copyright")


def test_types_are_there_for_others(environment: Environment, tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "app.py").write_text("from cyclone import version\nreveal_type(version)\n")
    args = ["--python-executable", str(environment.python), "--cache-dir", str(tmp_path / "cache")]
    found = run([sys.executable, "-m", "mypy", "--strict", *args, "app.py"], tmp_path)
    assert 'Revealed type is "str"' in found.replace("builtins.", "")


def test_uninstalling_leaves_twisted_as_it_was(environment: Environment) -> None:
    # Let Twisted write its cache of plugins, with ours in it.
    environment.script("twistd", "--help")
    assert (environment.twisted / "plugins" / "dropin.cache").exists()
    environment.pip("uninstall", "--yes", "cyclone")

    assert environment.files() == environment.before
    code = "import twisted, twisted.plugins, twisted.web.server; print(twisted.__file__)"
    assert environment.run(["-c", code]).strip().endswith("twisted/__init__.py")
    environment.run(["-c", "import cyclone"], status=1)
    commands = environment.script("twistd", "--help").partition("Commands:")[2].split()
    assert "web" in commands
    assert "cyclone" not in commands
    shutil.rmtree(environment.path)
