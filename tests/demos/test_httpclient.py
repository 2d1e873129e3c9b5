"""demos/httpclient: what is fetched, and what is not."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from cyclone.testing import Client
from tests.demos.loading import load
from tests.demos.serving import serving
from tests.sse.support import EventParser

NAMES = ["quick", "steady", "large", "moved", "missing", "late", "endless", "broken", "astray"]


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with serving("httpclient") as addresses:
        yield addresses["httpclient"]


@pytest.fixture(scope="module")
def events(base: str) -> dict[str, list[tuple[str, Any]]]:
    """What is said of each target, all of them fetched at once."""
    numbers = [str(number) for number in range(len(NAMES))]
    with requests.get(f"{base}/fetch", params={"target": numbers}, timeout=30) as stream:
        got = EventParser().feed(stream.content)
    found: dict[str, list[tuple[str, Any]]] = {name: [] for name in NAMES}
    for each in got[:-1]:
        facts = json.loads(each.data)
        found[NAMES[int(facts["target"])]].append((each.type, facts))
    assert (got[-1].type, json.loads(got[-1].data)) == ("end", {"fetched": len(NAMES)})
    return found


@pytest.mark.parametrize(
    ("name", "code", "size"),
    [
        ("quick", 200, 11),
        ("steady", 200, 4000),
        ("large", 200, 24 * 1024 * 1024),
        ("moved", 200, 11),
        ("missing", 404, None),
    ],
)
def test_what_is_fetched(events: Any, name: str, code: int, size: int | None) -> None:
    assert events[name][0][0] == "start"
    kind, facts = events[name][-1]
    assert (kind, facts["code"]) == ("done", code)
    assert size in (None, facts["bytes"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("late", "time"),
        ("endless", "large"),
        ("broken", ""),
        ("astray", "http://192.0.2.1/the-neighbours-secrets, whose server is not on the list"),
    ],
)
def test_what_fails(events: Any, name: str, reason: str) -> None:
    kind, facts = events[name][-1]
    assert kind == "failed" and facts["reason"] and reason in facts["reason"].lower(), facts


def test_progress_comes_meanwhile(events: Any) -> None:
    kinds = [kind for kind, _ in events["moved"]]
    assert kinds == ["start", "moved", "moved", "done"]
    progress = [facts for kind, facts in events["steady"] if kind == "progress"]
    assert progress and all(0 < each["bytes"] <= each["length"] == 4000 for each in progress)


@pytest.mark.parametrize(
    "query", ["", "target=9", "target=http://127.0.0.1/", "target=0&target=0", "target=-1"]
)
def test_nothing_but_the_list(base: str, query: str) -> None:
    assert requests.get(f"{base}/fetch?{query}", timeout=20).status_code == 400


def test_pages_that_go(base: str) -> None:
    host, port = base.removeprefix("http://").split(":")
    for _ in range(12):  # more than may look on at a time: each makes room when it goes
        with socket.create_connection((host, int(port))) as page:
            page.sendall(b"GET /fetch?target=5 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert page.recv(12) == b"HTTP/1.1 200"
    pages = [requests.get(f"{base}/fetch?target=5", stream=True, timeout=20) for _ in range(11)]
    assert [page.status_code for page in pages] == [200] * 10 + [503]
    for page in pages:
        page.close()


def test_addresses_of_ones_own(tmp_path: Path) -> None:
    demo = load("httpclient")
    file = tmp_path / "targets.txt"
    file.write_text("# mine\nhttps://example.com/a\n\nhttp://example.com\n")
    app = demo.Application(str(file))
    assert app.origins == {("https", "example.com", 443), ("http", "example.com", 80)}
    client = Client(app)
    assert client.get("/targets").json()[0] == {"url": "https://example.com/a", "about": ""}
    page = client.get("/")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    for wrong in ("file:///etc/passwd", "example.com", "http://", "http://[x/"):
        file.write_text(wrong)
        with pytest.raises(ValueError, match="not an address"):
            demo.Application(str(file))
