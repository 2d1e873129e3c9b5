"""demos/helloworld: every way to start it, started.

Nearly every way: `cyclone run` of an app.py is what other demos are tested with.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.demos.loading import DEMOS, load
from tests.plugins.processes import Process, script, unused_port

PYTHON = sys.executable
#: By what each way is started; PORT is the port.
WAYS = {
    "twistd cyclone": [
        *(script("twistd"), "--nodaemon", "--pidfile="),
        *("cyclone", "-p", "PORT", "-r", "app.Application"),
    ],
    "plain": [PYTHON, "plain.py", "PORT"],
    "simple": [PYTHON, "simple.py", "--port=PORT"],
    "bottled": [PYTHON, "bottled.py", "PORT"],
    "tac": [script("twistd"), "--pidfile=", "-ny", "hello.tac"],
}


@pytest.mark.parametrize("way", WAYS)
def test_it_says_hello(way: str, spawn: Callable[..., Process]) -> None:
    port = unused_port()
    command = [word.replace("PORT", str(port)) for word in WAYS[way]]
    directory = DEMOS / "helloworld"
    process = spawn(command, cwd=directory, env={"HELLO_PORT": str(port)}, port=port)
    base = f"http://127.0.0.1:{port}/"
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(base, timeout=20).text == "Hello, world\n"
        answer = session.get(base, params={"name": "<Ada>"}, timeout=20)
        assert answer.text == "Hello, <Ada>\n"
        assert answer.headers["Content-Type"].startswith("text/plain")
    process.stop()
    assert "Traceback" not in process.output and "Unhandled" not in process.output


def test_behind_nginx(
    spawn: Callable[..., Process], program: Callable[..., str], tmp_path: Path
) -> None:
    back, front = unused_port(), unused_port()
    text = (DEMOS / "helloworld" / "nginx.conf").read_text()
    for number, port in ((8888, back), (8889, back), (8080, front)):
        assert text.count(f":{number};") == 1
        text = text.replace(f":{number};", f":{port};")
    (tmp_path / "nginx.conf").write_text(text)
    spawn([PYTHON, "plain.py", str(back)], cwd=DEMOS / "helloworld", port=back)
    spawn([program("nginx"), "-p", ".", "-c", "nginx.conf"], cwd=tmp_path, port=front)
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(2):
            answer = session.get(f"http://127.0.0.1:{front}/?name=Ada", timeout=20)
            assert answer.text == "Hello, Ada\n" and "nginx" in answer.headers["Server"]


def test_the_readme_names_them_all() -> None:
    text = (DEMOS / "helloworld" / "README.md").read_text()
    files = {path.name for path in (DEMOS / "helloworld").iterdir() if path.is_file()}
    for name in files - {"README.md"}:
        assert f"`{name}`" in text
    assert load("helloworld").Application(xheaders=True).settings.xheaders
