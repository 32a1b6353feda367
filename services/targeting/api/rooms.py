"""Registry as targeting sees it: the protocols of domain/registry.py, kept over gRPC."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import grpc
from google.protobuf.message import Message

from carillon.registry.v1 import change_service_pb2 as change_service
from carillon.registry.v1 import change_service_pb2_grpc as change_rpc
from carillon.registry.v1 import device_pb2
from carillon.registry.v1 import device_service_pb2 as device_service
from carillon.registry.v1 import device_service_pb2_grpc as device_rpc
from carillon.registry.v1 import recipient_service_pb2 as recipient_service
from carillon.registry.v1 import recipient_service_pb2_grpc as recipient_rpc
from services.kit import client
from services.kit.sharing import Sharing
from services.targeting.api import wire
from services.targeting.api.chunks import RecipientChunk
from services.targeting.domain.faults import RegistryUnavailable
from services.targeting.domain.platforms import Platform
from services.targeting.domain.registry import (
    ApplicationDeleted,
    Change,
    Changes,
    DeviceDeleted,
)
from services.targeting.domain.slices import Cut, Slice
from services.targeting.domain.subscriptions import Device
from services.targeting.domain.targets import Audience, Everyone, OfUsers

# What registry takes in one IdentifyDevices.
MAX_IDENTIFIED = 1000
LISTED = frozenset({device_pb2.DEVICE_STATE_ACTIVE, device_pb2.DEVICE_STATE_QUARANTINED})

A = TypeVar("A")


class RegistryMisunderstood(Exception):
    """Registry refused what we should not have asked: a bug, of ours or of registry's."""


class ApplicationUnknown(Exception):
    """Registry knows no such application: it was deleted, and we are about to hear of it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What stretches have in common that are read in one call."""

    app_id: UUID
    audience: Audience
    of_any_platform: bool
    limit: int
    backward: bool


class Registry:
    """Identities, Recipients[RecipientChunk] and ChangeFeed.

    Every wait has its limit: `seconds` for a call, `stream_seconds` for each answer of a stream,
    since a stream lasts as long as our own caller takes to read it.
    """

    def __init__(self, channel: grpc.aio.Channel, seconds: float, stream_seconds: float) -> None:
        self._devices: device_rpc.DeviceServiceAsyncStub = device_rpc.DeviceServiceStub(channel)
        self._recipients: recipient_rpc.RecipientServiceAsyncStub = (
            recipient_rpc.RecipientServiceStub(channel)
        )
        self._changes: change_rpc.ChangeServiceAsyncStub = change_rpc.ChangeServiceStub(channel)
        self._list_recipients = _chunk_method(
            channel, "ListRecipients", recipient_service.ListRecipientsRequest
        )
        self._batch_get_recipients = _chunk_method(
            channel, "BatchGetRecipients", recipient_service.BatchGetRecipientsRequest
        )
        self._listings = Sharing(self._list)
        self._groups = Sharing(self._get)
        self._seconds = seconds
        self._stream_seconds = stream_seconds

    async def by_uids(self, app_id: UUID, uids: Sequence[int]) -> list[Device]:
        found: list[Device] = []
        for start in range(0, len(uids), MAX_IDENTIFIED):
            asked = device_service.UidList(uids=uids[start : start + MAX_IDENTIFIED])
            found += await self._identify(
                device_service.IdentifyDevicesRequest(app_id=str(app_id), uids=asked)
            )
        return found

    async def by_device_ids(self, app_id: UUID, device_ids: Sequence[str]) -> list[Device]:
        asked = device_service.DeviceIdList(device_ids=device_ids)
        return await self._identify(
            device_service.IdentifyDevicesRequest(app_id=str(app_id), device_ids=asked)
        )

    async def of_user(self, app_id: UUID, user_id: str) -> list[Device]:
        return await self._identify(
            device_service.IdentifyDevicesRequest(app_id=str(app_id), user_id=user_id)
        )

    async def _identify(self, request: device_service.IdentifyDevicesRequest) -> list[Device]:
        answer = await _ask(self._devices.IdentifyDevices(request, timeout=self._seconds))
        return [_read_device(identity) for identity in answer.devices]

    async def cut(
        self, app_id: UUID, audience: Audience, platforms: Sequence[Platform], resume_token: str
    ) -> AsyncGenerator[Cut, None]:
        request = recipient_service.SliceRecipientsRequest(
            app_id=str(app_id),
            filter=_render_filter(audience),
            platforms=[wire.FROM_PLATFORM[platform] for platform in platforms],
            resume_token=resume_token,
        )
        answers = self._read(self._recipients.SliceRecipients(request))
        try:
            async with aclosing(answers):
                async for answer in answers:
                    slices = tuple(wire.read_slice(piece) for piece in answer.slices)
                    yield Cut(slices, answer.resume_token)
        except ApplicationUnknown:
            return  # it was deleted: it has nobody

    async def within(
        self, app_id: UUID, audience: Audience, piece: Slice, limit: int, *, backward: bool = False
    ) -> AsyncGenerator[RecipientChunk, None]:
        kind = Listing(app_id, audience, piece.platform is None, limit, backward)
        for chunk in await self._listings.ask(kind, piece):
            yield chunk

    async def among(
        self, app_id: UUID, uids: Sequence[int]
    ) -> AsyncGenerator[RecipientChunk, None]:
        for chunk in await self._groups.ask(app_id, uids):
            yield chunk

    async def _list(self, kind: Listing, pieces: Sequence[Slice]) -> list[list[RecipientChunk]]:
        request = recipient_service.ListRecipientsRequest(
            app_id=str(kind.app_id),
            filter=_render_filter(kind.audience),
            slices=[wire.render_slice(piece) for piece in pieces],
            limit=kind.limit,
            backward=kind.backward,
        )
        return await self._sort(self._list_recipients(request), len(pieces))

    async def _get(
        self, app_id: UUID, groups: Sequence[Sequence[int]]
    ) -> list[list[RecipientChunk]]:
        request = recipient_service.BatchGetRecipientsRequest(
            app_id=str(app_id), groups=[recipient_service.UidGroup(uids=uids) for uids in groups]
        )
        return await self._sort(self._batch_get_recipients(request), len(groups))

    async def _sort(
        self, call: grpc.aio.UnaryStreamCall[Any, RecipientChunk], count: int
    ) -> list[list[RecipientChunk]]:
        """The chunks of a stream by their places."""
        found: list[list[RecipientChunk]] = [[] for _ in range(count)]
        async with aclosing(self._read(call)) as chunks:
            async for chunk in chunks:
                found[chunk.place].append(chunk)
        return found

    async def changes(self, position: str) -> Changes:
        request = change_service.ListChangesRequest(position=position)
        answer = await _ask(self._changes.ListChanges(request, timeout=self._seconds))
        # A kind that is unset is one that a newer registry knows and we do not.
        known = (c for c in answer.changes if c.WhichOneof("kind"))
        return Changes(tuple(_read_change(c) for c in known), answer.next_position)

    async def _read(self, call: grpc.aio.UnaryStreamCall[Any, A]) -> AsyncGenerator[A, None]:
        """The answers of a stream, each waited for so long; cancelled if left early."""
        answers = aiter(call)
        try:
            while True:
                async with asyncio.timeout(self._stream_seconds):
                    answer = await anext(answers)
                yield answer
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise RegistryUnavailable from None
        except grpc.aio.AioRpcError as error:
            raise _explain(error) from error
        finally:
            call.cancel()


async def _ask(call: Awaitable[A]) -> A:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise _explain(error) from error


def _explain(error: grpc.aio.AioRpcError) -> Exception:
    fault = client.read_fault(error)
    if fault.is_outage:
        return RegistryUnavailable()
    if fault.reason == "APPLICATION_NOT_FOUND":
        return ApplicationUnknown()
    return RegistryMisunderstood(f"{fault.code.name} {fault.reason}: {fault.message}")


def _chunk_method(
    channel: grpc.aio.Channel, name: str, request: type[Message]
) -> grpc.aio.UnaryStreamMultiCallable[Any, RecipientChunk]:
    return channel.unary_stream(
        f"/carillon.registry.v1.RecipientService/{name}",
        request_serializer=request.SerializeToString,
        response_deserializer=RecipientChunk,
    )


def _render_filter(audience: Audience) -> recipient_service.RecipientFilter:
    if isinstance(audience, Everyone):
        return recipient_service.RecipientFilter(everyone=True)
    names = recipient_service.FilterNames(names=audience.names)
    if isinstance(audience, OfUsers):
        return recipient_service.RecipientFilter(user_ids=names)
    return recipient_service.RecipientFilter(device_ids=names)


def _read_device(identity: device_service.DeviceIdentity) -> Device:
    return Device(
        uid=identity.uid,
        device_id=identity.device_id,
        user_id=identity.user_id,
        platform=wire.TO_PLATFORM[identity.platform],
        known=not identity.deleted and identity.state in LISTED,
    )


def _read_change(change: change_service.Change) -> Change:
    app_id = UUID(change.app_id)
    if change.WhichOneof("kind") == "device_deleted_uid":
        return DeviceDeleted(app_id, change.device_deleted_uid)
    return ApplicationDeleted(app_id)
