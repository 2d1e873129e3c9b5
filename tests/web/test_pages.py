"""The pages of the framework: nothing unescaped, nothing secret."""

from __future__ import annotations

import base64
import hashlib
import itertools
import linecache
import re
import sys
from html.parser import HTMLParser
from types import TracebackType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.testing import Client
from cyclone.web import Application, RequestHandler, pages
from cyclone.web.pages import debug_page, error_page, policy_for, without_secrets

NASTY = "<script>alert('1')</script>&\"x\""


class Reader(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.said = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data


def caught(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """Raise and catch, for the traceback."""
    try:
        raise error
    except BaseException as raised:
        return type(raised), raised, raised.__traceback__


def test_error_page() -> None:
    page = error_page(404, "Not Found")
    read = Reader(page)
    assert not read.open
    assert read.said.count("404: Not Found") == 2  # title and heading
    assert page.startswith("<!DOCTYPE html>")
    assert len(page) < 1000


@pytest.mark.parametrize(
    ("theirs", "kept"),
    [
        ("default-src 'self'", ""),
        ("style-src 'self'; frame-ancestors 'none' ; base-uri 'none'", "; frame-ancestors 'none'"),
        (
            "default-src 'self', frame-ancestors https://a.example",
            "; frame-ancestors https://a.example",
        ),
    ],
)
def test_a_policy_for_pages_of_theirs_does_not_bare_ours(theirs: str, kept: str) -> None:
    page = error_page(404, "Not Found")
    style = page[page.index("<style>") + len("<style>") : page.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    ours = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert policy_for(page, theirs) == ours + kept


@pytest.mark.parametrize("debug", [False, True])
def test_responses_with_our_pages_have_that_policy(debug: bool) -> None:
    class Broken(RequestHandler):
        def set_default_headers(self) -> None:
            if policy := self.get_argument("policy", ""):
                self.set_header("Content-Security-Policy", policy)

        def get(self) -> None:
            raise ValueError("on purpose")

    client = Client(Application([("/", Broken)], serve_traceback=debug))
    policies = {
        asked: client.get("/", params={"policy": asked}).headers.get("Content-Security-Policy")
        for asked in ("", "frame-ancestors 'self'", "default-src 'self'")
    }
    page = client.get("/").text
    assert ("on purpose" in page) == debug
    assert policies == {
        "": None,
        "frame-ancestors 'self'": "frame-ancestors 'self'",
        "default-src 'self'": policy_for(page, "default-src 'self'"),
    }


@given(st.text())
def test_class_12_reasons_are_escaped(reason: str) -> None:
    assert Reader(error_page(500, NASTY + reason)).tags == Reader(error_page(500, "")).tags


def test_the_debug_page_shows_where() -> None:
    page = debug_page(500, "Internal Server Error", caught(ZeroDivisionError("by zero")))
    read = Reader(page)
    assert not read.open
    assert "500: Internal Server Error" in read.said
    assert "ZeroDivisionError: by zero" in read.said
    assert "test_pages.py" in read.said
    assert "in caught" in read.said
    assert "        raise error" in read.said  # the source
    assert '<span class="here">' in page


def test_class_12_everything_is_escaped() -> None:
    error = ValueError(NASTY)
    plain = debug_page(500, "x", caught(ValueError("x")), "x", "x", [("x", "x")])
    page = debug_page(500, NASTY, caught(error), NASTY, "/" + NASTY, [(NASTY, NASTY)])
    assert Reader(page).tags == Reader(plain).tags
    assert "<script" not in page


def test_class_12_source_lines_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["<b>before</b>\n", "raise ValueError('<i>')\n", "after = '</pre>'\n"]
    name = "<img src=x>.py"
    monkeypatch.setitem(linecache.cache, name, (1, None, lines, name))
    code = compile("\nraise ValueError('<i>')", name, "exec")
    with pytest.raises(ValueError) as raised:
        exec(code, {})
    page = debug_page(500, "x", (ValueError, raised.value, raised.value.__traceback__))
    read = Reader(page)
    assert "img" not in read.tags
    assert "<b>before</b>" in read.said
    assert "after = '</pre>'" in read.said


def test_class_19_values_of_variables_are_not_shown() -> None:
    def inner() -> None:
        password = "".join(["hunt", "er2"])
        raise RuntimeError(f"no entry after {len(password)} letters")

    with pytest.raises(RuntimeError) as raised:
        inner()
    page = debug_page(500, "x", (RuntimeError, raised.value, raised.value.__traceback__))
    assert "no entry after 7 letters" in page
    assert "".join(["hunt", "er2"]) not in page


SECRET = "5ecret"

HEADERS = [
    ("Authorization", True),
    ("Proxy-Authorization", True),
    ("Cookie", True),
    ("Set-Cookie", True),
    ("X-Api-Key", True),
    ("X-XSRFToken", True),
    ("X-Csrf-Token", True),
    ("x-session-id", True),
    ("User-Agent", False),
    ("Accept", False),
]


@pytest.mark.parametrize(("name", "hidden"), HEADERS)
def test_class_19_credentials_are_hidden(name: str, hidden: bool) -> None:
    page = debug_page(500, "x", caught(ValueError()), "GET", "/", [(name, SECRET)])
    assert name in page
    assert (SECRET in page) is not hidden


URIS = [
    ("/a", "/a"),
    ("/a?", "/a?"),
    ("/a?b=c&d", "/a?b=c&d"),
    ("/a?password=x&b=c", "/a?password=[hidden]&b=c"),
    ("/a?b=c&access_token=x=y", "/a?b=c&access_token=[hidden]"),
    ("/a?api_key=&b", "/a?api_key=&b"),
    ("/a?Session=x", "/a?Session=[hidden]"),
]


@pytest.mark.parametrize(("uri", "shown"), URIS)
def test_class_19_secrets_in_queries_are_hidden(uri: str, shown: str) -> None:
    assert without_secrets(uri) == shown
    page = debug_page(500, "x", caught(ValueError()), "GET", uri, [("Referer", f"http://x{uri}")])
    assert Reader(page).said.count(shown) == 2


SOURCES = [
    ('cookie_secret="5ecret"', 'cookie_secret="[hidden]"'),
    ("app(cookie_secret='5ecret', x='y')", "app(cookie_secret='[hidden]', x='y')"),
    ('d = {"password": "5ec\\"ret", "a": "b"}', 'd = {"password": "[hidden]", "a": "b"}'),
    ("API_KEY = b'5ecret'", "API_KEY = '[hidden]'"),
    ("token = make('x')", "token = make('x')"),
    ("print('the secret of it')", "print('the secret of it')"),
    ("secret = 'unfinished", "secret = 'unfinished"),
]


@pytest.mark.parametrize(("source", "shown"), SOURCES)
def test_secrets_in_source_are_hidden(
    source: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "made_up.py"
    monkeypatch.setitem(linecache.cache, name, (1, None, [source + "\n", "1/0\n"], name))
    with pytest.raises(ZeroDivisionError) as raised:
        exec(compile("\n1/0", name, "exec"), {})
    page = debug_page(500, "x", (ZeroDivisionError, raised.value, raised.value.__traceback__))
    assert f"    1 {shown}\n" in Reader(page).said


def chained(*, explicit: bool) -> BaseException:
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            if explicit:
                raise ValueError("second") from error
            raise ValueError("second")  # noqa: B904
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    ("explicit", "link"), [(True, "which was the cause of"), (False, "and while it was handled")]
)
def test_causes_come_first(explicit: bool, link: str) -> None:
    error = chained(explicit=explicit)
    said = Reader(debug_page(500, "x", (ValueError, error, error.__traceback__))).said
    assert (
        -1 < said.index("KeyError: 'first'") < said.index(link) < said.index("ValueError: second")
    )


def test_suppressed_contexts_are_left_out() -> None:
    error = chained(explicit=False)
    error.__suppress_context__ = True
    page = debug_page(500, "x", (ValueError, error, error.__traceback__))
    assert page.count('class="said"') == 1


def test_chains_end() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    page = debug_page(500, "x", (ValueError, one, None))
    assert page.count("ValueError: one") == page.count("ValueError: other") == 1
    errors = [ValueError(f"number {i}.") for i in range(50)]
    for newer, older in itertools.pairwise(errors):
        newer.__cause__ = older
    page = debug_page(500, "x", (ValueError, errors[0], None))
    assert page.count("ValueError: number") == pages.MAX_CHAIN
    assert "number 0." in page


def test_deep_tracebacks_are_cut_in_the_middle() -> None:
    def down(depth: int) -> None:
        if not depth:
            raise ValueError("bottom")
        down(depth - 1)

    with pytest.raises(ValueError) as raised:
        down(200)
    page = debug_page(500, "x", (ValueError, raised.value, raised.value.__traceback__))
    said = Reader(page).said
    assert len(re.findall(r", line \d+, in ", said)) == pages.MAX_FRAMES
    assert "142 frames are left out here" in said
    assert 'raise ValueError("bottom")' in said


def test_long_lines_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "long.py"
    monkeypatch.setitem(linecache.cache, name, (1, None, ["x" * 10_000 + "\n", "1/0\n"], name))
    with pytest.raises(ZeroDivisionError) as raised:
        exec(compile("\n1/0", name, "exec"), {})
    page = debug_page(500, "x", (ZeroDivisionError, raised.value, raised.value.__traceback__))
    assert "x" * pages.MAX_LINE in page
    assert "x" * (pages.MAX_LINE + 1) not in page


def test_an_exception_that_cannot_be_shown() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "Broken" in debug_page(500, "x", caught(Broken()))


def test_no_exception_at_all() -> None:
    assert Reader(debug_page(500, "x", sys.exc_info())).said.strip().endswith("500: x")
