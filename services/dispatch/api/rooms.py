"""Targeting and registry as dispatch's engines ask them, over gRPC. Every call has its deadline."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from uuid import UUID

import grpc

from carillon.registry.v1 import (
    change_service_pb2,
    change_service_pb2_grpc,
    device_service_pb2,
    device_service_pb2_grpc,
    gateway_pb2,
    gateway_service_pb2,
    gateway_service_pb2_grpc,
)
from carillon.targeting.v1 import targeting_service_pb2, targeting_service_pb2_grpc
from carillon.type.v1 import recipient_pb2
from services.dispatch.api import wire
from services.dispatch.domain.credentials import (
    KIND_OF_PLATFORM,
    LENDERS,
    ApnsCertificate,
    ApnsCredential,
    Credential,
    FcmCredential,
    GatewayKind,
    WebPushCredential,
)
from services.dispatch.domain.faults import RoomUnavailable
from services.dispatch.domain.messages import Platform, Target
from services.dispatch.domain.outcomes import AddressReport, Finding
from services.dispatch.domain.parcels import WHOLE_AXIS, Environment, Recipient, Slice
from services.dispatch.domain.rooms import Chunk, Cut, Endings, Identity, TargetRefused
from services.kit.client import read_fault
from services.kit.sharing import Sharing

# A stream may take as long as its reader; this bounds one that hangs.
STREAM_SECONDS = 300.0
RESOLVE_SECONDS = 30.0
MAX_RESOLVED = 2000
MAX_REASON = 64

KIND_TO_WIRE = {
    GatewayKind.APNS: gateway_pb2.GATEWAY_KIND_APNS,
    GatewayKind.FCM: gateway_pb2.GATEWAY_KIND_FCM,
    GatewayKind.WEB_CHROME: gateway_pb2.GATEWAY_KIND_WEB_CHROME,
    GatewayKind.WEB_FIREFOX: gateway_pb2.GATEWAY_KIND_WEB_FIREFOX,
    GatewayKind.WEB_SAFARI: gateway_pb2.GATEWAY_KIND_WEB_SAFARI,
    GatewayKind.APPEXT_CHROME: gateway_pb2.GATEWAY_KIND_APPEXT_CHROME,
}

FINDING_TO_WIRE = {
    Finding.DEAD: device_service_pb2.ADDRESS_FINDING_DEAD,
    Finding.SUSPECT: device_service_pb2.ADDRESS_FINDING_SUSPECT,
    Finding.PRODUCTION: device_service_pb2.ADDRESS_FINDING_PRODUCTION,
    Finding.SANDBOX: device_service_pb2.ADDRESS_FINDING_SANDBOX,
}
ENVIRONMENT_FROM_WIRE: dict[int, Environment] = {
    recipient_pb2.APNS_ENVIRONMENT_PRODUCTION: Environment.PRODUCTION,
    recipient_pb2.APNS_ENVIRONMENT_SANDBOX: Environment.SANDBOX,
}


@contextmanager
def asking(room: str) -> Iterator[None]:
    """Turn the absence of a room into our own fault."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if read_fault(error).is_outage:
            raise RoomUnavailable(room) from error
        raise


class TargetingRoom:
    """A Slicer and an Audience."""

    def __init__(self, channel: grpc.aio.Channel, timeout: float) -> None:
        self._stub = targeting_service_pb2_grpc.TargetingServiceStub(channel)
        self._timeout = timeout
        self._bulk = Sharing(self._resolve)
        self._urgent = Sharing(self._resolve)

    async def slice_target(
        self, app_id: UUID, target: Target, resume_token: str
    ) -> AsyncIterator[Cut]:
        request = targeting_service_pb2.SliceTargetRequest(
            app_id=str(app_id), target=wire.write_target(target), resume_token=resume_token
        )
        try:
            with asking("targeting"):
                async for answer in self._stub.SliceTarget(request, timeout=STREAM_SECONDS):
                    yield Cut(tuple(map(_read_slice, answer.slices)), answer.resume_token)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                raise TargetRefused from error
            raise

    async def resolve_slice(
        self, app_id: UUID, target: Target, part: Slice
    ) -> AsyncIterator[Chunk]:
        # Two ways, so that no urgent message waits for a broadcast.
        sharing = self._urgent if target.is_small else self._bulk
        for chunk in await sharing.ask((app_id, target, part.platform), part):
            yield chunk

    async def _resolve(
        self, kind: tuple[UUID, Target, Platform], parts: Sequence[Slice]
    ) -> list[list[Chunk]]:
        app_id, target, _ = kind
        request = targeting_service_pb2.ResolveSlicesRequest(
            app_id=str(app_id), target=wire.write_target(target), slices=map(_write_slice, parts)
        )
        found: list[list[Chunk]] = [[] for _ in parts]
        with asking("targeting"):
            async for answer in self._stub.ResolveSlices(request, timeout=RESOLVE_SECONDS):
                rest = answer.continue_after_uid if answer.HasField("continue_after_uid") else None
                found[answer.place].append(Chunk(_read_recipients(answer.recipients), rest))
        return found

    async def resolve_uids(
        self, app_id: UUID, target: Target, uids: Sequence[int]
    ) -> AsyncIterator[Chunk]:
        request = targeting_service_pb2.ResolveUidsRequest(
            app_id=str(app_id), target=wire.write_target(target), uids=uids
        )
        with asking("targeting"):
            async for answer in self._stub.ResolveUids(request, timeout=RESOLVE_SECONDS):
                yield Chunk(_read_recipients(answer.recipients))

    async def unknown_names(self, app_id: UUID, target: Target) -> list[str]:
        request = targeting_service_pb2.CheckTargetRequest(
            app_id=str(app_id), target=wire.write_target(target)
        )
        with asking("targeting"):
            answer = await self._stub.CheckTarget(request, timeout=self._timeout)
        return list(answer.unknown_names)


class RegistryRoom:
    """A CredentialSource, a DeviceBook, an EndingsFeed, and what the Directory knows of devices."""

    def __init__(self, channel: grpc.aio.Channel, timeout: float) -> None:
        self._changes = change_service_pb2_grpc.ChangeServiceStub(channel)
        self._devices = device_service_pb2_grpc.DeviceServiceStub(channel)
        self._gateways = gateway_service_pb2_grpc.GatewayServiceStub(channel)
        self._timeout = timeout

    async def credential(self, app_id: UUID, kind: GatewayKind) -> Credential | None:
        request = gateway_service_pb2.GetGatewayCredentialRequest(
            app_id=str(app_id), kind=KIND_TO_WIRE[kind]
        )
        try:
            with asking("registry"):
                answer = await self._gateways.GetGatewayCredential(request, timeout=self._timeout)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise
        return read_credential(answer.configuration, answer.vapid_private_key)

    async def configured_platforms(self, app_id: UUID) -> set[Platform]:
        request = gateway_service_pb2.ListGatewayConfigurationsRequest(app_id=str(app_id))
        try:
            with asking("registry"):
                answer = await self._gateways.ListGatewayConfigurations(
                    request, timeout=self._timeout
                )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return set()
            raise
        kinds = {
            each.kind
            for each in answer.configurations
            if each.state != gateway_pb2.GATEWAY_STATE_INCOMPLETE
        }
        found = {each for each, kind in KIND_OF_PLATFORM.items() if KIND_TO_WIRE[kind] in kinds}
        # Safari's subscriptions are served by what any browser's configuration holds.
        return found | {Platform.WEB_SAFARI} if found.intersection(LENDERS) else found

    async def report_state(
        self, app_id: UUID, platform: Platform, version: int, reason: str | None
    ) -> None:
        request = gateway_service_pb2.ReportGatewayStateRequest(
            app_id=str(app_id),
            kind=KIND_TO_WIRE[KIND_OF_PLATFORM[platform]],
            version=version,
            state=(
                gateway_pb2.GATEWAY_STATE_VERIFIED
                if reason is None
                else gateway_pb2.GATEWAY_STATE_MISCONFIGURED
            ),
            reason=(reason or "")[:MAX_REASON],
        )
        try:
            with asking("registry"):
                await self._gateways.ReportGatewayState(request, timeout=self._timeout)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise

    async def report(self, reports: Sequence[AddressReport]) -> None:
        request = device_service_pb2.ReportAddressesRequest(
            reports=[
                device_service_pb2.AddressReport(
                    app_id=str(report.app_id),
                    uid=report.uid,
                    address_digest=report.address_digest,
                    found_time=wire.write_time(report.found_time),
                    finding=FINDING_TO_WIRE[report.finding],
                )
                for report in reports
            ]
        )
        with asking("registry"):
            await self._devices.ReportAddresses(request, timeout=self._timeout)

    async def endings(self, position: str) -> Endings:
        request = change_service_pb2.ListChangesRequest(position=position)
        with asking("registry"):
            answer = await self._changes.ListChanges(request, timeout=self._timeout)
        ended = (change.app_id for change in answer.changes if change.application_deleted)
        return Endings(tuple(map(UUID, ended)), answer.next_position)

    async def identify_uids(self, app_id: UUID, uids: Sequence[int]) -> list[Identity]:
        found: list[Identity] = []
        for start in range(0, len(uids), wire.MAX_NAMES):
            part = device_service_pb2.UidList(uids=uids[start : start + wire.MAX_NAMES])
            found += await self._identify(
                device_service_pb2.IdentifyDevicesRequest(app_id=str(app_id), uids=part)
            )
        return found

    async def identify_devices(self, app_id: UUID, device_ids: Sequence[str]) -> list[Identity]:
        wanted = device_service_pb2.DeviceIdList(device_ids=device_ids)
        return await self._identify(
            device_service_pb2.IdentifyDevicesRequest(app_id=str(app_id), device_ids=wanted)
        )

    async def identify_user(self, app_id: UUID, user_id: str) -> list[Identity]:
        return await self._identify(
            device_service_pb2.IdentifyDevicesRequest(app_id=str(app_id), user_id=user_id)
        )

    async def _identify(self, request: device_service_pb2.IdentifyDevicesRequest) -> list[Identity]:
        with asking("registry"):
            answer = await self._devices.IdentifyDevices(request, timeout=self._timeout)
        return [
            Identity(
                device.uid,
                device.device_id,
                device.user_id,
                wire.PLATFORM_FROM_WIRE[device.platform],
                device.deleted,
            )
            for device in answer.devices
        ]


class Neighbours:
    """The Directory: what the api asks of both rooms."""

    def __init__(self, registry: RegistryRoom, targeting: TargetingRoom) -> None:
        self._targeting = targeting
        self.identify_uids = registry.identify_uids
        self.identify_devices = registry.identify_devices
        self.identify_user = registry.identify_user
        self.configured_platforms = registry.configured_platforms
        self.unknown_names = targeting.unknown_names

    async def is_meant(self, app_id: UUID, target: Target, uids: Sequence[int]) -> set[int]:
        wanted, meant = sorted(uids), set[int]()
        for start in range(0, len(wanted), MAX_RESOLVED):
            part = wanted[start : start + MAX_RESOLVED]
            async for chunk in self._targeting.resolve_uids(app_id, target, part):
                meant.update(recipient.uid for recipient in chunk.recipients)
        return meant


def _read_slice(part: recipient_pb2.Slice) -> Slice:
    platform = wire.PLATFORM_FROM_WIRE[part.platform]
    return Slice(platform, part.after_uid, part.through_uid, part.expected_count)


def _write_slice(part: Slice) -> recipient_pb2.Slice:
    return recipient_pb2.Slice(
        platform=wire.PLATFORM_TO_WIRE[part.platform],
        after_uid=part.after_uid,
        through_uid=min(part.through_uid, WHOLE_AXIS),
    )


def _read_recipients(columns: recipient_pb2.Recipients) -> tuple[Recipient, ...]:
    """Row by row what came in columns, without a step of Python for each of them.

    A list of a column is read twice as fast as the column itself.
    """
    count = len(columns.uids)
    platforms = [wire.PLATFORM_FROM_WIRE[number] for number in columns.platforms]
    environments = map(ENVIRONMENT_FROM_WIRE.get, columns.apns_environments)
    rows = zip(
        columns.uids[:],
        platforms * count if len(platforms) == 1 else platforms,
        columns.addresses[:],
        environments if columns.apns_environments else repeat(None, count),
        columns.newer_twin_uids[:] or repeat(0, count),
        strict=True,
    )
    return tuple(map(partial(tuple.__new__, Recipient), rows))


def read_credential(
    configuration: gateway_pb2.GatewayConfiguration, vapid_private_key: bytes
) -> Credential:
    match configuration.WhichOneof("settings"):
        case "apns" | "safari":
            return _read_apple_credential(configuration)
        case "fcm":
            return FcmCredential(configuration.version, configuration.fcm.service_account)
        case _:
            return WebPushCredential(configuration.version, vapid_private_key)


def _read_apple_credential(
    configuration: gateway_pb2.GatewayConfiguration,
) -> ApnsCredential | ApnsCertificate:
    apns, safari = configuration.apns, configuration.safari
    if safari.website_push_id:
        return ApnsCertificate(
            version=configuration.version,
            topic=safari.website_push_id,
            sandbox=False,
            certificate_chain=safari.certificate_chain,
            private_key=safari.private_key,
            website_name=safari.website_name,
        )
    if apns.certificate_chain:
        return ApnsCertificate(
            version=configuration.version,
            topic=apns.bundle_id,
            sandbox=apns.sandbox,
            certificate_chain=apns.certificate_chain,
            private_key=apns.private_key,
        )
    return ApnsCredential(
        version=configuration.version,
        key_id=apns.key_id,
        team_id=apns.team_id,
        bundle_id=apns.bundle_id,
        sandbox=apns.sandbox,
        private_key=apns.private_key,
    )
