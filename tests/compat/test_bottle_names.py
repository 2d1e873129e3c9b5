"""`cyclone.bottle` as applications for cyclone 1.x use it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cyclone.bottle import Bottle
from cyclone.testing import Client
from cyclone.web import RequestHandler

OF_OLD = """
import sys
import cyclone.web
from cyclone.bottle import run, route

class BaseHandler(cyclone.web.RequestHandler):
    def get_current_user(self):
        return self.get_secure_cookie("user")

@route("/")
def index(web):
    web.write("hello " + web.get_argument("name", "nobody"))

@route("/", method="post")
def index_post(web):
    web.write("posted")

@route(r"/user/(\\w+)", method="any")
def user(web, name):
    web.write("%s %s" % (web.request.method, name))

class Gone(cyclone.web.RequestHandler):
    def get(self):
        raise cyclone.web.HTTPError(410)

run(host="127.0.0.1", port={port}, debug=True, cookie_secret="x", base_handler=BaseHandler,
    more_handlers=[(r"/gone", Gone)], log=sys.stdout)
"""


def test_an_application_of_old(
    tmp_path: Path, spawn: Callable[..., Any], free_port: int, program: Callable[..., str]
) -> None:
    script = tmp_path / "app.py"
    script.write_text(OF_OLD.replace("{port}", str(free_port)))
    process = spawn([sys.executable, str(script)])
    process.wait_for_port(free_port)
    curl = program("curl")
    base = f"http://127.0.0.1:{free_port}"
    urls = [f"{base}/?name=ann", f"{base}/user/ann", f"{base}/gone"]
    client = spawn([curl, "-s", "-w", "\n%{http_code}\n", *urls])
    client.wait()
    lines = client.output.splitlines()
    assert lines[:4] == ["hello ann", "200", "GET ann", "200"]
    assert lines[-1] == "410"
    process.wait_for_line("410 GET /gone")


def test_where_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def serve(make: Any, **options: Any) -> int:
        asked.update(options)
        return 0

    monkeypatch.setattr("cyclone.bottle.running.serve", serve)
    Bottle().run()
    assert (asked["host"], asked["port"]) == ("127.0.0.1", 8888)
    Bottle(host="0.0.0.0").run(port=80)
    assert (asked["host"], asked["port"]) == ("0.0.0.0", 80)


def test_callback_and_methods_in_capitals() -> None:
    app = Bottle()

    def index(web: RequestHandler) -> None:
        web.write("x")

    app.route("/", "POST", index)
    assert Client(app.create_app()).post("/").text == "x"
