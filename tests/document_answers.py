"""What the programs in the documents answer, asked by ``document_programs.py``."""

from __future__ import annotations

import io
import os
import unittest
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from cyclone.bottle import create_app
from cyclone.testing import Client
from cyclone.web import Application

#: What a program has defined.
Names = dict[str, Any]


def client_of(names: Names) -> Client:
    """For the application that a program defines."""
    application = names.get("application") or names["Application"]
    return Client(application if isinstance(application, Application) else application())


def asks(path: str, expected: object, method: str = "GET", **options: Any) -> Callable[..., None]:
    """A check of what comes back: a status, a text, or a value as JSON."""

    def check(names: Names) -> None:
        response = client_of(names).request(method, path, **options)
        if isinstance(expected, int):
            found: object = response.status
        else:
            found = response.text if isinstance(expected, str) else response.json()
        assert found == expected, f"{path}: {found!r}, not {expected!r}"

    return check


def of_bottle(names: Names) -> None:
    client = Client(create_app())
    assert client.get("/").text == "hello, world"
    assert client.get("/user/7").json() == {"number": 7}


def of_many_machines(names: Names) -> None:
    """Its Redis is nowhere; what it needs of it is not asked for."""
    os.environ["COOKIE_SECRET"] = "x" * 43
    client = Client(names["make_app"]())
    assert client.get("/-/live").status == 200
    assert client.post("/", form={"text": "a"}).status == 403
    assert client.get("/nothing").status == 404


def of_rpc(names: Names) -> None:
    client = client_of(names)
    call = {"jsonrpc": "2.0", "id": 1, "method": "divide", "params": [6, 3]}
    assert client.post("/jsonrpc", json=call).json()["result"] == 2
    call["params"] = [1, 0]
    assert client.post("/jsonrpc", json=call).json()["error"]["message"] == "cannot divide by zero"
    text = (
        "<methodCall><methodName>add</methodName><params><param><value><int>1</int></value></param>"
    )
    text += "<param><value><int>2</int></value></param></params></methodCall>"
    answer = client.post("/RPC2", body=text.encode(), headers={"Content-Type": "text/xml"})
    assert "<int>3</int>" in answer.text


def of_parts(names: Names) -> None:
    client = Client(Application([("/", names["Service"])]))
    text = "<methodCall><methodName>texts.upper</methodName><params><param><value><string>a"
    text += "</string></value></param></params></methodCall>"
    answer = client.post("/", body=text.encode(), headers={"Content-Type": "text/xml"})
    assert "<string>A</string>" in answer.text


def of_events(names: Names) -> None:
    stream = client_of(names).open("GET", "/time")
    names["tick"]()
    assert b"data: welcome" in stream.received
    assert b"event: tick" in stream.received


def of_rooms(names: Names) -> None:
    class Room(names["RoomHandler"]):  # type: ignore[misc]
        def get_current_user(self) -> str:
            return "ann"

    client = Client(Application([(r"/(\w+)", Room)]))
    assert [client.get(f"/{name}").status for name in ("attic", "closed")] == [403, 204]
    assert client.open("GET", "/hall").status == 200


def of_tables(names: Names) -> None:
    for handler in (names["TableHandler"], names["SameHandler"]):
        stream = Client(Application([(r"/(\w+)", handler)])).open("GET", "/t")
        assert b'data: {"row": 1}' in stream.received


def of_news(names: Names) -> None:
    stream = Client(Application([("/", names["NewsHandler"])])).open("GET", "/")
    names["news"].send("hello")
    assert b"data: hello" in stream.received


def of_certificates(names: Names) -> None:
    assert Client(Application([("/", names["WhoHandler"])])).get("/").status == 403


def of_notes(names: Names) -> None:
    """Its second program is the application, whose pool needs threads: it can be made."""
    assert client_of(names).get("/nothing").status == 404


def of_test_case(names: Names) -> None:
    case = names["TestPage"]("test_page")
    result = unittest.TextTestRunner(stream=io.StringIO()).run(case)
    assert result.testsRun == 1
    assert result.wasSuccessful(), result.errors + result.failures


def of_answer_that_waits(names: Names) -> None:
    class Page(names["MainHandler"]):  # type: ignore[misc]
        def get_current_user(self) -> str:
            return "ann"

    assert Client(Application([("/", Page)])).get("/").text == "for you alone"


def of_dropbox(names: Names) -> None:
    location = client_of(names).get("/login").headers["Location"]
    assert location.startswith("https://www.dropbox.com/oauth2/authorize?"), location
    assert "code_challenge=" in location


#: By document and the number of the block of Python in it, from 1.
ASKED: dict[tuple[str, int], Callable[[Names], None]] = {
    ("README.md", 1): asks("/", "hello, world"),
    ("docs/asynchronous.md", 5): of_answer_that_waits,
    ("docs/auth.md", 3): of_dropbox,
    ("docs/bottle.md", 1): of_bottle,
    ("docs/bottle.md", 3): asks("/notes/1", "There is nothing at /notes/1."),
    ("docs/deployment.md", 1): asks("/", "worker 0 says hello"),
    ("docs/monitoring.md", 1): lambda names: asks("/-/live", 200)(
        {"application": names["make_application"](SimpleNamespace(describe=dict))}
    ),
    ("docs/monitoring.md", 3): asks("/-/metrics", 200, remote_ip="127.0.0.1"),
    ("docs/porting-from-tornado.md", 1): lambda names: asks("/?name=Ann", "hello, Ann")(
        {"application": names["make_app"]()}
    ),
    ("docs/rpc.md", 1): of_rpc,
    ("docs/rpc.md", 4): of_parts,
    ("docs/scaling.md", 1): of_many_machines,
    ("docs/sse.md", 1): of_events,
    ("docs/sse.md", 2): of_rooms,
    ("docs/sse.md", 3): of_tables,
    ("docs/sse.md", 4): of_news,
    ("docs/static.md", 1): asks("/static/a.css", 200),
    ("docs/static.md", 2): asks("/", "the site"),
    ("docs/storage.md", 1): of_notes,
    ("docs/testing.md", 3): of_test_case,
    ("docs/tls.md", 3): of_certificates,
}
