"""Whom the log file of twistd belongs to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cyclone.deploy import logfile
from cyclone.deploy.logfile import give_log_away

USER = {"uid": 12, "gid": 34, "logfile": "x.log"}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """As root, with files of root's; what is given away is noted."""
    notes: list[Any] = []
    real = os.fstat

    def of_root(descriptor: int) -> os.stat_result:
        found = list(real(descriptor))
        found[4] = 0
        return os.stat_result(found)

    def give(descriptor: int, *owner: int) -> None:
        notes.append((os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")), *owner))

    monkeypatch.setattr(logfile.os, "getuid", lambda: 0)
    monkeypatch.setattr(logfile.os, "fstat", of_root)
    monkeypatch.setattr(logfile.os, "fchown", give)
    (tmp_path / "x.log").touch()
    (tmp_path / "twistd.log").touch()
    return notes


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (USER, [("x.log", 12, 34)]),
        ({**USER, "gid": None}, [("x.log", 12, -1)]),
        ({"uid": 12}, [("twistd.log", 12, -1)]),
        ({"uid": 12, "nodaemon": True}, []),
        ({**USER, "nodaemon": True}, [("x.log", 12, 34)]),
        ({**USER, "uid": None}, []),
        ({**USER, "logfile": "-"}, []),
        ({**USER, "syslog": True}, []),
        ({**USER, "logger": "a.b"}, []),
        ({**USER, "chroot": "/srv"}, []),
        ({**USER, "logfile": "nothing.log"}, []),
        ({}, []),
    ],
)
def test_which_file_is_given(
    options: dict[str, Any], expected: list[Any], given: list[Any], tmp_path: Path
) -> None:
    give_log_away(options, str(tmp_path))
    assert given == expected


def test_what_is_not_given(
    given: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.link(tmp_path / "x.log", tmp_path / "the same file elsewhere")
    give_log_away(USER, str(tmp_path))
    (tmp_path / "link.log").symlink_to(tmp_path / "twistd.log")
    give_log_away({**USER, "logfile": "link.log"}, str(tmp_path))
    monkeypatch.setattr(logfile.os, "getuid", lambda: 12)
    give_log_away({"uid": 12}, str(tmp_path))
    assert given == []
