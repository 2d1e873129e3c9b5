"""UI modules and methods: the settings, what they see, what they put into the page."""

from __future__ import annotations

import types
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from cyclone.template import DictLoader
from cyclone.testing import Client
from cyclone.web import Application, RequestHandler, TemplateModule, UIModule

from .support import GET, client_of, doing, problems, recorded_log


def page(text: str, more: dict[str, str] | None = None, **settings: Any) -> str:
    """The page of a template in an application with some settings."""
    return asked(text, more, **settings).text


def asked(text: str, more: dict[str, str] | None = None, **settings: Any) -> Any:
    loader = DictLoader({"t": text, **(more or {})})
    handler = doing(lambda self: self.render("t"))
    return client_of(handler, template_loader=loader, **settings).get("/")


class Shout(UIModule):
    """Says something loudly."""

    def render(self, text: str, mark: str = "!") -> str:
        return f"<b>{text}{mark}</b>"


def shout(handler: RequestHandler, text: str) -> str:
    return f"<{handler.request.method} {text}>"


# -- the settings


def module_of(**names: Any) -> types.ModuleType:
    module = types.ModuleType("m")
    module.__dict__.update(names)
    return module


@pytest.mark.parametrize(
    "setting",
    [
        {"Shout": Shout},
        module_of(Shout=Shout, other=1, Type=int),
        [module_of(x=1), {"Shout": Shout}],
        ({"Shout": int}, {"Shout": Shout}),
    ],
)
def test_ui_modules_are_dicts_modules_or_lists(setting: Any) -> None:
    text = (
        "{% module Shout('a', mark='?') %}{{ modules.Shout('b') }}{% raw modules['Shout']('c') %}"
    )
    assert page(text, ui_modules=setting) == "<b>a?</b>&lt;b&gt;b!&lt;/b&gt;<b>c!</b>"


@pytest.mark.parametrize(
    "setting",
    [
        {"shout": shout},
        module_of(shout=shout, _hidden=shout, Class=int, value=3),
        [{}, module_of(shout=shout)],
    ],
)
def test_ui_methods_are_dicts_modules_or_lists(setting: Any) -> None:
    app = Application([], ui_methods=setting)
    assert list(app.ui_methods) == ["shout"]
    assert page("{{ shout('a') }}", ui_methods=setting) == "&lt;GET a&gt;"


@pytest.mark.parametrize("name", ["ui_modules", "ui_methods"])
def test_other_settings_are_refused_by_name(name: str) -> None:
    with pytest.raises(TypeError, match=f"setting {name} is a dict, a module or a list"):
        Application([], **{name: "my.modules"})


def test_every_application_has_some() -> None:
    assert set(Application([]).ui_modules) == {"linkify", "xsrf_form_html", "Template"}
    assert (
        page("{% module linkify('http://a.b <') %}") == '<a href="http://a.b">http://a.b</a> &lt;'
    )

    class Handler(RequestHandler):
        def xsrf_form_html(self) -> str:
            return "<input>"

        def get(self) -> None:
            self.render("t")

    loader = DictLoader({"t": "{% module xsrf_form_html() %}"})
    assert client_of(Handler, template_loader=loader).get("/").text == "<input>"


def test_an_unknown_module_is_an_error_that_says_so() -> None:
    with recorded_log() as lines:
        assert asked("{% module None_() %}").status == 500
    assert "there is no UI module" in problems(lines)[0]


# -- what modules see


def test_what_modules_see() -> None:
    seen: list[Any] = []

    class Seeing(UIModule):
        def render(self) -> str:
            seen.append((self.handler, self.request, self.current_user, self.locale))
            return str(self.ui["shout"]("x") + self.ui.modules.Shout("y"))

    class Handler(RequestHandler):
        locale = "the locale"

        def get_current_user(self) -> str:
            return "Ben"

        def get_template_namespace(self) -> Any:
            return self.ui

        def get(self) -> None:
            self.render("t")

    loader = DictLoader({"t": "{% module Seeing() %}"})
    modules = {"Seeing": Seeing, "Shout": Shout}
    client = client_of(
        Handler, template_loader=loader, ui_modules=modules, ui_methods={"shout": shout}
    )
    assert client.get("/").text == "<GET x><b>y!</b>"
    ((handler, request, user, locale),) = seen
    assert (request, user, locale) == (handler.request, "Ben", "the locale")


def test_one_object_serves_a_page() -> None:
    class Counting(UIModule):
        count = 0

        def render(self) -> str:
            self.count += 1
            return str(self.count)

    text = "{% for i in range(3) %}{% module Counting() %}{% end %}"
    assert page(text, ui_modules={"Counting": Counting}) == "123"


def test_a_module_without_render() -> None:
    with recorded_log() as lines:
        assert asked("{% module M() %}", ui_modules={"M": UIModule}).status == 500
    assert "a UIModule defines render()" in problems(lines)[0]


def test_modules_may_return_bytes_and_awaitables() -> None:
    gate: Deferred[str] = Deferred()

    class Bytes(UIModule):
        def render(self) -> bytes:
            return b"<b>"

    class Late(UIModule):
        async def render(self) -> Any:
            return self.render_string("inner", x=await gate)

        def embedded_css(self) -> str:
            return "late {}"

    loader = DictLoader(
        {"t": "<head></head>{% module Bytes() %}{% module Late() %}", "inner": "[{{ x }}]"}
    )
    handler = doing(lambda self: self.render("t"))
    client = client_of(handler, template_loader=loader, ui_modules={"Bytes": Bytes, "Late": Late})
    connection = client.connect()
    connection.send(GET)
    gate.callback("<")
    connection.advance(0)
    body = connection.responses()[0].body.decode()
    assert body.endswith("</head><b>[&lt;]")
    assert "late {}" in body


# -- what modules put into the page


class Rich(UIModule):
    """Needs everything."""

    def render(self) -> str:
        return "rich"

    def embedded_javascript(self) -> str:
        return "run()"

    def javascript_files(self) -> Any:
        return ["/a.js", "https://b/b.js", "c.js", "/a.js"]

    def embedded_css(self) -> bytes:
        return b".x {}"

    def css_files(self) -> str:
        return "/a.css?x=<"

    def html_head(self) -> str:
        return "<meta>"

    def html_body(self) -> str:
        return "<hr>"


WHOLE = """\
<head><link href="/a.css?x=&lt;" type="text/css" rel="stylesheet"/>
<style type="text/css">
.x {}
</style>
<meta>
</head><body>rich rich<script src="/a.js" type="text/javascript"></script>\
<script src="https://b/b.js" type="text/javascript"></script>\
<script src="/s/c.js" type="text/javascript"></script>
<script type="text/javascript">
//<![CDATA[
run()
//]]>
</script>
<hr>
</body>"""


class Urls(RequestHandler):
    """Has URLs of static files without files."""

    def static_url(self, path: str, include_host: bool | None = None, **kwargs: Any) -> str:
        return f"/s/{path}"

    def get(self) -> None:
        self.render("t")


def test_scripts_and_style_sheets_go_where_they_belong_once() -> None:
    loader = DictLoader({"t": "<head></head><body>{% module R() %} {% module R() %}</body>"})
    client = client_of(Urls, template_loader=loader, ui_modules={"R": Rich})
    assert client.get("/").text == WHOLE


def test_how_they_are_written_can_be_overridden() -> None:
    class Handler(Urls):
        def render_linked_js(self, js_files: Any) -> str:
            return f"js {sorted(set(js_files))}"

        def render_embed_js(self, js_embed: Any) -> bytes:
            return b"embed js"

        def render_linked_css(self, css_files: Any) -> str:
            return f"css {css_files}"

        def render_embed_css(self, css_embed: Any) -> bytes:
            return b"embed css"

    loader = DictLoader({"t": "</head>{% module R() %}</body>"})
    client = client_of(Handler, template_loader=loader, ui_modules={"R": Rich})
    assert client.get("/").text == (
        "css ['/a.css?x=<']\nembed css\n<meta>\n</head>rich"
        "js ['/a.js', 'c.js', 'https://b/b.js']\nembed js\n<hr>\n</body>"
    )


def test_modules_that_are_not_on_the_page_put_nothing_into_it() -> None:
    assert page("{% if 0 %}{% module R() %}{% end %}", ui_modules={"R": Rich}) == ""


def test_a_page_without_the_place_is_an_error() -> None:
    for text, place in (("</head>{% module R() %}", "body"), ("{% module R() %}</body>", "head")):
        loader = DictLoader({"t": text})
        client = client_of(Urls, template_loader=loader, ui_modules={"R": Rich})
        with recorded_log() as lines:
            assert client.get("/").status == 500
        assert f"a UI module needs a </{place}> in the page" in problems(lines)[0]


# -- the module Template


def test_another_template_with_names_of_its_own() -> None:
    text = "{% set x = 1 %}{% module Template('inner', y='<') %}"
    assert page(text, {"inner": "{{ y }}{{ 'x' in globals() }}"}) == "&lt;False"
    assert Application([]).ui_modules["Template"] is TemplateModule


def test_set_resources() -> None:
    inner = (
        "{{ set_resources(embedded_css='.a {}', embedded_javascript='go()',"
        " css_files=['/a.css', '/b.css'], javascript_files='/a.js', html_head='<meta>',"
        " html_body='<hr>') }}i"
    )
    other = "{{ set_resources(css_files='/a.css', javascript_files=['/c.js']) }}o"
    text = (
        "<head></head><body>{% module Template('i') %}{% module Template('i') %}"
        "{% module Template('o') %}</body>"
    )
    assert page(text, {"i": inner, "o": other}) == (
        '<head><link href="/a.css" type="text/css" rel="stylesheet"/>'
        '<link href="/b.css" type="text/css" rel="stylesheet"/>\n'
        '<style type="text/css">\n.a {}\n</style>\n<meta>\n</head><body>iio'
        '<script src="/a.js" type="text/javascript"></script>'
        '<script src="/c.js" type="text/javascript"></script>\n'
        '<script type="text/javascript">\n//<![CDATA[\ngo()\n//]]>\n</script>\n<hr>\n</body>'
    )


def test_resources_that_change_are_an_error() -> None:
    text = "{% for i in range(2) %}{% module Template('i', i=i) %}{% end %}"
    with recorded_log() as lines:
        assert asked(text, {"i": "{{ set_resources(html_head=str(i)) }}"}).status == 500
    assert "different resources in i" in problems(lines)[0]


def test_the_page_of_an_application_that_has_no_modules_of_its_own() -> None:
    assert Client(Application([("/", doing(lambda self: self.write("x")))])).get("/").text == "x"
