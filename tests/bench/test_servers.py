"""Servers are started, asked and stopped; cyclone's application answers as the cases say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cases import CASES
from bench.cpu import process_tree, tree_memory, tree_seconds
from bench.fixtures import Fixtures
from bench.probe import probe
from bench.servers import SERVERS, Server, ServerError, Unavailable

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="the benchmark runs on Linux"),
]

SPEC = SERVERS["cyclone-epoll"]


@pytest.fixture
def fixtures() -> Iterator[Fixtures]:
    with Fixtures() as fixtures:
        yield fixtures


def test_the_application_answers_as_the_cases_say(fixtures: Fixtures) -> None:
    with Server(SPEC, fixtures) as server:
        for name in ("plaintext", "browser", "json", "parameters", "form", "upload", "static"):
            assert probe(CASES[name], server.port)
        assert probe(CASES["events"], server.port)
        assert process_tree(server.pid) == [server.pid]
        assert tree_seconds(server.pid) > 0
        assert tree_memory(server.pid) > 1000
    assert not Path(f"/proc/{server.pid}").exists()


def test_the_application_speaks_tls(fixtures: Fixtures) -> None:
    with Server(SPEC, fixtures, tls=True) as server:
        assert probe(CASES["tls"], server.port) == b"hello, world"


def test_a_server_that_does_not_start_tells_why(fixtures: Fixtures) -> None:
    with pytest.raises(ServerError, match="No module named bench"):
        Server(replace(SPEC, module="no_such_app"), fixtures)


def test_a_server_that_cannot_run_here_is_unavailable(
    fixtures: Fixtures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.servers.ROOT", tmp_path)
    apps = tmp_path / "bench" / "apps"
    apps.mkdir(parents=True)
    (apps / "plain_app.py").write_text("import sys\nprint('no such reactor')\nsys.exit(69)\n")
    with pytest.raises(Unavailable, match="no such reactor"):
        Server(replace(SPEC, module="plain_app"), fixtures)
    with pytest.raises(Unavailable, match="no-such-thing is not installed"):
        Server(replace(SPEC, packages=("no-such-thing",)), fixtures)
