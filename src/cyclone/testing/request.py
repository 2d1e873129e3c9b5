"""Requests as browsers write them: targets, forms, JSON, multipart; and what redirects make
of them. Values only, no I/O."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict
from urllib.parse import quote, urlencode, urljoin, urlsplit

from .wire import Fields, encode_chunk, encode_head

HeaderValues = Mapping[str, str] | Iterable[tuple[str, str]]
Body = bytes | str | Iterable[bytes]
Pairs = Mapping[str, Any] | Iterable[tuple[str, Any]]
FileValue = bytes | str | tuple[str, bytes] | tuple[str, bytes, str]
Files = Mapping[str, FileValue] | Iterable[tuple[str, FileValue]]

_BODY_FIELDS = ("content-type", "content-length", "transfer-encoding", "content-encoding")


class RequestOptions(TypedDict, total=False):
    """What every request method of the clients takes besides path and `params`.

    - `headers`: mapping or pairs, added to those of the client;
    - `body`: bytes or text, or an iterable of bytes that is sent in chunks;
    - `json`: a value sent as JSON; `form` (or `data`): fields sent urlencoded; `files`:
      with `form`, sent as multipart (see `encode_multipart` for the values);
    - `follow_redirects`: for this request, instead of the client's;
    - `host`: value of the Host field, instead of the client's;
    - `protocol`: ``"http"`` or ``"https"``, instead of the client's;
    - `remote_ip`: address of the peer that the server sees; the request then has a
      connection of its own;
    - `version`: ``"HTTP/1.0"`` for a request in that version.
    """

    headers: HeaderValues | None
    body: Body | None
    json: Any
    form: Pairs | None
    data: Pairs | None
    files: Files | None
    follow_redirects: bool | None
    host: str | None
    protocol: str | None
    remote_ip: str | None
    version: str


@dataclass
class OutgoingRequest:
    """A request about to be sent.

    Attributes:
        url: absolute; its path and query are sent as the target as they stand.
        fields: header fields without Host and Cookie.
        body: with its framing, which `fields` announce.
    """

    method: str
    url: str
    fields: Fields = field(default_factory=list)
    body: bytes = b""
    version: str = "HTTP/1.1"
    remote_ip: str | None = None

    @property
    def host(self) -> str:
        """The authority of the URL, as the Host field has it."""
        return urlsplit(self.url).netloc

    @property
    def hostname(self) -> str:
        """`host` without the port."""
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        """The path, ``"*"`` for the asterisk-form."""
        return urlsplit(self.url).path or "/"

    @property
    def https(self) -> bool:
        """Is it sent over an encrypted connection?"""
        return self.url.startswith("https:")

    @property
    def target(self) -> str:
        """The request target."""
        origin_length = len(self.url.split(":", 1)[0]) + 3 + len(self.host)
        target = self.url[origin_length:]
        return target[1:] if target == "/*" and self.method == "OPTIONS" else target or "/"

    def has(self, name: str) -> bool:
        """Is the field `name` among `fields`?"""
        return any(key.lower() == name.lower() for key, _ in self.fields)

    def encode(self, cookies: str) -> bytes:
        """The bytes of the request; `cookies` is the value of its Cookie field.

        Raises:
            ValueError: a part would break out of its place.
        """
        fields = list(self.fields)
        if not self.has("Host"):
            fields.insert(0, ("Host", self.host))
        if cookies and not self.has("Cookie"):
            fields.append(("Cookie", cookies))
        return encode_head(self.method, self.target, fields, self.version) + self.body

    def redirected(self, status: int, location: str) -> OutgoingRequest:
        """The request that follows an answer with `status` and `location`.

        As browsers do (the Fetch standard, "HTTP-redirect fetch"): 303, and 301 and 302 to
        POST, turn it into GET without its body; credentials do not go to another origin.
        """
        url = urljoin(self.url, location).split("#", 1)[0]
        method, body, fields = self.method, self.body, self.fields
        if (status == 303 and method not in ("GET", "HEAD")) or (
            status in (301, 302) and method == "POST"
        ):
            method, body = "GET", b""
            fields = [pair for pair in fields if pair[0].lower() not in _BODY_FIELDS]
        if urlsplit(url)[:2] != urlsplit(self.url)[:2]:
            private = ("authorization", "cookie", "host")
            fields = [pair for pair in fields if pair[0].lower() not in private]
        return replace(self, method=method, url=url, body=body, fields=fields)


def build_request(
    method: str,
    url: str,
    params: Pairs | None = None,
    options: RequestOptions | None = None,
) -> OutgoingRequest:
    """A request to the absolute `url` from what a test gave.

    Raises:
        TypeError: when it gave bodies of more than one kind, or an option that there is not.
    """
    given: RequestOptions = options or {}
    if unknown := sorted(set(given) - set(RequestOptions.__annotations__)):
        raise TypeError(f"requests have no option {', '.join(unknown)}")
    form = given["form"] if given.get("form") is not None else given.get("data")
    body, content_type = build_body(given.get("body"), given.get("json"), form, given.get("files"))
    request = OutgoingRequest(
        method,
        build_target(url, params),
        [(name, str(value)) for name, value in pairs_of(given.get("headers"))],
        version=given.get("version", "HTTP/1.1"),
        remote_ip=given.get("remote_ip"),
    )
    if content_type and not request.has("Content-Type"):
        request.fields.append(("Content-Type", content_type))
    _frame(request, body)
    return request


def _frame(request: OutgoingRequest, body: bytes | Iterable[bytes] | None) -> None:
    """Put the body into `request`, with the field that says where it ends."""
    announced = request.has("Content-Length") or request.has("Transfer-Encoding")
    if body is None:
        if request.method in ("POST", "PUT", "PATCH") and not announced:
            request.fields.append(("Content-Length", "0"))
        return
    if isinstance(body, bytes):
        framing = ("Content-Length", str(len(body)))
    else:
        body = b"".join(encode_chunk(chunk) for chunk in body if chunk) + encode_chunk(b"")
        framing = ("Transfer-Encoding", "chunked")
    if not announced:
        request.fields.append(framing)
    request.body = body


def pairs_of(values: Mapping[str, Any] | Iterable[tuple[str, Any]] | None) -> list[tuple[str, Any]]:
    """A mapping or pairs as a list of pairs; None as an empty one."""
    if values is None:
        return []
    return list(values.items() if isinstance(values, Mapping) else values)


def build_target(path: str, params: Pairs | None) -> str:
    """`path` with `params` added to its query, what ASCII lacks percent-encoded."""
    target = quote(path, safe="/%?&=+:;,@!$'()*#[]~|^`{}\\\"<>")
    if params is None:
        return target
    return target + ("&" if "?" in target else "?") + urlencode(pairs_of(params), doseq=True)


def build_body(
    body: Body | None, json: Any, form: Pairs | None, files: Files | None
) -> tuple[bytes | Iterable[bytes] | None, str]:
    """The body and its ``Content-Type`` ("" for none) from what a test gave.

    Raises:
        TypeError: when it gave more than one kind.
    """
    given = [body is not None, json is not None, form is not None or files is not None]
    if sum(given) > 1:
        raise TypeError("give one of body, json, and form with files")
    if json is not None:
        return jsonlib.dumps(json).encode(), "application/json"
    if files is not None:
        return encode_multipart(form, files)
    if form is not None:
        content = urlencode(pairs_of(form), doseq=True).encode("ascii")
        return content, "application/x-www-form-urlencoded"
    return (body.encode() if isinstance(body, str) else body), ""


def encode_multipart(form: Pairs | None, files: Files | None) -> tuple[bytes, str]:
    """A ``multipart/form-data`` body (RFC 7578) and its ``Content-Type``.

    Args:
        form: field names and values; a list as value repeats the field.
        files: field names and contents: bytes or text (then the file is named like the
            field), ``(filename, content)`` or ``(filename, content, content_type)``.
    """
    parts = [
        (f'name="{_escape(name)}"', "", str(item).encode())
        for name, value in pairs_of(form)
        for item in (value if isinstance(value, list | tuple) else [value])
    ]
    parts += [_file_part(name, value) for name, value in pairs_of(files)]
    boundary = _boundary(content for _, _, content in parts)
    lines = []
    for parameters, content_type, content in parts:
        lines += [b"--" + boundary, b"Content-Disposition: form-data; " + parameters.encode()]
        if content_type:
            lines.append(b"Content-Type: " + content_type.encode())
        lines += [b"", content]
    lines += [b"--" + boundary + b"--", b""]
    return b"\r\n".join(lines), f"multipart/form-data; boundary={boundary.decode()}"


def _file_part(name: str, value: FileValue) -> tuple[str, str, bytes]:
    if isinstance(value, bytes | str):
        value = (name, value.encode() if isinstance(value, str) else value)
    filename, content = value[0], value[1]
    content_type = value[2] if len(value) == 3 else "application/octet-stream"
    return f'name="{_escape(name)}"; filename="{_escape(filename)}"', content_type, content


def _escape(name: str) -> str:
    # What browsers do to names, by the HTML standard's multipart/form-data encoding.
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _boundary(contents: Iterable[bytes]) -> bytes:
    everything = b"\0".join(contents)
    number = 0
    while b"cyclone-boundary-%d" % number in everything:
        number += 1
    return b"cyclone-boundary-%d" % number
