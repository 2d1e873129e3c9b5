"""Requests for the differential tests: mostly well-formed, with the damage attackers do.

`heads` and `chunked_bodies` give bytes; `requests` gives well-formed requests and what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS", b"PROPFIND", b"FOO", b"get", b"M-SEARCH")
TARGETS = (
    b"/",
    b"/a?b=c",
    b"/%20",
    b"*",
    b"http://a/b",
    b"HTTP://A",
    b"/a#b",
    b"a:80",
    b"a",
    b"//a",
    b"http:///",
    b"/\xc3\xa9",
    b"/a b",
    b"https://[::1]:80/x",
    b"http://u@a/",
)
VERSIONS = (
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"http/1.1",
    b"HTTP/1.10",
    b"HTTP/1",
    b"ICY/1.1",
)
FIELDS = (
    b"Host: a",
    b"Host: b:80",
    b"host:a",
    b"Host:",
    b"Host: a b",
    b"Host: [::1]:8080",
    b"Host : a",
    b"Content-Length: 5",
    b"Content-Length: 0",
    b"content-length: 5",
    b"Content-Length: 5, 5",
    b"Content-Length: +5",
    b"Content-Length: 5 ",
    b"Content-Length: 1_0",
    b"Content-Length: ",
    b"Content-Length: 99999999999999999999",
    b"Content-Length: 0x5",
    b"Content-Length: 6",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: Chunked",
    b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding:",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding: \x0bchunked",
    b"TE: trailers",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Expect: 100-continue",
    b"Expect: more",
    b"X: y",
    b"X:y",
    b"X: \t y \t",
    b"X:",
    b": y",
    b"X",
    b"X Y: z",
    b" folded",
    b"\tfolded",
    b"X: a\x00b",
    b"X: a\x01b",
    b"X: a\rb",
    b"X: \xff",
    b"X\xff: y",
    b"X: a\x7fb",
    b"X: a\x0bb",
    b"Cookie: a=b; c=d",
    b"Accept: */*",
)
ENDS = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b" \r\n", b"")
DAMAGE = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"\x0b",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"a",
    b"0",
    b"-",
    b"#",
    b"@",
    b"\x1f",
)


def _often(
    good: st.SearchStrategy[bytes], bad: st.SearchStrategy[bytes], weight: int = 12
) -> st.SearchStrategy[bytes]:
    """Mostly `good`; one in `weight` is `bad`."""
    return st.integers(0, weight - 1).flatmap(lambda n: bad if n == 0 else good)


line_ends = _often(st.just(b"\r\n"), st.sampled_from(ENDS), 40)
tokens = st.text("ABCabc019!#$%&'*+-.^_`|~", min_size=1, max_size=8).map(str.encode)
values = st.binary(max_size=12)
fields = st.one_of(
    st.sampled_from(FIELDS),
    st.builds(lambda name, value: name + b": " + value, tokens, values),
    st.builds(lambda name, value: name + b":" + value, tokens, tokens),
)


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """A request head up to its first CRLF CRLF, as the connection cuts it off."""
    line = b" ".join(
        [
            draw(_often(st.sampled_from(METHODS), tokens)),
            draw(_often(st.just(b"/"), st.sampled_from(TARGETS), 2)),
            draw(_often(st.just(b"HTTP/1.1"), st.sampled_from(VERSIONS), 5)),
        ]
    )
    lines = [line, *draw(st.lists(fields, max_size=5))]
    if draw(st.integers(0, 9)):
        lines.insert(draw(st.integers(1, len(lines))), b"Host: a")
    data = b"".join(each + draw(line_ends) for each in lines)
    data = damaged(draw, data) + b"\r\n\r\n"
    return data[: data.index(b"\r\n\r\n") + 4]


def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with up to two pieces of damage; most often with none."""
    for _ in range(draw(st.sampled_from((0, 0, 0, 0, 1, 1, 2)))):
        position = draw(st.integers(0, len(data)))
        removed = draw(st.sampled_from((0, 0, 1, 1, 2)))
        data = data[:position] + draw(st.sampled_from((b"", *DAMAGE))) + data[position + removed :]
    return data


EXTENSIONS = (
    b"",
    b"",
    b"",
    b"",
    b";a",
    b";a=b",
    b';a="b;c"',
    b"; a=b",
    b" ;a",
    b" ",
    b";",
    b";;",
    b";a=b;c=d",
    b"\t",
    b";\x00",
    b";a\nb",
    b";a\rb",
    b";\xff",
    b";=",
)
SIZES = (
    b"%x",
    b"%x",
    b"%x",
    b"%x",
    b"%X",
    b"0%x",
    b"0x%x",
    b"+%x",
    b"-%x",
    b" %x",
    b"%x_0",
    b"%017x",
    b"%016x",
    b"%x,",
)
TRAILERS = (
    b"X: y",
    b"X:",
    b"Content-Length: 5",
    b"Host: b",
    b"Transfer-Encoding: chunked",
    b"X : y",
    b"X",
    b" folded",
    b"X: \x00",
    b"X: a\rb",
    b": y",
    b"X: \xff",
)


@st.composite
def chunked_bodies(draw: st.DrawFn) -> bytes:
    """A chunked body, perhaps damaged, and what follows it."""
    contents = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4))
    data = b""
    for content in contents:
        data += _size_line(draw, len(content)) + content + draw(line_ends)
    data += _size_line(draw, 0)
    for trailer in draw(st.lists(st.sampled_from(TRAILERS), max_size=2)) * draw(st.booleans()):
        data += trailer + draw(line_ends)
    data += draw(line_ends)
    return damaged(draw, data) + draw(st.sampled_from((b"", b"GET / HTTP/1.1\r\n", b"\r\n", b"x")))


def _size_line(draw: st.DrawFn, size: int) -> bytes:
    form = draw(_often(st.just(b"%x"), st.sampled_from(SIZES)))
    extension = draw(_often(st.just(b""), st.sampled_from(EXTENSIONS), 4))
    return form % size + extension + draw(line_ends)


@dataclass(frozen=True)
class Meaning:
    """What a well-formed request says."""

    method: bytes
    target: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes


_visible = st.text(
    st.characters(
        min_codepoint=0x21,
        max_codepoint=0xFF,
        exclude_characters=[chr(c) for c in range(0x7F, 0xA0)],
    ),
    max_size=8,
).map(lambda text: text.encode("latin-1"))
_names = st.text("abcXYZ-_019", min_size=1, max_size=6).map(lambda text: b"X-" + text.encode())
_paths = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), max_size=10
).map(lambda text: b"/" + text.encode())


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, Meaning]:
    """A well-formed request in HTTP/1.1 that leaves the connection open, and its meaning."""
    method = draw(st.sampled_from((b"GET", b"POST", b"PUT", b"DELETE", b"FOO", b"OPTIONS")))
    target = draw(_paths)
    extra = draw(st.lists(st.tuples(_names, _visible), max_size=4))
    body = draw(st.binary(max_size=40))
    framing = draw(st.sampled_from(("none", "sized", "chunked")))
    lines = [b"%b %b HTTP/1.1" % (method, target), b"Host: a"]
    lines += [
        b"%b:%b%b" % (name, draw(st.sampled_from((b"", b" ", b"\t "))), value)
        for name, value in extra
    ]
    if framing == "none":
        body, payload = b"", b""
    elif framing == "sized":
        lines.append(b"Content-Length: %d" % len(body))
        payload = body
    else:
        lines.append(b"Transfer-Encoding: chunked")
        payload = _chunked(draw, body)
    data = b"\r\n".join(lines) + b"\r\n\r\n" + payload
    return data, Meaning(method, target, tuple(extra), body)


def _chunked(draw: st.DrawFn, body: bytes) -> bytes:
    payload = b""
    while body:
        size = draw(st.integers(1, len(body)))
        payload += b"%x%b\r\n%b\r\n" % (size, draw(st.sampled_from((b"", b";a=b"))), body[:size])
        body = body[size:]
    return payload + b"0\r\n" + draw(st.sampled_from((b"", b"X-Sum: 1\r\n"))) + b"\r\n"
