"""What do the calls about suspected and dead addresses refuse, and what do they answer?"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeAlias

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from carillon.registry.v1 import device_pb2
from carillon.registry.v1 import device_service_pb2 as pb
from carillon.registry.v1 import recipient_service_pb2 as recipient_pb
from carillon.type.v1 import recipient_pb2
from tests.registry.world import NOBODY, Stubs, drain, fault_of

SUSPECT = pb.ADDRESS_FINDING_SUSPECT
Finding: TypeAlias = "pb.AddressFinding.ValueType"


def now() -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC))
    return moment


def said(app_id: str, device: device_pb2.Device, finding: Finding = SUSPECT) -> pb.AddressReport:
    return pb.AddressReport(
        app_id=app_id,
        uid=device.uid,
        address_digest=sha256(device.address.encode()).digest(),
        found_time=now(),
        finding=finding,
    )


async def test_a_suspected_device_is_not_sent_to_until_it_is_restored(registry: Stubs) -> None:
    app = await registry.new_app()
    device = await registry.register(app, "phone")
    told = await registry.devices.ReportAddresses(
        pb.ReportAddressesRequest(reports=[said(app, device)])
    )
    meant = recipient_pb.BatchGetRecipientsRequest(
        app_id=app, groups=[recipient_pb.UidGroup(uids=[device.uid])]
    )
    during = await drain(registry.recipients.BatchGetRecipients(meant))
    count = await registry.devices.CountQuarantined(pb.CountQuarantinedRequest(app_id=app))
    restored = await registry.devices.RestoreDevices(pb.RestoreDevicesRequest(app_id=app))
    after = await drain(registry.recipients.BatchGetRecipients(meant))

    assert (told.buried_count, told.quarantined_count) == (0, 1)
    assert (during, count.count, restored.restored_count) == ([], 1, 1)
    assert [uid for part in after for uid in part.recipients.uids] == [device.uid]


async def test_a_recipient_says_where_its_address_is_at_home_and_who_shares_it(
    registry: Stubs,
) -> None:
    app = await registry.new_app()
    older = await registry.register(app, "old", address="same")
    newer = await registry.register(app, "new", address="same")
    home = said(app, older, pb.ADDRESS_FINDING_SANDBOX)
    await registry.devices.ReportAddresses(pb.ReportAddressesRequest(reports=[home]))
    meant = recipient_pb.BatchGetRecipientsRequest(
        app_id=app, groups=[recipient_pb.UidGroup(uids=[older.uid, newer.uid])]
    )
    [part] = await drain(registry.recipients.BatchGetRecipients(meant))

    assert list(part.recipients.apns_environments) == [
        recipient_pb2.APNS_ENVIRONMENT_SANDBOX,
        recipient_pb2.APNS_ENVIRONMENT_UNSPECIFIED,
    ]
    assert list(part.recipients.newer_twin_uids) == [newer.uid, 0]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("reports[0].app_id", {"app_id": "x"}),
        ("reports[0].uid", {"uid": 0}),
        ("reports[0].address_digest", {"address_digest": b"x"}),
        ("reports[0].found_time", {"found_time": None}),
        ("reports[0].finding", {"finding": 0}),
        ("reports[0].finding", {"finding": 99}),
    ],
)
async def test_a_malformed_report_is_refused(
    registry: Stubs, field: str, change: dict[str, Any]
) -> None:
    right: dict[str, Any] = {
        "app_id": NOBODY,
        "uid": 1,
        "address_digest": b"x" * 32,
        "found_time": now(),
        "finding": SUSPECT,
    }
    report = pb.AddressReport(**(right | change))
    fault = await fault_of(
        registry.devices.ReportAddresses(pb.ReportAddressesRequest(reports=[report]))
    )

    assert (fault.reason, fault.facts["field"]) == ("FIELD_INVALID", field)


async def test_an_unknown_application_has_nobody_to_restore(registry: Stubs) -> None:
    for call in (
        registry.devices.RestoreDevices(pb.RestoreDevicesRequest(app_id=NOBODY)),
        registry.devices.CountQuarantined(pb.CountQuarantinedRequest(app_id=NOBODY)),
    ):
        assert (await fault_of(call)).reason == "APPLICATION_NOT_FOUND"
