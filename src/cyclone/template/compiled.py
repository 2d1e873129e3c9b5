"""`Template`: a template, compiled."""

from __future__ import annotations

import ast
import builtins
import datetime
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import CodeType, FunctionType
from typing import Any, Protocol, cast

from cyclone import escape
from cyclone.log import app_log

from . import parser
from .codegen import BATCHED, Generated, generate
from .errors import CodeError, ParseError
from .nodes import Source
from .runtime import Rendering, Run, rest_of, text
from .tracebacks import GeneratedCode, through_templates
from .whitespace import check_mode, default_mode

__all__ = ["Template"]

#: What every template knows (Tornado).
_NAMESPACE = {
    "escape": escape.xhtml_escape,
    "xhtml_escape": escape.xhtml_escape,
    "url_escape": escape.url_escape,
    "json_encode": escape.json_encode,
    "squeeze": escape.squeeze,
    "linkify": escape.linkify,
    "datetime": datetime,
    "__builtins__": builtins,
}
#: The `codegen.HELPERS`.
_HELPERS = (text, escape.utf8, type, str, int)


class _Unset:
    """Stands for an argument that was not given."""

    def __repr__(self) -> str:
        return "..."  # as signatures in the documentation show it


_UNSET = _Unset()


class TemplateLoader(Protocol):
    """What a template wants of its loader."""

    autoescape: str | None
    namespace: dict[str, Any]
    whitespace: str | None

    def load(self, name: str, parent_path: str | None = None) -> Template: ...


class Template:
    """A compiled template (Tornado, cyclone 1.x).

    Args:
        template_string: the template; bytes are UTF-8.
        name: what errors call it; its end says how white space is treated.
        loader: finds the templates it extends and includes, and gives defaults.
        compress_whitespace: old name: true for whitespace "single", false for "all".
        autoescape: name of the function in the namespace that escapes expressions, None for none;
            by default the loader's, else ``xhtml_escape``.
        whitespace: mode, see `filter_whitespace`; by default the loader's, else that of the name.

    Attributes:
        name: as given.
        loader: as given.
        autoescape: as given, or as the template says.
        namespace: the loader's names.
        file: the parsed template.
        code: the generated Python.

    Raises:
        ParseError: the template is wrong; says where.
        CodeError: an expression in it is no Python; a ParseError and a SyntaxError.
    """

    def __init__(
        self,
        template_string: str | bytes,
        name: str = "<string>",
        loader: TemplateLoader | None = None,
        compress_whitespace: bool | _Unset | None = _UNSET,
        autoescape: str | _Unset | None = _UNSET,
        whitespace: str | None = None,
    ) -> None:
        self.name = escape.to_unicode(name)
        self.loader = loader
        self.namespace: dict[str, Any] = loader.namespace if loader else {}
        mode = _mode(self.name, loader, compress_whitespace, whitespace)
        if isinstance(autoescape, _Unset):
            autoescape = loader.autoescape if loader else BATCHED
        path_of: Callable[[str], str] = getattr(loader, "path_of", str)
        path = path_of(self.name)
        if path.startswith("<"):  # other code is called <string> too
            path = f"<template {path[1:]}"
        content = escape.to_unicode(template_string)
        self.file = Source(self.name, path, content, autoescape)
        parser.parse(self.file, mode)
        self._lock = threading.Lock()
        self._eager: GeneratedCode | None = None
        self._code = self._compile(eager=False)
        self._names = self._names_for(self._code)

    @property
    def autoescape(self) -> str | None:
        """Name of the function that escapes the expressions, None for none."""
        return self.file.autoescape

    @property
    def code(self) -> str:
        """The generated Python, for the curious."""
        return self._code.generated.text

    # -- making pages

    def generate(self, **kwargs: Any) -> Any:
        """Make the page.

        Args:
            kwargs: the names that the template may use, besides those of the loader and a few
                functions (``escape``, ``url_escape``, ``json_encode``, ``squeeze``, ``linkify``,
                ``datetime``).

        Returns:
            the page, as bytes.  If the template says ``await``, or one of its values is a Deferred
            or another awaitable whose result is not there yet, a `Rendering`: a Deferred of the
            page that may also be awaited.

        Raises:
            Exception: what the template's expressions raise; the traceback leads through the
                template's lines.
        """
        names = self._names.copy()
        names.update(self.namespace)
        names.update(kwargs)
        run = Run(names[BATCHED], waits=False)
        code = self._code
        page = FunctionType(code.code, names)(run.out, run, *_HELPERS)
        try:
            page.send(None)
        except StopIteration as stop:
            return stop.value
        except BaseException as error:
            error.__traceback__ = _trace(error, code)
            raise
        run.waits = True
        rendering = Rendering(_completed(page, code))
        # What was there all the time is not made to look late (as in cyclone 1.x).
        if rendering.called and not code.generated.says_await:
            return rendering.outcome()
        return rendering

    async def generate_async(self, **kwargs: Any) -> bytes:
        """As `generate`, for coroutines: always to be awaited."""
        _, page, code = self._start(kwargs, eager=False)
        return await _completed(page, code)

    async def stream(self, write: Callable[[bytes], Any], /, **kwargs: Any) -> bytes:
        """Make the page piece by piece.

        Whenever something has to be waited for, what stands before it is written first.

        Args:
            write: is given the pieces; what it returns is waited for.
            kwargs: as for `generate`.

        Returns:
            the last piece, which is not written.
        """
        run, page, code = self._start(kwargs, eager=True)

        def write_ready() -> Any:
            ready = run.take()
            return write(ready) if ready else None

        run.before_wait = write_ready
        return await _completed(page, code)

    def _start(
        self, kwargs: dict[str, Any], *, eager: bool
    ) -> tuple[Run, Coroutine[Any, Any, bytes], GeneratedCode]:
        code = self._eager_code() if eager else self._code
        names = self._names_for(code)
        names.update(self.namespace)
        names.update(kwargs)
        run = Run(names[BATCHED], waits=True)
        page = FunctionType(code.code, names)(run.out, run, *_HELPERS)
        return run, page, code

    # -- compiling

    def _eager_code(self) -> GeneratedCode:
        with self._lock:
            if self._eager is None:
                self._eager = self._compile(eager=True)
            return self._eager

    def _names_for(self, code: GeneratedCode) -> dict[str, Any]:
        # __name__ and __loader__ are how the standard library finds the source.
        return {**_NAMESPACE, "__name__": self.name.replace(".", "_"), "__loader__": code}

    def _compile(self, *, eager: bool) -> GeneratedCode:
        generated = generate(self.file, self._resolve, batched=True, eager=eager)
        code = self._code_of(generated)
        if any(BATCHED in inner.co_varnames + inner.co_cellvars for inner in _functions(code)):
            # The template has a function of that name of its own.
            generated = generate(self.file, self._resolve, batched=False, eager=eager)
            code = self._code_of(generated)
        return GeneratedCode(generated, self._filename, code)

    @property
    def _filename(self) -> str:
        return f"{self.name.replace('.', '_')}.generated.py"

    def _resolve(self, name: str, parent: str) -> Source:
        if self.loader is None:
            raise ParseError(f"{name} is needed, but there is no template loader", parent)
        return self.loader.load(name, parent).file

    def _code_of(self, generated: Generated) -> CodeType:
        try:
            tree = compile(
                generated.text, self._filename, "exec", ast.PyCF_ONLY_AST, dont_inherit=True
            )
            waits = _Waits()
            tree = waits.visit(tree)
            if waits.found:
                # Such a page always begins where it can wait.
                generated.says_await = True
                function = cast(ast.AsyncFunctionDef, tree.body[0])
                function.body.insert(0, ast.Expr(ast.Await(_call_of_run("begin"))))
            ast.fix_missing_locations(tree)
            module = compile(tree, self._filename, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError) as error:
            raise self._code_error(generated, error) from error
        return next(const for const in module.co_consts if isinstance(const, CodeType))

    def _code_error(self, generated: Generated, error: Exception) -> CodeError:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        lineno = error.lineno if isinstance(error, SyntaxError) else None
        source, line = generated.position(lineno)[0]
        app_log.error("%s: %s, in this code:\n%s", self.name, message, generated.text)
        return CodeError(message, source.name, line)


def _mode(
    name: str,
    loader: TemplateLoader | None,
    compress_whitespace: bool | _Unset | None,
    whitespace: str | None,
) -> str:
    if not (compress_whitespace is None or isinstance(compress_whitespace, _Unset)):
        if whitespace is not None:
            raise ValueError("cannot set both whitespace and compress_whitespace")
        whitespace = "single" if compress_whitespace else "all"
    mode = whitespace or (loader.whitespace if loader else None) or default_mode(name)
    check_mode(mode)
    return mode


def _trace(error: BaseException, code: GeneratedCode) -> Any:
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__loader__") is not code:
        trace = trace.tb_next  # frames of ours
    return through_templates(trace, code)


async def _completed(page: Coroutine[Any, Any, bytes], code: GeneratedCode) -> bytes:
    try:
        result: bytes = await rest_of(page)
    except BaseException as error:
        error.__traceback__ = _trace(error, code)
        raise
    return result


def _functions(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _functions(const)


class _Waits(ast.NodeTransformer):
    """Has ``await x`` wait by the run, which may have something to do first."""

    found = False

    def visit_Await(self, node: ast.Await) -> ast.AST:
        self.generic_visit(node)
        if _is_ours(node.value):
            return node
        self.found = True
        wait = ast.copy_location(_call_of_run("wait", node.value), node)
        return ast.copy_location(ast.Await(wait), node)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.found = self.found or bool(node.is_async)
        return self.generic_visit(node)


def _call_of_run(method: str, *arguments: ast.expr) -> ast.Call:
    function = ast.Attribute(ast.Name("_tt_run", ast.Load()), method, ast.Load())
    return ast.Call(function, list(arguments), [])


def _is_ours(node: ast.expr) -> bool:
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Attribute):
        function = function.value
    return isinstance(function, ast.Name) and function.id.startswith("_tt_")
