"""Every case of the wire table, whole, in pieces, and behind another request."""

from __future__ import annotations

import random

import pytest

from .wire_cases import CASES, FIRST, Answer, Case, echo

BEFORE = Answer(200, echo("POST", query="first", body=b"hello"))

every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
every_later_case = pytest.mark.parametrize(
    "case", [case for case in CASES if not case.alone], ids=lambda case: case.name
)


def pieces(data: bytes, step: int) -> list[bytes]:
    return [data[start : start + step] for start in range(0, len(data), step)]


def test_the_table_is_large_and_its_names_are_its_own() -> None:
    names = [case.name for case in CASES]
    assert len(names) >= 260
    assert len(set(names)) == len(names)


@every_case
def test_whole(case: Case) -> None:
    case.run([case.data])


@every_case
def test_byte_by_byte(case: Case) -> None:
    case.run(pieces(case.data, case.step))


@every_case
def test_in_random_pieces(case: Case) -> None:
    source = random.Random(case.name)
    for _ in range(5):
        cuts = sorted(source.randrange(len(case.data) + 1) for _ in range(3))
        case.run([case.data[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)])


@every_later_case
def test_behind_another_request(case: Case) -> None:
    case.run([FIRST + case.data], before=(BEFORE,))


@every_later_case
def test_behind_another_request_byte_by_byte(case: Case) -> None:
    case.run(pieces(FIRST + case.data, case.step), before=(BEFORE,))
