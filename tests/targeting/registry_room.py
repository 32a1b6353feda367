"""Registry as a room: an in-memory servicer of its proto over a Book."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import grpc
from grpc_status import rpc_status

from carillon.registry.v1 import change_service_pb2 as changes_pb
from carillon.registry.v1 import change_service_pb2_grpc as changes_rpc
from carillon.registry.v1 import device_pb2
from carillon.registry.v1 import device_service_pb2 as devices_pb
from carillon.registry.v1 import device_service_pb2_grpc as devices_rpc
from carillon.registry.v1 import recipient_service_pb2 as recipients_pb
from carillon.registry.v1 import recipient_service_pb2_grpc as recipients_rpc
from carillon.type.v1 import recipient_pb2
from services.kit.faults import Code, Fault
from services.kit.server import _to_status
from services.targeting.api import wire
from services.targeting.domain.registry import DeviceDeleted
from services.targeting.domain.targets import Audience, Everyone, OfDevices, OfUsers
from tests.targeting.book import Book, Entry

MAX_IDENTIFIED = 1000
MAX_LISTED = 2001
MAX_PLACES = 32


class ApplicationNotFound(Fault):
    code = Code.NOT_FOUND
    reason = "APPLICATION_NOT_FOUND"


class Refused(Fault):
    code = Code.INVALID_ARGUMENT
    reason = "FIELD_INVALID"


class RegistryRoom(
    devices_rpc.DeviceServiceServicer,
    recipients_rpc.RecipientServiceServicer,
    changes_rpc.ChangeServiceServicer,
):
    """Speaks for `book`; falls silent while `silent` is set, until `heard` is."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.silent = False
        self.heard = asyncio.Event()

    async def IdentifyDevices(
        self, request: devices_pb.IdentifyDevicesRequest, context: Any
    ) -> devices_pb.IdentifyDevicesResponse:
        await self._maybe_silent()
        app_id = UUID(request.app_id)
        kind = request.WhichOneof("by")
        if kind == "user_id":
            found = await self.book.of_user(app_id, request.user_id)
        elif kind == "uids":
            await _demand(context, 1 <= len(request.uids.uids) <= MAX_IDENTIFIED)
            found = await self.book.by_uids(app_id, request.uids.uids)
        else:
            await _demand(context, 1 <= len(request.device_ids.device_ids) <= MAX_IDENTIFIED)
            found = await self.book.by_device_ids(app_id, request.device_ids.device_ids)
        shelf = self.book.devices.get(app_id, {})
        return devices_pb.IdentifyDevicesResponse(devices=[_identity(shelf[d.uid]) for d in found])

    async def SliceRecipients(
        self, request: recipients_pb.SliceRecipientsRequest, context: Any
    ) -> AsyncIterator[recipients_pb.SliceRecipientsResponse]:
        await self._maybe_silent()
        app_id = UUID(request.app_id)
        if app_id not in self.book.devices:
            await _abort(context, ApplicationNotFound("no such application"))
        platforms = [wire.TO_PLATFORM[platform] for platform in request.platforms]
        cuts = self.book.cut(app_id, _audience(request.filter), platforms, request.resume_token)
        async for cut in cuts:
            slices = [wire.render_slice(piece) for piece in cut.slices]
            yield recipients_pb.SliceRecipientsResponse(
                slices=slices, resume_token=cut.resume_token
            )

    async def ListRecipients(
        self, request: recipients_pb.ListRecipientsRequest, context: Any
    ) -> AsyncIterator[recipients_pb.ListRecipientsResponse]:
        await self._maybe_silent()
        await _demand(context, 1 <= request.limit <= MAX_LISTED)
        await _demand(context, 1 <= len(request.slices) <= MAX_PLACES)
        app_id, audience = UUID(request.app_id), _audience(request.filter)
        for place, piece in enumerate(map(wire.read_slice, request.slices)):
            found = self.book.within(
                app_id, audience, piece, request.limit, backward=request.backward
            )
            async for chunk in found:
                yield recipients_pb.ListRecipientsResponse(
                    recipients=show(chunk.entries), place=place
                )

    async def BatchGetRecipients(
        self, request: recipients_pb.BatchGetRecipientsRequest, context: Any
    ) -> AsyncIterator[recipients_pb.BatchGetRecipientsResponse]:
        await self._maybe_silent()
        await _demand(context, 1 <= len(request.groups) <= MAX_PLACES)
        for place, group in enumerate(request.groups):
            await _demand(context, 1 <= len(group.uids) <= MAX_LISTED)
            async for chunk in self.book.among(UUID(request.app_id), group.uids):
                yield recipients_pb.BatchGetRecipientsResponse(
                    recipients=show(chunk.entries), place=place
                )

    async def ListChanges(
        self, request: changes_pb.ListChangesRequest, _context: Any
    ) -> changes_pb.ListChangesResponse:
        news = await self.book.changes(request.position)
        changes = [
            changes_pb.Change(app_id=str(c.app_id), device_deleted_uid=c.uid)
            if isinstance(c, DeviceDeleted)
            else changes_pb.Change(app_id=str(c.app_id), application_deleted=True)
            for c in news.changes
        ]
        return changes_pb.ListChangesResponse(changes=changes, next_position=news.next_position)

    async def _maybe_silent(self) -> None:
        if self.silent:
            await self.heard.wait()


def add_to(server: grpc.aio.Server, room: RegistryRoom) -> None:
    devices_rpc.add_DeviceServiceServicer_to_server(room, server)
    recipients_rpc.add_RecipientServiceServicer_to_server(room, server)
    changes_rpc.add_ChangeServiceServicer_to_server(room, server)


async def _abort(context: Any, fault: Fault) -> None:
    await context.abort_with_status(rpc_status.to_status(_to_status(fault, "registry.carillon")))


async def _demand(context: Any, kept: bool) -> None:  # noqa: FBT001  the rule itself
    if not kept:
        await _abort(context, Refused("beyond the limits of the contract"))


def _audience(chosen: recipients_pb.RecipientFilter) -> Audience:
    kind = chosen.WhichOneof("kind")
    if kind == "everyone":
        return Everyone()
    if kind == "user_ids":
        return OfUsers(tuple(chosen.user_ids.names))
    return OfDevices(tuple(chosen.device_ids.names))


def show(entries: Sequence[Entry]) -> recipient_pb2.Recipients:
    platforms = [wire.FROM_PLATFORM[entry.platform] for entry in entries]
    return recipient_pb2.Recipients(
        uids=[entry.uid for entry in entries],
        platforms=platforms[:1] if len(set(platforms)) == 1 else platforms,
        addresses=[f"address of {entry.uid}" for entry in entries],
        variables=[
            recipient_pb2.Variables(values={"name": f"device {entry.uid}"}) for entry in entries
        ],
        newer_twin_uids=[entry.uid + 1 for entry in entries],
    )


def _identity(entry: Entry) -> devices_pb.DeviceIdentity:
    if entry.deleted:
        state = device_pb2.DEVICE_STATE_UNSPECIFIED
    elif not entry.known:
        state = device_pb2.DEVICE_STATE_DEAD
    elif not entry.active:
        state = device_pb2.DEVICE_STATE_QUARANTINED
    else:
        state = device_pb2.DEVICE_STATE_ACTIVE
    return devices_pb.DeviceIdentity(
        uid=entry.uid,
        device_id=entry.device_id,
        user_id=entry.user_id,
        platform=wire.FROM_PLATFORM[entry.platform],
        deleted=entry.deleted,
        state=state,
    )
