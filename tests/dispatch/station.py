"""A sender at work: a real database, neighbours in memory, and gateways that answer by a script."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.circuits import Circuit
from services.dispatch.domain.credentials import ApnsCredential, Credential, GatewayKind
from services.dispatch.domain.messages import Message, Platform, Target
from services.dispatch.domain.outcomes import Finding, Outcome, Result
from services.dispatch.domain.parcels import WHOLE_AXIS, Lane, ParcelState, Recipient, Slice
from services.dispatch.domain.rooms import Chunk
from services.dispatch.domain.segments import unpack
from services.dispatch.gateways.pool import GatewayPool, GatewayUrls
from services.dispatch.recorder import Recorder
from services.dispatch.sender import Sender
from services.dispatch.sending import Desk
from services.dispatch.store import circuits, days, intake, ledger
from services.dispatch.store import parcels as parcel_store
from services.dispatch.store.tables import address_reports, parcels
from services.dispatch.switchboard import Limits, Switchboard
from services.dispatch.wire import Answer, Request, WireError
from tests.dispatch.answers import answer
from tests.dispatch.makers import a_message
from tests.dispatch.scripted import PostingWire
from tests.house.waiting import until

LIMITS = Limits(250, 600_000, timedelta(hours=24), timedelta(seconds=30))
URLS = GatewayUrls("https://apns.example", "https://sandbox.example", "https://fcm.example")
OK = answer(200)


class People:
    """Targeting: whom any target means now, until somebody is taken out."""

    def __init__(self, recipients: Sequence[Recipient]) -> None:
        self.recipients = list(recipients)
        # The slices that were asked for.
        self.resolved: list[Slice] = []

    async def resolve_slice(self, _app: UUID, _target: Target, part: Slice) -> AsyncIterator[Chunk]:
        self.resolved.append(part)
        meant = [
            each
            for each in self.recipients
            if part.platform in {Platform.MIXED, each.platform}
            and part.after_uid < each.uid <= part.through_uid
        ]
        yield Chunk(tuple(meant))

    async def resolve_uids(
        self, _app: UUID, _target: Target, uids: Sequence[int]
    ) -> AsyncIterator[Chunk]:
        yield Chunk(tuple(each for each in self.recipients if each.uid in set(uids)))


@dataclass
class Credentials:
    """Registry: the credentials of the application."""

    kept: dict[GatewayKind, Credential]
    # What was said of them: which version, and why it was refused.
    states: list[tuple[Platform, int, str | None]] = field(default_factory=list)

    async def credential(self, _app: UUID, kind: GatewayKind) -> Credential | None:
        return self.kept.get(kind)

    async def report_state(
        self, _app: UUID, platform: Platform, version: int, reason: str | None
    ) -> None:
        self.states.append((platform, version, reason))

    def renew(self, kind: GatewayKind) -> None:
        known = self.kept[kind]
        self.kept[kind] = replace(known, version=known.version + 1)


@dataclass
class Script(PostingWire):
    """A wire on whose other side `reply` says what is answered."""

    reply: Callable[[Request], Answer | WireError]
    asked: list[str] = field(default_factory=list)
    # Closed: nobody is answered.
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    # Who is not, by a word in the URL: empty means everybody.
    slow: str = ""

    def __post_init__(self) -> None:
        self.gate.set()

    async def post(self, request: Request) -> Answer:
        self.asked.append(request.url)
        await asyncio.sleep(0)
        if self.slow in request.url:
            await self.gate.wait()
        said = self.reply(request)
        if isinstance(said, WireError):
            raise said
        return said

    async def close(self) -> None:
        """There is nothing to close."""


@dataclass
class Station:
    db: AsyncEngine
    people: People
    credentials: Credentials
    wire: Script
    switchboard: Switchboard
    sender: Sender
    # When it was told that a message may have ended: so many had been asked for by then.
    endings: list[int] = field(default_factory=list)

    async def send(self, target: Target, cuts: Sequence[int] = (), **changed: Any) -> Message:
        """Accept a message; a platform as the target becomes one parcel of all, or several."""
        message = replace(a_message(target, now=now()), **changed)
        async with self.db.begin() as tx:
            await intake.accept(tx, [message])
            for after, through in pairwise((0, *cuts, WHOLE_AXIS)):
                if not target.is_small:
                    await tx.execute(
                        sa.insert(parcels).values(
                            app_id=message.app_id,
                            message_id=message.message_id,
                            lane=Lane.BULK,
                            place=1,
                            platform=target.platforms[0],
                            after_uid=after,
                            through_uid=through,
                            attempt=0,
                            first_time=message.create_time,
                            state=ParcelState.READY,
                        )
                    )
        self.sender.bell.ring()
        return message

    async def outcomes(self, message: Message) -> dict[int, tuple[Outcome, str]]:
        """How each recipient has ended so far."""
        async with self.db.connect() as connection:
            read = await ledger.read(connection, message, None, backward=False, limit=1000)
        results: list[Result] = [each for _, segment, _ in read for each in unpack(segment)]
        assert len({each.uid for each in results}) == len(results)
        return {each.uid: (each.outcome, each.reason) for each in results}

    async def begun(self) -> int:
        """How many requests have begun."""
        return len(self.wire.asked)

    async def resolved(self) -> int:
        """How many slices the sender has asked targeting for."""
        return len(self.people.resolved)

    async def halted(self) -> int:
        """How many parcels the sender has in hands of which it begins nothing more."""
        return self.sender.halted_count

    async def ended(self, message: Message, count: int) -> dict[int, tuple[Outcome, str]]:
        """The outcomes, as soon as there are so many."""
        return await until(lambda: self.outcomes(message), lambda found: len(found) >= count)

    async def open_circuits(self) -> dict[str, Circuit]:
        """By gate."""
        async with self.db.connect() as connection:
            return {each.key.gate: each for each in await circuits.read_all(connection)}

    async def reports(self, *, held: bool = False) -> list[tuple[Finding, datetime]]:
        """What waits for registry, whether or not it is due; or what a blown fuse holds."""
        query = sa.select(address_reports.c.finding, address_reports.c.found_time)
        async with self.db.connect() as connection:
            found = await connection.execute(query.where(address_reports.c.held == held))
            return [(Finding(row.finding), row.found_time) for row in found]

    async def states(self) -> list[int]:
        """Of the parcels that are left."""
        async with self.db.connect() as connection:
            found = await connection.execute(sa.select(parcels.c.state).order_by(parcels.c.state))
            return list(found.scalars())

    async def waits(self) -> list[float]:
        """For how many seconds the parcels that are left still wait."""
        seconds = sa.extract("epoch", parcels.c.due_time - sa.func.now())
        async with self.db.connect() as connection:
            return [
                float(each) for each in (await connection.execute(sa.select(seconds))).scalars()
            ]

    async def pass_time(self, table: sa.Table, column: str) -> None:
        """Let what waits for a time of the database's clock be due now."""
        async with self.db.begin() as tx:
            await tx.execute(sa.update(table).values({column: sa.func.now()}))

    async def wake(self) -> int:
        """What the planner's waker does every quarter of a second."""
        async with self.db.begin() as tx:
            woken = await parcel_store.wake(tx, 1000)
        self.sender.bell.ring()
        return woken


@asynccontextmanager
async def working(
    db: AsyncEngine,
    people: Sequence[Recipient],
    reply: Callable[[Request], Answer | WireError],
    kept: Mapping[GatewayKind, Credential],
    **limits: Any,
) -> AsyncIterator[Station]:
    """A sender that runs until the block is left."""
    async with db.begin() as tx:
        await days.open_days(tx, datetime.now(UTC).date() - timedelta(days=1), 3)
    wire, audience, credentials = Script(reply), People(people), Credentials(dict(kept))
    pool = GatewayPool(credentials, URLS, wire, now, time.monotonic)
    recorder = Recorder(db, 250, ring_outbox=lambda: None)
    said = replace(LIMITS, **limits)
    switchboard = Switchboard(db, pool, credentials, said, time.monotonic)
    desk = Desk(db, audience, pool, wire, recorder, switchboard, now, time.monotonic, said.patience)
    slots = {Lane.EXPRESS: 4, Lane.BULK: 2}
    endings: list[int] = []
    sender = Sender(
        desk,
        slots=slots,
        lease_time=said.lease_time,
        ring_endings=lambda: endings.append(len(wire.asked)),
    )
    running = asyncio.create_task(sender.run())
    try:
        yield Station(db, audience, credentials, wire, switchboard, sender, endings)
    finally:
        await sender.drain()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def now() -> datetime:
    return datetime.now(UTC)


def phones(count: int, **changed: Any) -> list[Recipient]:
    """IPhones with the uids 1, 2, 3 and so on."""
    return [Recipient(uid, Platform.IOS, f"{uid:064x}", **changed) for uid in range(1, count + 1)]


def apns_key(**changed: Any) -> ApnsCredential:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    said: dict[str, Any] = {
        "version": 1,
        "key_id": "KEY1234567",
        "team_id": "TEAM123456",
        "sandbox": False,
    }
    return ApnsCredential(bundle_id="com.acme.bank", private_key=pem.decode(), **(said | changed))
