"""The outbox: words about addresses on their way to registry, kept until it has taken them."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.messages import Platform
from services.dispatch.domain.outcomes import AddressReport, Finding
from services.dispatch.store.tables import address_reports, fuses, is_any


async def add(tx: AsyncConnection, reports: Sequence[AddressReport], wait: timedelta) -> None:
    """Write reports down. Those that condemn wait a little: the fuse may yet blow over them."""
    is_held = sa.exists().where(
        fuses.c.app_id == sa.bindparam("of_app_id", type_=sa.Uuid),
        fuses.c.platform == sa.bindparam("of_platform", type_=sa.SmallInteger),
        fuses.c.gate == sa.bindparam("of_gate", type_=sa.Text),
        fuses.c.confirm_time.is_(None),
        sa.bindparam("condemns", type_=sa.Boolean),
    )
    due_time = sa.func.now() + sa.bindparam("wait", type_=sa.Interval)
    await tx.execute(
        sa.insert(address_reports).values(
            held=sa.select(is_held).scalar_subquery(), due_time=due_time
        ),
        [
            {
                "app_id": each.app_id,
                "uid": each.uid,
                "platform": each.platform,
                "gate": each.gate,
                "address_digest": each.address_digest,
                "found_time": each.found_time,
                "finding": each.finding,
                "of_app_id": each.app_id,
                "of_platform": each.platform,
                "of_gate": each.gate,
                "condemns": each.finding.condemns,
                "wait": wait if each.finding.condemns else timedelta(),
            }
            for each in reports
        ],
    )


async def take(tx: AsyncConnection, limit: int) -> list[tuple[int, AddressReport]]:
    """The reports that have waited longest, locked until the transaction ends; others pass by."""
    found = await tx.execute(
        sa.select(
            address_reports.c.report_id,
            address_reports.c.app_id,
            address_reports.c.uid,
            address_reports.c.platform,
            address_reports.c.address_digest,
            address_reports.c.found_time,
            address_reports.c.finding,
        )
        .where(~address_reports.c.held, address_reports.c.due_time <= sa.func.now())
        .order_by(address_reports.c.due_time)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [
        (
            row.report_id,
            AddressReport(
                row.app_id,
                row.uid,
                Platform(row.platform),
                row.address_digest,
                row.found_time,
                Finding(row.finding),
            ),
        )
        for row in found
    ]


async def delete(tx: AsyncConnection, report_ids: Sequence[int]) -> None:
    await tx.execute(
        sa.delete(address_reports).where(is_any(address_reports.c.report_id, report_ids))
    )
