"""Tokens against forged requests, and where a request comes from."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.web import xsrf
from cyclone.web.xsrf import (
    Token,
    cross_origin_problem,
    encode_token,
    make_token,
    parse_token,
    same_secret,
)


@given(st.binary(min_size=1, max_size=200), st.sampled_from([1, 2]), st.integers(0, 10**14))
def test_tokens_survive(secret: bytes, version: int, timestamp: int) -> None:
    text = encode_token(Token(None, secret, timestamp), version).decode("ascii")
    token = parse_token(text)
    assert token is not None
    assert (token.version, token.secret) == (version, secret)
    if version == 2:
        assert token.timestamp == timestamp


def test_class_17_tokens_differ_each_time() -> None:
    """A secret that stands there unmasked can be guessed from the lengths of compressed pages."""
    token = make_token()
    texts = {encode_token(token, 2) for _ in range(20)}
    assert len(texts) == 20
    assert not any(token.secret.hex().encode() in text for text in texts)
    assert len({encode_token(token, 1) for _ in range(20)}) == 1


def test_class_17_secrets_cannot_be_guessed() -> None:
    made = [make_token() for _ in range(20)]
    assert len({token.secret for token in made}) == 20
    assert {len(token.secret) for token in made} == {16}
    assert {token.version for token in made} == {None}


def test_tokens_of_cyclone_1() -> None:
    token = parse_token("5d0a3cd5b7484f0b9c6b3a1ad3ab0d7e")
    assert token is not None
    assert (token.version, token.secret.hex()) == (1, "5d0a3cd5b7484f0b9c6b3a1ad3ab0d7e")


@pytest.mark.parametrize(
    ("text", "secret"), [("deadbeef", b"\xde\xad\xbe\xef"), ("xoxo", b"xoxo"), ("a", b"a")]
)
def test_tokens_that_are_no_hex_stand_for_themselves(text: str, secret: bytes) -> None:
    token = parse_token(text)
    assert token is not None
    assert token.secret == secret


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3|",
        "1|aa",
        "2|",
        "2|00000000||1",
        "2|000000|aa|1",
        "2|0000000g|aa|1",
        "2|00000000|a|1",
        "2|00000000|aa|",
        "2|00000000|aa|-1",
        "2|00000000|aa|1_0",
        "2|00000000|aa|1|",
        "2|00000000|aa|\u0661",
        "2|00000000|aa|1\n",
        "99999999|aa",
    ],
)
def test_class_17_malformed_tokens(text: str) -> None:
    assert parse_token(text) is None


@given(st.text())
def test_any_text_is_a_token_or_none(text: str) -> None:
    token = parse_token(text)
    assert token is None or token.secret


@pytest.mark.parametrize("version", [1, 2])
def test_class_3_long_tokens_are_not_looked_at(
    version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = encode_token(Token(None, b"x" * 300, 1), version).decode()
    monkeypatch.setattr(xsrf, "_VERSION", None)
    assert parse_token(text) is None


def test_unknown_versions_are_not_written() -> None:
    with pytest.raises(ValueError, match="unknown xsrf cookie version 3"):
        encode_token(make_token(), 3)


def test_class_21_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = make_token(), make_token()
    assert same_secret(one, one)
    assert not same_secret(one, other)
    monkeypatch.setattr(xsrf.hmac, "compare_digest", lambda a, b: "compared")
    assert same_secret(one, other) == "compared"


# --- origins -------------------------------------------------------------------------------------

HOST = "here.example:8888"

#: Sec-Fetch-Site, Origin, whether it may pass
CASES: list[tuple[str | None, str | None, bool]] = [
    (None, None, True),
    ("same-origin", None, True),
    ("same-origin", "https://evil.example", True),
    ("none", None, True),
    ("cross-site", None, False),
    ("same-site", None, False),
    ("cross-site", "http://here.example:8888", False),
    ("same-site", "https://app.here.example", False),
    ("cross-site", "https://friend.example", True),
    ("same-site", "https://friend.example", True),
    ("Same-Origin", None, False),
    ("same-origin, cross-site", None, False),
    ("", None, False),
    (None, "http://here.example:8888", True),
    (None, "https://here.example:8888", True),
    (None, "HTTP://HERE.example:8888", True),
    (None, "http://here.example:8888/path", True),
    (None, "http://here.example", False),
    (None, "http://here.example:8889", False),
    (None, "http://x@here.example:8888", False),
    (None, "http://here.example:8888.evil.example", False),
    (None, "here.example:8888", False),
    (None, "null", False),
    (None, "", False),
    (None, "http://[", False),
    (None, "https://friend.example", True),
    (None, "https://friend.example, https://evil.example", False),
]


@pytest.mark.parametrize(("site", "origin", "passes"), CASES)
def test_class_17_origins(site: str | None, origin: str | None, passes: bool) -> None:
    fields = {"Sec-Fetch-Site": site, "Origin": origin}
    friends = ["https://friend.example"]
    problem = cross_origin_problem(fields.get, HOST, friends.__contains__)
    assert (problem is None) is passes, problem
    if not passes:
        assert problem is not None
        assert re.search("not allowed$", problem)


@pytest.mark.parametrize("host", [None, ""])
@pytest.mark.parametrize("origin", ["null", "", "file://"])
def test_class_17_no_host_matches_no_origin(host: str | None, origin: str) -> None:
    assert cross_origin_problem({"Origin": origin}.get, host, lambda origin: False)
