"""curl and requests log in; a browser does in tests/browser."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.auth import HTTPBasicAuth, HTTPDigestAuth

from tests.plugins.processes import Process, unused_port

# One server for all of them.
pytestmark = pytest.mark.xdist_group("httpauth-clients")

NAME, PASSWORD = "ada", "correct horse"
DIGESTS = ["md5", "md5-sess", "sha-256", "sha-256-sess", "both-qops", "all"]


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    port = unused_port()
    server = Process([sys.executable, str(Path(__file__).with_name("server.py")), str(port)])
    server.wait_for_port(port)
    yield f"http://127.0.0.1:{port}/"
    server.kill()
    assert "Traceback" not in server.output


@pytest.fixture
def curl(program: Callable[..., str]) -> Callable[..., tuple[int, str]]:
    """Run curl; the status of the last response, and its body."""

    def run(*arguments: str) -> tuple[int, str]:
        command = [program("curl"), "-sS", "-w", "\n%{http_code}", "--noproxy", "*", *arguments]
        output = subprocess.run(command, capture_output=True, check=True, timeout=30, text=True)
        body, _, status = output.stdout.rpartition("\n")
        return int(status), body

    return run


@pytest.mark.parametrize("kind", ["--basic", "--anyauth"])
def test_curl_with_basic(base: str, curl: Any, kind: str) -> None:
    assert curl(kind, "-u", f"{NAME}:{PASSWORD}", f"{base}basic") == (200, "ada by Basic")
    assert curl(kind, "-u", f"{NAME}:wrong", f"{base}basic")[0] == 401
    assert curl(kind, "-u", "jäsøn:Geheimnis: ß", f"{base}basic") == (200, "jäsøn by Basic")


# curl 7.88 hashes an empty body for auth-int, whatever is sent: it is good for GET.
@pytest.mark.parametrize("page", [*DIGESTS, "userhash", "auth-int"])
def test_curl_with_digest(base: str, curl: Any, page: str) -> None:
    url = f"{base}{page}"
    # Several requests over one connection, with the same nonce.
    twice = curl("--digest", "-u", f"{NAME}:{PASSWORD}", url, url)
    assert twice[0] == 200 and twice[1].endswith("ada by Digest")
    assert curl("--digest", "-u", f"{NAME}:wrong", url)[0] == 401
    assert curl("--digest", "-u", f"{NAME}:{PASSWORD}", f"{url}?a=b&c=%20d")[0] == 200
    if page != "auth-int":
        assert curl("--digest", "-u", f"{NAME}:{PASSWORD}", "-d", "body", url)[0] == 200


def test_curl_takes_the_strongest(base: str, curl: Any) -> None:
    assert curl("--anyauth", "-u", f"{NAME}:{PASSWORD}", f"{base}all") == (200, "ada by Digest")


def test_curl_with_names_of_all_languages(
    base: str, curl: Any, program: Callable[..., str]
) -> None:
    version = subprocess.run([program("curl"), "--version"], capture_output=True, text=True).stdout
    if tuple(map(int, re.findall(r"[0-9]+", version)[:2])) > (8, 14):
        pytest.skip("curl 8.23 sends the name as %C3%B8, and may have begun with that before")
    assert curl("--digest", "-u", "jäsøn:Geheimnis: ß", f"{base}sha-256")[1] == "jäsøn by Digest"


def test_requests_with_basic(base: str) -> None:
    for page in ("basic", "all"):
        answer = requests.get(base + page, auth=HTTPBasicAuth(NAME, PASSWORD), timeout=30)
        assert (answer.status_code, answer.text) == (200, "ada by Basic")
    assert requests.get(base + "basic", auth=("ada", "wrong"), timeout=30).status_code == 401


# requests 2 knows no SHA-256-sess.
@pytest.mark.parametrize("page", ["userhash", *(p for p in DIGESTS if p != "sha-256-sess")])
def test_requests_with_digest(base: str, page: str) -> None:
    with requests.Session() as session:
        session.auth = HTTPDigestAuth(NAME, PASSWORD)
        for _ in range(3):
            answer = session.get(f"{base}{page}?a=b", timeout=30)
            assert (answer.status_code, answer.text) == (200, "ada by Digest")
        # After the first challenge nothing is asked again.
        assert [each.status_code for each in answer.history] == []
        assert session.post(base + page, data="body", timeout=30).status_code == 200
    wrong = requests.get(base + page, auth=HTTPDigestAuth(NAME, "wrong"), timeout=30)
    assert wrong.status_code == 401
