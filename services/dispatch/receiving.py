"""Receipts are taken in groups: a storm of devices that report at once costs few transactions.

Whoever reports is identified in groups too: registry is asked once for all of them.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.dispatch.domain.faults import DeviceNotFound, MessageNotFound, RoomUnavailable
from services.dispatch.domain.outcomes import Manner, Outcome, Receipt, Report, Result, by_manner
from services.dispatch.domain.rooms import Directory, Identity
from services.dispatch.store import news, receipts
from services.dispatch.store.receipts import Noted
from services.kit.batching import Coalescer

Answer = Outcome | Exception
Key = tuple[UUID, str]


class Receiving:
    def __init__(
        self,
        db: AsyncEngine,
        directory: Directory,
        clock: Callable[[], datetime],
        *,
        ring_outbox: Callable[[], None],
    ) -> None:
        self._db = db
        self._directory = directory
        self._clock = clock
        self._ring_outbox = ring_outbox
        self._group: Coalescer[Report, Outcome] = Coalescer(self.record_all)

    async def record(self, report: Report) -> Outcome:
        """The furthest the device has come, this report included.

        Raises:
            MessageNotFound: if there is no such message.
            DeviceNotFound: if there is no such device, and never was.
            RoomUnavailable: if registry does not say.
        """
        return await self._group.call(report)

    async def record_all(self, reports: Sequence[Report]) -> list[Answer]:
        """As `record` for each; what `record` would raise stands in the place of its outcome."""
        devices = await self._identify(reports)
        furthest: dict[receipts.Key, Receipt] = {}
        for report in reports:
            device = devices[report.app_id, report.device_id]
            if isinstance(device, Identity):
                receipt = report.by(device.uid, device.platform)
                known = furthest.get(receipt.key)
                if known is None or known.outcome < receipt.outcome:
                    furthest[receipt.key] = receipt
        noted: dict[receipts.Key, Noted] = {}
        if furthest:
            async with self._db.begin() as tx:
                noted = await receipts.record(tx, list(furthest.values()), self._clock())
                told = await news.note(tx, _list_new(furthest, noted))
            if told:
                self._ring_outbox()
        return [_answer(report, devices, noted) for report in reports]

    async def _identify(self, reports: Sequence[Report]) -> dict[Key, Identity | Exception]:
        """Who reports, or why that is not known: one question for each application."""
        asked: dict[UUID, set[str]] = {}
        for report in reports:
            asked.setdefault(report.app_id, set()).add(report.device_id)
        found: dict[Key, Identity | Exception] = {
            (app_id, name): DeviceNotFound(name)
            for app_id, names in asked.items()
            for name in names
        }
        answers = await asyncio.gather(
            *(self._directory.identify_devices(app, sorted(names)) for app, names in asked.items()),
            return_exceptions=True,
        )
        for (app_id, names), answer in zip(asked.items(), answers, strict=True):
            if isinstance(answer, RoomUnavailable):
                found |= {(app_id, name): answer for name in names}
            elif isinstance(answer, BaseException):
                raise answer
            else:
                # By uid: the living one comes after those that had the id before.
                found |= {(app_id, identity.device_id): identity for identity in answer}
        return found


def _answer(
    report: Report,
    devices: dict[Key, Identity | Exception],
    noted: Mapping[receipts.Key, Noted],
) -> Answer:
    device = devices[report.app_id, report.device_id]
    if isinstance(device, Exception):
        return device
    stands = noted.get((report.app_id, report.message_id, device.uid))
    return stands.outcome if stands else MessageNotFound(report.message_id)


def _list_new(
    reported: Mapping[receipts.Key, Receipt], noted: Mapping[receipts.Key, Noted]
) -> list[tuple[UUID, str, dict[Manner, list[int]]]]:
    """What was not known before, message by message: a repeated report is no news."""
    new: dict[tuple[UUID, str], list[Result]] = {}
    for key, receipt in reported.items():
        if key in noted and noted[key].is_new:
            result = Result(receipt.uid, receipt.platform, receipt.outcome)
            new.setdefault((receipt.app_id, receipt.message_id), []).append(result)
    return [
        (app_id, message_id, by_manner(results)) for (app_id, message_id), results in new.items()
    ]
