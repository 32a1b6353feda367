"""Does a gateway take a credential? Asked by requests that deliver nothing.

Only a clear refusal counts as one. An answer that says nothing of the credential, and silence,
leave it as it is: unverified.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from urllib.parse import quote

import msgspec

from services.dispatch.domain.credentials import (
    ApnsCertificate,
    ApnsCredential,
    Credential,
    FcmCredential,
)
from services.dispatch.gateways.apns import ProviderToken
from services.dispatch.gateways.certificate import ClientCertificate
from services.dispatch.gateways.fcm import FCM_ERROR, OAuthTokens
from services.dispatch.gateways.pool import GatewayUrls
from services.dispatch.gateways.verdicts import read_members, read_reason
from services.dispatch.wire import Answer, Forbidden, Request, Wire, WireError

# Of one request; an owner waits for two at most.
SECONDS = 3.5
# No device has it: what is asked about it tells how the gateway takes us.
NO_ADDRESS = "carillon-asks-who-it-is"


class Part(Enum):
    """Which part of a credential the gateway declined."""

    PROOF = "proof"
    TOPIC = "topic"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Taken:
    """The gateway knows us by it."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing was learned. The reason is a word."""

    reason: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The gateway will never take it as it is."""

    part: Part
    reason: str


Finding = Taken | Silent | Declined

# APNs judges us before it looks at the address.
ADDRESS_REASONS = frozenset(
    {"BadDeviceToken", "DeviceTokenNotForTopic", "MissingDeviceToken", "BadPath", "Unregistered"}
)
APNS_PARTS = {
    "BadCertificate": Part.PROOF,
    "Forbidden": Part.PROOF,
    "InvalidProviderToken": Part.PROOF,
    "BadCertificateEnvironment": Part.ENVIRONMENT,
    "BadEnvironmentKeyIdInToken": Part.ENVIRONMENT,
    "BadEnvironmentKeyInToken": Part.ENVIRONMENT,
    "BadTopic": Part.TOPIC,
    "MissingTopic": Part.TOPIC,
    "TopicDisallowed": Part.TOPIC,
}
# RFC 6749 §5.2, as far as it is about who asks.
OAUTH_REFUSALS = frozenset({"invalid_client", "invalid_grant", "unauthorized_client"})


async def try_credential(
    credential: Credential, urls: GatewayUrls, wire: Wire, clock: Callable[[], datetime]
) -> Finding:
    """What the gateway makes of it, within seconds."""
    match credential:
        case ApnsCredential() | ApnsCertificate():
            return await _try_apns(credential, urls, wire, clock)
        case FcmCredential():
            return await _try_fcm(credential, urls, wire, clock)
        case _:
            return Taken()


async def _try_apns(
    credential: ApnsCredential | ApnsCertificate,
    urls: GatewayUrls,
    wire: Wire,
    clock: Callable[[], datetime],
) -> Finding:
    proof: ProviderToken | ClientCertificate
    if isinstance(credential, ApnsCredential):
        proof, topic = ProviderToken(credential, clock), credential.bundle_id
    else:
        proof, topic = ClientCertificate(credential), credential.topic
    headers = (
        *proof.headers(),
        *((("apns-topic", topic),) if topic else ()),
        ("apns-push-type", "alert"),
    )
    request = Request.to(
        f"{urls.apns_sandbox if credential.sandbox else urls.apns}/3/device/{NO_ADDRESS}",
        headers,
        b'{"aps":{}}',
        # A connection of its own: Apple binds a connection to the token that it saw first.
        pool=f"trial {uuid.uuid4()}",
        identity=proof.identity,
        seconds=SECONDS,
        http2_only=True,
    )
    try:
        return read_apns(await wire.post(request))
    except WireError:
        return Silent("NoAnswer")


def read_apns(answer: Answer) -> Finding:
    reason = read_reason(read_members(answer.body).get("reason"), answer.status)
    if answer.status == 200 or reason in ADDRESS_REASONS:
        return Taken()
    part = APNS_PARTS.get(reason)
    return Declined(part, reason) if part else Silent(reason)


async def _try_fcm(
    credential: FcmCredential, urls: GatewayUrls, wire: Wire, clock: Callable[[], datetime]
) -> Finding:
    account: dict[str, Any] = msgspec.json.decode(credential.service_account)
    tokens = OAuthTokens(account, wire, clock)
    try:
        granted = read_grant(await wire.post(tokens.ask(clock(), SECONDS)))
    except Forbidden:
        return Declined(Part.PROOF, "its token_uri leads where no request may go")
    except WireError:
        return Silent("NoAnswer")
    if not isinstance(granted, str):
        return granted
    try:
        return read_fcm(await wire.post(_rehearse(account["project_id"], urls.fcm, granted)))
    except WireError:
        return Silent("NoAnswer")


def _rehearse(project_id: str, url: str, token: str) -> Request:
    message = {"token": NO_ADDRESS, "data": {"alert": ""}}
    return Request.to(
        f"{url}/v1/projects/{quote(project_id, safe='')}/messages:send",
        (("authorization", f"Bearer {token}"), ("content-type", "application/json")),
        msgspec.json.encode({"validate_only": True, "message": message}),
        seconds=SECONDS,
    )


def read_grant(answer: Answer) -> str | Finding:
    """The access token, or what its absence tells."""
    body = read_members(answer.body)
    token = body.get("access_token")
    if answer.status == 200 and isinstance(token, str) and token.isascii() and token.isprintable():
        return token
    error = body.get("error")
    if 400 <= answer.status < 500 and isinstance(error, str) and error in OAUTH_REFUSALS:
        return Declined(Part.PROOF, error)
    return Silent(f"OAuth {answer.status}")


def read_fcm(answer: Answer) -> Finding:
    """FCM's own word is about the address or the message: then it knows us."""
    error = read_members(answer.body).get("error")
    details = error.get("details") if isinstance(error, dict) else None
    is_word_of_fcm = any(
        isinstance(detail, dict) and detail.get("@type") == FCM_ERROR
        for detail in (details if isinstance(details, list) else ())
    )
    word = read_reason(error.get("status") if isinstance(error, dict) else None, answer.status)
    match answer.status:
        case 200 | 400:
            return Taken()
        case 404:
            return Taken() if is_word_of_fcm else Silent(word)
        case 401 | 403:
            return Taken() if is_word_of_fcm else Declined(Part.PROOF, word)
        case _:
            return Silent(word)
