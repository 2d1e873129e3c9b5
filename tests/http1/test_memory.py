"""What is remembered of requests: bounded, and never anything else than what parsing gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cyclone.http1 import BadRequest, Limits, parse_head
from cyclone.http1.memory import Memory
from cyclone.http1.parser import Heads, RequestHead


def test_what_comes_once_is_not_remembered() -> None:
    memory: Memory[int] = Memory(2, 10)
    memory.keep(b"a", 1)
    assert memory.known == {}
    memory.keep(b"a", 1)
    assert memory.known == {b"a": 1}


def test_long_ones_are_not_remembered() -> None:
    memory: Memory[int] = Memory(2, 10)
    for _ in range(3):
        memory.keep(b"a" * 11, 1)
    assert memory.known == {}


def test_class_4_a_full_memory_forgets_everything() -> None:
    memory: Memory[int] = Memory(2, 10)
    for data in (b"a", b"b", b"c"):
        memory.keep(data, 1)
        memory.keep(data, 1)
    assert memory.known == {b"c": 1}


def test_class_4_what_has_been_seen_is_bounded_too() -> None:
    memory: Memory[int] = Memory(2, 10)
    memory.keep(b"first", 1)
    for number in range(8):
        memory.keep(b"%d" % number, 1)
    memory.keep(b"first", 1)
    assert memory.known == {}


def meaning(head: RequestHead) -> list[object]:
    section = head.section
    slots = [getattr(section, name) for name in type(section).__slots__]
    return [head.method, head.target, head.version, head.host, *slots]


lines = st.sampled_from(
    [
        b"Host: a", b"Host: b:80", b"host:  a ", b"Content-Length: 5", b"Content-Length: 05",
        b"Content-Length: +5", b"Transfer-Encoding: chunked", b"transfer-encoding:\tChunked",
        b"Connection: keep-alive", b"Connection: close", b"Connection: Upgrade", b"Upgrade: x",
        b"Expect: 100-continue", b"Expect: x", b"If-None-Match: x", b"X-A: b", b" folded",
        b"X A: b", b"X: a\nb", b"Cookie: a=b",
    ]
)  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"GET / HTTP/1.1", b"POST /x HTTP/1.1", b"GET http://c/ HTTP/1.0"]),
            st.lists(lines, max_size=5),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_remembered_means_the_same(heads: list[tuple[bytes, list[bytes]]]) -> None:
    server = Heads(Limits())
    for request_line, fields in heads * 3:
        data = b"\r\n".join([request_line, *fields, b"", b""])
        try:
            expected = meaning(parse_head(data, Limits()))
        except BadRequest as bad:
            try:
                server.parse(data)
            except BadRequest as again:
                assert (again.status, again.message) == (bad.status, bad.message)
            else:
                raise AssertionError("remembered what is refused") from None
        else:
            assert meaning(server.parse(data)) == expected
