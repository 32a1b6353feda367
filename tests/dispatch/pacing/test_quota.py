"""Is a quota per minute kept in every minute, and spread over it?"""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.pacing.bucket import Bucket
from services.dispatch.pacing.quota import Quota

LONG = 1e9


def leave_times(quota: Quota, arrivals: list[float]) -> list[float]:
    return [now + quota.take(now, LONG) for now in arrivals]


@given(some.integers(60, 6000), some.lists(some.floats(0, 0.2), min_size=1, max_size=400))
def test_no_minute_holds_more_than_the_quota(per_minute: int, gaps: list[float]) -> None:
    now, arrivals = 0.0, []
    for gap in gaps:
        now += gap
        arrivals.append(now)
    left = leave_times(Quota(per_minute), arrivals)

    for first in range(len(left)):
        within = sum(1 for time in left[first:] if time < left[first] + 60)
        assert within <= per_minute + 1
    assert left == sorted(left)


def test_the_first_minute_is_a_ramp() -> None:
    """600,000 a minute are 10,000 a second, but not in the first one."""
    quota = Quota(600_000)
    left = leave_times(quota, [0.0])
    rates = [quota.rate(left[0] + second) for second in (0, 15, 30, 60, 120)]

    assert rates == [100, 2500, 5000, 10_000, 10_000]


def test_a_small_send_never_notices_it() -> None:
    assert max(leave_times(Quota(600_000), [0.0] * 20)) < 0.2


def test_who_was_silent_for_a_minute_ramps_up_again() -> None:
    quota = Quota(600_000)
    quota.take(0.0, LONG)
    during = quota.rate(59.0)
    quota.take(59.0, LONG)
    quota.take(200.0, LONG)

    assert during > 9000
    assert quota.rate(200.0) == 100


def test_what_would_wait_too_long_takes_nothing() -> None:
    quota = Quota(60)
    waits = [quota.take(0.0, 2.0) for _ in range(10)]

    assert waits == [0.0, 1.0, 2.0, *[3.0] * 7]


def test_what_is_due_within_a_moment_leaves_together() -> None:
    quota = Quota(600_000)
    quota.take(0.0, LONG)
    taken = [quota.take_some(59.9, 2.0, 250) for _ in range(3)]

    assert [count for count, _ in taken] == [100, 100, 100]
    assert [round(wait, 2) for _, wait in taken] == [0.0, 0.01, 0.02]


def test_a_bucket_gives_a_few_at_once_and_then_so_many_a_second() -> None:
    bucket = Bucket(1.0, 3)
    at_once = [bucket.take(0.0) for _ in range(5)]
    later = [bucket.take(1.5), bucket.take(1.6), bucket.take(2.1)]

    assert at_once == [True, True, True, False, False]
    assert later == [True, False, True]


def test_turns_that_are_given_back_are_the_next_ones() -> None:
    quota = Quota(600_000)
    quota.take_some(0.0, LONG, 1)
    before = quota.take(60.0, LONG)
    taken, _ = quota.take_some(60.0, LONG, 100)
    quota.give_back(60.0, taken)

    assert quota.take(60.0, LONG) == pytest.approx(before + 1 / 10_000)
