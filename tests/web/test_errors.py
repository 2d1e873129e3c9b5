"""What handlers raise."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.web.errors import (
    Finish,
    HTTPAuthenticationRequired,
    HTTPError,
    MissingArgumentError,
    reason_phrase,
)

FORMS: list[tuple[HTTPError, int, str | None, str | None, str]] = [
    # error, status, reason, message, str
    (HTTPError(), 500, None, None, "HTTP 500: Internal Server Error"),
    (HTTPError(404), 404, None, None, "HTTP 404: Not Found"),
    (HTTPError(799), 799, None, None, "HTTP 799: Unknown"),
    (HTTPError(400, "bad"), 400, None, "bad", "HTTP 400: Bad Request (bad)"),
    (HTTPError(400, "bad %s %d", "x", 3), 400, None, "bad x 3", "HTTP 400: Bad Request (bad x 3)"),
    (HTTPError(400, "100% wrong"), 400, None, "100% wrong", "HTTP 400: Bad Request (100% wrong)"),
    (HTTPError(400, reason="Nope"), 400, "Nope", None, "HTTP 400: Nope"),
    (HTTPError(682, reason="Foo", log_message="m"), 682, "Foo", "m", "HTTP 682: Foo (m)"),
    (HTTPError(400, "%d", "x"), 400, None, "%d ('x',)", "HTTP 400: Bad Request (%d ('x',))"),
    (HTTPError(400, "%s", 1, 2), 400, None, "%s (1, 2)", "HTTP 400: Bad Request (%s (1, 2))"),
    (HTTPError(400, "%", 1), 400, None, "% (1,)", "HTTP 400: Bad Request (% (1,))"),
    (HTTPError(400, None, 1), 400, None, None, "HTTP 400: Bad Request"),
    (HTTPError(400, "m", other=1), 400, None, "m", "HTTP 400: Bad Request (m)"),
]


@pytest.mark.parametrize(("error", "status", "reason", "message", "text"), FORMS)
def test_forms(
    error: HTTPError, status: int, reason: str | None, message: str | None, text: str
) -> None:
    assert error.status_code == status
    assert error.reason == reason
    assert error.get_message() == message
    assert str(error) == text


def test_log_message_is_a_format() -> None:
    error = HTTPError(400, "100%")
    assert error.log_message == "100%%"
    assert (error.log_message or "") % error.args == "100%"
    assert HTTPError(400, "%s", 1).log_message == "%s"
    error.log_message = "other"
    assert error.get_message() == "other"


def test_headers() -> None:
    assert HTTPError(405, headers={"Allow": "GET"}).headers == {"Allow": "GET"}
    assert HTTPError(405).headers == {}


def test_subclasses_need_not_initialize() -> None:
    class Own(HTTPError):
        def __init__(self) -> None:
            self.status_code = 418

    error = Own()
    assert str(error) == "HTTP 418: I'm a Teapot"
    assert (error.headers, error.reason, error.log_message) == ({}, None, None)


@pytest.mark.parametrize("duplicate", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize(
    "error",
    [
        HTTPError(403, "%s", "why", reason="Go away"),
        MissingArgumentError("x"),
        HTTPAuthenticationRequired("m", "Digest", "here", nonce="1"),
    ],
)
def test_copies_are_alike(error: HTTPError, duplicate: Any) -> None:
    other = duplicate(error)
    assert other is not error
    assert type(other) is type(error)
    assert other.args == error.args
    assert vars(other) == vars(error)
    assert str(other) == str(error)


def test_missing_argument() -> None:
    error = MissingArgumentError("a%sb")
    assert error.status_code == 400
    assert error.arg_name == "a%sb"
    assert error.get_message() == "Missing argument a%sb"


def test_finish_keeps_its_arguments() -> None:
    assert Finish("x").args == ("x",)
    assert not issubclass(Finish, HTTPError)


# --- reasons -------------------------------------------------------------------------------------

REASONS: list[tuple[int, str | None, str]] = [
    (200, None, "OK"),
    (404, None, "Not Found"),
    (999, None, "Unknown"),
    (200, "Fine, thanks", "Fine, thanks"),
    (200, "tab\tand \xe9", "tab\tand \xe9"),
    (200, "", "Unknown"),
    (200, "a\r\nX: y", "Unknown"),
    (200, "a\rb", "Unknown"),
    (200, "a\n", "Unknown"),
    (200, "a\0", "Unknown"),
    (200, "<script>", "Unknown"),
    (200, "\u4e2d", "Unknown"),
]


@pytest.mark.parametrize(("status", "reason", "sent"), REASONS)
def test_reasons(status: int, reason: str | None, sent: str) -> None:
    assert reason_phrase(status, reason) == sent


@given(st.integers(), st.none() | st.text())
def test_class_2_any_reason_can_be_sent(status: int, reason: str | None) -> None:
    sent = reason_phrase(status, reason)
    line = f"HTTP/1.1 200 {sent}".encode("latin-1")
    assert len(line.splitlines()) == 1 or "\x85" in sent or "\x0b" in sent or "\x0c" in sent
    assert not set(line) & {*range(9), *range(10, 32), 127, ord("<")}


# --- challenges ----------------------------------------------------------------------------------

CHALLENGES: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    ((), {}, 'Basic realm="Restricted Access"'),
    (("log",), {"realm": "my site"}, 'Basic realm="my site"'),
    ((), {"realm": 'a "b" \\ c'}, 'Basic realm="a \\"b\\" \\\\ c"'),
    ((), {"realm": "caf\xe9"}, 'Basic realm="caf\xe9"'),
    ((None, "Bearer", "r"), {"error": "invalid_token"}, 'Bearer realm="r", error="invalid_token"'),
    (
        (),
        {"auth_type": "Digest", "realm": "r", "qop": "auth", "nonce": "n", "algorithm": "MD5"},
        'Digest realm="r", qop="auth", nonce="n", algorithm=MD5',
    ),
    ((), {"auth_type": "Digest", "realm": "r", "stale": True}, 'Digest realm="r", stale=true'),
    ((), {"realm": "r", "algorithm": "a b"}, 'Basic realm="r", algorithm="a b"'),
    ((), {"realm": "r", "n": 5}, 'Basic realm="r", n="5"'),
]


@pytest.mark.parametrize(("args", "kwargs", "challenge"), CHALLENGES)
def test_challenges(args: tuple[Any, ...], kwargs: dict[str, Any], challenge: str) -> None:
    error = HTTPAuthenticationRequired(*args, **kwargs)
    assert error.status_code == 401
    assert error.headers == {"WWW-Authenticate": challenge}
    assert isinstance(error, HTTPError)


def test_challenge_attributes_of_cyclone_1() -> None:
    error = HTTPAuthenticationRequired("m", auth_type="Digest", realm="r", qop="auth", reason="No")
    assert error.auth_type == "Digest"
    assert error.kwargs == {"realm": "r", "qop": "auth"}
    assert error.log_message == "m"
    assert error.reason == "No"


@pytest.mark.parametrize(
    "kwargs",
    [
        {"auth_type": "Basic\r\nX: y"},
        {"auth_type": "Basic realm"},
        {"auth_type": ""},
        {"realm": "a\r\nX: y"},
        {"realm": "a\0"},
        {"realm": "\u4e2d"},
        {"a b": "c"},
        {"a=": "c"},
        {"": "c"},
        {"nonce": "\n"},
    ],
)
def test_injection_into_challenges_is_refused(kwargs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"challenge|scheme"):
        HTTPAuthenticationRequired(**kwargs)


@given(st.text(max_size=20))
def test_realms_come_back(realm: str) -> None:
    try:
        challenge = HTTPAuthenticationRequired(realm=realm).headers["WWW-Authenticate"]
    except ValueError:
        return
    quoted = challenge.removeprefix('Basic realm="').removesuffix('"')
    plain, escaped = "", False
    for char in quoted:
        assert escaped or char != '"'
        if char == "\\" and not escaped:
            escaped = True
        else:
            plain, escaped = plain + char, False
    assert plain == realm
    assert not escaped
