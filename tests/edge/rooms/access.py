"""Registry's judgement of callers, in memory."""

from typing import Any

from carillon.registry.v1 import access_service_pb2 as pb
from carillon.registry.v1 import access_service_pb2_grpc as rpc
from carillon.registry.v1.access_pb2 import CallerRole, SecretKind, Verdict
from services.kit.faults import Code, FieldInvalid
from tests.edge.rooms.rules import check_text, fault, noon

api_key_not_found = fault(Code.NOT_FOUND, "API_KEY_NOT_FOUND")
api_keys_exhausted = fault(Code.FAILED_PRECONDITION, "API_KEYS_EXHAUSTED")

MAX_KEYS = 100
MAX_CREDENTIALS = 500
OVERLAP_LIMIT = 90 * 86_400
Role = CallerRole


class AccessRules(rpc.AccessServiceServicer):
    def __init__(self, registry: Any) -> None:
        self._registry = registry

    async def RotateSecret(self, request: Any, _context: Any) -> Any:
        """The old secret ends at once, whatever overlap was asked for."""
        await self._registry.meet("RotateSecret")
        tenant = self._registry.tenant(request.app_id)
        if request.overlap.seconds > OVERLAP_LIMIT:
            raise FieldInvalid("overlap", "must be 0 to 90 days")
        tenant.version += 1
        name = "app" if request.kind == SecretKind.SECRET_KIND_APP else "client"
        secret = f"{name}-{tenant.version}-{request.app_id}"
        setattr(tenant, f"{name}_secret", secret)
        return pb.RotateSecretResponse(secret=secret, overlap_end_time=noon())

    async def CreateApiKey(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("CreateApiKey")
        tenant = self._registry.tenant(request.app_id)
        check_text("api_key.display_name", request.api_key.display_name, 254, least=0)
        if len(tenant.keys) >= MAX_KEYS:
            raise api_keys_exhausted(limit=str(MAX_KEYS))
        key, secret = tenant.add_key(request.api_key.display_name, request.api_key.role)
        return pb.CreateApiKeyResponse(api_key=key, secret=secret)

    async def ListApiKeys(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("ListApiKeys")
        keys = self._registry.tenant(request.app_id).keys
        return pb.ListApiKeysResponse(api_keys=[key for key, _ in keys.values()])

    async def RevokeApiKey(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("RevokeApiKey")
        tenant = self._registry.tenant(request.app_id)
        if request.key_id not in tenant.keys:
            raise api_key_not_found(key_id=request.key_id)
        del tenant.keys[request.key_id]
        tenant.version += 1
        return pb.RevokeApiKeyResponse()

    async def AuthenticateCallers(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("AuthenticateCallers")
        if not 1 <= len(request.credentials) <= MAX_CREDENTIALS:
            raise FieldInvalid("credentials", "must hold 1 to 500 entries")
        return pb.AuthenticateCallersResponse(
            verdicts=[self._judge(credential) for credential in request.credentials]
        )

    def _judge(self, credential: Any) -> Verdict:
        app_id = credential.app_id or credential.api_key.partition(".")[0]
        tenant = self._registry.tenants.get(app_id)
        if tenant is None:
            return Verdict()
        role, key_id = _find_role(tenant, credential)
        application = tenant.application
        return Verdict(
            app_id=app_id,
            role=role,
            key_id=key_id,
            enabled=application.enabled,
            verify_client_secret=application.verify_client_secret,
            clients_list_devices=application.clients_list_devices,
            access_version=tenant.version,
        )

    async def ListAccessVersions(self, request: Any, _context: Any) -> Any:
        await self._registry.meet("ListAccessVersions")
        tenants = self._registry.tenants
        return pb.ListAccessVersionsResponse(
            versions={
                app_id: tenants[app_id].version for app_id in request.app_ids if app_id in tenants
            }
        )


def _find_role(tenant: Any, credential: Any) -> tuple["CallerRole.ValueType", str]:
    match credential.WhichOneof("shown"):
        case "app_secret" if credential.app_secret == tenant.app_secret:
            return Role.CALLER_ROLE_BACK_END, ""
        case "client_secret" if credential.client_secret == tenant.client_secret:
            return Role.CALLER_ROLE_CLIENT, ""
    for key, secret in tenant.keys.values():
        if secret == credential.api_key or key.key_id == credential.key_id:
            return key.role, key.key_id
    return Role.CALLER_ROLE_UNSPECIFIED, ""
