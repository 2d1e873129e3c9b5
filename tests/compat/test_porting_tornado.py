"""What ``docs/porting-from-tornado.md`` says, shown on small programs."""

from __future__ import annotations

import ast
import asyncio
import gzip
import importlib
import importlib.util
import itertools
import logging
import re
import ssl
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tornado.gen
import tornado.web
from twisted.internet import task, threads
from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks, succeed
from twisted.internet.defer import TimeoutError as TwistedTimeout

import cyclone.httpclient
import cyclone.log
import cyclone.template
import cyclone.web
from cyclone.http1 import Limits
from cyclone.httpserver import HTTPServer
from cyclone.locale import Locale
from cyclone.testing import Client, MemoryConnection
from cyclone.util import import_object
from cyclone.web import Application, RequestHandler, authenticated, stream_request_body
from tests.plugins.processes import Process
from tests.web.support import Noting, Stage, client_of, doing, recorded_log, run_on_loop, turns

DOCUMENT = Path(__file__).parents[2] / "docs" / "porting-from-tornado.md"


def rows(heading: str) -> list[list[str]]:
    """The cells of the rows of a table, comments left out; `heading` is its first line."""
    text = re.sub(r"<!--.*?-->", "", DOCUMENT.read_text("utf-8"))
    lines = text.split(heading + "\n", 1)[1].splitlines()[1:]
    table = itertools.takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def code_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# --- imports -------------------------------------------------------------------------------------

COUNTERPARTS = [
    (*code_in(tornado_cell), *code_in(cyclone_cell), code_in(lacks))
    for tornado_cell, cyclone_cell, lacks in rows("| Tornado | cyclone | not there |")
]
WITHOUT = rows("| Tornado | instead |")


def own_names(module: Any) -> list[str]:
    """The public names that a module of Tornado defines itself."""
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return sorted(
        name
        for name in names
        # Its type variables and aliases for annotations are no interface.
        if not name.startswith("_")
        and hasattr(module, name)
        and "typing" not in type(getattr(module, name)).__module__
    )


@pytest.mark.parametrize(("theirs", "ours", "lacks"), COUNTERPARTS)
def test_modules_have_tornados_names(theirs: str, ours: str, lacks: list[str]) -> None:
    module, there = importlib.import_module(ours), importlib.import_module(theirs)
    missing = [name for name in own_names(there) if not hasattr(module, name)]
    # What is said not to be there may be what Tornado imports itself.
    assert set(missing) <= set(lacks)
    assert not [name for name in lacks if hasattr(module, name)]


@pytest.mark.parametrize("row", WITHOUT, ids=lambda row: row[0])
def test_modules_without_counterpart(row: list[str]) -> None:
    for name in code_in(row[0]):
        ours = name.replace("tornado", "cyclone")
        assert importlib.util.find_spec(ours) is None, f"{ours} is there: say so"
    for name in code_in(row[1]):
        if re.match(r"(twisted|cyclone|asyncio|ipaddress|os)\.", name):
            assert import_object(name)


def test_every_module_of_tornado_is_in_a_table() -> None:
    directory = Path(tornado.web.__file__).parent
    theirs = {f"tornado.{path.stem}" for path in directory.glob("*.py") if path.stem != "__init__"}
    named = {row[0] for row in COUNTERPARTS}.union(*(code_in(row[0]) for row in WITHOUT))
    assert theirs - named == {"tornado._locale_data"}


async def test_what_takes_the_place_of_the_loop(reactor: Any) -> None:
    calls: list[str] = []
    reactor.callLater(0, calls.append, "call_later")
    await threads.deferToThread(reactor.callFromThread, calls.append, "add_callback")
    await threads.deferToThread(calls.append, "run_in_executor")
    looping = task.LoopingCall(lambda: looping.stop())
    await looping.start(0)
    assert sorted(calls) == ["add_callback", "call_later", "run_in_executor"]


async def test_what_takes_the_place_of_gen(reactor: Any) -> None:
    @inlineCallbacks
    def old() -> Any:
        return (yield succeed(1))

    assert await gatherResults([old(), task.deferLater(reactor, 0, lambda: 2)]) == [1, 2]
    with pytest.raises(TwistedTimeout):
        await Deferred[None]().addTimeout(0, reactor)


# --- running -------------------------------------------------------------------------------------

PROGRAM = """
import sys
import cyclone.web
from twisted.internet import reactor

class MainHandler(cyclone.web.RequestHandler):
    def get(self):
        self.write("hello")
        reactor.callLater(0, reactor.stop)

cyclone.web.Application([(r"/", MainHandler)]).listen(int(sys.argv[1]), "127.0.0.1")
print("ready", flush=True)
reactor.run()
"""


def test_a_program_with_reactor_run(
    spawn: Callable[..., Process], tmp_path: Path, free_port: int
) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    process = spawn([sys.executable, "app.py", str(free_port)], cwd=tmp_path, line="^ready")
    with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/") as answer:
        assert answer.read() == b"hello"
    assert process.wait() == 0


async def test_listen(reactor: Any) -> None:
    app = Application(xheaders=True)
    assert app.settings.xheaders is True
    port = app.listen(0, "127.0.0.1")
    assert port.getHost().port
    await port.stopListening()  # type: ignore[misc]
    with pytest.raises(TypeError):
        app.listen(0, xheaders=True)  # type: ignore[call-arg]
    server = HTTPServer(app)
    server.listen(0, "127.0.0.1")
    await server.stop()


def test_servers_do_not_fork() -> None:
    server = HTTPServer(Application())
    for number in (0, 2, None):
        with pytest.raises(ValueError, match="this process"):
            server.start(number)


def test_debug_does_not_reload() -> None:
    import cyclone.autoreload

    settings = Application(debug=True).settings
    assert "autoreload" not in settings
    assert settings.serve_traceback is True
    assert settings.compiled_template_cache is False
    assert callable(cyclone.autoreload.start)


# --- coroutines ----------------------------------------------------------------------------------


def test_everything_may_be_a_coroutine() -> None:
    @stream_request_body
    class Handler(Noting):
        async def prepare(self) -> None:
            await succeed(None)
            self.notes.append("prepare")

        async def data_received(self, chunk: bytes) -> None:
            await succeed(None)
            self.notes.append(chunk)

        async def post(self) -> None:
            await succeed(None)
            raise cyclone.web.HTTPError(409)

        async def write_error(self, status_code: int, **kwargs: Any) -> None:
            await succeed(None)
            self.finish(f"sorry {status_code}")

        async def on_finish(self) -> None:
            await succeed(None)
            self.notes.append("on_finish")

    stage = Stage(Handler)
    assert stage.client.post("/", body=b"body").text == "sorry 409"
    assert stage.notes == ["initialize", "prepare", b"body", "on_finish"]


def test_coroutines_of_tornado() -> None:
    class Handler(RequestHandler):
        @tornado.gen.coroutine
        def get(self) -> Any:
            value = yield asyncio.sleep(0, "value")
            self.write(value)

    client = client_of(Handler)

    async def run() -> None:
        pending = client.open("GET", "/")
        await turns(10)
        assert pending.response.body == b"value"

    run_on_loop(run)


def test_users_and_locales_may_be_coroutines() -> None:
    class Capitals(Locale):
        def translate(self, message: str, *args: Any, **kwargs: Any) -> str:
            return message.upper()

        def pgettext(self, context: str, message: str, *args: Any, **kwargs: Any) -> str:
            return message.upper()

    class Handler(RequestHandler):
        async def get_current_user(self) -> Any:
            return await succeed("Ada")

        async def get_user_locale(self) -> Any:
            return await succeed(Capitals("en_US"))

        def create_template_loader(self, template_path: str) -> Any:
            return cyclone.template.DictLoader({"t": "{{ _('hello') }} {{ current_user }}"})

        @authenticated
        def get(self) -> None:
            self.render("t")

    assert client_of(Handler, template_path=".").get("/").text == "HELLO Ada"


# --- where the RFC wins --------------------------------------------------------------------------


class Echo(RequestHandler):
    """Answers with what it was asked."""

    def get(self) -> None:
        self.write(f"{self.request.host} {self.request.uri}")

    def post(self) -> None:
        self.write(self.request.body)


def exchange(handler: type[RequestHandler], data: bytes, **settings: Any) -> MemoryConnection:
    connection = client_of(handler, **settings).connect()
    connection.send(data)
    return connection


def body_of(connection: MemoryConnection) -> bytes:
    return bytes(connection.responses()[0].body)


def test_absolute_form() -> None:
    connection = exchange(Echo, b"GET http://b.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n")
    assert body_of(connection).startswith(b"b.example ")


def test_chunk_extensions_and_trailers() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection = exchange(Echo, head + b"2;x=y\r\nab\r\n0\r\nX-Sum: 1\r\n\r\n")
    assert body_of(connection) == b"ab"
    connection = exchange(Echo, head + b"2;x\x00\r\nab\r\n0\r\n\r\n")
    assert connection.responses()[0].status == 400


def test_connection_is_a_list() -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n"
    assert exchange(Echo, request).closed


def test_locations_are_ascii() -> None:
    response = client_of(doing(lambda self: self.redirect("/caf\xe9 <"))).get("/")
    assert response.headers["Location"] == "/caf%C3%A9%20%3C"


def test_codings_have_weights() -> None:
    client = client_of(doing(lambda self: self.write("x" * 5000)), compress_response=True)
    refused = client.get("/", headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers
    accepted = client.get("/", headers={"Accept-Encoding": "gzip"})
    assert accepted.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(accepted.body) == b"x" * 5000


def test_methods() -> None:
    client = client_of(Echo)
    response = client.put("/")
    assert (response.status, response.headers["Allow"]) == (405, "GET, POST")
    assert client.request("BREW", "/").status == 501


def test_http_1_0_streams() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.write("a")
            self.flush()
            self.write("b")

    connection = exchange(Handler, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert connection.closed
    assert connection.received.endswith(b"\r\n\r\nab")


def test_preconditions(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("content")
    client = Client(Application(static_path=str(tmp_path)))

    def status(**fields: str) -> int:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return client.get("/static/a.txt", headers=headers).status

    tag = client.get("/static/a.txt").headers["Etag"]
    assert status(If_Match='"other"') == 412
    assert status(If_Match=tag) == 200
    assert status(If_Unmodified_Since="Thu, 01 Jan 1970 00:00:00 GMT") == 412
    assert status(Range="bytes=0-1", If_Range=tag) == 206
    assert status(Range="bytes=0-1", If_Range='"other"') == 200


@pytest.mark.parametrize("status", [204, 304])
def test_no_length_without_content(status: int) -> None:
    response = client_of(doing(lambda self: self.set_status(status))).get("/")
    assert response.status == status
    assert "Content-Length" not in response.headers


def test_limits_have_their_status() -> None:
    client = client_of(Echo, max_body_size=10, body_timeout=5)
    assert client.post("/", body=b"x" * 11).status == 413
    connection = client.connect()
    connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx")
    client.advance(10, steps=10)
    assert connection.received.startswith(b"HTTP/1.1 408 ")


def test_strict_input() -> None:
    class Form(RequestHandler):
        def post(self) -> None:
            self.write({"files": len(self.request.files)})

    assert exchange(Echo, b"GET / HTTP/1.1\nHost: a\n\n").received.startswith(b"HTTP/1.1 400 ")
    response = client_of(Form).post(
        "/",
        body=b'Content-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert response.status == 400


# --- other differences ---------------------------------------------------------------------------


def test_templates() -> None:
    template = cyclone.template
    with pytest.raises(template.ParseError):
        template.Template("{% autoescape %}")
    loader = template.DictLoader(
        {
            "base": "{% block b %}1{% end %}",
            "t": '{% extends "base" %}{% block b %}{% super %}2{% end %}',
        }
    )
    assert loader.load("t").generate() == b"12"
    late: Deferred[str] = Deferred()
    page = template.Template("{{ x }}").generate(x=late)
    late.callback("<")
    assert isinstance(page, Deferred)
    assert page.result == b"&lt;"


async def test_the_client(reactor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = cyclone.httpclient.AsyncHTTPClient(force_instance=True)
    for name in ("request_timeout", "connect_timeout"):
        assert client.defaults[name] == 20
    with pytest.raises(TypeError, match="SSLContext"):
        await client.fetch("https://a.example/", ssl_options=ssl.create_default_context())
    # What has the name of the blocking one is that of cyclone 1.x.
    monkeypatch.setattr(cyclone.httpclient.AsyncHTTPClient, "fetch", lambda *_, **__: Deferred())
    assert isinstance(cyclone.httpclient.HTTPClient("http://a.example/").fetch(), Deferred)


def test_logs(caplog: pytest.LogCaptureFixture) -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            raise ZeroDivisionError

    with recorded_log() as lines:
        client_of(Handler).get("/")
    assert {line.log for line in lines} == {"cyclone.access", "cyclone.application"}
    cyclone.log.enable_stdlib_logging()
    try:
        with caplog.at_level(logging.INFO):
            cyclone.log.gen_log.warning("words")
    finally:
        cyclone.log.disable_stdlib_logging()
    assert ("cyclone.general", logging.WARNING, "words") in caplog.record_tuples


def test_the_connection() -> None:
    names = ["write_headers", "write", "finish", "set_close_callback", "transport"]
    missing: list[str] = []

    class Handler(RequestHandler):
        def get(self) -> None:
            connection = self.request.connection
            missing.extend(name for name in names if not hasattr(connection, name))
            assert not hasattr(connection, "stream")

        def post(self) -> None:
            self.request.connection.write(b"HTTP/1.1 200 OK\r\n\r\n")

    client = client_of(Handler)
    assert client.get("/").status == 200
    assert missing == []
    with recorded_log():
        assert client.post("/").status == 500


def test_detach() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            transport = self.detach()
            transport.write(b"HTTP/1.0 200 OK\r\n\r\nhello")
            transport.loseConnection()

    connection = exchange(Handler, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert connection.closed
    assert connection.received.endswith(b"\r\n\r\nhello")


def test_cookies_are_shared() -> None:
    secret = "nobody knows it"
    signed = tornado.web.create_signed_value(secret, "user", "Ada")
    assert cyclone.web.decode_signed_value(secret, "user", signed) == b"Ada"
    signed = cyclone.web.create_signed_value(secret, "user", "Ada")
    assert tornado.web.decode_signed_value(secret, "user", signed) == b"Ada"

    class Form(RequestHandler):
        def post(self) -> None:
            self.write("done")

    token = "2|45a68b2c|e2ad6f23e7f27a93f7b1d5e8f8cb3b0a|1700000000"
    client = client_of(Form, xsrf_cookies=True)
    fields = {"Cookie": f"_xsrf={token}", "X-Xsrftoken": token}
    assert client.post("/", headers=fields).text == "done"


# --- settings ------------------------------------------------------------------------------------


def test_defaults_of_limits() -> None:
    limits = Limits()
    table = rows("| setting | Tornado | cyclone |")
    said = {name: ours for cell, _, ours in table for name in code_in(cell)}
    for name in ("idle_connection_timeout", "body_timeout", "max_body_size", "max_buffer_size"):
        assert said[name].endswith(str(getattr(limits, name)))
