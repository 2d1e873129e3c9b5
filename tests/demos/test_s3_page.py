"""The page that demos/s3 has for browsers, and the commands on it."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.plugins.processes import Process

DEMO = Path(__file__).parents[2] / "demos" / "s3"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s3") / "it's here"


@pytest.fixture(scope="module")
def store(data: Path) -> Iterator[str]:
    """The address of the store."""
    command = [sys.executable, "-m", "cyclone", "run", "app.py", "--port=0", "--appopts", str(data)]
    process = Process(command, cwd=DEMO)
    try:
        yield process.wait_for_line(r"Listening on (http://\S+/)")[1]
        assert process.stop() == 0
        assert "Traceback" not in process.output
    finally:
        process.kill()


def test_browsers_are_shown_how_to_go_on(store: str, data: Path) -> None:
    page = requests.get(store, headers=BROWSER, timeout=20)
    assert page.status_code == 200
    # The policy lets this style sheet in, and nothing else.
    style = re.search("<style>(.*)</style>", page.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in page.headers["Content-Security-Policy"]
    # The commands do what is said of them.
    shell = re.search("<pre.*?>(.*)</pre>", page.text, re.DOTALL)
    assert shell is not None
    commands = html.unescape(shell[1])
    done = subprocess.run(
        ["bash", "-e"], input=commands, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    said, _, listing = done.stdout.partition("\n")
    assert said == "hello, world"
    assert "<Key>2026/first.txt</Key>" in listing
    assert (data / "keys.json").read_text().split('"')[3] not in page.text


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("", {}, 403),  # a client
        ("", {"Authorization": "none"}, 400),
        ("bucket", {}, 403),
        ("?X-Amz-Algorithm=none", {}, 400),
    ],
)
def test_others_are_not(store: str, path: str, headers: dict[str, str], status: int) -> None:
    asked = {**(BROWSER if path or headers else {}), **headers}
    answer = requests.get(store + path, headers=asked, timeout=20)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/xml")
