"""Shows credentials to the gateways before registry keeps them."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import structlog

from carillon.dispatch.v1 import credential_service_pb2 as pb
from carillon.dispatch.v1 import credential_service_pb2_grpc as rpc
from carillon.registry.v1.gateway_pb2 import GatewayConfiguration
from services.dispatch.api.rooms import read_credential
from services.dispatch.domain.credentials import Credential
from services.dispatch.gateways.trials import Declined, Finding, Part, Taken
from services.kit.faults import FieldInvalid

log = structlog.get_logger()

Context = grpc.aio.ServicerContext[Any, Any]

FIELDS = {
    ("apns", Part.PROOF): "apns.private_key",
    ("apns", Part.TOPIC): "apns.bundle_id",
    ("apns", Part.ENVIRONMENT): "apns.sandbox",
    ("safari", Part.PROOF): "safari.pkcs12",
    ("safari", Part.TOPIC): "safari.website_push_id",
    ("safari", Part.ENVIRONMENT): "safari.pkcs12",
    ("fcm", Part.PROOF): "fcm.service_account",
}
ACCOUNTS = frozenset({"apns", "safari", "fcm"})


class CredentialServicer(rpc.CredentialServiceServicer):
    def __init__(self, try_credential: Callable[[Credential], Awaitable[Finding]]) -> None:
        self._try = try_credential

    async def VerifyCredential(
        self, request: pb.VerifyCredentialRequest, _context: Context
    ) -> pb.VerifyCredentialResponse:
        configuration = request.configuration
        member = _check(configuration)
        found = await self._try(read_credential(configuration, b""))
        log.info("credential.tried", kind=configuration.kind, found=type(found).__name__)
        match found:
            case Declined(part, reason):
                field = f"configuration.{FIELDS[member, part]}"
                raise FieldInvalid(field, f"was refused by the gateway: {reason}")
            case Taken():
                return pb.VerifyCredentialResponse(verified=True)
            case _:
                return pb.VerifyCredentialResponse(reason=found.reason)


def _check(configuration: GatewayConfiguration) -> str:
    member = configuration.WhichOneof("settings")
    if member not in ACCOUNTS:
        raise FieldInvalid("configuration", "must hold apns, safari or fcm")
    settings = getattr(configuration, member)
    if not (settings.service_account if member == "fcm" else settings.private_key):
        raise FieldInvalid("configuration", "must hold its secret members")
    return str(member)
