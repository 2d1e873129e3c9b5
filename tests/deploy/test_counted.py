"""The numbers that workers leave behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cyclone.deploy.counted import begin_counting, worker_ended
from cyclone.deploy.errors import DeployError
from cyclone.testing import ExpectLog

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def test_without_the_variable_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    begin_counting()
    worker_ended(1)


def test_the_directory_is_made_and_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "a" / "b"))
    for _ in range(2):
        begin_counting()
        assert list((tmp_path / "a" / "b").iterdir()) == []
        for name in ("counter_1.db", "counter_ended.db", "gauge_livesum_1.db"):
            (tmp_path / "a" / "b" / name).write_text("old")


def test_files_of_others_are_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    others = {"site.db", "counter.db", "gauge_.db", "counter_1.db.old", "users_1.db"}
    for name in others:
        (tmp_path / name).write_text("not ours")
    begin_counting()
    assert {path.name for path in tmp_path.iterdir()} == others


def test_a_directory_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    with pytest.raises(DeployError, match=rf"\${VARIABLE}: cannot use"):
        begin_counting()


def test_what_a_worker_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    worker_ended(None)
    (tmp_path / "gauge_livesum_7.db").write_text("x")
    worker_ended(7)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    (tmp_path / "counter_7.db").write_text("nonsense")
    with ExpectLog("cyclone.general", "the numbers in .*counter_7.db are lost"):
        worker_ended(7)
    assert not (tmp_path / "counter_7.db").exists()
    (tmp_path / "lock").unlink()
    (tmp_path / "lock").mkdir()
    with ExpectLog("cyclone.general", "cannot add up the metrics of a worker"):
        worker_ended(7)
    monkeypatch.setitem(sys.modules, "cyclone.metrics", None)
    worker_ended(7)
