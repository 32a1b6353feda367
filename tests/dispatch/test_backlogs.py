"""What becomes of events for a webhook that does not answer, however many there are?"""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.webhooks import EventKind, Keyring, SigningSecret, Webhook
from services.dispatch.store import backlogs, events, webhooks
from services.dispatch.store.tables import webhook_events
from services.dispatch.trimmer import Trimmer
from services.kit.paging import Window
from services.kit.vault import Vault
from tests.conftest import NOON
from tests.dispatch.clocks import Clock
from tests.dispatch.makers import APP, OTHER_APP

VAULT = Vault({"k1": bytes(32)})
MOST = 5


async def fill(db: AsyncEngine, count: int, app_id: Any = APP) -> int:
    """A webhook for which so many events wait."""
    keyring = Keyring("", (SigningSecret("secret"),))
    webhook = Webhook(app_id, "crm", "https://crm.example", EventKind(1), "", keyring, NOON, NOON)
    async with db.begin() as tx:
        await webhooks.create(tx, VAULT, webhook)
        number = await webhooks.number_of(tx, app_id, "crm")
        assert number is not None
        if count:
            await post(tx, number, count, app_id)
    return number


async def post(tx: Any, webhook_id: int, count: int, app_id: Any = APP) -> None:
    drafts = [
        events.Draft(webhook_id, app_id, str(each).encode(), NOON, "") for each in range(count)
    ]
    await events.add(tx, VAULT, drafts, NOON + timedelta(days=1))


async def bodies(
    db: AsyncEngine, webhook_id: int, app_id: Any = APP
) -> tuple[list[str], list[str]]:
    """What waits, and what lies dead for want of room."""
    async with db.connect() as tx:
        waiting = await events.due(tx, VAULT, app_id, webhook_id, 100)
        dead = await events.dead(tx, VAULT, app_id, webhook_id, Window(size=100))
    assert {each.reason for each in dead} <= {backlogs.REASON}
    return [each.body.decode() for each in waiting], [each.body.decode() for each in dead]


async def trim(db: AsyncEngine) -> int:
    """Trim until nothing is left to trim; in how many steps."""
    trimmer, steps = Trimmer(db, Clock(), MOST), 0
    while await trimmer.step():
        steps += 1
    return steps


async def test_the_oldest_become_dead_letters(dispatch_db: AsyncEngine) -> None:
    number, other = await fill(dispatch_db, 8), await fill(dispatch_db, MOST, OTHER_APP)
    await trim(dispatch_db)

    assert await bodies(dispatch_db, number) == (["3", "4", "5", "6", "7"], ["0", "1", "2"])
    assert await bodies(dispatch_db, other, OTHER_APP) == (["0", "1", "2", "3", "4"], [])


async def test_and_of_too_many_dead_letters_the_oldest_are_forgotten(
    dispatch_db: AsyncEngine,
) -> None:
    number = await fill(dispatch_db, 14)
    await trim(dispatch_db)
    waiting, dead = await bodies(dispatch_db, number)

    assert waiting == ["9", "10", "11", "12", "13"]
    assert dead == ["4", "5", "6", "7", "8"]


async def test_what_is_replayed_counts_again(dispatch_db: AsyncEngine) -> None:
    number = await fill(dispatch_db, 8)
    await trim(dispatch_db)
    async with dispatch_db.begin() as tx:
        await events.revive(tx, number, (), NOON + timedelta(days=1))
        await events.delete(tx, [])
    await trim(dispatch_db)

    assert [len(each) for each in await bodies(dispatch_db, number)] == [MOST, 3]


async def test_what_somebody_writes_at_the_moment_is_passed_over(dispatch_db: AsyncEngine) -> None:
    number = await fill(dispatch_db, 8)
    async with dispatch_db.begin() as working:
        await working.execute(
            sa.select(webhook_events.c.number)
            .order_by(webhook_events.c.number)
            .limit(1)
            .with_for_update()
        )
        assert await Trimmer(dispatch_db, Clock(), MOST).step()
    waiting, dead = await bodies(dispatch_db, number)

    assert waiting == ["0", "4", "5", "6", "7"]
    assert dead == ["1", "2", "3"]


@pytest.mark.parametrize("count", [0, 1, MOST])
async def test_nothing_is_given_up_within_the_limit(dispatch_db: AsyncEngine, count: int) -> None:
    await fill(dispatch_db, count)

    assert await trim(dispatch_db) == 0
