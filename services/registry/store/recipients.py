"""Who is reachable, read in bulk and in the order of uids.

The hot statements of a broadcast: each is prepared once, and its rows are turned into columns.
"""

from collections.abc import Sequence
from itertools import groupby, product
from operator import itemgetter
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

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
)


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
    return _read(rows, len(stretches))


async def behind(
    tx: AsyncConnection, app_id: UUID, groups: Sequence[Sequence[int]]
) -> list[Recipients]:
    """The recipients behind the uids of each group, the lowest first, if they are reachable."""
    uids = sorted({uid for group in groups for uid in group})
    rows = {row["uid"]: row for row in await BEHIND.fetch(tx, app_id=app_id, uids=uids)}
    return [_read_columns([rows[uid] for uid in group if uid in rows]) for group in groups]


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


def _read(rows: Sequence[asyncpg.Record], count: int) -> list[Recipients]:
    """The rows by their place, from 1, in which they follow each other."""
    found = [Recipients()] * count
    for place, held in groupby(rows, itemgetter(0)):
        found[place - 1] = _read_columns(list(held))
    return found


def _read_columns(rows: Sequence[asyncpg.Record]) -> Recipients:
    if not rows:
        return Recipients()
    _, uids, platforms, addresses, variables, environments, twins = zip(*rows, strict=True)
    return Recipients(
        uids,
        [PLATFORMS[number] for number in _fold(platforms)],
        addresses,
        [_read_variables(text) for text in variables] if any(variables) else (),
        [ENVIRONMENTS[number] for number in environments] if any(environments) else (),
        twins if any(twins) else (),
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
    found = _select_within(kind, devices.c.uid, of_one=True, backward=False).subquery()
    place = sa.func.row_number().over(order_by=found.c.uid) - 1
    size = sa.bindparam("size", type_=sa.BigInteger)
    numbered = sa.select(found.c.uid, (place // size).label("cut")).subquery()
    return (
        sa.select(sa.func.max(numbered.c.uid), sa.func.count())
        .group_by(numbered.c.cut)
        .order_by(numbered.c.cut)
    )


def _select_within(
    kind: type[Filter], *columns: sa.ColumnElement[Any], of_one: bool, backward: bool
) -> sa.Select[Any]:
    """The `most` ACTIVE devices of a filter within each stretch, by uid.

    Each stretch is looked up by itself, one after the other, and so is each name in it, by its
    index and with the limit: whatever the planner thinks of their number, it has no way to scan
    the application for them.
    """
    asked = _asked(of_one=of_one)
    here = [
        devices.c.app_id == APP_ID,
        devices.c.uid > asked.c.after_uid,
        devices.c.uid <= asked.c.through_uid,
        IS_ACTIVE,
    ]
    if of_one:
        here.append(sa.type_coerce(devices.c.platform, sa.SmallInteger) == asked.c.platform)

    def ordered(uid: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        return uid.desc() if backward else uid.asc()

    found = sa.select(*columns).where(*here).order_by(ordered(devices.c.uid)).limit(MOST)
    if kind is Everyone:
        held = found.correlate(asked).lateral("held")
    else:
        column = devices.c.device_id if kind is DeviceIds else devices.c.user_id
        wanted = (
            sa.func.unnest(_array("names", "text"))
            .table_valued(sa.column("name", sa.Text))
            .render_derived(name="wanted")
        )
        each = found.where(column == wanted.c.name).correlate(asked, wanted).lateral("each")
        held = (
            sa.select(*each.c)
            .select_from(wanted.join(each, sa.true()))
            .order_by(ordered(each.c.uid))
            .limit(MOST)
            .correlate(asked)
            .lateral("held")
        )
    return (
        sa.select(asked.c.place, *held.c)
        .select_from(asked.join(held, sa.true()))
        .where(is_known(APP_ID))
    )


KINDS: tuple[type[Filter], ...] = (Everyone, DeviceIds, UserIds)
CUT = {kind: Prepared(_select_cut(kind)) for kind in KINDS}
WITHIN = {
    (kind, of_one, backward): Prepared(
        _select_within(kind, *COLUMNS, of_one=of_one, backward=backward)
    )
    for kind, of_one, backward in product(KINDS, (False, True), (False, True))
}
# All at once by their key: a look-up for each would cost more than twice as much.
BEHIND = Prepared(
    sa.select(sa.literal_column("1").label("place"), *COLUMNS).where(
        devices.c.app_id == APP_ID,
        devices.c.uid == sa.any_(_array("uids", "bigint")),
        IS_ACTIVE,
        is_known(APP_ID),
    )
)
