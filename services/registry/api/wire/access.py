"""Secrets, API keys, and what callers show."""

from datetime import timedelta
from uuid import UUID

from google.protobuf.duration_pb2 import Duration

from carillon.registry.v1 import access_pb2, access_service_pb2
from services.kit.faults import FieldInvalid
from services.registry.api.wire import checks
from services.registry.domain.callers import (
    ApiKey,
    Role,
    SecretKind,
    Shown,
    ShownKey,
    ShownNothing,
    ShownSecret,
    Verdict,
)
from services.registry.domain.secrets import read_api_key

MAX_DISPLAY_NAME = 254
MAX_KEY_ID = 254
MAX_SHOWN_BYTES = 1024
MAX_CREDENTIALS = 500
MAX_APP_IDS = 1000
DEFAULT_OVERLAP = timedelta(days=1)
MAX_OVERLAP = timedelta(days=90)

SECRET_KINDS: dict[int, SecretKind] = {
    access_pb2.SECRET_KIND_APP: SecretKind.APP,
    access_pb2.SECRET_KIND_CLIENT: SecretKind.CLIENT,
}
ROLES = {
    Role.CLIENT: access_pb2.CALLER_ROLE_CLIENT,
    Role.BACK_END: access_pb2.CALLER_ROLE_BACK_END,
    Role.READER: access_pb2.CALLER_ROLE_READER,
    Role.WRITER: access_pb2.CALLER_ROLE_WRITER,
    Role.MANAGER: access_pb2.CALLER_ROLE_MANAGER,
}
KEY_ROLES: dict[int, Role] = {
    access_pb2.CALLER_ROLE_READER: Role.READER,
    access_pb2.CALLER_ROLE_WRITER: Role.WRITER,
    access_pb2.CALLER_ROLE_MANAGER: Role.MANAGER,
}


def parse_rotation(
    request: access_service_pb2.RotateSecretRequest,
) -> tuple[UUID, SecretKind, timedelta]:
    app_id = checks.guid("app_id", request.app_id)
    kind = checks.member("kind", request.kind, SECRET_KINDS)
    return app_id, kind, _parse_overlap(request)


def _parse_overlap(request: access_service_pb2.RotateSecretRequest) -> timedelta:
    if not request.HasField("overlap"):
        return DEFAULT_OVERLAP
    # Compared as it came: a duration of the wire may be longer than a timedelta can be.
    seconds = request.overlap.seconds
    if not 0 <= seconds <= MAX_OVERLAP.total_seconds() or request.overlap.nanos < 0:
        raise FieldInvalid("overlap", f"must be 0 to {MAX_OVERLAP.days} days, not {seconds} s")
    return timedelta(seconds=seconds)


def parse_new_key(request: access_service_pb2.CreateApiKeyRequest) -> tuple[UUID, str, Role]:
    wanted = request.api_key
    return (
        checks.guid("app_id", request.app_id),
        checks.text("api_key.display_name", wanted.display_name, 0, MAX_DISPLAY_NAME),
        checks.member("api_key.role", wanted.role, KEY_ROLES),
    )


def parse_key_id(value: str) -> str:
    return checks.text("key_id", value, 1, MAX_KEY_ID)


def parse_shown(request: access_service_pb2.AuthenticateCallersRequest) -> list[Shown | None]:
    """What was shown, in order; None for what cannot be an API key of ours."""
    checks.count("credentials", len(request.credentials), 1, MAX_CREDENTIALS)
    return [
        _parse_credential(f"credentials[{number}]", credential)
        for number, credential in enumerate(request.credentials)
    ]


def _parse_credential(field: str, credential: access_pb2.Credential) -> Shown | None:
    kind = credential.WhichOneof("shown")
    text = checks.text_in_bytes(
        f"{field}.{kind}", getattr(credential, kind) if kind else "", 0, MAX_SHOWN_BYTES
    )
    if kind == "api_key":
        claimed = read_api_key(text)
        return ShownKey(*claimed, text) if claimed else None
    app_id = checks.guid(f"{field}.app_id", credential.app_id)
    match kind:
        case "app_secret":
            return ShownSecret(app_id, SecretKind.APP, text)
        case "client_secret":
            return ShownSecret(app_id, SecretKind.CLIENT, text)
        case "key_id":
            return ShownKey(app_id, text)
        case _:
            return ShownNothing(app_id)


def parse_app_ids(request: access_service_pb2.ListAccessVersionsRequest) -> set[UUID]:
    checks.count("app_ids", len(request.app_ids), 1, MAX_APP_IDS)
    return {checks.guid("app_ids", app_id) for app_id in request.app_ids}


def show_key(key: ApiKey) -> access_pb2.ApiKey:
    return access_pb2.ApiKey(
        key_id=key.key_id,
        display_name=key.display_name,
        role=ROLES[key.role],
        create_time=checks.timestamp(key.create_time),
    )


def show_verdict(verdict: Verdict) -> access_pb2.Verdict:
    if verdict.app_id is None or verdict.rules is None:
        return access_pb2.Verdict()
    shown = access_pb2.Verdict(
        app_id=str(verdict.app_id),
        key_id=verdict.key_id,
        enabled=verdict.rules.enabled,
        verify_client_secret=verdict.rules.verify_client_secret,
        clients_list_devices=verdict.rules.clients_list_devices,
        access_version=verdict.rules.version,
    )
    if verdict.role is not None:
        shown.role = ROLES[verdict.role]
    if verdict.valid_for is not None:
        shown.valid_for.CopyFrom(_duration(verdict.valid_for))
    return shown


def _duration(value: timedelta) -> Duration:
    duration = Duration()
    duration.FromTimedelta(value)
    return duration
