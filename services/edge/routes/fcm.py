"""What FCM asks of an application: gcmConf, and chromeAppExtConf for Chrome apps and extensions."""

from typing import Any

import msgspec

from carillon.registry.v1.gateway_pb2 import FcmSettings, GatewayConfiguration
from services.edge import problems
from services.edge.door import Call
from services.edge.forms import is_form, read_form


class FcmBody(msgspec.Struct, rename="camel"):
    api_key: str | None = None
    sender_id: str | None = None
    # The service account's JSON, as an object or as text.
    service_account: dict[str, Any] | str | None = None


async def read_fcm(call: Call) -> GatewayConfiguration:
    configuration = await read_extension(call)
    if not configuration.fcm.service_account and not configuration.fcm.api_key:
        raise problems.invalid("serviceAccount", "is required, or 'apiKey'")
    return configuration


async def read_extension(call: Call) -> GatewayConfiguration:
    """Needs no account: that of gcmConf speaks for it."""
    body = await (_read_multipart(call) if is_form(call) else call.read(FcmBody))
    if not body.sender_id:
        raise problems.required("senderId")
    account = body.service_account or ""
    if isinstance(account, dict):
        account = msgspec.json.encode(account).decode()
    settings = FcmSettings(
        sender_id=body.sender_id, api_key=body.api_key or "", service_account=account
    )
    return GatewayConfiguration(fcm=settings)


async def _read_multipart(call: Call) -> FcmBody:
    form = await read_form(call)
    file = form.optional_file("serviceAccount")
    try:
        account = file.content.decode() if file else None
    except UnicodeDecodeError:
        raise problems.invalid("serviceAccount", "must be JSON in UTF-8") from None
    return FcmBody(form.optional_text("apiKey"), form.optional_text("senderId"), account)


def render_fcm(configuration: GatewayConfiguration) -> dict[str, Any]:
    return {"apiKey": configuration.fcm.api_key, "senderId": configuration.fcm.sender_id}
