"""What does the wire let in, and how does it say no?"""

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as some

from carillon.registry.v1 import access_pb2, access_service_pb2, device_pb2, gateway_pb2
from carillon.registry.v1 import device_service_pb2 as devices_pb
from carillon.registry.v1 import recipient_service_pb2 as recipients_pb
from carillon.type.v1 import platform_pb2, recipient_pb2
from services.kit.faults import FieldInvalid
from services.registry.api.wire import access, change, checks, device, gateway, platform, recipient
from services.registry.domain.callers import KEY_ROLES, SECRET_ROLES, Role, SecretKind
from services.registry.domain.change import Position
from services.registry.domain.device import Environment, Platform, State
from services.registry.domain.gateway import GatewayKind, GatewayState
from services.registry.domain.recipient import Audience, Everyone, Place, Recipients, UserIds

UNKNOWN = cast(platform_pb2.Platform.ValueType, 99)
APP = "0F8FAD5B-D9CB-469F-A165-70867728950E"


def registration(app_id: str = APP, **members: Any) -> devices_pb.RegisterDeviceRequest:
    members = {
        "device_id": "phone",
        "platform": platform_pb2.PLATFORM_IOS,
        "address": "a",
        **members,
    }
    return devices_pb.RegisterDeviceRequest(app_id=app_id, device=device_pb2.Device(**members))


def violation(request: devices_pb.RegisterDeviceRequest) -> tuple[str, str]:
    with pytest.raises(FieldInvalid) as refusal:
        device.parse_registration(request)
    return refusal.value.violations[0]


def test_a_guid_is_taken_in_any_case_and_kept_in_lower_case() -> None:
    parsed = device.parse_registration(registration())

    assert str(parsed.app_id) == APP.lower()


@pytest.mark.parametrize(
    "app_id", ["", "acme", APP[:-1], APP + "0", APP.replace("-", ""), f"{{{APP}}}", f"{APP}\n"]
)
def test_what_is_no_guid_is_refused(app_id: str) -> None:
    field, _ = violation(registration(app_id))

    assert field == "app_id"


@pytest.mark.parametrize(
    ("members", "field", "words"),
    [
        ({"device_id": ""}, "device.device_id", "must be 1 to 254 characters, not 0"),
        ({"device_id": "x" * 255}, "device.device_id", "must be 1 to 254 characters, not 255"),
        ({"device_id": "a\x00b"}, "device.device_id", "must not hold a NUL"),
        ({"platform": 0}, "device.platform", "must be one of the named values, not 0"),
        ({"platform": 77}, "device.platform", "must be one of the named values, not 77"),
        ({"address": ""}, "device.address", "must be 1 to 4096 bytes, not 0"),
        ({"address": "ü" * 2049}, "device.address", "must be 1 to 4096 bytes, not 4098"),
        ({"address": "\x00"}, "device.address", "must not hold a NUL"),
        ({"user_id": "u" * 255}, "device.user_id", "must be at most 254 characters, not 255"),
        ({"user_agent": "u" * 513}, "device.user_agent", "must be at most 512 characters, not 513"),
        (
            {"variables": {str(n): "" for n in range(51)}},
            "device.variables",
            "must hold 0 to 50 entries, not 51",
        ),
        ({"variables": {"": "x"}}, "device.variables", "must be 1 to 64 characters, not 0"),
        (
            {"variables": {"n": "x" * 1025}},
            "device.variables.n",
            "must be at most 1024 characters, not 1025",
        ),
        ({"variables": {"n": "\x00"}}, "device.variables.n", "must not hold a NUL"),
    ],
)
def test_a_refusal_names_the_field_and_the_limit(
    members: dict[str, Any], field: str, words: str
) -> None:
    assert violation(registration(**members)) == (field, words)


def test_an_empty_user_is_no_user() -> None:
    assert device.parse_registration(registration(user_id="")).user_id is None


def test_the_longest_values_are_taken() -> None:
    parsed = device.parse_registration(
        registration(device_id="é" * 254, address="a" * 4096, user_id="u" * 254)
    )

    assert (len(parsed.device_id), len(parsed.address)) == (254, 4096)


@given(some.datetimes(timezones=some.just(UTC)))
def test_a_time_survives_the_wire(moment: datetime) -> None:
    assert checks.moment("time", checks.timestamp(moment)) == moment


def test_a_time_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(FieldInvalid):
        checks.moment("time", Timestamp(seconds=2**60))


@given(some.sets(some.sampled_from(Platform)))
def test_platforms_come_in_their_own_order(wanted: set[Platform]) -> None:
    numbers = [platform.TO_WIRE[one] for one in wanted]

    assert platform.parse_set("platforms", numbers) == tuple(p for p in Platform if p in wanted)


def test_the_tables_know_every_member() -> None:
    assert set(platform.TO_WIRE) == set(Platform)
    assert set(platform_pb2.Platform.values()) - {0} == set(platform.FROM_WIRE)
    assert set(device.STATES) == set(State)
    assert set(gateway.KINDS) == set(GatewayKind)
    assert set(gateway_pb2.GatewayKind.values()) - {0} == set(gateway.KINDS_FROM_WIRE)
    assert set(gateway.STATES) == set(GatewayState)
    assert set(gateway_pb2.GatewayState.values()) - {0} == set(gateway.STATES.values())
    assert set(access.ROLES) == set(Role)
    assert set(access_pb2.CallerRole.values()) - {0} == set(access.ROLES.values())
    assert set(access.KEY_ROLES.values()) == KEY_ROLES
    assert set(access.SECRET_KINDS.values()) == set(SecretKind) == set(SECRET_ROLES)


AUDIENCE = Audience(checks.guid("app_id", APP), UserIds(("ann",)), tuple(Platform))


@given(some.sampled_from(Platform), some.integers(0, 2**63 - 1))
def test_a_resume_token_survives_its_round(kind: Platform, uid: int) -> None:
    token = recipient.write_resume_token(Place(kind, uid), AUDIENCE)

    assert recipient.parse_resume_token(token, AUDIENCE) == (kind, uid)


def test_a_resume_token_does_not_fit_another_audience() -> None:
    token = recipient.write_resume_token(Place(Platform.IOS, 7), AUDIENCE)
    other = Audience(AUDIENCE.app_id, Everyone(), AUDIENCE.platforms)

    with pytest.raises(FieldInvalid, match="resume_token"):
        recipient.parse_resume_token(token, other)


@given(some.integers(0, 2**63 - 1), some.integers(0, 2**63 - 1))
def test_a_position_survives_its_round(transaction: int, number: int) -> None:
    position = Position(transaction, number)

    assert change.parse_position(change.write_position(position)) == position


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "e30=",
        change.write_position(Position(-1, 2)),
        change.write_position(Position(2**63, 0)),
    ],
)
def test_a_position_of_another_make_is_refused(text: str) -> None:
    with pytest.raises(FieldInvalid, match="position"):
        change.parse_position(text)


@given(some.lists(some.integers(0, 3_000), max_size=40))
def test_a_message_never_grows_beyond_what_grpc_carries(sizes: list[int]) -> None:
    everyone = Recipients(
        uids=list(range(len(sizes))),
        platforms=[Platform.IOS],
        addresses=["a" * 4096] * len(sizes),
        variables=[{str(n): "é" * 1024 for n in range(size % 51)} for size in sizes],
    )
    portions = list(recipient.show_recipients(everyone))

    assert [uid for portion in portions for uid in portion.uids] == list(range(len(sizes)))
    assert all(portion.ByteSize() < 4_000_000 for portion in portions)


def test_a_message_carries_at_most_500_recipients() -> None:
    everyone = Recipients(range(1001), [Platform.IOS], ["a"] * 1001)

    assert [len(p.uids) for p in recipient.show_recipients(everyone)] == [500, 500, 1]


def test_each_portion_keeps_every_column() -> None:
    rows = range(501)
    everyone = Recipients(
        rows,
        [Platform.ANDROID if row % 2 else Platform.IOS for row in rows],
        [f"address of {row}" for row in rows],
        [{"name": f"{row}"} if row % 3 else {} for row in rows],
        [None if row % 5 else Environment.SANDBOX for row in rows],
        [None if row % 7 else row + 1 for row in rows],
    )
    whole, rest = recipient.show_recipients(everyone)

    assert [*whole.addresses, *rest.addresses] == everyone.addresses
    assert list(whole.platforms[:2]) == [platform_pb2.PLATFORM_IOS, platform_pb2.PLATFORM_ANDROID]
    assert [dict(variables.values) for variables in whole.variables[:2]] == [{}, {"name": "1"}]
    assert list(rest.platforms) == [platform_pb2.PLATFORM_IOS]
    assert list(rest.apns_environments) == [recipient_pb2.APNS_ENVIRONMENT_SANDBOX]
    assert [*whole.newer_twin_uids, *rest.newer_twin_uids][490:498] == [491, *[0] * 6, 498]


@pytest.mark.parametrize("uids", [[], [0], [-1], [2, 1], [1, 1], list(range(1, 2003))])
def test_uids_that_are_not_ascending_are_refused(uids: list[int]) -> None:
    with pytest.raises(FieldInvalid, match=r"groups\[0\].uids"):
        recipient.parse_groups([recipients_pb.UidGroup(uids=uids)])


@pytest.mark.parametrize(
    ("bounds", "limit", "field"),
    [
        (None, 1, "slices"),
        (recipient_pb2.Slice(after_uid=-1, through_uid=1), 1, "slices[0].after_uid"),
        (recipient_pb2.Slice(after_uid=2, through_uid=1), 1, "slices[0].through_uid"),
        (recipient_pb2.Slice(platform=UNKNOWN), 1, "slices[0].platform"),
        (recipient_pb2.Slice(), 0, "limit"),
        (recipient_pb2.Slice(), 2002, "limit"),
    ],
)
def test_a_stretch_must_make_sense(
    bounds: recipient_pb2.Slice | None, limit: int, field: str
) -> None:
    request = recipients_pb.ListRecipientsRequest(
        app_id=APP,
        filter=recipients_pb.RecipientFilter(everyone=True),
        slices=[] if bounds is None else [bounds],
        limit=limit,
    )
    with pytest.raises(FieldInvalid) as refusal:
        recipient.parse_stretches(request)

    assert refusal.value.facts["field"] == field


@pytest.mark.parametrize(("seconds", "nanos"), [(-1, 0), (0, -1), (90 * 86400 + 1, 0), (2**62, 0)])
def test_an_overlap_is_zero_to_ninety_days(seconds: int, nanos: int) -> None:
    request = access_service_pb2.RotateSecretRequest(
        app_id=APP,
        kind=access_pb2.SECRET_KIND_APP,
        overlap=Duration(seconds=seconds, nanos=nanos),
    )
    with pytest.raises(FieldInvalid, match="overlap must be 0 to 90 days"):
        access.parse_rotation(request)


@given(some.text(max_size=300))
def test_nothing_that_is_shown_breaks_the_judging(text: str) -> None:
    credentials = [
        access_pb2.Credential(app_id=APP, app_secret=text),
        access_pb2.Credential(app_id=APP, client_secret=text),
        access_pb2.Credential(api_key=text),
        access_pb2.Credential(app_id=APP, key_id=text),
        access_pb2.Credential(app_id=APP),
    ]
    request = access_service_pb2.AuthenticateCallersRequest(credentials=credentials)

    if "\x00" in text:
        with pytest.raises(FieldInvalid, match="NUL"):
            access.parse_shown(request)
    else:
        assert len(access.parse_shown(request)) == len(credentials)
