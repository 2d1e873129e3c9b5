"""Which files count as changed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cyclone.deploy.watch import Watcher, is_installed, loaded_sources

from .conftest import Write


def touch(path: Path) -> None:
    """Change the time of a file, however coarse the clock of the file system is."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000_000))


def test_nothing_happened(write: Write, project: Path) -> None:
    write("a.py")
    watcher = Watcher(str(project))
    assert watcher.changes() == []


def test_written_made_and_removed(write: Write, project: Path) -> None:
    changed, removed = write("changed.py"), write("pkg/removed.py")
    write("same.py")
    watcher = Watcher(str(project))
    touch(changed)
    removed.unlink()
    made = write("new/made.py")
    assert watcher.changes() == sorted(map(str, (changed, removed, made)))
    assert watcher.changes() == []


def test_replaced_by_another_file_of_the_same_time_and_size(write: Write, project: Path) -> None:
    old, new = write("a.py", "1"), write("other.txt", "2")
    watcher = Watcher(str(project))
    status = old.stat()
    new.replace(old)
    os.utime(old, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert watcher.changes() == [str(old)]


@pytest.mark.parametrize(
    ("name", "watched"),
    [
        ("a.py", True),
        ("deep/er/a.py", True),
        ("A.PY", True),
        ("views/page.html", True),
        ("a.htm", True),
        ("a.tpl", True),
        ("templates/mail.txt", True),
        ("pkg/template/style", True),
        ("pkg/templates/sub/x.xml", True),
        ("notes.txt", False),
        ("static/app.js", False),
        ("data.json", False),
        ("a.pyc", False),
        ("a.py~", False),
        (".hidden.py", False),
        ("templates/.page.html.swp", False),
        (".git/hook.py", False),
        ("__pycache__/a.py", False),
        ("node_modules/x/a.py", False),
        ("lib/site-packages/x/a.py", False),
        ("env/lib/a.py", False),
    ],
)
def test_which_files(write: Write, project: Path, name: str, watched: bool) -> None:
    write("env/pyvenv.cfg")
    watcher = Watcher(str(project))
    path = write(name)
    assert watcher.changes() == ([str(path)] if watched else [])


def test_links_to_directories_are_not_followed(write: Write, project: Path) -> None:
    (project / "loop").symlink_to(project)
    watcher = Watcher(str(project))
    path = write("a.py")
    assert watcher.changes() == [str(path)]


def test_files_from_elsewhere(write: Write, project: Path) -> None:
    outside, later = write("outside/module.py"), project / "outside" / "later.py"
    inside = write("project/a.py")
    watcher = Watcher(str(inside.parent))
    watcher.add([str(outside), str(later), str(inside)])
    assert watcher.changes() == []
    touch(outside)
    watcher.add([str(outside)])
    later.touch()
    assert watcher.changes() == [str(later), str(outside)]


def test_a_file_that_vanishes_while_it_is_looked_at(write: Write, project: Path) -> None:
    (project / "dangling.py").symlink_to(project / "nowhere")
    watcher = Watcher(str(project))
    assert watcher.changes() == []
    write("nowhere")
    assert watcher.changes() == [str(project / "dangling.py")]


def test_loaded_sources_are_those_one_works_on(
    write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(project))
    path = write("loaded_one.py")
    __import__("loaded_one")
    found = loaded_sources()
    assert str(path) in found
    assert os.__file__ not in found
    assert pytest.__file__ not in found
    assert sys.modules["cyclone.deploy.watch"].__file__ in found


def test_is_installed() -> None:
    assert is_installed(os.__file__)
    assert is_installed(pytest.__file__)
    assert is_installed("/usr/lib/python3/dist-packages/x.py")
    assert not is_installed("/srv/app/x.py")
