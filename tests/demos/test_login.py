"""demos/auth, github_auth, dropbox_auth and facebook, over HTTP with their made-up services."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from cyclone.testing import Client
from tests.demos.loading import load
from tests.demos.serving import serving

DEMOS = ("auth", "github_auth", "dropbox_auth", "facebook")
SHOWN = {
    "auth": ("u-1815", "ada@example.org", "/portrait/ada"),
    "github_auth": ("ada/bernoulli", "/portrait/ada"),
    "dropbox_auth": ("pattern.svg", "8.0 KiB", "?path=%2FNotes"),
    "facebook": ("The science of operations", "6 August 1843", "/portrait/ada"),
}

pytestmark = pytest.mark.xdist_group("login-demos")


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, str]]:
    with serving(*DEMOS) as addresses:
        yield addresses


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def go(browser: requests.Session, url: str, **options: Any) -> requests.Response:
    return browser.get(url, timeout=20, **options)


def decide(
    browser: requests.Session, asking: requests.Response, decision: str, **options: Any
) -> requests.Response:
    """Press a button of the service's page."""
    form = {"decision": decision, "person": "ada"}
    return browser.post(asking.url, data=form, timeout=20, **options)


@pytest.mark.parametrize("demo", DEMOS)
def test_in_and_out(served: Any, browser: requests.Session, demo: str) -> None:
    base = served[demo]
    assert "Hello, stranger" in go(browser, base + "/").text
    asking = go(browser, base + "/login")
    assert asking.status_code == 200 and "Ada Lovelace" in asking.text
    assert urlsplit(asking.url).netloc != urlsplit(base).netloc
    page = decide(browser, asking, "allow")
    assert page.status_code == 200 and page.url == base + "/"
    for text in ("Ada Lovelace", *SHOWN[demo]):
        assert text in page.text
    assert "token" not in page.text.replace("the ID token", "").replace("What the ID token", "")
    assert "no-store" in page.headers["Cache-Control"]
    # The message is said once.
    assert 'role="status"' not in go(browser, base + "/").text
    page = browser.post(base + "/logout", timeout=20)
    assert "Hello, stranger" in page.text and "You have logged out here." in page.text


@pytest.mark.parametrize("demo", DEMOS)
def test_no_and_forgeries(served: Any, browser: requests.Session, demo: str) -> None:
    base = served[demo]
    asking = go(browser, base + "/login")
    page = decide(browser, asking, "deny")
    assert "You are not logged in" in page.text and "Hello, stranger" in page.text
    # An answer that somebody else's browser was sent with.
    asking = go(browser, base + "/login")
    answer = decide(browser, asking, "allow", allow_redirects=False).headers["Location"]
    with requests.Session() as other:
        page = go(other, answer)
        assert "You are not logged in. Missing" in page.text
        go(other, base + "/login")
        assert "state does not match" in go(other, answer).text
    assert "Ada Lovelace" in go(browser, answer).text
    browser.post(base + "/logout", timeout=20)
    assert "You are not logged in" in go(browser, answer).text  # the code is spent
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert browser.post(base + "/logout", headers=foreign, timeout=20).status_code == 403


def test_codes_that_are_made_up(served: Any, browser: requests.Session) -> None:
    for demo in DEMOS:
        sent = go(browser, served[demo] + "/login", allow_redirects=False)
        state = parse_qs(urlsplit(sent.headers["Location"]).query)["state"][0]
        page = go(browser, served[demo] + f"/login?code=made-up&state={state}")
        assert page.status_code == 200 and "You are not logged in" in page.text


@pytest.mark.parametrize(
    ("demo", "error", "said"),
    [
        ("auth", "error=server_error", "server_error"),
        ("github_auth", "error=access_denied", "you do not want to be"),
        ("github_auth", "error=application_suspended", "&#x27;application_suspended&#x27;"),
        ("dropbox_auth", "error=temporarily_unavailable", "temporarily_unavailable"),
        ("facebook", "error=access_denied&error_code=200", "you do not want to be"),
        ("facebook", "error_code=1349126&error_message=App+Not+Setup", "1349126"),
        ("facebook", "error=<b>x", "&lt;b&gt;x"),
    ],
)
def test_what_went_wrong_over_there_is_said(
    served: Any, browser: requests.Session, demo: str, error: str, said: str
) -> None:
    sent = go(browser, served[demo] + "/login", allow_redirects=False)
    state = parse_qs(urlsplit(sent.headers["Location"]).query)["state"][0]
    page = go(browser, served[demo] + f"/login?{error}&state={state}")
    assert page.status_code == 200 and page.url == served[demo] + "/"
    assert "You are not logged in" in page.text and said in page.text


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ("/private", "/private"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
    ],
)
def test_back_to_where_one_wanted_to_be(served: Any, wanted: str, got: str) -> None:
    with requests.Session() as browser:
        if wanted == "/private":
            asking = go(browser, served["auth"] + "/private")
        else:
            asking = go(browser, served["auth"] + "/login", params={"next": wanted})
        page = decide(browser, asking, "allow")
        assert urlsplit(page.url).path == got and page.url.startswith(served["auth"])


def test_folders(served: Any, browser: requests.Session) -> None:
    base = served["dropbox_auth"]
    decide(browser, go(browser, base + "/login"), "allow")
    page = go(browser, base + "/?path=/Notes/Drafts")
    assert "F.txt" in page.text and "911 bytes" in page.text
    assert '<a href="?path=%2FNotes">Notes</a>' in page.text
    assert go(browser, base + "/?path=/nowhere").status_code == 404
    assert go(browser, base + "/?path=nowhere").status_code == 404


def test_the_real_ones_by_a_file(tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    file.write_text(json.dumps({"client_id": "mine", "client_secret": "s"}))
    expected = {
        "github_auth": "https://github.com/login/oauth/authorize",
        "dropbox_auth": "https://www.dropbox.com/oauth2/authorize",
        "facebook": "https://www.facebook.com/dialog/oauth",
    }
    for demo, where in expected.items():
        client = Client(load(demo).Application(str(file)))
        assert "made up" not in client.get("/").text
        url, _, query = client.get("/login").headers["Location"].partition("?")
        assert url == where and parse_qs(query)["client_id"] == ["mine"]
        assert ("code_challenge" in query) == (demo != "facebook")
    file.write_text(json.dumps({"issuer": "https://id.example", "client_id": "mine"}))
    assert "https://id.example" in Client(load("auth").Application(str(file))).get("/").text
