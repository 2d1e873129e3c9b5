"""What applications written for cyclone 1.x rely on: templates, rendering, UI modules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import defer

import cyclone.escape
import cyclone.template
import cyclone.web
from cyclone.testing import Client


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The templates of a small site."""
    for name, text in {
        "base.html": "<html><head></head><body>{% block body %}base{% end %}</body></html>",
        "index.html": '{% extends "base.html" %}{% block body %}<{% super %}> {{ name }} '
        "{% for p in posts %}{% module Post(p) %}{% end %}{{ count() }}{% end %}",
        "post.html": "<p>{{ post }}</p>",
        "slow.html": "{{ fetch() }}, {{ 1 }}",
        "broken.html": "{% if %}",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


class Post(cyclone.web.UIModule):
    """A post of a blog."""

    def render(self, post: str) -> Any:
        return self.render_string("post.html", post=post)

    def embedded_css(self) -> str:
        return "p { margin: 0 }"


def count(handler: cyclone.web.RequestHandler) -> int:
    return len(handler.settings.posts)


class IndexHandler(cyclone.web.RequestHandler):
    """The front page."""

    def get(self) -> None:
        self.render("index.html", name="<x>", posts=self.settings.posts)


class SlowHandler(cyclone.web.RequestHandler):
    """An expression that gives a Deferred is waited for; render gives one as well."""

    waiting: list[defer.Deferred[str]] = []

    def fetch(self) -> defer.Deferred[str]:
        deferred: defer.Deferred[str] = defer.Deferred()
        self.waiting.append(deferred)
        return deferred

    @defer.inlineCallbacks
    def get(self) -> Any:
        yield self.render("slow.html", fetch=self.fetch)


class StringHandler(SlowHandler):
    """The same with render_string and a callback."""

    @cyclone.web.asynchronous
    def get(self) -> None:
        d = defer.maybeDeferred(self.render_string, "slow.html", fetch=self.fetch)
        d.addCallback(lambda page: self.finish(page))


def app_of(site: Path, **settings: Any) -> cyclone.web.Application:
    handlers: list[Any] = [
        (r"/", IndexHandler),
        (r"/slow", SlowHandler),
        (r"/string", StringHandler),
    ]
    return cyclone.web.Application(
        handlers,
        template_path=str(site),
        ui_modules={"Post": Post},
        ui_methods={"count": count},
        posts=["a", "b"],
        **settings,
    )


def test_a_page_with_inheritance_super_modules_and_methods(site: Path) -> None:
    assert Client(app_of(site)).get("/").text == (
        '<html><head><style type="text/css">\np { margin: 0 }\n</style>\n</head><body>'
        "<base> &lt;x&gt; <p>a</p><p>b</p>2</body></html>"
    )


def test_autoescape_is_a_setting(site: Path) -> None:
    assert "<base> <x> <p>a</p>" in Client(app_of(site, autoescape=None)).get("/").text


@pytest.mark.parametrize("path", ["/slow", "/string"])
def test_expressions_may_be_deferreds(site: Path, path: str) -> None:
    SlowHandler.waiting.clear()
    connection = Client(app_of(site)).connect()
    connection.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert connection.received == b""
    SlowHandler.waiting.pop().callback("<late>")
    connection.advance(0)
    assert connection.received.endswith(b"\r\n\r\n&lt;late&gt;, 1")


def test_a_deferred_that_has_fired_gives_the_page_at_once(site: Path) -> None:
    loader = cyclone.template.Loader(str(site))
    page = loader.load("slow.html").generate(fetch=lambda: defer.succeed("now"))
    assert page == b"now, 1"


def test_template_error_is_what_a_wrong_template_raises(site: Path) -> None:
    loader = cyclone.template.Loader(str(site))
    with pytest.raises(cyclone.template.TemplateError, match=r"broken\.html:1"):
        loader.load("broken.html")
    with pytest.raises(cyclone.template.TemplateError):
        cyclone.template.Template("{% nonsense %}")
    assert issubclass(cyclone.template.ParseError, cyclone.template.TemplateError)


def test_names_of_the_template_module() -> None:
    loader = cyclone.template.DictLoader({"a": "{{ x }}"}, autoescape=None)
    assert loader.load("a").generate(x="<") == b"<"
    loader.reset()
    assert issubclass(cyclone.template.Loader, cyclone.template.BaseLoader)
    template = cyclone.template.Template("a  b", compress_whitespace=True)
    assert template.generate() == b"a b"
    assert template.autoescape == "xhtml_escape"


def test_mako_instead_as_in_toughradius() -> None:
    class MakoHandler(cyclone.web.RequestHandler):
        def render_string(self, template_name: str, **template_vars: Any) -> str:
            template_vars["url"] = self.reverse_url("index")
            return f"{template_name} {sorted(template_vars)}"

        def get(self) -> None:
            self.render("index.html", msg="x")

    app = cyclone.web.Application([cyclone.web.url("/", MakoHandler, name="index")])
    assert Client(app).get("/").text == "index.html ['msg', 'url']"


def test_overridden_namespace_loader_and_path(site: Path) -> None:
    class Handler(cyclone.web.RequestHandler):
        def get_template_path(self) -> str:
            return os.path.join(self.settings.root, "")

        def create_template_loader(self, template_path: str) -> Any:
            return cyclone.template.Loader(template_path, autoescape=None)

        def get_template_namespace(self) -> dict[str, Any]:
            names = cyclone.web.RequestHandler.get_template_namespace(self)
            names["post"] = "<b>"
            return names

        def get(self) -> None:
            self.finish(self.render_string("post.html"))

    app = cyclone.web.Application([("/", Handler)], root=str(site))
    assert Client(app).get("/").text == "<p><b></p>"


def test_wrappers_of_tracers() -> None:
    # A tracing library wraps these by name.
    for owner, name in (
        (cyclone.web.RequestHandler, "render_string"),
        (cyclone.web.UIModule, "render"),
        (cyclone.template.Template, "generate"),
    ):
        assert callable(getattr(owner, name))
