"""The command line of ``python -m cyclone.app``, ``cyclone app`` and ``cyclone secret``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from cyclone import __version__, app, cli


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that the commands are given in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("main", [app.main, lambda words: cli.main(["app", *words])])
@pytest.mark.parametrize(
    ("words", "directory", "has"),
    [
        (["-p", "foobar"], "foobar", "foobar/web.py"),
        (["--project=foobar"], "foobar", "foobar.conf"),
        (["-p", "foo-bar"], "foo-bar", "foo_bar/web.py"),
        (["-p", "foo", "-m", "bar"], "foo", "bar/web.py"),
        (["-p", "2048", "--modname=game"], "2048", "game/web.py"),
        (["-p", "foo", "-v", "1.2", "-s"], "foo-1.2", "foo/web.py"),
        (["-p", "foo", "--version=1.2rc1", "--set-pkg-version"], "foo-1.2rc1", "foo/web.py"),
        (["-p", "foo", "-v", "1.2"], "foo", "foo/web.py"),
        (["-p", "foo", "-t", "sub"], "sub/foo", "foo/web.py"),
        (["-p", "foo", "--target=sub"], "sub/foo", "foo/web.py"),
        (["-p", "foo", "-f"], "foo", "Procfile"),
        (["-f", "-p", "foo"], "foo", ".env"),
        (["-p", "foo", "--foreman"], "foo", "Procfile"),
        (["-p", "foo", "-a", "foreman"], "foo", "Procfile"),
        (["-p", "foo", "--appskel=signup"], "foo", "foo/accounts.py"),
        (["-p", "foo", "-a", "default"], "foo", "scripts/debian-init.d"),
    ],
)
def test_options(
    here: Path, capsys: pytest.CaptureFixture[str], main, words: list[str], directory: str, has: str
) -> None:
    (here / "sub").mkdir()
    assert main(words) == 0
    assert (here / directory / has).is_file()
    assert directory in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-p", ""], "cannot be the name of a project"),
        (["-p", "-x"], "expected one argument"),
        (["-p", "../x"], "cannot be the name of a project"),
        (["-p", "a/b"], "cannot be the name of a project"),
        (["-p", "a b"], "cannot be the name of a project"),
        (["-p", "a\nb"], "cannot be the name of a project"),
        (["-p", "_a"], "cannot be the name of a project"),
        (["-p", "müll"], "cannot be the name of a project"),
        (["-p", "x" * 65], "at most 64"),
        (["-p", "2048"], "does not begin with a digit; choose another with --modname=NAME"),
        (["-p", "frontend"], "in the way"),
        (["-p", "tools"], "in the way"),
        (["-p", "Twisted"], "in the way"),
        (["-p", "cyclone"], "in the way"),
        (["-p", "attr"], "in the way"),
        (["-p", "json"], "standard library"),
        (["-p", "class"], "a word of Python"),
        (["-p", "x", "-m", "None"], "a word of Python"),
        (["-p", "Json"], "standard library"),
        (["-p", "x", "-m", "__main__"], "for itself"),
        (["-p", "x", "-m", "a-b"], "it has letters"),
        (["-p", "x", "-m", "a.b"], "it has letters"),
        (["-p", "x", "-m", ""], "it has letters"),
        (["-p", "x", "-m", "y" * 65], "at most 64"),
        (["-p", "x", "-v", ""], "is no version"),
        (["-p", "x", "-v", "../y", "-s"], "is no version"),
        (["-p", "x", "-v", "1.0/y"], "is no version"),
        (["-p", "x", "-v", "one"], "is no version"),
        (["-p", "x", "-v", "1" * 65], "is no version"),
        (["-p", "x", "-t", "missing"], "missing does not exist"),
        (["-p", "x", "-t", "file"], "file is no directory"),
        (["-p", "x", "-t", "/proc"], "/proc/x cannot be made: No such file or directory"),
        (["-p", "x", "-l", "missing"], "missing cannot be read: No such file"),
        (["-p", "x", "-l", "."], "cannot be read"),
        (["-p", "x", "-l", "latin"], "no text in UTF-8"),
        (["-p", "x", "-l", "empty"], "is empty"),
        (["-p", "x", "-l", "bell"], "holds control characters"),
        (["-p", "x", "-l", "huge"], "more than"),
        (["-p", "x", "-a", "maze"], "invalid choice: 'maze'"),
        (["-p", "x", "-a", "signup", "-f"], "not allowed with"),
        (["-p", "x", "-n"], "not allowed with"),
        (["-p", "x", "--frob"], "unrecognized arguments"),
        (["-p", "x", "more"], "unrecognized arguments"),
        (["-g"], "one of the arguments -p/--project -n/--new is required"),
        ([], "one of the arguments -p/--project -n/--new is required"),
        (["-p", "there"], "there exists already: remove it, or choose another name or --target"),
        (["-p", "afile"], "afile exists already"),
        (["-p", "dangling"], "dangling exists already"),
    ],
)
def test_mistakes(
    here: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    (here / "file").touch()
    (here / "afile").touch()
    (here / "there").mkdir()
    (here / "dangling").symlink_to("nowhere")
    (here / "latin").write_bytes(b"\xe4")
    (here / "empty").write_text(" \n")
    (here / "bell").write_text("a\x07")
    (here / "huge").write_bytes(b"x" * (1024 * 1024 + 1))
    before = sorted(here.rglob("*"))
    try:
        status = app.main(words)
    except SystemExit as exited:
        status = exited.code
    assert status == (1 if capsys_says(capsys, message) else 2)
    assert sorted(here.rglob("*")) == before


def capsys_says(capsys: pytest.CaptureFixture[str], message: str) -> bool:
    """Whether the message is ours rather than that of the parser; it has to be there."""
    out, err = capsys.readouterr()
    assert message in " ".join(err.split())
    assert out == ""
    assert "Traceback" not in err
    return err.startswith("cyclone app: ") and "usage:" not in err


@pytest.mark.parametrize(
    "command", [["-m", "cyclone.app", "-h"], ["-m", "cyclone", "app", "--help"]]
)
def test_help_names_all_options(command: list[str]) -> None:
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
    for letter, name in {
        "h": "help", "p": "project", "n": "new", "g": "git", "m": "modname", "v": "version",
        "s": "set-pkg-version", "t": "target", "l": "license", "a": "appskel", "f": "foreman",
    }.items():  # fmt: skip
        assert re.search(rf"^  -{letter}\b.*--{name}\b", done.stdout, re.MULTILINE), name
    for skeleton in app.SKELETONS:
        assert f"\n  {skeleton} " in done.stdout


def test_new_prints_a_program(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from cyclone.testing import Client

    assert app.main(["-n"]) == 0
    program = capsys.readouterr().out
    assert program.startswith("# Copyright 20")
    names: dict[str, object] = {}
    exec(compile(program, "hello.py", "exec"), names)
    client = Client(names["Application"]())  # type: ignore[operator]
    assert client.get("/").text == "Hello, world"


def test_secret(capsys: pytest.CaptureFixture[str]) -> None:
    secrets = set()
    for _ in range(3):
        assert cli.main(["secret"]) == 0
        secrets.add(capsys.readouterr().out)
    assert len(secrets) == 3
    assert all(re.fullmatch(r"[\w-]{43}\n", secret, re.ASCII) for secret in secrets)


# --- what is in a project -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("skeleton", "file"), [("default", "local.conf"), ("signup", "local.conf"), ("foreman", ".env")]
)
def test_each_project_has_a_secret_of_its_own(here: Path, skeleton: str, file: str) -> None:
    found = set()
    for name in ("one", "two"):
        app.main(["-p", name, "-a", skeleton])
        path = here / name / file
        assert path.stat().st_mode & 0o027 == 0, "others may read it"
        match = re.search(r"(?i)cookie_secret ?= ?([\w-]{43})$", path.read_text(), re.MULTILINE)
        found.add(match[1] if match else None)
        assert file in (here / name / ".gitignore").read_text().replace("/", "").split()
        others = [p for p in (here / name).rglob("*") if p.is_file() and p != path]
        assert not any(match and match[1].encode() in p.read_bytes() for p in others)
    assert len(found) == 2
    assert None not in found


def test_modules_are_not_called_like_libraries() -> None:
    """Not like those of Twisted and of the extras, which a project may need one day."""
    extras = {"auth", "compress", "locale", "redis", "postgresql", "mysql", "mongo", "metrics"}
    for name in top_level_names("cyclone", frozenset({*extras, "otel", "speedups", "uvloop"})):
        with pytest.raises(app.ProjectError, match="in the way"):
            app.create_project(app.Project("foo", module=name))


def top_level_names(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """Of the modules of a distribution, and of those that it needs with these extras."""
    found: set[str] = set()
    known: set[str] = set()

    def add(name: str, extras: frozenset[str]) -> None:
        if name in known or not (there := next(iter(metadata.distributions(name=name)), None)):
            return
        known.add(name)
        files = [file for file in there.files or () if file.suffix in (".py", ".so")]
        tops = {file.parts[0].partition(".")[0] for file in files}
        found.update(top for top in tops if top.isidentifier() and not top.startswith("_"))
        for text in there.requires or ():
            needed = Requirement(text)
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                add(needed.name, frozenset(needed.extras))

    add(name, extras)
    return found


def test_nobody_reads_what_is_said(here: Path) -> None:
    """As before `| head`, or on a full disk."""
    cyclone = [sys.executable, "-m", "cyclone.app"]
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as closed, open("/dev/full", "wb") as full:
        for words, place, status, said in (
            (["-p", "one"], closed, 0, ""),
            (["-p", "two"], full, 0, "cyclone app: cannot write: No space left on device\n"),
            (["-n"], closed, 1, ""),
            (["-n"], full, 1, "cyclone app: cannot write: No space left on device\n"),
        ):
            done = subprocess.run(
                [*cyclone, *words], stdout=place, stderr=subprocess.PIPE, text=True, check=False
            )
            assert (done.returncode, done.stderr) == (status, said)
    assert (here / "one/start.sh").is_file()


def test_what_to_do_next_can_be_pasted(here: Path) -> None:
    (here / "o d d é").mkdir()
    command = [sys.executable, "-m", "cyclone.app", "-p", "foo", "-t", "o d d é"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "cd 'o d d \\xe9/foo' && ./start.sh" in done.stdout


def test_scripts_can_be_run(here: Path) -> None:
    app.main(["-p", "foo"])
    programs = {
        str(path.relative_to(here / "foo"))
        for path in (here / "foo").rglob("*")
        if path.is_file() and path.stat().st_mode & 0o100
    }
    assert programs == {"start.sh", "scripts/debian-init.d", "scripts/debian-multicore-init.d"}


def test_no_name_is_left(here: Path) -> None:
    for skeleton in app.SKELETONS:
        app.main(["-p", skeleton, "-a", skeleton, "-m", "mine"])
        for path in (here / skeleton).rglob("*"):
            assert "@@" not in path.name.replace("@@.", "@.")
            assert not path.name.endswith(".in")
            assert not path.is_file() or b"@@" not in path.read_bytes(), path


def test_version(here: Path) -> None:
    app.main(["-p", "foo", "-v", "3.4"])
    assert '__version__ = "3.4"' in (here / "foo/foo/__init__.py").read_text()
    assert f"cyclone>={__version__}\n" in (here / "foo/requirements.txt").read_text()


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("All mine.\n\nReally.\n", "# All mine.\n#\n# Really.\n"),
        ("# A comment\r\n# already\r\n", "# A comment\n# already\n"),
        ("\ufeffBOM\n", "# BOM\n"),
        ("Licence\u00a0: libre\n", "# Licence\u00a0: libre\n"),
        ("long\n" * 50, "# Copyright 20"),
        ('""" """; @@modname@@ ${HOME} `id`\n', '# """ """; @@modname@@ ${HOME} `id`\n'),
    ],
)
def test_license(here: Path, text: str, head: str) -> None:
    (here / "mine.txt").write_bytes(text.encode())
    assert app.main(["-p", "foo", "-l", "mine.txt"]) == 0
    for path in (here / "foo/foo").glob("*.py"):
        assert path.read_text().startswith(head), path
        compile(path.read_text(), path, "exec")
    lines = text.lstrip("\ufeff").strip("\r\n").splitlines()
    assert (here / "foo/LICENSE").read_text().splitlines() == lines


def test_default_license(here: Path) -> None:
    app.main(["-p", "foo"])
    assert "Apache License, Version 2.0" in (here / "foo/LICENSE").read_text()
    assert "# Licensed under the Apache License" in (here / "foo/foo/web.py").read_text()


def git(*words: str, cwd: Path) -> str:
    return subprocess.run(
        ["git", *words], cwd=cwd, capture_output=True, text=True, check=True
    ).stdout


def test_git(here: Path, program, monkeypatch: pytest.MonkeyPatch) -> None:
    program("git")
    (here / "gitconfig").write_text(
        '[user]\n\tname = "Ann \\"@@x@@\\" Ö\\n\\u0007"\n'.replace("\\u0007", "")
        + "\temail = ann@example.com\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(here / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    assert app.main(["-p", "foo", "-g"]) == 0
    assert '"@@x@@" Ö <ann@example.com>' in (here / "foo/README.rst").read_text()
    assert 'Ann "@@x@@" Ö\n' in (here / "foo/LICENSE").read_text()
    tracked = git("ls-files", cwd=here / "foo").split()
    assert "foo/web.py" in tracked
    assert "frontend/locale/es_ES/LC_MESSAGES/foo.mo" in tracked
    assert "local.conf" not in tracked
    assert git("status", "--porcelain", cwd=here / "foo").startswith("A ")


def test_git_leaves_the_repository_alone_whose_hook_runs(
    here: Path, program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("git")
    git("init", "--quiet", "other", cwd=here)
    monkeypatch.setenv("GIT_DIR", str(here / "other/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(here / "other/.git/index"))
    assert app.main(["-p", "foo", "-g"]) == 0
    assert git("ls-files", cwd=here) == ""
    assert (here / "foo/.git/index").is_file()


def test_git_that_is_not_there_or_fails(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "bin").mkdir()
    monkeypatch.setenv("PATH", str(here / "bin"))
    assert app.main(["-p", "foo", "-g"]) == 1
    assert "git, which is not installed" in capsys.readouterr().err
    script = here / "bin" / "git"
    script.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    script.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr("cyclone.app.project._PATIENCE", 0.01)
        assert app.main(["-p", "foo", "-g"]) == 1
        assert "git config takes more than" in capsys.readouterr().err
    script.write_text("#!/bin/sh\necho 'no, I do not' >&2\nexit 3\n")
    assert app.main(["-p", "foo", "-g"]) == 1
    assert "git init failed: no, I do not" in capsys.readouterr().err
    assert not (here / "foo").exists()


def test_what_cannot_be_written_is_taken_back(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = os.open

    def full(path: Path, *args: int, **options: Any) -> int:
        if str(path).endswith("web.py") and len(args) > 1:
            raise OSError(28, "No space left on device")
        return real(path, *args, **options)

    monkeypatch.setattr("cyclone.app.project.os.open", full)
    assert app.main(["-p", "foo"]) == 1
    assert "No space left" in capsys.readouterr().err
    assert not (here / "foo").exists()


def test_target_without_permission(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cyclone.app.project.Path.mkdir", refuse)
    assert app.main(["-p", "foo"]) == 1
    assert "foo cannot be made: Permission denied" in capsys.readouterr().err


def test_skeleton_that_is_not_there() -> None:
    with pytest.raises(app.ProjectError, match=r"no skeleton 'maze'; there are: default, foreman"):
        app.create_project(app.Project("foo", "maze"))


def test_interrupted(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cyclone.app.project.render", interrupt)
    with pytest.raises(KeyboardInterrupt):
        app.main(["-p", "foo"])
    assert not (here / "foo").exists()
