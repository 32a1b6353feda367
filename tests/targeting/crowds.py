"""Crowds of devices with their subscriptions and opt-outs, and how they come into the store."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import TypeAlias
from uuid import UUID

import sqlalchemy as sa
from hypothesis import strategies as some
from sqlalchemy.ext.asyncio import AsyncEngine

from services.targeting.domain.expressions import (
    AllOf,
    AnyOf,
    Expression,
    HasTag,
    Not,
    OnPlatform,
)
from services.targeting.domain.platforms import Platform
from services.targeting.domain.tags import PUSH_ALL
from services.targeting.store import opt_outs, subscriptions, tables, tags
from services.targeting.store.tables import PLATFORM_NUMBERS
from tests.conftest import NOON
from tests.targeting.book import Book, Entry, identify

COLUMNS = ["app_id", "tag_id", "platform", "uid", "create_time"]


@dataclass(frozen=True, slots=True)
class Member:
    entry: Entry
    tags: frozenset[str]
    opted_out: bool = False


def member(uid: int, platform: Platform = Platform.IOS, *tag_names: str) -> Member:
    return Member(Entry(uid, f"device {uid}", platform), frozenset(tag_names))


def crowds(tag_names: Sequence[str]) -> some.SearchStrategy[list[Member]]:
    """Up to 25 devices on three platforms, some of them not reachable."""
    members = some.builds(
        Member,
        some.builds(
            Entry,
            uid=some.integers(1, 60) | some.integers(10**6, 10**6 + 5),
            device_id=some.sampled_from([f"device {n}" for n in range(12)]),
            platform=some.sampled_from(list(Platform)[:3]),
            user_id=some.sampled_from(["", "ada", "bob"]),
            active=some.integers(0, 4).map(bool),
        ),
        some.frozensets(some.sampled_from(tag_names)),
        some.booleans(),
    )
    return some.lists(members, max_size=25, unique_by=lambda m: m.entry.uid)


def expressions(tag_names: Sequence[str]) -> some.SearchStrategy[Expression]:
    """Trees of a few levels over these tags and three platforms."""
    leaves = some.one_of(
        some.sampled_from(tag_names).map(HasTag),
        some.sampled_from(list(Platform)[:3]).map(OnPlatform),
    )

    def join(parts: some.SearchStrategy[Expression]) -> some.SearchStrategy[Expression]:
        several = some.lists(parts, min_size=2, max_size=3).map(tuple)
        return some.one_of(parts.map(Not), several.map(AllOf), several.map(AnyOf))

    return some.recursive(leaves, join, max_leaves=8)


def is_meant(expression: Expression, person: Member, known: Collection[str]) -> bool:
    """Device by device, with the expression written out as alternatives: slow, and plain."""
    alternatives = [
        conditions
        for conditions in _write_out(expression, denied=False)
        if all(_is_true(leaf, person, known, denied=denied) for leaf, denied in conditions)
    ]
    if not person.opted_out:
        return bool(alternatives)
    return any(
        isinstance(leaf, HasTag) and leaf.name != PUSH_ALL and not denied
        for conditions in alternatives
        for leaf, denied in conditions
    )


Condition: TypeAlias = tuple[HasTag | OnPlatform, bool]


def _write_out(expression: Expression, *, denied: bool) -> list[list[Condition]]:
    """Alternatives of conditions, each with whether it is denied."""
    match expression:
        case HasTag() | OnPlatform():
            return [[(expression, denied)]]
        case Not(part):
            return _write_out(part, denied=not denied)
        case AllOf(parts) | AnyOf(parts):
            written = [_write_out(part, denied=denied) for part in parts]
            if isinstance(expression, AnyOf) != denied:
                return [conditions for each in written for conditions in each]
            return [list(chain(*choice)) for choice in product(*written)]
    raise AssertionError(expression)


def _is_true(
    leaf: HasTag | OnPlatform, person: Member, known: Collection[str], *, denied: bool
) -> bool:
    if isinstance(leaf, OnPlatform):
        return (person.entry.platform is leaf.platform) != denied
    if leaf.name == PUSH_ALL:
        return person.opted_out == denied
    return leaf.name in known and (leaf.name in person.tags) != denied


async def settle(
    db: AsyncEngine, app_id: UUID, crowd: Iterable[Member], book: Book | None = None
) -> None:
    """Bring a crowd into the store, and into the book."""
    async with db.begin() as tx:
        ids: dict[str, int] = {}
        for person in crowd:
            for name in person.tags - ids.keys():
                await tags.create(tx, app_id, name, "", NOON)
                ids |= await tags.ids_of(tx, app_id, [name])
            device = identify(person.entry)
            if person.tags:
                tag_ids = [ids[name] for name in person.tags]
                await subscriptions.add(tx, app_id, device, tag_ids, NOON)
            if person.opted_out:
                await opt_outs.leave(tx, app_id, device.uid, NOON)
            if book is not None:
                book.write(app_id, person.entry)


async def flood(
    db: AsyncEngine, app_id: UUID, tag_id: int, platform: Platform, uids: range
) -> None:
    """Subscribe many devices at once."""
    rows = sa.select(
        sa.cast(app_id, sa.Uuid),
        sa.cast(tag_id, sa.BigInteger),
        sa.cast(PLATFORM_NUMBERS[platform], sa.SmallInteger),
        sa.func.generate_series(uids.start, uids.stop - 1, uids.step),
        sa.cast(NOON, sa.DateTime(timezone=True)),
    )
    async with db.begin() as tx:
        await tx.execute(sa.insert(tables.subscriptions).from_select(COLUMNS, rows))


async def flood_opt_outs(db: AsyncEngine, app_id: UUID, uids: range) -> None:
    """Opt many devices out of broadcasts at once."""
    rows = sa.select(
        sa.cast(app_id, sa.Uuid),
        sa.func.generate_series(uids.start, uids.stop - 1, uids.step),
        sa.cast(NOON, sa.DateTime(timezone=True)),
    )
    async with db.begin() as tx:
        names = ["app_id", "uid", "create_time"]
        await tx.execute(sa.insert(tables.opt_outs).from_select(names, rows))


async def new_tag(db: AsyncEngine, app_id: UUID, name: str) -> int:
    """The number of a tag made just now."""
    async with db.begin() as tx:
        await tags.create(tx, app_id, name, "", NOON)
        return (await tags.ids_of(tx, app_id, [name]))[name]
