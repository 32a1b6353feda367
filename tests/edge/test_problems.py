"""Is every failure that a room may answer turned into a status and a code?"""

import grpc
import pytest

from carillon.dispatch.v1.error_reason_pb2 import ErrorReason as DispatchReason
from carillon.registry.v1.error_reason_pb2 import ErrorReason as RegistryReason
from carillon.targeting.v1.error_reason_pb2 import ErrorReason as TargetingReason
from services.edge import problems
from services.edge.names import to_rest_name
from services.edge.problems import DISPATCH, FAULTS, REGISTRY, TARGETING
from services.kit.client import RemoteFault

TOLD = (503, {"Retry-After": "1"})
PREFIX = "ERROR_REASON_"
# These are told by their gRPC code, UNAVAILABLE.
OUTAGES = {"STORE_UNAVAILABLE", "ROOM_UNAVAILABLE", "REGISTRY_UNAVAILABLE", "UNSPECIFIED"}


def test_every_reason_of_every_room_has_its_problem() -> None:
    promised = {
        (domain, name.removeprefix(PREFIX))
        for domain, reasons in (
            (REGISTRY, RegistryReason),
            (TARGETING, TargetingReason),
            (DISPATCH, DispatchReason),
        )
        for name in reasons.keys()  # noqa: SIM118  the enum's wrapper is no dictionary
    }

    assert {key for key in promised if key[1] not in OUTAGES} == set(FAULTS)


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [
        ((REGISTRY, "FIELD_INVALID"), 400, "FPWSE0005E"),
        ((REGISTRY, "PAGE_TOKEN_INVALID"), 400, "FPWSE0005E"),
        ((REGISTRY, "APPLICATION_NOT_FOUND"), 404, "FPWSE0001E"),
        ((REGISTRY, "APPLICATION_EXISTS"), 409, "FPWSE0002E"),
        ((REGISTRY, "API_KEY_NOT_FOUND"), 404, "FPWSE0001E"),
        ((REGISTRY, "API_KEYS_EXHAUSTED"), 409, "CARILLON0409E"),
        ((REGISTRY, "DEVICE_NOT_FOUND"), 404, "FPWSE0001E"),
        ((REGISTRY, "GATEWAY_NOT_CONFIGURED"), 404, "FPWSE0003E"),
        ((TARGETING, "TAG_NOT_FOUND"), 404, "FPWSE0001E"),
        ((TARGETING, "TAG_EXISTS"), 409, "FPWSE0002E"),
        ((TARGETING, "SUBSCRIPTION_NOT_FOUND"), 404, "FPWSE0012E"),
        ((DISPATCH, "MESSAGE_NOT_FOUND"), 404, "FPWSE0001E"),
        ((DISPATCH, "PAYLOAD_TOO_LARGE"), 400, "FPWSE0005E"),
        ((DISPATCH, "TARGET_UNKNOWN"), 404, "FPWSE0001E"),
        ((DISPATCH, "REQUEST_ID_REUSED"), 409, "FPWSE0002E"),
    ],
)
def test_a_reason_decides_status_and_code(reason: tuple[str, str], status: int, code: str) -> None:
    problem = problems.read_remote(RemoteFault(grpc.StatusCode.UNKNOWN, "", *reason))

    assert problem is not None
    assert (problem.status, problem.code) == (status, code)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, TOLD),
        (grpc.StatusCode.DEADLINE_EXCEEDED, TOLD),
        (grpc.StatusCode.CANCELLED, TOLD),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, TOLD),
        (grpc.StatusCode.INTERNAL, None),
        (grpc.StatusCode.UNIMPLEMENTED, None),
    ],
)
def test_only_an_outage_is_told_without_a_reason(
    code: grpc.StatusCode, expected: tuple[int, dict[str, str]] | None
) -> None:
    problem = problems.read_remote(RemoteFault(code, "secret details"))

    assert (problem and (problem.status, problem.headers)) == expected


@pytest.mark.parametrize(
    ("platform", "code"),
    [("IOS", "A"), ("PLATFORM_WEB_CHROME", "WEB_CHROME"), ("A", "A"), ("", "")],
)
def test_a_payload_too_large_names_the_entry_and_the_platform(platform: str, code: str) -> None:
    facts = {"platform": platform, "size": "5000", "limit": "4096"}
    violations = (("messages[3].message", "is too large"),)

    problem = problems.read_remote(
        RemoteFault(
            grpc.StatusCode.INVALID_ARGUMENT, "", DISPATCH, "PAYLOAD_TOO_LARGE", facts, violations
        )
    )

    assert problem is not None
    assert problem.message == (
        f"The parameter '[3].message' is too large for platform {code}: 5000 bytes of at most 4096."
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("device.user_id", "userId"),
        ("device.address", "token"),
        ("device.variables.first_name", "variables.firstName"),
        ("tag.name", "name"),
        ("tag_names[2]", "tagNames[2]"),
        ("app_id", "applicationId"),
        ("display_name", "name"),
        ("page_size", "size"),
        ("skip", "offset"),
        ("page_token", "cursor"),
        ("request_id", "Idempotency-Key"),
        ("configuration.apns.private_key", "certificate"),
        ("configuration.apns.sandbox", "isSandBox"),
        ("configuration.safari.icons.icon_16x16@2x", "icon_16x16@2x"),
        ("configuration.safari.website_push_id", "websitePushID"),
        ("configuration.fcm.service_account", "serviceAccount"),
        ("configuration.web_push.web_site_url", "webSiteUrl"),
        ("message.content.alert", "message.alert"),
        ("message.content.apple.title", "settings.apns.title"),
        ("message.content.android.title", "settings.gcm.androidTitle"),
        ("message.content.chrome.icon_url", "settings.chromeWeb.iconUrl"),
        ("message.content.firefox.payload", "settings.firefoxWeb.payload"),
        ("message.target", "target"),
        ("message.target.user_ids.names[3]", "target.userIds[3]"),
        ("message.target.platforms.platforms", "target.platforms"),
        ("messages[4].message.content.url", "[4].message.url"),
        ("messages", "messages"),
    ],
)
def test_a_rooms_field_is_told_in_the_apis_name(path: str, name: str) -> None:
    assert to_rest_name(path) == name
