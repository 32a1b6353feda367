"""Whatever clients, gateways and operators do, in any order: does a device stand as it should?"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.registry.domain.device import (
    AddressReport,
    DeviceUpdate,
    Environment,
    Finding,
    State,
    digest_address,
)
from services.registry.domain.faults import DeviceNotFound
from services.registry.store import devices, findings, tables, twins
from tests.conftest import NOON
from tests.registry.world import phone, put_app, write

T = TypeVar("T")
MINUTE = timedelta(minutes=1)
names = some.sampled_from(["phone", "tablet", "watch"])
addresses = some.sampled_from(["here", "there"])
words = some.sampled_from([State.QUARANTINED, State.DEAD, *Environment])
RANK = {State.ACTIVE: 1, State.QUARANTINED: 2, State.DEAD: 3}


@dataclass(frozen=True)
class Standing:
    """How a device should stand in the book."""

    uid: int
    address: str
    address_time: datetime
    state: State = State.ACTIVE
    environment: Environment | None = None

    def vouched(self, address: str, now: datetime) -> "Standing":
        environment = self.environment if address == self.address else None
        return Standing(self.uid, address, now, State.ACTIVE, environment)

    def told(self, address: str, finding: Finding, when: datetime) -> "Standing":
        if address != self.address:
            return self
        if isinstance(finding, Environment):
            return replace(self, environment=finding)
        if when < self.address_time or RANK[finding] <= RANK[self.state]:
            return self
        return replace(self, state=finding)


class Book(RuleBasedStateMachine):
    """A client vouches, a gateway speaks (perhaps late), an operator restores or deletes."""

    def __init__(self, db: AsyncEngine, app: UUID, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.db, self.app, self.loop = db, app, loop
        self.now = NOON
        self.book: dict[str, Standing] = {}
        self.wait(self._clear())

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    async def _clear(self) -> None:
        async with self.db.begin() as tx:
            await tx.execute(tables.devices.delete())

    @rule(name=names, address=addresses)
    def register(self, name: str, address: str) -> None:
        self.now += MINUTE
        uid = self.wait(self._register(name, address))
        known = self.book.get(name)
        assert known is None or known.uid == uid
        fresh = known or Standing(uid, address, self.now)
        self.book[name] = fresh.vouched(address, self.now)

    async def _register(self, name: str, address: str) -> int:
        async with self.db.begin() as tx:
            [device] = await write(tx, [phone(self.app, name, address=address)], self.now)
        await self._note(device.uid, address)
        return device.uid

    async def _note(self, uid: int, address: str) -> None:
        async with self.db.begin() as tx:
            await twins.note(tx, [(self.app, uid, digest_address(address))])

    @rule(name=names, address=addresses)
    def update(self, name: str, address: str) -> None:
        self.now += MINUTE
        known = self.book.get(name)
        absent = known is None or known.state is not State.ACTIVE
        assert self.wait(self._update(name, address)) is not absent
        if known is not None and not absent:
            self.book[name] = known.vouched(address, self.now)

    async def _update(self, name: str, address: str) -> bool:
        try:
            async with self.db.begin() as tx:
                changed = DeviceUpdate(self.app, name, address=address)
                device = await devices.update(tx, changed, self.now)
        except DeviceNotFound:
            return False
        await self._note(device.uid, address)
        return True

    @rule(name=names, address=addresses, finding=words, ago=some.integers(0, 3))
    def hear(self, name: str, address: str, finding: Finding, ago: int) -> None:
        if name in self.book:
            known, when = self.book[name], self.now - ago * MINUTE
            digest = digest_address(address)
            self.wait(self._hear(AddressReport(self.app, known.uid, digest, when, finding)))
            self.book[name] = known.told(address, finding, when)

    async def _hear(self, report: AddressReport) -> None:
        async with self.db.begin() as tx:
            await findings.settle(tx, [report])

    @rule(name=some.none() | names)
    def restore(self, name: str | None) -> None:
        self.wait(self._restore([name] if name else []))
        for each, known in self.book.items():
            if known.state is State.QUARANTINED and name in {None, each}:
                self.book[each] = replace(known, state=State.ACTIVE)

    async def _restore(self, wanted: list[str]) -> None:
        async with self.db.begin() as tx:
            await findings.restore(tx, self.app, wanted)

    @rule(name=names)
    def delete(self, name: str) -> None:
        if self.book.pop(name, None) is not None:
            self.wait(self._delete(name))

    async def _delete(self, name: str) -> None:
        async with self.db.begin() as tx:
            await devices.delete(tx, self.app, name, self.now)

    @invariant()
    def it_stands_as_it_should(self) -> None:
        rows = self.wait(self._read())
        assert {row.device_id: _standing(row) for row in rows} == self.book
        for row in rows:
            mates = [each for each in rows if each.address == row.address]
            newest = max(mates, key=lambda each: (each.address_time, each.uid))
            known = row.newer_twin_uid
            # It may point at one that has left since: whoever reads it looks at the address again.
            has_left = known is not None and known not in {each.uid for each in mates}
            assert has_left or known == (None if row is newest else newest.uid)

    async def _read(self) -> list[Any]:
        async with self.db.connect() as tx:
            return await _rows(tx)


async def _rows(tx: AsyncConnection) -> list[Any]:
    return list(await tx.execute(tables.devices.select()))


def _standing(row: Any) -> Standing:
    return Standing(row.uid, row.address, row.address_time, row.state, row.environment)


async def test_it_does(registry_db: AsyncEngine) -> None:
    app = await put_app(registry_db)
    loop = asyncio.get_running_loop()
    asked = settings(max_examples=25, stateful_step_count=25, deadline=None)

    def ask() -> None:
        run_state_machine_as_test(lambda: Book(registry_db, app, loop), settings=asked)  # type: ignore[arg-type]  # any factory will do

    await asyncio.to_thread(ask)
