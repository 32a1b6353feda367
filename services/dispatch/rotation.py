"""Seals everything anew by the first key, while the roles go on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.dispatch.store import sealing
from services.kit.vault import Vault

BATCH = 500
# What is being delivered at the moment is passed over, and met again if it is still there.
PASSES = 3

# From behind a number on: how many were sealed anew, and where to go on, None at the end.
Step = Callable[[AsyncConnection, Vault, int, int], Awaitable[tuple[int, int | None]]]


@dataclass(frozen=True, slots=True)
class Rotated:
    webhooks: int
    events: int
    # What is sealed by each key now; by the first alone, unless something still seals by another.
    by_key: dict[str, int]


async def rotate(db: AsyncEngine, vault: Vault, batch: int = BATCH) -> Rotated:
    """Seal anew what another key has sealed, in small transactions. Safe to repeat.

    Raises:
        VaultKeyMissing: if the vault lacks a key; what was done until then stays done.
    """
    vault.refresh()
    webhooks = events = 0
    by_key: dict[str, int] = {}
    for _ in range(PASSES):
        webhooks += await _walk(db, vault, sealing.reseal_webhooks, batch)
        events += await _walk(db, vault, sealing.reseal_events, batch)
        async with db.connect() as tx:
            by_key = await sealing.count_by_key(tx)
        if by_key.keys() <= {vault.first}:
            break
    return Rotated(webhooks, events, by_key)


async def _walk(db: AsyncEngine, vault: Vault, step: Step, batch: int) -> int:
    total, after = 0, 0
    while True:
        async with db.begin() as tx:
            done, last = await step(tx, vault, after, batch)
        total += done
        if last is None:
            return total
        after = last
