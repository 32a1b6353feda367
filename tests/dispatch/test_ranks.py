"""Whose parcel does a sender begin next, of those that it has in hand?"""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as some

from services.dispatch.ranks import Ranks

BIG, SMALL = UUID(int=1), UUID(int=2)
APPS = some.sampled_from([UUID(int=number) for number in range(4)])


def test_one_applications_parcels_follow_each_other() -> None:
    ranks = Ranks()

    assert [ranks.give(BIG) for _ in range(3)] == [1, 2, 3]


def test_who_comes_when_the_hand_is_full_comes_next_but_one() -> None:
    """Believed before: what was leased first is sent first. Sixteen of another's were."""
    ranks = Ranks()
    big = [ranks.give(BIG) for _ in range(16)]
    ranks.reach(big[0])
    small = [ranks.give(SMALL) for _ in range(2)]

    assert small == big[1:3]


def test_who_was_away_is_not_paid_for_it() -> None:
    ranks = Ranks()
    for _ in range(100):
        ranks.reach(ranks.give(BIG))

    assert ranks.give(SMALL) == ranks.give(BIG)


@given(some.lists(some.tuples(APPS, some.booleans()), max_size=200))
def test_each_application_waits_for_one_parcel_of_each_other_at_most(
    steps: list[tuple[UUID, bool]],
) -> None:
    """Whatever is leased and begun in between, in the order of ranks."""
    ranks = Ranks()
    in_hand: list[tuple[int, UUID]] = []
    for app_id, is_begun in steps:
        in_hand.append((ranks.give(app_id), app_id))
        mine = [rank for rank, owner in in_hand if owner == app_id]
        assert mine == sorted(set(mine))
        before = [rank for rank, owner in in_hand if owner != app_id and rank < mine[0]]
        assert len(before) <= len({owner for _, owner in in_hand})
        if is_begun:
            first = min(in_hand)
            in_hand.remove(first)
            ranks.reach(first[0])
