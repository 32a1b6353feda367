"""How are the six gateways configured, and what does registry hand out of it?"""

import json
from datetime import timedelta
from typing import Any

import pytest

from carillon.registry.v1 import gateway_pb2
from carillon.registry.v1 import gateway_service_pb2 as pb
from carillon.registry.v1.gateway_pb2 import (
    ApnsSettings,
    FcmSettings,
    GatewayConfiguration,
    GatewayKind,
    GatewayState,
    SafariSettings,
    WebPushSettings,
)
from services.registry.room import read_clock
from tests.registry import keys
from tests.registry.world import NOBODY, Stubs, fault_of

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR and so on"
TODAY = read_clock()
SITE = {
    "website_name": "ACME",
    "url_format_string": "https://acme.example/%@",
    "website_push_id": "web.com.acme",
    "web_site_url": "https://acme.example",
}


def p12(topic: str = "com.acme.bank", **changed: Any) -> bytes:
    """A .p12 that is good today."""
    dates = {"begins": TODAY - timedelta(days=1), "ends": TODAY + timedelta(days=90)}
    return keys.p12(keys.certificate(topic, **{**dates, **changed}))


def certified(**changed: Any) -> GatewayConfiguration:
    members = {"pkcs12": p12(), "password": "secret", **changed}
    return GatewayConfiguration(kind=GatewayKind.GATEWAY_KIND_APNS, apns=ApnsSettings(**members))


def keyed(**changed: Any) -> GatewayConfiguration:
    members = {
        "key_id": "ABCDE12345",
        "team_id": "TEAM567890",
        "bundle_id": "com.acme.bank",
        "private_key": keys.p256(),
        **changed,
    }
    return GatewayConfiguration(kind=GatewayKind.GATEWAY_KIND_APNS, apns=ApnsSettings(**members))


def website(**changed: Any) -> GatewayConfiguration:
    members = {"pkcs12": p12("web.com.acme"), "password": "secret", **SITE, **changed}
    return GatewayConfiguration(
        kind=GatewayKind.GATEWAY_KIND_WEB_SAFARI, safari=SafariSettings(**members)
    )


def google(
    kind: "GatewayKind.ValueType" = GatewayKind.GATEWAY_KIND_FCM, **members: Any
) -> GatewayConfiguration:
    members = {"sender_id": "123", **members}
    return GatewayConfiguration(kind=kind, fcm=FcmSettings(**members))


EXTENSION = GatewayKind.GATEWAY_KIND_APPEXT_CHROME


async def put(
    registry: Stubs, app_id: str, configuration: GatewayConfiguration
) -> GatewayConfiguration:
    request = pb.PutGatewayConfigurationRequest(app_id=app_id, configuration=configuration)
    return (await registry.gateways.PutGatewayConfiguration(request)).configuration


async def read(registry: Stubs, app_id: str, kind: "GatewayKind.ValueType") -> GatewayConfiguration:
    request = pb.GetGatewayConfigurationRequest(app_id=app_id, kind=kind)
    return (await registry.gateways.GetGatewayConfiguration(request)).configuration


async def credential(
    registry: Stubs, app_id: str, kind: "GatewayKind.ValueType"
) -> GatewayConfiguration:
    request = pb.GetGatewayCredentialRequest(app_id=app_id, kind=kind)
    return (await registry.gateways.GetGatewayCredential(request)).configuration


async def test_a_certificate_is_kept_with_its_end_and_without_its_password(
    registry: Stubs,
) -> None:
    app_id = await registry.new_app()

    shown = await put(registry, app_id, certified(file_name="push.p12", sandbox=True))
    handed = await credential(registry, app_id, GatewayKind.GATEWAY_KIND_APNS)

    assert shown.apns.bundle_id == "com.acme.bank"
    assert shown.apns.file_name == "push.p12"
    assert shown.expire_time.ToDatetime() == (TODAY + timedelta(days=90)).replace(
        microsecond=0, tzinfo=None
    )
    assert not (shown.apns.private_key)
    assert not (shown.apns.pkcs12)
    assert not (shown.apns.password)
    assert handed.apns.certificate_chain.startswith("-----BEGIN CERTIFICATE")
    assert handed.apns.private_key.startswith("-----BEGIN PRIVATE KEY")
    assert not (handed.apns.pkcs12)
    assert not (handed.apns.password)
    assert not (handed.apns.key_id)


async def test_a_website_is_kept_and_its_key_handed_to_dispatch_alone(registry: Stubs) -> None:
    app_id = await registry.new_app()

    shown = await put(registry, app_id, website(icons={"icon_16x16@2x": PNG}))
    handed = await credential(registry, app_id, GatewayKind.GATEWAY_KIND_WEB_SAFARI)

    assert {name: getattr(shown.safari, name) for name in SITE} == SITE
    assert not (shown.safari.private_key)
    assert not (shown.safari.icons)
    assert handed.safari.private_key.startswith("-----BEGIN PRIVATE KEY")


@pytest.mark.parametrize(
    ("configuration", "field", "words"),
    [
        (certified(password="wrong"), "apns.password", "does not open"),
        (certified(password="a\0b"), "apns.password", "NUL"),
        (certified(pkcs12=b"no certificate"), "apns.pkcs12", "PKCS#12"),
        (certified(pkcs12=b"0" * 65_537), "apns.pkcs12", "1 to 65536 bytes, not 65537"),
        (certified(pkcs12=p12(ends=TODAY - timedelta(hours=1))), "apns.pkcs12", "expired on"),
        (certified(bundle_id="com.acme.shop"), "apns.bundle_id", "must be com.acme.bank"),
        (
            certified(pkcs12=p12(marks=("1.2.840.113635.100.6.3.1",))),
            "apns.sandbox",
            "for development only",
        ),
        (
            certified(pkcs12=p12(marks=("1.2.840.113635.100.6.3.2",)), sandbox=True),
            "apns.sandbox",
            "for production only",
        ),
        (keyed(private_key=keys.p384()), "apns.private_key", "P-256"),
        (keyed(private_key=""), "apns.private_key", "1 to"),
        (keyed(key_id="short"), "apns.key_id", "10"),
        (keyed(team_id="TEAM 67890"), "apns.team_id", "without blanks"),
        (website(website_push_id="com.acme"), "safari.website_push_id", "begin with web."),
        (website(website_push_id="web.com.other"), "safari.website_push_id", "web.com.acme"),
        (website(pkcs12=b""), "safari.pkcs12", "1 to"),
        (website(password=""), "safari.password", "does not open"),
        (website(url_format_string="acme.example/%@"), "safari.url_format_string", "https://"),
        (website(web_site_url="ftp://acme.example"), "safari.web_site_url", "https://"),
        (website(website_name=""), "safari.website_name", "1 to 254"),
        (website(icons={"favicon": PNG}), "safari.icons", "icon_16x16"),
        (website(icons={"icon_16x16": b"GIF89a"}), "safari.icons.icon_16x16", "PNG"),
        (website(icons={"icon_16x16": b"x" * 131_073}), "safari.icons.icon_16x16", "131072"),
        (
            google(service_account=keys.service_account(type="authorized_user")),
            "fcm.service_account",
            "type",
        ),
        (google(EXTENSION, service_account="{}"), "fcm.service_account", "service account"),
    ],
)
async def test_a_bad_credential_is_refused_by_field_and_reason(
    registry: Stubs, configuration: GatewayConfiguration, field: str, words: str
) -> None:
    app_id = await registry.new_app()
    check = pb.CheckGatewayConfigurationRequest(app_id=app_id, configuration=configuration)

    fault = await fault_of(put(registry, app_id, configuration))
    checked = await fault_of(registry.gateways.CheckGatewayConfiguration(check))
    left = await fault_of(read(registry, app_id, configuration.kind))

    assert fault.violations[0][0] == f"configuration.{field}"
    assert words in fault.violations[0][1]
    assert checked.violations == fault.violations
    assert left.reason == "GATEWAY_NOT_CONFIGURED"


async def test_a_check_answers_what_would_be_handed_out_and_stores_nothing(
    registry: Stubs,
) -> None:
    app_id = await registry.new_app()
    request = pb.CheckGatewayConfigurationRequest(app_id=app_id, configuration=certified())

    checked = (await registry.gateways.CheckGatewayConfiguration(request)).configuration
    left = await fault_of(read(registry, app_id, GatewayKind.GATEWAY_KIND_APNS))
    request.app_id = NOBODY
    nobody = await fault_of(registry.gateways.CheckGatewayConfiguration(request))

    assert checked.apns.private_key.startswith("-----BEGIN PRIVATE KEY")
    assert left.reason == "GATEWAY_NOT_CONFIGURED"
    assert nobody.reason == "APPLICATION_NOT_FOUND"


async def test_a_legacy_key_alone_is_kept_and_counts_as_incomplete(registry: Stubs) -> None:
    app_id = await registry.new_app()

    shown = await put(registry, app_id, google(api_key="legacy"))
    fault = await fault_of(credential(registry, app_id, GatewayKind.GATEWAY_KIND_FCM))

    assert (shown.fcm.api_key, shown.state) == ("legacy", GatewayState.GATEWAY_STATE_INCOMPLETE)
    assert fault.reason == "GATEWAY_NOT_CONFIGURED"


async def test_an_extension_without_an_account_speaks_by_that_of_fcm(registry: Stubs) -> None:
    app_id = await registry.new_app()

    alone = await put(registry, app_id, google(EXTENSION))
    lent = keys.service_account(project_id="lent")
    await put(registry, app_id, google(service_account=lent))
    first = await credential(registry, app_id, EXTENSION)
    await put(registry, app_id, google(service_account=lent))
    second = await credential(registry, app_id, EXTENSION)
    own = keys.service_account(project_id="own")
    await put(registry, app_id, google(EXTENSION, service_account=own))
    third = await credential(registry, app_id, EXTENSION)

    assert alone.state == GatewayState.GATEWAY_STATE_INCOMPLETE
    projects = [json.loads(c.fcm.service_account)["project_id"] for c in (first, second, third)]
    assert projects == ["lent", "lent", "own"]
    # Whoever keeps it by version notices that what was lent is another.
    assert first.version < second.version < third.version


async def test_what_was_verified_is_said_until_a_gateway_refuses_it(registry: Stubs) -> None:
    app_id = await registry.new_app()
    verified = keyed()
    verified.state = GatewayState.GATEWAY_STATE_VERIFIED
    shown = await put(registry, app_id, verified)
    report = pb.ReportGatewayStateRequest(
        app_id=app_id,
        kind=GatewayKind.GATEWAY_KIND_APNS,
        version=shown.version,
        state=GatewayState.GATEWAY_STATE_MISCONFIGURED,
        reason="InvalidProviderToken",
    )

    await registry.gateways.ReportGatewayState(report)
    refused = await read(registry, app_id, GatewayKind.GATEWAY_KIND_APNS)
    replaced = await put(registry, app_id, keyed())
    await registry.gateways.ReportGatewayState(report)
    late = await read(registry, app_id, GatewayKind.GATEWAY_KIND_APNS)

    assert shown.state == GatewayState.GATEWAY_STATE_VERIFIED
    assert refused.state == GatewayState.GATEWAY_STATE_MISCONFIGURED
    assert (refused.state_reason, refused.version) == ("InvalidProviderToken", shown.version)
    assert replaced.state == late.state == GatewayState.GATEWAY_STATE_UNVERIFIED
    assert late.state_reason == ""


@pytest.mark.parametrize("state", [0, 1, 3, 5])
async def test_only_what_a_gateway_can_see_is_reported(registry: Stubs, state: int) -> None:
    request = pb.ReportGatewayStateRequest(
        app_id=await registry.new_app(), kind=GatewayKind.GATEWAY_KIND_APNS
    )
    request.state = state  # type: ignore[assignment]  # what a caller may send

    assert (await fault_of(registry.gateways.ReportGatewayState(request))).facts["field"] == "state"


async def test_there_is_no_gateway_that_could_judge_our_own_key_pair(registry: Stubs) -> None:
    configuration = GatewayConfiguration(
        kind=GatewayKind.GATEWAY_KIND_WEB_CHROME,
        web_push=WebPushSettings(web_site_url="https://acme.example"),
    )

    shown = await put(registry, await registry.new_app(), configuration)

    assert shown.state == GatewayState.GATEWAY_STATE_VERIFIED


@pytest.mark.parametrize("kind", sorted(gateway_pb2.GatewayKind.values())[1:])
async def test_settings_of_another_kind_are_refused(registry: Stubs, kind: int) -> None:
    wrong = website() if kind != GatewayKind.GATEWAY_KIND_WEB_SAFARI else keyed()
    wrong.kind = kind  # type: ignore[assignment]  # what a caller may send

    fault = await fault_of(put(registry, await registry.new_app(), wrong))

    assert fault.reason == "FIELD_INVALID"
    assert "must be set for the kind" in fault.message


async def test_the_list_says_what_is_configured(registry: Stubs) -> None:
    app_id = await registry.new_app()
    for configuration in (website(), google(EXTENSION), google(service_account="")):
        await put(registry, app_id, configuration)

    request = pb.ListGatewayConfigurationsRequest(app_id=app_id)
    listed = (await registry.gateways.ListGatewayConfigurations(request)).configurations

    assert {c.kind for c in listed} == {
        GatewayKind.GATEWAY_KIND_FCM,
        GatewayKind.GATEWAY_KIND_WEB_SAFARI,
        EXTENSION,
    }
    assert not any(c.safari.private_key or c.safari.icons for c in listed)
