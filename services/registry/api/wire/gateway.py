"""Gateway configurations; their secret members are shown only on demand."""

import re

from carillon.registry.v1 import gateway_pb2
from services.kit.faults import FieldInvalid
from services.registry.api.wire import checks
from services.registry.domain import credentials
from services.registry.domain.gateway import (
    ApnsSettings,
    FcmSettings,
    GatewayConfiguration,
    GatewayKind,
    GatewaySettings,
    WebPushSettings,
)

MAX_BUNDLE_ID = 255
MAX_FILE_NAME = 255
MAX_KEY_BYTES = 16 * 1024
MAX_URL = 2048
APPLE_ID_LENGTH = 10
# These travel as headers and in tokens: nothing may stand in them that could end a line.
PRINTABLE = re.compile(r"[!-~]+")

KINDS = {
    GatewayKind.APNS: gateway_pb2.GATEWAY_KIND_APNS,
    GatewayKind.FCM: gateway_pb2.GATEWAY_KIND_FCM,
    GatewayKind.WEB_CHROME: gateway_pb2.GATEWAY_KIND_WEB_CHROME,
    GatewayKind.WEB_FIREFOX: gateway_pb2.GATEWAY_KIND_WEB_FIREFOX,
}
KINDS_FROM_WIRE: dict[int, GatewayKind] = {number: kind for kind, number in KINDS.items()}
SETTINGS_FIELDS = {
    GatewayKind.APNS: "apns",
    GatewayKind.FCM: "fcm",
    GatewayKind.WEB_CHROME: "web_push",
    GatewayKind.WEB_FIREFOX: "web_push",
}


def parse_kind(field: str, value: int) -> GatewayKind:
    return checks.member(field, value, KINDS_FROM_WIRE)


def parse(configuration: gateway_pb2.GatewayConfiguration) -> tuple[GatewayKind, GatewaySettings]:
    kind = parse_kind("configuration.kind", configuration.kind)
    wanted = SETTINGS_FIELDS[kind]
    if configuration.WhichOneof("settings") != wanted:
        raise FieldInvalid(f"configuration.{wanted}", f"must be set for the kind {kind.name}")
    match wanted:
        case "apns":
            return kind, _parse_apns(configuration.apns)
        case "fcm":
            return kind, _parse_fcm(configuration.fcm)
        case _:
            return kind, _parse_web_push(configuration.web_push)


def _parse_apns(apns: gateway_pb2.ApnsSettings) -> ApnsSettings:
    field = "configuration.apns"
    key = checks.text_in_bytes(f"{field}.private_key", apns.private_key, 1, MAX_KEY_BYTES)
    settings = ApnsSettings(
        key_id=_parse_header(f"{field}.key_id", apns.key_id, APPLE_ID_LENGTH, APPLE_ID_LENGTH),
        team_id=_parse_header(f"{field}.team_id", apns.team_id, APPLE_ID_LENGTH, APPLE_ID_LENGTH),
        bundle_id=_parse_header(f"{field}.bundle_id", apns.bundle_id, 1, MAX_BUNDLE_ID),
        sandbox=apns.sandbox,
        key_file_name=checks.text(f"{field}.key_file_name", apns.key_file_name, 0, MAX_FILE_NAME),
        private_key=key,
    )
    try:
        credentials.check_p256_key(key)
    except credentials.CredentialMalformed as error:
        raise FieldInvalid(f"{field}.private_key", str(error)) from None
    return settings


def _parse_fcm(fcm: gateway_pb2.FcmSettings) -> FcmSettings:
    field = "configuration.fcm"
    sender_id = checks.text(f"{field}.sender_id", fcm.sender_id, 0, checks.MAX_NAME)
    text = checks.text_in_bytes(f"{field}.service_account", fcm.service_account, 1, MAX_KEY_BYTES)
    try:
        account = credentials.read_service_account(text)
    except credentials.CredentialMalformed as error:
        raise FieldInvalid(f"{field}.service_account", str(error)) from None
    return FcmSettings(
        sender_id=sender_id,
        project_id=account.project_id,
        api_key=_parse_legacy_key(f"{field}.api_key", fcm.api_key),
        service_account=text,
    )


def _parse_web_push(web_push: gateway_pb2.WebPushSettings) -> WebPushSettings:
    field = "configuration.web_push"
    url = checks.text(f"{field}.web_site_url", web_push.web_site_url, 1, MAX_URL)
    if not credentials.is_url(url, {"https", "http"}):
        raise FieldInvalid(f"{field}.web_site_url", "must be https:// or http:// with a host")
    return WebPushSettings(
        web_site_url=url, api_key=_parse_legacy_key(f"{field}.api_key", web_push.api_key)
    )


def _parse_header(field: str, value: str, low: int, high: int) -> str:
    checks.text(field, value, low, high)
    if not PRINTABLE.fullmatch(value):
        raise FieldInvalid(field, "must be of printable ASCII without blanks")
    return value


def _parse_legacy_key(field: str, value: str) -> str:
    return checks.text_in_bytes(field, value, 0, MAX_KEY_BYTES)


def show(
    configuration: GatewayConfiguration, *, with_secrets: bool = False
) -> gateway_pb2.GatewayConfiguration:
    shown = gateway_pb2.GatewayConfiguration(
        kind=KINDS[configuration.kind],
        version=configuration.version,
        update_time=checks.timestamp(configuration.update_time),
    )
    match configuration.settings:
        case ApnsSettings() as apns:
            shown.apns.CopyFrom(_show_apns(apns))
        case FcmSettings() as fcm:
            shown.fcm.CopyFrom(_show_fcm(fcm))
        case WebPushSettings() as web:
            shown.web_push.web_site_url = web.web_site_url
            shown.web_push.api_key = web.api_key
    if not with_secrets:
        _blank_secrets(shown)
    return shown


def _show_apns(apns: ApnsSettings) -> gateway_pb2.ApnsSettings:
    return gateway_pb2.ApnsSettings(
        key_id=apns.key_id,
        team_id=apns.team_id,
        bundle_id=apns.bundle_id,
        sandbox=apns.sandbox,
        key_file_name=apns.key_file_name,
        private_key=apns.private_key,
    )


def _show_fcm(fcm: FcmSettings) -> gateway_pb2.FcmSettings:
    return gateway_pb2.FcmSettings(
        sender_id=fcm.sender_id,
        api_key=fcm.api_key,
        project_id=fcm.project_id,
        service_account=fcm.service_account,
    )


def _blank_secrets(shown: gateway_pb2.GatewayConfiguration) -> None:
    if shown.HasField("apns"):
        shown.apns.ClearField("private_key")
    if shown.HasField("fcm"):
        shown.fcm.ClearField("service_account")
