"""demos/ssl: its certificates, its two applications, and how they are served."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509

from cyclone.testing import Client
from tests.demos.loading import DEMOS, load
from tests.plugins.processes import Process, unused_port


def mkcert() -> Any:
    spec = importlib.util.spec_from_file_location("demo_mkcert", DEMOS / "ssl" / "mkcert.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Served:
    """The demo under serve.py, in a copy of its directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "ssl"
        ignored = shutil.ignore_patterns("certificates", "__pycache__")
        shutil.copytree(DEMOS / "ssl", self.directory, ignore=ignored)
        http, https = unused_port(), unused_port()
        self.plain, self.port = f"http://127.0.0.1:{http}", https
        self.secure = f"https://127.0.0.1:{https}"
        self.ca = str(self.directory / "certificates" / "ca.crt")
        command = [sys.executable, str(self.directory / "serve.py"), str(http), str(https)]
        self.process = Process(command)  # from any directory
        self.process.wait_for_port(http)
        self.process.wait_for_port(https)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    demo = Served(tmp_path_factory.mktemp("ssl"))
    try:
        yield demo
        demo.process.stop()
        output = demo.process.output
        assert "Traceback" not in output and "Unhandled" not in output
    finally:
        demo.process.kill()


@pytest.fixture
def browser(served: Served) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = served.ca
        yield session


def test_from_outside_to_inside(served: Served, browser: requests.Session) -> None:
    assert "Not encrypted" in browser.get(served.plain + "/", timeout=20).text
    page = browser.get(served.plain + "/vault/a?b=c%20d", timeout=20)
    assert page.url == served.secure + "/vault/a?b=c%20d"
    assert [each.status_code for each in page.history] == [308]
    assert ">Encrypted<" in page.text and "TLSv1.3" in page.text
    assert '<strong id="visits">1</strong>' in page.text
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-") and "Secure" in cookie and "Path=/" in cookie
    page = browser.get(served.secure + "/", timeout=20)
    assert '<strong id="visits">2</strong>' in page.text


def test_http1_is_agreed_upon_and_old_tls_is_not(served: Served) -> None:
    page = requests.get(served.secure + "/", verify=served.ca, timeout=20)
    assert "http/1.1" in page.text or "unsaid" in page.text
    context = ssl.create_default_context(cafile=served.ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", served.port)) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as secure,
    ):
        assert secure.selected_alpn_protocol() == "http/1.1"
        assert secure.version() == "TLSv1.3"


@pytest.mark.parametrize(
    ("host", "location"),
    [
        ("localhost", "https://localhost:8443/vault/"),
        ("127.0.0.1:8888", "https://127.0.0.1:8443/vault/"),
        ("[::1]:8888", "https://[::1]:8443/vault/"),
        ("LOCALHOST", "https://localhost:8443/vault/"),
        ("evil.example", None),
        ("localhost.evil.example", None),
        ("localhost@evil.example", None),
    ],
)
def test_where_redirects_lead(host: str, location: str | None) -> None:
    client = Client(load("ssl").Plain("8443"))
    answer = client.get("/vault/", headers={"Host": host}, follow_redirects=False)
    assert answer.headers.get("Location") == location
    assert answer.status == 308 if location else answer.status in (400, 421)


def test_forms_are_not_sent_on() -> None:
    client = Client(load("ssl").Plain("443"))
    assert client.post("/vault/", data={"secret": "x"}).status == 403
    answer = client.get("//evil.example/", headers={"Host": "localhost"}, follow_redirects=False)
    assert answer.headers["Location"] == "https://localhost//evil.example/"


def test_without_tls_it_says_so() -> None:
    page = Client(load("ssl").Application()).get("/")
    assert page.status == 200 and "Not encrypted" in page.text and "Agreed upon" not in page.text


def test_certificates(tmp_path: Path) -> None:
    made = mkcert()
    assert not made.is_good(tmp_path)
    made.make(tmp_path, "Bücher.example", "10.0.0.1")
    assert made.is_good(tmp_path)
    assert os.stat(tmp_path / "server.key").st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "ca.crt",
        "server.crt",
        "server.key",
    ]
    ca, server = (
        x509.load_pem_x509_certificate((tmp_path / name).read_bytes())
        for name in ("ca.crt", "server.crt")
    )
    server.verify_directly_issued_by(ca)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "xn--bcher-kva.example" in names.get_values_for_type(x509.DNSName)
    assert len(names.get_values_for_type(x509.IPAddress)) == 3
    for name in ("bad name", "", "a..b", "*", "x*.y", "-h x"):
        with pytest.raises(ValueError, match="not the name of a host"):
            made.make(tmp_path, name)
    (tmp_path / "server.crt").write_text("no certificate")
    assert not made.is_good(tmp_path)
    made.make(tmp_path)
    assert made.is_good(tmp_path)
