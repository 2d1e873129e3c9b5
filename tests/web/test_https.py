"""From HTTP to HTTPS."""

from __future__ import annotations

from pathlib import Path

import pytest

from cyclone.testing import Client
from cyclone.web import https_redirect

HOSTS = "example.com, *.example.com, [::1], bücher.example, *.bücher.example"


@pytest.mark.parametrize(
    ("method", "host", "path", "status", "location"),
    [
        ("GET", "example.com", "/", 301, "https://example.com/"),
        ("HEAD", "example.com", "/a", 301, "https://example.com/a"),
        ("GET", "Example.COM:80", "/a%20b?q=%2F&q=2#x", 301, "https://example.com/a%20b?q=%2F&q=2"),
        ("GET", "www.example.com:8080", "/a?", 301, "https://www.example.com/a"),
        ("GET", "[::1]:80", "/", 301, "https://[::1]/"),
        ("GET", "example.com", "//evil.example/", 301, "https://example.com//evil.example/"),
        ("POST", "example.com", "/form", 308, "https://example.com/form"),
        ("OPTIONS", "example.com", "*", 308, "https://example.com/"),
        ("GET", "example.com.", "/a", 301, "https://example.com/a"),
        ("GET", "xn--bcher-kva.example", "/", 301, "https://xn--bcher-kva.example/"),
        ("GET", "www.xn--bcher-kva.example", "/", 301, "https://www.xn--bcher-kva.example/"),
        ("GET", "evil.example", "/", 421, None),
        ("GET", "notexample.com", "/", 421, None),
        ("GET", "a.b.example.com", "/", 421, None),
        ("GET", ".example.com", "/", 421, None),
        ("GET", "example.com.evil.example", "/", 421, None),
    ],
)
def test_redirects(method: str, host: str, path: str, status: int, location: str | None) -> None:
    client = Client(https_redirect(HOSTS), host=host)
    path = path.partition("#")[0]
    response = client.request(method, path)
    assert (response.status, response.headers.get("Location")) == (status, location)


def test_another_port_and_any_host() -> None:
    client = Client(https_redirect(["*"], port=8443), host="any.example:8080")
    assert client.get("/x?y").headers["Location"] == "https://any.example:8443/x?y"


def test_a_body_is_not_waited_for() -> None:
    client = Client(https_redirect("example.com", max_body_size=10), host="example.com")
    response = client.post("/", body=b"x" * 5, headers={"Expect": "100-continue"})
    assert response.status == 308
    settings = {"xsrf_cookies": True, "cross_origin_protection": True}
    client = Client(https_redirect("example.com", **settings), host="example.com")
    response = client.post("/", body=b"x", headers={"Origin": "https://evil.example"})
    assert response.status == 308


def test_challenges_of_acme_are_served(tmp_path: Path) -> None:
    directory = tmp_path / ".well-known" / "acme-challenge"
    directory.mkdir(parents=True)
    (directory / "to_k-en").write_text("to_k-en.thumb")
    (tmp_path / "secret").write_text("secret")
    client = Client(https_redirect("example.com", acme_directory=str(tmp_path)), host="example.com")
    assert client.get("/.well-known/acme-challenge/to_k-en").text == "to_k-en.thumb"
    assert client.get("/.well-known/acme-challenge/none").status == 404
    assert client.get("/.well-known/acme-challenge/..%2f..%2fsecret").status == 301
    plain = Client(https_redirect("example.com"), host="example.com")
    assert plain.get("/.well-known/acme-challenge/to_k-en").status == 301


def test_a_name_that_is_none() -> None:
    with pytest.raises(ValueError, match="is no name of a host"):
        https_redirect("ü..example")


@pytest.mark.parametrize("hosts", ["", " , ", []])
def test_some_host_has_to_be_named(hosts: str | list[str]) -> None:
    with pytest.raises(ValueError, match="name the hosts to redirect"):
        https_redirect(hosts)
