"""Gateway configurations; their secret members are shown only on demand."""

from datetime import datetime

from carillon.registry.v1 import gateway_pb2
from carillon.registry.v1 import gateway_service_pb2 as service_pb
from services.registry.api.wire import checks
from services.registry.api.wire.drafts import KINDS, KINDS_FROM_WIRE, MAX_REASON, parse
from services.registry.domain.gateway import (
    ApnsSettings,
    FcmSettings,
    GatewayConfiguration,
    GatewayKind,
    GatewaySettings,
    GatewayState,
    SafariSettings,
    WebPushSettings,
)

__all__ = ["KINDS", "KINDS_FROM_WIRE", "parse", "parse_kind", "parse_reported_state", "show"]

STATES = {
    GatewayState.UNVERIFIED: gateway_pb2.GATEWAY_STATE_UNVERIFIED,
    GatewayState.VERIFIED: gateway_pb2.GATEWAY_STATE_VERIFIED,
    GatewayState.INCOMPLETE: gateway_pb2.GATEWAY_STATE_INCOMPLETE,
    GatewayState.MISCONFIGURED: gateway_pb2.GATEWAY_STATE_MISCONFIGURED,
    GatewayState.EXPIRED: gateway_pb2.GATEWAY_STATE_EXPIRED,
}
REPORTED: dict[int, GatewayState] = {
    gateway_pb2.GATEWAY_STATE_VERIFIED: GatewayState.VERIFIED,
    gateway_pb2.GATEWAY_STATE_MISCONFIGURED: GatewayState.MISCONFIGURED,
}


def parse_kind(field: str, value: int) -> GatewayKind:
    return checks.member(field, value, KINDS_FROM_WIRE)


def parse_reported_state(
    request: service_pb.ReportGatewayStateRequest,
) -> tuple[GatewayState, str]:
    state = checks.member("state", request.state, REPORTED)
    return state, checks.text("reason", request.reason, 0, MAX_REASON)


def show(
    configuration: GatewayConfiguration, now: datetime, *, with_secrets: bool = False
) -> gateway_pb2.GatewayConfiguration:
    shown = gateway_pb2.GatewayConfiguration(
        kind=KINDS[configuration.kind],
        version=configuration.version,
        update_time=checks.timestamp(configuration.update_time),
        state=STATES[configuration.state_at(now)],
        state_reason=configuration.state_reason,
    )
    if configuration.expire_time is not None:
        shown.expire_time.CopyFrom(checks.timestamp(configuration.expire_time))
    _show_settings(shown, configuration.settings)
    if not with_secrets:
        _blank_secrets(shown)
    return shown


def _show_settings(shown: gateway_pb2.GatewayConfiguration, settings: GatewaySettings) -> None:
    match settings:
        case ApnsSettings():
            shown.apns.CopyFrom(_show_apns(settings))
        case FcmSettings():
            shown.fcm.CopyFrom(_show_fcm(settings))
        case SafariSettings():
            shown.safari.CopyFrom(_show_safari(settings))
        case WebPushSettings():
            shown.web_push.web_site_url = settings.web_site_url
            shown.web_push.api_key = settings.api_key


def _show_apns(apns: ApnsSettings) -> gateway_pb2.ApnsSettings:
    return gateway_pb2.ApnsSettings(
        key_id=apns.key_id,
        team_id=apns.team_id,
        bundle_id=apns.bundle_id,
        sandbox=apns.sandbox,
        file_name=apns.file_name,
        certificate_chain=apns.certificate_chain,
        private_key=apns.private_key,
    )


def _show_fcm(fcm: FcmSettings) -> gateway_pb2.FcmSettings:
    return gateway_pb2.FcmSettings(
        sender_id=fcm.sender_id,
        api_key=fcm.api_key,
        project_id=fcm.project_id,
        service_account=fcm.service_account,
    )


def _show_safari(safari: SafariSettings) -> gateway_pb2.SafariSettings:
    return gateway_pb2.SafariSettings(
        website_name=safari.website_name,
        url_format_string=safari.url_format_string,
        website_push_id=safari.website_push_id,
        web_site_url=safari.web_site_url,
        file_name=safari.file_name,
        certificate_chain=safari.certificate_chain,
        private_key=safari.private_key,
    )


def _blank_secrets(shown: gateway_pb2.GatewayConfiguration) -> None:
    if shown.HasField("apns"):
        shown.apns.ClearField("private_key")
    if shown.HasField("safari"):
        shown.safari.ClearField("private_key")
    if shown.HasField("fcm"):
        shown.fcm.ClearField("service_account")
