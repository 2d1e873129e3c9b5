"""`HTTPFile`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cyclone.httputil import BodyBuffer, HTTPFile
from cyclone.testing import Client
from cyclone.web import Application, RequestHandler


def in_memory(content: bytes) -> HTTPFile:
    return HTTPFile(filename="a.txt", body=content, content_type="text/plain")


def spooled(content: bytes) -> HTTPFile:
    buffer = BodyBuffer(0)
    buffer.append(content)
    return HTTPFile(filename="a.txt", content_type="text/plain", file=buffer.open())


@pytest.fixture(params=[in_memory, spooled])
def upload(request: pytest.FixtureRequest) -> Iterator[HTTPFile]:
    make: Callable[[bytes], HTTPFile] = request.param
    file = make(b"content")
    yield file
    file.close()


def test_items_are_attributes(upload: HTTPFile) -> None:
    assert upload["filename"] == upload.filename == "a.txt"
    assert upload["content_type"] == upload.content_type == "text/plain"
    assert upload["body"] == upload.body == upload.get("body") == b"content"
    assert upload.size == 7
    assert "body" in upload
    assert "size" not in upload
    assert upload.get("nothing") is None
    with pytest.raises(KeyError):
        upload["nothing"]
    with pytest.raises(AttributeError):
        upload.nothing  # noqa: B018


def test_file_is_at_its_beginning_and_keeps_its_position(upload: HTTPFile) -> None:
    assert upload.file.read(3) == b"con"
    assert upload.body == b"content"
    assert upload.file.read() == b"tent"


def test_save_writes_a_new_file_only(upload: HTTPFile, tmp_path: Path) -> None:
    path = tmp_path / "saved"
    upload.file.read(2)
    upload.save(path)
    assert path.read_bytes() == b"content"
    assert upload.file.read(2) == b"nt"
    with pytest.raises(FileExistsError):
        upload.save(path)


def test_body_can_be_assigned(upload: HTTPFile) -> None:
    upload.body = b"other"
    assert upload["body"] == b"other"


def test_in_memory_it_is_the_dictionary_that_it_was() -> None:
    assert in_memory(b"x") == {"filename": "a.txt", "body": b"x", "content_type": "text/plain"}


def test_closing_gives_the_temporary_file_back() -> None:
    file = spooled(b"x")
    file.close()
    assert file.file.closed
    memory = in_memory(b"x")
    memory.close()
    assert memory.body == b"x"


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "C:\\\\evil", "a/b"])
def test_class_8_the_name_of_an_upload_is_no_path(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are kept without a name, and saved where the application says."""
    monkeypatch.chdir(tmp_path)
    seen: list[str] = []

    class Handler(RequestHandler):
        def post(self) -> None:
            upload = self.request.files["f"][0]
            seen.append(upload.filename)
            with pytest.raises(TypeError):
                upload.save()

    client = Client(Application([("/", Handler)], max_memory_file_size=10))
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\n\r\n%s\r\n--x--\r\n'
    response = client.post(
        "/",
        body=body % (name.encode(), b"x" * 1000),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert response.status == 200
    assert seen[0].rpartition("\\")[2] == name.rpartition("\\")[2]
    assert list(tmp_path.iterdir()) == []
