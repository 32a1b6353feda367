"""Devices, their updates, and the reports of dead addresses."""

from collections.abc import Callable, Mapping
from typing import TypeVar
from uuid import UUID

from carillon.registry.v1 import device_pb2, device_service_pb2
from carillon.registry.v1.error_reason_pb2 import ErrorReason
from services.kit.faults import Fault, FieldInvalid
from services.registry.api.wire import checks, platform
from services.registry.domain.device import (
    AddressReport,
    ByDeviceIds,
    ByUids,
    ByUser,
    DayCount,
    Device,
    DeviceIdentity,
    DeviceQuery,
    DeviceUpdate,
    Environment,
    Finding,
    Question,
    Registration,
    State,
)
from services.registry.domain.faults import ApplicationNotFound, DeviceNotFound

M = TypeVar("M")
T = TypeVar("T")

MAX_ADDRESS_BYTES = 4096
MAX_VARIABLES = 50
MAX_VARIABLE_NAME = 64
MAX_VARIABLE_TEXT = 1024
MAX_USER_AGENT = 512
DIGEST_BYTES = 32
MAX_REPORTS = 1000
MAX_DAYS = 366
# Even the longest of so many fit into one message.
MAX_BATCH = 200
MAX_ENTRIES = 400

MASK = ("address", "user_id", "variables", "platform")

STATES = {
    State.ACTIVE: device_pb2.DEVICE_STATE_ACTIVE,
    State.QUARANTINED: device_pb2.DEVICE_STATE_QUARANTINED,
    State.DEAD: device_pb2.DEVICE_STATE_DEAD,
}
REFUSALS = {
    FieldInvalid.reason: ErrorReason.ERROR_REASON_FIELD_INVALID,
    ApplicationNotFound.reason: ErrorReason.ERROR_REASON_APPLICATION_NOT_FOUND,
    DeviceNotFound.reason: ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND,
}
FINDINGS: dict[int, Finding] = {
    device_service_pb2.ADDRESS_FINDING_DEAD: State.DEAD,
    device_service_pb2.ADDRESS_FINDING_SUSPECT: State.QUARANTINED,
    device_service_pb2.ADDRESS_FINDING_PRODUCTION: Environment.PRODUCTION,
    device_service_pb2.ADDRESS_FINDING_SANDBOX: Environment.SANDBOX,
}


def parse_device_id(value: str) -> str:
    return checks.name("device_id", value)


def parse_registration(request: device_service_pb2.RegisterDeviceRequest) -> Registration:
    device = request.device
    return Registration(
        app_id=checks.guid("app_id", request.app_id),
        device_id=checks.name("device.device_id", device.device_id),
        platform=platform.parse("device.platform", device.platform),
        address=_parse_address(device.address),
        user_id=_parse_user_id(device.user_id) or None,
        variables=_parse_variables(device.variables),
        user_agent=checks.text("device.user_agent", device.user_agent, 0, MAX_USER_AGENT),
    )


def parse_registrations(
    request: device_service_pb2.BatchRegisterDevicesRequest,
) -> list[Registration | Fault]:
    checks.count("registrations", len(request.registrations), 1, MAX_ENTRIES)
    return [_attempt(parse_registration, each) for each in request.registrations]


def parse_lookups(
    request: device_service_pb2.BatchFindDevicesRequest,
) -> list[tuple[UUID, str] | Fault]:
    checks.count("questions", len(request.questions), 1, MAX_ENTRIES)
    return [_attempt(parse_lookup, each) for each in request.questions]


def parse_lookup(request: device_service_pb2.GetDeviceRequest) -> tuple[UUID, str]:
    return checks.guid("app_id", request.app_id), parse_device_id(request.device_id)


def _attempt(parse: Callable[[M], T], entry: M) -> T | Fault:
    """What is wrong with one entry of a batch stands in its place."""
    try:
        return parse(entry)
    except Fault as fault:
        return fault


def parse_update(request: device_service_pb2.UpdateDeviceRequest) -> DeviceUpdate:
    device = request.device
    app_id = checks.guid("app_id", request.app_id)
    device_id = checks.name("device.device_id", device.device_id)
    named = checks.mask("update_mask", request.update_mask.paths, MASK)
    return DeviceUpdate(
        app_id=app_id,
        device_id=device_id,
        address=_parse_address(device.address) if "address" in named else None,
        user_id=_parse_user_id(device.user_id) if "user_id" in named else None,
        variables=_parse_variables(device.variables) if "variables" in named else None,
        platform=(
            platform.parse("device.platform", device.platform) if "platform" in named else None
        ),
    )


def _parse_address(value: str) -> str:
    return checks.text_in_bytes("device.address", value, 1, MAX_ADDRESS_BYTES)


def _parse_user_id(value: str) -> str:
    return checks.text("device.user_id", value, 0, checks.MAX_NAME)


def _parse_variables(variables: Mapping[str, str]) -> dict[str, str]:
    if not variables:
        return {}
    checks.count("device.variables", len(variables), 0, MAX_VARIABLES)
    for name, value in variables.items():
        checks.text("device.variables", name, 1, MAX_VARIABLE_NAME)
        checks.text(f"device.variables.{name}", value, 0, MAX_VARIABLE_TEXT)
    return dict(variables)


def parse_query(request: device_service_pb2.ListDevicesRequest) -> DeviceQuery:
    return DeviceQuery(
        app_id=checks.guid("app_id", request.app_id),
        platforms=platform.parse_set("platforms", request.platforms),
        user_id=checks.name("user_id", request.user_id) if request.HasField("user_id") else None,
    )


def parse_question(request: device_service_pb2.IdentifyDevicesRequest) -> tuple[UUID, Question]:
    app_id = checks.guid("app_id", request.app_id)
    match request.WhichOneof("by"):
        case "uids":
            uids = request.uids.uids
            checks.count("uids.uids", len(uids), 1, checks.MAX_NAMES)
            return app_id, ByUids(tuple(checks.uid("uids.uids", uid) for uid in uids))
        case "device_ids":
            device_ids = request.device_ids.device_ids
            return app_id, ByDeviceIds(checks.names("device_ids.device_ids", device_ids))
        case "user_id":
            return app_id, ByUser(checks.name("user_id", request.user_id))
        case _:
            raise FieldInvalid("by", "must be one of uids, device_ids, user_id")


def parse_uids(request: device_service_pb2.BatchGetDevicesRequest) -> list[int]:
    checks.count("uids", len(request.uids), 1, MAX_BATCH)
    return [checks.uid("uids", uid) for uid in request.uids]


def parse_days(request: device_service_pb2.GetDeviceReportRequest) -> int:
    return checks.number("days", request.days, 1, MAX_DAYS)


def parse_reports(request: device_service_pb2.ReportAddressesRequest) -> list[AddressReport]:
    checks.count("reports", len(request.reports), 1, MAX_REPORTS)
    return [_parse_report(f"reports[{i}]", report) for i, report in enumerate(request.reports)]


def _parse_report(field: str, report: device_service_pb2.AddressReport) -> AddressReport:
    if len(report.address_digest) != DIGEST_BYTES:
        size = len(report.address_digest)
        raise FieldInvalid(f"{field}.address_digest", f"must be {DIGEST_BYTES} bytes, not {size}")
    if not report.HasField("found_time"):
        raise FieldInvalid(f"{field}.found_time", "must be set")
    return AddressReport(
        app_id=checks.guid(f"{field}.app_id", report.app_id),
        uid=checks.uid(f"{field}.uid", report.uid),
        address_digest=report.address_digest,
        found_time=checks.moment(f"{field}.found_time", report.found_time),
        finding=checks.member(f"{field}.finding", report.finding, FINDINGS),
    )


def parse_restored(request: device_service_pb2.RestoreDevicesRequest) -> tuple[UUID, list[str]]:
    app_id = checks.guid("app_id", request.app_id)
    checks.count("device_ids", len(request.device_ids), 0, checks.MAX_NAMES)
    return app_id, [checks.name("device_ids", each) for each in request.device_ids]


def show(device: Device) -> device_pb2.Device:
    shown = show_short(device)
    if device.variables:
        shown.variables.update(device.variables)
    return shown


def show_verdict(verdict: Device | Exception) -> device_service_pb2.DeviceVerdict:
    """Whatever is no fault of the entry's own is raised."""
    if isinstance(verdict, Device):
        return device_service_pb2.DeviceVerdict(device=show_short(verdict))
    if not isinstance(verdict, FieldInvalid | ApplicationNotFound | DeviceNotFound):
        raise verdict
    refused = device_service_pb2.DeviceVerdict(refused=REFUSALS[verdict.reason])
    for field, description in verdict.violations:
        refused.field, refused.description = field, description
    return refused


def show_short(device: Device) -> device_pb2.Device:
    """Without variables."""
    return device_pb2.Device(
        uid=device.uid,
        device_id=device.device_id,
        platform=platform.TO_WIRE[device.platform],
        address=device.address,
        user_id=device.user_id or "",
        state=STATES[device.state],
        address_time=checks.timestamp(device.address_time),
        create_time=checks.timestamp(device.create_time),
        update_time=checks.timestamp(device.update_time),
        user_agent=device.user_agent,
    )


def show_day_count(counted: DayCount) -> device_service_pb2.RegistrationCount:
    return device_service_pb2.RegistrationCount(
        date=counted.day.isoformat(),
        platform=platform.TO_WIRE[counted.platform],
        count=counted.count,
    )


def show_identity(identity: DeviceIdentity) -> device_service_pb2.DeviceIdentity:
    return device_service_pb2.DeviceIdentity(
        uid=identity.uid,
        device_id=identity.device_id,
        user_id=identity.user_id or "",
        platform=platform.TO_WIRE[identity.platform],
        deleted=identity.state is None,
        state=(
            device_pb2.DEVICE_STATE_UNSPECIFIED
            if identity.state is None
            else STATES[identity.state]
        ),
    )
