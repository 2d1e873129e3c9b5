"""Numbers for Prometheus, of one process and of several."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import Deferred

from cyclone import metrics
from cyclone.metrics import Metrics, MetricsHandler, forget_process
from cyclone.testing import Client
from cyclone.web import Application, HTTPError, RequestHandler
from cyclone.websocket import WebSocketHandler


class Handler(RequestHandler):
    SUPPORTED_METHODS = (*RequestHandler.SUPPORTED_METHODS, "BREW")
    pending: list[Deferred[None]] = []

    async def get(self, what: str) -> None:
        if what == "wait":
            self.pending.append(Deferred())
            await self.pending[-1]
        if what == "error":
            raise HTTPError(503)

    def brew(self, what: str) -> None:
        self.set_status(204)


class Pool:
    def describe(self) -> dict[str, Any]:
        return {"state": "up", "size": 3, "in_use": 2}


class Socket(WebSocketHandler):
    pass


@pytest.fixture
def observer() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def client(observer: Metrics) -> Client:
    routes: list[Any] = [
        *metrics.routes(observer),
        ("/socket", Socket),
        ("/(.*)", Handler),
    ]
    return Client(Application(routes, observers=[observer], stores={"db": Pool(), "f": print}))


def numbers(text: str) -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def row(name: str, **labels: str) -> str:
    return f"{name}{sorted(labels.items())}"


REQUESTS = "cyclone_http_requests_total"
ROUTE = "/(.*)$"


def test_requests(client: Client) -> None:
    for path in ("/a", "/b", "/error"):
        client.get(path)
    client.request("BREW", "/a")
    client.request("FROTH", "/a")
    response = client.get("/-/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    found = numbers(response.text)
    assert found[row(REQUESTS, method="GET", route=ROUTE, status="2xx")] == 2
    assert found[row(REQUESTS, method="GET", route=ROUTE, status="5xx")] == 1
    assert found[row(REQUESTS, method="other", route=ROUTE, status="2xx")] == 1
    assert found[row(REQUESTS, method="other", route=ROUTE, status="5xx")] == 1
    histogram = "cyclone_http_request_duration_seconds"
    assert found[row(f"{histogram}_count", method="GET", route=ROUTE)] == 3
    assert 0 <= found[row(f"{histogram}_sum", method="GET", route=ROUTE)] < 60
    assert found[row(f"{histogram}_bucket", method="GET", route=ROUTE, le="+Inf")] == 3


def test_what_is_there(client: Client) -> None:
    waiting, going = client.open("GET", "/wait"), client.open("GET", "/wait")
    going.disconnect()
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    assert client.open("GET", "/socket", headers=upgrade).status == 101
    found = numbers(client.get("/-/metrics").text)
    assert found[row("cyclone_http_requests_in_progress")] == 2  # with this one
    assert found[row("cyclone_connections")] == 3
    assert found[row("cyclone_websockets")] == 1
    assert found[row("cyclone_event_streams")] == 0
    assert found[row("cyclone_pool", pool="db", value="size")] == 3
    assert found[row("cyclone_pool", pool="db", value="in_use")] == 2
    assert found[row("cyclone_pool", pool="db", value="up")] == 1
    assert found[row("cyclone_processes")] == 1
    assert found[row("cyclone_process_resident_memory_bytes")] > 1e6
    assert found[row(REQUESTS, method="GET", route=ROUTE, status="lost")] == 1
    assert found[row(REQUESTS, method="GET", route="/socket$", status="1xx")] == 1
    for deferred in Handler.pending:
        if not deferred.called:
            deferred.callback(None)
    Handler.pending.clear()
    assert waiting.complete
    client.close()


def test_openmetrics(client: Client) -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    response = client.get("/-/metrics", headers={"Accept": accept})
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")
    assert client.head("/-/metrics").body == b""


@pytest.mark.parametrize(
    ("networks", "status"), [(None, 200), (["127.0.0.0/8"], 200), (["10.0.0.0/8"], 403)]
)
def test_who_may_ask(observer: Metrics, networks: Any, status: int) -> None:
    application = Application(metrics.routes(observer, networks=networks, prefix="/x"))
    connection = Client(application)
    assert connection.get("/x/metrics").status == status


def test_the_registry_of_the_program() -> None:
    text = Client(Application([("/", MetricsHandler)])).get("/").text
    assert "cyclone_connections" in text
    assert "python_info" in text
    assert Metrics()._families is Metrics()._families


PROGRAM = """
    import os, sys
    from cyclone.metrics import Metrics, routes
    from cyclone.testing import Client
    from cyclone.web import Application, RequestHandler

    class Handler(RequestHandler):
        def get(self):
            self.write("x")

    metrics = Metrics()
    client = Client(Application([*routes(metrics), ("/", Handler)], observers=[metrics]))
    for _ in range(int(sys.argv[1])):
        client.get("/")
    client.advance(6)
    client.advance(6)
    client.close()
    print(os.getpid(), client.get("/-/metrics").text, sep="\\n")
"""


def test_several_processes(tmp_path: Path) -> None:
    directory = tmp_path / "numbers"
    directory.mkdir()

    def process(requests: int) -> tuple[int, dict[str, float]]:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), str(requests)],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)},
            capture_output=True,
            text=True,
            timeout=50,
            check=True,
        )
        pid, _, text = done.stdout.partition("\n")
        return int(pid), numbers(text)

    key = row(REQUESTS, method="GET", route="/$", status="2xx")
    first, found = process(3)
    assert found[key] == 3
    assert found[row("cyclone_connections")] == 1
    second, found = process(4)
    assert found[key] == 7
    assert found[row("cyclone_processes")] == 2
    for ended in (first, second, first):
        forget_process(ended, str(directory))
    assert sorted(path.name for path in directory.iterdir()) == [
        "counter_ended.db", "histogram_ended.db", "lock",
    ]  # fmt: skip
    _, found = process(1)
    assert found[key] == 8
    assert found[row("cyclone_processes")] == 1
    assert found[row("cyclone_connections")] == 1
    count = "cyclone_http_request_duration_seconds_count"
    assert found[row(count, method="GET", route="/$")] == 8


def test_without_a_directory_there_is_nothing_to_forget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    forget_process(1)
    forget_process(1, str(tmp_path / "no"))


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for library, module, extra in (
        ("prometheus_client", "cyclone.metrics", "metrics"),
        ("opentelemetry", "cyclone.telemetry", "otel"),
    ):
        monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(ImportError, match=rf"pip install 'cyclone\[{extra}\]'"):
            __import__(module)
