"""Does the proto list every reason for which registry refuses?"""

import inspect

import pytest

from carillon.registry.v1 import error_reason_pb2
from services.kit import faults as kit_faults
from services.kit.faults import Fault
from services.registry.domain import faults

ALL = [
    fault
    for module in (faults, kit_faults)
    for _, fault in inspect.getmembers(module, inspect.isclass)
    if issubclass(fault, Fault) and fault is not Fault
]


@pytest.mark.parametrize("fault", ALL)
def test_a_fault_has_a_listed_reason(fault: type[Fault]) -> None:
    listed = error_reason_pb2.ErrorReason.keys()

    assert f"ERROR_REASON_{fault.reason}" in listed


def test_every_listed_reason_has_a_fault() -> None:
    names = set(error_reason_pb2.ErrorReason.keys()) - {"ERROR_REASON_UNSPECIFIED"}

    assert names == {f"ERROR_REASON_{fault.reason}" for fault in ALL}
