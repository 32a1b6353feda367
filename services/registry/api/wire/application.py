"""Applications."""

from uuid import UUID, uuid4

from carillon.registry.v1 import application_pb2, application_service_pb2
from services.registry.api.wire import checks
from services.registry.domain.application import Application, ApplicationUpdate

MAX_DISPLAY_NAME = 254
CHANGEABLE = (
    "display_name",
    "enabled",
    "verify_client_secret",
    "clients_list_devices",
    "web_sites_only",
)


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
    named = checks.mask("update_mask", request.update_mask.paths, CHANGEABLE)
    display_name = parse_display_name("application.display_name", wanted.display_name)
    return app_id, ApplicationUpdate(
        display_name=display_name if "display_name" in named else None,
        enabled=wanted.enabled if "enabled" in named else None,
        verify_client_secret=(
            wanted.verify_client_secret if "verify_client_secret" in named else None
        ),
        clients_list_devices=(
            wanted.clients_list_devices if "clients_list_devices" in named else None
        ),
        web_sites_only=wanted.web_sites_only if "web_sites_only" in named else None,
    )


def show(application: Application) -> application_pb2.Application:
    return application_pb2.Application(
        app_id=str(application.app_id),
        display_name=application.display_name,
        enabled=application.enabled,
        create_time=checks.timestamp(application.create_time),
        update_time=checks.timestamp(application.update_time),
        old_style=application.old_style,
        verify_client_secret=application.verify_client_secret,
        clients_list_devices=application.clients_list_devices,
        web_sites_only=application.web_sites_only,
    )
