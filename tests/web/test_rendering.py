"""render and render_string: which template, which names, and pages that have to wait."""

from __future__ import annotations

import asyncio
import weakref
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, inlineCallbacks, succeed

from cyclone.locale import Locale
from cyclone.template import DictLoader, Rendering, Template
from cyclone.testing import Client, MemoryConnection
from cyclone.web import Application, HTTPError, RequestHandler, UIModule

from .support import GET, client_of, doing, problems, recorded_log, run_on_loop

LOADER = {
    "page": "<{{ x }}>",
    "names": "{{ handler is h }}{{ request is h.request }}{{ current_user }}"
    "{{ reverse_url('me') }}",
    "late": "a{{ x }}b",
}


def rendering(
    name: str, templates: dict[str, str] | None = None, **names: Any
) -> type[RequestHandler]:
    """A handler class that renders a template."""

    class Handler(RequestHandler):
        def create_template_loader(self, template_path: str) -> Any:
            return DictLoader(LOADER if templates is None else templates)

        def get_template_path(self) -> str:
            return "here"

        def get(self) -> Any:
            return self.render(name, **names)

    return Handler


def test_a_page_is_the_response() -> None:
    response = client_of(rendering("page", x="&")).get("/")
    assert (response.status, response.text) == (200, "<&amp;>")
    assert response.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert response.headers["Content-Length"] == "7"


def test_render_string_gives_bytes() -> None:
    class Handler(rendering("page")):  # type: ignore[misc]
        def get(self) -> None:
            page = self.render_string("page", x=1)
            assert type(page) is bytes
            self.write({"page": page})

    assert client_of(Handler).get("/").json() == {"page": "<1>"}


def test_names_that_every_template_knows() -> None:
    class Handler(rendering("names")):  # type: ignore[misc]
        def get_current_user(self) -> str:
            return "<Ben>"

        def get_template_namespace(self) -> dict[str, Any]:
            return {**super().get_template_namespace(), "h": self}

    client = Client(Application([("/me", Handler, {}, "me")]))
    assert client.get("/me").text == "TrueTrue&lt;Ben&gt;/me"


def test_translations_where_the_handler_has_a_locale() -> None:
    class Locale:
        def translate(self, text: str) -> str:
            return text.upper()

        def pgettext(self, context: str, text: str) -> str:
            return f"{context}:{text}"

    class Handler(rendering("t", {"t": "{{ _('a') }}{{ pgettext('b', 'c') }}{{ locale is l }}"})):  # type: ignore[misc]
        def prepare(self) -> None:
            self.locale = Locale()

        def xsrf_form_html(self) -> str:
            return "<input>"

        def get(self) -> None:
            self.render("t", l=self.locale)

    assert client_of(Handler).get("/").text == "Ab:cTrue"


def test_names_given_to_render_win() -> None:
    handler = rendering("t", {"t": "{{ handler }}{{ reverse_url }}"}, handler=1, reverse_url=2)
    assert client_of(handler).get("/").text == "12"


def test_render_after_finish_is_an_error() -> None:
    def get(self: Any) -> None:
        self.finish("x")
        with pytest.raises(RuntimeError, match="Cannot render"):
            self.render("page")

    assert client_of(doing(get)).get("/").text == "x"


def test_a_render_string_of_another_template_engine() -> None:
    class Handler(RequestHandler):
        def render_string(self, template_name: str, **kwargs: Any) -> str:
            return f"{template_name} é {kwargs}"

        def get(self) -> None:
            self.render("x.mako", a=1)

    assert client_of(Handler).get("/").text == "x.mako é {'a': 1}"


def text_of(connection: MemoryConnection) -> str:
    """The body of the last response."""
    connection.advance(0)
    response = connection.responses()[-1]
    assert response.complete
    return response.body.decode()


def statuses(connection: MemoryConnection) -> list[int]:
    connection.advance(0)
    return [response.status for response in connection.responses()]


# -- which template


def test_templates_are_below_template_path(tmp_path: Path) -> None:
    (tmp_path / "t.html").write_text("a  {{ x }}")
    handler = doing(lambda self: self.render("t.html", x="<"))
    assert client_of(handler, template_path=str(tmp_path)).get("/").text == "a &lt;"
    client = client_of(
        handler, template_path=str(tmp_path), autoescape=None, template_whitespace="all"
    )
    assert client.get("/").text == "a  <"


def test_without_template_path_they_are_beside_the_code() -> None:
    handler = doing(lambda self: self.render("beside.txt", x=1))
    assert client_of(handler).get("/").text == "beside 1\n"


def test_also_those_of_modules_and_after_waiting() -> None:
    class Late(UIModule):
        async def render(self) -> Any:
            await gate
            return self.render_string("beside.txt", x="late")

    gate: Deferred[None] = Deferred()
    handler = doing(lambda self: self.render("modules.txt", x=1))
    connection = client_of(handler, ui_modules={"Late": Late}).connect()
    connection.send(GET)
    gate.callback(None)
    assert text_of(connection) == "beside 1\n,beside late\n\n"


def test_code_without_a_place_needs_template_path() -> None:
    class Handler(RequestHandler):
        async def get(self) -> None:
            template = Template("{{ x }}{% module Template('beside.txt') %}")
            self.write(await template.generate(x=gate, **self.ui))

    gate: Deferred[str] = Deferred()
    connection = client_of(Handler).connect()
    connection.send(GET)
    with recorded_log() as lines:
        gate.callback("x")
    assert statuses(connection) == [500]
    assert "You must define the 'template_path' setting" in problems(lines)[0]


def test_a_template_loader_of_the_application() -> None:
    class Engine:
        def load(self, name: str) -> Any:
            assert name == "x"
            return self

        def generate(self, **names: Any) -> str:
            return f"generated {names['a']}"

    handler = doing(lambda self: self.render("x", a=1))
    client = client_of(handler, template_loader=Engine(), debug=True)
    assert client.get("/").text == "generated 1"


def test_each_application_and_each_kind_of_loader_is_by_itself() -> None:
    made: list[Any] = []

    class Handler(rendering("page", x=1)):  # type: ignore[misc]
        def create_template_loader(self, template_path: str) -> Any:
            made.append(template_path)
            return super().create_template_loader(template_path)

    first, second = client_of(Handler), client_of(Handler)
    for client in (first, first, second):
        assert client.get("/").text == "<1>"
    assert made == ["here", "here"]

    class Other(rendering("page", {"page": "other"})):  # type: ignore[misc]
        pass

    client = Client(Application([("/a", Handler), ("/b", Other)]))
    assert [client.get(path).text for path in ("/a", "/b", "/a")] == ["<1>", "other", "<1>"]


def test_templates_are_kept_but_in_debug_mode(tmp_path: Path) -> None:
    file = tmp_path / "t.html"
    handler = doing(lambda self: self.finish(self.render_string("t.html") * 2))

    def pages(**settings: Any) -> list[str]:
        client = client_of(handler, template_path=str(tmp_path), **settings)
        file.write_text("old")
        first = client.get("/").text
        file.write_text("new")
        return [first, client.get("/").text]

    assert pages() == ["oldold", "oldold"]
    assert pages(debug=True) == ["oldold", "newnew"]
    assert pages(compiled_template_cache=False) == ["oldold", "newnew"]
    assert pages(debug=True, compiled_template_cache=True) == ["oldold", "oldold"]


def test_within_one_request_templates_are_compiled_once() -> None:
    class Counting(DictLoader):
        resets = 0

        def reset(self) -> None:
            self.resets += 1
            super().reset()

    def get(self: Any) -> None:
        self.render_string("a")
        self.render("a")

    loader = Counting({"a": "a"})
    client = client_of(doing(get), template_loader=loader, debug=True)
    client.get("/")
    client.get("/")
    assert loader.resets == 2


def test_loaders_are_given_up_with_their_application() -> None:
    app = Application([("/", rendering("page", x=1))])
    Client(app).get("/")
    assert app in RequestHandler._template_loaders
    assert isinstance(RequestHandler._template_loaders, weakref.WeakKeyDictionary)


# -- errors


def test_an_error_in_a_template_is_500() -> None:
    client = client_of(rendering("late"))
    with recorded_log() as lines:
        assert client.get("/").status == 500
    assert "name 'x' is not defined" in problems(lines)[0]


def test_class_12_the_page_of_debug_mode_shows_the_template() -> None:
    templates = {"t": "<ul>\n<li>{{ 1/0 }}</li>"}
    with recorded_log():
        response = client_of(rendering("t", templates), debug=True).get("/")
    assert response.status == 500
    assert "&lt;li&gt;{{ 1/0 }}&lt;/li&gt;" in response.text
    assert "<li>{{" not in response.text
    assert "ZeroDivisionError" in response.text


def test_an_http_error_in_a_template() -> None:
    def forbid() -> None:
        raise HTTPError(403)

    assert client_of(rendering("t", {"t": "{{ f() }}"}, f=forbid)).get("/").status == 403


# -- pages that have to wait


def returned(self: Any, gate: Any) -> Any:
    return self.render("late", x=gate)


def not_returned(self: Any, gate: Any) -> Any:
    self.render("late", x=gate)


async def awaited(self: Any, gate: Any) -> Any:
    result = await self.render("late", x=gate)
    assert result is None


@inlineCallbacks
def yielded(self: Any, gate: Any) -> Any:
    yield self.render("late", x=gate)


async def string_awaited(self: Any, gate: Any) -> Any:
    self.write(await self.render_string("late", x=gate))


@inlineCallbacks
def string_yielded(self: Any, gate: Any) -> Any:
    self.write((yield self.render_string("late", x=gate)))


WAYS = [returned, not_returned, awaited, yielded, string_awaited, string_yielded]


def waiting(way: Any, gate: Any, ended: list[str]) -> type[RequestHandler]:
    class Handler(rendering("late")):  # type: ignore[misc]
        def get(self) -> Any:
            return way(self, gate)

        def on_finish(self) -> None:
            ended.append("end")

    return Handler


@pytest.mark.parametrize("way", WAYS)
def test_the_response_ends_when_the_page_is_there(way: Any) -> None:
    gate: Deferred[str] = Deferred()
    ended: list[str] = []
    connection = client_of(waiting(way, gate, ended)).connect()
    connection.send(GET)
    assert connection.received == b"" and ended == []
    gate.callback("<")
    assert text_of(connection) == "a&lt;b"
    assert ended == ["end"]


@pytest.mark.parametrize("way", WAYS)
def test_an_error_while_the_page_waits_is_answered(way: Any) -> None:
    gate: Deferred[str] = Deferred()
    ended: list[str] = []
    connection = client_of(waiting(way, gate, ended)).connect()
    connection.send(GET)
    with recorded_log() as lines:
        gate.errback(ValueError("late"))
    assert statuses(connection) == [500]
    assert len(problems(lines)) == 1 and "late" in problems(lines)[0]
    assert ended == ["end"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fails", [False, True])
def test_a_peer_that_leaves_while_the_page_waits(way: Any, fails: bool) -> None:
    gate: Deferred[str] = Deferred()
    ended: list[str] = []
    connection = client_of(waiting(way, gate, ended)).connect()
    connection.send(GET)
    connection.disconnect()
    with recorded_log() as lines:
        if fails:
            gate.errback(ValueError("late"))
        else:
            gate.callback("x")
    assert ended == ["end"]
    assert ["late" in line for line in problems(lines)] == [True] * fails


def test_a_handler_that_finished_meanwhile_has_answered() -> None:
    gate: Deferred[str] = Deferred()

    class Handler(rendering("late")):  # type: ignore[misc]
        def get(self) -> None:
            page = self.render("late", x=gate)
            assert isinstance(page, Rendering)
            self.finish("other")

    connection = client_of(Handler).connect()
    connection.send(GET)
    assert text_of(connection) == "other"
    gate.callback("x")
    gate = Deferred()
    connection.send(GET)
    assert text_of(connection) == "other"
    gate.errback(ValueError())


def test_a_page_awaits_asyncio_and_asyncio_a_page() -> None:
    async def work() -> None:
        async def slow() -> str:
            await asyncio.sleep(0)
            return "<"

        class Handler(rendering("late")):  # type: ignore[misc]
            async def get(self) -> None:
                await asyncio.create_task(self.wait(self.render("late", x=slow())))

            async def wait(self, page: Any) -> None:
                await page

        connection = client_of(Handler).connect()
        connection.send(GET)
        for _ in range(10):
            await asyncio.sleep(0)
        assert text_of(connection) == "a&lt;b"

    run_on_loop(work)


@pytest.mark.parametrize("returns", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_error_pages_may_have_to_wait(returns: bool, fails: bool) -> None:
    gate: Deferred[str] = Deferred()

    class Handler(rendering("late")):  # type: ignore[misc]
        def get(self) -> None:
            raise HTTPError(418)

        def write_error(self, status_code: int, **kwargs: Any) -> Any:
            page = self.render("late", x=gate)
            return page if returns else None

    connection = client_of(Handler).connect()
    connection.send(GET)
    assert connection.received == b""
    with recorded_log() as lines:
        if fails:
            gate.errback(ValueError("late"))
        else:
            gate.callback("x")
    assert statuses(connection) == [418]
    assert text_of(connection) == ("" if fails else "axb")
    assert len(problems(lines)) == fails


def test_an_error_after_a_page_that_waits_is_the_answer() -> None:
    gate: Deferred[str] = Deferred()

    class Handler(rendering("late")):  # type: ignore[misc]
        def get(self) -> None:
            self.render("late", x=gate)
            raise HTTPError(403)

    connection = client_of(Handler).connect()
    connection.send(GET)
    assert statuses(connection) == [403]
    gate.callback("x")
    assert statuses(connection) == [403]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("late", [False, True])
def test_a_user_who_is_looked_up_is_waited_for(stream: bool, late: bool) -> None:
    gate: Deferred[Any] = Deferred()
    if not late:
        gate.callback(None)

    class Handler(rendering("t", {"t": "{% if current_user %}in{% else %}out{% end %}"})):  # type: ignore[misc]
        stream_render = stream

        async def get_current_user(self) -> Any:
            return await gate

        def on_finish(self) -> None:
            assert self.current_user is None

    connection = client_of(Handler).connect()
    connection.send(GET)
    if late:
        assert connection.received == b""
        gate.callback(None)
    assert text_of(connection) == "out"


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_page_is_shown_to_nobody_if_it_is_the_user_who_cannot_be_told(
    stream: bool,
) -> None:
    class Handler(rendering("t", {"t": "{% if current_user %}in{% else %}out{% end %}"})):  # type: ignore[misc]
        stream_render = stream

        async def get_current_user(self) -> Any:
            raise HTTPError(503)

        def write_error(self, status_code: int, **kwargs: Any) -> Any:
            return self.render("t")

    response = client_of(Handler).get("/")
    assert (response.status, response.text) == (503, "out")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("late", [False, True])
def test_a_locale_that_is_looked_up_is_waited_for(stream: bool, late: bool) -> None:
    class Shouting(Locale):
        def translate(self, message: str, *args: Any, **kwargs: Any) -> str:
            return message.upper()

        def pgettext(self, context: str, message: str, *args: Any, **kwargs: Any) -> str:
            return message

    gate: Deferred[None] = Deferred()
    if not late:
        gate.callback(None)
    text = "{{ locale.code }} {{ _('hello') }} {{ pgettext('c', 'bye') }}"

    class Handler(rendering("t", {"t": text})):  # type: ignore[misc]
        stream_render = stream

        async def get_user_locale(self) -> Any:
            await gate
            return Shouting("en_US")

    connection = client_of(Handler).connect()
    connection.send(GET)
    if late:
        assert connection.received == b""
        gate.callback(None)
    assert text_of(connection) == "en_US HELLO bye"


def test_a_user_in_a_namespace_of_ones_own() -> None:
    class Handler(rendering("t", {"t": "{{ current_user }}"})):  # type: ignore[misc]
        def get(self) -> None:
            self.render("t", current_user=succeed("Ben"))

    assert client_of(Handler).get("/").text == "Ben"


# -- streaming


def streaming(templates: dict[str, str], **names: Any) -> type[RequestHandler]:
    class Handler(rendering("t", templates, **names)):  # type: ignore[misc]
        stream_render = True

    return Handler


def test_what_is_ready_is_sent_when_asked() -> None:
    gate: Deferred[str] = Deferred()
    connection = client_of(streaming({"t": "<p>{{ a }}{{ b }}</p>"}, a=1, b=gate)).connect()
    connection.send(GET)
    assert b"<p>1" in connection.received and b"</p>" not in connection.received
    gate.callback("<")
    assert text_of(connection) == "<p>1&lt;</p>"


def test_a_streamed_page_that_never_waits_is_sent_whole() -> None:
    response = client_of(streaming({"t": "{{ a }}{{ b }}"}, a=1, b=2)).get("/")
    assert (response.text, response.headers["Content-Length"]) == ("12", "2")


def test_an_error_in_a_streamed_page_ends_the_connection() -> None:
    gate: Deferred[str] = Deferred()
    connection = client_of(streaming({"t": "a{{ b }}{{ 1/0 }}"}, b=gate)).connect()
    connection.send(GET)
    with recorded_log() as lines:
        gate.callback("x")
    connection.advance(60)
    assert connection.closed
    assert "ZeroDivisionError" in problems(lines)[0]


def test_a_peer_that_leaves_a_streamed_page() -> None:
    gates: list[Deferred[str]] = [Deferred(), Deferred()]
    connection = client_of(streaming({"t": "a{{ g[0] }}b{{ g[1] }}"}, g=gates)).connect()
    connection.send(GET)
    connection.disconnect()
    with recorded_log() as lines:
        gates[0].callback("x")
    assert problems(lines) == []


def test_modules_of_a_streamed_page() -> None:
    class Module(UIModule):
        def render(self) -> Any:
            return succeed("m")

        def css_files(self) -> str:
            return "/a.css"

        def html_body(self) -> str:
            return "<script></script>"

    templates = {"t": "<head></head><body>{% module M() %}</body>"}
    client = client_of(streaming(templates), ui_modules={"M": Module})
    assert client.get("/").text == (
        '<head></head><body>m<link href="/a.css" type="text/css" rel="stylesheet"/>\n'
        "<script></script>\n</body>"
    )
    client = client_of(streaming({"t": "{% module M() %}"}), ui_modules={"M": Module})
    assert client.get("/").text.endswith("<script></script>\n")


@pytest.mark.parametrize("version", [1, 2])
def test_a_form_behind_what_was_sent_early_has_its_cookie(version: int) -> None:
    gate: Deferred[str] = Deferred()
    form = {"form": "<body>" + "a" * 2000 + "{{ gate }}{% module xsrf_form_html() %}</body>"}

    class Handler(rendering("form", form, gate=gate)):  # type: ignore[misc]
        stream_render = True

        def post(self) -> None:
            self.write("good")

    client = client_of(
        Handler, xsrf_cookies=True, xsrf_cookie_version=version, compress_response=True
    )
    pending = client.open("GET", "/", headers={"Accept-Encoding": "gzip"})
    gate.callback("b")
    page = pending.response
    # What sets a cookie may hold secrets, whenever they come.
    assert "Content-Encoding" not in page.headers
    token = page.text.partition('value="')[2].partition('"')[0]
    assert client.post("/", data={"_xsrf": token}).text == "good"
