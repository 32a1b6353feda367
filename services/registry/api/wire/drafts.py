"""Configurations as they come in: each field judged, credentials opened, the rest of it refused."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from carillon.registry.v1 import gateway_pb2
from services.kit.faults import FieldInvalid
from services.registry.api.wire import checks
from services.registry.domain import certificates, credentials
from services.registry.domain.certificates import PasswordWrong, PushCertificate
from services.registry.domain.credentials import CredentialMalformed
from services.registry.domain.gateway import (
    ApnsSettings,
    FcmSettings,
    GatewayDraft,
    GatewayKind,
    GatewayState,
    SafariSettings,
    WebPushSettings,
)
from services.registry.domain.website import ICONS, is_png

MAX_BUNDLE_ID = 255
MAX_FILE_NAME = 255
MAX_KEY_BYTES = 16 * 1024
MAX_PKCS12_BYTES = 64 * 1024
MAX_PASSWORD = 1024
MAX_ICON_BYTES = 128 * 1024
MAX_REASON = 64
MAX_URL = 2048
APPLE_ID_LENGTH = 10
PUSH_ID = "web."
# These travel as headers and in tokens: nothing may stand in them that could end a line.
PRINTABLE = re.compile(r"[!-~]+")

KINDS = {
    GatewayKind.APNS: gateway_pb2.GATEWAY_KIND_APNS,
    GatewayKind.FCM: gateway_pb2.GATEWAY_KIND_FCM,
    GatewayKind.WEB_CHROME: gateway_pb2.GATEWAY_KIND_WEB_CHROME,
    GatewayKind.WEB_FIREFOX: gateway_pb2.GATEWAY_KIND_WEB_FIREFOX,
    GatewayKind.WEB_SAFARI: gateway_pb2.GATEWAY_KIND_WEB_SAFARI,
    GatewayKind.APPEXT_CHROME: gateway_pb2.GATEWAY_KIND_APPEXT_CHROME,
}
KINDS_FROM_WIRE: dict[int, GatewayKind] = {number: kind for kind, number in KINDS.items()}
SETTINGS_FIELDS = {
    GatewayKind.APNS: "apns",
    GatewayKind.FCM: "fcm",
    GatewayKind.WEB_CHROME: "web_push",
    GatewayKind.WEB_FIREFOX: "web_push",
    GatewayKind.WEB_SAFARI: "safari",
    GatewayKind.APPEXT_CHROME: "fcm",
}


def parse(configuration: gateway_pb2.GatewayConfiguration, now: datetime) -> GatewayDraft:
    kind = checks.member("configuration.kind", configuration.kind, KINDS_FROM_WIRE)
    wanted = SETTINGS_FIELDS[kind]
    if configuration.WhichOneof("settings") != wanted:
        raise FieldInvalid(f"configuration.{wanted}", f"must be set for the kind {kind.name}")
    match wanted:
        case "apns":
            draft = _parse_apns(kind, configuration.apns, now)
        case "fcm":
            draft = GatewayDraft(kind, _parse_fcm(configuration.fcm))
        case "safari":
            draft = _parse_safari(kind, configuration.safari, now)
        case _:
            # The key pair is our own: no gateway has a say in it.
            settings = _parse_web_push(configuration.web_push)
            return GatewayDraft(kind, settings, state=GatewayState.VERIFIED)
    return _with_state(draft, configuration)


def _with_state(
    draft: GatewayDraft, configuration: gateway_pb2.GatewayConfiguration
) -> GatewayDraft:
    reason = checks.text("configuration.state_reason", configuration.state_reason, 0, MAX_REASON)
    is_verified = configuration.state == gateway_pb2.GATEWAY_STATE_VERIFIED
    state = GatewayState.VERIFIED if is_verified else GatewayState.UNVERIFIED
    return replace(draft, state=state, state_reason=reason)


def _parse_apns(kind: GatewayKind, apns: gateway_pb2.ApnsSettings, now: datetime) -> GatewayDraft:
    field = "configuration.apns"
    if apns.pkcs12:
        certificate = _parse_pkcs12(field, apns.pkcs12, apns.password, now)
        return GatewayDraft(kind, _parse_certified(apns, certificate), certificate.expire_time)
    key = checks.text_in_bytes(f"{field}.private_key", apns.private_key, 1, MAX_KEY_BYTES)
    with _naming(f"{field}.private_key"):
        credentials.check_p256_key(key)
    return GatewayDraft(
        kind,
        ApnsSettings(
            key_id=_parse_header(f"{field}.key_id", apns.key_id, APPLE_ID_LENGTH, APPLE_ID_LENGTH),
            team_id=_parse_header(
                f"{field}.team_id", apns.team_id, APPLE_ID_LENGTH, APPLE_ID_LENGTH
            ),
            bundle_id=_parse_header(f"{field}.bundle_id", apns.bundle_id, 1, MAX_BUNDLE_ID),
            sandbox=apns.sandbox,
            file_name=_parse_file_name(field, apns.file_name),
            certificate_chain="",
            private_key=key,
        ),
    )


def _parse_certified(apns: gateway_pb2.ApnsSettings, certificate: PushCertificate) -> ApnsSettings:
    field = "configuration.apns"
    bundle_id = apns.bundle_id or certificate.topic
    if bundle_id:
        _parse_header(f"{field}.bundle_id", bundle_id, 1, MAX_BUNDLE_ID)
    _check_topic(f"{field}.bundle_id", bundle_id, certificate)
    if not (certificate.is_for_sandbox if apns.sandbox else certificate.is_for_production):
        asked, meant = ("true", "production") if apns.sandbox else ("false", "development")
        raise FieldInvalid(
            f"{field}.sandbox", f"must not be {asked}: the certificate is for {meant} only"
        )
    return ApnsSettings(
        key_id="",
        team_id="",
        bundle_id=bundle_id,
        sandbox=apns.sandbox,
        file_name=_parse_file_name(field, apns.file_name),
        certificate_chain=certificate.chain,
        private_key=certificate.private_key,
    )


def _parse_safari(
    kind: GatewayKind, safari: gateway_pb2.SafariSettings, now: datetime
) -> GatewayDraft:
    field = "configuration.safari"
    push_id = _parse_header(f"{field}.website_push_id", safari.website_push_id, 1, MAX_BUNDLE_ID)
    if not push_id.startswith(PUSH_ID) or not certificates.TOPIC.fullmatch(push_id):
        raise FieldInvalid(
            f"{field}.website_push_id", f"must begin with {PUSH_ID} and be of letters, digits, - ."
        )
    name = checks.name(f"{field}.website_name", safari.website_name)
    link = _parse_url(f"{field}.url_format_string", safari.url_format_string)
    site = _parse_url(f"{field}.web_site_url", safari.web_site_url)
    icons = _parse_icons(f"{field}.icons", safari)
    certificate = _parse_pkcs12(field, safari.pkcs12, safari.password, now)
    _check_topic(f"{field}.website_push_id", push_id, certificate)
    settings = SafariSettings(
        website_name=name,
        url_format_string=link,
        website_push_id=push_id,
        web_site_url=site,
        file_name=_parse_file_name(field, safari.file_name),
        certificate_chain=certificate.chain,
        private_key=certificate.private_key,
    )
    return GatewayDraft(kind, settings, certificate.expire_time, icons=icons)


def _parse_icons(field: str, safari: gateway_pb2.SafariSettings) -> dict[str, bytes]:
    for name, content in safari.icons.items():
        if name not in ICONS:
            raise FieldInvalid(field, f"must be named {', '.join(ICONS)}")
        if not 1 <= len(content) <= MAX_ICON_BYTES:
            raise FieldInvalid(
                f"{field}.{name}", f"must be 1 to {MAX_ICON_BYTES} bytes, not {len(content)}"
            )
        if not is_png(content):
            raise FieldInvalid(f"{field}.{name}", "must be a PNG image")
    return dict(safari.icons)


def _parse_pkcs12(field: str, content: bytes, password: str, now: datetime) -> PushCertificate:
    if not 1 <= len(content) <= MAX_PKCS12_BYTES:
        raise FieldInvalid(
            f"{field}.pkcs12", f"must be 1 to {MAX_PKCS12_BYTES} bytes, not {len(content)}"
        )
    checks.text(f"{field}.password", password, 0, MAX_PASSWORD)
    try:
        return certificates.read_pkcs12(content, password, now)
    except PasswordWrong as error:
        raise FieldInvalid(f"{field}.password", str(error)) from None
    except CredentialMalformed as error:
        raise FieldInvalid(f"{field}.pkcs12", str(error)) from None


def _check_topic(field: str, topic: str, certificate: PushCertificate) -> None:
    if certificate.topic not in {"", topic}:
        raise FieldInvalid(field, f"must be {certificate.topic}, which the certificate is for")


def _parse_fcm(fcm: gateway_pb2.FcmSettings) -> FcmSettings:
    field = "configuration.fcm"
    sender_id = checks.text(f"{field}.sender_id", fcm.sender_id, 0, checks.MAX_NAME)
    text = checks.text_in_bytes(f"{field}.service_account", fcm.service_account, 0, MAX_KEY_BYTES)
    project_id = ""
    if text:
        with _naming(f"{field}.service_account"):
            project_id = credentials.read_service_account(text).project_id
    return FcmSettings(
        sender_id=sender_id,
        project_id=project_id,
        api_key=_parse_legacy_key(f"{field}.api_key", fcm.api_key),
        service_account=text,
    )


def _parse_web_push(web_push: gateway_pb2.WebPushSettings) -> WebPushSettings:
    field = "configuration.web_push"
    return WebPushSettings(
        web_site_url=_parse_url(f"{field}.web_site_url", web_push.web_site_url),
        api_key=_parse_legacy_key(f"{field}.api_key", web_push.api_key),
    )


@contextmanager
def _naming(field: str) -> Iterator[None]:
    """Say of a malformed credential which field it stood in."""
    try:
        yield
    except CredentialMalformed as error:
        raise FieldInvalid(field, str(error)) from None


def _parse_url(field: str, value: str) -> str:
    url = checks.text(field, value, 1, MAX_URL)
    if not credentials.is_url(url, {"https", "http"}):
        raise FieldInvalid(field, "must be https:// or http:// with a host")
    return url


def _parse_header(field: str, value: str, low: int, high: int) -> str:
    checks.text(field, value, low, high)
    if not PRINTABLE.fullmatch(value):
        raise FieldInvalid(field, "must be of printable ASCII without blanks")
    return value


def _parse_legacy_key(field: str, value: str) -> str:
    return checks.text_in_bytes(field, value, 0, MAX_KEY_BYTES)


def _parse_file_name(field: str, value: str) -> str:
    return checks.text(f"{field}.file_name", value, 0, MAX_FILE_NAME)
