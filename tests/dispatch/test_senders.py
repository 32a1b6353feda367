"""Do several senders share the work, each message once, without a word between them?"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.messages import Message, Platform
from services.dispatch.domain.parcels import Lane, Slice
from services.dispatch.domain.segments import unpack
from services.dispatch.store import days, intake, ledger, plans, tables
from tests.dispatch.makers import a_message, to_devices, to_platforms
from tests.dispatch.some_senders import PHONES
from tests.dispatch.station import now, phones
from tests.house.waiting import until

SIZE = 25
SLICES = PHONES // SIZE
LEASE = timedelta(seconds=30)


async def broadcast(db: AsyncEngine) -> Message:
    message = a_message(to_platforms(Platform.IOS), now=now())
    async with db.begin() as tx:
        await days.open_days(tx, message.day - timedelta(days=1), 3)
        await intake.accept(tx, [message])
        plan = await plans.lease(tx, LEASE)
        assert plan is not None
        cut = [Slice(Platform.IOS, n * SIZE, n * SIZE + SIZE, SIZE) for n in range(SLICES)]
        await plans.add_parcels(tx, plan, Lane.BULK, cut, message.start_time)
        await plans.end(tx, plan)
    return message


@dataclass(frozen=True)
class Senders:
    process: Process
    folder: Path

    async def start(self, number: int) -> None:
        self._tell(f"{number}\n")
        for _ in range(number):
            await self._hear(b"ready\n")

    async def stop(self, number: int) -> list[Counter[str]]:
        """The addresses that each of them asked for."""
        self._tell("stop\n")
        await self._hear(b"done\n")
        files = sorted(self.folder.glob(f"{number}-*"))
        return [Counter(file.read_text().split()) for file in files]

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode())

    async def _hear(self, wanted: bytes) -> None:
        assert self.process.stdout is not None
        # What they log comes between.
        while (line := await self.process.stdout.readline()) != wanted:
            assert line, "they have ended"


@asynccontextmanager
async def at_work(url: str, folder: Path) -> AsyncIterator[Senders]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.dispatch.some_senders", url, str(folder)),
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        yield Senders(process, folder)
    finally:
        await process.communicate(b"\n")


async def test_each_device_is_asked_for_by_one_of_one_two_or_four(
    dispatch_url: str, dispatch_db: AsyncEngine, tmp_path: Path
) -> None:
    async with at_work(dispatch_url, tmp_path) as senders:
        for number in (1, 2, 4):
            await senders.start(number)
            everybody = await broadcast(dispatch_db)
            await to_all_by_name(dispatch_db)
            await until(lambda: left(dispatch_db), lambda count: count == 0)
            shares = await senders.stop(number)

            assert len(shares) == number
            # Once by the broadcast, and once by what was for all of them by name.
            assert sum(shares, Counter()) == {phone.address: 2 for phone in phones(PHONES)}
            outcomes = await recorded(dispatch_db, everybody)
            assert outcomes == dict.fromkeys(range(1, PHONES + 1), 1)


async def to_all_by_name(db: AsyncEngine) -> None:
    message = a_message(to_devices("phone"), now=now())
    async with db.begin() as tx:
        await intake.accept(tx, [message])


async def left(db: AsyncEngine) -> int:
    async with db.connect() as tx:
        count = sa.select(sa.func.count()).select_from(tables.parcels)
        return int((await tx.execute(count)).scalar_one())


async def recorded(db: AsyncEngine, message: Message) -> Counter[int]:
    async with db.connect() as tx:
        read = await ledger.read(tx, message, None, backward=False, limit=PHONES)
    return Counter(result.uid for _, segment, _ in read for result in unpack(segment))
