"""Applications and what their callers show."""

from uuid import UUID, uuid4

from carillon.registry.v1 import application_pb2, application_service_pb2
from services.registry.api.wire import checks
from services.registry.domain.application import Application, ApplicationUpdate, SecretKind

MAX_DISPLAY_NAME = 254
MAX_SHOWN_BYTES = 1024

ROLES = {
    SecretKind.APP: application_pb2.CALLER_ROLE_BACK_END,
    SecretKind.CLIENT: application_pb2.CALLER_ROLE_CLIENT,
}


def parse_app_id(value: str) -> UUID:
    return checks.guid("app_id", value)


def parse_new_app_id(value: str) -> UUID:
    return checks.guid("app_id", value) if value else uuid4()


def parse_display_name(field: str, value: str) -> str:
    return checks.text(field, value, 0, MAX_DISPLAY_NAME)


def parse_update(
    request: application_service_pb2.UpdateApplicationRequest,
) -> tuple[UUID, ApplicationUpdate]:
    wanted = request.application
    app_id = checks.guid("application.app_id", wanted.app_id)
    named = checks.mask("update_mask", request.update_mask.paths, ("display_name", "enabled"))
    display_name = parse_display_name("application.display_name", wanted.display_name)
    return app_id, ApplicationUpdate(
        display_name=display_name if "display_name" in named else None,
        enabled=wanted.enabled if "enabled" in named else None,
    )


def parse_shown(
    request: application_service_pb2.AuthenticateCallerRequest,
) -> dict[SecretKind, str]:
    """The credentials that were given at all."""
    given = {
        SecretKind.APP: ("app_secret", request.app_secret),
        SecretKind.CLIENT: ("client_secret", request.client_secret),
    }
    return {
        kind: checks.text_in_bytes(field, secret, 0, MAX_SHOWN_BYTES)
        for kind, (field, secret) in given.items()
        if secret
    }


def show(application: Application) -> application_pb2.Application:
    return application_pb2.Application(
        app_id=str(application.app_id),
        display_name=application.display_name,
        enabled=application.enabled,
        create_time=checks.timestamp(application.create_time),
        update_time=checks.timestamp(application.update_time),
    )
