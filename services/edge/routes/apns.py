"""The multipart form that carries an APNs key."""

from collections.abc import AsyncGenerator
from typing import Any

from python_multipart.exceptions import FormParserError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from carillon.registry.v1.gateway_pb2 import ApnsSettings, GatewayConfiguration
from services.edge import problems
from services.edge.door import Call
from services.edge.problems import Problem

PEM = b"-----BEGIN "
MAX_FIELDS = 32
DEFAULT_FILE_NAME = "certificate.p8"


async def read_apns(call: Call) -> GatewayConfiguration:
    form = await _read_form(call)
    try:
        name, key = await _read_key(form)
        return GatewayConfiguration(
            apns=ApnsSettings(
                key_id=_read_text(form, "keyId", "key_id"),
                team_id=_read_text(form, "teamId", "team_id"),
                bundle_id=_read_text(form, "bundleId", "bundle_id"),
                sandbox=_read_flag(form, "isSandBox"),
                key_file_name=name,
                private_key=key,
            )
        )
    finally:
        await form.close()


def render_apns(configuration: GatewayConfiguration) -> dict[str, Any]:
    settings = configuration.apns
    return {
        "certificate": settings.key_file_name,
        "isSandBox": settings.sandbox,
        "keyId": settings.key_id,
        "teamId": settings.team_id,
        "bundleId": settings.bundle_id,
    }


async def _read_form(call: Call) -> FormData:
    headers = call.request.headers
    if not headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Problem(
            415,
            problems.MEDIA_TYPE_REFUSED,
            "This configuration is sent as multipart/form-data, with the key in 'certificate'.",
        )
    body = await call.read_bytes()

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(headers, stream(), max_files=MAX_FIELDS, max_fields=MAX_FIELDS)
    try:
        return await parser.parse()
    except (MultiPartException, FormParserError):
        raise problems.invalid("body", "is not valid multipart/form-data") from None


async def _read_key(form: FormData) -> tuple[str, str]:
    """The file's name and text. Its content decides what it is, not its name."""
    part = form.get("certificate")
    if part is None:
        raise problems.required("certificate")
    if isinstance(part, UploadFile):
        name, content = part.filename or DEFAULT_FILE_NAME, await part.read()
    else:
        name, content = DEFAULT_FILE_NAME, part.encode()
    if not content.strip().startswith(PEM) or not content.isascii():
        raise problems.invalid(
            "certificate", "must be an APNs key in a .p8 file; .p12 certificates are not accepted"
        )
    if b"\x00" in content or "\x00" in name:
        raise problems.invalid("certificate", "must not contain the character NUL")
    return name, content.decode()


def _read_text(form: FormData, *names: str) -> str:
    for name in names:
        value = form.get(name)
        if isinstance(value, str) and value.strip():
            if "\x00" in value:
                raise problems.invalid(name, "must not contain the character NUL")
            return value.strip()
    raise problems.required(names[0])


def _read_flag(form: FormData, name: str) -> bool:
    value = form.get(name)
    if value is None or value == "":
        return False
    word = value.lower() if isinstance(value, str) else ""
    if word not in {"true", "false"}:
        raise problems.invalid(name, "must be true or false")
    return word == "true"
