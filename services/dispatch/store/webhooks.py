"""Webhooks: kept by name, and leased by one worker at a time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.webhooks import Event, EventKind, Keyring, Webhook
from services.dispatch.store.tables import is_any, walk, webhook_events, webhooks
from services.kit.paging import Window
from services.kit.vault import Sealed, Vault

KEYRING = "webhook-keyring"
# Other rooms' clocks tell when something happened.
CLOCKS_DIFFER_BY = timedelta(seconds=5)

COLUMNS = (
    webhooks.c.app_id,
    webhooks.c.name,
    webhooks.c.url,
    webhooks.c.kinds,
    webhooks.c.annotation,
    webhooks.c.key_id,
    webhooks.c.sealed_keyring,
    webhooks.c.create_time,
    webhooks.c.update_time,
)


@dataclass(frozen=True, slots=True)
class Lease:
    """A webhook as one worker holds it; what it brings is written under its epoch alone."""

    webhook_id: int
    epoch: int
    failures: int
    webhook: Webhook


async def create(tx: AsyncConnection, vault: Vault, webhook: Webhook) -> bool:
    """Whether it was created: False if its name is taken."""
    statement = (
        pg.insert(webhooks)
        .values(
            app_id=webhook.app_id,
            name=webhook.name,
            create_time=webhook.create_time,
            **_to_row(vault, webhook),
        )
        .on_conflict_do_nothing()
    )
    return (await tx.execute(statement)).rowcount == 1


async def update(tx: AsyncConnection, vault: Vault, webhook: Webhook) -> None:
    """Replace it; what waited for its recovery is tried at once."""
    wake = sa.case((webhooks.c.wake_time.is_not(None), sa.func.now()))
    await tx.execute(
        sa.update(webhooks)
        .where(*_is(webhook.app_id, webhook.name))
        .values(failures=0, wake_time=wake, **_to_row(vault, webhook))
    )


async def delete(tx: AsyncConnection, app_id: UUID, name: str) -> bool:
    return (await tx.execute(sa.delete(webhooks).where(*_is(app_id, name)))).rowcount == 1


async def delete_all(tx: AsyncConnection, app_id: UUID) -> None:
    await tx.execute(sa.delete(webhooks).where(webhooks.c.app_id == app_id))


async def find(
    tx: AsyncConnection, vault: Vault, app_id: UUID, name: str, *, lock: bool = False
) -> Webhook | None:
    """The webhook of this name; `lock` it to change it."""
    query = sa.select(*COLUMNS).where(*_is(app_id, name))
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else _from_row(vault, row)


async def number_of(
    tx: AsyncConnection, app_id: UUID, name: str, *, lock: bool = False
) -> int | None:
    """The number under which events wait for the webhook of this name."""
    query = sa.select(webhooks.c.webhook_id).where(*_is(app_id, name))
    found = await tx.execute(query.with_for_update(key_share=True) if lock else query)
    return found.scalar_one_or_none()


async def page(
    tx: AsyncConnection, vault: Vault, app_id: UUID, window: Window[tuple[str]]
) -> list[Webhook]:
    """Webhooks by name in the window's direction, up to its limit."""
    query = sa.select(*COLUMNS).where(webhooks.c.app_id == app_id)
    found = await tx.execute(walk(query, webhooks.c.name, window))
    return [_from_row(vault, row) for row in found]


async def count(tx: AsyncConnection, app_id: UUID) -> int:
    statement = sa.select(sa.func.count()).select_from(webhooks).where(webhooks.c.app_id == app_id)
    return int((await tx.execute(statement)).scalar_one())


async def listening(
    tx: AsyncConnection, app_ids: Collection[UUID], kinds: EventKind
) -> frozenset[UUID]:
    """Those of these applications that want to be told of any of `kinds`."""
    found = await tx.scalars(
        sa.select(webhooks.c.app_id)
        .where(is_any(webhooks.c.app_id, list(app_ids)), _wants(kinds))
        .distinct()
    )
    return frozenset(found)


async def all_listening(tx: AsyncConnection, kinds: EventKind) -> list[UUID]:
    """Every application that wants to be told of any of `kinds`."""
    found = await tx.scalars(
        sa.select(webhooks.c.app_id).where(_wants(kinds)).distinct().order_by(webhooks.c.app_id)
    )
    return list(found)


async def any_listening(tx: AsyncConnection, kinds: EventKind) -> bool:
    """Whether anybody wants to be told of any of `kinds`."""
    return bool((await tx.execute(sa.select(sa.exists().where(_wants(kinds))))).scalar_one())


@dataclass(frozen=True, slots=True)
class Ear:
    """A webhook as whoever posts events needs it."""

    webhook_id: int
    app_id: UUID
    kinds: EventKind
    create_time: datetime

    def wants(self, event: Event) -> bool:
        """What happened before it was made is no business of its."""
        is_later = event.time >= self.create_time - CLOCKS_DIFFER_BY
        return event.app_id == self.app_id and bool(event.kind & self.kinds) and is_later


async def lock(tx: AsyncConnection, app_ids: Collection[UUID]) -> list[Ear]:
    """The webhooks of these applications, held so that no worker falls asleep meanwhile."""
    found = await tx.execute(
        sa.select(
            webhooks.c.webhook_id, webhooks.c.app_id, webhooks.c.kinds, webhooks.c.create_time
        )
        .where(is_any(webhooks.c.app_id, list(app_ids)))
        .order_by(webhooks.c.webhook_id)
        .with_for_update(key_share=True)
    )
    return [Ear(row.webhook_id, row.app_id, EventKind(row.kinds), row.create_time) for row in found]


async def wake(tx: AsyncConnection, webhook_ids: Collection[int]) -> None:
    """See to it that somebody looks after these: at once, or when a pause or a lease is over."""
    await tx.execute(
        sa.update(webhooks)
        .where(is_any(webhooks.c.webhook_id, list(webhook_ids)))
        .values(wake_time=sa.func.coalesce(webhooks.c.wake_time, sa.func.now()))
    )


async def lease(
    tx: AsyncConnection, vault: Vault, limit: int, lease_time: timedelta
) -> list[Lease]:
    """Take the webhooks that have waited longest, by the database's clock."""
    due = (
        sa.select(webhooks.c.webhook_id)
        .where(webhooks.c.wake_time <= sa.func.now())
        .order_by(webhooks.c.wake_time)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = await tx.execute(
        sa.update(webhooks)
        .where(webhooks.c.webhook_id == due.c.webhook_id)
        .values(epoch=webhooks.c.epoch + 1, wake_time=sa.func.now() + lease_time)
        .returning(*COLUMNS, webhooks.c.webhook_id, webhooks.c.epoch, webhooks.c.failures)
    )
    return [Lease(row.webhook_id, row.epoch, row.failures, _from_row(vault, row)) for row in taken]


async def hold(tx: AsyncConnection, held: Lease) -> bool:
    """Whether the lease is still ours; then it is locked until the transaction ends."""
    found = await tx.execute(
        sa.select(webhooks.c.epoch)
        .where(webhooks.c.webhook_id == held.webhook_id)
        .with_for_update(key_share=True)
    )
    return found.scalar_one_or_none() == held.epoch


async def release(tx: AsyncConnection, held: Lease, failures: int, pause: timedelta) -> None:
    """Give a webhook back that `hold` has locked: to be taken when its next event is due."""
    due = (
        sa.select(sa.func.min(webhook_events.c.due_time))
        .where(webhook_events.c.webhook_id == held.webhook_id, IS_WAITING)
        .scalar_subquery()
    )
    # Greatest passes over what is null, and so would wake a webhook for which nothing waits.
    wake = sa.case((due.is_not(None), sa.func.greatest(due, sa.func.now() + pause)))
    await tx.execute(
        sa.update(webhooks)
        .where(webhooks.c.webhook_id == held.webhook_id)
        .values(failures=failures, wake_time=wake)
    )


# Written out, not bound: a plan made for any state could not use the partial index.
IS_WAITING = webhook_events.c.state == sa.literal_column("1")


def _wants(kinds: EventKind) -> sa.ColumnElement[bool]:
    return webhooks.c.kinds.op("&")(int(kinds)) != 0


def _is(app_id: UUID, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return webhooks.c.app_id == app_id, webhooks.c.name == name


def _to_row(vault: Vault, webhook: Webhook) -> dict[str, Any]:
    sealed = vault.seal(msgspec.json.encode(webhook.keyring), webhook.app_id, KEYRING)
    return {
        "url": webhook.url,
        "kinds": int(webhook.kinds),
        "annotation": webhook.annotation,
        "key_id": sealed.key_id,
        "sealed_keyring": sealed.box,
        "update_time": webhook.update_time,
    }


def _from_row(vault: Vault, row: sa.Row[*tuple[Any, ...]]) -> Webhook:
    plain = vault.unseal(Sealed(row.key_id, row.sealed_keyring), row.app_id, KEYRING)
    return Webhook(
        app_id=row.app_id,
        name=row.name,
        url=row.url,
        kinds=EventKind(row.kinds),
        annotation=row.annotation,
        keyring=msgspec.json.decode(plain, type=Keyring),
        create_time=row.create_time,
        update_time=row.update_time,
    )
