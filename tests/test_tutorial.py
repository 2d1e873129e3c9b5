"""The tutorial: its stages pass their tests, and whoever types what it shows has what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.documents import ROOT, blocks_of, commands_of
from tests.plugins.processes import Process

TUTORIAL = ROOT / "docs" / "tutorial"
INDEX = (TUTORIAL / "index.md").read_text("utf-8")
CHAPTERS = re.findall(r"^\d\. \[[^]]*\]\((\w+)\.md\)", INDEX, re.MULTILINE)


@pytest.mark.slow
def test_the_stages_of_the_tutorial_pass_their_tests(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-p", "no:xdist", "-c", os.devnull, f"--rootdir={TUTORIAL}", str(TUTORIAL)),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONOPTIMIZE": ""},  # their tests assert
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b15 passed\b", done.stdout)
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_the_tutorial_is_deployed(
    tmp_path: Path, free_port: int, twistd: Callable[..., Process]
) -> None:
    """By twistd, with the file that its last chapter shows, behind what stands for a proxy."""
    chapter = (TUTORIAL / "deployment.md").read_text("utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)
    (tmp_path / "production.py").write_text(program)
    environment = {
        "BOARD_DATABASE": str(tmp_path / "board.db"),
        "PYTHONPATH": str(TUTORIAL / "board"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    arguments = ["cyclone", "-p", str(free_port), "production.py"]
    process = twistd(*arguments, cwd=tmp_path, port=free_port, env=environment)
    request = Request(f"http://127.0.0.1:{free_port}/", headers={"X-Real-Ip": "192.0.2.7"})
    with urlopen(request, timeout=10) as response:
        assert "0 notes before you came" in response.read().decode()
    with urlopen(f"http://127.0.0.1:{free_port}/-/ready", timeout=10) as response:
        assert json.load(response)["ready"] is True
    process.wait_for_line(r"200 GET / \(192\.0\.2\.7\)")


# --- typing it ------------------------------------------------------------------------------------


class Listing:
    """A file of a stage that a chapter shows, whole or as what has changed in another."""

    def __init__(self, chapter: str, name: str, options: str) -> None:
        self.chapter = chapter
        self.source = TUTORIAL / name
        #: Where the reader puts it: stages have directories, the reader has one for all.
        self.name = name.partition("/")[2]
        found = re.search(r"^:diff: (\S+)$", options, re.MULTILINE)
        self.before = TUTORIAL / found[1] if found else None

    def type_into(self, directory: Path) -> None:
        target = directory / self.name
        if self.before is None:
            target.parent.mkdir(exist_ok=True)
        else:
            assert target.read_bytes() == self.before.read_bytes(), f"{self.chapter}: {self.name}"
        shutil.copy(self.source, target)


def listings_of(chapter: str, text: str) -> Iterator[Listing]:
    directive = r"^```\{literalinclude\} (\S+)\n((?::[^\n]*\n)*)```$"
    for name, options in re.findall(directive, text, re.MULTILINE):
        assert ":pyobject:" not in options, "a part of a file cannot be typed"
        yield Listing(chapter, name, options)


def read(chapter: str) -> str:
    return (TUTORIAL / f"{chapter}.md").read_text("utf-8")


def commands(chapter: str) -> list[list[str]]:
    blocks = [b for b in blocks_of(chapter, read(chapter)) if b.language == "console"]
    return [command for block in blocks for command in commands_of(block)]


def test_every_file_is_shown_with_its_name() -> None:
    shown = set()
    for chapter in CHAPTERS:
        text = read(chapter)
        for listing in listings_of(chapter, text):
            shown.add(listing.source)
            assert f"`{listing.name}`" in text, f"{chapter}: {listing.name}"
    written = {
        path
        for stage in TUTORIAL.iterdir()
        if stage.is_dir()
        for path in stage.rglob("*.*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    # Shown by an earlier stage, or tests of a stage for us.
    same = {path for path in written if any(path.read_bytes() == s.read_bytes() for s in shown)}
    assert {path.name for path in written - same} <= {"test_pages.py", "test_forms.py"}


#: What somebody sees who serves the program of a chapter.
SEEN = {
    "hello": ("/Ada?greeting=hi", '{"hi": "Ada"}'),
    "pages": ("/note/1", "Lost: a &lt;red&gt; scarf"),
    "forms": ("/", "Pin it</button>"),
    "users": ("/", ">Sign up</a>"),
}


@pytest.mark.slow
def test_what_it_shows_is_all_that_is_needed(
    tmp_path: Path, spawn: Callable[..., Process], new_port: Callable[[], int]
) -> None:
    """Its files, typed into one directory, and its commands: four servers and a run of pytest."""
    seen = []
    for chapter in CHAPTERS:
        for command in commands(chapter):
            if command[0] in ("mkdir", "cp"):  # before the first listing
                subprocess.run(command, cwd=tmp_path, check=True)
        for listing in listings_of(chapter, read(chapter)):
            listing.type_into(tmp_path)
        for command in commands(chapter):
            if command[:2] == ["cyclone", "run"]:
                path, expected = SEEN[chapter]
                port = new_port()
                command = [sys.executable, "-m", *command, "--port", str(port)]
                server = spawn(command, cwd=tmp_path, port=port)
                with urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as response:
                    assert expected in response.read().decode(), chapter
                server.stop()
                seen.append(chapter)
    assert seen == list(SEEN)
    assert ["python", "-m", "pytest", "test_board.py"] in commands("tests")
    plain = ("-p", "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull, f"--rootdir={tmp_path}")
    subprocess.run(
        [sys.executable, "-m", "pytest", *plain, "-k", "hello or signs_up"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONOPTIMIZE": ""},  # their tests assert
        check=True,
        timeout=50,
    )
