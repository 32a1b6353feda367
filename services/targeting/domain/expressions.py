"""Boolean expressions over tags and platforms: what they mean, and by which tags they are cut.

All questions are asked of one platform at a time, on which a platform's name is true or false:
what is left is narrowed to tags, denied or not, joined by and and or.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from services.targeting.domain.platforms import Platform
from services.targeting.domain.tags import PUSH_ALL

# Each tag is looked up in every slice, and nobody reads an expression that has more of them.
MAX_LEAVES = 100
# Whoever reads a tree recurses; protobuf itself ends at 100 messages in each other, two a level.
MAX_DEPTH = 16


@dataclass(frozen=True, slots=True)
class HasTag:
    """Subscribed to the tag."""

    name: str


@dataclass(frozen=True, slots=True)
class OnPlatform:
    platform: Platform


@dataclass(frozen=True, slots=True)
class Not:
    part: "Expression"


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Anyone:
    """True of every device: what becomes of a platform's name on that platform."""


Expression: TypeAlias = HasTag | OnPlatform | Not | AllOf | AnyOf | Anyone


def tag_names(expression: Expression) -> Iterator[str]:
    """Every tag that is named, from left to right, as often as it is."""
    match expression:
        case HasTag(name):
            yield name
        case Not(part):
            yield from tag_names(part)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from tag_names(part)


def count_leaves(expression: Expression) -> int:
    match expression:
        case Not(part):
            return count_leaves(part)
        case AllOf(parts) | AnyOf(parts):
            return sum(map(count_leaves, parts))
        case _:
            return 1


def narrow(
    expression: Expression, platform: Platform, *, denied: bool = False
) -> Expression | None:
    """What the expression comes to on a platform; None if it is true of nobody there.

    No names of platforms are left in it, and only tags are denied.
    """
    match expression:
        case HasTag():
            return Not(expression) if denied else expression
        case OnPlatform(wanted):
            return None if (wanted is platform) == denied else Anyone()
        case Not(part):
            return narrow(part, platform, denied=not denied)
        case AllOf(parts) | AnyOf(parts):
            narrowed = [narrow(part, platform, denied=denied) for part in parts]
            if isinstance(expression, AllOf) == denied:
                return _any_of([part for part in narrowed if part is not None])
            return _all_of(narrowed)
    return None if denied else expression


def _all_of(parts: list[Expression | None]) -> Expression | None:
    demanding = [part for part in parts if part is not None and not isinstance(part, Anyone)]
    if None in parts:
        return None
    if not demanding:
        return Anyone()
    return demanding[0] if len(demanding) == 1 else AllOf(tuple(demanding))


def _any_of(parts: list[Expression]) -> Expression | None:
    """Others beside Anyone stay: by them those are meant who have opted out of broadcasts."""
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def find_drivers(narrowed: Expression, size: Callable[[str], int]) -> tuple[str, ...] | None:
    """The tags of which everybody meant has at least one: the fewest by their `size`.

    None if there are no such tags, since somebody may be meant who has none.
    """
    match narrowed:
        case HasTag(name) if name != PUSH_ALL:
            return (name,)
        case AllOf(parts):
            found = [find_drivers(part, size) for part in parts]
            choices = [names for names in found if names is not None]
            return min(choices, key=lambda names: sum(map(size, names))) if choices else None
        case AnyOf(parts):
            drivers: dict[str, None] = {}
            for part in parts:
                names = find_drivers(part, size)
                if names is None:
                    return None
                drivers |= dict.fromkeys(names)
            return tuple(drivers)
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Crowd:
    """Some devices of one platform.

    Attributes:
        uids: All of them.
        tagged: By the name of a tag, those who have it; a tag that does not exist is absent.
        out: Those who have opted out of broadcasts.
    """

    uids: frozenset[int]
    tagged: Mapping[str, frozenset[int]]
    out: frozenset[int]


Sides: TypeAlias = tuple[frozenset[int], frozenset[int]]
NOBODY: frozenset[int] = frozenset()


def find_meant(narrowed: Expression, crowd: Crowd) -> frozenset[int]:
    """Those of a crowd whom the expression means.

    Who has opted out of broadcasts is meant only by a tag that he has: written as alternatives,
    the expression must have one that is true of him and names such a tag.
    """
    true, chosen = _weigh(narrowed, crowd)
    return chosen | (true - crowd.out)


def _weigh(narrowed: Expression, crowd: Crowd) -> Sides:
    """Those of whom it is true, and those among them who owe it to a tag that they have.

    A tag that does not exist is true of nobody and false of nobody: what cannot be known must not
    send to more than was meant.
    """
    match narrowed:
        case HasTag(name):
            if name == PUSH_ALL:
                return crowd.uids - crowd.out, NOBODY
            having = crowd.tagged.get(name, NOBODY)
            return having, having
        case Not(HasTag(name)):
            if name == PUSH_ALL:
                return crowd.uids & crowd.out, NOBODY
            known = crowd.tagged.get(name)
            return NOBODY if known is None else crowd.uids - known, NOBODY
        case AllOf(parts):
            sides = [_weigh(part, crowd) for part in parts]
            true = frozenset.intersection(*(true for true, _ in sides))
            return true, true & frozenset.union(*(chosen for _, chosen in sides))
        case AnyOf(parts):
            sides = [_weigh(part, crowd) for part in parts]
            return (
                frozenset.union(*(true for true, _ in sides)),
                frozenset.union(*(chosen for _, chosen in sides)),
            )
        case _:
            return crowd.uids, NOBODY
