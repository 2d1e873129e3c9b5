"""The rules of direction and size, read off the source of ``src/cyclone``.

The tables come first and are meant to be edited when the house grows; then one function per rule,
which yields what is wrong with a module; then the tests: every rule on every module, and every rule
on small made-up sources, which show that it can fail.

Names of modules are written without the leading ``cyclone.``; a table entry covers the module and
everything below it, and the longest entry counts.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import pytest

SRC = Path(__file__).parents[1] / "src"

Node = TypeVar("Node", bound=ast.AST)

# --- tables --------------------------------------------------------------------------------------

#: The floor of each module. A module that is not here has to be put somewhere.
FLOORS = {
    "version": [""],
    "ground": ["util", "escape", "options", "log", "_async", "outages"],
    "engines": [
        "http1",
        "websocket.frames",
        "websocket.deflate",
        "websocket.extensions",
        "websocket.handshake",
        "websocket.masking",
        "websocket.session",
    ],
    "values": ["httputil", "locale", "template"],
    "edges": ["httpserver", "httpclient", "uvloopreactor"],
    "web": ["web", "routing"],
    "handlers": [
        "sse",
        "rpc",
        "jsonrpc",
        "xmlrpc",
        "httpauth",
        "sessions",
        "storage",
        "websocket",
        "channels",
        "wsgi",
        "health",
        "metrics",
        "telemetry",
    ],
    "integrations": ["auth", "mail", "redis", "sqlite", "sql", "mongo"],
    "deployment": ["deploy", "app", "autoreload", "testing", "bottle"],
    "commands": ["cli", "__main__"],
}

#: What the modules of a floor may import: these floors, and siblings on their own floor.
MAY_IMPORT = {
    "version": set(),
    "ground": {"ground"},
    "engines": {"ground"},
    "values": {"ground", "values"},
    "edges": {"ground", "engines", "values", "edges"},
    "web": {"ground", "engines", "values", "edges", "web"},
    "handlers": {"ground", "engines", "values", "edges", "web", "handlers"},
    "integrations": {"ground"},
    "deployment": {"ground", "engines", "values", "edges", "web", "handlers", "deployment"},
    "commands": {"ground", "values", "edges", "web", "deployment", "commands"},
}

#: Single arrows that are allowed beyond that.
MAY_ALSO_IMPORT = {
    ("auth", "httpclient"),
    ("auth.base", "httpclient"),
    ("channels.listener", "redis"),  # the engines over Redis
}

#: Rooms that hold rules: they compute, and know neither sockets, clocks nor handlers.
PURE = [
    "http1.parser",
    "http1.section",
    "http1.fields",
    "http1.response",
    "websocket.frames",
    "websocket.deflate",
    "websocket.extensions",
    "websocket.handshake",
    "websocket.masking",
    "websocket.session",
    "sse.accept",
    "sse.events",
    "sse.history",
    "web.routing",
    "web.cookies",
    "web.signing",
    "web.xsrf",
    "web.negotiation",
    "web.conditional",
    "web.errors",
    "web.arguments",
    "web.pages",
    "web.precompressed",
    "web.patterns",
    "web.matchers",
    "web.ranges",
    "web.redirects",
    "deploy.proxyheader",
    "http1.chunked",
    "http1.heads",
    "template.parser",
    "template.codegen",
    "template.whitespace",
    "httputil.multipart_memory",
    "httputil.multipart_rules",
    "auth.signing",
    "channels.messages",
    "channels.limits",
    "channels.queue",
    "httpauth.algorithms",
    "httpauth.messages",
    "httpauth.syntax",
    "mail.addresses",
    "mail.fields",
    "httpclient.heads",
    "httpclient.messages",
    "httpclient.redirects",
    "httpclient.targets",
    "sql.settings",
    "sql.urls",
    "sessions.records",
    "httpclient.calls",
    "jsonrpc.messages",
    "xmlrpc.reading",
    "xmlrpc.writing",
]
NOT_IN_PURE = [
    "asyncio",
    "os",
    "select",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "twisted.internet",
    "twisted.web",
    "cyclone.web.application",
    "cyclone.web.execution",
    "cyclone.web.handler",
]

#: Foreign libraries and the only modules that know them. Twisted and zope.interface are everywhere.
FOREIGN = {
    "httptools": ["http1.fields"],
    "multipart": ["httputil"],
    "OpenSSL": ["deploy", "httpclient.tls", "uvloopreactor"],
    "babel": ["template.babel", "locale.cldr"],
    "joserfc": ["auth.idtoken"],
    "defusedxml": ["xmlrpc.reading"],
    "cryptography": [
        "deploy",
        "httpclient.tls",
        "httpserver.tls",
        "httputil.certificates",
        "testing.certificate",
    ],
    "uvloop": ["uvloopreactor", "deploy"],
    "txredisapi": ["redis.library"],
    "brotli": ["web.codings"],
    "zstandard": ["web.codings"],
    "psycopg": ["sql.postgresql"],
    "pymysql": ["sql.mysql"],
    "pymongo": ["mongo.library"],
    "txmongo": ["mongo.library"],
    "websockets": ["websocket.masking"],
    "prometheus_client": ["metrics"],
    "opentelemetry": ["telemetry"],
}

#: Where a function may import the global reactor.
REACTOR = [
    "http1.factory",  # the clock of an application that was given none
    "deploy",
    "cli",
    "bottle",
    "httpclient",
    "mail",
    # Pools that were given no reactor.
    "mongo",
    "sql",
    "sqlite",
    "autoreload",
    "redis",  # txredisapi knows no other
    "channels",
    "testing.client",  # a client for tests that run in the reactor
    "testing.loop",  # runs tests in the reactor
]

#: Where the questions "is it a Deferred, a coroutine?" are asked, and how they look.
UNIFIES_RESULTS = ["_async"]
RESULT_QUESTIONS = {
    "maybeDeferred",
    "ensureDeferred",
    "iscoroutine",
    "isawaitable",
    "isinstance",  # with Deferred among the classes
}

#: Where the transport is written to.
WRITES_TO_TRANSPORT = [
    "http1.connection",
    "http1.detached",
    "http1.exchange",
    "http1.outbox",
    # The client's own wire: a request, and the CONNECT before it.
    "httpclient.outgoing",
    "httpclient.tunnel",
    "websocket.opening",
]

#: Underscored names of others that are public all the same.
PUBLIC_ALL_THE_SAME = {
    "os._exit",
    # For those who write tasks and loops of their own: "Extending" in the documents of asyncio.
    "asyncio._enter_task",
    "asyncio._get_running_loop",
    "asyncio._leave_task",
    "asyncio._register_task",
    "asyncio._unregister_task",
}

#: Sizes in lines. A function is counted without its docstring.
MAX_FILE, LONG_FILE, MAX_FUNCTION = 800, 500, 60

#: Files longer than LONG_FILE, and why they are one file. Nothing else may grow that long.
LONG_FILES: dict[str, str] = {
    "http1.connection": "one automaton; what can be pure is in the rooms beside it",
}

# --- reading a module ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """One imported thing: a module, or (``name``) something out of it."""

    target: str
    name: str | None
    alias: str
    line: int
    in_function: bool
    for_typing: bool

    @property
    def full(self) -> str:
        return f"{self.target}.{self.name}" if self.name else self.target


@dataclass
class Module:
    """A module of the package: its dotted name, its source and what it imports."""

    name: str
    source: str
    known: frozenset[str] = field(repr=False)
    is_package: bool = False

    @property
    def short(self) -> str:
        return self.name.partition(".")[2]

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @cached_property
    def imports(self) -> list[Import]:
        return list(self._imports(self.tree, in_function=False, for_typing=False))

    def nodes(self, *kinds: type[Node]) -> Iterator[Node]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))

    def _imports(self, parent: ast.AST, *, in_function: bool, for_typing: bool) -> Iterator[Import]:
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    yield Import(alias.name, None, bound, node.lineno, in_function, for_typing)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    target, name = self._resolve(node, alias.name)
                    bound = alias.asname or alias.name
                    yield Import(target, name, bound, node.lineno, in_function, for_typing)
            else:
                function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
                yield from self._imports(
                    node,
                    in_function=in_function or function,
                    for_typing=for_typing or typing,
                )

    def _resolve(self, node: ast.ImportFrom, name: str) -> tuple[str, str | None]:
        base = node.module or ""
        if node.level:
            up = node.level - 1 if self.is_package else node.level
            parts = self.name.split(".")
            base = ".".join([*parts[: len(parts) - up], *filter(None, [node.module])])
        if f"{base}.{name}" in self.known:
            return f"{base}.{name}", None
        return base, name


def lookup(table: list[str], name: str) -> str | None:
    """Return the longest entry of a table that covers a module, None if there is none."""
    fitting = [entry for entry in table if name == entry or name.startswith(f"{entry}.")]
    return max(fitting, key=len, default=None)


def floor_of(short: str) -> str | None:
    """Return the floor of a module, None if it has none."""
    floors = {entry: floor for floor, entries in FLOORS.items() for entry in entries}
    entry = lookup(list(floors), short)
    return None if entry is None else floors[entry]


def face_of(name: str) -> str:
    """Return the module that outsiders import in place of ``name``."""
    return ".".join(name.split(".")[:2])


def ours(name: str) -> bool:
    return name == "cyclone" or name.startswith("cyclone.")


# --- rules ---------------------------------------------------------------------------------------

Rule = Callable[[Module], Iterator[str]]


def has_a_floor(module: Module) -> Iterator[str]:
    if floor_of(module.short) is None:
        yield f"{module.name}: on which floor is it? Add it to FLOORS"


def imports_point_downwards(module: Module) -> Iterator[str]:
    floor = floor_of(module.short)
    for item in module.imports:
        if not ours(item.target) or item.target == "cyclone":
            continue
        target = item.target.partition(".")[2]
        below = floor_of(target)
        sibling = face_of(item.target) == face_of(module.name) and below == floor
        if sibling or (module.short, target) in MAY_ALSO_IMPORT:
            continue
        # A face collects its rooms, whatever floor they are on.
        if module.is_package and item.target.startswith(f"{module.name}."):
            continue
        if below not in MAY_IMPORT.get(floor or "", set()):
            yield f"{item.line}: {floor} must not import {below} ({item.full})"


def others_import_the_face(module: Module) -> Iterator[str]:
    for item in module.imports:
        if not ours(item.target) or item.target == "cyclone":
            continue
        inside = face_of(item.target) == face_of(module.name)
        if inside and item.target == face_of(module.name) and item.target != module.name:
            yield f"{item.line}: import the sibling, not the face of its own package ({item.full})"
        if not inside and item.target != face_of(item.target):
            yield f"{item.line}: import {face_of(item.target)}, not its room {item.target}"


def rooms_of_rules_are_pure(module: Module) -> Iterator[str]:
    if not lookup(PURE, module.short):
        return
    for item in module.imports:
        if lookup(NOT_IN_PURE, item.full):
            yield f"{item.line}: a room of rules does no I/O and takes values ({item.full})"
    for call in module.nodes(ast.Call):
        if isinstance(call.func, ast.Name) and call.func.id == "open":
            yield f"{call.lineno}: a room of rules opens no file"


def libraries_stay_in_their_modules(module: Module) -> Iterator[str]:
    for item in module.imports:
        top = item.target.partition(".")[0]
        if top in {"cyclone", "twisted", "zope"} or top in sys.stdlib_module_names:
            continue
        if not lookup(FOREIGN.get(top, []), module.short):
            yield f"{item.line}: {top} is not for this module, see FOREIGN"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def no_private_name_crosses(module: Module) -> Iterator[str]:
    modules = {item.alias: item.target for item in module.imports if item.name is None}
    for item in module.imports:
        inner_module = not ours(item.target) and any(map(is_private, item.target.split(".")))
        if inner_module or is_private(item.name or ""):
            yield f"{item.line}: {item.full} is private"
    for node in module.nodes(ast.Attribute):
        if isinstance(node.value, ast.Name) and node.value.id in modules and is_private(node.attr):
            full = f"{modules[node.value.id]}.{node.attr}"
            if full not in PUBLIC_ALL_THE_SAME and full not in module.known:
                yield f"{node.lineno}: {full} is private"


def the_reactor_comes_from_outside(module: Module) -> Iterator[str]:
    for item in module.imports:
        if item.full != "twisted.internet.reactor":
            continue
        if not lookup(REACTOR, module.short):
            yield f"{item.line}: take the reactor or a clock as a parameter"
        elif not item.in_function:
            yield f"{item.line}: import the reactor inside the function that needs it"


def results_are_unified_in_one_place(module: Module) -> Iterator[str]:
    if lookup(UNIFIES_RESULTS, module.short):
        return
    asked = [(item.line, item.name) for item in module.imports]
    asked += [(node.lineno, node.attr) for node in module.nodes(ast.Attribute)]
    for call in module.nodes(ast.Call):
        if ast.unparse(call.func) == "isinstance" and len(call.args) == 2:
            kinds = re.findall(r"\w+", ast.unparse(call.args[1]))
            asked += [(call.lineno, "isinstance") for kind in kinds if kind == "Deferred"]
    for line, name in asked:
        if name in RESULT_QUESTIONS:
            yield f"{line}: {name} belongs into _async"


def the_transport_is_written_in_one_place(module: Module) -> Iterator[str]:
    if lookup(WRITES_TO_TRANSPORT, module.short):
        return
    for node in module.nodes(ast.Attribute):
        owner = ast.unparse(node.value).split(".")[-1]
        if node.attr in {"write", "writeSequence"} and owner.endswith("transport"):
            yield f"{node.lineno}: {owner}.{node.attr} belongs into the connection of http1"


def no_assert(module: Module) -> Iterator[str]:
    for node in module.nodes(ast.Assert):
        yield f"{node.lineno}: python -O leaves out assert: raise an exception"


def files_are_short(module: Module) -> Iterator[str]:
    lines = module.source.count("\n")
    if lines > MAX_FILE:
        yield f"{lines} lines: more than {MAX_FILE}"
    elif lines > LONG_FILE and module.short not in LONG_FILES:
        yield f"{lines} lines: find a seam, or give the reason in LONG_FILES"
    elif lines <= LONG_FILE and module.short in LONG_FILES:
        yield f"{lines} lines: no longer long, take it out of LONG_FILES"


def functions_are_short(module: Module) -> Iterator[str]:
    for node in module.nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if ast.get_docstring(node) is not None:
            docstring = node.body[0]
            lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
        if lines > MAX_FUNCTION:
            yield f"{node.lineno}: {node.name} has {lines} lines"


RULES: list[Rule] = [
    has_a_floor,
    imports_point_downwards,
    others_import_the_face,
    rooms_of_rules_are_pure,
    libraries_stay_in_their_modules,
    no_private_name_crosses,
    the_reactor_comes_from_outside,
    results_are_unified_in_one_place,
    the_transport_is_written_in_one_place,
    no_assert,
    files_are_short,
    functions_are_short,
]


def circles(modules: list[Module]) -> list[set[str]]:
    """Return the groups of modules that need each other when they run."""
    names = {module.name for module in modules}
    arrows = {
        module.name: {i.target for i in module.imports if not i.for_typing} & names
        for module in modules
    }
    reach = {name: set(targets) for name, targets in arrows.items()}
    for middle in names:
        for name in names:
            if middle in reach[name]:
                reach[name] |= reach[middle]
    groups = {frozenset(n for n in reach[name] if name in reach[n]) for name in names}
    return [set(group) for group in groups if len(group) > 1]


# --- the package ---------------------------------------------------------------------------------


def _modules() -> list[Module]:
    files = {}
    for path in sorted(SRC.glob("cyclone/**/*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        files[".".join(parts).removesuffix(".__init__")] = path
    return [
        Module(name, path.read_text("utf-8"), frozenset(files), path.name == "__init__.py")
        for name, path in files.items()
    ]


MODULES = _modules()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule(rule: Rule) -> None:
    wrong = [f"{module.name}:{text}" for module in MODULES for text in sorted(rule(module))]
    assert not wrong, "\n" + "\n".join(wrong)


def test_there_are_no_circles() -> None:
    assert circles(MODULES) == []


def test_long_files_exist() -> None:
    assert set(LONG_FILES) <= {module.short for module in MODULES}


def test_every_floor_says_what_it_may_import() -> None:
    assert MAY_IMPORT.keys() == FLOORS.keys()
    assert set().union(*MAY_IMPORT.values()) <= FLOORS.keys()


PLUGINS = ["twisted/plugins/cyclone_plugin.py", "twisted/plugins/cyclone_reactors.py"]


def test_there_are_these_plugins() -> None:
    files = sorted(path.relative_to(SRC).as_posix() for path in SRC.glob("twisted/**/*.py"))
    assert files == PLUGINS


@pytest.mark.parametrize("file", PLUGINS)
def test_plugins_only_declare(file: str) -> None:
    plugin = Module("plugin", (SRC / file).read_text("utf-8"), frozenset())
    # `twistd --help` loads every plugin of every package: this one must cost nothing.
    assert {item.target for item in plugin.imports} <= {
        "__future__",
        "twisted.application.reactors",
        "twisted.application.service",
    }
    assert not list(plugin.nodes(ast.FunctionDef, ast.ClassDef))


# --- each rule can fail --------------------------------------------------------------------------

LONG_FUNCTION = 'def f():\n    """Doc."""\n' + "    x = 1\n" * 60

#: rule, module, source that breaks the rule, source that does not
CASES: list[tuple[Rule, str, str, str]] = [
    (has_a_floor, "unheard_of", "", ""),
    (imports_point_downwards, "httputil.headers", "import cyclone.web", "import cyclone.util"),
    (imports_point_downwards, "http1.parser", "from .. import httputil", "from .. import util"),
    (imports_point_downwards, "util", "def f():\n from cyclone import web", "import re"),
    (imports_point_downwards, "web.handler", "import cyclone.deploy", "from . import routing"),
    (imports_point_downwards, "web.handler", "import cyclone.redis", "from .. import httpserver"),
    (imports_point_downwards, "websocket.frames", "from . import handler", "from . import deflate"),
    (imports_point_downwards, "mail", "import cyclone.httpclient", "import cyclone.escape"),
    (
        imports_point_downwards,
        "redis",
        "import cyclone.httpclient",
        "from cyclone import __version__",
    ),
    (imports_point_downwards, "web.x", "import cyclone.auth", "from cyclone._async import run"),
    (
        others_import_the_face,
        "web.handler",
        "from cyclone.http1.parser import x",
        "import cyclone.http1",
    ),
    (
        others_import_the_face,
        "web.handler",
        "from ..http1 import parser",
        "from ..http1 import Limits",
    ),
    (others_import_the_face, "web.handler", "from cyclone.web import x", "from .routing import x"),
    (others_import_the_face, "web.handler", "from . import x", "from . import routing"),
    (rooms_of_rules_are_pure, "http1.parser", "import socket", "import struct"),
    (rooms_of_rules_are_pure, "http1.parser", "from twisted.internet import defer", "import re"),
    (rooms_of_rules_are_pure, "web.routing", "from .handler import X", "from .errors import X"),
    (rooms_of_rules_are_pure, "web.errors", "open('x')", "self.open('x')"),
    (libraries_stay_in_their_modules, "web.handler", "import httptools", "import zope.interface"),
    (libraries_stay_in_their_modules, "http1.fields", "import h11", "import httptools"),
    (no_private_name_crosses, "web.handler", "from .routing import _x", "from .routing import x"),
    (no_private_name_crosses, "web.handler", "from . import routing\nrouting._x", "self._x"),
    (no_private_name_crosses, "web.handler", "from cyclone import web as w\nw._x", "w._x"),
    (no_private_name_crosses, "util", "from twisted.web._http2 import X", "from . import _async"),
    (no_private_name_crosses, "deploy.x", "import sys\nsys._getframe", "import os\nos._exit"),
    (
        the_reactor_comes_from_outside,
        "deploy.service",
        "from twisted.internet import reactor",
        "def f():\n    from twisted.internet import reactor",
    ),
    (
        the_reactor_comes_from_outside,
        "web.handler",
        "def f():\n    from twisted.internet import reactor",
        "from twisted.internet import defer",
    ),
    (the_reactor_comes_from_outside, "cli", "import twisted.internet.reactor", "reactor = None"),
    (
        results_are_unified_in_one_place,
        "web.handler",
        "from twisted.internet.defer import maybeDeferred",
        "from twisted.internet.defer import Deferred",
    ),
    (
        results_are_unified_in_one_place,
        "web.handler",
        "isinstance(x, (int, defer.Deferred))",
        "isinstance(x, (int, DeferredList))",
    ),
    (results_are_unified_in_one_place, "cli", "inspect.iscoroutine(x)", "inspect.isclass(x)"),
    (results_are_unified_in_one_place, "cli", "isinstance(x, int | Deferred)", "isinstance(x, y)"),
    (
        the_transport_is_written_in_one_place,
        "web.handler",
        "self.connection.transport.write(b'')",
        "self.connection.write(b'')",
    ),
    (
        the_transport_is_written_in_one_place,
        "websocket.session",
        "send = transport.writeSequence",
        "transport.getPeer()",
    ),
    (no_assert, "util", "assert x", "self.assert_(x)"),
    (files_are_short, "util", "\n" * 501, "\n" * 500),
    (files_are_short, "util", "\n" * 801, "\n"),
    (functions_are_short, "util", LONG_FUNCTION, LONG_FUNCTION.replace("    x = 1\n", "", 1)),
    (functions_are_short, "util", f"async {LONG_FUNCTION}", '"""' + "\n" * 99 + '"""'),
]

KNOWN = frozenset(
    f"cyclone.{name}"
    for name in (
        *("util", "_async", "httputil", "http1", "http1.parser", "httpserver", "httpclient"),
        *("web", "web.handler", "web.routing", "web.errors", "websocket", "websocket.handler"),
        *("websocket.frames", "websocket.deflate", "redis", "deploy", "auth"),
    )
)


def _made_up(name: str, source: str) -> Module:
    return Module(f"cyclone.{name}", source, KNOWN)


@pytest.mark.parametrize(("rule", "name", "bad", "good"), CASES)
def test_rules_can_fail(rule: Rule, name: str, bad: str, good: str) -> None:
    assert list(rule(_made_up(name, bad)))
    if rule is not has_a_floor:
        assert not list(rule(_made_up(name, good)))


def test_every_rule_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(RULES)


def test_long_file_needs_a_reason_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LONG_FILES, "util", "it is a table")
    assert not list(files_are_short(_made_up("util", "\n" * 501)))
    assert list(files_are_short(_made_up("util", "\n" * 500)))
    assert list(files_are_short(_made_up("util", "\n" * 801)))


def test_circles_are_found() -> None:
    def module(name: str, source: str) -> Module:
        return Module(name, source, frozenset({"cyclone.a", "cyclone.b", "cyclone.c"}))

    a = module("cyclone.a", "from . import b")
    b = module("cyclone.b", "def f():\n    from cyclone import c")
    c = module("cyclone.c", "import cyclone.a")
    lazy = module("cyclone.c", "if TYPE_CHECKING:\n    import cyclone.a")
    assert circles([a, b, c]) == [{"cyclone.a", "cyclone.b", "cyclone.c"}]
    assert circles([a, b, lazy]) == []


def test_faces_collect_rooms_of_any_floor() -> None:
    face = Module("cyclone.websocket", "from .handler import X\nfrom .frames import Y", KNOWN, True)
    assert not list(imports_point_downwards(face))
    assert not list(others_import_the_face(face))
