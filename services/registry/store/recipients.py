"""Who is reachable, read in bulk and in the order of uids.

The hot statements of a broadcast: each is prepared once, and the server itself makes columns of
what it finds, since to fetch a row for each recipient costs this process three times as much.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, product
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import Grouping

from services.kit.prepared import Prepared
from services.registry.domain.device import Environment, Platform
from services.registry.domain.recipient import (
    DeviceIds,
    Everyone,
    Filter,
    Recipients,
    Slice,
    Stretch,
    UserIds,
)
from services.registry.store.applications import is_known
from services.registry.store.rows import Bare
from services.registry.store.tables import (
    ENVIRONMENT_NUMBERS,
    IS_ACTIVE,
    PLATFORM_NUMBERS,
    devices,
)

T = TypeVar("T")

PLATFORMS = {number: platform for platform, number in PLATFORM_NUMBERS.items()}
ENVIRONMENTS: dict[int | None, Environment | None] = {
    None: None,
    **{number: environment for environment, number in ENVIRONMENT_NUMBERS.items()},
}
MAX_UID = 2**63 - 1
APP_ID = sa.bindparam("app_id", type_=sa.Uuid)
MOST = sa.bindparam("most", type_=sa.BigInteger)
COLUMNS = (
    devices.c.uid,
    devices.c.platform,
    devices.c.address,
    # Most devices have none: what is empty is not sent.
    sa.cast(sa.func.nullif(devices.c.variables, sa.literal_column("'{}'::jsonb")), sa.Text).label(
        "variables"
    ),
    devices.c.environment,
    devices.c.newer_twin_uid,
    sa.or_(
        devices.c.variables != sa.literal_column("'{}'::jsonb"),
        devices.c.environment.is_not(None),
        devices.c.newer_twin_uid.is_not(None),
    ).label("has_more"),
)
# What few have is gathered from those alone, beside their uids.
EVERYBODYS = ("uid", "address", "platform")
SOME_PEOPLES = ("uid", "variables", "environment", "newer_twin_uid")


async def cut(
    tx: AsyncConnection,
    app_id: UUID,
    filter_: Filter,
    platform: Platform,
    *,
    after_uid: int,
    size: int,
    limit: int,
) -> list[Slice]:
    """At most `limit` slices of `size` recipients, in one pass over the index.

    They follow each other without a gap; only the last may hold fewer than `size`.
    """
    values = _values(app_id, filter_, [Stretch(platform, after_uid)], size * limit)
    slices = []
    for through_uid, count in await CUT[type(filter_)].fetch(tx, **values, size=size):
        slices.append(Slice(platform, after_uid, through_uid, count))
        after_uid = through_uid
    return slices


async def within(
    tx: AsyncConnection, app_id: UUID, filter_: Filter, stretches: Sequence[Stretch], limit: int
) -> list[Recipients]:
    """At most `limit` recipients of each stretch, the lowest uids first, or backward the highest.

    The stretches are all of a platform, or all of none, and read from the same end.
    """
    first = stretches[0]
    statement = WITHIN[type(filter_), first.platform is not None, first.backward]
    rows = await statement.fetch(tx, **_values(app_id, filter_, stretches, limit))
    return _read_all(rows, len(stretches))


async def behind(
    tx: AsyncConnection, app_id: UUID, groups: Sequence[Sequence[int]]
) -> list[Recipients]:
    """The recipients behind the uids of each group, the lowest first, if they are reachable."""
    lasts = list(accumulate(map(len, groups)))
    rows = await BEHIND.fetch(
        tx,
        app_id=app_id,
        uids=list(chain.from_iterable(groups)),
        firsts=[last - len(group) + 1 for last, group in zip(lasts, groups, strict=True)],
        lasts=lasts,
    )
    return _read_all(rows, len(groups))


def _values(
    app_id: UUID, filter_: Filter, stretches: Sequence[Stretch], limit: int
) -> dict[str, Any]:
    values: dict[str, Any] = {
        "app_id": app_id,
        "after_uids": [stretch.after_uid for stretch in stretches],
        "through_uids": [
            MAX_UID if stretch.through_uid is None else stretch.through_uid for stretch in stretches
        ],
        "most": limit,
    }
    if stretches[0].platform is not None:
        values["platforms"] = [
            PLATFORM_NUMBERS[stretch.platform] for stretch in stretches if stretch.platform
        ]
    if not isinstance(filter_, Everyone):
        values["names"] = filter_.names
    return values


def _read_all(rows: Sequence[asyncpg.Record], count: int) -> list[Recipients]:
    """By the places that the rows name, from 1."""
    found = [Recipients()] * count
    for place, *columns in rows:
        found[place - 1] = _read(*columns)
    return found


def _read(
    uids: list[int] | None,
    addresses: list[str],
    platforms: list[int],
    keepers: list[int] | None,
    variables: list[str | None],
    environments: list[int | None],
    twins: list[int | None],
) -> Recipients:
    """The columns as the server made them: of nobody it makes none."""
    if uids is None:
        return Recipients()
    shown = [PLATFORMS[number] for number in _fold(platforms)]
    if keepers is None:
        return Recipients(uids, shown, addresses)

    def spread(column: Sequence[T | None]) -> list[T | None]:
        if not any(column):
            return []
        held = dict(zip(keepers, column, strict=True))
        return [held.get(uid) for uid in uids]

    return Recipients(
        uids,
        shown,
        addresses,
        [_read_variables(text) for text in spread(variables)],
        [ENVIRONMENTS[number] for number in spread(environments)],
        spread(twins),
    )


def _fold(numbers: Sequence[int]) -> Sequence[int]:
    return numbers[:1] if len(set(numbers)) == 1 else numbers


def _read_variables(text: str | None) -> dict[str, str]:
    return msgspec.json.decode(text, type=dict[str, str]) if text else {}


def _array(name: str, item: str) -> sa.ColumnElement[Any]:
    kind = Bare(f"{item}[]")
    return sa.cast(sa.bindparam(name, type_=kind), kind)


def _asked(*, of_one: bool) -> sa.TableValuedAlias:
    """The stretches as rows, with their places from 1."""
    arrays = [_array("after_uids", "bigint"), _array("through_uids", "bigint")]
    columns = [sa.column("after_uid", sa.BigInteger), sa.column("through_uid", sa.BigInteger)]
    if of_one:
        arrays.append(_array("platforms", "smallint"))
        columns.append(sa.column("platform", sa.SmallInteger))
    return (
        sa.func.unnest(*arrays)
        .table_valued(*columns, with_ordinality="place")
        .render_derived(name="asked")
    )


def _select_cut(kind: type[Filter]) -> sa.Select[Any, int]:
    asked, held = _within(kind, devices.c.uid, of_one=True, backward=False)
    found = _joined(asked, held).subquery()
    place = sa.func.row_number().over(order_by=found.c.uid) - 1
    size = sa.bindparam("size", type_=sa.BigInteger)
    numbered = sa.select(found.c.uid, (place // size).label("cut")).subquery()
    return (
        sa.select(sa.func.max(numbered.c.uid), sa.func.count())
        .group_by(numbered.c.cut)
        .order_by(numbered.c.cut)
    )


def _select_columns(kind: type[Filter], *, of_one: bool, backward: bool) -> sa.Select[Any]:
    asked, held = _within(kind, *COLUMNS, of_one=of_one, backward=backward)
    return _joined(asked, _gather(held, asked))


def _joined(asked: sa.TableValuedAlias, held: sa.FromClause) -> sa.Select[Any]:
    """What each stretch holds, with its place; nothing of an application that is not known."""
    return (
        sa.select(asked.c.place, *held.c)
        .select_from(asked.join(held, sa.true()))
        .where(is_known(APP_ID))
    )


def _within(
    kind: type[Filter], *columns: sa.ColumnElement[Any], of_one: bool, backward: bool
) -> tuple[sa.TableValuedAlias, sa.FromClause]:
    """The `most` ACTIVE devices of a filter within each stretch, by uid.

    Each stretch is looked up by itself, one after the other, and so is each name in it, by its
    index and with the limit: whatever the planner thinks of their number, it has no way to scan
    the application for them.
    """
    asked = _asked(of_one=of_one)
    found = sa.select(*columns).where(devices.c.app_id == APP_ID, IS_ACTIVE).limit(MOST)
    if of_one:
        platform = sa.type_coerce(devices.c.platform, sa.SmallInteger)
        found = found.where(platform == asked.c.platform)

    if kind is Everyone:
        here = devices.c.uid > asked.c.after_uid, devices.c.uid <= asked.c.through_uid
        held = found.where(*here).order_by(*_ordered(devices.c.uid, backward=backward))
    else:
        held = _of_names(kind, found, asked, backward=backward)
    return asked, held.correlate(asked).lateral("held")


def _of_names(
    kind: type[Filter], found: sa.Select[Any], asked: sa.TableValuedAlias, *, backward: bool
) -> sa.Select[Any]:
    """Of what was found those of the names, each looked up by itself.

    The uid stands in one key with the name. By itself it would lead the planner, while it has no
    statistics of a book that is filled, to the index by uid, and past all devices for each name.
    """
    column, uid = devices.c.device_id if kind is DeviceIds else devices.c.user_id, devices.c.uid
    wanted = (
        sa.func.unnest(_array("names", "text"))
        .table_valued(sa.column("name", sa.Text))
        .render_derived(name="wanted")
    )
    key, name = sa.tuple_(column, uid), wanted.c.name
    here = (
        column == name,
        key > sa.tuple_(name, asked.c.after_uid),
        key <= sa.tuple_(name, asked.c.through_uid),
    )
    ordered = found.where(*here).order_by(*_ordered(column, uid, backward=backward))
    each = ordered.correlate(asked, wanted).lateral("each")
    return (
        sa.select(*each.c)
        .select_from(wanted.join(each, sa.true()))
        .order_by(*_ordered(each.c.uid, backward=backward))
        .limit(MOST)
    )


def _ordered(*columns: sa.ColumnElement[Any], backward: bool) -> Iterator[sa.ColumnElement[Any]]:
    return (each.desc() if backward else each.asc() for each in columns)


def _select_behind() -> sa.Select[Any]:
    """Each group's part of one list of uids, by the key: all of the part at once.

    A look-up for each would cost more than twice as much. The groups are not gathered as one, since
    arrays of thousands are slower to build than several of hundreds.
    """
    asked = (
        sa.func.unnest(_array("firsts", "int"), _array("lasts", "int"))
        .table_valued(
            sa.column("first", sa.Integer),
            sa.column("last", sa.Integer),
            with_ordinality="place",
        )
        .render_derived(name="asked")
    )
    # In brackets, without which no subscript may follow.
    uids = Grouping(sa.type_coerce(_array("uids", "bigint"), sa.ARRAY(sa.BigInteger)))
    part = uids[asked.c.first : asked.c.last]
    found = (
        sa.select(*COLUMNS)
        .where(devices.c.app_id == APP_ID, devices.c.uid == sa.any_(part), IS_ACTIVE)
        .order_by(devices.c.uid)
    )
    return _joined(asked, _gather(found.correlate(asked).lateral("held"), asked))


def _gather(held: sa.FromClause, asked: sa.TableValuedAlias) -> sa.FromClause:
    """One row whose columns are arrays, in the order of the rows; they are NULL without any."""
    has_more = held.c.has_more
    everybodys = (sa.func.array_agg(held.c[name]).label(name) for name in EVERYBODYS)
    some_peoples = (
        sa.func.array_agg(held.c[name]).filter(has_more).label(f"some_{name}")
        for name in SOME_PEOPLES
    )
    return sa.select(*everybodys, *some_peoples).correlate(asked).lateral("gathered")


KINDS: tuple[type[Filter], ...] = (Everyone, DeviceIds, UserIds)
CUT = {kind: Prepared(_select_cut(kind)) for kind in KINDS}
WITHIN = {
    (kind, of_one, backward): Prepared(_select_columns(kind, of_one=of_one, backward=backward))
    for kind, of_one, backward in product(KINDS, (False, True), (False, True))
}
BEHIND = Prepared(_select_behind())
