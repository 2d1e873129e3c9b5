"""A browser logs in to the server of tests/httpauth, with all there is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

SERVER = Path(__file__).parents[1] / "httpauth" / "server.py"
NAME, PASSWORD = "ada", "correct horse"


def test_a_browser_logs_in(browser: Any, spawn: Callable[..., Any], free_port: int) -> None:
    server = spawn([sys.executable, str(SERVER), str(free_port)])
    server.wait_for_port(free_port)
    base = f"http://127.0.0.1:{free_port}/"
    page = browser.new_page(http_credentials={"username": NAME, "password": PASSWORD})
    for kind in ("basic", "md5", "sha-256", "md5-sess", "userhash", "both-qops", "all"):
        for _ in range(2):
            assert page.goto(base + kind).status == 200, kind
        scheme = "Basic" if kind == "basic" else "Digest"
        assert page.inner_text("body") == f"ada by {scheme}"
    # A page's requests overtake each other; none is taken for a repetition.
    asking = f"Promise.all([...Array(24)].map(_ => fetch('{base}all').then(r => r.status)))"
    assert page.evaluate(asking) == [200] * 24
    page = browser.new_page(http_credentials={"username": NAME, "password": "wrong"})
    for kind in ("basic", "sha-256"):
        assert page.goto(base + kind).status == 401
    assert "Traceback" not in server.output
