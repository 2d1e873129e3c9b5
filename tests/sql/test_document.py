"""The first program of docs/storage.md runs."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.plugins.processes import Process

ROOT = Path(__file__).parents[2]


def test_the_program_runs(tmp_path: Path, free_port: int, spawn: Callable[..., Process]) -> None:
    text = (ROOT / "docs" / "storage.md").read_text("utf-8")
    (tmp_path / "notes.py").write_text(text.partition("```python\n")[2].partition("```")[0])
    command = [sys.executable, "-m", "cyclone", "run", "notes.py", "--port", str(free_port)]
    server = spawn(command, cwd=tmp_path, port=free_port)
    url = f"http://127.0.0.1:{free_port}/"
    with urllib.request.urlopen(url, data=b"text=milk", timeout=10) as response:
        assert response.status == 201
    with urllib.request.urlopen(url, timeout=10) as response:
        assert json.load(response) == {"notes": ["milk"]}
    with urllib.request.urlopen(f"{url}ready", timeout=10) as response:
        assert json.load(response)["ready"] is True
    assert server.stop() == 0
    assert "Traceback" not in server.output
