"""Does a page token lead on in its own query, and in no other?"""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.kit import paging
from services.kit.faults import FieldInvalid, PageTokenInvalid

POSITIONS = some.tuples(some.integers(-(2**63), 2**63 - 1), some.text(max_size=20))
QUERIES = some.lists(some.none() | some.integers() | some.text(max_size=10), max_size=4)


@given(query=QUERIES, position=POSITIONS)
def test_a_token_gives_back_its_position(query: list[object], position: tuple[int, str]) -> None:
    token = paging.write_token(query, position)

    assert paging.read_token(token, query, tuple[int, str]) == position


@given(query=QUERIES, other=QUERIES, position=POSITIONS)
def test_a_token_does_not_survive_a_changed_query(
    query: list[object], other: list[object], position: tuple[int, str]
) -> None:
    token = paging.write_token(query, position)
    if repr(query) == repr(other):
        return

    with pytest.raises(PageTokenInvalid):
        paging.read_token(token, other, tuple[int, str])


@given(token=some.text(min_size=1, max_size=80))
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(PageTokenInvalid):
        paging.read_token(token, ("devices",), tuple[int])


def test_a_position_of_another_shape_is_refused() -> None:
    token = paging.write_token(("devices",), ["seven"])

    with pytest.raises(PageTokenInvalid):
        paging.read_token(token, ("devices",), tuple[int])


def test_no_token_is_the_beginning() -> None:
    assert paging.read_token("", ("devices",), tuple[int]) is None


@pytest.mark.parametrize(("asked", "meant"), [(0, 100), (1, 1), (500, 500), (10_000, 500)])
def test_a_size_has_a_default_and_a_ceiling(asked: int, meant: int) -> None:
    assert paging.read_size(asked) == meant


@pytest.mark.parametrize("skip", [-1, 10_001])
def test_what_cannot_be_passed_over_is_refused(skip: int) -> None:
    with pytest.raises(FieldInvalid):
        paging.read_skip(skip)
