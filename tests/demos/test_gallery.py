"""The gallery's catalogue, and what happens to a demo that does not start."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from cyclone.testing import Client

DEMOS = Path(__file__).parents[2] / "demos"
#: What a browser says that it wants.
BROWSER = {"Accept": "text/html,*/*;q=0.8"}
#: What is no demo to be opened.
OTHERS = {"gallery", "fakeservices"}


@pytest.fixture(scope="module")
def gallery() -> Iterator[Any]:
    """The modules of the demo, by name."""
    sys.path.insert(0, str(DEMOS / "gallery"))
    try:
        yield lambda name: importlib.import_module(f"gallery.{name}")
    finally:
        sys.path.remove(str(DEMOS / "gallery"))
        for name in [name for name in sys.modules if name.partition(".")[0] == "gallery"]:
            del sys.modules[name]


def test_every_demo_is_in_the_catalogue(gallery: Any) -> None:
    listed = {demo.name: demo for room in gallery("catalogue").ROOMS.values() for demo in room}
    there = {str(path.parent.relative_to(DEMOS)) for path in DEMOS.rglob("README.md")}
    assert there - {".", *OTHERS} <= listed.keys()
    demos = [demo for room in gallery("catalogue").ROOMS.values() for demo in room]
    targets = [demo.directory / (demo.script or [demo.target])[0] for demo in demos]
    assert [target for target in targets if not target.exists()] == []
    assert len({demo.slug for demo in demos}) == len(demos)


PROGRAM = """
import pathlib, sys
from twisted.internet import defer, task
from gallery.catalogue import Demo
from gallery.keeper import CannotStart, Keeper

async def main(reactor):
    keeper = Keeper(reactor)
    bottle = Demo("bottle", "Short links", "")
    first = defer.ensureDeferred(keeper.url_of(bottle, "127.0.0.1"))
    url = await keeper.url_of(bottle, "127.0.0.1")
    assert await first == url and url.startswith("http://127.0.0.1:"), url
    assert list(keeper.running) == ["bottle"]
    broken = Demo(sys.argv[1], "Broken", "", target="broken.py")
    for _ in range(2):
        try:
            await keeper.url_of(broken, "127.0.0.1")
        except CannotStart as error:
            assert "on purpose" in str(error), error
        else:
            raise AssertionError("it started")
    await keeper.stop()
    assert keeper.running == {}
    try:
        await keeper.url_of(bottle, "127.0.0.1")
    except CannotStart:
        pass
    else:
        raise AssertionError("it started, and nobody will end it")
    print("all is well")

task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
"""


def test_demos_are_started_once_or_say_why_not(spawn: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise ValueError('on purpose')")
    program = spawn([sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=DEMOS / "gallery")
    program.wait(40)
    assert "all is well" in program.output


@pytest.mark.parametrize(
    ("host", "slug", "leads_to", "policy"),
    [
        ("localhost:8888", "chat", "http://localhost:4321/", "http://localhost:*"),
        ("[::1]:8888", "chat", "http://[::1]:4321/", "http:"),
        ("box.example", "chat", "http://box.example:4321/", "http://box.example:*"),
        ("localhost:8888", "ssl", "http://127.0.0.1:4321/", "http://localhost:*"),
    ],
)
def test_where_a_demo_is(gallery: Any, host: str, slug: str, leads_to: str, policy: str) -> None:
    class Started:
        running: tuple[str, ...] = ()

        async def url_of(self, demo: Any, host: str) -> str:
            return "http://127.0.0.1:4321/"

    app = gallery("application").Gallery()
    client = Client(app)
    app.keeper = Started()
    page = client.get("/", headers={"Host": host})
    form_action = page.headers["Content-Security-Policy"].partition("form-action ")[2]
    assert form_action.partition(";")[0] == f"'self' http://127.0.0.1:* {policy}"
    assert ("Only on the server" in page.text) == (host == "box.example")
    opened = client.post(f"/open/{slug}", headers={"Host": host}, body=b"")
    assert (opened.status, opened.headers["Location"]) == (303, leads_to)
    assert client.post("/open/nothing", headers={"Host": host}, body=b"").status == 404
    elsewhere = {"Host": host, "Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}
    assert client.post(f"/open/{slug}", headers=elsewhere, body=b"").status == 403


def there(directory: Path) -> set[Path]:
    """The files below a directory, but for those that Python makes."""
    return {path for path in directory.rglob("*") if path.suffix != ".pyc" and path.is_file()}


@pytest.mark.long
@pytest.mark.timeout(300)
def test_all_of_them_start_keep_the_source_clean_and_end(
    gallery: Any, spawn: Callable[..., Any], tmp_path: Path
) -> None:
    demos = tmp_path / "demos"
    shutil.copytree(DEMOS, demos, ignore=shutil.ignore_patterns("data", "certificates", "*.pyc"))
    before = there(demos)
    command = [sys.executable, "-m", "cyclone", "run", str(demos / "gallery" / "app.py")]
    server = spawn([*command, "--port=0"], env={"TMPDIR": str(tmp_path)})
    url = server.wait_for_line(r"Listening on (http://\S+/)")[1]
    page = requests.get(url, timeout=20).text
    found = {}
    for slug in [demo.slug for room in gallery("catalogue").ROOMS.values() for demo in room]:
        assert f'action="/open/{slug}"' in page
        opened = requests.post(f"{url}open/{slug}", timeout=60, allow_redirects=False)
        assert opened.status_code == 303, (slug, opened.text)
        found[slug] = opened.headers["Location"]
        with requests.get(found[slug], headers=BROWSER, timeout=20, stream=True) as answer:
            assert answer.status_code == 200, (slug, answer.status_code)
    assert len(set(found.values())) == len(found)
    assert requests.get(url, timeout=20).text.count(">runs<") == len(found)
    assert there(demos) == before
    assert server.stop(60) == 0
    for slug, address in found.items():
        with pytest.raises(requests.ConnectionError):
            requests.get(address, timeout=20)
            pytest.fail(f"{slug} still runs")
    assert list(tmp_path.iterdir()) == [demos]
