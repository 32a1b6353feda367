"""How long is waited before the next try?"""

from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.pacing.backoff import closed_seconds, retry_seconds, shorten

attempts = some.integers(0, 40)


@given(attempts, some.floats(0, 1))
def test_never_below_ten_seconds_nor_above_half_an_hour(attempt: int, share: float) -> None:
    wait = retry_seconds(attempt, lambda low, high: low + share * (high - low))

    assert 10 <= wait <= 1800


@given(attempts, some.floats(0, 1))
def test_it_never_shrinks_with_the_attempts(attempt: int, share: float) -> None:
    def uniform(low: float, high: float) -> float:
        return low + share * (high - low)

    assert retry_seconds(attempt, uniform) <= retry_seconds(attempt + 1, uniform)
    assert closed_seconds(attempt, 10, 300, uniform) <= closed_seconds(
        attempt + 1, 10, 300, uniform
    )


@given(some.floats(10, 3600), some.floats(20, 10_000_000))
def test_a_message_lives_to_be_tried_again_after_a_wait_of_our_own(
    wait: float, left: float
) -> None:
    """Believed before: Apple's quarter of an hour ends whatever would not live so long."""
    assert 10 <= shorten(wait, left) <= min(wait, left / 2)


def test_nothing_is_tried_again_within_ten_seconds() -> None:
    assert shorten(15.0, 4.0) == 10.0


@given(attempts, some.floats(0, 1))
def test_a_probe_is_never_as_soon_as_its_first_half_wait_nor_later_than_its_longest(
    failures: int, share: float
) -> None:
    wait = closed_seconds(failures, 30, 900, lambda low, high: low + share * (high - low))

    assert 15 <= wait <= 900
