"""Signed values: both formats, key versions, and what nobody has signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.web import (
    DEFAULT_SIGNED_VALUE_MIN_VERSION,
    DEFAULT_SIGNED_VALUE_VERSION,
    MAX_SUPPORTED_SIGNED_VALUE_VERSION,
    MIN_SUPPORTED_SIGNED_VALUE_VERSION,
    create_signed_value,
    decode_signed_value,
    get_signature_key_version,
    signing,
)
from tests.web.support import recorded_log

DAY = 86400
NOW = 1_500_000_000
SECRET = "kept at home"
KEYS = {0: "first", 1: b"second", 7: "seventh"}

names = st.text(st.characters(codec="utf-8"), max_size=20)
versions = st.sampled_from([1, 2])


def now() -> float:
    return NOW


def sign(value: Any = "value", name: str = "name", secret: Any = SECRET, **options: Any) -> bytes:
    options.setdefault("clock", now)
    return create_signed_value(secret, name, value, **options)


def read(value: Any, name: str = "name", secret: Any = SECRET, **options: Any) -> bytes | None:
    options.setdefault("clock", now)
    return decode_signed_value(secret, name, value, **options)


def v1(encoded: bytes, timestamp: bytes, name: bytes = b"name") -> bytes:
    """A value of format 1, signed by the book."""
    signature = hmac.new(SECRET.encode(), name + encoded + timestamp, hashlib.sha1).hexdigest()
    return b"|".join([encoded, timestamp, signature.encode()])


def v2(*fields: bytes) -> bytes:
    """A value of format 2 with these fields, signed by the book."""
    signed = b"2|" + b"".join(b"%d:%s|" % (len(field), field) for field in fields)
    signature = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    return signed + signature.encode()


# --- formats -------------------------------------------------------------------------------------


@given(st.one_of(st.binary(), st.text()), names, versions)
def test_what_is_signed_can_be_read(value: str | bytes, name: str, version: int) -> None:
    expected = value.encode("utf-8") if isinstance(value, str) else value
    signed = sign(value, name, version=version)
    assert read(signed, name) == read(signed.decode("utf-8"), name) == expected


@given(st.binary(), st.text(max_size=10))
def test_format_2_is_as_the_book_says(value: bytes, name: str) -> None:
    encoded = base64.b64encode(value)
    assert sign(value, name) == v2(b"0", b"%d" % NOW, name.encode(), encoded)


def test_format_1_is_as_the_book_says() -> None:
    assert sign("value", version=1) == v1(b"dmFsdWU=", b"1500000000")


def test_defaults() -> None:
    assert sign().startswith(b"2|1:0|10:1500000000|4:name|8:dmFsdWU=|")
    assert DEFAULT_SIGNED_VALUE_VERSION == MAX_SUPPORTED_SIGNED_VALUE_VERSION == 2
    assert DEFAULT_SIGNED_VALUE_MIN_VERSION == MIN_SUPPORTED_SIGNED_VALUE_VERSION == 1
    # The clock is the system's.
    fresh = create_signed_value(SECRET, "name", "value")
    assert decode_signed_value(SECRET, "name", fresh) == b"value"
    assert decode_signed_value(SECRET, "name", sign()) is None


@pytest.mark.parametrize("version", [0, 3, -1])
def test_unknown_formats_are_not_written(version: int) -> None:
    with pytest.raises(ValueError, match="Unsupported version"):
        sign(version=version)


def test_format_1_whose_base64_looks_like_a_number() -> None:
    value = base64.b64decode(b"1234")
    assert read(sign(value, version=1)) == value
    assert sign(value, version=1).startswith(b"1234|")


# --- class 14: what nobody signed ----------------------------------------------------------------


@given(st.one_of(st.text(), st.binary(), st.from_regex(r"2\|([0-9]{1,2}:[a-z0-9]*\|){4}[0-9a-f]*")))
def test_class_14_nobody_signs_but_we(value: str | bytes) -> None:
    assert read(value) is None
    assert read(value, secret=KEYS) is None
    get_signature_key_version(value)  # raises nothing


@given(versions, st.data())
def test_class_14_one_bit_is_enough(version: int, data: st.DataObject) -> None:
    signed = bytearray(sign("some text", version=version))
    index = data.draw(st.integers(0, len(signed) - 1))
    signed[index] ^= 1 << data.draw(st.integers(0, 7))
    assert read(bytes(signed)) is None


@pytest.mark.parametrize("version", [1, 2])
def test_class_14_another_name_or_secret(version: int) -> None:
    signed = sign(version=version)
    assert read(signed, name="other") is None
    assert read(signed, secret="other") is None
    assert read(signed[:-1]) is None
    assert read(signed + b"0") is None


@pytest.mark.parametrize("version", [1, 2])
def test_age(version: int) -> None:
    signed = sign(version=version, clock=lambda: NOW - 10 * DAY)
    assert read(signed) == read(signed, max_age_days=10) == b"value"
    assert read(signed, max_age_days=9.9) is None
    assert read(signed, clock=lambda: NOW + 21.1 * DAY) is None


def test_class_14_downgrade_is_refused_when_asked() -> None:
    old = sign(version=1)
    assert read(old) == read(old, min_version=1) == b"value"
    assert read(old, min_version=2) is None
    assert read(sign(version=2), min_version=2) == b"value"
    with pytest.raises(ValueError, match="Unsupported min_version"):
        read(old, min_version=3)


def test_class_14_a_version_of_the_future_is_refused() -> None:
    for version in (b"3", b"99", b"999"):
        assert read(version + sign()[1:]) is None
        assert read(version + b"|" + sign(version=1)) is None


def test_class_14_format_1_digits_cannot_move_into_the_timestamp() -> None:
    value = base64.b64encode(b"\xd3" * 3)  # "09PT"
    assert read(v1(b"MTIz", b"1500000000")) == b"123"
    # The same signed text, cut elsewhere.
    payload, timestamp, signature = v1(b"MTIz1234", b"1500000000").split(b"|")
    moved = b"|".join([payload[:-4], payload[-4:] + timestamp, signature])
    with recorded_log() as events:
        assert read(moved) is None
    assert "future" in str(events)
    zeros = v1(b"MTIz", b"0" + b"1500000000")
    assert read(zeros) is None
    assert read(v1(value, b"-5")) is None
    assert read(v1(value, b"not-a-number")) is None
    assert read(v1(value, b"1_500_000_000")) is None


def test_format_1_base64_is_checked() -> None:
    assert read(v1(b"a", b"1500000000")) is None
    assert read(v1(b"dm Fs", b"1500000000")) is None


@pytest.mark.parametrize(
    "fields",
    [
        (b"x", b"1500000000", b"name", b"dg=="),
        (b"0", b"soon", b"name", b"dg=="),
        (b"0", b"1_500_000_000", b"name", b"dg=="),
        (b"0", b"1500000000", b"name", b"d"),
        (b"0", b"1500000000", b"name"),
        (b"0", b"1500000000", b"", b"dg=="),
    ],
)
def test_format_2_malformed_though_signed(fields: tuple[bytes, ...]) -> None:
    assert read(v2(b"0", b"1500000000", b"name", b"dg==")) == b"v"
    assert read(v2(*fields)) is None


@pytest.mark.parametrize("length", [b"+1", b"-1", b"1_0", b" 1", b"", b"99999999999", b"9" * 5000])
def test_format_2_lengths_are_plain_numbers(length: bytes) -> None:
    value = b"2|" + length + b":0|10:1500000000|4:name|4:dg==|00"
    assert read(value) is None
    assert get_signature_key_version(value) is None


@pytest.mark.parametrize("nothing", [None, "", b""])
def test_nothing_is_no_value(nothing: Any) -> None:
    assert read(nothing) is None


def test_class_19_values_are_not_logged() -> None:
    for value in (
        sign("sesame", version=1)[:-1] + b"!",
        sign("sesame", version=1, clock=lambda: NOW - 40 * DAY),
        v1(b"c2VzYW1l", b"9500000000"),
        v1(b"c2VzYW1l", b"01500000000"),
    ):
        with recorded_log() as events:
            assert read(value) is None
        assert "name" in str(events)
        assert "sesame" not in str(events)
        assert "c2VzYW1l" not in str(events)


def test_class_21_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    values = [sign(version=1), sign(version=2)]
    monkeypatch.setattr(signing.hmac, "compare_digest", compare)
    for value in values:
        assert read(value) is None
    assert [one == other for one, other in compared] == [True, True]


# --- class 14: several secrets -------------------------------------------------------------------


def test_class_14_rotation() -> None:
    old = sign(secret=KEYS, key_version=0)
    new = sign(secret=KEYS, key_version=7)
    assert (get_signature_key_version(old), get_signature_key_version(new.decode())) == (0, 7)
    assert read(old, secret=KEYS) == read(new, secret=KEYS) == b"value"
    # The old secret goes.
    assert read(old, secret={1: "second", 7: "seventh"}) is None
    assert read(new, secret={1: "second", 7: "seventh"}) == b"value"
    # A value cannot say that another secret has signed it.
    assert read(old.replace(b"|1:0|", b"|1:1|"), secret=KEYS) is None
    # A single secret is version 0; reading with it does not ask.
    assert read(sign(secret="first"), secret=KEYS) == b"value"
    assert read(new, secret="seventh") == b"value"


def test_class_14_no_downgrade_to_format_1_with_several_secrets() -> None:
    assert read(sign(secret="first", version=1), secret=KEYS) is None
    with pytest.raises(ValueError, match="give one secret"):
        sign(secret=KEYS, version=1)


@pytest.mark.parametrize("key_version", [None, 2])
def test_the_secret_that_signs_must_be_named(key_version: int | None) -> None:
    with pytest.raises(ValueError, match="no secret with key version"):
        sign(secret=KEYS, key_version=key_version)


def test_key_versions_are_not_negative() -> None:
    with pytest.raises(ValueError, match="not negative"):
        sign(secret={-1: "a"}, key_version=-1)


@pytest.mark.parametrize("secret", ["", b""])
def test_class_14_empty_secrets_are_refused(secret: Any) -> None:
    for version in (1, 2):
        with pytest.raises(ValueError, match="must not be empty"):
            sign(secret=secret, version=version)
        with pytest.raises(ValueError, match="must not be empty"):
            read(sign(version=version), secret=secret)
    with pytest.raises(ValueError, match="must not be empty"):
        read(sign(), secret={0: secret})


def test_key_version_of_what_has_none() -> None:
    assert get_signature_key_version(sign(version=1)) is None
    assert get_signature_key_version("2|garbage") is None
    assert get_signature_key_version(v2(b"x", b"1", b"name", b"")) is None
