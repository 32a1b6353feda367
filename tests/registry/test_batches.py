"""What becomes of devices that are registered and read many at once, over the wire?"""

from carillon.registry.v1 import device_pb2
from carillon.registry.v1 import device_service_pb2 as pb
from carillon.registry.v1.error_reason_pb2 import ErrorReason
from carillon.type.v1 import platform_pb2
from tests.registry.world import NOBODY, Stubs, fault_of

ANDROID = platform_pb2.PLATFORM_ANDROID


def phone(app_id: str, device_id: str, **members: str) -> pb.RegisterDeviceRequest:
    device = device_pb2.Device(device_id=device_id, platform=ANDROID, address="somewhere")
    device.MergeFrom(device_pb2.Device(**members))  # type: ignore[arg-type]  # its texts
    return pb.RegisterDeviceRequest(app_id=app_id, device=device)


async def test_each_is_registered_or_refused_for_itself(registry: Stubs) -> None:
    app = await registry.new_app()
    asked = [
        phone(app, "first"),
        phone(NOBODY, "second"),
        phone(app, "third", user_id="u" * 255),
        phone(app, "fourth", user_agent="Acme/1.0"),
    ]
    answer = await registry.devices.BatchRegisterDevices(
        pb.BatchRegisterDevicesRequest(registrations=asked)
    )
    first, second, third, fourth = answer.verdicts

    assert (first.device.device_id, fourth.device.user_agent) == ("first", "Acme/1.0")
    assert 0 < first.device.uid != fourth.device.uid
    assert second.refused == ErrorReason.ERROR_REASON_APPLICATION_NOT_FOUND
    assert third.refused == ErrorReason.ERROR_REASON_FIELD_INVALID
    assert (third.field, third.description) == (
        "device.user_id",
        "must be at most 254 characters, not 255",
    )
    assert not any(each.HasField("device") for each in (second, third))


async def test_each_is_read_or_refused_for_itself_and_without_variables(registry: Stubs) -> None:
    app = await registry.new_app()
    made = await registry.register(app, "phone", variables={"a": "b"}, user_id="ann")
    asked = [(app, "phone"), (app, "absent"), (NOBODY, "phone"), ("no guid", "phone")]
    answer = await registry.devices.BatchFindDevices(
        pb.BatchFindDevicesRequest(
            questions=[pb.GetDeviceRequest(app_id=one, device_id=name) for one, name in asked]
        )
    )
    found, *refused = answer.verdicts
    made.ClearField("variables")

    assert found.device == made
    assert [each.refused for each in refused] == [
        ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND,
        ErrorReason.ERROR_REASON_APPLICATION_NOT_FOUND,
        ErrorReason.ERROR_REASON_FIELD_INVALID,
    ]
    assert refused[2].field == "app_id"


async def test_a_batch_holds_1_to_400(registry: Stubs) -> None:
    many = [phone(NOBODY, "phone")] * 401
    question = [pb.GetDeviceRequest(app_id=NOBODY, device_id="phone")] * 401
    for registrations, questions in ((many, question), ([], [])):
        faults = [
            await fault_of(
                registry.devices.BatchRegisterDevices(
                    pb.BatchRegisterDevicesRequest(registrations=registrations)
                )
            ),
            await fault_of(
                registry.devices.BatchFindDevices(pb.BatchFindDevicesRequest(questions=questions))
            ),
        ]

        assert {fault.reason for fault in faults} == {"FIELD_INVALID"}
