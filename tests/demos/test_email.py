"""The form of demos/email and its mail server, served by twistd."""

from __future__ import annotations

import json
import re
import smtplib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.plugins.processes import Process, script, unused_port

DEMO = Path(__file__).parents[2] / "demos" / "email"
FIELDS = {
    "sender": "Ann <ann@example.com>",
    "recipients": "Bob <bob@example.com>\nÜnï <uni@bücher.example>\n",
    "subject": "Grüße <b>",
    "text": "Hello\n\nthere <script>alert(1)</script>",
}


class Visitor:
    """Somebody who fills in the form."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.session = requests.Session()

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.base + path, timeout=20)

    def send(self, files: Any = None, **fields: str) -> requests.Response:
        token = re.search(r'name="_xsrf" value="([^"]+)"', self.get("/").text)
        assert token is not None
        data = {"_xsrf": token[1], **FIELDS, **fields}
        return self.session.post(self.base + "/", data=data, files=files, timeout=20)

    def newest(self) -> str:
        found = re.search(r'href="(/mail/\d+)"', self.get("/").text)
        assert found is not None
        return found[1]


def serving(*options: str) -> tuple[Process, str]:
    port = unused_port()
    command = [script("twistd"), "--nodaemon", "--pidfile=", "cyclone", "-p", str(port)]
    process = Process([*command, "-r", "app.Application", *options], cwd=DEMO)
    process.wait_for_port(port)
    return process, f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Process, str]]:
    process, base = serving()
    try:
        yield process, base
        process.stop()
        assert "Traceback" not in process.output and "Unhandled" not in process.output
    finally:
        process.kill()


@pytest.fixture
def visitor(server: tuple[Process, str]) -> Iterator[Visitor]:
    visitor = Visitor(server[1])
    yield visitor
    visitor.session.close()


def test_a_mail_is_sent_and_shown(visitor: Visitor) -> None:
    page = visitor.send(files=[("files", ("Ünï.txt", b"content"))], html="1")
    assert page.status_code == 200 and page.url.endswith("/?sent=2")
    assert "Sent to 2 recipients." in page.text
    path = visitor.newest()
    page = visitor.get(path)
    assert "ann@example.com to bob@example.com, uni@xn--bcher-kva.example" in page.text
    assert "<h1>Grüße &lt;b&gt;</h1>" in page.text
    assert "there &lt;script&gt;" in page.text and "<script" not in page.text
    parts = re.findall(rf'(?:src|href)="({path}/part/\d+)"', page.text)
    html, image, file = (visitor.get(part) for part in parts)
    assert "sandbox" in html.headers["Content-Security-Policy"]
    assert "there &lt;script&gt;" in html.text and f'src="{parts[1]}"' in html.text
    assert image.headers["Content-Type"] == "image/svg+xml" and "<svg" in image.text
    assert file.content == b"content"
    assert file.headers["Content-Disposition"] == "attachment"
    source = visitor.get(path + "/source")
    assert source.headers["Content-Type"].startswith("text/plain")
    assert "Subject: =?utf-8?" in source.text


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"recipients": "nobody at all"}, 400, "no mailbox name"),
        ({"recipients": ""}, 400, "needs a recipient"),
        ({"sender": "a@b, c@d"}, 400, "several addresses are given as a list"),
        ({"subject": "x\r\nBcc: eve@example.com"}, 400, "control characters are refused"),
        ({"sender": "x\nBcc: <eve@example.com>"}, 400, "control characters are refused"),
        ({"recipients": "jörg@example.com"}, 502, "does not offer SMTPUTF8"),
    ],
)
def test_what_is_wrong_is_said(
    visitor: Visitor, fields: dict[str, str], status: int, said: str
) -> None:
    page = visitor.send(**fields)
    assert page.status_code == status and said in page.text
    assert "eve@example.com" not in visitor.get("/").text
    assert "there &lt;script&gt;" in page.text  # what was typed is still there


def test_class_3_a_text_of_spaces(visitor: Visitor) -> None:
    text = f"a\n \n\n b{' ' * 300_000}c"
    assert visitor.send(text=text, html="1").status_code == 200
    html = re.search(r'src="(/mail/\d+/part/\d+)"', visitor.get(visitor.newest()).text)
    assert html is not None and "<p>a</p><p>b  " in visitor.get(html[1]).text


def test_forged_forms_and_pages_that_are_not_there(visitor: Visitor) -> None:
    answer = visitor.session.post(visitor.base + "/", data=FIELDS, timeout=20)
    assert answer.status_code == 403
    visitor.send()
    path = visitor.newest()
    for missing in ("/mail/999", "/mail/999/source", path + "/part/99"):
        assert visitor.get(missing).status_code == 404
    assert "default-src 'none'" in visitor.get("/").headers["Content-Security-Policy"]


def test_limits_of_the_mail_server(server: tuple[Process, str], visitor: Visitor) -> None:
    port = int(server[0].wait_for_line(r"Server starting on (\d+)")[1])
    lines = b"\r\n".join([b"z" * 900] * 10_000)
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        with pytest.raises(smtplib.SMTPDataError) as caught:
            client.sendmail("a@b.c", ["d@e.f"], lines)
        assert caught.value.smtp_code == 552
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.recv(100)
        connection.sendall(b"HELO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nhalf")
    for number in range(21):
        visitor.send(subject=f"Number {number}")
    page = visitor.get("/").text
    assert page.count('<li><a href="/mail/') == 20 and "half" not in page


def test_through_another_server(tmp_path: Path) -> None:
    (tmp_path / "mail.json").write_text(
        json.dumps({"host": "127.0.0.1", "port": unused_port(), "retries": 0})
    )
    process, base = serving("--appopts", str(tmp_path / "mail.json"))
    try:
        visitor = Visitor(base)
        page = visitor.send()
        assert page.status_code == 502 and "The mail was not sent. connect (127.0.0.1" in page.text
        visitor.session.close()
        process.stop()
    finally:
        process.kill()
