"""Does a segment give back exactly what was packed into it?"""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.domain.messages import Platform
from services.dispatch.domain.outcomes import Outcome, Result, by_manner
from services.dispatch.domain.segments import (
    MAX_KINDS,
    MAX_REASONS,
    OVERFLOW_REASON,
    Kind,
    pack,
    pack_uids,
    unpack,
    unpack_uids,
)
from tests.dispatch.makers import sent

MAX_UID = 2**63 - 1
uids = some.integers(1, MAX_UID)
platforms = some.sampled_from([platform for platform in Platform if platform])
results = some.lists(
    some.builds(
        Result, uids, platforms, some.sampled_from(Outcome), some.text("abcXYZ 019", max_size=3)
    ),
    unique_by=lambda result: result.uid,
    max_size=60,
)


@given(some.sets(uids))
def test_uids_come_back_as_they_went_in(given_uids: set[int]) -> None:
    ascending = sorted(given_uids)

    assert list(unpack_uids(pack_uids(ascending))) == ascending


@pytest.mark.parametrize(
    ("numbers", "size"),
    [([], 0), ([1], 1), ([127], 1), ([128], 2), ([2**14], 3), ([MAX_UID], 9), ([200, 201], 3)],
)
def test_a_uid_takes_a_byte_for_each_seven_bits_of_its_distance(
    numbers: list[int], size: int
) -> None:
    assert len(pack_uids(numbers)) == size


@given(results)
def test_results_come_back_by_uid(given_results: list[Result]) -> None:
    unpacked = [result for segment in pack(by_manner(given_results)) for result in unpack(segment)]

    assert sorted(unpacked, key=lambda r: r.uid) == sorted(given_results, key=lambda r: r.uid)


@given(results)
def test_a_segment_tells_its_platform_bounds_and_counts(given_results: list[Result]) -> None:
    segments = pack(by_manner(given_results))

    assert [s.platform for s in segments] == sorted({r.platform for r in given_results})
    for segment in segments:
        inside = list(unpack(segment))
        assert (segment.first_uid, segment.last_uid) == (inside[0].uid, inside[-1].uid)
        assert {(kind.outcome, kind.reason): kind.count for kind in segment.kinds} == {
            way: sum(1 for r in inside if (r.outcome, r.reason) == way)
            for way in {(r.outcome, r.reason) for r in inside}
        }


def test_one_kind_needs_no_codes() -> None:
    (segment,) = pack(by_manner(sent(*range(1000, 1250))))

    assert segment.codes == b""
    assert segment.kinds == (Kind(Outcome.SENT, "", 250),)
    assert len(segment.uids) < 260


@pytest.mark.parametrize("reasons", [255, 256, 257, 700])
def test_more_reasons_than_a_byte_can_number_share_one(reasons: int) -> None:
    many = [Result(uid, Platform.IOS, Outcome.FAILED, f"E{uid}") for uid in range(1, reasons + 1)]
    (segment,) = pack(by_manner(many))
    unpacked = list(unpack(segment))
    own, shared = unpacked[:MAX_REASONS], unpacked[MAX_REASONS:]

    assert len(segment.kinds) <= MAX_KINDS
    assert [each.uid for each in unpacked] == list(range(1, reasons + 1))
    assert [each.reason for each in own] == [f"E{each.uid}" for each in own]
    assert {each.reason for each in shared} <= {OVERFLOW_REASON}
    assert sum(kind.count for kind in segment.kinds) == reasons


def test_an_outcome_survives_even_where_its_reason_does_not() -> None:
    """Believed before: one number at the end of the table is enough for all that overflows."""
    many = [Result(uid, Platform.IOS, Outcome.FAILED, f"E{uid}") for uid in range(1, 400)]
    many += [Result(uid, Platform.IOS, Outcome.INVALID, f"D{uid}") for uid in range(400, 500)]
    many += [Result(500, Platform.IOS, Outcome.SENT)]
    (segment,) = pack(by_manner(many))

    assert [r.outcome for r in unpack(segment)] == [r.outcome for r in many]
