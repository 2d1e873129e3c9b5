"""Templates whose values have yet to come: Deferreds, coroutines, asyncio's futures."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.defer import Deferred, fail, inlineCallbacks, succeed

from cyclone.template import DictLoader, Rendering, Template
from tests.web.support import run_on_loop


def result_of(rendering: Any) -> Any:
    """The result of a Deferred that has one."""
    assert isinstance(rendering, Deferred)
    results: list[Any] = []
    rendering.addCallback(results.append)
    (result,) = results
    return result


async def coroutine_of(value: Any) -> Any:
    return value


def test_a_deferred_is_waited_for_where_it_stands() -> None:
    first: Deferred[str] = Deferred()
    second: Deferred[int] = Deferred()
    order: list[str] = []

    def note(name: str, value: Any) -> Any:
        order.append(name)
        return value

    template = Template("a{{ note('x', x) }}b{{ note('y', y) }}c")
    rendering = template.generate(note=note, x=first, y=second)
    assert isinstance(rendering, Rendering)
    assert order == ["x"]
    first.callback("<1>")
    assert order == ["x", "y"]
    assert not rendering.called
    second.callback(2)
    assert result_of(rendering) == b"a&lt;1&gt;b2c"


@pytest.mark.parametrize("value", [succeed("<"), succeed(b"<"), succeed(succeed("<"))])
def test_what_has_come_is_not_waited_for(value: Any) -> None:
    assert Template("{{ x }}").generate(x=value) == b"&lt;"


def test_a_coroutine_that_never_waits_is_not_waited_for() -> None:
    assert Template("{{ f('<') }}").generate(f=coroutine_of) == b"&lt;"
    page = Template("{{ f(d) }}").generate(f=coroutine_of, d=succeed("<"))
    assert page == b"&lt;"


def test_raw_values_modules_and_own_escapes_may_wait() -> None:
    values: list[Deferred[Any]] = [Deferred() for _ in range(3)]
    template = Template(
        "{% raw v[0] %}{% module M() %}{{ 'x' }}{% apply f %}{{ 'y' }}{% end %}",
        autoescape="esc",
    )
    modules = type("Modules", (), {"M": lambda self: values[1]})()

    async def late(text: bytes) -> bytes:
        return b"(" + text + b")"

    rendering = template.generate(
        v=values, _tt_modules=modules, esc=late, f=lambda text: values[2].addCallback(text.__add__)
    )
    values[0].callback("<b>")
    values[1].callback(b"<i>")
    values[2].callback(b"!")
    assert result_of(rendering) == b"<b><i>(x)(y)!"


def test_what_is_in_apply_may_wait() -> None:
    value: Deferred[str] = Deferred()
    rendering = Template("{% apply up %}a{{ x }}{% end %}").generate(x=value, up=bytes.upper)
    value.callback("b")
    assert result_of(rendering) == b"AB"


def test_errors_come_where_the_value_stands() -> None:
    template = Template(
        "{% try %}a{{ x }}b{% except ValueError as e %}{{ e }}{% finally %}.{% end %}"
    )
    assert template.generate(x=fail(ValueError("no"))) == b"ano."
    late: Deferred[Any] = Deferred()
    rendering = template.generate(x=late)
    late.errback(ValueError("late"))
    assert result_of(rendering) == b"alate."


def test_errors_are_raised_at_once_or_by_the_deferred() -> None:
    with pytest.raises(ZeroDivisionError):
        Template("{{ x }}").generate(x=fail(ZeroDivisionError()))
    late: Deferred[Any] = Deferred()
    rendering = Template("{{ x }}").generate(x=late)
    late.errback(ValueError("late"))
    failures: list[Any] = []
    rendering.addErrback(failures.append)
    assert failures[0].check(ValueError)


# -- await


def test_a_template_that_says_await_gives_an_awaitable_in_any_case() -> None:
    for template in (
        Template("{{ await f('<') }}"),
        Template("{% if 0 %}{{ await f(1) }}{% end %}&lt;"),
        Template("{% set x = await f('<') %}{{ x }}"),
        Template("{% for x in await f(['<']) %}{{ x }}{% end %}"),
        Template("{% raw [escape(await f(i)) for i in '<'][0] %}"),
        Template("{% raw [escape(i) async for i in g('<')][0] %}"),
        Template("{{ await (await f(f('<'))) }}"),
        Template("{% apply str.encode %}{{ await f('<') }}{% end %}".replace("str.encode", "same")),
    ):
        rendering = template.generate(f=coroutine_of, g=generated, same=lambda text: text)
        assert isinstance(rendering, Rendering)
        assert result_of(rendering) == b"&lt;"


async def generated(values: Any) -> AsyncIterator[Any]:
    for value in values:
        yield await coroutine_of(value)


def test_await_waits() -> None:
    value: Deferred[str] = Deferred()
    rendering = Template("a{{ await x }}{{ 1 + await y }}").generate(x=value, y=succeed(1))
    value.callback("<")
    assert result_of(rendering) == b"a&lt;2"


def test_await_in_a_nested_function_is_as_in_python() -> None:
    loader = DictLoader({"a": "{% include b %}{{ 2 }}", "b": "{{ await x }}"})
    assert result_of(loader.load("a").generate(x=succeed(1))) == b"12"


# -- who waits


def test_inline_callbacks_may_yield_either() -> None:
    late: Deferred[str] = Deferred()

    @inlineCallbacks
    def pages() -> Any:
        template = Template("{{ x }}")
        return (yield template.generate(x=1)), (yield template.generate(x=late))

    deferred = pages()
    late.callback("2")
    assert result_of(deferred) == (b"1", b"2")


def test_generate_async_is_always_awaited() -> None:
    late: Deferred[str] = Deferred()
    template = Template("{{ x }}")

    async def pages() -> Any:
        return await template.generate_async(x=1), await template.generate_async(x=late)

    deferred = defer.ensureDeferred(pages())
    late.callback("2")
    assert result_of(deferred) == (b"1", b"2")


def test_asyncio_may_await_pages_and_pages_asyncio() -> None:
    async def work() -> Any:
        async def slow(value: str) -> str:
            async with asyncio.timeout(10):
                await asyncio.sleep(0)
            return value

        waiting: Deferred[str] = Deferred()
        asyncio.get_running_loop().call_soon(waiting.callback, "d")
        rendering = Template("{{ slow('<') }}{{ await slow('2') }}{{ d }}").generate(
            slow=slow, d=waiting
        )
        plain = Template("{{ slow('<') }}").generate(slow=slow)
        return [await rendering, await plain]

    assert run_on_loop(work) == [b"&lt;2d", b"&lt;"]


def test_cancelling_a_page_cancels_what_it_waits_for() -> None:
    cancelled: list[str] = []
    waiting: Deferred[str] = Deferred(lambda _: cancelled.append("x"))
    rendering = Template(
        "{% try %}{{ x }}{% finally %}{% set n.append(1) %}{% end %}".replace(
            "{% set n.append(1) %}", "{{ n.append(1) }}"
        )
    ).generate(x=waiting, n=(notes := []))
    rendering.cancel()
    failures: list[Any] = []
    rendering.addErrback(failures.append)
    assert (cancelled, notes) == (["x"], [1])
    assert failures[0].check(defer.CancelledError)
    rendering.cancel()


def test_cancelling_on_asyncio() -> None:
    async def work() -> Any:
        rendering = Template("{{ sleep(100) }}").generate(sleep=asyncio.sleep)
        rendering.cancel()
        failures: list[Any] = []
        rendering.addErrback(failures.append)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return failures[0].type

    assert run_on_loop(work) in (asyncio.CancelledError, defer.CancelledError)


def test_a_page_nobody_wants_leaves_nothing_behind() -> None:
    waiting: Deferred[str] = Deferred()
    Template("{{ x }}").generate(x=waiting)
    waiting.callback("x")
    del waiting
    gc.collect()


# -- streaming


def streamed(template: str, **names: Any) -> tuple[list[Any], Deferred[bytes]]:
    pieces: list[Any] = []
    work = Template(template).stream(pieces.append, **names)
    return pieces, defer.ensureDeferred(work)


def test_what_is_ready_is_written_before_the_page_waits() -> None:
    waiting: list[Deferred[str]] = [Deferred(), Deferred()]
    pieces, end = streamed(
        "<{{ a }}>{{ '1' }}{% for w in ws %}[{{ w }}]{% end %}.", a="&", ws=waiting
    )
    assert pieces == [b"<&amp;>1["]
    waiting[0].callback("x")
    assert pieces[1:] == [b"x]["]
    waiting[1].callback("y")
    assert result_of(end) == b"y]."
    assert len(pieces) == 2


def test_await_is_such_a_place_too_and_nothing_is_never_written() -> None:
    waiting: Deferred[str] = Deferred()
    pieces, end = streamed("{{ await y }}a{% set x = await w %}b{{ x }}", w=waiting, y=succeed("!"))
    assert pieces == [b"!a"]
    waiting.callback("x")
    assert result_of(end) == b"bx"


def test_a_page_waits_for_what_write_returns() -> None:
    gate: Deferred[None] = Deferred()
    pieces: list[bytes] = []

    def write(piece: bytes) -> Deferred[None]:
        pieces.append(piece)
        return gate

    calls: list[str] = []

    def value() -> Deferred[str]:
        calls.append("asked")
        return succeed("x")

    template = Template("a{{ f() }}b{{ f() }}")
    end = defer.ensureDeferred(template.stream(write, f=value))
    assert (pieces, calls) == ([b"a"], ["asked"])
    gate.callback(None)
    assert pieces == [b"a", b"xb"]
    assert result_of(end) == b"x"
    assert result_of(defer.ensureDeferred(template.stream(pieces.append, f=value))) == b"x"


def test_streamed_pages_raise_too() -> None:
    _, end = streamed("a{{ 1/0 }}")
    failures: list[Any] = []
    end.addErrback(failures.append)
    assert failures[0].check(ZeroDivisionError)
