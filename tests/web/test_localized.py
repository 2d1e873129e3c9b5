"""The language of a request: `locale`, `get_user_locale`, `get_browser_locale`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed

from cyclone import locale
from cyclone.web import RequestHandler
from cyclone.web.localized import accepted_languages
from tests.web.support import Noting, Stage, client_of, recorded_log


@pytest.fixture(autouse=True)
def _catalogs(tmp_path: Path) -> Iterator[None]:
    for code in ("pt_BR", "es", "fr"):
        (tmp_path / f"{code}.csv").write_text(f'"hello","hello in {code}"')
    locale.load_translations(str(tmp_path))
    yield
    for file in tmp_path.iterdir():
        file.unlink()
    locale.load_translations(str(tmp_path))


class Greeting(RequestHandler):
    def get(self) -> None:
        assert self.locale is self.locale
        self.write(self.locale.translate("hello"))


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("pt-BR,pt;q=0.8,en;q=0.5", "pt_BR"),
        ("de, fr;q=0.4, es;q=0.9", "es"),
        ("fr;q=0, es;q=0.1", "es"),
        ("es;q=x, fr;q=0.1", "fr"),
        ("es;q=-1,fr;q=0.001", "fr"),
        ("es ; q=0.5 , fr;Q=0.7", "fr"),
        ("es;level=1, fr", "fr"),
        ("de", "en_US"),
        ("*", "en_US"),
        ("", "en_US"),
    ],
)
def test_browsers(header: str, code: str) -> None:
    text = "hello" if code == "en_US" else f"hello in {code}"
    client = client_of(Greeting)
    assert client.get("/", headers={"Accept-Language": header}).text == text


def test_default_of_the_browser_locale() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.write(self.get_browser_locale("es").code)

    client = client_of(Handler)
    assert client.get("/").text == "es"
    assert client.get("/", headers={"Accept-Language": "fr"}).text == "fr"
    # Who asks for something gets what the program speaks, as in Tornado.
    assert client.get("/", headers={"Accept-Language": "de"}).text == "en_US"


def test_equal_weights_keep_their_order() -> None:
    assert accepted_languages("a;q=0.5,b,c;q=0.5,d") == ["b", "d", "a", "c"]


def test_class_3_long_fields() -> None:
    assert accepted_languages(",".join(["es"] * 100_000)) == ["es"] * 100
    assert accepted_languages("," * 100_000) == []
    assert accepted_languages("es;q=" + "0" * 100_000) == []
    assert accepted_languages("es;" + " " * 100_000) == []
    assert len(accepted_languages(";q=1," * 99 + "es")) == 1


@given(st.text(alphabet="aq=;,.01 -*\t") | st.text())
def test_any_field(header: str) -> None:
    assert len(accepted_languages(header)) <= 100


def test_the_users_choice_comes_first() -> None:
    class Handler(Greeting):
        def get_user_locale(self) -> Any:
            return (
                locale.get(self.get_argument("lang")) if "lang" in self.request.arguments else None
            )

    client = client_of(Handler)
    assert client.get("/?lang=fr", headers={"Accept-Language": "es"}).text == "hello in fr"
    assert client.get("/", headers={"Accept-Language": "es"}).text == "hello in es"


def test_assigning() -> None:
    class Handler(Greeting):
        def prepare(self) -> None:
            self.locale = locale.get("fr")

    assert client_of(Handler).get("/").text == "hello in fr"


class Waiting(Noting):
    """Asks somebody else for the user's locale."""

    def get_user_locale(self) -> Any:
        self.notes.append("asked")
        return self.gate

    async def get(self) -> None:
        first = await self.locale
        assert self.locale is first
        self.write(first.translate("hello"))


@pytest.mark.parametrize(("answer", "text"), [("pt-BR", "hello in pt_BR"), (None, "hello")])
def test_awaiting(answer: str | None, text: str) -> None:
    stage = Stage(Waiting)
    pending = stage.client.connect()
    pending.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    stage.open_gate(locale.get(answer) if answer else None)
    assert pending.received.endswith(text.encode())
    assert stage.notes.count("asked") == 1


@pytest.mark.parametrize("style", ["deferred", "coroutine"])
def test_answers_that_are_there_need_no_await(style: str) -> None:
    class Handler(Greeting):
        def get_user_locale(self) -> Any:
            return succeed(locale.get("es")) if style == "deferred" else self.ask()

        async def ask(self) -> Any:
            return locale.get("es")

    assert client_of(Handler).get("/").text == "hello in es"


def test_an_assignment_in_the_meantime_stands() -> None:
    class Handler(Waiting):
        async def get(self) -> None:
            waiting = self.locale
            self.locale = locale.get("fr")
            self.gate.callback(locale.get("es"))
            assert (await waiting).code == "fr"
            self.write(self.locale.code)

    assert Stage(Handler).client.get("/").text == "fr"


@pytest.mark.parametrize("assign", [False, True])
def test_failures_reach_who_waits(assign: bool) -> None:
    class Handler(Waiting):
        async def get(self) -> None:
            waiting = self.locale
            if assign:
                self.locale = locale.get("fr")
            self.gate.errback(RuntimeError("no database"))
            try:
                await waiting
            except RuntimeError as error:
                self.write(f"{error} {self.notes.count('asked')}")

    assert Stage(Handler).client.get("/").text == "no database 1"


def test_failures_that_are_there() -> None:
    class Handler(RequestHandler):
        def get_user_locale(self) -> Any:
            return self.ask()

        async def ask(self) -> Any:
            raise RuntimeError("no database")

        async def get(self) -> None:
            await self.locale

    with recorded_log():
        assert client_of(Handler).get("/").status == 500


def test_two_may_wait() -> None:
    class Handler(Waiting):
        async def get(self) -> None:
            one: Deferred[Any] = self.locale
            two = self.locale
            assert one is two
            self.gate.callback(locale.get("es"))
            self.write((await one).code + (await two).code)

    assert Stage(Handler).client.get("/").text == "eses"
