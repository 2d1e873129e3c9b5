"""What a request says never becomes markup in a response that the framework makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cyclone.testing import MemoryConnection
from cyclone.web import (
    Application,
    HTTPError,
    RedirectHandler,
    RequestHandler,
    StaticFileHandler,
    addslash,
    authenticated,
)
from tests.web.support import recorded_log

MARK = "<script>'\"&"
#: As it comes in a target, where some of it has to be encoded.
TARGETS = ["<script>'\"&", "%3Cscript%3E%27%22%26", "&lt;script&gt;<script>"]


class Failing(RequestHandler):
    """Raises what the query says."""

    def get(self) -> None:
        text = self.get_argument("x", "")
        if self.get_argument("http", None):
            raise HTTPError(400, text, reason=text or None)
        raise ValueError(text)

    def post(self) -> None:
        self.get_argument(self.get_argument("x"))


class Slash(RequestHandler):
    @addslash
    def get(self) -> None:
        raise AssertionError("it has no slash")


class Private(RequestHandler):
    @authenticated
    def get(self) -> None:
        raise AssertionError("nobody is logged in")


def application(root: Path, debug: bool) -> Application:
    (root / "dir").mkdir(exist_ok=True)
    return Application(
        [
            ("/fail", Failing),
            ("/private", Private),
            ("/to/(.*)", RedirectHandler, {"url": "/there/{0}"}),
            ("/files/(.*)", StaticFileHandler, {"path": str(root)}),
            ("/slash.*[^/]", Slash),
        ],
        debug=debug,
        login_url="/login",
    )


REQUESTS = [
    ("GET", "/fail?x={0}"),
    ("GET", "/fail?http=1&x={0}"),
    ("POST", "/fail?x={0}"),
    ("PUT", "/fail?x={0}"),
    ("GET", "/nowhere/{0}?{0}"),
    ("GET", "/private?{0}"),
    ("GET", "/to/{0}?{0}"),
    ("GET", "/files/{0}"),
    ("GET", "/files/../{0}"),
    ("GET", "/files/dir?{0}"),
    ("GET", "/slash{0}"),
]


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_class_12_targets(tmp_path: Path, method: str, path: str, target: str, debug: bool) -> None:
    connection = MemoryConnection(application(tmp_path, debug))
    fields = (
        f"Host: a\r\nX: {MARK}\r\nReferer: {MARK}\r\nUser-Agent: {MARK}\r\nCookie: a={MARK}\r\n"
    )
    with recorded_log():
        connection.send(f"{method} {path.format(target)} HTTP/1.1\r\n{fields}\r\n".encode())
    assert connection.received.startswith(b"HTTP/1.1 ")
    assert b"<script" not in connection.received.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\r\nHost: <script>\r\n",
        "GET http://<script>/ HTTP/1.1\r\nHost: a\r\n",
        "<script> / HTTP/1.1\r\nHost: a\r\n",
        "GET / <script>\r\nHost: a\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n<script>: b\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: <script>\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: <script>\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nExpect: <script>\r\n",
    ],
)
def test_class_12_heads(tmp_path: Path, head: str, debug: bool) -> None:
    connection = MemoryConnection(application(tmp_path, debug))
    with recorded_log():
        connection.send(f"{head}\r\n".encode())
    assert connection.received.startswith(b"HTTP/1.1 4")
    assert b"<script" not in connection.received
