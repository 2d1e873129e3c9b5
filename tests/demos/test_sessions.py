"""demos/sessions, in memory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import cyclone.redis
from cyclone.sessions import CookieStore, MemoryStore, RedisStore, SQLStore
from cyclone.testing import Client, DeferredClient
from tests.demos.loading import load
from tests.sessions.support import LaterStore


@pytest.fixture(scope="module")
def module() -> Any:
    return load("sessions")


STORES: dict[str, Any] = {"memory": MemoryStore, "cookie": CookieStore, "later": LaterStore}


@pytest.fixture(params=list(STORES))
def app(request: Any, module: Any) -> Any:
    return module.Application(store=STORES[request.param]())


class Guest(Client):
    """Somebody with a browser."""

    def send(self, path: str, **fields: str) -> str:
        """Post a form, and see the page after it."""
        token = re.search(r'name="_xsrf" value="([^"]+)"', self.get("/").text)
        assert token is not None
        response = self.post(path, form={"_xsrf": token[1], **fields})
        assert (response.status, response.headers["Location"]) == (303, "/")
        return self.get("/").text

    def log_in(self, name: str = "ada", password: str = "lovelace") -> str:
        return self.send("/login", name=name, password=password)


def visits(page: str) -> int:
    return int(re.findall(r'id="visits">(\d+)<', page)[0])


def test_visits_are_counted(app: Any) -> None:
    guest = Guest(app)
    assert [visits(guest.get("/").text) for _ in range(3)] == [1, 2, 3]
    assert visits(Guest(app).get("/").text) == 1


def test_a_note_is_kept_and_shown_as_text(app: Any) -> None:
    guest = Guest(app)
    page = guest.send("/note", note='"><script>alert(1)</script>' + "x" * 1000)
    assert "The note is kept in the session." in page
    assert "<script>" not in page and "&quot;&gt;&lt;script&gt;" in page
    assert "is kept in the session." not in guest.get("/").text  # said once
    assert "x" * 473 in page and "x" * 474 not in page


def test_logging_in_and_out(app: Any) -> None:
    guest = Guest(app)
    guest.send("/note", note="milk")
    before = guest.cookies.get("guest")
    assert "Name or password are wrong." in guest.log_in("ada", "wrong")
    page = guest.log_in()
    assert "Hello, Ada" in page and "milk" in page
    assert guest.cookies.get("guest") != before
    page = guest.send("/logout")
    assert "Hello, stranger" in page and "milk" not in page


def test_sessions_are_listed_and_ended(app: Any) -> None:
    browsers = [Guest(app, headers={"User-Agent": f"Browser <{n}>"}) for n in range(3)]
    pages = [browser.log_in() for browser in browsers]
    if isinstance(app.settings.sessions.store, CookieStore):
        assert "no session can be ended from afar" in pages[2]
        assert "There is no such" not in pages[2]
        return
    assert "Browser &lt;0&gt;" in pages[2] and pages[2].count("this one") == 1
    key = re.findall(r'name="key" value="(\w{64})"', pages[2])[0]
    assert "There is no such session any more." in browsers[2].send("/end", key="nothing")
    assert "The session has ended." in browsers[2].send("/end", key=key)
    assert "Sessions ended: 1." in browsers[2].send("/end", key="others")
    assert "Hello, stranger" in browsers[0].get("/").text
    assert "Hello, stranger" in browsers[1].get("/").text
    page = browsers[2].get("/").text
    assert "Hello, Ada" in page and "End all others" not in page


def test_class_17_forms_need_their_token(app: Any) -> None:
    guest = Guest(app)
    guest.log_in()
    for path in ("/note", "/login", "/logout", "/end"):
        assert guest.post(path, form={"note": "x", "key": "others"}).status == 403
    assert "Hello, Ada" in guest.get("/").text


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18 like Mac OS X) Safari/604.1", "Safari on iPhone"),
        ("curl/8", "curl/8"),
        ("", "unknown"),
    ],
)
def test_browsers_in_a_few_words(module: Any, agent: str, device: str) -> None:
    assert module.device_of(agent) == device


def test_strangers_end_nothing(app: Any) -> None:
    guest = Guest(app)
    token = re.search(r'name="_xsrf" value="([^"]+)"', guest.get("/").text)
    assert token is not None
    response = guest.post("/end", form={"_xsrf": token[1], "key": "others"})
    assert response.status == 403


def test_stores_by_option(module: Any) -> None:
    kinds = {"": MemoryStore, "memory": MemoryStore, "cookie": CookieStore}
    for where, kind in kinds.items():
        assert type(module.make_store(where)) is kind
    for wrong in ("sqlite:", "files"):
        with pytest.raises(ValueError, match="memory, cookie, sqlite:FILE"):
            module.make_store(wrong)


async def test_stores_of_others(module: Any, tmp_path: Path) -> None:
    sql = module.make_store(f"sqlite:{tmp_path / 'sessions.sqlite3'}")
    assert type(sql) is SQLStore
    try:
        client = DeferredClient(module.Application(store=sql))
        assert [visits((await client.get("/")).text) for _ in range(2)] == [1, 2]
    finally:
        sql._pool.close()


def test_redis_is_told_where(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(
        cyclone.redis, "lazyConnectionPool", lambda *args, **kwargs: told.append((args, kwargs))
    )
    assert type(module.make_store("redis://[::1]:7000")) is RedisStore
    assert type(module.make_store("redis:")) is RedisStore
    assert [args for args, _ in told] == [("::1", 7000), ("127.0.0.1", 6379)]
