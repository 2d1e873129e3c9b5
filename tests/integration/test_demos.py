"""The demos that have no test of their own: each can be imported and makes an application."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import cyclone.web
from cyclone.deploy import load_application
from cyclone.testing import Client
from cyclone.web import Application

DEMOS = Path(__file__).parents[2] / "demos"
APPLICATIONS = [
    *("readme/hello", "readme/delayed", "readme/clock", "readme/crawler", "readme/decorators"),
    "site/app",
]


#: Loads an application and says what it is, in a process of its own: an application may ask the
#: reactor to call it when it runs, and the reactor of the tests will run for others.
LOAD = """
import sys
import cyclone.web
from cyclone.deploy import load_application
print(type(load_application(sys.argv[1], None)).__mro__)
"""


@pytest.mark.parametrize("name", APPLICATIONS)
def test_it_makes_an_application(name: str) -> None:
    path = DEMOS / f"{name}.py"
    done = subprocess.run(
        [sys.executable, "-c", LOAD, path], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stderr == ""
    assert f"{Application.__module__}.{Application.__qualname__}'" in done.stdout


@pytest.fixture
def site() -> Any:
    return Client(load_application(str(DEMOS / "site" / "app.py"), None))


@pytest.mark.parametrize(
    ("path", "status", "part"),
    [
        ("/", 200, "Hello, stranger"),
        ("/hello", 200, "hello, world"),
        ("/json", 200, '"message": "hello, world"'),
        ("/user/42?q=x", 200, "user 42, q is x"),
        ("/user/42", 200, "q is not given"),
        ("/secret", 302, ""),
        ("/old/place", 301, ""),
        ("/fail", 500, "ZeroDivisionError"),
        ("/nowhere", 404, "404"),
        ("/request", 200, '"method": "GET"'),
    ],
)
def test_pages_of_the_site(site: Any, path: str, status: int, part: str) -> None:
    response = site.get(path)
    assert response.status == status
    assert part in response.text


def test_names_are_escaped_and_cannot_be_made_up(site: Any) -> None:
    site.cookies.set("user", "<b>me</b>")
    assert "Hello, stranger" in site.get("/").text
    name = cyclone.web.create_signed_value(site.app.settings["cookie_secret"], "user", "<b>me</b>")
    site.cookies.set("user", name.decode())
    assert "&lt;b&gt;me" in site.get("/").text


def test_an_upload(site: Any) -> None:
    answer = site.post(
        "/upload", data={"title": "t"}, files={"photos": ("a.png", b"x" * 10, "image/png")}
    )
    assert answer.json() == {
        "title": "t",
        "files": [{"filename": "a.png", "content_type": "image/png", "size": 10}],
    }


def test_an_upload_that_is_too_large(site: Any) -> None:
    assert site.post("/upload", body=b"x" * (20 * 1024 * 1024 + 1)).status == 413
