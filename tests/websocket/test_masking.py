"""Masks, by the C routine and without it."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.websocket.masking import mask, mask_in_python

from .frames import KEY, xor

SIZES = [0, 1, 2, 3, 4, 5, 63, 64, 65, 511, 512, 1000, 4095, 70_000]
Mask = Callable[[bytes, bytes], bytes]


@pytest.mark.parametrize("function", [mask, mask_in_python])
@pytest.mark.parametrize("size", SIZES)
def test_masks(function: Mask, size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert function(data, KEY) == xor(data, KEY)


@pytest.mark.parametrize("function", [mask, mask_in_python])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_what_is_masked_are_bytes(
    function: Callable[[object, bytes], bytes], kind: Callable[[bytes], object]
) -> None:
    masked = function(kind(b"abcdef"), KEY)
    assert type(masked) is bytes
    assert masked == xor(b"abcdef", KEY)


@pytest.mark.parametrize("function", [mask, mask_in_python])
@pytest.mark.parametrize("key", [b"", b"abc", b"abcde"])
def test_a_mask_has_four_bytes(function: Mask, key: bytes) -> None:
    with pytest.raises(ValueError, match=r"(four|4) bytes"):
        function(b"data", key)


@given(st.binary(max_size=1200), st.binary(min_size=4, max_size=4))
def test_both_say_the_same(data: bytes, key: bytes) -> None:
    assert mask(data, key) == mask_in_python(data, key)


def test_the_c_routine_may_be_missing() -> None:
    code = (
        "import sys; sys.modules['websockets.speedups'] = None\n"
        "from cyclone.websocket import masking\n"
        "print(masking.mask is masking.mask_in_python, masking.mask(b'abc', b'1234'))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert found.stdout.decode().split() == ["True", "b'PPP'"]
