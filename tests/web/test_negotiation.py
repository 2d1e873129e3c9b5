"""Which content coding a client wants: RFC 9110, section 12.5.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyclone.web import negotiation
from cyclone.web.negotiation import Accepted, negotiate

ALL = ("zstd", "br", "gzip")

#: field, coding, whether the original would do
CASES: list[tuple[str | None, str | None, bool]] = [
    (None, None, True),
    ("", None, True),
    ("gzip", "gzip", True),
    ("GZip", "gzip", True),
    ("x-gzip", "gzip", True),
    ("x-gzip, gzip;q=0", None, True),
    ("gzip, deflate, br, zstd", "zstd", True),
    ("gzip, deflate, br", "br", True),
    ("deflate", None, True),
    # weights before our own order
    ("gzip, br;q=0.9, zstd;q=0.8", "gzip", True),
    ("gzip;q=0.5, br;q=0.501", "br", True),
    ("gzip ; q=1.000,br ;Q=0.999", "gzip", True),
    ("gzip;q=0", None, True),
    ("gzip;q=0.000", None, True),
    ("gzip;q=0, br", "br", True),
    # everything else
    ("*", "zstd", True),
    ("*;q=0.5", "zstd", True),
    ("*, zstd;q=0", "br", True),
    ("gzip;q=0.1, *;q=0", "gzip", False),
    # the original
    ("identity", None, True),
    ("identity, gzip", "gzip", True),
    ("identity, gzip;q=0.5", None, True),
    ("identity;q=0.5, gzip;q=0.5", "gzip", True),
    ("identity;q=0.2, gzip;q=0.5", "gzip", True),
    ("gzip;q=0.5", "gzip", True),
    ("identity;q=0", None, False),
    ("identity;q=0, gzip", "gzip", False),
    ("identity;q=0, *", "zstd", False),
    ("*;q=0", None, False),
    ("*;q=0, identity", None, True),
    ("*;q=0, identity;q=0.1, gzip", "gzip", True),
    # malformed: as without the field
    ("gzip;q=2", None, True),
    ("gzip;q=-1", None, True),
    ("gzip;q=0.1234", None, True),
    ("gzip;q=", None, True),
    ("gzip;q=nan", None, True),
    ("gzip;level=1", None, True),
    ("gzip br", None, True),
    ("gz\u0131p", None, True),
    ("gzip, ;q=1", None, True),
    # empty elements are none (section 5.6.1)
    (",, gzip ,", "gzip", True),
    ("gzip," + " " * 2000, None, True),
]


@pytest.mark.parametrize(("field", "coding", "identity"), CASES)
def test_negotiate(field: str | None, coding: str | None, identity: bool) -> None:
    assert negotiate(field, ALL) == Accepted(coding, identity)


def test_only_what_is_offered() -> None:
    assert negotiate("gzip, br, zstd", ("gzip",)) == Accepted("gzip", True)
    assert negotiate("gzip, br", ("gzip", "br")) == Accepted("gzip", True)
    assert negotiate("br", ("gzip",)) == Accepted(None, True)
    assert negotiate("*", ()) == Accepted(None, True)


@given(st.text())
def test_any_text(field: str) -> None:
    accepted = negotiate(field, ALL)
    assert accepted.coding is None or accepted.coding in ALL


weights = st.integers(0, 1000).map(lambda weight: weight / 1000)


@given(st.dictionaries(st.sampled_from([*ALL, "identity", "*", "deflate"]), weights))
def test_the_best_is_chosen(field: dict[str, float]) -> None:
    text = ", ".join(f"{name};q={weight:.3f}" for name, weight in field.items())
    coding, identity = negotiate(text, ALL)
    mine = {name: field.get(name, field.get("*", 0.0)) for name in ALL}
    if coding is None:
        best = max(mine.values())
        assert best == 0 or best < field.get("identity", 0.0)
    else:
        assert mine[coding] == max(mine.values()) > 0
        assert mine[coding] >= field.get("identity", 0.0)
    assert identity is (field.get("identity", field.get("*", 1.0)) > 0)


def test_class_4_what_is_remembered_is_bounded() -> None:
    remembered = negotiation._chosen
    assert remembered.cache_parameters()["maxsize"] == 256
    remembered.cache_clear()
    negotiate("gzip, " * 1000, ALL)
    assert remembered.cache_info().currsize == 0
