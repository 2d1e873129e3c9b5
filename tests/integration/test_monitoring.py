"""Workers as those who watch them see them: one set of numbers, and ready or not."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.support import ask, wait_until
from tests.plugins.processes import Process, script

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(300)]

APP = """
import os

import cyclone.web
from cyclone import health, metrics

measurements = metrics.Metrics()


class Main(cyclone.web.RequestHandler):
    def get(self):
        self.write(str(os.getpid()))


application = cyclone.web.Application(
    [("/", Main), *metrics.routes(measurements), *health.routes()],
    observers=[measurements],
    drain_idle_timeout=0.5,
    drain_delay=60,
)
"""
ROLLED = "all workers have been replaced"


@pytest.fixture
def process(
    spawn: Callable[..., Process], tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> Process:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "numbers"))
    (tmp_path / "app.py").write_text(APP)
    command = [script("cyclone"), "run", "app.py", f"--port={free_port}", "--workers=2"]
    return spawn(command, cwd=tmp_path, line="^Listening on ")


def numbers(port: int) -> dict[str, float]:
    """What counts the requests for the page, and the processes."""
    found = {"2xx": 0.0, "processes": 0.0, "seconds": 0.0}
    for family in text_string_to_metric_families(ask(port, "/-/metrics").text):
        for sample in family.samples:
            if sample.name == "cyclone_processes":
                found["processes"] = sample.value
            elif sample.labels.get("route") == "/$":
                if sample.name == "cyclone_http_requests_total":
                    found[sample.labels["status"]] = sample.value
                elif sample.name == "cyclone_http_request_duration_seconds_count":
                    found["seconds"] = sample.value
    return found


def test_numbers_outlive_workers(process: Process, free_port: int, tmp_path: Path) -> None:
    asked = 0

    def workers() -> set[str]:
        """Ask until both have answered."""
        nonlocal asked
        seen: set[str] = set()

        def both() -> bool:
            nonlocal asked
            answer = ask(free_port)
            assert answer.status == 200
            asked += 1
            seen.add(answer.text)
            return len(seen) == 2

        wait_until(both, "both workers have answered", 60)
        return seen

    def counted() -> bool:
        expected = {"2xx": asked, "seconds": asked, "processes": 2}
        return numbers(free_port) == expected

    first, second = sorted(workers())
    wait_until(counted, "all requests are counted", 60)
    os.kill(int(first), signal.SIGKILL)
    assert second in workers()
    wait_until(counted, "those of the worker that was killed are counted", 60)
    process.signal(signal.SIGHUP)
    process.wait_for_line(ROLLED)
    wait_until(lambda: len(re.findall("has finished", process.output)) == 2, "old ones end", 60)
    assert not workers() & {first, second}
    wait_until(counted, "those of the workers that were replaced are counted", 60)
    assert len(list((tmp_path / "numbers").glob("counter_*.db"))) == 3  # two, and the ended


def test_not_ready_some_time_before_the_end(process: Process, free_port: int) -> None:
    assert ask(free_port, "/-/ready").status == 200
    process.signal(signal.SIGTERM)
    wait_until(lambda: ask(free_port, "/-/ready").status == 503, "it is about to stop", 50)
    # It still serves, and is alive, until `drain_delay` is over.
    assert ask(free_port).status == 200
    assert ask(free_port, "/-/live").status == 200
    process.signal(signal.SIGTERM)  # that is enough
    assert process.wait(40) == 128 + signal.SIGTERM
    assert "Traceback" not in process.output
