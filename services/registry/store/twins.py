"""Devices that share an address: the one that vouched for it last is the newest of the twins."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kit.prepared import Prepared
from services.registry.store.rows import Bare, number_owners, owner_array, rows
from services.registry.store.tables import devices

# The index is on a prefix: whole digests would be most of its size.
PREFIX = sa.text("1"), sa.text("8")
# More devices than these at one address are somebody's test, and not worth more work.
MAX_TWINS = 100

Shared = Sequence[tuple[UUID, bytes]]


async def note(tx: AsyncConnection, vouched: Sequence[tuple[UUID, int, bytes]]) -> int:
    """Let the twins of these (app_id, uid, address_digest) know of each other.

    Returns how many were told. Runs after the registrations are committed, so that of two that come
    at once one sees the other. Nearly always it finds nobody: an address is one device's.
    """
    owners, numbers = number_owners(app_id for app_id, _, _ in vouched)
    found = await FIND.fetch(
        tx,
        owners=owners,
        owner=[numbers[app_id.int] for app_id, _, _ in vouched],
        uids=[uid for _, uid, _ in vouched],
        digests=[digest for _, _, digest in vouched],
    )
    shared = {(row["app_id"], row["address_digest"]) for row in found}
    return await _rank(tx, sorted(shared)) if shared else 0


def _make_find() -> sa.Select[Any]:
    """One at a time, which the limit tells the planner: it would read small books to the end."""
    given = {"owner": "smallint", "uids": "bigint", "digests": "bytea"}
    arrays = [
        sa.cast(sa.bindparam(name, type_=Bare(f"{kind}[]")), Bare(f"{kind}[]"))
        for name, kind in given.items()
    ]
    vouched = (
        sa.func.unnest(*arrays)
        .table_valued(
            sa.column("owner", sa.SmallInteger),
            sa.column("uid", sa.BigInteger),
            sa.column("address_digest", sa.LargeBinary),
        )
        .render_derived(name="vouched")
    )
    app_id = owner_array("owners")[vouched.c.owner]
    other = (
        sa.select(devices.c.app_id)
        .where(
            *_at(app_id, vouched.c.address_digest),
            devices.c.uid != vouched.c.uid,
        )
        .limit(sa.literal_column("1"))
        .lateral("other")
    )
    return sa.select(other.c.app_id, vouched.c.address_digest).select_from(
        vouched.join(other, sa.true())
    )


async def _rank(tx: AsyncConnection, shared: Shared) -> int:
    """Point each twin at the newest of them, and the newest at nobody."""
    twins = _lock_twins(shared)
    newest = sa.func.first_value(twins.c.uid).over(
        partition_by=(twins.c.app_id, twins.c.address_digest),
        order_by=(twins.c.address_time.desc(), twins.c.uid.desc()),
    )
    ranked = sa.select(twins.c.app_id, twins.c.uid, newest.label("newest")).cte("ranked")
    newer = sa.func.nullif(ranked.c.newest, ranked.c.uid)
    told = (
        sa.update(devices)
        .where(
            devices.c.app_id == ranked.c.app_id,
            devices.c.uid == ranked.c.uid,
            devices.c.newer_twin_uid.is_distinct_from(newer),
        )
        .values(newer_twin_uid=newer)
    )
    return (await tx.execute(told)).rowcount


def _lock_twins(shared: Shared) -> sa.CTE:
    """Whoever is at these addresses, locked in the order in which registrations lock."""
    address = rows(
        "address",
        app_id=(sa.Uuid, [each[0] for each in shared]),
        address_digest=(sa.LargeBinary, [each[1] for each in shared]),
    )
    mate = (
        sa.select(devices.c.app_id, devices.c.uid)
        .where(*_at(address.c.app_id, address.c.address_digest))
        .order_by(devices.c.address_time.desc(), devices.c.uid.desc())
        .limit(MAX_TWINS)
        .lateral("mate")
    )
    mates = sa.select(mate).select_from(address.join(mate, sa.true())).cte("mates")
    is_mate = sa.and_(devices.c.app_id == mates.c.app_id, devices.c.uid == mates.c.uid)
    return (
        sa.select(devices.c.app_id, devices.c.uid, devices.c.address_digest, devices.c.address_time)
        .join_from(mates, devices, is_mate)
        .order_by(devices.c.app_id, devices.c.device_id.collate("C"))
        .with_for_update(of=devices)
        .cte("twins")
    )


def _at(
    app_id: sa.ColumnElement[UUID], digest: sa.ColumnElement[bytes]
) -> tuple[sa.ColumnElement[bool], ...]:
    """Devices at an address; the digest may be another one of the same prefix."""
    return (
        devices.c.app_id == app_id,
        sa.func.substr(devices.c.address_digest, *PREFIX) == sa.func.substr(digest, *PREFIX),
        devices.c.address_digest == digest,
    )


FIND = Prepared(_make_find())
