"""Whom does an expression mean, and do its drivers leave nobody out?"""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.targeting.domain.expressions import (
    AllOf,
    AnyOf,
    Crowd,
    Expression,
    HasTag,
    Not,
    OnPlatform,
    find_drivers,
    find_meant,
    narrow,
    tag_names,
)
from services.targeting.domain.platforms import Platform
from services.targeting.domain.tags import PUSH_ALL
from tests.targeting.crowds import Member, crowds, expressions, is_meant, member

IOS, ANDROID = Platform.IOS, Platform.ANDROID
NEWS, SPORTS = HasTag("news"), HasTag("sports")
TAGS = ["news", "sports", "rare"]


def crowd_of(people: list[Member], known: frozenset[str]) -> Crowd:
    return Crowd(
        frozenset(person.entry.uid for person in people),
        {
            name: frozenset(person.entry.uid for person in people if name in person.tags)
            for name in known
        },
        frozenset(person.entry.uid for person in people if person.opted_out),
    )


@given(
    expression=expressions([*TAGS, PUSH_ALL]),
    people=crowds(TAGS),
    known=some.frozensets(some.sampled_from(TAGS)),
)
def test_it_means_whom_naive_reasoning_says(
    expression: Expression, people: list[Member], known: frozenset[str]
) -> None:
    for platform in Platform:
        here = [person for person in people if person.entry.platform is platform]
        narrowed = narrow(expression, platform)
        expected = {p.entry.uid for p in here if is_meant(expression, p, known)}
        found = find_meant(narrowed, crowd_of(here, known)) if narrowed else frozenset()

        assert found == expected


@given(expression=expressions([*TAGS, PUSH_ALL]), people=crowds(TAGS))
def test_everybody_meant_has_one_of_its_drivers(
    expression: Expression, people: list[Member]
) -> None:
    for person in people:
        narrowed = narrow(expression, person.entry.platform)
        drivers = find_drivers(narrowed, len) if narrowed is not None else None
        if drivers is not None and is_meant(expression, person, frozenset(TAGS)):
            assert person.tags & set(drivers)


def test_the_rarest_conjunct_drives() -> None:
    either = AnyOf((SPORTS, HasTag("rare")))
    sizes = {"news": 10, "sports": 6, "rare": 3}

    assert find_drivers(AllOf((NEWS, either, Not(SPORTS))), sizes.__getitem__) == ("sports", "rare")
    assert find_drivers(AllOf((NEWS, SPORTS)), sizes.__getitem__) == ("sports",)
    assert find_drivers(AnyOf((NEWS, Not(SPORTS))), sizes.__getitem__) is None
    assert find_drivers(HasTag(PUSH_ALL), len) is None


def test_a_platform_decides_before_anything_is_looked_up() -> None:
    expression = AnyOf((AllOf((OnPlatform(IOS), NEWS)), AllOf((Not(OnPlatform(IOS)), SPORTS))))

    assert narrow(expression, IOS) == NEWS
    assert narrow(expression, ANDROID) == SPORTS
    assert narrow(AllOf((OnPlatform(IOS), OnPlatform(ANDROID))), IOS) is None


REACHED: list[tuple[Expression, bool]] = [
    (NEWS, True),
    (AllOf((NEWS, OnPlatform(IOS))), True),
    (AllOf((NEWS, Not(SPORTS))), True),
    (AnyOf((NEWS, OnPlatform(IOS))), True),
    (Not(Not(NEWS)), True),
    (OnPlatform(IOS), False),
    (Not(SPORTS), False),
    (AllOf((OnPlatform(IOS), Not(SPORTS))), False),
    (AllOf((NEWS, HasTag(PUSH_ALL))), False),
    (HasTag(PUSH_ALL), False),
    (Not(HasTag(PUSH_ALL)), False),
    (AllOf((NEWS, Not(HasTag(PUSH_ALL)))), True),
]


@pytest.mark.parametrize(("expression", "reached"), REACHED)
def test_who_wants_no_broadcasts_is_reached_by_tags_alone(
    expression: Expression,
    reached: bool,  # noqa: FBT001  the expectation
) -> None:
    person = Member(member(1, IOS).entry, frozenset({"news"}), opted_out=True)
    narrowed = narrow(expression, IOS)
    found = find_meant(narrowed, crowd_of([person], frozenset(TAGS))) if narrowed else frozenset()

    assert bool(found) is reached


@pytest.mark.parametrize("expression", [HasTag("gone"), Not(HasTag("gone"))])
def test_a_tag_that_does_not_exist_means_nobody_even_denied(expression: Expression) -> None:
    assert not find_meant(expression, crowd_of([member(1, IOS, "news")], frozenset(TAGS)))


def test_names_come_from_left_to_right() -> None:
    names: Iterator[str] = tag_names(AllOf((NEWS, AnyOf((Not(SPORTS), OnPlatform(IOS), NEWS)))))

    assert list(names) == ["news", "sports", "news"]
