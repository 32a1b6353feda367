"""Does the room say only what its contract lists?"""

import inspect

from carillon.registry.v1 import recipient_service_pb2
from carillon.targeting.v1 import error_reason_pb2, targeting_service_pb2
from services.kit import faults as kit_faults
from services.kit.faults import Fault
from services.targeting.domain import faults


def test_every_reason_is_in_the_register() -> None:
    raised = [
        fault
        for module in (kit_faults, faults)
        for _, fault in inspect.getmembers(module, inspect.isclass)
        if issubclass(fault, Fault) and fault is not Fault
    ]
    listed = set(error_reason_pb2.ErrorReason.keys())

    assert {f"ERROR_REASON_{fault.reason}" for fault in raised} <= listed


def test_registrys_answers_can_be_read_as_ours() -> None:
    ours = targeting_service_pb2.ResolveSlicesResponse.DESCRIPTOR.fields_by_name
    for theirs in (
        recipient_service_pb2.ListRecipientsResponse.DESCRIPTOR,
        recipient_service_pb2.BatchGetRecipientsResponse.DESCRIPTOR,
    ):
        assert {field.name for field in theirs.fields} == {"recipients", "place"}
        for field in theirs.fields:
            same = ours[field.name]

            assert (field.number, field.type) == (same.number, same.type)
            assert field.message_type == same.message_type
