"""The multipart forms that carry Apple's credentials: apnsConf and safariWebConf."""

from typing import Any

from carillon.registry.v1.gateway_pb2 import ApnsSettings, GatewayConfiguration, SafariSettings
from services.edge import problems
from services.edge.door import Call
from services.edge.forms import File, Form, read_form
from services.edge.times import write_time

PEM = b"-----BEGIN "
DEFAULT_KEY_NAME = "certificate.p8"
DEFAULT_CERTIFICATE_NAME = "certificate.p12"
ICONS = (
    "icon_16x16",
    "icon_16x16@2x",
    "icon_32x32",
    "icon_32x32@2x",
    "icon_128x128",
    "icon_128x128@2x",
)


async def read_apns(call: Call) -> GatewayConfiguration:
    """A .p12 with its password, or a .p8 with the ids that Apple gave it."""
    form = await read_form(call)
    file = form.file("certificate")
    settings = ApnsSettings(sandbox=form.flag("isSandBox"))
    if _is_pem(file):
        settings.key_id = form.text("keyId", "key_id")
        settings.team_id = form.text("teamId", "team_id")
        settings.bundle_id = form.text("bundleId", "bundle_id")
        settings.file_name = file.name or DEFAULT_KEY_NAME
        settings.private_key = _read_pem(file)
    else:
        settings.bundle_id = form.optional_text("bundleId", "bundle_id")
        settings.file_name = file.name or DEFAULT_CERTIFICATE_NAME
        settings.pkcs12 = file.content
        settings.password = form.password("password")
    return GatewayConfiguration(apns=settings)


def render_apns(configuration: GatewayConfiguration) -> dict[str, Any]:
    settings = configuration.apns
    shown: dict[str, Any] = {
        "certificate": settings.file_name,
        "isSandBox": settings.sandbox,
    }
    if settings.key_id:
        shown |= {"keyId": settings.key_id, "teamId": settings.team_id}
    if settings.bundle_id:
        shown["bundleId"] = settings.bundle_id
    return shown | _render_expiry(configuration)


async def read_safari(call: Call) -> GatewayConfiguration:
    form = await read_form(call)
    file = form.file("certificate")
    if _is_pem(file):
        raise problems.invalid("certificate", "must be a .p12 file (PKCS#12)")
    return GatewayConfiguration(
        safari=SafariSettings(
            website_name=form.text("websiteName"),
            url_format_string=form.text("urlFormatString"),
            website_push_id=form.text("websitePushID", "websitePushId"),
            web_site_url=form.text("webSiteUrl"),
            file_name=file.name or DEFAULT_CERTIFICATE_NAME,
            pkcs12=file.content,
            password=form.password("password"),
            icons=_read_icons(form),
        )
    )


def render_safari(configuration: GatewayConfiguration) -> dict[str, Any]:
    settings = configuration.safari
    return {
        "certificate": settings.file_name,
        "websiteName": settings.website_name,
        "urlFormatString": settings.url_format_string,
        "websitePushID": settings.website_push_id,
        "webSiteUrl": settings.web_site_url,
    } | _render_expiry(configuration)


def _render_expiry(configuration: GatewayConfiguration) -> dict[str, str]:
    if not configuration.HasField("expire_time"):
        return {}
    return {"validUntil": write_time(configuration.expire_time)}


def _is_pem(file: File) -> bool:
    return file.content.lstrip().startswith(PEM)


def _read_pem(file: File) -> str:
    if not file.content.isascii() or b"\x00" in file.content:
        raise problems.invalid("certificate", "must be a key in PEM, which is plain ASCII")
    return file.content.decode()


def _read_icons(form: Form) -> dict[str, bytes]:
    found = {name: form.optional_file(name) for name in ICONS}
    return {name: file.content for name, file in found.items() if file is not None}
