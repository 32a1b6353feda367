"""To whom does the token endpoint give an access token, and for how long?"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from services.sandbox.certificates import private_pem
from services.sandbox.exchange import Request, Response
from services.sandbox.gateways.contract import Refused
from services.sandbox.gateways.oauth import AccessTokens, OauthEndpoint
from tests.sandbox.senders import JWT_BEARER, assertion

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
KEY = rsa.generate_private_key(65537, 2048)
ACCOUNT = {
    "client_email": "carillon@acme.iam.gserviceaccount.com",
    "private_key_id": "k1",
    "private_key": private_pem(KEY).decode(),
    "token_uri": "https://localhost:8443/token",
}
TOKENS = AccessTokens(b"s" * 32)
ENDPOINT = OauthEndpoint(
    TOKENS,
    client_email=ACCOUNT["client_email"],
    private_key_id=ACCOUNT["private_key_id"],
    key=KEY.public_key(),
    token_uri=ACCOUNT["token_uri"],
)
FORM = "application/x-www-form-urlencoded"


def ask(
    grant_type: str = JWT_BEARER,
    *,
    content_type: str = FORM,
    method: str = "POST",
    authority: str = "localhost:8443",
    **fields: str,
) -> Request:
    body = urlencode({"grant_type": grant_type, **fields}).encode()
    return Request(method, "/token", authority, {"content-type": (content_type,)}, body)


def asked(**changes: Any) -> Request:
    return ask(assertion=assertion(ACCOUNT, NOON.timestamp(), **changes))


def answer(request: Request) -> Response:
    return ENDPOINT.accept(request, ENDPOINT.examine(request, NOON))


def test_a_good_assertion_gets_a_token_for_an_hour() -> None:
    given = json.loads(answer(asked()).body)

    assert (given["token_type"], given["expires_in"]) == ("Bearer", 3600)
    assert TOKENS.is_valid(given["access_token"], NOON + timedelta(minutes=59))
    assert not TOKENS.is_valid(given["access_token"], NOON + timedelta(hours=1))


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": "x https://www.googleapis.com/auth/cloud-platform"},
        # The endpoint is reached on another port than when the account was made.
        {"aud": "https://localhost:9443/token"},
        # Any account is as good as ours.
        {"iss": "mallory@acme.iam.gserviceaccount.com"},
    ],
)
def test_it_takes_what_means_the_same(changes: dict[str, str]) -> None:
    signed = assertion(ACCOUNT, NOON.timestamp(), **changes)

    assert answer(ask(assertion=signed, authority="localhost:9443")).status == 200


REFUSED = {
    "another grant type": (ask("password"), "unsupported_grant_type"),
    "no assertion": (ask(), "invalid_request"),
    "JSON": (ask(content_type="application/json"), "invalid_request"),
    "an assertion that is none": (ask(assertion="x.y.z"), "invalid_grant"),
    "an account that is none": (asked(iss="mallory"), "invalid_grant"),
    "another audience": (asked(aud="https://elsewhere.example/token"), "invalid_grant"),
    "no scope": (asked(scope=""), "invalid_scope"),
    "another scope": (asked(scope="https://www.googleapis.com/auth/drive"), "invalid_scope"),
    "a text as expiry": (asked(exp="soon"), "invalid_grant"),
    "an expired assertion": (asked(exp=int(NOON.timestamp())), "invalid_grant"),
    "more than an hour": (asked(exp=int(NOON.timestamp()) + 3601), "invalid_grant"),
    "an assertion from the future": (
        asked(iat=int(NOON.timestamp()) + 301, exp=int(NOON.timestamp()) + 3600),
        "invalid_grant",
    ),
    "another key": (
        ask(
            assertion=assertion(
                ACCOUNT
                | {"private_key": private_pem(rsa.generate_private_key(65537, 2048)).decode()},
                NOON.timestamp(),
            )
        ),
        "invalid_grant",
    ),
    "another key id": (
        ask(assertion=assertion(ACCOUNT | {"private_key_id": "k2"}, NOON.timestamp())),
        "invalid_grant",
    ),
    "another method": (ask(method="GET"), "method_not_allowed"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_it_refuses(case: tuple[Request, str]) -> None:
    request, reason = case
    with pytest.raises(Refused) as refused:
        ENDPOINT.examine(request, NOON)
    body = json.loads(ENDPOINT.refuse(request, refused.value).body)

    assert body["error"] == reason


def test_nobody_else_can_make_a_token() -> None:
    forged = AccessTokens(b"x" * 32).issue(NOON)
    _, expires, *rest = TOKENS.issue(NOON).split(".")
    prolonged = ".".join(["ya29", str(int(expires) + 9), *rest])

    assert not TOKENS.is_valid(forged, NOON)
    assert not TOKENS.is_valid(prolonged, NOON)
    assert not TOKENS.is_valid("", NOON)
