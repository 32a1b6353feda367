"""What registry refuses, by the reasons of carillon.registry.v1.ErrorReason.

Fault
├── ApplicationNotFound
├── ApplicationExists
├── ApiKeyNotFound
├── ApiKeysExhausted
├── DeviceNotFound
├── GatewayNotConfigured
└── WebsiteTokenInvalid
"""

from uuid import UUID

from services.kit.faults import Code, Fault
from services.registry.domain.gateway import GatewayKind


class ApplicationNotFound(Fault):
    code = Code.NOT_FOUND
    reason = "APPLICATION_NOT_FOUND"

    def __init__(self, app_id: UUID) -> None:
        super().__init__(f"there is no application {app_id}", app_id=str(app_id))


class ApplicationExists(Fault):
    """The id is in use, or was: an id is never given twice."""

    code = Code.ALREADY_EXISTS
    reason = "APPLICATION_EXISTS"

    def __init__(self, app_id: UUID) -> None:
        super().__init__(f"the application id {app_id} is taken", app_id=str(app_id))


class ApiKeyNotFound(Fault):
    code = Code.NOT_FOUND
    reason = "API_KEY_NOT_FOUND"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"there is no API key {key_id!r}", key_id=key_id)


class ApiKeysExhausted(Fault):
    code = Code.FAILED_PRECONDITION
    reason = "API_KEYS_EXHAUSTED"

    def __init__(self, limit: int) -> None:
        super().__init__(f"an application has at most {limit} API keys", limit=str(limit))


class DeviceNotFound(Fault):
    code = Code.NOT_FOUND
    reason = "DEVICE_NOT_FOUND"

    def __init__(self, device_id: str) -> None:
        super().__init__(f"there is no device {device_id!r}", device_id=device_id)


class GatewayNotConfigured(Fault):
    code = Code.NOT_FOUND
    reason = "GATEWAY_NOT_CONFIGURED"

    def __init__(self, kind: GatewayKind) -> None:
        super().__init__(f"the gateway {kind.name} is not configured", kind=kind.name)


class WebsiteTokenInvalid(Fault):
    code = Code.UNAUTHENTICATED
    reason = "WEBSITE_TOKEN_INVALID"

    def __init__(self) -> None:
        super().__init__("no push package of this website holds this token")
