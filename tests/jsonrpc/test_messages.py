"""Any JSON comes back as it went; anything else is refused in good order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cyclone.jsonrpc import JSONRPCError
from cyclone.jsonrpc.messages import Refused, nested_deeper, read, read_call, unique_names
from tests.web.support import problems, recorded_log

from .support import Caller

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None, exclude_categories=[])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
IDS = st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
SERVICE = Caller()


@given(VALUES, IDS, st.sampled_from(["echo", "coroutine"]))
@settings(max_examples=30)
def test_any_value_comes_back(value: Any, id: Any, method: str) -> None:
    assert repr(SERVICE.call(method, [value], id)) == repr(value)
    assert SERVICE.call(method, {"value": value}, id) == value
    assert SERVICE.old(method, [value], id) == (value, None)


CALL = {"jsonrpc": "2.0", "method": "echo", "params": [[1, {"a": "b"}]], "id": 1.5}
BODIES = [
    json.dumps(body).encode()
    for body in (CALL, [CALL, CALL], {**CALL, "params": {"value": 1}}, {**CALL, "method": "fail"})
]


@st.composite
def mutated(draw: Any) -> bytes:
    body = bytearray(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        piece = draw(st.sampled_from([b"", b"[", b"}", b'"', b",", b"\xff", b"1e9", b"null"]))
        body[at : at + draw(st.integers(0, 3))] = piece
    return bytes(body)


@given(mutated() | st.binary(max_size=40) | VALUES.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=150)
def test_every_body_gets_a_correct_answer(body: bytes) -> None:
    with recorded_log() as lines:
        response = SERVICE.post(body)
    assert response.status in (200, 204, 400)
    assert all("the secret of the house" in text for text in problems(lines))
    if response.status == 204:
        assert response.body == b""
        return
    assert b"secret" not in response.body and b"Traceback" not in response.body
    answers = json.loads(response.body, parse_constant=int)
    batch = isinstance(answers, list)
    for answer in answers if batch else [answers]:
        if "jsonrpc" in answer:
            assert set(answer) in ({"jsonrpc", "result", "id"}, {"jsonrpc", "error", "id"})
            assert answer["jsonrpc"] == "2.0"
        else:
            assert set(answer) == {"result", "error", "id"} and not batch
        assert answer["id"] is None or isinstance(answer["id"], int | float | str)
        if answer.get("error"):
            assert isinstance(answer["error"]["code"], int)
            assert isinstance(answer["error"]["message"], str)


@given(VALUES)
def test_what_is_read_is_what_json_reads(value: Any) -> None:
    body = json.dumps(value).encode()
    try:
        request = read(body, 64, 100)
    except JSONRPCError:
        assert value == []
    else:
        assert repr(request.members) == repr(value if isinstance(value, list) else [value])
        for member, id in zip(request.members, request.ids, strict=True):
            try:
                read_call(member, id, request.batch)
            except Refused as refused:
                assert json.loads(refused.id) is None or isinstance(member, dict)


@given(VALUES, st.integers(1, 6))
def test_depth(value: Any, most: int) -> None:
    def depth(value: Any) -> int:
        if not isinstance(value, list | dict):
            return 0
        return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)

    assert nested_deeper(json.dumps(value).encode(), value, most) == (depth(value) > most)


def test_class_3_many_names() -> None:
    """Which of many names stands twice is found in one pass."""

    class Counted(str):
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            Counted.compared += 1
            return str.__eq__(self, other)

    names = [Counted(n) for n in range(2000)]
    with pytest.raises(ValueError, match="'1999' stands twice"):
        unique_names([(name, 1) for name in [*names, Counted(1999)]])
    assert Counted.compared < 100


def test_utf_8_alone() -> None:
    text = '{"method": "é"}'
    assert read(text.encode(), 5, 5) == read(b"\xef\xbb\xbf" + text.encode(), 5, 5)
    for encoding in ("utf-16", "utf-32", "latin-1"):
        with pytest.raises(JSONRPCError, match="Parse error"):
            read(text.encode(encoding), 5, 5)
