"""Seals everything anew by the first key, while the rooms go on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.kit.vault import Vault
from services.registry.store import sealing

BATCH = 100

Step = Callable[[AsyncConnection, Vault, int], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Rotated:
    configurations: int
    vapid_keys: int
    # What is sealed by each key now; by the first alone, unless a room still seals by another.
    by_key: dict[str, int]


async def rotate(db: AsyncEngine, vault: Vault, batch: int = BATCH) -> Rotated:
    """Seal anew what another key has sealed, in small transactions. Safe to repeat.

    Raises:
        VaultKeyMissing: if the vault lacks a key; what was done until then stays done.
    """
    configurations = await _exhaust(db, vault, sealing.reseal_configurations, batch)
    vapid_keys = await _exhaust(db, vault, sealing.reseal_vapid_keys, batch)
    async with db.connect() as tx:
        return Rotated(configurations, vapid_keys, await sealing.count_by_key(tx))


async def _exhaust(db: AsyncEngine, vault: Vault, step: Step, batch: int) -> int:
    total = 0
    while True:
        async with db.begin() as tx:
            done = await step(tx, vault, batch)
        total += done
        if done < batch:
            return total
