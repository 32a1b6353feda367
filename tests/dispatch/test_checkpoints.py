"""What of a checkpoint is written when some of its parcels are in other hands by now?"""

from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.dispatch.domain.messages import Platform
from services.dispatch.domain.outcomes import Outcome, Result, by_manner
from services.dispatch.store import checkpoints, counts, days, ledger
from services.dispatch.store.checkpoints import Entry
from services.dispatch.store.tables import parcels
from tests.conftest import NOON
from tests.dispatch.makers import APP, a_message, lease_new, sent

MESSAGE = a_message(now=NOON)


async def begin(tx: AsyncConnection) -> None:
    await days.open_days(tx, NOON.date(), 1)


async def recorded(tx: AsyncConnection) -> list[tuple[int, int, int]]:
    """Of each segment the first and last uid, and how many kinds there are."""
    read = await ledger.read(tx, MESSAGE, None, backward=False, limit=100)
    return [(part.first_uid, part.last_uid, len(part.kinds)) for _, part, _ in read]


async def test_what_is_ours_is_written_and_what_is_not_is_left_to_its_owner(
    dispatch_db: AsyncEngine,
) -> None:
    async with dispatch_db.begin() as tx:
        await begin(tx)
        (ours,) = await lease_new(tx, MESSAGE)
        (taken,) = await lease_new(tx, MESSAGE)
        await tx.execute(
            sa.update(parcels).where(parcels.c.parcel_id == taken.parcel_id).values(epoch=2)
        )
        entries = [Entry(ours, by_manner(sent(1, 2)), ends=True)]
        entries.append(Entry(taken, by_manner(sent(3, 4)), ends=True))
        held, _ = await checkpoints.record(tx, entries)
        left = list((await tx.execute(sa.select(parcels.c.parcel_id))).scalars())

        assert held == {ours.key}
        assert await recorded(tx) == [(1, 2, 1)]
        assert left == [taken.parcel_id]


async def test_a_parcel_that_was_lost_and_taken_again_is_written_by_its_last_lease_alone(
    dispatch_db: AsyncEngine,
) -> None:
    async with dispatch_db.begin() as tx:
        await begin(tx)
        (lost,) = await lease_new(tx, MESSAGE)
        again = replace(lost, epoch=2)
        await tx.execute(sa.update(parcels).values(epoch=2))
        entries = [Entry(lost, by_manner(sent(1))), Entry(again, by_manner(sent(2)))]
        held, _ = await checkpoints.record(tx, entries)

        assert held == {again.key}
        assert await recorded(tx) == [(2, 2, 1)]


async def test_all_manners_of_ending_are_counted(dispatch_db: AsyncEngine) -> None:
    async with dispatch_db.begin() as tx:
        await begin(tx)
        (parcel,) = await lease_new(tx, MESSAGE)
        results = [*sent(1, 2), *sent(5, platform=Platform.ANDROID)]
        results += [Result(uid, Platform.IOS, Outcome.FAILED, f"Bad {uid}") for uid in (3, 4)]
        await checkpoints.record(tx, [Entry(parcel, by_manner(results))])
        counted = await counts.outcomes_of(tx, APP, NOON.date())

        assert sorted(await recorded(tx)) == [(1, 4, 3), (5, 5, 1)]
        assert [(each.platform, each.outcome, each.count) for each in counted] == [
            (Platform.IOS, Outcome.SENT, 2),
            (Platform.IOS, Outcome.FAILED, 2),
            (Platform.ANDROID, Outcome.SENT, 1),
        ]


async def test_a_checkpoint_finds_its_parcels_by_their_key(dispatch_db: AsyncEngine) -> None:
    async with dispatch_db.begin() as tx:
        await begin(tx)
        (parcel,) = await lease_new(tx, MESSAGE)
        await tx.execute(
            sa.text(
                "INSERT INTO parcels (app_id, message_id, lane, place, platform, after_uid,"
                " through_uid, first_time, state) SELECT :app, 'm' || n, 2, n, 1, 0, 9, now(), 1"
                " FROM generate_series(1, 5000) AS n"
            ),
            {"app": APP},
        )
        await tx.execute(sa.text("ANALYZE parcels"))
        driver = (await tx.get_raw_connection()).driver_connection
        assert driver is not None
        values = checkpoints.bind([Entry(parcel, by_manner(sent(1)), ends=True)])
        text = checkpoints.RECORD.text
        lines = await driver.fetch(f"EXPLAIN {text}", *checkpoints.RECORD.bind(values))

        assert "Seq Scan on parcels" not in "\n".join(line[0] for line in lines)
