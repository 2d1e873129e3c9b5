"""The Debian package: what can be seen without building it.

Building downloads all libraries, and a clean system to install into is larger still. That takes
some minutes, and is done by hand: `make deb-test`. What dpkg and the maintainer scripts do is in
`test_debian_dpkg`.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import cyclone

ROOT = Path(__file__).parents[1]
DEBIAN = ROOT / "debian"
SHELL = ["cyclone.postinst", "cyclone.prerm", "cyclone.postrm", "tests/smoke"]


def read(name: str) -> str:
    return (DEBIAN / name).read_text("utf-8")


def load(name: str) -> ModuleType:
    """One of the programs that debian/rules runs."""
    spec = importlib.util.spec_from_file_location(f"debian_{name}", DEBIAN / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_its_version_is_that_of_cyclone() -> None:
    match = re.match(r"cyclone \(([^)]+)\) \w+; urgency=\w+\n", read("changelog"))
    assert match is not None
    # What comes before a release is smaller for dpkg if a tilde stands before it.
    assert match[1] == re.sub(r"\.?(dev|a|b|rc)(?=[0-9])", r"~\1", cyclone.__version__)


def test_dpkg_reads_the_changelog(program: Callable[..., str]) -> None:
    reader = program("dpkg-parsechangelog")
    command = [reader, "-l", str(DEBIAN / "changelog"), "--show-field", "Version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"({done.stdout.strip()})" in read("changelog")


@pytest.mark.parametrize("name", SHELL)
def test_scripts_are_shell_and_stop_at_errors(name: str) -> None:
    done = subprocess.run(["sh", "-n", DEBIAN / name], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^set -eu?$", read(name), re.MULTILINE)
    assert name.startswith("tests/") or "\n#DEBHELPER#\n" in read(name)


def test_files_that_are_named_are_there() -> None:
    for listing in ("cyclone.docs", "cyclone.examples", "cyclone.manpages"):
        names = read(listing).split()
        assert names
        assert [name for name in names if not (ROOT / name).is_file()] == []
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (parts,) = re.findall(r"^DEB_PARTS := (.*)$", makefile, re.MULTILINE)
    assert [name for name in parts.split() if not (ROOT / name).exists()] == []


def test_extras_and_libraries_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (extras,) = re.findall(r"^EXTRAS := (.*)$", read("rules"), re.MULTILINE)
    # Not those for development; and that driver is a library, since it uses Debian's libpq.
    others = {"demos", "test", "bench", "docs", "dev", "postgresql"}
    assert set(extras.split(",")) == project["optional-dependencies"].keys() - others
    pins = (ROOT / "constraints.txt").read_text("utf-8").lower()
    (libraries,) = re.findall(r"^LIBRARIES := (.*)$", read("rules"), re.MULTILINE)
    assert [name for name in libraries.split() if f"\n{name}==" not in pins] == []


def test_commands_are_programs_that_stay() -> None:
    (programs,) = re.findall(r"^PROGRAMS := (.*)$", read("rules"), re.MULTILINE)
    links = dict(line.split() for line in read("cyclone.links").splitlines())
    assert set(links.values()) == {"usr/bin/cyclone", "usr/bin/cyclone-twistd"}
    assert {target.rpartition("/")[2] for target in links} <= set(programs.split())
    # Debian's own twistd is another's.
    assert "usr/bin/twistd" not in links.values()


def test_the_service_runs_cyclone_with_the_sockets_of_systemd() -> None:
    service, socket = read("cyclone@.service"), read("cyclone@.socket")
    assert "\nRequires=cyclone@%i.socket\n" in service
    assert "\nListenStream=/run/cyclone/%i.sock\n" in socket
    (command,) = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
    program, *arguments = command.split()
    assert program == "/usr/bin/cyclone"
    settings = dict(re.findall(r"^Environment=(CYCLONE_\w+)=(.*)$", service, re.MULTILINE))
    words = [settings[word[1:]] if word.startswith("$") else word for word in arguments]
    assert words == ["run", "--systemd", "--workers=auto", "app.py"]
    defaults = read("cyclone.default")
    assert [name for name in settings if f"\n#{name}={settings[name]}\n" not in defaults] == []
    usage = subprocess.run(
        [sys.executable, "-m", "cyclone", "run", "--help"],
        capture_output=True,
        text=True,
        timeout=30,
    ).stdout
    assert all(word.partition("=")[0] in usage for word in words if word.startswith("--"))


def test_systemd_finds_nothing_wrong_with_the_units(
    tmp_path: Path, program: Callable[..., str]
) -> None:
    analyze = program("systemd-analyze")
    for kind in ("service", "socket"):
        text = read(f"cyclone@.{kind}").replace("/usr/bin/cyclone ", "/bin/true ")
        text = re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE)
        (tmp_path / f"cyclone@.{kind}").write_text(text.replace("%i", "shop"))
        (tmp_path / f"cyclone@shop.{kind}").write_text(text.replace("%i", "shop"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / "cyclone@shop.service")],
        capture_output=True,
        text=True,
        timeout=30,
    )
    ours = [line for line in done.stderr.splitlines() if "cyclone@" in line]
    assert ours == []


# --- the environment is moved ---------------------------------------------------------------------


def environment(tmp_path: Path) -> Path:
    """What is left of a virtual environment, with one program too many."""
    tree = tmp_path / "made" / "here"
    info = tree / "lib" / "python3.11" / "site-packages" / "x-1.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text(f"{tree}/bin/pip")
    (info / "METADATA").write_text("Name: x")
    (tree / "bin").mkdir()
    for name in ("cyclone", "pip"):
        (tree / "bin" / name).write_text(f"#!{tree}/bin/python\nimport x\n")
    (tree / "bin" / "python").symlink_to(sys.executable)
    (tree / ".gitignore").write_text("*\n")
    (tree / "pyvenv.cfg").write_text(f"home = /usr/bin\ncommand = python -m venv {tree}\n")
    return tree


def test_the_environment_forgets_where_it_was_made(tmp_path: Path) -> None:
    tree = environment(tmp_path)
    load("relocate").main(str(tree), "/usr/lib/cyclone", "/usr/bin/python3.11", "cyclone")
    programs = {path.name for path in (tree / "bin").iterdir()}
    assert programs == {"cyclone", "python", "python3", "python3.11"}
    script = (tree / "bin" / "cyclone").read_text()
    assert script == "#!/usr/lib/cyclone/bin/python3\nimport x\n"
    assert (tree / "bin" / "python3.11").readlink() == Path("/usr/bin/python3.11")
    assert (tree / "pyvenv.cfg").read_text() == "home = /usr/bin\n"
    files = [path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]
    assert {path.name for path in files} == {"cyclone", "pyvenv.cfg", "METADATA"}


def test_what_cannot_be_moved_is_an_error(tmp_path: Path) -> None:
    relocate = load("relocate").main
    tree = environment(tmp_path)
    (tree / "lib" / "note").write_text(str(tree))
    with pytest.raises(SystemExit, match="note says where it was made"):
        relocate(str(tree), "/usr/lib/cyclone", "/usr/bin/python3.11", "cyclone")
    tree = environment(tmp_path / "second")
    with pytest.raises(SystemExit, match="should have, but has not: twistd"):
        relocate(str(tree), "/usr/lib/cyclone", "/usr/bin/python3.11", "cyclone", "twistd")


def test_a_module_that_cannot_be_loaded_is_an_error(tmp_path: Path) -> None:
    program = [sys.executable, str(DEBIAN / "loadable.py"), str(tmp_path)]
    nothing = subprocess.run(program, capture_output=True, text=True, timeout=30)
    assert (nothing.returncode, nothing.stdout) == (1, "0 extension modules, 0 of them bad\n")
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "spoilt.abi3.so").write_bytes(b"\x7fELF")
    spoilt = subprocess.run(program, capture_output=True, text=True, timeout=30)
    assert (spoilt.returncode, spoilt.stdout) == (1, "1 extension modules, 1 of them bad\n")
    assert "spoilt.abi3.so cannot be loaded: ImportError" in spoilt.stderr
