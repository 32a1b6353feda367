"""Does dispatch say only what its contract lists, and name its messages as devices expect?"""

import inspect

import pytest

from carillon.dispatch.v1 import error_reason_pb2
from services.dispatch.domain import faults
from services.dispatch.domain.ids import is_message_id, new_message_id
from services.dispatch.settings import Settings
from services.kit import faults as kit_faults
from services.kit.faults import Fault
from services.kit.settings import SettingInvalid, read

ALL = [
    fault
    for module in (faults, kit_faults)
    for _, fault in inspect.getmembers(module, inspect.isclass)
    if issubclass(fault, Fault) and fault is not Fault
]
ENVIRONMENT = {
    "DATABASE_URL": "postgresql:///dispatch",
    "REGISTRY_ADDRESS": "127.0.0.1:50051",
    "TARGETING_ADDRESS": "127.0.0.1:50052",
    "ENCRYPTION_KEYS": "k1:" + "A" * 43 + "=",
}


@pytest.mark.parametrize("fault", ALL)
def test_a_fault_has_a_listed_reason(fault: type[Fault]) -> None:
    assert f"ERROR_REASON_{fault.reason}" in error_reason_pb2.ErrorReason.keys()  # noqa: SIM118  no dict


def test_every_listed_reason_has_a_fault() -> None:
    names = set(error_reason_pb2.ErrorReason.keys()) - {"ERROR_REASON_UNSPECIFIED"}

    assert names == {f"ERROR_REASON_{fault.reason}" for fault in ALL}


def test_a_new_id_is_an_id() -> None:
    ids = {new_message_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert all(is_message_id(each) for each in ids)


@pytest.mark.parametrize("text", ["", "abc", "abcdefghi", "abcdefg-", "abcdefgß", "١٢٣٤٥٦٧٨"])
def test_other_texts_are_no_ids(text: str) -> None:
    assert not is_message_id(text)


def test_four_settings_are_enough() -> None:
    settings = read(Settings, ENVIRONMENT)

    assert settings.apple_payload_bytes == 2048
    assert settings.gateway_urls.apns == "https://api.push.apple.com"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("APPLE_PAYLOAD_BYTES", "0"),
        ("APPLE_PAYLOAD_BYTES", "4097"),
        ("GATEWAY_CA_FILE", "/nowhere/ca.pem"),
    ],
)
def test_a_setting_that_cannot_be_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=variable):
        read(Settings, ENVIRONMENT | {variable: value})
