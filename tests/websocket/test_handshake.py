"""The opening handshake, and the extensions field: tables and anything at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.websocket.deflate import CompressionOptions, Parameters
from cyclone.websocket.extensions import (
    agree,
    format_agreement,
    format_offer,
    parse_extensions,
    read_agreement,
)
from cyclone.websocket.handshake import (
    HandshakeError,
    accept_key,
    check_request,
    check_response,
    offered_subprotocols,
)

from .support import ACCEPT, KEY

DEFLATE = "permessage-deflate"


def test_the_example_of_the_rfc() -> None:
    assert accept_key(KEY) == ACCEPT


def fields_of(fields: dict[str, str]) -> Any:
    def get(name: str) -> Sequence[str]:
        return [fields[name]] if name in fields else []

    return get


def test_only_get() -> None:
    with pytest.raises(HandshakeError) as caught:
        check_request("POST", "HTTP/1.1", fields_of({}))
    assert caught.value.status == 405


@pytest.mark.parametrize(
    ("values", "names"), [(["a, b"], ["a", "b"]), (["a", "b ,c"], ["a", "b", "c"])]
)
def test_subprotocols(values: list[str], names: list[str]) -> None:
    assert offered_subprotocols(values) == names


GOOD = {"Upgrade": "WebSocket", "Connection": "upgrade", "Sec-WebSocket-Accept": ACCEPT}


def test_a_good_response() -> None:
    assert check_response(101, fields_of(GOOD), KEY, []) is None
    fields = {**GOOD, "Sec-WebSocket-Protocol": "a"}
    assert check_response(101, fields_of(fields), KEY, ["b", "a"]) == "a"


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (200, {}),
        (101, {"Upgrade": "h2c"}),
        (101, {"Connection": "close"}),
        (101, {"Sec-WebSocket-Accept": "x"}),
        (101, {"Sec-WebSocket-Protocol": "other"}),
    ],
)
def test_bad_responses(code: int, changes: dict[str, str]) -> None:
    with pytest.raises(HandshakeError):
        check_response(code, fields_of({**GOOD, **changes}), KEY, ["a"])


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a", [("a", [])]),
        ("a, b;c", [("a", []), ("b", [("c", None)])]),
        ('a; b=c ; d="e"', [("a", [("b", "c"), ("d", "e")])]),
    ],
)
def test_extensions_are_parsed(value: str, found: list[Any]) -> None:
    assert parse_extensions([value]) == found
    assert parse_extensions([value, "z"]) == [*found, ("z", [])]


@pytest.mark.parametrize(
    "value", ["", ",", "a,", "a;", "a b", 'a; b="c d"', "a; b=", "a" + ",a" * 16]
)
def test_class_16_malformed_extensions(value: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        parse_extensions([value])


def answer(offer: str, **options: Any) -> str | None:
    agreed = agree(parse_extensions([offer]), CompressionOptions.from_dict(options))
    return agreed and format_agreement(agreed)


@pytest.mark.parametrize(
    ("parameters", "options", "expected"),
    [
        ("", {}, ""),
        ("; client_max_window_bits", {}, ""),
        ("; client_max_window_bits", {"client_max_window_bits": 10}, "; client_max_window_bits=10"),
        ("; client_max_window_bits=12", {}, "; client_max_window_bits=12"),
        ("; client_max_window_bits=8", {}, "; client_max_window_bits=8"),
        ("", {"client_max_window_bits": 10}, ""),
        ("; server_max_window_bits=10", {}, "; server_max_window_bits=10"),
        ("", {"server_max_window_bits": 11}, "; server_max_window_bits=11"),
        ("; server_no_context_takeover", {}, "; server_no_context_takeover"),
        ("; client_no_context_takeover", {}, "; client_no_context_takeover"),
        ("", {"client_no_context_takeover": True}, "; client_no_context_takeover"),
        ('; server_max_window_bits="10"', {}, "; server_max_window_bits=10"),
    ],
)
def test_what_is_agreed_on(parameters: str, options: dict[str, Any], expected: str) -> None:
    assert answer(DEFLATE + parameters, **options) == DEFLATE + expected


@pytest.mark.parametrize(
    "parameters",
    [
        "unknown",
        "server_max_window_bits",
        "server_max_window_bits=8",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=010",
        "client_max_window_bits=x",
        "server_no_context_takeover=1",
        "client_no_context_takeover; client_no_context_takeover",
    ],
)
def test_class_16_offers_that_are_declined(parameters: str) -> None:
    offer = f"{DEFLATE}; {parameters}"
    assert answer(offer) is None
    assert answer(f"{offer}, {DEFLATE}") == DEFLATE
    assert answer("x-other") is None


@pytest.mark.parametrize(
    ("value", "options"),
    [
        (DEFLATE, None),
        ("x-other", {}),
        (f"{DEFLATE}, {DEFLATE}", {}),
        (f"{DEFLATE}; client_max_window_bits", {}),
        (f"{DEFLATE}; client_max_window_bits=8", {}),
        (DEFLATE, {"server_max_window_bits": 10}),
        (DEFLATE, {"server_no_context_takeover": True}),
    ],
)
def test_a_server_that_agrees_to_something_else(value: str, options: Any) -> None:
    asked = None if options is None else CompressionOptions.from_dict(options)
    with pytest.raises(ValueError, match=r"."):
        read_agreement([value], asked)


def test_no_compression_is_no_error() -> None:
    assert read_agreement([], None) is None
    assert read_agreement([], CompressionOptions()) is None


@given(st.booleans(), st.booleans(), st.integers(9, 15), st.integers(9, 15))
def test_both_sides_understand_the_same(a: bool, b: bool, server: int, client: int) -> None:
    asked = CompressionOptions(
        server_no_context_takeover=a,
        client_no_context_takeover=b,
        server_max_window_bits=server,
        client_max_window_bits=client,
    )
    agreed = agree(parse_extensions([format_offer(asked)]), CompressionOptions())
    assert agreed is not None
    assert agreed == Parameters(a, b, server, client)
    assert read_agreement([format_agreement(agreed)], asked) == agreed


@given(st.text(alphabet='a;=," \tpermessage-deflate_15', max_size=60))
def test_class_16_any_field_is_parsed_or_malformed(value: str) -> None:
    try:
        extensions = parse_extensions([value])
    except ValueError:
        return
    agree(extensions, CompressionOptions())


@pytest.mark.parametrize(
    "options",
    [{"compression_level": 10}, {"mem_level": 0}, {"threshold": -1}, {"what": 1},
     {"server_max_window_bits": 8}, {"compression_level": "6"}],
)  # fmt: skip
def test_compression_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        CompressionOptions.from_dict(options)
