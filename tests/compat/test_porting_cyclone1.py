"""What ``docs/porting-from-cyclone1.md`` says, shown on small programs."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.protocols.haproxy._wrapper import HAProxyWrappingFactory
from twisted.python.failure import Failure

import cyclone.auth
import cyclone.httpauth
import cyclone.httpclient
import cyclone.httpserver
import cyclone.log
import cyclone.sessions
import cyclone.util
import cyclone.web
from cyclone.escape import json_decode, json_encode, native_str, utf8
from cyclone.httputil import HTTPHeaders, parse_multipart_form_data
from cyclone.testing import (
    Client,
    CycloneTestCase,
    DeferredClient,
    MemoryConnection,
    MemoryTransport,
)
from cyclone.web import Application, HTTPAuthenticationRequired, HTTPError, RequestHandler
from tests.web.support import GET, client_of, doing, problems, recorded_log

DOCUMENT = Path(__file__).parents[2] / "docs" / "porting-from-cyclone1.md"

# --- names ---------------------------------------------------------------------------------------

#: What published applications use, by module.
NAMES = {
    "web": """
        Application ErrorHandler FallbackHandler HTTPAuthenticationRequired HTTPError
        OutputTransform RedirectHandler RequestHandler StaticFileHandler TemplateModule UIModule
        URLReverseError URLSpec addslash asynchronous authenticated create_signed_value
        decode_signed_value removeslash url
        """,
    "escape": """
        json_decode json_encode linkify native_str recursive_unicode squeeze to_basestring
        to_unicode url_escape url_unescape utf8 xhtml_escape xhtml_unescape
        """,
    "template": "BaseLoader DictLoader Loader ParseError Template TemplateError",
    "locale": "CSVLocale GettextLocale Locale get get_supported_locales load_gettext_translations "
    "load_translations set_default_locale",
    "auth": "FacebookGraphMixin GithubMixin GoogleMixin OAuth2Mixin OAuthMixin OpenIdMixin "
    "TwitterMixin",
    "httputil": "HTTPFile HTTPHeaders parse_body_arguments parse_multipart_form_data url_concat",
    "httpserver": "HTTPConnection HTTPRequest HTTPServer",
    "httpclient": "HTTPClient JsonRPC fetch",
    "jsonrpc": "JsonrpcRequestHandler",
    "xmlrpc": "XmlrpcRequestHandler",
    "sse": "SSEHandler",
    "options": "Error define options parse_command_line parse_config_file print_help",
    "util": "ObjectDict basestring_type bytes_type import_object unicode_type",
    "testing": "Client CycloneTestCase",
}

#: What they use, override and call of a handler.
HANDLER = """
    add_header application async_callback check_xsrf_cookie clear_all_cookies clear_cookie
    compute_etag create_signed_value current_user decode_argument default delete finish flush get
    get_argument get_arguments get_browser_locale get_cookie get_current_user get_login_url
    get_secure_cookie get_status get_template_path get_user_locale head initialize locale
    log_exception notifyFinish on_connection_close on_finish options patch path_args path_kwargs
    post prepare put redirect render render_string request require_setting reverse_url send_error
    set_cookie set_default_headers set_header set_secure_cookie set_status settings static_url
    transport ui write write_error xsrf_form_html xsrf_token
"""


@pytest.mark.parametrize("name", NAMES)
def test_names_of_section_two(name: str) -> None:
    module = importlib.import_module(f"cyclone.{name}")
    assert [name for name in NAMES[name].split() if not hasattr(module, name)] == []


def test_names_of_handlers() -> None:
    missing: list[str] = []

    class Handler(RequestHandler):
        def get(self) -> None:
            missing.extend(name for name in HANDLER.split() if not hasattr(self, name))

    settings = {"cookie_secret": "secret", "login_url": "/login"}
    assert client_of(Handler, **settings).get("/").status == 200
    assert missing == []


def test_names_that_are_gone() -> None:
    for name in ("os", "_linkify", "_xsrf_form_html"):
        assert not hasattr(cyclone.web, name)
    assert not hasattr(cyclone.httpserver, "_BadRequestException")


# --- Python 2 and 3 ------------------------------------------------------------------------------


def test_bytes_and_text() -> None:
    seen: dict[str, Any] = {}

    class Handler(RequestHandler):
        def post(self, word: str) -> None:
            request = self.request
            seen["text"] = [
                word,
                self.get_argument("a"),
                request.headers["Content-Type"],
                request.path,
                request.uri,
                request.method,
                request.remote_ip,
                self.get_cookie("c"),
            ]
            seen["bytes"] = [request.body, *request.arguments["a"]]
            self.set_header("X-Bytes", b"bytes")
            self.set_secure_cookie("signed", "value")

        def get(self, word: str) -> None:
            seen["signed"] = self.get_secure_cookie("signed")

    client = Client(Application([(r"/(\w+)", Handler)], cookie_secret="secret"))
    client.cookies.set("c", "cookie")
    response = client.post("/word", form={"a": "1"})
    assert response.headers["X-Bytes"] == "bytes"
    client.get("/word")
    assert {type(value) for value in seen["text"]} == {str}
    assert seen["bytes"] == [b"a=1", b"1"]
    assert seen["signed"] == b"value"
    assert (utf8("\xe9"), native_str(b"a"), json_decode(json_encode([1]))) == (
        b"\xc3\xa9",
        "a",
        [1],
    )


def test_what_write_takes() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.write("a")
            self.write(b"b")

        def post(self) -> None:
            self.write({"a": cyclone.util.ObjectDict(b=1)})

        def put(self) -> None:
            self.write([1])

    client = client_of(Handler, serialize_lists=True)
    assert client.get("/").body == b"ab"
    assert client.post("/").json() == {"a": {"b": 1}}
    assert client.put("/").json() == [1]


def test_inline_callbacks_return() -> None:
    @defer.inlineCallbacks
    def value() -> Generator[Any, Any, int]:
        yield defer.succeed(None)
        return 1

    class Handler(RequestHandler):
        @defer.inlineCallbacks
        def get(self) -> Generator[Any, Any, None]:
            self.write(str((yield value())))

    assert client_of(Handler).get("/").text == "1"


# --- what has stayed -----------------------------------------------------------------------------


def with_password(method: Any) -> Any:
    """As in the httpauth demo of 1.x, which applications have copied."""

    def wrapper(self: RequestHandler, *args: Any, **kwargs: Any) -> Any:
        if self.request.headers.get("Authorization") != "Basic cm9vdDp0b29y":
            raise HTTPAuthenticationRequired(log_message="who?", auth_type="Basic", realm="Site")
        return method(self, *args, **kwargs)

    return wrapper


class Admin(RequestHandler):
    @with_password
    def get(self) -> None:
        self.write("admin")


class Files(cyclone.web.StaticFileHandler):
    def set_extra_headers(self, path: str) -> None:
        self.set_header("X-File", path)


def test_a_site_of_old(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    inner = Application([("/inner/x", Admin)])
    app = Application(
        [
            cyclone.web.URLSpec("/admin", Admin, name="admin"),
            ("/old", cyclone.web.RedirectHandler, {"url": "/admin"}),
            ("/files/(.*)", Files, {"path": str(tmp_path)}),
            ("/inner/.*", cyclone.web.FallbackHandler, {"fallback": inner}),
            ("/never", cyclone.web.ErrorHandler, {"status_code": 410}),
        ]
    )
    client = Client(app)
    response = client.get("/admin")
    assert (response.status, response.headers["WWW-Authenticate"]) == (401, 'Basic realm="Site"')
    assert client.get("/admin", headers={"Authorization": "Basic cm9vdDp0b29y"}).text == "admin"
    response = client.get("/old")
    assert (response.status, response.headers["Location"]) == (301, "/admin")
    response = client.get("/files/a.txt")
    assert (response.text, response.headers["X-File"]) == ("a", "a.txt")
    assert client.get("/inner/x").status == 401
    assert client.get("/never").status == 410
    assert app.reverse_url("admin") == "/admin"
    with pytest.raises(cyclone.web.URLReverseError):
        app.reverse_url("admin", "too many")


class Count(RequestHandler):
    """For the test case below."""

    def get(self) -> None:
        self.set_secure_cookie("count", "1")
        self.write("counted")


class CountTest(CycloneTestCase):
    """As applications have written them."""

    app_builder = staticmethod(lambda: Application([("/", Count)], cookie_secret="secret"))

    @defer.inlineCallbacks
    def test_it(self) -> Generator[Any, Any, None]:
        response = yield self.client.get("/")
        self.assertEqual((response.content, response.get_status()), (b"counted", 200))
        self.assertEqual(self.client.cookies.get_secure_cookie("count"), b"1")


def test_a_test_case_of_old() -> None:
    assert issubclass(CycloneTestCase.client_impl, DeferredClient)  # type: ignore[arg-type]
    assert CountTest("test_it").app.settings.cookie_secret == "secret"


def test_signed_cookies_in_a_client() -> None:
    client = Client(Application([("/", Count)], cookie_secret="secret"))
    assert client.cookies.get_secure_cookie("count") is None
    client.get("/")
    assert client.cookies.get_secure_cookie("count") == b"1"
    assert client.cookies.get_secure_cookie("count", "no value") is None
    assert client.cookies.get_secure_cookie("other", client.cookies.get("count")) is None
    with pytest.raises(ValueError, match="cookie_secret"):
        Client(Application()).cookies.get_secure_cookie("count")


def test_behind_the_proxy_protocol(clock: Clock) -> None:
    """Behind a load balancer that tells the peer's address in a line of its own."""
    app = Application([("/", doing(lambda self: self.write(self.request.remote_ip)))])
    app.clock = clock
    protocol = HAProxyWrappingFactory(app).buildProtocol(IPv4Address("TCP", "10.0.0.1", 1))
    transport = MemoryTransport(clock)
    transport.connect(protocol)
    transport.deliver(b"PROXY TCP4 1.2.3.4 10.0.0.2 5 6\r\n" + GET)
    clock.advance(0)
    assert transport.received.endswith(b"\r\n\r\n1.2.3.4")
    transport.disconnect()


def test_certificates_of_clients() -> None:
    seen: list[Any] = []

    class Handler(RequestHandler):
        def get(self) -> None:
            seen.append(self.request.connection.transport.getPeerCertificate())
            seen.append(self.request.get_ssl_certificate())

    client = Client(Application([("/", Handler)]), https=True)
    assert client.get("/").status == 200
    assert seen == [None, None]  # the client has shown none


# --- what has changed ----------------------------------------------------------------------------


def test_coroutines_are_awaited() -> None:
    class Handler(RequestHandler):
        async def get(self) -> None:
            await defer.succeed(None)
            self.write("awaited")

    assert client_of(Handler).get("/").text == "awaited"


def test_pipelined_requests() -> None:
    gate: defer.Deferred[None] = defer.Deferred()

    class Handler(RequestHandler):
        async def get(self) -> None:
            if self.request.path == "/slow":
                await gate
            self.write(self.request.path)

    connection = client_of(Handler).connect()
    connection.send(GET.replace(b"/ ", b"/slow ", 1) + GET)
    assert connection.received == b""
    gate.callback(None)
    connection.advance(0)
    assert [bytes(response.body) for response in connection.responses()] == [b"/slow", b"/"]


LINES = [
    "Host: a\r\nContent-Length: 1\r\nContent-Length: 2",
    "Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
    "Host: a\r\nContent-Length: +5",
    "Host: a\r\nContent-Length: 1_0",
    "Host: a\r\nX-Name : value",
    "X-Nothing: here",
    "Host: a\r\nHost: b",
]


@pytest.mark.parametrize("lines", LINES)
def test_malformed_requests(lines: str) -> None:
    connection = client_of(doing(lambda self: self.write("never"))).connect()
    connection.send(f"POST / HTTP/1.1\r\n{lines}\r\n\r\n".encode())
    assert connection.received.startswith(b"HTTP/1.1 400 ")
    assert len(connection.responses()) == 1


def test_unknown_methods() -> None:
    client = client_of(doing(lambda self: None))
    assert client.request("BREW", "/").status == 501
    assert client.put("/").status == 405


def test_render() -> None:
    class Handler(RequestHandler):
        def create_template_loader(self, template_path: str) -> Any:
            return cyclone.template.DictLoader({"t": "{{ x }}"})  # type: ignore[attr-defined]

        def get(self) -> None:
            self.render("t", x=1)

        async def post(self) -> None:
            await self.render("t", x=2)

        @defer.inlineCallbacks
        def put(self) -> Generator[Any, Any, None]:
            yield self.render("t", x=defer.succeed(3))

    client = client_of(Handler, template_path=".")
    assert [client.request(m, "/").text for m in ("GET", "POST", "PUT")] == ["1", "2", "3"]


def test_control_characters() -> None:
    actions = [
        lambda self: self.set_header("X", "a\r\nY: b"),
        lambda self: self.set_cookie("a", "b", path="/\r\n"),
        lambda self: self.redirect("/\r\nX: y"),
    ]
    for action in actions:
        with recorded_log() as lines:
            assert client_of(doing(action)).get("/").status == 500
        assert problems(lines)


def test_uploads(tmp_path: Path) -> None:
    class Handler(RequestHandler):
        def post(self) -> None:
            upload = self.request.files["f"][0]
            assert upload["body"] == upload.body == upload.file.read() == b"x" * 5000
            assert (upload["filename"], upload["content_type"]) == ("a.txt", "text/plain")
            upload.save(tmp_path / "a.txt")

    client = client_of(Handler, max_memory_file_size=100)
    files = {"f": ("a.txt", b"x" * 5000, "text/plain")}
    assert client.post("/", files=files).status == 200
    assert (tmp_path / "a.txt").read_bytes() == b"x" * 5000


def test_forms_by_hand() -> None:
    arguments: dict[str, list[bytes]] = {}
    files: dict[str, list[Any]] = {}
    data = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
    parse_multipart_form_data(b"x", data, arguments, files)
    assert (arguments, files) == ({"a": [b"1"]}, {})
    headers = HTTPHeaders({"content-type": "text/html"})
    headers.add("Set-Cookie", "a=b")
    assert list(headers.get_all()) == [("Content-Type", "text/html"), ("Set-Cookie", "a=b")]


async def test_fetch_has_limits(reactor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[Any] = []

    def note(self: Any, request: Any, raise_error: bool = True) -> defer.Deferred[Any]:
        requests.append(request)
        return defer.Deferred()

    monkeypatch.setattr(cyclone.httpclient.AsyncHTTPClient, "fetch", note)
    cyclone.httpclient.fetch("https://a.example/")
    for name in ("request_timeout", "connect_timeout", "validate_cert"):
        assert getattr(requests[0], name) is None  # the default
    defaults = cyclone.httpclient.AsyncHTTPClient(force_instance=True).defaults
    assert (defaults["request_timeout"], defaults["connect_timeout"]) == (20, 20)
    assert defaults["validate_cert"] is True


def test_a_client_of_old() -> None:
    class Handler(RequestHandler):
        def post(self) -> None:
            self.write({"query": self.request.query, "a": self.get_argument("a")})

    client = client_of(Handler)
    assert client.post("/", {"a": "1"}).json() == {"query": "a=1", "a": "1"}
    response = client.post("/", form={"a": "1"})
    assert response.json() == {"query": "", "a": "1"}
    assert response.content == response.body


def test_decorators_of_the_old_demos() -> None:
    class Basic(RequestHandler):
        @cyclone.httpauth.basic(lambda name, password: (name, password) == ("root", "123"), "Site")
        def get(self) -> None:
            self.write(f"Hi, {self.current_user}.")

    class Digest(RequestHandler):
        @cyclone.httpauth.digest({"root": "123"}.get, "Site", algorithms="MD5")
        def get(self) -> None:
            raise AssertionError

    client = client_of(Basic)
    assert client.get("/").headers["WWW-Authenticate"] == 'Basic realm="Site", charset="UTF-8"'
    field = {"Authorization": "Basic cm9vdDoxMjM="}
    assert client.get("/", headers=field).text == "Hi, root."
    assert client_of(Digest).get("/").headers["WWW-Authenticate"].startswith('Digest realm="Site"')


def test_sessions_of_pycket() -> None:
    class Handler(cyclone.sessions.SessionMixin, RequestHandler):
        def get(self) -> None:
            self.session.set("count", self.session.get("count", 0) + 1)
            if self.session["count"] == 3:
                self.session.delete("count")
            self.write(f"{list(self.session.keys())} {self.session.get('count')}")

    sessions = cyclone.sessions.Sessions(cyclone.sessions.MemoryStore())
    client = client_of(Handler, sessions=sessions)
    answers = [client.get("/").text for _ in range(4)]
    assert answers == ["['count'] 1", "['count'] 2", "[] None", "['count'] 1"]


def test_pretty_logging() -> None:
    assert callable(cyclone.log.enable_pretty_logging)


def test_dead_services() -> None:
    class Handler(RequestHandler, cyclone.auth.GoogleMixin):  # type: ignore[misc]
        async def get(self) -> None:
            with pytest.raises(cyclone.auth.AuthError, match="ended"):
                await self.authenticate_redirect()

    assert client_of(Handler).get("/").status == 200


# --- inner names ---------------------------------------------------------------------------------


def test_an_execute_of_ones_own() -> None:
    """A handler that goes through its life by itself, as a collector of measurements does."""

    class Handler(RequestHandler):
        def _execute(self, transforms: Any, *args: Any, **kwargs: Any) -> None:
            self._transforms = transforms
            d = defer.maybeDeferred(self.prepare)
            d.addCallback(self._execute_handler, args, kwargs)
            d.addErrback(self._execute_failure)

        def _execute_handler(self, result: Any, args: Any, kwargs: Any) -> Any:
            method = getattr(self, (self.request.method or "").lower())
            d = defer.maybeDeferred(method, *args, **kwargs)
            d.addCallbacks(self._execute_success, self._execute_failure)
            return d

        def get(self) -> None:
            self.write("done")

        def post(self) -> None:
            self.finish("finished")

        def put(self) -> None:
            raise HTTPError(409)

        def delete(self) -> None:
            self._auto_finish = False

    client = client_of(Handler)
    assert client.get("/").text == "done"
    assert client.post("/").text == "finished"
    assert client.put("/").status == 409
    assert client.open("DELETE", "/").received == b""


def test_generate_headers() -> None:
    heads: list[bytes] = []

    class Handler(RequestHandler):
        def get(self) -> None:
            self.set_status(202)
            self.clear_header("Date")
            self.set_header("X-Name", "value")
            self.set_cookie("a", "b")
            heads.append(self._generate_headers())

    client_of(Handler).get("/")
    lines = heads[0].split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 202 Accepted"
    assert b"X-Name: value" in lines
    assert lines[-3:] == [b"Set-Cookie: a=b; Path=/", b"", b""]


def test_async_callback() -> None:
    later: defer.Deferred[str] = defer.Deferred()

    class Handler(RequestHandler):
        @cyclone.web.asynchronous
        def get(self) -> None:
            assert self.async_callback(None) is None
            callback = self.async_callback(self.on_value, "fixed", option=1)
            assert callback is not None
            later.addCallback(callback)

        def on_value(self, fixed: str, value: str, option: int) -> None:
            assert (fixed, value, option) == ("fixed", "value", 1)
            raise HTTPError(409)

    pending = client_of(Handler).open("GET", "/")
    later.callback("value")
    assert pending.response.status == 409


HANDLER_METHODS = ["_execute_handler", "_deferred_handler", "_log", "_generate_headers"]
CONNECTION_METHODS = [
    "lineReceived",
    "rawDataReceived",
    "lineLengthExceeded",
    "_on_headers",
    "_on_request_body",
]


@pytest.mark.parametrize(
    ("base", "name"),
    [
        *((RequestHandler, name) for name in HANDLER_METHODS),
        *((cyclone.httpserver.HTTPConnection, name) for name in CONNECTION_METHODS),
    ],
)
def test_methods_that_are_not_called(
    base: type, name: str, recwarn: pytest.WarningsRecorder
) -> None:
    mixin = type("Mixin", (), {name: lambda self, *args: None})
    with pytest.warns(RuntimeWarning, match=rf"Own\.{name} is not called any more: \w+"):
        own = type("Own", (mixin, base), {})
    with pytest.warns(RuntimeWarning, match=rf"Other\.{name} is not called"):
        type("Other", (base,), {name: lambda self, *args: None})
    recwarn.clear()
    type("Grandchild", (own,), {})  # its parent has been told
    assert not recwarn.list


def test_raw_access() -> None:
    seen: list[Any] = []

    class Handler(RequestHandler):
        def post(self) -> None:
            seen.extend([dict(self.request.raw_headers)[b"X-nAmE"], self.request.body])

    connection = MemoryConnection(Application([("/", Handler)]))
    connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nX-nAmE: v\r\nContent-Length: 1\r\n\r\nb")
    assert seen == [b"v", b"b"]


def test_detach() -> None:
    class Shout(Protocol):
        def dataReceived(self, data: bytes) -> None:
            self.transport.write(data.upper())  # type: ignore[union-attr]

    class Handler(RequestHandler):
        @cyclone.web.asynchronous
        def get(self) -> None:
            self.detach(Shout())

    connection = client_of(Handler).connect()
    connection.send(GET + b"raw")
    connection.send(b" bytes")
    assert connection.received == b"RAW BYTES"


def test_builtin_ui_modules() -> None:
    class Handler(RequestHandler):
        def create_template_loader(self, template_path: str) -> Any:
            text = "{% module linkify('http://a.example') %}{% module xsrf_form_html() %}"
            return cyclone.template.DictLoader({"t": text})  # type: ignore[attr-defined]

        def get(self) -> None:
            self.render("t")

    page = client_of(Handler, template_path=".").get("/").text
    assert '<a href="http://a.example">' in page
    assert 'name="_xsrf"' in page


def test_send_error_of_a_failure() -> None:
    handler = doing(
        lambda self: self.send_error(exception=Failure(HTTPError(409)), status_code=409)
    )
    assert client_of(handler).get("/").status == 409
