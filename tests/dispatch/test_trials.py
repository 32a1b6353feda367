"""When does a gateway's answer refuse a credential, when does it take it, and when neither?"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from services.dispatch.domain.credentials import (
    ApnsCertificate,
    ApnsCredential,
    FcmCredential,
    WebPushCredential,
)
from services.dispatch.gateways.pool import GatewayUrls
from services.dispatch.gateways.trials import (
    Declined,
    Finding,
    Part,
    Silent,
    Taken,
    read_apns,
    read_fcm,
    read_grant,
    try_credential,
)
from services.dispatch.wire import Answer, Forbidden, Unanswered, Unsent
from services.dispatch.wire.pooled import PooledWire
from services.kit.egress import EgressGuard
from services.registry.domain.certificates import read_pkcs12
from services.sandbox.app import running
from services.sandbox.settings import Settings
from tests.dispatch.answers import answer, bodies, fcm_error, google_error, statuses
from tests.dispatch.clocks import this_second
from tests.dispatch.scripted import Reply, ScriptedWire
from tests.registry import keys

URLS = GatewayUrls("https://apple.example", "https://sandbox.example", "https://fcm.example")
KEY = ApnsCredential(
    1, "KEY1234567", "TEAM123456", "com.acme.bank", sandbox=True, private_key=keys.p256()
)
ACCOUNT = FcmCredential(1, keys.service_account())
TOKEN = answer(200, {"access_token": "ya29.x", "expires_in": 3600})


async def tried(credential: Any, *replies: Reply) -> Finding:
    return await try_credential(credential, URLS, ScriptedWire(*replies), this_second)


@pytest.mark.parametrize(
    ("status", "reason", "found"),
    [
        (400, "BadDeviceToken", Taken()),
        (400, "DeviceTokenNotForTopic", Taken()),
        (410, "Unregistered", Taken()),
        (403, "InvalidProviderToken", Declined(Part.PROOF, "InvalidProviderToken")),
        (403, "BadCertificate", Declined(Part.PROOF, "BadCertificate")),
        (403, "Forbidden", Declined(Part.PROOF, "Forbidden")),
        (403, "BadCertificateEnvironment", Declined(Part.ENVIRONMENT, "BadCertificateEnvironment")),
        (
            403,
            "BadEnvironmentKeyIdInToken",
            Declined(Part.ENVIRONMENT, "BadEnvironmentKeyIdInToken"),
        ),
        (403, "BadEnvironmentKeyInToken", Declined(Part.ENVIRONMENT, "BadEnvironmentKeyInToken")),
        (400, "TopicDisallowed", Declined(Part.TOPIC, "TopicDisallowed")),
        (400, "BadTopic", Declined(Part.TOPIC, "BadTopic")),
        (400, "MissingTopic", Declined(Part.TOPIC, "MissingTopic")),
        # It did not look at the certificate, as it does with those that nobody has signed.
        (403, "MissingProviderToken", Silent("MissingProviderToken")),
        (403, "ExpiredProviderToken", Silent("ExpiredProviderToken")),
        (429, "TooManyProviderTokenUpdates", Silent("TooManyProviderTokenUpdates")),
        (500, "InternalServerError", Silent("InternalServerError")),
        (503, "Shutdown", Silent("Shutdown")),
        (418, "SomethingNew", Silent("SomethingNew")),
    ],
)
def test_apple_speaks_of_us_before_it_speaks_of_the_address(
    status: int, reason: str, found: Finding
) -> None:
    assert read_apns(answer(status, {"reason": reason})) == found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (answer(200, {"name": "projects/acme/messages/fake"}), Taken()),
        (fcm_error(400, "INVALID_ARGUMENT"), Taken()),
        (fcm_error(404, "UNREGISTERED"), Taken()),
        (fcm_error(403, "SENDER_ID_MISMATCH"), Taken()),
        (fcm_error(401, "THIRD_PARTY_AUTH_ERROR"), Taken()),
        (google_error(401, "UNAUTHENTICATED"), Declined(Part.PROOF, "UNAUTHENTICATED")),
        (google_error(403, "PERMISSION_DENIED"), Declined(Part.PROOF, "PERMISSION_DENIED")),
        (google_error(404, "NOT_FOUND"), Silent("NOT_FOUND")),
        (google_error(429, "RESOURCE_EXHAUSTED"), Silent("RESOURCE_EXHAUSTED")),
        (google_error(503, "UNAVAILABLE"), Silent("UNAVAILABLE")),
    ],
)
def test_google_refuses_at_its_front_door(said: Answer, found: Finding) -> None:
    assert read_fcm(said) == found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (TOKEN, "ya29.x"),
        (answer(400, {"error": "invalid_grant"}), Declined(Part.PROOF, "invalid_grant")),
        (answer(401, {"error": "invalid_client"}), Declined(Part.PROOF, "invalid_client")),
        (
            answer(403, {"error": "unauthorized_client"}),
            Declined(Part.PROOF, "unauthorized_client"),
        ),
        (answer(400, {"error": "invalid_request"}), Silent("OAuth 400")),
        (answer(429, {"error": "rate_limit_exceeded"}), Silent("OAuth 429")),
        (answer(503), Silent("OAuth 503")),
        (answer(200, {"access_token": 7}), Silent("OAuth 200")),
        (answer(200, {"access_token": "a\nb"}), Silent("OAuth 200")),
        (answer(404, {"error": ["invalid_grant"]}), Silent("OAuth 404")),
    ],
)
def test_a_token_endpoint_refuses_by_the_words_of_its_standard(
    said: Answer, found: str | Finding
) -> None:
    assert read_grant(said) == found


@given(statuses, bodies)
def test_whatever_is_answered_becomes_a_finding(status: int, body: bytes) -> None:
    said = Answer(status, {}, body)

    assert isinstance(read_apns(said), Finding)
    assert isinstance(read_fcm(said), Finding)
    assert isinstance(read_grant(said), Finding | str)


async def test_a_gateway_that_is_silent_refuses_nothing() -> None:
    for silence in (Unsent("x"), Unanswered("x")):
        assert await tried(KEY, silence) == Silent("NoAnswer")
        assert await tried(ACCOUNT, silence) == Silent("NoAnswer")
        assert await tried(ACCOUNT, TOKEN, silence) == Silent("NoAnswer")


async def test_a_token_uri_within_the_house_is_refused() -> None:
    found = await tried(ACCOUNT, Forbidden("x"))

    assert isinstance(found, Declined)
    assert "token_uri" in found.reason


async def test_for_our_own_key_pair_nobody_is_asked() -> None:
    assert await tried(WebPushCredential(1, b"k" * 32), Forbidden("x")) == Taken()


async def test_apple_is_asked_in_the_credentials_environment_on_a_connection_of_its_own() -> None:
    wire = ScriptedWire(answer(400, {"reason": "BadDeviceToken"}))
    for _ in range(2):
        await try_credential(KEY, URLS, wire, this_second)

    first, second = wire.asked
    assert first.url.startswith("https://sandbox.example/3/device/")
    assert first.template.pool != second.template.pool


async def test_the_sandbox_takes_what_is_well_formed(tmp_path: Path) -> None:
    settings = Settings(
        sandbox_listen="127.0.0.1:0", sandbox_gateway_listen="127.0.0.1:0", sandbox_state=tmp_path
    )
    async with running(settings) as sandbox:
        urls = GatewayUrls(sandbox.gateway_url, sandbox.gateway_url, sandbox.gateway_url)
        wire = PooledWire(EgressGuard.allowing(["localhost"]), sandbox.ca_file)
        now = this_second()
        website = read_pkcs12(
            keys.p12(keys.certificate("web.com.acme", begins=now, ends=now.replace(year=2100))),
            "secret",
            now,
        )
        account = keys.service_account(token_uri=f"{sandbox.gateway_url}/token")
        ours = json.dumps(sandbox.credentials["fcm"]["serviceAccount"])
        impostor = json.dumps({**json.loads(ours), "private_key": keys.rsa_key()})
        found = [
            await try_credential(credential, urls, wire, this_second)
            for credential in (
                KEY,
                ApnsCertificate(1, "web.com.acme", False, website.chain, website.private_key),
                FcmCredential(1, account),
                FcmCredential(1, ours),
                FcmCredential(1, impostor),
            )
        ]
        await wire.close()

    assert found == [Taken(), Taken(), Taken(), Taken(), Declined(Part.PROOF, "invalid_grant")]
