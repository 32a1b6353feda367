"""How many requests at once does a credential bear, and how soon do we know?"""

from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.pacing.limiter import Limiter

ends = some.lists(some.booleans(), max_size=300)


def run(limiter: Limiter, ends: list[bool]) -> None:
    """Requests one after the other, each at its own second."""
    for second, well in enumerate(ends):
        limiter.start()
        if well:
            limiter.end_well()
        else:
            limiter.end_badly(second, second + 0.5)


@given(ends, some.integers(1, 1000), some.floats(1, 100))
def test_it_stays_within_its_bounds_and_counts_who_is_under_way(
    ended: list[bool], highest: int, initial: float
) -> None:
    limiter = Limiter(highest, initial)
    run(limiter, ended)

    assert 1 <= limiter.limit <= highest
    assert limiter.under_way == 0
    assert limiter.room


def fill(limiter: Limiter, *, well: bool, start: float, now: float) -> None:
    """One round: as many as are allowed, all ended alike."""
    count = 0
    while limiter.room:
        limiter.start()
        count += 1
    for _ in range(count):
        if well:
            limiter.end_well()
        else:
            limiter.end_badly(start, now)


def test_it_rises_fast_at_first_and_by_one_a_round_after_a_failure() -> None:
    limiter = Limiter(1000, 10)
    fill(limiter, well=True, start=0, now=1)
    doubled = limiter.limit
    fill(limiter, well=False, start=1, now=2)
    halved = limiter.limit
    fill(limiter, well=True, start=3, now=4)

    # Only a round that uses at least half of what is allowed shows that more is borne.
    assert 14 <= doubled <= 20
    assert halved == doubled / 2
    assert halved < limiter.limit <= halved + 1


def test_a_round_that_fails_together_is_one_failure() -> None:
    """Believed before: each failure halves. A hundred at once would end at one."""
    limiter = Limiter(1000, 100)
    fill(limiter, well=False, start=0, now=1)

    assert limiter.limit == 50


def test_who_does_not_use_it_does_not_raise_it() -> None:
    limiter = Limiter(1000, 32)
    run(limiter, [True] * 100)

    assert limiter.limit == 32


def test_after_an_outage_it_begins_anew() -> None:
    limiter = Limiter(1000, 32)
    fill(limiter, well=True, start=0, now=1)
    limiter.begin_anew()

    assert limiter.limit == 32
