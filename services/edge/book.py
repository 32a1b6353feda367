"""The devices that many callers register and read at once, asked of registry in groups.

While a call is under way the next ones gather; alone, one goes at once. A call of its own for each
would cost either side more than all the rest it does for it.
"""

from collections.abc import Sequence

from carillon.registry.v1 import device_service_pb2 as pb
from carillon.registry.v1.device_pb2 import Device
from carillon.registry.v1.error_reason_pb2 import ErrorReason
from services.edge import problems
from services.edge.problems import Problem
from services.edge.rooms import Rooms
from services.kit.batching import Coalescer

MAX_BATCH = 400
# One group is written or read while the next is on its way.
MAX_CALLS = 2
# A group of the longest registrations must fit into one message, of 4 MiB.
USUAL_BYTES = 8192


class Book:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._registering: Coalescer[pb.RegisterDeviceRequest, Device] = Coalescer(
            self._register, max_batch=MAX_BATCH, max_flushes=MAX_CALLS, weigh=_weigh
        )
        self._finding: Coalescer[pb.GetDeviceRequest, Device] = Coalescer(
            self._find, max_batch=MAX_BATCH, max_flushes=MAX_CALLS
        )

    async def register(self, app_id: str, device: Device) -> Device:
        """Write a device into the book, or vouch anew for one that stands there.

        Raises:
            Problem: what is wrong with it.
        """
        return await self._registering.call(pb.RegisterDeviceRequest(app_id=app_id, device=device))

    async def find(self, app_id: str, device_id: str) -> Device:
        """One device without its variables, whatever its state.

        Raises:
            Problem: 404 if there is none.
        """
        return await self._finding.call(pb.GetDeviceRequest(app_id=app_id, device_id=device_id))

    async def _register(
        self, registrations: list[pb.RegisterDeviceRequest]
    ) -> Sequence[Device | Exception]:
        answer = await self._rooms.devices.BatchRegisterDevices(
            pb.BatchRegisterDevicesRequest(registrations=registrations),
            timeout=self._rooms.timeout,
        )
        return [
            _explain(verdict, each.app_id, each.device.device_id)
            for each, verdict in zip(registrations, answer.verdicts, strict=True)
        ]

    async def _find(self, questions: list[pb.GetDeviceRequest]) -> Sequence[Device | Exception]:
        answer = await self._rooms.devices.BatchFindDevices(
            pb.BatchFindDevicesRequest(questions=questions), timeout=self._rooms.timeout
        )
        return [
            _explain(verdict, each.app_id, each.device_id)
            for each, verdict in zip(questions, answer.verdicts, strict=True)
        ]


def _weigh(registration: pb.RegisterDeviceRequest) -> int:
    return 1 + registration.ByteSize() // USUAL_BYTES


def _explain(verdict: pb.DeviceVerdict, app_id: str, device_id: str) -> Device | Problem:
    if not verdict.refused:
        return verdict.device
    return problems.refused_entry(
        ErrorReason.Name(verdict.refused).removeprefix("ERROR_REASON_"),
        {"app_id": app_id, "device_id": device_id},
        (verdict.field, verdict.description),
    )
