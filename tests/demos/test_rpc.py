"""The demo of remote procedure calls: its server, its clients, the commands of its README."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, dumps, loads

import pytest
import requests

from cyclone.deploy import load_application
from cyclone.testing import Client
from tests.plugins.processes import Process, unused_port

RPC = Path(__file__).parents[2] / "demos" / "rpc"


@pytest.fixture(scope="module")
def demo() -> Client:
    return Client(load_application(str(RPC / "app.py"), None))


def by_json(demo: Client, method: str, params: Any) -> Any:
    """The result, or code and message of the error."""
    call = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
    headers = {"Content-Type": "application/json"}
    answer = json.loads(demo.post("/jsonrpc", body=json.dumps(call), headers=headers).body)
    error = answer.get("error")
    return (error["code"], error["message"]) if error else answer["result"]


def by_xml(demo: Client, method: str, params: list[Any]) -> Any:
    """The same by XML-RPC."""
    body = dumps(tuple(params), method, allow_none=True)
    response = demo.post("/xmlrpc", body=body, headers={"Content-Type": "text/xml"})
    try:
        return loads(response.body)[0][0]
    except Fault as fault:
        return fault.faultCode, fault.faultString


@pytest.mark.parametrize("call", [by_json, by_xml])
@pytest.mark.parametrize(
    ("method", "params", "result"),
    [
        ("echo", [{"a": [None, "é"]}], {"a": [None, "é"]}),
        ("count", [["a", "b"]], 2),
        ("count", ["ab"], (1, "items must be a list")),
        ("sort", [[3, 1, 2]], [1, 2, 3]),
        ("sort", [[1, "a"]], (2, "the items cannot be compared with each other")),
        ("sort", [5], (1, "items must be a list")),
        ("divide", [1, 4], 0.25),
        ("divide", [1, 0], (4, "a number cannot be divided by zero")),
        ("divide", ["1", True], (3, "dividend and divisor must be numbers")),
        ("wait", [6], (5, "seconds must be a number from 0 to 5")),
        ("wait", ["x"], (5, "seconds must be a number from 0 to 5")),
    ],
)
def test_methods(demo: Client, call: Any, method: str, params: list[Any], result: Any) -> None:
    assert call(demo, method, params) == result


def test_what_xml_has_besides(demo: Client) -> None:
    assert by_xml(demo, "texts.upper", ["a"]) == "A"
    assert by_xml(demo, "texts.words", ["a b"]) == ["a", "b"]
    for name in by_xml(demo, "system.listMethods", []):
        assert by_xml(demo, "system.methodHelp", [name])
        assert by_xml(demo, "system.methodSignature", [name]) != "undef" or name == "echo"


def test_pages_of_others_may_not_call(demo: Client) -> None:
    headers = {"Content-Type": "application/json", "Origin": "https://other.example"}
    assert demo.post("/jsonrpc", body="{}", headers=headers).status == 403


def test_the_page_loads_nothing_from_elsewhere(demo: Client) -> None:
    page = demo.get("/")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    text = page.body.decode()
    names = re.findall(r'(?:src|href)="([^"#]+)"', text)
    assert set(names) == {"icon.svg", "rpc.css", "rpc.js"}
    for name in names:
        assert demo.get(f"/{name}").status == 200
    assert not re.search(r"\son\w+=|style=|javascript:", text)
    assert demo.get("/../app.py").status == 403 and demo.get("/nothing").status == 404


# --- the clients, over sockets ------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of the demo, started as its README says."""
    port = unused_port()
    command = [sys.executable, "-m", "cyclone", "run", "app.py", "--port", str(port)]
    process = Process(command, cwd=RPC)
    try:
        process.wait_for_port(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
    assert "Traceback" not in process.output


@pytest.mark.parametrize(
    ("client", "lines"),
    [
        (
            "xmlrpc",
            [
                "echo: {'text': 'Grüße', 'nothing': None}",
                "sort: [1, 2, 3]",
                "texts.upper: HELLO",
                "divide: 4 a number cannot be divided by zero",
                "divide is for: Divide a number by another.",
                "several at once: [2, ['two', 'words']]",
            ],
        ),
        (
            "jsonrpc",
            [
                "1.0, echo: Grüße",
                "2.0, sort: [1, 2, 3]",
                "named arguments: 0.25",
                "divide: 4 a number cannot be divided by zero",
                "a batch: ['2', \"RemoteError('Method not found')\", 'None']",
            ],
        ),
    ],
)
def test_a_client(server: str, client: str, lines: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, f"client_{client}.py", f"{server}/{client}"],
        cwd=RPC,
        env={"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert [line for line in done.stdout.splitlines() if not line.startswith("methods: ")] == lines


def test_the_commands(server: str, program: Callable[..., str]) -> None:
    program("curl")
    text = (RPC / "README.md").read_text("utf-8")
    commands = re.findall(r"^    (curl (?:.*\\\n)*.*)", text, re.MULTILINE)
    answers = []
    for command in commands:
        command = command.replace("http://127.0.0.1:8888", server).replace("curl", "curl -s", 1)
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, timeout=60, check=True
        )
        answers.append(done.stdout)
    assert json.loads(answers[0]) == {"jsonrpc": "2.0", "result": [1, 2, 3], "id": 1}
    assert "texts.upper" in loads(answers[1])[0][0]
    # The page shows the same ones, with the address that it came from.
    shown = html.unescape(requests.get(server, timeout=20).text)
    for command in commands:
        words = command.replace("http://127.0.0.1:8888", server).replace("\\\n", "").split()
        assert " ".join(words) in " ".join(shown.replace("\\\n", "").split())
