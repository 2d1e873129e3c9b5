"""The blog of demos/blog, in memory: its threads are replaced by doing things on the spot."""

from __future__ import annotations

import importlib
import re
import shutil
import stat
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import defer

import cyclone.locale
from cyclone.testing import Client, ExpectLog

BLOG = Path(__file__).parents[2] / "demos" / "blog"
ATOM = "{http://www.w3.org/2005/Atom}"
CHEAP = (2, 1, 1)  # passwords that cost next to nothing
PASSWORD = "correct horse battery"


class Pool:
    """Transactions on the spot, in place of `ConnectionPool`."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.broken = False

    def runInteraction(self, function: Callable[..., Any], *args: Any) -> defer.Deferred[Any]:
        if self.broken:
            return defer.fail(RuntimeError("the disk <is> gone"))
        with self.connection:
            return defer.succeed(function(self.connection.cursor(), *args))


def on_the_spot(function: Callable[..., Any], *args: Any) -> defer.Deferred[Any]:
    return defer.execute(function, *args)


@pytest.fixture(scope="module")
def modules() -> Iterator[Any]:
    """The package, by its module names; what it loads is put back."""
    sys.path.insert(0, str(BLOG))
    try:
        yield lambda name: importlib.import_module(f"blog.{name}")
    finally:
        sys.path.remove(str(BLOG))
        for name in [name for name in sys.modules if name.partition(".")[0] == "blog"]:
            del sys.modules[name]


@pytest.fixture(scope="module")
def texts(modules: Any) -> Any:
    return modules("texts")


@pytest.fixture(scope="module")
def compiled(modules: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogs, which take their time."""
    directory: Path = tmp_path_factory.mktemp("compiled")
    modules("catalogs").load(BLOG / "locale", directory)
    return directory


@pytest.fixture
def blog(modules: Any, compiled: Path, tmp_path: Path) -> Iterator[Any]:
    """The application, with a database of its own."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    shutil.copytree(compiled, data / "locale")
    connection = modules("store").connect(data / "blog.sqlite3")
    application = modules("application").Blog(
        str(data), pool=Pool(connection), in_thread=on_the_spot, password_cost=CHEAP
    )
    application.pool = application.store._pool
    yield application
    connection.close()
    none = tmp_path / "none"
    none.mkdir()
    cyclone.locale.load_translations(str(none))
    cyclone.locale.set_default_locale("en_US")


class Visitor(Client):
    """Somebody with a browser, which has cookies and sends the token of the forms it has seen."""

    def send(self, path: str, **fields: str) -> Any:
        """Post a form, as seen on the login page."""
        token = re.search(r'name="_xsrf" value="([^"]+)"', self.get("/login").text)
        assert token is not None
        return self.post(path, form={"_xsrf": token[1], **fields})

    def sign_up(self, name: str, password: str = PASSWORD, **more: str) -> Any:
        return self.send("/signup", name=name, password=password, **more)

    def log_in(self, name: str, password: str = PASSWORD, **more: str) -> Any:
        return self.send("/login", name=name, password=password, **more)

    def write(self, title: str = "A title", body: str = "Some words.") -> str:
        """Publish an entry; its path."""
        response = self.send("/compose", title=title, body=body)
        assert response.status == 303, response.text
        return str(response.headers["Location"])


@pytest.fixture
def visitor(blog: Any) -> Visitor:
    return Visitor(blog)


@pytest.fixture
def ada(blog: Any) -> Visitor:
    """A user."""
    ada = Visitor(blog)
    assert ada.sign_up("Ada").status == 303
    return ada


# -- accounts


def test_signing_up_logs_in(visitor: Visitor) -> None:
    response = visitor.sign_up("Ada")
    assert (response.status, response.headers["Location"]) == (303, "/")
    cookie = next(line for line in response.headers.get_list("Set-Cookie") if "user=" in line)
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    assert '<span class="who">Ada</span>' in visitor.get("/").text


def test_cookies_are_for_https_alone_when_they_came_by_it(blog: Any) -> None:
    response = Visitor(blog, https=True).sign_up("Ada")
    assert "; Secure" in response.headers["Set-Cookie"]


def test_logging_out_and_in(ada: Visitor) -> None:
    assert ada.send("/logout").status == 303
    assert "Log out" not in ada.get("/").text
    assert ada.log_in("ADA").status == 303  # names that differ in case are the same
    assert "Log out" in ada.get("/").text


@pytest.mark.parametrize("name", ["Ada", "nobody", "", "x" * 1000, "a b", "' OR 1=1 --"])
@pytest.mark.parametrize("password", ["wrong", "", PASSWORD + "x", "x" * 10_000])
def test_failed_logins_look_the_same(ada: Visitor, name: str, password: str) -> None:
    ada.send("/logout")
    response = ada.log_in(name, password)
    assert response.status == 422
    assert "Name or password are wrong." in response.text
    assert "user" not in response.cookies
    assert "aria-invalid" in response.text


def test_class_21_names_that_nobody_has_cost_the_same(blog: Any, ada: Visitor) -> None:
    costs = []

    def count(function: Callable[..., Any], *args: Any) -> defer.Deferred[Any]:
        costs.append(function.__name__)
        return on_the_spot(function, *args)

    blog.passwords._in_thread = count
    ada.log_in("Ada", "wrong")
    ada.log_in("nobody", "wrong")
    assert costs == ["is_password", "is_password"]


@pytest.mark.parametrize("name", ["", "x", "x" * 31, "a b", "-ab", "ab.", "<b>x</b>", "a\x00\n"])
def test_names_that_cannot_be(visitor: Visitor, name: str) -> None:
    response = visitor.sign_up(name)
    assert response.status == 422
    assert "A name has 2 to 30 letters" in response.text


@pytest.mark.parametrize("password", ["", "short", "x" * 201])
def test_passwords_that_cannot_be(visitor: Visitor, password: str) -> None:
    response = visitor.sign_up("Ada", password)
    assert response.status == 422
    assert "A password has 10 to 200 characters." in response.text
    if password:
        assert f'"{password}"' not in response.text


@pytest.mark.parametrize("name", ["Ada", "aDA", "\uff21da"])
def test_a_name_is_taken_once(ada: Visitor, visitor: Visitor, name: str) -> None:
    response = visitor.sign_up(name)
    assert response.status == 422
    assert "This name is taken." in response.text


def test_class_14_a_forged_cookie_is_nobody(blog: Any, ada: Visitor, visitor: Visitor) -> None:
    good = ada.cookies.header("localhost", "/", False)
    value = re.search(r'user="?([^";]+)', good)
    assert value is not None
    for forged in ("1", value[1].replace("user", "usex"), value[1][:-1] + "x", ""):
        visitor.cookies.set("user", forged)
        assert "Log out" not in visitor.get("/").text
    visitor.cookies.set("user", value[1])
    assert "Log out" in visitor.get("/").text


def test_what_is_kept_of_passwords(modules: Any, blog: Any, ada: Visitor) -> None:
    passwords = modules("passwords")
    kept = blog.pool.connection.execute("SELECT password FROM users").fetchone()[0]
    assert kept.startswith("scrypt$2$1$1$") and PASSWORD not in kept
    assert passwords.is_password(PASSWORD, kept)
    assert not passwords.is_password(PASSWORD + " ", kept)
    assert passwords.hash_password("x", CHEAP) != passwords.hash_password("x", CHEAP)
    umlaut = passwords.hash_password("u\u0308ber alles", CHEAP)
    assert passwords.is_password("\u00fcber alles", umlaut)
    with pytest.raises(ValueError, match="unknown kind"):
        passwords.is_password("x", "md5$1$1$1$x$x")


def test_the_real_cost_works(modules: Any) -> None:
    passwords = modules("passwords")
    assert passwords.is_password(PASSWORD, passwords.hash_password(PASSWORD))


# -- forged requests, and ways back


@pytest.mark.parametrize(
    "path",
    ["/signup", "/login", "/logout", "/language", "/compose", "/entry/a/edit", "/entry/a/delete"],
)
def test_class_17_forms_without_the_token_are_refused(ada: Visitor, path: str) -> None:
    ada.write("a")
    form = {"title": "x", "body": "x", "name": "Eve", "password": PASSWORD, "language": "es"}
    response = ada.post(path, form=form)
    assert response.status == 403
    assert "Not allowed" in response.text  # a page of the blog's own
    assert ada.get("/entry/a").status == 200
    assert "Log out" in ada.get("/").text


def test_class_17_pages_of_other_sites_are_refused(ada: Visitor) -> None:
    ada.headers.append(("Sec-Fetch-Site", "cross-site"))
    assert ada.send("/compose", title="x", body="x").status == 403


ELSEWHERE = [
    *("//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "evil"),
    *("/\t/evil.example", "/\n/evil.example", " //evil.example", "javascript:alert(1)", "///x"),
    *("http:evil.example", "/\x00/evil.example", "", "/" + "x" * 3000, "//", "\\/evil.example"),
]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_class_10_next_leads_to_no_other_site(visitor: Visitor, url: str) -> None:
    assert visitor.sign_up("Ada", next=url).headers["Location"] == "/"
    assert visitor.log_in("Ada", next=url).headers["Location"] == "/"
    assert visitor.send("/language", language="es", next=url).headers["Location"] == "/"


@given(st.text(alphabet="/\\\t\n\r :?#@.ax%\x00\x1f\x7f\u3000", max_size=12))
def test_class_10_any_next_stays_here(texts: Any, url: str) -> None:
    local = texts.local_url(url)
    # What browsers do first, by the URL standard of the WHATWG.
    seen = re.sub("[\t\r\n]", "", local.strip("".join(map(chr, range(33))))).replace("\\", "/")
    assert urlsplit(urljoin("http://here.example/", seen)).netloc == "here.example"
    assert seen.startswith("/")


def test_one_comes_back_to_where_one_wanted_to_go(visitor: Visitor) -> None:
    visitor.sign_up("Ada")
    visitor.send("/logout")
    asked = visitor.get("/compose")
    assert (asked.status, asked.headers["Location"]) == (302, "/login?next=%2Fcompose")
    form = visitor.get(asked.headers["Location"]).text
    assert '<input type="hidden" name="next" value="/compose">' in form
    assert visitor.log_in("Ada", next="/compose").headers["Location"] == "/compose"


# -- entries


def test_an_entry_is_written_read_changed_and_deleted(ada: Visitor, blog: Any) -> None:
    path = ada.write(
        "On  engines\n", "One.\r\n\r\nTwo,\r\nhttps://example.com/?a=1&b=2.\r\n\r\nThree."
    )
    assert path == "/entry/on-engines"
    page = ada.get(path).text
    assert '<h1 dir="auto">On engines</h1>' in page
    assert page.count("<p>") >= 3
    assert (
        'Two,<br>\n<a href="https://example.com/?a=1&amp;b=2" rel="nofollow ugc noreferrer">'
        in page
    )
    index = ada.get("/").text
    assert "<p>One.</p>" in index and "Read on" in index and "Three." not in index
    assert "On engines" in ada.get("/archive").text
    assert "Three." in ada.get(path + "/edit").text

    assert ada.send(path + "/edit", title="Engines", body="Four.").headers["Location"] == path
    page = ada.get(path).text
    assert "Engines</h1>" in page and "Four." in page and "Three." not in page

    assert ada.send(path + "/delete").headers["Location"] == "/"
    assert ada.get(path).status == 404
    assert "Nothing has been written yet." in ada.get("/").text
    assert "Nothing has been written yet." in ada.get("/archive").text


def test_slugs_are_unique(ada: Visitor) -> None:
    paths = [ada.write("Grüße, Welt!"), ada.write("grusse welt"), ada.write("Grüße-Welt")]
    assert paths == ["/entry/grusse-welt", "/entry/grusse-welt-2", "/entry/grusse-welt-3"]
    assert [ada.write("日本"), ada.write("???")] == ["/entry/entry", "/entry/entry-2"]


def test_a_slug_that_is_taken_in_the_meantime(modules: Any, blog: Any, ada: Visitor) -> None:
    store = modules("store")
    ada.write("a")
    cursor = blog.pool.connection.cursor()
    answers = iter(["a", "b"])
    original, store._free_slug = store._free_slug, lambda *args: next(answers)
    try:
        assert store._add_entry(cursor, 1, "a", "x", 0) == "b"
        store._free_slug = lambda *args: "a"
        with pytest.raises(RuntimeError, match="others take them: a"):
            store._add_entry(cursor, 1, "a", "x", 0)
    finally:
        store._free_slug = original


@pytest.mark.parametrize(
    ("title", "body", "words"),
    [
        ("", "x", "Something has to stand here."),
        ("\x01 \t", "x", "Something has to stand here."),
        ("x", " \r\n ", "Something has to stand here."),
        ("x" * 121, "x", "120 characters at most, please."),
        ("x", "x" * 50_001, "50000 characters at most, please."),
    ],
)
def test_entries_that_cannot_be(ada: Visitor, title: str, body: str, words: str) -> None:
    response = ada.send("/compose", title=title, body=body)
    assert response.status == 422
    assert words in response.text
    assert "Nothing has been written yet." in ada.get("/").text


def test_what_is_too_large_for_any_form(ada: Visitor) -> None:
    assert ada.post("/compose", body=b"x" * 600_000).status == 413


def test_only_the_author_may_change_an_entry(ada: Visitor, visitor: Visitor) -> None:
    path = ada.write("Mine", "Words.")
    visitor.sign_up("Eve")
    assert "/edit" not in visitor.get(path).text
    assert "/edit" in ada.get(path).text
    assert visitor.get(path + "/edit").status == 403
    assert visitor.send(path + "/edit", title="Eve's", body="x").status == 403
    assert visitor.send(path + "/delete").status == 403
    assert "Mine</h1>" in ada.get(path).text


def test_strangers_are_asked_to_log_in(ada: Visitor, visitor: Visitor) -> None:
    path = ada.write("Mine")
    for wanted in ("/compose", path + "/edit"):
        assert visitor.get(wanted).headers["Location"].startswith("/login?next=")
        assert visitor.send(wanted, title="x", body="x").status == 403
    assert visitor.send(path + "/delete").status == 403
    assert ada.get("/entry/nothing/edit").status == 404
    assert ada.send("/entry/nothing/delete").status == 404


EVIL = "<script>alert(1)</script>\"'&{{ 1234567 * 7 }}{% raw x %}</textarea>"


def test_class_12_what_people_write_is_escaped(ada: Visitor) -> None:
    path = ada.write(EVIL, EVIL + ' http://x/"onmouseover=alert(1) javascript:alert(2)')
    refused = ada.send("/compose", title=EVIL, body="").text
    again = ada.sign_up(EVIL).text
    pages = [ada.get(each).text for each in ("/", path, path + "/edit", "/archive", "/feed.xml")]
    for page in [*pages, refused, again]:
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "8641969" not in page  # it is no template
        assert not re.search(r"<[^>]*\sonmouseover", page)
        assert 'href="javascript' not in page


@pytest.mark.parametrize("path", ["/<script>alert(1)</script>", '/"><script>', "/?x=<script>"])
def test_class_12_addresses_are_escaped(visitor: Visitor, path: str) -> None:
    for page in (visitor.get(path), visitor.get("/", headers={"Host": 'a"><script>'})):
        assert "<script" not in page.text


def test_older_entries(ada: Visitor) -> None:
    for number in range(7):
        ada.write(f"Number {number}")
    page = ada.get("/").text
    assert "Number 6" in page and "Number 2" in page and "Number 1" not in page
    older = re.search(r'href="(/\?before=\d+)"', page)
    assert older is not None
    page = ada.get(older[1]).text
    assert "Number 1" in page and "Number 0" in page and "Number 2" not in page
    assert "before=" not in page.split("<footer")[0]
    for wrong in ("x", "-1", "1" * 30, "\u0661", ""):
        assert ada.get("/", params={"before": wrong}).status == 404


# -- the feed


def test_the_feed(ada: Visitor, visitor: Visitor) -> None:
    empty = ElementTree.fromstring(visitor.get("/feed.xml").body)
    assert empty.findtext(f"{ATOM}updated") and empty.find(f"{ATOM}entry") is None
    ada.write("Grüße & <mehr>", "x\x0b\ufffe\U0001f600")
    response = visitor.get("/feed.xml")
    assert response.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    feed = ElementTree.fromstring(response.body)
    entry = feed.find(f"{ATOM}entry")
    assert entry is not None
    assert entry.findtext(f"{ATOM}title") == "Grüße & <mehr>"
    assert entry.findtext(f"{ATOM}content") == "x\U0001f600"
    assert (entry.findtext(f"{ATOM}id") or "").startswith("urn:uuid:")
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == "Ada"
    link = entry.find(f"{ATOM}link")
    assert link is not None and link.get("href") == "http://localhost/entry/grusse-mehr"
    known = {"If-None-Match": response.headers["Etag"]}
    assert visitor.get("/feed.xml", headers=known).status == 304
    ada.write("More")
    assert visitor.get("/feed.xml", headers=known).status == 200


# -- entity tags


@pytest.mark.parametrize("path", ["/", "/archive", "/entry/first"])
def test_class_20_pages_that_have_not_changed(ada: Visitor, visitor: Visitor, path: str) -> None:
    ada.write("First", "Words.")
    fresh = visitor.get(path)
    assert "Etag" not in fresh.headers  # it brings the token, which others must not get
    page = visitor.get(path)
    tag = page.headers["Etag"]
    assert tag.startswith('W/"') and page.headers["Cache-Control"] == "private, no-cache"
    known = {"If-None-Match": tag}
    again = visitor.get(path, headers=known)
    assert (again.status, again.body) == (304, b"")
    assert ada.get(path, headers=known).status == 200  # it says something else to a user
    assert visitor.get(path, headers={**known, "Accept-Language": "de"}).status == 200
    ada.send("/entry/first/edit", title="Second", body="Words.")
    assert visitor.get(path, headers=known).status == 200


@pytest.mark.parametrize("path", ["/", "/archive", "/feed.xml", "/entry/first"])
def test_head(ada: Visitor, path: str) -> None:
    ada.write("First")
    response = ada.head(path)
    assert (response.status, response.body) == (200, b"")


# -- languages


@pytest.mark.parametrize(
    ("accepted", "code", "words"),
    [
        ("es-MX, en;q=0.5", "es", "Iniciar sesión"),
        ("pt-BR", "pt-BR", "Entrar"),
        ("de-AT,de;q=0.9", "de", "Anmelden"),
        ("en-GB,es;q=0.5", "en", "Log in"),
        ("xx", "en", "Log in"),
        ("", "en", "Log in"),
    ],
)
def test_the_language_of_the_browser(
    visitor: Visitor, accepted: str, code: str, words: str
) -> None:
    page = visitor.get("/", headers={"Accept-Language": accepted}).text
    assert f'<html lang="{code}" dir="ltr">' in page
    assert words in page


def test_a_language_is_chosen(ada: Visitor) -> None:
    ada.headers.append(("Accept-Language", "de"))
    path = ada.write()
    response = ada.send("/language", language="pt_BR", next=path)
    assert (response.status, response.headers["Location"]) == (303, path)
    page = ada.get(path).text
    assert '<html lang="pt-BR"' in page and "Sair" in page and "Some words." in page
    assert "1 texto<" in ada.get("/archive").text
    ada.write()
    assert "2 textos<" in ada.get("/archive").text
    assert "Não encontrado" in ada.get("/nowhere").text
    assert "Falta algo aqui." in ada.send("/compose").text


@pytest.mark.parametrize("code", ["xx", "", "../../etc", "en_US", "<script>"])
def test_languages_that_are_not_there(visitor: Visitor, code: str) -> None:
    assert visitor.send("/language", language=code).status == 400
    visitor.cookies.set("language", code)
    assert '<html lang="en"' in visitor.get("/").text


def test_every_message_has_every_translation() -> None:
    pofile = pytest.importorskip("babel.messages.pofile")
    extract = importlib.import_module("babel.messages.extract")
    methods = [("blog/**.py", "python"), ("templates/**.html", "cyclone")]
    found = {found[2] for found in extract.extract_from_dir(str(BLOG), methods)}
    assert len(found) > 40
    catalogs = sorted((BLOG / "locale").glob("*.po"))
    assert [path.stem for path in catalogs] == ["de", "es", "pt_BR"]
    for path in catalogs:
        with path.open("rb") as file:
            catalog = pofile.read_po(file, locale=path.stem)
        assert {message.id for message in catalog if message.id} == found
        for message in catalog:
            words = [message.string] if isinstance(message.string, str) else message.string
            assert all(words) and not message.fuzzy
            assert not list(message.check(catalog)), message


def test_without_babel_it_speaks_english(
    modules: Any, blog: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "babel.messages.mofile", None)
    catalogs = modules("catalogs")
    with ExpectLog("cyclone.application", "No translation from .*: pip install cyclone.locale"):
        catalogs.load(BLOG / "locale", tmp_path / "compiled")
    page = Visitor(blog).get("/", headers={"Accept-Language": "de"}).text
    assert '<html lang="en"' in page and "Log in" in page


# -- what is served besides, and what goes wrong


def test_every_page_says_what_browsers_may_load(visitor: Visitor) -> None:
    for path in ("/", "/login", "/nowhere", "/static/blog.css", "/static/nothing", "/feed.xml"):
        response = visitor.get(path)
        assert "default-src 'none'" in response.headers["Content-Security-Policy"], path
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_style_sheets_are_there_and_kept(ada: Visitor) -> None:
    ada.write()
    sheets = re.findall(r'<link[^>]*href="(/static/[^"]+)"', ada.get("/").text)
    assert len(sheets) == 3  # blog.css, the icon, and what the UI module asks for
    for sheet in sheets:
        response = ada.get(sheet)
        assert response.status == 200
        assert "max-age" in response.headers["Cache-Control"]
        known = {"If-None-Match": response.headers["Etag"]}
        assert ada.get(sheet, headers=known).status == 304


@pytest.mark.parametrize(
    "path", ["/nowhere", "/entry/nothing", "/static/nothing.css", "/static/", "/entry/UPPER"]
)
def test_error_pages_are_of_the_blog(ada: Visitor, path: str) -> None:
    response = ada.get(path)
    assert response.status in (403, 404)
    assert "A blog on cyclone" in response.text
    assert '<span class="who">Ada</span>' in response.text


@pytest.mark.parametrize("path", ["/static/../blog/secret.py", "/static/%2e%2e/app.py"])
def test_class_8_static_files_are_those_below_static(visitor: Visitor, path: str) -> None:
    response = visitor.get(path)
    assert response.status in (403, 404)
    assert "import" not in response.text


def test_methods_that_pages_do_not_have(visitor: Visitor) -> None:
    assert visitor.get("/logout").status == 405
    assert "This did not work" in visitor.get("/logout").text


def test_class_19_when_the_database_is_out_of_order(ada: Visitor, blog: Any) -> None:
    blog.pool.broken = True
    with ExpectLog("cyclone.application", "Uncaught exception GET /"):
        response = ada.get("/")
    assert response.status == 500
    assert "Our mistake" in response.text
    assert "disk" not in response.text
    blog.pool.broken = False
    assert ada.get("/").status == 200


# -- what is kept on the disk


def test_the_secret_is_made_once_and_kept_from_others(modules: Any, tmp_path: Path) -> None:
    secret = modules("secret")
    made = secret.cookie_secret(tmp_path)
    assert len(made) >= 32
    assert secret.cookie_secret(tmp_path) == made
    assert stat.S_IMODE((tmp_path / "cookie-secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["cookie-secret"]
    secret._make(tmp_path)  # another process that was later
    assert secret.cookie_secret(tmp_path) == made
    (tmp_path / "cookie-secret").write_text("")
    with pytest.raises(ValueError, match="holds no key"):
        secret.cookie_secret(tmp_path)


def test_what_is_there_survives_a_second_start(modules: Any, blog: Any, ada: Visitor) -> None:
    path = ada.write("First")
    data = blog.settings.cookie_secret
    database = blog.pool.connection.execute("PRAGMA database_list").fetchone()[2]
    again = modules("application").Blog(
        str(Path(database).parent), pool=blog.pool, in_thread=on_the_spot, password_cost=CHEAP
    )
    assert again.settings.cookie_secret == data
    visitor = Visitor(again)
    visitor.cookies = ada.cookies
    page = visitor.get(path).text
    assert "First" in page and "Log out" in page


# -- rules for texts


@given(st.text())
def test_any_title_has_a_slug_that_the_routes_know(texts: Any, title: str) -> None:
    slug = texts.slug_of(title)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) and len(slug) <= 60


@given(st.text(alphabet="ab \n\t"))
def test_paragraphs_lose_no_words(texts: Any, text: str) -> None:
    found = texts.paragraphs(text)
    assert " ".join(found).split() == text.split()
    assert all(part.strip() == part and part and "\n\n" not in part for part in found)


@given(st.text())
def test_any_text_can_stand_in_a_feed(texts: Any, text: str) -> None:
    shown = texts.printable(text.encode("utf-8", "replace").decode())
    escaped = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert (ElementTree.fromstring(f"<x>{escaped}</x>").text or "") == shown
