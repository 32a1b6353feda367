"""What gateways say of addresses, and what an operator takes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.domain.device import AddressReport, Environment, State
from services.registry.store.rows import rows
from services.registry.store.tables import (
    ENVIRONMENT,
    IS_QUARANTINED,
    STATE,
    STATE_NUMBERS,
    TIME,
    devices,
)

MAX_COUNT = 100_000
MAX_RESTORED = 5000
NUMBER = sa.SmallInteger


@dataclass(frozen=True, slots=True)
class Settled:
    """How many devices some reports made DEAD, and how many QUARANTINED."""

    buried: int
    quarantined: int


async def settle(tx: AsyncConnection, reports: Sequence[AddressReport]) -> Settled:
    """Move devices to the states that their addresses deserve, and note where these are at home.

    A report counts only against the address it names. It condemns that address only if the client
    has not vouched for it since, and never lifts a device up: DEAD is not QUARANTINED again.
    """
    named = _lock_named(reports)
    state = sa.func.max(named.c.state).label("state")
    environment = sa.func.max(named.c.environment).label("environment")
    found = (
        sa.select(named.c.app_id, named.c.uid, state, environment)
        .group_by(named.c.app_id, named.c.uid)
        .cte("found")
    )
    stands = sa.type_coerce(devices.c.state, NUMBER)
    is_worse = stands < found.c.state
    at_home = sa.func.coalesce(found.c.environment, sa.type_coerce(devices.c.environment, NUMBER))
    settled = (
        sa.update(devices)
        .where(
            devices.c.app_id == found.c.app_id,
            devices.c.uid == found.c.uid,
            is_worse | sa.type_coerce(devices.c.environment, NUMBER).is_distinct_from(at_home),
        )
        .values(
            state=sa.type_coerce(sa.func.greatest(stands, found.c.state), STATE),
            environment=sa.type_coerce(at_home, ENVIRONMENT),
        )
        .returning(found.c.state)
    )
    states = list((await tx.execute(settled)).scalars())
    return Settled(
        states.count(STATE_NUMBERS[State.DEAD]), states.count(STATE_NUMBERS[State.QUARANTINED])
    )


def _lock_named(reports: Sequence[AddressReport]) -> sa.CTE:
    """The devices that still have the addresses reported, and what each report says of them.

    Locked in the order in which registrations lock, so that the two never deadlock.
    """
    findings = [r.finding for r in reports]
    report = rows(
        "report",
        app_id=(sa.Uuid, [r.app_id for r in reports]),
        uid=(sa.BigInteger, [r.uid for r in reports]),
        digest=(sa.LargeBinary, [r.address_digest for r in reports]),
        found_time=(TIME, [r.found_time for r in reports]),
        state=(STATE, [f if isinstance(f, State) else None for f in findings]),
        environment=(ENVIRONMENT, [f if isinstance(f, Environment) else None for f in findings]),
    )
    is_it = sa.and_(devices.c.app_id == report.c.app_id, devices.c.uid == report.c.uid)
    is_news = devices.c.address_time <= report.c.found_time
    return (
        sa.select(
            devices.c.app_id,
            devices.c.uid,
            sa.case((is_news, sa.type_coerce(report.c.state, NUMBER))).label("state"),
            sa.type_coerce(report.c.environment, NUMBER).label("environment"),
        )
        .join_from(devices, report, is_it)
        .where(devices.c.address_digest == report.c.digest)
        .order_by(devices.c.app_id, devices.c.device_id.collate("C"))
        .with_for_update(of=devices)
        .cte("named")
    )


async def count_quarantined(tx: AsyncConnection, app_id: UUID) -> int:
    """How many an application has; counting stops at 100000."""
    some = (
        sa.select(devices.c.uid)
        .where(devices.c.app_id == app_id, IS_QUARANTINED)
        .limit(MAX_COUNT)
        .subquery()
    )
    return int((await tx.execute(sa.select(sa.func.count()).select_from(some))).scalar_one())


async def restore(tx: AsyncConnection, app_id: UUID, device_ids: Sequence[str]) -> list[int]:
    """Bring quarantined devices back, those named or all; the uids of at most 5000.

    `address_time` stays: what Apple said of the address before the suspicion is no less true.
    """
    found = sa.select(devices.c.uid).where(devices.c.app_id == app_id, IS_QUARANTINED)
    if device_ids:
        wanted = rows("wanted", device_id=(sa.Text, list(device_ids)))
        found = found.join_from(devices, wanted, devices.c.device_id == wanted.c.device_id)
    some = (
        found.order_by(devices.c.uid)
        .limit(MAX_RESTORED)
        .with_for_update(of=devices, skip_locked=True)
        .cte("some")
    )
    restored = (
        sa.update(devices)
        .where(devices.c.app_id == app_id, devices.c.uid == some.c.uid)
        .values(state=State.ACTIVE)
        .returning(devices.c.uid)
    )
    return list((await tx.execute(restored)).scalars())
