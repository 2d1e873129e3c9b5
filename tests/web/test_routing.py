"""Routing: first match wins, however the tables find it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.web.routing import (
    HostTable,
    RouteMatch,
    RouteTable,
    URLReverseError,
    URLSpec,
    as_spec,
)
from tests.web.counting import steps


class Handler:
    """Stands where a RequestHandler subclass would; routing never looks inside."""


class Other:
    """A second one."""


def spec(pattern: str | re.Pattern[str], name: str | None = None) -> URLSpec:
    return URLSpec(pattern, Handler, name=name)


def naive(specs: Iterable[URLSpec], path: str) -> RouteMatch | None:
    """The rule itself: try one after the other."""
    for one in specs:
        found = one.regex.match(path)
        if found is not None:
            return one.matched(found.groups())
    return None


# --- one spec ------------------------------------------------------------------------------------

MATCHES: list[tuple[str | re.Pattern[str], str, tuple[Any, ...] | dict[str, Any] | None]] = [
    # pattern, path, positional or named values; None for no match
    ("/", "/", ()),
    ("/", "/x", None),
    ("/a", "/a", ()),
    ("/a", "/ab", None),  # the implicit $
    ("/a$", "/ab", None),
    ("^/a$", "/a", ()),
    (r"/a\$", "/a$", ()),  # an escaped dollar sign is no anchor
    (r"/a\$", "/a$b", None),
    (r"/a\\$", "/a\\", ()),
    (re.compile("/a"), "/ab", ()),  # compiled patterns are taken as they are
    (r"/user/([^/]+)", "/user/ann", ("ann",)),
    (r"/user/([^/]+)", "/user/", None),
    (r"/(\d+)/(\w+)", "/12/x", ("12", "x")),
    (r"/(?P<y>\d+)/(?P<m>\d+)", "/1999/12", {"y": "1999", "m": "12"}),
    (r"/a(/b)?", "/a", (None,)),
    (r"/(?P<a>x)?", "/", {"a": None}),
    (r"/(.*)", "/%C3%A9", ("é",)),
    (r"/(.*)", "/a%20b+c", ("a b+c",)),  # a plus is a plus in a path
    (r"/(.*)", "/%2F%25", ("/%",)),
    (r"/(.*)", "/%", ("%",)),
    (r"/(.*)", "/%zz%4", ("%zz%4",)),
    (r"/(.*)", "/%ff", (b"\xff",)),  # not UTF-8: the octets, for the caller to refuse
    (r"/(?P<a>.*)", "/%C3%28", {"a": b"\xc3("}),
    (r"/(.*)", "/é", ("é",)),
    (r"/a|/b", "/ax", ()),  # as in Tornado: the implicit $ belongs to the last alternative
]


@pytest.mark.parametrize(("pattern", "path", "values"), MATCHES)
def test_a_spec_matches(
    pattern: str | re.Pattern[str], path: str, values: tuple[Any, ...] | dict[str, Any] | None
) -> None:
    one = spec(pattern)
    for found in (one.match(path), RouteTable([one]).match(path)):
        if values is None:
            assert found is None
        else:
            assert found is not None
            assert found.spec is one
            assert (found.kwargs if isinstance(values, dict) else found.args) == values
            assert not (found.args if isinstance(values, dict) else found.kwargs)


def test_mixed_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="all named or all positional"):
        spec(r"/(a)/(?P<b>b)")


def test_bytes_patterns_are_refused() -> None:
    with pytest.raises(TypeError, match="not bytes"):
        spec(re.compile(b"/"))  # type: ignore[arg-type]


def test_attributes() -> None:
    arguments = {"x": 1}
    one = URLSpec("/", Handler, arguments, "root")
    assert one.handler_class is one.target is Handler
    assert one.kwargs == one.target_kwargs == {"x": 1}
    assert one.name == "root"
    assert URLSpec("/", Handler).kwargs == {}
    assert repr(one) == f"URLSpec('/$', {Handler}, kwargs={{'x': 1}}, name='root')"


def test_dotted_names_are_imported() -> None:
    assert URLSpec("/", "collections.OrderedDict").handler_class.__name__ == "OrderedDict"
    with pytest.raises(ImportError):
        URLSpec("/", "collections.NoSuchThing")


@pytest.mark.parametrize(
    "route", [("/", Handler), ["/", Handler], ("/", Handler, {"a": 1}), ("/", Handler, None, "n")]
)
def test_tuples_and_lists_become_specs(route: Any) -> None:
    one = as_spec(route)
    assert one.handler_class is Handler
    assert one.regex.pattern == "/$"


def test_a_spec_stays_itself() -> None:
    one = spec("/")
    assert as_spec(one) is one


@pytest.mark.parametrize("route", [("/",), (), ("/", Handler, {}, "n", 5), "/", None, {"/": 1}])
def test_other_routes_are_refused(route: Any) -> None:
    with pytest.raises(TypeError, match="a route is"):
        as_spec(route)


# --- reverse -------------------------------------------------------------------------------------

REVERSED: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    (r"/favicon\.ico", (), {}, "/favicon.ico"),
    (r"^/favicon\.ico$", (), {}, "/favicon.ico"),
    (r"/favicon.ico", (), {}, "/favicon.ico"),  # an unescaped dot is meant as a dot
    (r"^/api/v1/foo/(\w+)$", ("bar",), {}, "/api/v1/foo/bar"),
    (r"/api\.v1/foo/([0-9]+)/icon\.png", (5,), {}, "/api.v1/foo/5/icon.png"),
    (r"/(?P<year>\d{4})/(?P<month>\d\d)/", (1999, "12"), {}, "/1999/12/"),
    (r"/(.*)", ("a b/é?",), {}, "/a%20b/%C3%A9%3F"),
    (r"/(.*)", (b"\xff",), {}, "/%FF"),
    (r"/100%/(.*)", ("%",), {}, "/100%/%25"),
    (r"/(a(?:b|c))/x", ("ab",), {}, "/ab/x"),
    (r"/x", (), {"b": "2 3", "a": "é"}, "/x?a=%C3%A9&b=2+3"),
    (r"/x/(\d)", (4,), {"a": 1}, "/x/4?a=1"),
    (r"", (), {}, ""),
    (r"/\$", (), {}, "/$"),
]


@pytest.mark.parametrize(("pattern", "args", "query", "url"), REVERSED)
def test_reverse(pattern: str, args: tuple[Any, ...], query: dict[str, Any], url: str) -> None:
    assert spec(pattern).reverse(*args, **query) == url


@pytest.mark.parametrize(
    "pattern",
    [
        r"^/api/v\d+/foo/(\w+)$",
        r"/[a-z]/(x)",
        r"/(a(b))",
        r"/(?:a|b)/(c)",
        r"/a|/b",
        r"/(?=x)(x)",
        r"/(a)(?#comment)",
        r"/(?P<a>x)/(?P=a)",
        r"/\x41",
    ],
)
def test_not_reversible(pattern: str) -> None:
    one = spec(pattern)
    with pytest.raises(URLReverseError, match="cannot reverse"):
        one.reverse(*["x"] * one.regex.groups)


def test_an_unanchored_compiled_pattern_reverses() -> None:
    assert spec(re.compile(r"/a/(\d+)")).reverse(3) == "/a/3"


@pytest.mark.parametrize("args", [(), ("a", "b")])
def test_reverse_counts_arguments(args: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="needs 1 arguments"):
        spec("/(.*)").reverse(*args)


SEGMENT = st.text(min_size=1, max_size=8).filter(
    lambda text: not re.search(r"[\ud800-\udfff]", text)
)


@given(st.lists(SEGMENT, max_size=4))
def test_what_is_reversed_is_matched_again(values: list[str]) -> None:
    one = spec("/a" + r"/([^/]+)" * len(values) + r"/b\.c")
    values = [value.replace("/", "_") for value in values]
    found = RouteTable([one]).match(one.reverse(*values))
    assert found is not None
    assert found.args == tuple(values)


# --- tables --------------------------------------------------------------------------------------

ORDERS: list[tuple[list[str], str, int | None]] = [
    # patterns, path, which one wins
    (["/a", "/b"], "/b", 1),
    (["/a", "/(.*)"], "/a", 0),
    (["/(.*)", "/a"], "/a", 0),  # an earlier pattern wins over a literal
    (["/(x*)", "/a", "/(.*)"], "/a", 1),
    (["/a", "/a"], "/a", 0),
    (["/(a+)", "/(a*)"], "/aa", 0),
    (["/(ab?)/(c)", "/(a.*)"], "/ab/d", 1),
    (["/a.c", "/abc"], "/abc", 0),  # a dot is not literal
    (["/abc", "/a.c"], "/axc", 1),
    (["/a|/b", "/(.*)"], "/ax", 0),
    (["/(?P<x>a)/1", "/(?P<x>b)/2"], "/b/2", 1),  # the same name twice
    ([r"/(\w)\1", r"/(\w)(\w)"], "/aa", 0),  # a backreference
    ([r"/(\w)\1", r"/(\w)(\w)"], "/ab", 1),
    ([r"/(\w)(\w)", r"/(\w)\1", "/(.*)"], "/aa", 0),
    ([r"/(\d)(\d)", r"/(\w)\1", "/(.*)"], "/aa", 1),
    ([r"/(\d)(\d)", r"/(?P<q>\w)(?P=q)", "/(.*)"], "/aa", 1),
    ([r"/(\d)(\d)", r"/(?P<q>\w)(?P=q)", "/(.*)"], "/ab", 2),
    (["(?i)/A(x)", "/a(.*)"], "/ax", 0),  # flags
    (["/1(x)", "(?i)/A(x)", "/a(.*)"], "/aX", 1),
    (["/1(x)", "(?i:/A)(x)", "/A(.*)"], "/aX", None),
    (["/(a)?(?(1)b|c)", "/(.*)"], "/ab", 0),  # a conditional
    (["/(a)?(?(1)b|c)", "/(.*)"], "/a", 1),
    (["/x(?=y)(y)", "/x(.*)"], "/xy", 0),  # lookarounds
    (["/x(?!y)(.)", "/x(.*)"], "/xy", 1),
    (["/(.)(?<=x)", "/(.)(?<!x)"], "/a", 1),
    (["/(?>a*)b", "/(a*)b"], "/aab", 0),
    (["/(?#note)a", "/(.)"], "/a", 0),
    (["/[(]", r"/(\()"], "/(", 0),  # parentheses that are no groups
    (["/[]()]", "/(.)"], "/]", 0),
    ([r"/\(", "/(.)"], "/(", 0),
    ([r"/[\]]x", "/(.)x"], "/]x", 0),
    (["", "/(.*)"], "", 0),
    (["/(a)"], "/b", None),
    ([], "/", None),
    (["/a", "/(.*)"], "/a\n", 0),  # "$" matches before a final newline
    (["/(.*)", "/a"], "/a\n", 0),
    (["/b", "/a"], "/c\n", None),
]


@pytest.mark.parametrize(("patterns", "path", "winner"), ORDERS)
def test_first_match_wins(patterns: list[str], path: str, winner: int | None) -> None:
    specs = [spec(pattern) for pattern in patterns]
    found = RouteTable(specs).match(path)
    assert (None if found is None else specs.index(found.spec)) == winner
    assert found == naive(specs, path)


def test_verbose_patterns_are_not_literal() -> None:
    one = spec(re.compile("/a b # comment\n$", re.VERBOSE))
    table = RouteTable([one, spec("/(.*)")])
    found = table.match("/ab")
    assert found is not None
    assert found.spec is one


def test_case_ignoring_patterns_are_not_literal() -> None:
    one = spec(re.compile("/about$", re.IGNORECASE))
    found = RouteTable([one]).match("/ABOUT")
    assert found is not None
    assert found.spec is one


def test_compiled_patterns_without_end_are_not_literal() -> None:
    found = RouteTable([spec(re.compile("/a")), spec("/abc")]).match("/abc")
    assert found is not None
    assert found.spec.regex.pattern == "/a"


def test_an_optional_group_of_a_failed_branch_leaves_nothing_behind() -> None:
    specs = [spec("/(a)(b)(c)d"), spec("/(a)?(x)?.*")]
    found = RouteTable(specs).match("/abcx")
    assert found is not None
    assert found.args == ("a", None)


def test_tables_take_tuples() -> None:
    table = RouteTable([("/", Handler), ["/x", Other, {"a": 1}, "x"]])
    found = table.match("/x")
    assert found is not None
    assert found.spec.handler_class is Other
    assert table.named == {"x": table.specs[1]}


def test_the_last_of_one_name_is_kept() -> None:
    table = RouteTable([spec("/a", "n"), spec("/b", "n")])
    assert table.named["n"].reverse() == "/b"


PIECES = st.sampled_from(
    [
        *"/ab.xy1",
        "/",
        r"\.",
        r"\d",
        r"\w+",
        "[ab]",
        "[^/]+",
        "(a)",
        "(b?)",
        r"(\d+)",
        "([^/]*)",
        "(.*)",
        "(?:a|b)",
        "(a|b)?",
        "a|b",
        r"\1",
        "(?=a)",
        "(?!b)",
        "x*",
        ".+?",
        "(?i:A)",
        r"\$",
        "[)(]",
        "(?P<q>a)",
        "(?P<r>.)",
        "(?P=q)",
        "^",
        "$",
        "(?>a)",
        r"\\",
    ]
)


@st.composite
def patterns(draw: st.DrawFn) -> re.Pattern[str] | str:
    source = "".join(draw(st.lists(PIECES, max_size=6)))
    flags = draw(st.sampled_from([None, None, None, 0, re.IGNORECASE, re.VERBOSE]))
    try:
        one = spec(source) if flags is None else spec(re.compile(source, flags))
    except (re.error, ValueError):
        return "/"
    return source if flags is None else one.regex


@given(
    st.lists(patterns(), max_size=8),
    st.text("/ab.xyA1$()\\\n%", max_size=6),
    st.sampled_from(["", "/"]),
)
def test_a_table_finds_what_the_rule_finds(
    sources: list[re.Pattern[str] | str], path: str, start: str
) -> None:
    specs = [spec(source) for source in sources]
    assert RouteTable(specs).match(start + path) == naive(specs, start + path)


@given(st.lists(st.sampled_from(["/", "/a", r"/a\.b", "/(.*)", "/a(.?)", "/b"]), max_size=6))
def test_literals_keep_their_place(sources: list[str]) -> None:
    specs = [spec(source) for source in sources]
    table = RouteTable(specs)
    for path in ("/", "/a", "/a.b", "/b", "/axb", "/c", ""):
        assert table.match(path) == naive(specs, path)


@pytest.mark.parametrize("path", ["/about", "/item/7", "/nowhere"])
def test_class_3_the_work_does_not_grow_with_the_routes(path: str) -> None:
    def table(size: int) -> RouteTable:
        routes = [spec(rf"/route{i}/(\d+)") for i in range(size)]
        return RouteTable([spec("/about"), *routes, spec(r"/item/(\d+)")])

    few, many = table(4), table(64)
    assert steps(lambda: few.match(path)) == steps(lambda: many.match(path))


# --- hosts ---------------------------------------------------------------------------------------


def chosen(table: HostTable, host: str, path: str, *, proxied: bool = False) -> str | None:
    found = table.find(host, proxied=proxied).match(path)
    return None if found is None else found.spec.kwargs["reply"]


def host_table(default_host: str | None = None) -> HostTable:
    table = HostTable([("/foo", Handler, {"reply": "wildcard"})], default_host)
    table.add("www.example.com", [("/foo", Handler, {"reply": "0"})])
    table.add(r"www\.example\.com", [("/bar", Handler, {"reply": "1"})])
    table.add(re.compile("www.e.*e.com"), [("/baz", Handler, {"reply": "2"})])
    return table


HOSTS = [
    # default host, host, path, through a proxy, reply
    (None, "localhost", "/foo", False, "wildcard"),
    (None, "localhost", "/bar", False, None),
    (None, "www.example.com", "/foo", False, "0"),
    (None, "www.example.com", "/bar", False, "1"),  # all patterns that match are considered
    (None, "www.exe.com", "/baz", False, "2"),
    (None, "www.example.community", "/bar", False, None),
    ("www.example.com", "localhost", "/foo", False, "wildcard"),  # before the default host
    ("www.example.com", "localhost", "/bar", False, "1"),
    ("www.example.com", "localhost", "/bar", True, None),
    ("www.example.com", "www.exe.com", "/bar", False, "1"),
    ("nowhere", "localhost", "/bar", False, None),
]


@pytest.mark.parametrize(("default", "host", "path", "proxied", "reply"), HOSTS)
def test_hosts(default: str | None, host: str, path: str, proxied: bool, reply: str | None) -> None:
    assert chosen(host_table(default), host, path, proxied=proxied) == reply


def test_without_host_patterns_there_is_one_table() -> None:
    table = HostTable([("/", Handler)], default_host="a")
    assert table.find("a") is table.find("b") is table.routes


def test_the_default_host_may_change() -> None:
    table = host_table()
    assert chosen(table, "localhost", "/bar") is None
    table.default_host = "www.example.com"
    assert chosen(table, "localhost", "/bar") == "1"


def test_hosts_may_be_added_later() -> None:
    table = host_table()
    assert chosen(table, "www.example.com", "/late") is None
    table.add("www.example.com", [("/late", Handler, {"reply": "late"})])
    assert chosen(table, "www.example.com", "/late") == "late"


def test_tables_are_kept_for_the_patterns_that_match() -> None:
    table = host_table()
    assert table.find("www.exe.com") is table.find("www.eee.com")


def test_the_kept_tables_are_bounded() -> None:
    table = HostTable()
    table.MAX_TABLES = 4
    for index in range(6):
        table.add(f".*{index}.*", [("/", Handler, {"reply": str(index)})])
    for number in range(64):
        host = f"{number:06b}".translate({ord("0"): "x", ord("1"): "y"}) + str(number)
        expected = str(min(int(digit) for digit in str(number)))
        if int(expected) < 6:
            assert chosen(table, host, "/") == expected
        assert len(table._tables) <= 4


def test_names_are_searched_like_hosts() -> None:
    table = HostTable([spec("/any", "a"), spec("/only/(.*)", "b")])
    table.add("x", [spec("/host", "a")])
    assert table.reverse("a") == "/host"
    assert table.reverse("b", "é", q=1) == "/only/%C3%A9?q=1"
    assert table.named("c") is None
    with pytest.raises(KeyError, match="c not found in named urls"):
        table.reverse("c")
