"""Who is reachable, read in bulk and in the order of uids.

The hot statements of a broadcast: each is prepared once, and its rows are turned into columns.
"""

from collections.abc import Sequence
from itertools import product
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
NUMBERS, TEXTS = Bare("bigint[]"), Bare("text[]")
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
    statement = CUT[type(filter_)]
    values = _values(app_id, filter_, Stretch(platform, after_uid), size * limit)
    slices = []
    for through_uid, count in await statement.fetch(tx, **values, size=size):
        slices.append(Slice(platform, after_uid, through_uid, count))
        after_uid = through_uid
    return slices


async def within(
    tx: AsyncConnection, app_id: UUID, filter_: Filter, stretch: Stretch, limit: int
) -> Recipients:
    """At most `limit` recipients of a stretch, the lowest uids first, or backward the highest."""
    statement = WITHIN[type(filter_), stretch.platform is not None, stretch.backward]
    return _read(await statement.fetch(tx, **_values(app_id, filter_, stretch, limit)))


async def behind(tx: AsyncConnection, app_id: UUID, uids: Sequence[int]) -> Recipients:
    """The recipients behind these uids, the lowest first, without who is not reachable."""
    return _read(await BEHIND.fetch(tx, app_id=app_id, uids=uids))


def _values(app_id: UUID, filter_: Filter, stretch: Stretch, limit: int) -> dict[str, Any]:
    values: dict[str, Any] = {
        "app_id": app_id,
        "after_uid": stretch.after_uid,
        "through_uid": MAX_UID if stretch.through_uid is None else stretch.through_uid,
        "most": limit,
    }
    if stretch.platform is not None:
        values["on_platform"] = PLATFORM_NUMBERS[stretch.platform]
    if not isinstance(filter_, Everyone):
        values["names"] = filter_.names
    return values


def _read(rows: Sequence[asyncpg.Record]) -> Recipients:
    if not rows:
        return Recipients()
    uids, platforms, addresses, variables, environments, twins = zip(*rows, strict=True)
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
    """The `most` ACTIVE devices of a filter within a stretch, by uid.

    Names are looked up one by one, each by its index and with the limit: whatever the planner
    thinks of their number, it has no way to scan the application for them.
    """
    here = [
        devices.c.app_id == APP_ID,
        devices.c.uid > sa.bindparam("after_uid", type_=sa.BigInteger),
        devices.c.uid <= sa.bindparam("through_uid", type_=sa.BigInteger),
        IS_ACTIVE,
    ]
    if of_one:
        number = sa.bindparam("on_platform", type_=sa.SmallInteger)
        here.append(sa.type_coerce(devices.c.platform, sa.SmallInteger) == number)

    def ordered(uid: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        return uid.desc() if backward else uid.asc()

    found = sa.select(*columns).order_by(ordered(devices.c.uid)).limit(MOST)
    if kind is Everyone:
        return found.where(*here, is_known(APP_ID))
    column = devices.c.device_id if kind is DeviceIds else devices.c.user_id
    wanted = (
        sa.func.unnest(sa.cast(sa.bindparam("names", type_=TEXTS), TEXTS))
        .table_valued(sa.column("name", sa.Text))
        .render_derived(name="wanted")
    )
    each = found.where(*here, column == wanted.c.name).lateral("each")
    return (
        sa.select(*each.c)
        .select_from(wanted.join(each, sa.true()))
        .where(is_known(APP_ID))
        .order_by(ordered(each.c.uid))
        .limit(MOST)
    )


KINDS: tuple[type[Filter], ...] = (Everyone, DeviceIds, UserIds)
CUT = {kind: Prepared(_select_cut(kind)) for kind in KINDS}
WITHIN = {
    (kind, of_one, backward): Prepared(
        _select_within(kind, *COLUMNS, of_one=of_one, backward=backward)
    )
    for kind, of_one, backward in product(KINDS, (False, True), (False, True))
}
BEHIND = Prepared(
    sa.select(*COLUMNS)
    .where(
        devices.c.app_id == APP_ID,
        devices.c.uid == sa.any_(sa.cast(sa.bindparam("uids", type_=NUMBERS), NUMBERS)),
        IS_ACTIVE,
        is_known(APP_ID),
    )
    .order_by(devices.c.uid)
)
