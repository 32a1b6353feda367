"""Receipts are taken in groups: a storm of devices that report at once costs few transactions."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.faults import MessageNotFound
from services.dispatch.domain.outcomes import Outcome, Receipt
from services.dispatch.store import receipts
from services.kit.batching import Coalescer


class Receiving:
    def __init__(self, db: AsyncEngine, clock: Callable[[], datetime]) -> None:
        self._db = db
        self._clock = clock
        self._group = Coalescer(self._record_group)

    async def record(self, receipt: Receipt) -> Outcome:
        """The furthest the device has come, this receipt included.

        Raises:
            MessageNotFound: if there is no such message.
        """
        return await self._group.call(receipt)

    async def _record_group(self, group: list[Receipt]) -> list[Outcome | Exception]:
        furthest: dict[tuple[object, str, int], Receipt] = {}
        for receipt in group:
            key = (receipt.app_id, receipt.message_id, receipt.uid)
            known = furthest.get(key)
            if known is None or known.outcome < receipt.outcome:
                furthest[key] = receipt
        async with self._db.begin() as tx:
            noted = await receipts.record(tx, list(furthest.values()), self._clock())
        return [
            noted.get((receipt.app_id, receipt.message_id, receipt.uid))
            or MessageNotFound(receipt.message_id)
            for receipt in group
        ]
